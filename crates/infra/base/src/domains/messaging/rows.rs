//! The rows of chats and messages.

use clowder_core::{Card, ChatId, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{Message, MessageType, Status, read::LowestReadMarks};
use diesel::prelude::*;

use super::schema::{chats, message_client_ids, messages};

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chats)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct LowestReadMarksRow {
    pub lowest_reader_id: Option<UserId>,
    pub lowest_read_seq: Option<i64>,
    pub second_lowest_read_seq: Option<i64>,
}

impl From<LowestReadMarksRow> for LowestReadMarks {
    fn from(row: LowestReadMarksRow) -> Self {
        Self { user: row.lowest_reader_id, seq: row.lowest_read_seq, next: row.second_lowest_read_seq }
    }
}

impl From<LowestReadMarks> for LowestReadMarksRow {
    fn from(lowest_marks: LowestReadMarks) -> Self {
        Self {
            lowest_reader_id: lowest_marks.user,
            lowest_read_seq: lowest_marks.seq,
            second_lowest_read_seq: lowest_marks.next,
        }
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct MessageRow {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub kind: String,
    pub sender_id: UserId,
    pub content: Option<String>,
    pub client_id: Option<String>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub version: i64,
}

impl MessageRow {
    pub fn message(self, sender: Card, status: Status) -> Result<Message> {
        Ok(Message {
            id: self.id,
            chat_id: self.chat_id,
            seq: self.seq,
            kind: MessageType::parse_word(&self.kind)?,
            sender,
            content: self.content,
            status,
            client_id: self.client_id,
            created_at: self.created_at,
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            version: self.version,
            hidden: false,
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = messages)]
#[diesel(treat_none_as_default_value = false)]
pub struct NewMessageRow<'m> {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub kind: &'static str,
    pub sender_id: UserId,
    pub content: Option<&'m str>,
    pub client_id: Option<&'m str>,
    pub created_at: Timestamp,
    pub version: i64,
}

impl<'m> NewMessageRow<'m> {
    pub fn new(message: &'m Message) -> Self {
        Self {
            id: message.id,
            chat_id: message.chat_id,
            seq: message.seq,
            kind: message.kind.as_str(),
            sender_id: message.sender.id,
            content: message.content.as_deref(),
            client_id: message.client_id.as_deref(),
            created_at: message.created_at,
            version: message.version,
        }
    }
}

/// The message for which a client id was used. Written and deleted with the message.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_client_ids)]
pub struct ClientIdRow {
    pub sender_id: UserId,
    pub client_id: String,
    pub message_id: MessageId,
    pub fingerprint: Vec<u8>,
}

/// The end of a locked chat.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = chats)]
pub struct LockedChatRow {
    pub id: ChatId,
    pub last_seq: i64,
    /// When its last message was sent, or the chat created.
    pub active_at: Timestamp,
    /// Whether nobody can write in it any more.
    pub closed: bool,
}
