//! What a batch of sends reads and writes besides messages.

use clowder_core::{ChatId, Id, Timestamp};
use diesel::prelude::*;

use crate::schema::{answers, chats};

/// How far a chat has come that is locked.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = chats)]
pub struct LockedChatRow {
    pub id: ChatId,
    pub last_seq: i64,
    /// When its last message was sent, or it was created.
    pub active_at: Timestamp,
}

/// The stored answer of a call with an `Idempotency-Key`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = answers)]
pub struct AnswerRow {
    pub id: Id<()>,
    pub fingerprint: Vec<u8>,
    pub answer: Vec<u8>,
    pub created_at: Timestamp,
}
