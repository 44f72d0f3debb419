//! Hands what is new to the other channels, in the transaction that made it.

use clowder_core::{Ctx, Result};

use super::{
    super::{db::Tx, notices, push},
    told::Told,
};

/// Each channel stores what it has to do; jobs of its own do it.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, told: &[Told]) -> Result<()> {
    push::tell(tx, ctx, told)?;
    notices::tell(tx, ctx, told)?;
    metrics::counter!("clowder_notifications_told_total").increment(told.len() as u64);
    Ok(())
}
