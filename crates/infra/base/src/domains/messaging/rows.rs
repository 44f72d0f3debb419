//! The rows of chats and messages.

use clowder_core::{Card, ChatId, GroupId, Id, MessageId, Result, Timestamp, UserId, Word, link::LinkFacts};
use clowder_messaging::{
    ChatFace, ChatPreferences, ChatRole, ChatType, ChatVisibility, History, Message, MessageType, Notify, Rights,
    Status,
    invitations::{Link, LinkId},
    lifetimes::Lifetime,
    read::LowestReadMarks,
};
use diesel::prelude::*;

use super::schema::{chat_guests, chat_links, chat_notes, chats, message_client_ids, messages, participants};
use crate::seal::Sealed;

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
    pub data: Option<String>,
    pub lifetime: Option<i64>,
    pub expires_at: Option<Timestamp>,
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
            lifetime: self.lifetime.map(Lifetime::from_number),
            expires_at: self.expires_at,
            system: self.data.as_deref().map(serde_json::from_str).transpose()?,
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
    pub data: Option<String>,
    pub lifetime: Option<i64>,
    pub expires_at: Option<Timestamp>,
}

impl<'m> NewMessageRow<'m> {
    pub fn new(message: &'m Message) -> Result<Self> {
        Ok(Self {
            id: message.id,
            chat_id: message.chat_id,
            seq: message.seq,
            kind: message.kind.as_str(),
            sender_id: message.sender.id,
            content: message.content.as_deref(),
            client_id: message.client_id.as_deref(),
            created_at: message.created_at,
            version: message.version,
            data: message.system.as_ref().map(serde_json::to_string).transpose()?,
            lifetime: message.lifetime.map(Lifetime::to_number),
            expires_at: message.expires_at,
        })
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
    /// What it allows its members, as bits.
    pub rights: i64,
    /// How long messages stay in it.
    pub lifetime: Option<i64>,
    pub participant_count: i64,
    /// Whether it is being deleted, and so unknown to everybody.
    #[diesel(select_expression = chats::deleted_at.is_not_null())]
    #[diesel(select_expression_type = diesel::dsl::IsNotNull<chats::deleted_at>)]
    pub deleted: bool,
}

/// What all participants see of a chat alike.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = chats)]
pub struct FaceRow {
    pub id: ChatId,
    pub kind: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub visibility: String,
    pub history: String,
    pub rights: i64,
    pub lifetime: Option<i64>,
    pub group_id: Option<GroupId>,
    pub closed: bool,
    pub participant_count: i64,
    pub last_seq: i64,
    pub version: i64,
}

impl FaceRow {
    pub fn face(self) -> Result<ChatFace> {
        Ok(ChatFace {
            id: self.id,
            kind: ChatType::parse_word(&self.kind)?,
            title: self.title,
            description: self.description,
            visibility: ChatVisibility::parse_word(&self.visibility)?,
            history: History::parse_word(&self.history)?,
            rights: Rights::from_bits(self.rights),
            lifetime: self.lifetime.map(Lifetime::from_number),
            closed: self.closed,
            participant_count: self.participant_count,
            version: self.version,
        })
    }
}

/// What a participant has chosen for themselves, except texts.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = participants)]
pub struct ChoiceRow {
    pub archived: bool,
    pub pinned: bool,
    pub muted_until: Option<Timestamp>,
    pub notify: String,
}

impl ChoiceRow {
    pub fn preferences(self) -> Result<ChatPreferences> {
        Ok(ChatPreferences {
            archived: self.archived,
            pinned: self.pinned,
            muted_until: self.muted_until,
            notify: Notify::parse_word(&self.notify)?,
            ..ChatPreferences::default()
        })
    }
}

/// Somebody who is not in a chat, but on the way into it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = chat_guests)]
pub struct GuestRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub status: String,
    pub role: String,
    pub invited_by: Option<UserId>,
    pub since: Timestamp,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_links)]
#[diesel(treat_none_as_default_value = false)]
pub struct ChatLinkRow {
    pub id: LinkId,
    pub chat_id: ChatId,
    pub code_hash: Vec<u8>,
    pub created_by: UserId,
    pub role: String,
    pub approval: bool,
    pub max_uses: Option<i32>,
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ChatLinkRow {
    pub fn facts(&self) -> LinkFacts {
        LinkFacts {
            revoked: self.revoked_at.is_some(),
            expires_at: self.expires_at,
            max_uses: self.max_uses,
            uses: self.uses,
        }
    }

    pub fn link(self) -> Result<Link> {
        Ok(Link {
            id: self.id,
            chat_id: self.chat_id,
            created_by: self.created_by,
            role: ChatRole::parse_word(&self.role)?,
            approval: self.approval,
            max_uses: self.max_uses,
            uses: self.uses,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

/// What somebody writes for themselves about a chat.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_notes)]
#[diesel(treat_none_as_default_value = false)]
pub struct ChatNoteRow {
    pub id: Id<()>,
    pub user_id: UserId,
    pub chat_id: ChatId,
    pub title: Option<Sealed>,
    pub draft: Option<Sealed>,
    pub drafted_at: Option<Timestamp>,
}
