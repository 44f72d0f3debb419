//! The row of a stored answer.

use clowder_core::{Id, Timestamp};
use diesel::prelude::*;

use super::schema::answers;

/// The stored answer of a call with an `Idempotency-Key`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = answers)]
pub struct AnswerRow {
    pub id: Id<()>,
    pub fingerprint: Vec<u8>,
    pub answer: Vec<u8>,
    pub created_at: Timestamp,
}
