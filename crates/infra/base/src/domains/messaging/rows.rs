//! The rows of chats and messages.

use clowder_core::{Card, ChatId, Id, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    ChatPreferences, LinkPreview, Message, MessageType, Notify, Reacted, Status,
    invitations::LinkId,
    lifetimes::Lifetime,
    mentions::Marked,
    polls::Ballot,
    read::LowestReadMarks,
    relations::{ForwardedFrom, ReplyTo, Thread},
};
use diesel::prelude::*;
use serde::de::DeserializeOwned;

use super::super::accounts::CardRow;
use super::schema::{chat_guests, chat_notes, chats, message_client_ids, message_reactions, messages, participants};
use crate::seal::Sealed;

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chats)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct LowestReadMarksRow {
    pub lowest_reader_id: Option<UserId>,
    pub lowest_read_seq: Option<i64>,
    pub second_lowest_read_seq: Option<i64>,
}

/// Whether the time of messages in one of the `chats` may begin when its lowest marks move.
pub const HAS_WAITING: &str = "EXISTS (SELECT 1 FROM messages m WHERE m.chat_id = chats.id AND m.lifetime < 0 \
     AND (m.expires_at IS NULL OR m.timer_waits) AND m.deleted_at IS NULL)";

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
    pub reaction_kinds: i64,
    pub pinned: bool,
    pub reply_id: Option<MessageId>,
    pub reply_seq: Option<i64>,
    pub thread_id: Option<MessageId>,
    pub forwarded_id: Option<MessageId>,
    pub forwarded_public: bool,
    pub replies: Option<i64>,
    pub last_reply_at: Option<Timestamp>,
    /// How many files it has.
    pub attached: i64,
}

impl MessageRow {
    /// As it is in events: what it says of others is only which they are.
    pub fn message(self, sender: Card, status: Status, reactions: Vec<Reacted>) -> Result<Message> {
        let is_there = self.deleted_at.is_none();
        let quoted = self.reply_id.zip(self.reply_seq).filter(|_| is_there);
        let thread = self.replies.zip(self.last_reply_at);
        let forwarded = is_there && self.forwarded_id.is_some();
        let kind = MessageType::of_stored(&self.kind);
        let previews = if is_there { self.previews()? } else { Vec::new() };
        let (note, ballot) = (self.data_for(MessageType::System)?, self.data_for::<Ballot>(MessageType::Poll)?);
        Ok(Message {
            attachments: Vec::new(),
            id: self.id,
            chat_id: self.chat_id,
            seq: self.seq,
            kind,
            sender,
            content: self.content,
            status,
            client_id: self.client_id,
            reactions,
            entities: Vec::new(),
            mentions: Vec::new(),
            previews,
            reply_to: quoted.map(|(id, seq)| Box::new(ReplyTo::bare(id, seq))),
            thread_of: self.thread_id,
            thread: thread.map(|(count, last_reply_at)| Thread { count, last_reply_at, following: false }),
            forwarded_from: forwarded.then(|| Box::new(ForwardedFrom::UNKNOWN)),
            created_at: self.created_at,
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            version: self.version,
            hidden: false,
            muted: false,
            pinned: self.pinned,
            lifetime: self.lifetime.map(Lifetime::from_number),
            expires_at: self.expires_at,
            system: note,
            poll: ballot.map(|ballot| Box::new(ballot.into())),
        })
    }

    /// What is stored beside the text of a message of this type; nothing of the others.
    fn data_for<T: DeserializeOwned>(&self, kind: MessageType) -> Result<Option<T>> {
        if self.kind == kind.as_str() { self.data_as() } else { Ok(None) }
    }

    fn data_as<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        Ok(self.data.as_deref().map(serde_json::from_str).transpose()?)
    }

    /// What is marked in its text.
    pub fn marked(&self) -> Result<Option<Marked>> {
        if is_marked(&self.kind) { self.data_as() } else { Ok(None) }
    }

    /// What pages say of themselves to which its text links.
    fn previews(&self) -> Result<Vec<LinkPreview>> {
        // Most have none, and then what is stored need not be read once more.
        let (Some(text), Some(data)) = (self.content.as_deref(), self.data.as_deref()) else { return Ok(Vec::new()) };
        if !data.contains(r#""previews""#) {
            return Ok(Vec::new());
        }
        Ok(self.marked()?.map_or_else(Vec::new, |marked| marked.previews(text)))
    }

    /// All that is said in it, line by line.
    pub fn said(&self) -> Result<Option<String>> {
        said(&self.kind, self.content.clone(), self.data.as_deref())
    }
}

/// Whether what is stored beside the text of a message of this type is what is marked in it. What it is in a type that only
/// a newer version knows, nobody can tell.
pub fn is_marked(kind: &str) -> bool {
    MessageType::find(kind).is_some_and(MessageType::is_text)
}

/// All that is said in a message of this type, line by line.
pub fn said(kind: &str, content: Option<String>, data: Option<&str>) -> Result<Option<String>> {
    let (Some(content), Some(data)) = (&content, data.filter(|_| kind == MessageType::Poll.as_str())) else {
        return Ok(content);
    };
    let ballot: Ballot = serde_json::from_str(data)?;
    let lines: Vec<_> = std::iter::once(content.clone()).chain(ballot.options).collect();
    Ok(Some(lines.join("\n")))
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
    pub reply_id: Option<MessageId>,
    pub reply_seq: Option<i64>,
    pub thread_id: Option<MessageId>,
    pub forwarded_id: Option<MessageId>,
    pub forwarded_public: bool,
    pub attached: i64,
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
            data: data_of(message)?,
            lifetime: message.lifetime.map(Lifetime::to_number),
            expires_at: message.expires_at,
            reply_id: message.reply_to.as_ref().map(|quoted| quoted.id),
            reply_seq: message.reply_to.as_ref().map(|quoted| quoted.seq),
            thread_id: message.thread_of,
            forwarded_id: None,
            forwarded_public: false,
            attached: message.attachments.len() as i64,
        })
    }
}

/// What is stored beside its text: of a message of the system what happened, of a poll what is asked, of others what is
/// marked in the text.
pub fn data_of(message: &Message) -> Result<Option<String>> {
    let data = match (&message.system, message.poll.as_deref()) {
        (Some(note), _) => Some(serde_json::to_string(note)),
        (None, Some(poll)) => Some(serde_json::to_string(&Ballot::from(poll))),
        (None, None) => {
            let text = message.content.as_deref().unwrap_or_default();
            let marked = Marked::of(&message.entities, &message.mentions);
            marked.map(|marked| serde_json::to_string(&marked.showing(text, &message.previews)))
        }
    };
    Ok(data.transpose()?)
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
#[derive(Debug, Clone, Copy, Queryable)]
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
    pub deleted: bool,
    /// How many seconds members wait between two messages.
    pub slow_seconds: i64,
    /// The versions of its word filter, 0 if it has none, and of that of the server.
    pub filter_version: i64,
    pub server_filter: i64,
}

/// Somebody in a chat who sends.
#[derive(Debug, Clone, Queryable)]
pub struct SeatRow {
    pub chat_id: ChatId,
    pub role: String,
    /// Until when they are muted.
    pub silent_until: Option<Timestamp>,
    /// When they last wrote there.
    pub spoke_at: Option<Timestamp>,
    pub card: CardRow,
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
    /// The link by which they asked.
    pub link_id: Option<LinkId>,
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

/// A reaction of somebody to a message.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_reactions)]
pub struct ReactionRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub emoji: String,
    pub user_id: UserId,
    pub reacted_at: Timestamp,
}

/// How many people have reacted to a message with an emoji, and whether the viewer is one of them.
#[derive(Debug, Clone, Queryable)]
pub struct ReactedRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub emoji: String,
    pub people: i64,
    pub since: Timestamp,
    pub mine: bool,
}

/// What a reaction depends on.
#[derive(Debug, Clone, Queryable)]
pub struct ReactFactsRow {
    /// The place of the reaction among those asked for.
    pub index: i64,
    pub deleted: bool,
    /// When the message disappears.
    pub expires_at: Option<Timestamp>,
    pub kinds: i64,
    pub people: i64,
    pub since: Option<Timestamp>,
    pub reacted: bool,
    /// After which message whoever reacts sees the chat, whatever they have cleared since; nothing if they are not in it, or
    /// erased.
    pub from: Option<i64>,
}

/// What a batch of reactions changes.
#[derive(Debug, Default)]
pub struct ReactionChanges {
    pub added: Vec<ReactionRow>,
    pub removed: Vec<(ChatId, i64, String, UserId)>,
    /// How many people, and since when, of each emoji of a message that changes.
    pub counts: Vec<(ChatId, i64, String, i64, Timestamp)>,
    /// How many emoji each message has on which this changes.
    pub kinds: Vec<(ChatId, i64, i64)>,
}

/// How far the marks of a participant are.
#[derive(Debug, Clone, Copy, Queryable)]
pub struct MarksRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub read_seq: i64,
    /// What others see of the read mark.
    pub shown_read_seq: i64,
    pub delivered_seq: i64,
}

/// A move of marks.
#[derive(Debug, Clone, Copy)]
pub struct MarkMove {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub read_seq: i64,
    pub shown_read_seq: i64,
    /// Never moves that of what has arrived back.
    pub delivered_seq: i64,
    /// How many of the messages that the read mark passes are the reader's own.
    pub own: i64,
}

/// Somebody whose messages a mark passes.
#[derive(Debug, Queryable)]
pub struct SenderRow {
    /// The place of the mark.
    pub index: i64,
    pub user_id: UserId,
    pub kind: String,
    pub role: String,
    /// Whether they hide read marks.
    pub discreet: bool,
    /// Whether one of them and the owner of the mark has blocked the other.
    pub apart: bool,
}

/// When a mark moved, and how far.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub read: bool,
    pub seq: i64,
    pub at: Timestamp,
}

/// What the times of marks become when marks move.
#[derive(Debug, Default)]
pub struct ReceiptChanges {
    pub added: Vec<ReceiptRow>,
    /// Whose times of which chat go, before which message.
    pub old: Vec<(ChatId, UserId, i64)>,
}

/// What is kept of the marks of a chat, and what decides who is told of them.
#[derive(Debug, Clone, Copy, Queryable)]
pub struct ChatMarksRow {
    pub id: ChatId,
    pub participant_count: i64,
    pub closed: bool,
    pub lowest_reader_id: Option<UserId>,
    pub lowest_read_seq: Option<i64>,
    pub second_lowest_read_seq: Option<i64>,
    /// Whether marks are told only to those whose messages they pass: somebody in it hides read marks, which is not determined
    /// for large chats, or it is a channel, in which nobody learns of the others.
    pub discreet: bool,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_message_of_a_type_that_only_a_newer_version_knows_is_a_text() {
        let (at, id) = (Timestamp::from_micros(0), Uuid::nil());
        let row = MessageRow {
            id: Id::from_uuid(id),
            chat_id: Id::from_uuid(id),
            seq: 1,
            kind: "hologram".to_owned(),
            sender_id: Id::from_uuid(id),
            content: Some("Look!".to_owned()),
            client_id: None,
            created_at: at,
            edited_at: None,
            deleted_at: None,
            version: 1,
            data: Some(r#"{"corners": 8}"#.to_owned()),
            lifetime: None,
            expires_at: None,
            reaction_kinds: 0,
            pinned: false,
            reply_id: None,
            reply_seq: None,
            thread_id: None,
            forwarded_id: None,
            forwarded_public: false,
            replies: None,
            last_reply_at: None,
            attached: 0,
        };
        assert!(row.marked().unwrap().is_none());
        assert_eq!(row.said().unwrap().as_deref(), Some("Look!"));
        let card = Card::new(row.sender_id, "ada".to_owned(), "Ada".to_owned());
        let shown = row.message(card, Status::Sent, Vec::new()).unwrap();
        assert_eq!((shown.kind, shown.content.as_deref()), (MessageType::Text, Some("Look!")));
        assert!(shown.poll.is_none() && shown.system.is_none());
        assert!(is_marked("image") && !is_marked("poll") && !is_marked("hologram"));
    }
}
