//! Changes in chats.

mod moderation;

pub use clowder_core::attempt::{Decided, Unwanted};
use clowder_core::{ChatId, Follow, MessageId, Timestamp, Topic, TopicKind, UserId, follow::Step};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

pub use self::moderation::{Braked, ReviewWaiting, Sanctioned};
use crate::{
    Chat, ChatFace, ChatPreferences, ChatType, Message, Notify, Participant, TypingKind, attachments,
    keeping::{Cleared, Pinned, PinsOrdered, Removed, SavedChanged, Unpinned},
    polls::{Closed, Voted},
    relations::ThreadState,
    scheduled::{Problem, Scheduled, ScheduledId, ScheduledStatus},
};

#[derive(Debug, Clone)]
pub enum Change {
    /// Sent to each participant in person, because each sees a chat of their own; also says after which message they see it.
    ChatCreated(UserId, Box<Chat>, i64),
    ChatUpdated(Box<ChatFace>),
    /// Sent to whoever chose.
    PreferencesChanged(UserId, PreferencesChanged),
    MessageSent(Box<Message>),
    MessageUpdated(Box<Message>),
    MessageDeleted(Deleted),
    Pinned(Pinned),
    Unpinned(Unpinned),
    PinsOrdered(PinsOrdered, i64),
    /// This and the next three: sent to whoever did it, on all devices.
    MessageSaved(UserId, SavedChanged),
    MessageUnsaved(UserId, SavedChanged),
    MessagesRemoved(UserId, Removed),
    ChatCleared(UserId, Cleared),
    /// The time of a message that disappears has begun, because all others have read it.
    MessageExpiring(Expiring),
    /// A file of a message is deleted.
    AttachmentRemoved(attachments::Removed),
    /// Sent to whoever has scheduled it.
    MessageScheduled(UserId, ScheduledChanged),
    MessageRead(Read, Audience),
    /// Sent to whoever follows a thread, or has read it.
    ThreadUpdated(UserId, ThreadState),
    /// Sent to whoever wrote messages that were delivered.
    MessageDelivered(Delivered, UserId),
    ReactionAdded(Reaction, Audience),
    ReactionRemoved(Reaction, Audience),
    PollVoted(Voted, Audience),
    PollClosed(Closed),
    ParticipantAdded(Told, ParticipantChanged),
    ParticipantUpdated(Told, ParticipantChanged),
    /// Ends that somebody follows the chat.
    ParticipantRemoved(Told, ParticipantRemoved),
    /// Sent to whoever is invited, and to each of those who decide if that answers a request.
    Invited(UserId, Invited),
    /// Sent to whoever was invited, and to each of those who decide.
    Uninvited(UserId, Uninvited),
    /// Sent to one of those who decide.
    Requested(UserId, Requested),
    /// Sent to whoever asked, and to each of those who decide.
    Decided(UserId, Decision),
    /// Sent to whoever it is about.
    Sanctioned(Sanctioned),
    /// Sent to one of those who run the chat.
    Braked(UserId, Braked),
    /// Sent to one of those who decide about it.
    ReviewWaiting(UserId, ReviewWaiting),
    /// Sent to each participant in person, when it is their turn.
    ChatDeleted(UserId, ChatDeleted),
}

/// Who receives a read mark, a reaction or a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the chat.
    Chat,
    /// Whoever reads, reacts or votes, on all devices.
    Own,
    /// Somebody who wrote messages that were read, where others must not be told.
    Sender(UserId),
}

/// Who receives what happened to a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Everybody in the chat.
    Chat,
    /// The participant: the chat is large, or tells the others in another way.
    Participant,
    /// A copy for one of those who run a chat in which the others are not told.
    Staff(UserId),
}

/// What everybody in a chat follows.
pub const CHAT: TopicKind = TopicKind::new("chat");

pub const CHAT_CREATED: &str = "chat.created";
pub const CHAT_UPDATED: &str = "chat.updated";
pub const MESSAGE_SENT: &str = "message.sent";
pub const MESSAGE_UPDATED: &str = "message.updated";
pub const MESSAGE_DELETED: &str = "message.deleted";

/// Changes whose payload contains the message's text: a deletion has to rewrite them.
pub const SHOW_THE_MESSAGE: &[&str] = &[MESSAGE_SENT, MESSAGE_UPDATED];

/// The payload of `message.deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Deleted {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    /// That of the message, which the deletion has raised.
    pub version: i64,
    pub deleted_by: UserId,
    pub deleted_at: Timestamp,
}

/// The payload of `message.expiring`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageExpiring)]
pub struct Expiring {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    pub expires_at: Timestamp,
}

/// The payload of `message.scheduled`. It does not contain the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ScheduledMessageChanged)]
pub struct ScheduledChanged {
    pub id: ScheduledId,
    pub chat_id: ChatId,
    pub status: ScheduledStatus,
    pub send_at: Timestamp,
    /// The message that was sent; of a repeated one, the last.
    pub message_id: Option<MessageId>,
    /// Why it was refused.
    pub problem: Option<Problem>,
    pub version: i64,
}

impl From<&Scheduled> for ScheduledChanged {
    fn from(scheduled: &Scheduled) -> Self {
        let Scheduled { id, chat_id, status, send_at, message_id, version, .. } = *scheduled;
        Self { id, chat_id, status, send_at, message_id, problem: scheduled.problem.clone(), version }
    }
}

/// The payload of `participant.added` and `participant.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParticipantChanged {
    pub chat_id: ChatId,
    pub participant: Participant,
}

/// The payload of `chat.preferences`. Of the texts it says only whether there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatPreferencesChanged)]
pub struct PreferencesChanged {
    pub chat_id: ChatId,
    pub archived: bool,
    pub pinned: bool,
    pub muted_until: Option<Timestamp>,
    pub notify: Notify,
    pub has_title: bool,
    /// When the draft was written; `null` if there is none.
    pub drafted_at: Option<Timestamp>,
}

impl PreferencesChanged {
    pub fn of(chat_id: ChatId, preferences: &ChatPreferences) -> Self {
        Self {
            chat_id,
            archived: preferences.archived,
            pinned: preferences.pinned,
            muted_until: preferences.muted_until,
            notify: preferences.notify,
            has_title: preferences.title.is_some(),
            drafted_at: preferences.drafted_at,
        }
    }
}

/// The payload of `message.read`: somebody has read a chat up to here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Read {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub seq: i64,
    pub at: Timestamp,
}

/// The payload of `message.delivered`: messages up to this one were delivered to a device of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivered {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub seq: i64,
    pub at: Timestamp,
    /// Whether this is kept at all: not in large and in closed chats.
    #[serde(skip)]
    pub kept: bool,
}

/// The payload of `reaction.added` and `reaction.removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reaction {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    #[schema(minimum = 1)]
    pub seq: i64,
    /// Who reacted; `null` for all except themselves in channels, where subscribers learn nothing of each other.
    pub user_id: Option<UserId>,
    #[schema(example = "👍")]
    pub emoji: String,
    /// How many people have reacted to the message with this emoji now.
    #[schema(minimum = 0)]
    pub count: i64,
}

/// The payload of `participant.removed`: somebody has left, or was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParticipantRemoved {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The participant, if they left.
    pub removed_by: UserId,
}

/// The payload of `chat.invited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatInvited)]
pub struct Invited {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub invited_by: UserId,
    pub expires_at: Timestamp,
}

/// The payload of `chat.uninvited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatUninvited)]
pub struct Uninvited {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub reason: Unwanted,
}

/// The payload of `chat.requested`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatRequested)]
pub struct Requested {
    pub chat_id: ChatId,
    pub user_id: UserId,
}

/// The payload of `chat.decided`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatDecided)]
pub struct Decision {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub action: Decided,
}

/// The payload of `chat.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatDeleted {
    pub chat_id: ChatId,
}

/// The payload of the transient events `typing.start` and `typing.stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Typing {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub kind: TypingKind,
}

impl Reaction {
    /// What is told of it, and to whom. In a channel the others learn that somebody has reacted, and not who.
    pub fn told(self, kind: ChatType) -> Vec<(Self, Audience)> {
        if kind != ChatType::Channel {
            return vec![(self, Audience::Chat)];
        }
        let unnamed = Self { user_id: None, ..self.clone() };
        vec![(unnamed, Audience::Chat), (self, Audience::Own)]
    }
}

impl Change {
    fn chat(&self) -> ChatId {
        match self {
            Self::ChatCreated(_, chat, _) => chat.id,
            Self::ChatUpdated(face) => face.id,
            Self::PreferencesChanged(_, changed) => changed.chat_id,
            Self::MessageSent(message) | Self::MessageUpdated(message) => message.chat_id,
            Self::MessageDeleted(deleted) => deleted.chat_id,
            Self::Pinned(pinned) => pinned.chat_id,
            Self::Unpinned(unpinned) => unpinned.chat_id,
            Self::PinsOrdered(ordered, _) => ordered.chat_id,
            Self::MessageSaved(_, saved) | Self::MessageUnsaved(_, saved) => saved.chat_id,
            Self::MessagesRemoved(_, removed) => removed.chat_id,
            Self::ChatCleared(_, cleared) => cleared.chat_id,
            Self::MessageExpiring(expiring) => expiring.chat_id,
            Self::AttachmentRemoved(removed) => removed.chat_id,
            Self::MessageScheduled(_, changed) => changed.chat_id,
            Self::MessageRead(read, _) => read.chat_id,
            Self::ThreadUpdated(_, state) => state.chat_id,
            Self::MessageDelivered(delivered, _) => delivered.chat_id,
            Self::ReactionAdded(reaction, _) | Self::ReactionRemoved(reaction, _) => reaction.chat_id,
            Self::PollVoted(voted, _) => voted.chat_id,
            Self::PollClosed(closed) => closed.chat_id,
            Self::ParticipantAdded(_, changed) | Self::ParticipantUpdated(_, changed) => changed.chat_id,
            Self::ParticipantRemoved(_, removed) => removed.chat_id,
            Self::Invited(_, invited) => invited.chat_id,
            Self::Requested(_, requested) => requested.chat_id,
            Self::Uninvited(_, uninvited) => uninvited.chat_id,
            Self::Decided(_, decision) => decision.chat_id,
            Self::Sanctioned(sanctioned) => sanctioned.chat_id,
            Self::Braked(_, braked) => braked.chat_id,
            Self::ReviewWaiting(_, waiting) => waiting.chat_id,
            Self::ChatDeleted(_, deleted) => deleted.chat_id,
        }
    }

    fn own(&self) -> Topic {
        Topic::new(CHAT, self.chat())
    }
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::ChatCreated(..) => CHAT_CREATED,
            Self::ChatUpdated(_) => CHAT_UPDATED,
            Self::PreferencesChanged(..) => "chat.preferences",
            Self::MessageSent(_) => MESSAGE_SENT,
            Self::MessageUpdated(_) => MESSAGE_UPDATED,
            Self::MessageDeleted(_) => MESSAGE_DELETED,
            Self::Pinned(_) => "message.pinned",
            Self::Unpinned(_) => "message.unpinned",
            Self::PinsOrdered(..) => "chat.pins",
            Self::MessageSaved(..) => "message.saved",
            Self::MessageUnsaved(..) => "message.unsaved",
            Self::MessagesRemoved(..) => "message.removed",
            Self::ChatCleared(..) => "chat.cleared",
            Self::MessageExpiring(_) => "message.expiring",
            Self::AttachmentRemoved(_) => "attachment.removed",
            Self::MessageScheduled(..) => "message.scheduled",
            Self::MessageRead(..) => "message.read",
            Self::ThreadUpdated(..) => "thread.updated",
            Self::MessageDelivered(..) => "message.delivered",
            Self::ReactionAdded(..) => "reaction.added",
            Self::ReactionRemoved(..) => "reaction.removed",
            Self::PollVoted(..) => "poll.voted",
            Self::PollClosed(_) => "poll.closed",
            Self::ParticipantAdded(..) => "participant.added",
            Self::ParticipantUpdated(..) => "participant.updated",
            Self::ParticipantRemoved(..) => "participant.removed",
            Self::Invited(..) => "chat.invited",
            Self::Requested(..) => "chat.requested",
            Self::Uninvited(..) => "chat.uninvited",
            Self::Decided(..) => "chat.decided",
            Self::Sanctioned(_) => "chat.sanctioned",
            Self::Braked(..) => "chat.braked",
            Self::ReviewWaiting(..) => "chat.review",
            Self::ChatDeleted(..) => "chat.deleted",
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Self::ChatCreated(user, ..)
            | Self::ChatDeleted(user, _)
            | Self::PreferencesChanged(user, _)
            | Self::MessageScheduled(user, _)
            | Self::MessageSaved(user, _)
            | Self::MessageUnsaved(user, _)
            | Self::MessagesRemoved(user, _)
            | Self::ChatCleared(user, _)
            | Self::ThreadUpdated(user, _)
            | Self::Invited(user, _)
            | Self::Uninvited(user, _)
            | Self::Requested(user, _)
            | Self::Braked(user, _)
            | Self::ReviewWaiting(user, _)
            | Self::Decided(user, _)
            | Self::MessageDelivered(_, user)
            | Self::MessageRead(_, Audience::Sender(user)) => Topic::user(*user),
            Self::Sanctioned(sanctioned) => Topic::user(sanctioned.user_id),
            Self::ParticipantAdded(Told::Staff(user), _)
            | Self::ParticipantUpdated(Told::Staff(user), _)
            | Self::ParticipantRemoved(Told::Staff(user), _) => Topic::user(*user),
            Self::ParticipantAdded(Told::Participant, changed)
            | Self::ParticipantUpdated(Told::Participant, changed) => Topic::user(changed.participant.user.id),
            Self::ParticipantRemoved(Told::Participant, removed) => Topic::user(removed.user_id),
            Self::MessageRead(read, Audience::Own) => Topic::user(read.user_id),
            Self::ReactionAdded(reaction, Audience::Own) | Self::ReactionRemoved(reaction, Audience::Own) => {
                reaction.user_id.map_or_else(|| self.own(), Topic::user)
            }
            Self::PollVoted(voted, Audience::Own) => voted.user_id.map_or_else(|| self.own(), Topic::user),
            _ => self.own(),
        }
    }

    fn follow(&self) -> Option<Follow> {
        let step = |user, step| Some(Follow { user, topic: self.own(), step });
        match self {
            Self::ChatCreated(user, ..) => step(*user, Step::Enter),
            // What those who run a chat receive is a copy.
            Self::ParticipantRemoved(Told::Staff(_), _) => None,
            Self::ParticipantRemoved(_, removed) => step(removed.user_id, Step::Leave),
            Self::ChatDeleted(user, _) => step(*user, Step::Leave),
            _ => None,
        }
    }

    /// In the order of the chat, so that no device receives a mark before the message that it refers to.
    fn anchor(&self) -> Topic {
        self.own()
    }

    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::MessageSent(message) | Self::MessageUpdated(message) => Some(message.id.uuid()),
            Self::MessageDeleted(deleted) => Some(deleted.message_id.uuid()),
            Self::MessageExpiring(expiring) => Some(expiring.message_id.uuid()),
            Self::AttachmentRemoved(removed) => Some(removed.message_id.uuid()),
            Self::Pinned(pinned) => Some(pinned.message_id.uuid()),
            Self::Unpinned(unpinned) => Some(unpinned.message_id.uuid()),
            Self::ReactionAdded(reaction, _) | Self::ReactionRemoved(reaction, _) => Some(reaction.message_id.uuid()),
            Self::PollVoted(voted, _) => Some(voted.message_id.uuid()),
            Self::PollClosed(closed) => Some(closed.message_id.uuid()),
            // Of changes on personal topics, an erasure finds those about somebody by this.
            Self::MessageDelivered(delivered, _) => Some(delivered.user_id.uuid()),
            Self::MessageRead(read, Audience::Sender(_)) => Some(read.user_id.uuid()),
            Self::MessageRead(..) => None,
            _ => Some(self.chat().uuid()),
        }
    }

    fn seq(&self) -> Option<i64> {
        match self {
            Self::ChatCreated(_, _, after) => Some(*after),
            Self::MessageSent(message) | Self::MessageUpdated(message) => Some(message.seq),
            Self::MessageDeleted(deleted) => Some(deleted.seq),
            Self::MessageExpiring(expiring) => Some(expiring.seq),
            Self::AttachmentRemoved(removed) => Some(removed.seq),
            Self::Pinned(pinned) => Some(pinned.seq),
            Self::Unpinned(unpinned) => Some(unpinned.seq),
            Self::PinsOrdered(_, earliest) => Some(*earliest),
            Self::ReactionAdded(reaction, _) | Self::ReactionRemoved(reaction, _) => Some(reaction.seq),
            Self::PollVoted(voted, _) => Some(voted.seq),
            Self::PollClosed(closed) => Some(closed.seq),
            _ => None,
        }
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::ChatCreated(_, chat, _) => to_raw_value(chat),
            Self::ChatUpdated(face) => to_raw_value(face),
            Self::PreferencesChanged(_, changed) => to_raw_value(changed),
            Self::MessageSent(message) | Self::MessageUpdated(message) => to_raw_value(message),
            Self::MessageDeleted(deleted) => to_raw_value(deleted),
            Self::Pinned(pinned) => to_raw_value(pinned),
            Self::Unpinned(unpinned) => to_raw_value(unpinned),
            Self::PinsOrdered(ordered, _) => to_raw_value(ordered),
            Self::MessageSaved(_, saved) | Self::MessageUnsaved(_, saved) => to_raw_value(saved),
            Self::MessagesRemoved(_, removed) => to_raw_value(removed),
            Self::ChatCleared(_, cleared) => to_raw_value(cleared),
            Self::MessageExpiring(expiring) => to_raw_value(expiring),
            Self::AttachmentRemoved(removed) => to_raw_value(removed),
            Self::MessageScheduled(_, changed) => to_raw_value(changed),
            Self::MessageRead(read, _) => to_raw_value(read),
            Self::ThreadUpdated(_, state) => to_raw_value(state),
            Self::MessageDelivered(delivered, _) => to_raw_value(delivered),
            Self::ReactionAdded(reaction, _) | Self::ReactionRemoved(reaction, _) => to_raw_value(reaction),
            Self::PollVoted(voted, _) => to_raw_value(voted),
            Self::PollClosed(closed) => to_raw_value(closed),
            Self::ParticipantAdded(_, changed) | Self::ParticipantUpdated(_, changed) => to_raw_value(changed),
            Self::ParticipantRemoved(_, removed) => to_raw_value(removed),
            Self::Invited(_, invited) => to_raw_value(invited),
            Self::Requested(_, requested) => to_raw_value(requested),
            Self::Uninvited(_, uninvited) => to_raw_value(uninvited),
            Self::Decided(_, decision) => to_raw_value(decision),
            Self::Sanctioned(sanctioned) => to_raw_value(sanctioned),
            Self::Braked(_, braked) => to_raw_value(braked),
            Self::ReviewWaiting(_, waiting) => to_raw_value(waiting),
            Self::ChatDeleted(_, deleted) => to_raw_value(deleted),
        }
    }
}
