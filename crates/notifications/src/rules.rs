//! From a change to people: one table of who is told of which change, as what and why; and which changes end what was told.

use clowder_core::{ChatId, Id, MessageId, Recorded, Timestamp, UserId};
use serde_json::Value;
use uuid::Uuid;

use crate::{NotificationType, Reason, TargetType};

/// Who is told of a change, as what, and why.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The name of the change.
    pub change: &'static str,
    pub who: Who,
    pub kind: NotificationType,
    pub reason: Reason,
}

/// Who is told. All but the first are found in the database, for many changes at once.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// The owner of the personal topic, if the payload says so.
    Told(fn(UserId, &Value, Timestamp) -> Option<About>),
    /// Those whom a message names.
    Mentioned,
    /// Everybody in the chat, if a message names everybody.
    MentionedAll,
    /// The author of the message that a message quotes.
    Quoted,
    /// Those who follow the thread in which a message stands.
    Thread,
    /// The author of the message that somebody reacted to.
    Author,
    /// The other person of a private chat.
    Peer,
    /// The others of another chat of at most [`LARGE`] people.
    People,
}

/// Chats of more people tell of a message only those whom it names: what is told to everybody of everybody would grow with
/// the square of their number.
pub const LARGE: i64 = 256;

/// What is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// What makes it the same if it is told again: unique with the person, the type and the actor.
    pub source: Id<()>,
    pub actor: Option<UserId>,
    pub target: (TargetType, Id<()>),
    pub chat: Option<ChatId>,
}

/// The table. Of several rules about one change and one person, the first counts.
pub const RULES: &[Rule] = &[
    Rule::new("friend_request", Who::Told(asked), NotificationType::FriendRequest, Reason::Addressed),
    Rule::new("friend_request", Who::Told(accepted), NotificationType::FriendAccepted, Reason::Answer),
    Rule::new("message.sent", Who::Mentioned, NotificationType::MessageMention, Reason::Mentioned),
    Rule::new("message.sent", Who::Quoted, NotificationType::MessageReply, Reason::Replied),
    Rule::new("message.sent", Who::MentionedAll, NotificationType::MessageMention, Reason::MentionedAll),
    Rule::new("message.sent", Who::Thread, NotificationType::MessageReply, Reason::Thread),
    Rule::new("message.sent", Who::Peer, NotificationType::MessageDirect, Reason::Direct),
    Rule::new("message.sent", Who::People, NotificationType::MessageChat, Reason::Chat),
    // Whom an edit has added.
    Rule::new("message.updated", Who::Mentioned, NotificationType::MessageMention, Reason::Mentioned),
    Rule::new("reaction.added", Who::Author, NotificationType::MessageReaction, Reason::Author),
    Rule::new("chat.invited", Who::Told(invited_to_chat), NotificationType::ChatInvited, Reason::Addressed),
    Rule::new("chat.requested", Who::Told(asks_for_chat), NotificationType::ChatRequest, Reason::Staff),
    Rule::new("group.invited", Who::Told(invited_to_group), NotificationType::GroupInvited, Reason::Addressed),
    Rule::new("group.requested", Who::Told(asks_for_group), NotificationType::GroupRequest, Reason::Staff),
    Rule::new("report.decided", Who::Told(report_decided), NotificationType::ReportDecided, Reason::Answer),
    Rule::new("statement.issued", Who::Told(statement), NotificationType::ReportDecided, Reason::Account),
    Rule::new("webhook.updated", Who::Told(webhook), NotificationType::System, Reason::Account),
];

impl Rule {
    const fn new(change: &'static str, who: Who, kind: NotificationType, reason: Reason) -> Self {
        Self { change, who, kind, reason }
    }
}

/// The rules about a change.
pub fn about(change: &str) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |rule| rule.change == change)
}

/// The actions of the audit log that somebody is told of whose account they concern: they make no change that says as much.
/// With each, whether the account itself sends a mail about it.
pub const ACTIONS: &[(&str, bool)] = &[
    ("api_key.created", false),
    ("email.changed", true),
    ("email.undeliverable", true),
    ("password.changed", true),
    ("password.reset", true),
    ("recovery_code.used", false),
    ("recovery_codes.renewed", false),
    ("role.changed", false),
    ("session.opened", false),
    ("two_factor.disabled", false),
    ("two_factor.enabled", false),
    ("two_factor.removed", true),
];

/// The action by which somebody signs in. They are told only of devices that are new to the account.
pub const SIGNED_IN: &str = "session.opened";

/// The names of the actions, for the reader.
pub const ACTION_NAMES: [&str; ACTIONS.len()] = {
    let mut names = [""; ACTIONS.len()];
    let mut at = 0;
    while at < ACTIONS.len() {
        names[at] = ACTIONS[at].0;
        at += 1;
    }
    names
};

/// Things that can happen again to the same two people have no id of their own: the time is part of it.
fn at_time(thing: Uuid, other: UserId, at: &Value) -> Id<()> {
    let mut mark: u128 = 0xcbf2_9ce4_8422_2325;
    for octet in at.to_string().bytes() {
        mark = (mark ^ u128::from(octet)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    Id::from_uuid(Uuid::from_u128(thing.as_u128() ^ other.uuid().as_u128().rotate_left(64) ^ mark))
}

fn id<T>(data: &Value, pointer: &str) -> Option<Id<T>> {
    data.pointer(pointer)?.as_str()?.parse().ok()
}

fn plain<T>(id: Id<T>) -> Id<()> {
    Id::from_uuid(id.uuid())
}

fn is(data: &Value, member: &str, word: &str) -> bool {
    data.get(member).and_then(Value::as_str) == Some(word)
}

fn asked(user: UserId, data: &Value, _: Timestamp) -> Option<About> {
    let (request, from, to): (Id<()>, UserId, UserId) = (id(data, "/id")?, id(data, "/from/id")?, id(data, "/to/id")?);
    let about = About { source: request, actor: Some(from), target: (TargetType::FriendRequest, request), chat: None };
    (to == user && is(data, "status", "pending")).then_some(about)
}

fn accepted(user: UserId, data: &Value, _: Timestamp) -> Option<About> {
    let (request, from, to): (Id<()>, UserId, UserId) = (id(data, "/id")?, id(data, "/from/id")?, id(data, "/to/id")?);
    let about = About { source: request, actor: Some(to), target: (TargetType::User, plain(to)), chat: None };
    (from == user && is(data, "status", "accepted")).then_some(about)
}

fn invited_to_chat(user: UserId, data: &Value, _: Timestamp) -> Option<About> {
    let (chat, invited, by): (ChatId, UserId, UserId) =
        (id(data, "/chat_id")?, id(data, "/user_id")?, id(data, "/invited_by")?);
    let source = at_time(chat.uuid(), invited, data.get("expires_at")?);
    let about = About { source, actor: Some(by), target: (TargetType::Chat, plain(chat)), chat: None };
    (invited == user).then_some(about)
}

/// Somebody may ask again after they were refused.
fn asks_for_chat(user: UserId, data: &Value, at: Timestamp) -> Option<About> {
    let (chat, asker): (ChatId, UserId) = (id(data, "/chat_id")?, id(data, "/user_id")?);
    let source = at_time(chat.uuid(), asker, &Value::String(at.to_string()));
    let about = About { source, actor: Some(asker), target: (TargetType::Chat, plain(chat)), chat: Some(chat) };
    (asker != user).then_some(about)
}

fn invited_to_group(user: UserId, data: &Value, _: Timestamp) -> Option<About> {
    let (group, invited, by): (Id<()>, UserId, UserId) =
        (id(data, "/group_id")?, id(data, "/user_id")?, id(data, "/invited_by")?);
    let source = at_time(group.uuid(), invited, data.get("expires_at")?);
    (invited == user).then_some(About { source, actor: Some(by), target: (TargetType::Group, group), chat: None })
}

fn asks_for_group(user: UserId, data: &Value, at: Timestamp) -> Option<About> {
    let (group, asker): (Id<()>, UserId) = (id(data, "/group_id")?, id(data, "/user_id")?);
    let source = at_time(group.uuid(), asker, &Value::String(at.to_string()));
    let about = About { source, actor: Some(asker), target: (TargetType::Group, group), chat: None };
    (asker != user).then_some(about)
}

fn report_decided(_: UserId, data: &Value, _: Timestamp) -> Option<About> {
    let report: Id<()> = id(data, "/report_id")?;
    Some(About { source: report, actor: None, target: (TargetType::Report, report), chat: None })
}

fn statement(_: UserId, data: &Value, _: Timestamp) -> Option<About> {
    let statement: Id<()> = id(data, "/statement_id")?;
    Some(About { source: statement, actor: None, target: (TargetType::Statement, statement), chat: None })
}

/// Only when the server has switched it off.
fn webhook(user: UserId, data: &Value, at: Timestamp) -> Option<About> {
    let webhook: Id<()> = id(data, "/webhook_id")?;
    data.get("disabled_reason")?.as_str().filter(|reason| *reason != "owner")?;
    let source = at_time(webhook.uuid(), user, &Value::String(at.to_string()));
    Some(About { source, actor: None, target: (TargetType::Webhook, webhook), chat: None })
}

/// What of that which was told is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Of everybody: the message is deleted.
    Message(MessageId),
    /// A request or an invitation, of one type.
    Source { user: UserId, kind: NotificationType, source: Id<()> },
    /// The same, found by what it is about, and by the actor if there is one.
    Target { user: UserId, kind: NotificationType, target: Id<()>, actor: Option<UserId> },
    /// Somebody is not in a chat any more.
    Chat { user: UserId, chat: ChatId },
    /// What each of two was told of the other.
    Between(UserId, UserId),
    /// Somebody has read a chat up to here.
    Read { user: UserId, chat: ChatId, seq: i64 },
    /// A reaction is taken back; there may be others of the same person.
    Reaction { chat: ChatId, seq: i64, message: MessageId, actor: UserId },
}

/// Whether what is over was dealt with, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Read,
    Gone,
}

/// What a change ends.
pub fn ended(change: &Recorded, data: &Value) -> Option<(Ended, How)> {
    let owner = change.topic.as_user();
    let ended = match &*change.name {
        "message.deleted" => (Ended::Message(id(data, "/message_id")?), How::Gone),
        "message.read" => {
            let seq = data.get("seq")?.as_i64()?;
            (Ended::Read { user: id(data, "/user_id")?, chat: id(data, "/chat_id")?, seq }, How::Read)
        }
        "reaction.removed" => {
            let (chat, message) = (id(data, "/chat_id")?, id(data, "/message_id")?);
            let (seq, actor) = (data.get("seq")?.as_i64()?, id(data, "/user_id")?);
            (Ended::Reaction { chat, seq, message, actor }, How::Gone)
        }
        "friend_request" => {
            let (user, source) = (owner?, id(data, "/id")?);
            let how = match data.get("status")?.as_str()? {
                "pending" => return None,
                "accepted" => How::Read,
                _ => How::Gone,
            };
            (Ended::Source { user, kind: NotificationType::FriendRequest, source }, how)
        }
        "chat.created" => {
            let (user, target) = (change.follow?.user, Id::from_uuid(change.follow?.topic.id));
            (Ended::Target { user, kind: NotificationType::ChatInvited, target, actor: None }, How::Read)
        }
        "chat.uninvited" => {
            let (user, target) = (owner.filter(|owner| id(data, "/user_id") == Some(*owner))?, id(data, "/chat_id")?);
            (Ended::Target { user, kind: NotificationType::ChatInvited, target, actor: None }, How::Gone)
        }
        "chat.decided" => {
            let (target, actor) = (id(data, "/chat_id")?, id(data, "/user_id")?);
            let kind = NotificationType::ChatRequest;
            (Ended::Target { user: owner?, kind, target, actor: Some(actor) }, How::Gone)
        }
        "participant.removed" | "chat.deleted" => {
            let follow = change.follow?;
            (Ended::Chat { user: follow.user, chat: Id::from_uuid(follow.topic.id) }, How::Gone)
        }
        "group.member_added" => {
            let (user, target) = (id(data, "/user/id")?, id(data, "/group_id")?);
            (Ended::Target { user, kind: NotificationType::GroupInvited, target, actor: None }, How::Read)
        }
        "group.uninvited" => {
            let (user, target) = (owner.filter(|owner| id(data, "/user_id") == Some(*owner))?, id(data, "/group_id")?);
            (Ended::Target { user, kind: NotificationType::GroupInvited, target, actor: None }, How::Gone)
        }
        "group.decided" => {
            let (target, actor) = (id(data, "/group_id")?, id(data, "/user_id")?);
            let kind = NotificationType::GroupRequest;
            (Ended::Target { user: owner?, kind, target, actor: Some(actor) }, How::Gone)
        }
        "block.added" => (Ended::Between(owner?, UserId::from_uuid(change.subject?)), How::Gone),
        _ => return None,
    };
    Some(ended)
}

/// How notifications of one kind are gathered: those of messages by chat, reactions by message, requests by what they want
/// into. Everything else stands for itself.
pub fn group_key(kind: NotificationType, about: &About, message: Option<MessageId>) -> String {
    let word = clowder_core::Word::as_str(kind);
    let of = match (kind, about.chat, message) {
        (NotificationType::MessageReaction, _, Some(message)) => message.uuid(),
        (_, Some(chat), _) => chat.uuid(),
        (NotificationType::GroupRequest, ..) => about.target.1.uuid(),
        _ => about.source.uuid(),
    };
    format!("{word}:{of}")
}

#[cfg(test)]
mod tests;
