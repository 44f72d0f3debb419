//! The statements of the hottest path. On PostgreSQL a statement costs a round trip: one for all rows, by `unnest`,
//! locking in the order of the key so that two batches never wait for each other.

pub mod idempotency;
pub mod journal;
pub mod messaging;
pub mod readers;
pub mod webhooks;

use clowder_core::Result;
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt},
};

use super::dialect::Conn;
use crate::statement::statement;

/// Claims these until the end of the transaction, and returns those that another transaction has claimed.
pub fn try_claims(conn: &mut Conn, wanted: Vec<i64>) -> Result<Vec<i64>> {
    let claimed = statement::<(BigInt,), Pg>(
        "SELECT w.claim FROM unnest(?) AS w(claim) WHERE NOT pg_try_advisory_xact_lock(w.claim)",
    )
    .bind::<Array<BigInt>, _>(wanted)
    .load::<(i64,)>(conn)?;
    Ok(claimed.into_iter().map(|(claim,)| claim).collect())
}
