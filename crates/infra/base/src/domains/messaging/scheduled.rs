//! The row of a message that is sent later.

use clowder_core::{ChatId, MessageId, Timestamp, UserId};
use clowder_messaging::scheduled::ScheduledId;
use diesel::prelude::*;

use super::schema::scheduled_messages;
use crate::seal::Sealed;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = scheduled_messages)]
#[diesel(treat_none_as_default_value = false)]
pub struct ScheduledRow {
    pub id: ScheduledId,
    pub user_id: UserId,
    pub chat_id: ChatId,
    pub status: String,
    pub send_at: Timestamp,
    /// What it says, and when again; without its text when it is sent or cancelled.
    pub plan: Sealed,
    pub client_key: Option<Vec<u8>>,
    pub fingerprint: Vec<u8>,
    pub message_id: Option<MessageId>,
    pub problem: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub version: i64,
}
