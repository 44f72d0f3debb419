//! Invitations to make an account.

use clowder_accounts::{model::MailedToken, sign_up::Invitation};
use clowder_core::{Ctx, Result};
use diesel::prelude::*;

use super::db::Tx;
use crate::{keys::sha256, schema::invites as table};

/// Uses an invitation, if there is one to use. A refused registration undoes that with the rest of it.
pub fn take(tx: &mut Tx<'_>, ctx: &Ctx, code: Option<&MailedToken>) -> Result<Invitation> {
    let Some(code) = code else { return Ok(Invitation::None) };
    let good = table::table
        .filter(table::code_hash.eq(sha256(code.expose().as_bytes()).to_vec()))
        .filter(table::revoked_at.is_null())
        .filter(table::expires_at.is_null().or(table::expires_at.gt(ctx.now)))
        .filter(table::max_uses.is_null().or(table::max_uses.gt(table::uses.nullable())));
    let used = diesel::update(good).set(table::uses.eq(table::uses + 1)).execute(tx.conn)?;
    Ok(if used == 1 { Invitation::Good } else { Invitation::Gone })
}
