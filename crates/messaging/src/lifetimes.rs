//! How long messages stay: the rules of messages that disappear.
//!
//! A chat can say how long its messages stay, and so can a single message, if that is not longer. The time counts from
//! sending, or from when all others have read the message. Then it is deleted as if its author had done so: its place in the
//! chat stays, and its text is gone everywhere.

pub mod port;

use std::time::Duration;

use clowder_core::{
    Field, FieldError, Fields, Input, Nested, Result, Timestamp, UserId, Versions, Word, text::Flaw, versions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ChatFace, Message,
    policy::{Action, Seat, allow, is_open},
    read::LowestReadMarks,
    refusals::CHAT_STALE,
};

/// How long a message stays at least, and at most.
pub const SHORTEST: i64 = 5;
pub const LONGEST: i64 = 366 * 24 * 3600;
/// How much longer a message whose time counts from reading stays if not all others read it, or some hide that they do.
pub const UNREAD: i64 = 30 * 24 * 3600;

/// How long messages stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageLifetime, example = json!({"seconds": 86400, "from": "sent"}))]
pub struct Lifetime {
    #[schema(minimum = 5, maximum = 31622400, example = 86400)]
    pub seconds: i64,
    /// In a body, `sent` if absent.
    #[serde(default)]
    pub from: LifetimeFrom,
}

/// From when the time counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageLifetimeFrom)]
pub enum LifetimeFrom {
    #[default]
    Sent,
    /// When all others have read the message, as far as they show it; at the latest 30 days after it was sent. In chats of
    /// more than 256 people nobody sees that: there it counts from sending.
    Read,
}

impl Word for LifetimeFrom {
    const WHAT: &'static str = "beginning of a lifetime";
    const WORDS: &'static [(&'static str, Self)] = &[("sent", Self::Sent), ("read", Self::Read)];
}

impl Lifetime {
    /// As it is stored: negative if it counts from reading.
    pub const fn to_number(self) -> i64 {
        match self.from {
            LifetimeFrom::Sent => self.seconds,
            LifetimeFrom::Read => -self.seconds,
        }
    }

    pub fn from_number(number: i64) -> Self {
        let from = if number < 0 { LifetimeFrom::Read } else { LifetimeFrom::Sent };
        Self { seconds: number.saturating_abs(), from }
    }

    /// When a message disappears whose time begins now.
    pub fn end(self, now: Timestamp) -> Timestamp {
        now.plus(Duration::from_secs(self.seconds.unsigned_abs()))
    }
}

impl Input for Lifetime {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (seconds, from) = (fields.required("seconds"), fields.optional("from"));
        let seconds: i64 = seconds?;
        if !(SHORTEST..=LONGEST).contains(&seconds) {
            fields.flaw("seconds", Flaw::new("range", format!("must be {SHORTEST} to {LONGEST}")));
        }
        Some(Self { seconds, from: from?.unwrap_or_default() })
    }
}

/// One that `null` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionalLifetime(pub Option<Lifetime>);

impl Field for OptionalLifetime {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let read = |value| <Nested<Lifetime> as Field>::parse(value).map(|Nested(lifetime)| Some(lifetime));
        if value.is_null() { Ok(Self(None)) } else { read(value).map(Self) }
    }

    fn read(value: Value, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        if value.is_null() {
            return Some(Self(None));
        }
        <Nested<Lifetime> as Field>::read(value, pointer, errors).map(|Nested(lifetime)| Self(Some(lifetime)))
    }
}

/// `{lifetime}`; `null` lets new messages stay.
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = NewChatLifetime, example = json!({"lifetime": {"seconds": 86400, "from": "sent"}}))]
pub struct NewLifetime {
    #[schema(value_type = Option<Lifetime>, required = true)]
    pub lifetime: OptionalLifetime,
}

impl Input for NewLifetime {
    fn read(fields: &mut Fields) -> Option<Self> {
        let lifetime = fields.patch("lifetime")?;
        if lifetime.is_none() {
            fields.flaw("lifetime", Flaw::new("required", "is required; null lets messages stay"));
        }
        lifetime.map(|lifetime| Self { lifetime })
    }
}

/// Up to which place the time of messages begins: of those by one person, and of those by everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begins {
    pub person: Option<UserId>,
    pub theirs: i64,
    pub others: i64,
}

impl Begins {
    /// Whoever wrote a message need not have read it, nor whoever is erased; if nobody else is left, its time begins. In
    /// chats that are too large for marks, `lowest` is nothing, and the time of everything begins.
    pub fn of(lowest: Option<LowestReadMarks>, erased: &[UserId]) -> Self {
        const ALL: i64 = i64::MAX;
        let Some(LowestReadMarks { user: Some(user), seq, next }) = lowest else {
            return Self { person: None, theirs: ALL, others: ALL };
        };
        let is_erased = erased.contains(&user);
        // Accounts that are erased count only in private chats, where the second mark is that of the other person.
        let others = if is_erased { ALL } else { seq.unwrap_or(0) };
        let is_next_erased = erased.iter().any(|erased| *erased != user);
        let theirs = next.filter(|_| !is_next_erased).unwrap_or(ALL);
        Self { person: Some(user), theirs, others }
    }
}

/// How long a message stays that is sent now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stay {
    pub lifetime: Option<Lifetime>,
    /// Where that counts from reading: for how many seconds it stays at most, whether it is read or not. Without it, whoever
    /// does not read, or hides it, would keep the message for ever.
    pub at_most: Option<i64>,
}

/// What the chat says and what the message itself says hold together: it disappears as soon as one of them ends.
pub fn of_message(own: Option<Lifetime>, chat: Option<Lifetime>) -> Stay {
    let both = [own, chat].into_iter().flatten();
    let shortest = |from| both.clone().filter(|one| one.from == from).min_by_key(|one| one.seconds);
    match (shortest(LifetimeFrom::Sent), shortest(LifetimeFrom::Read)) {
        // Nobody reads it before it is sent.
        (sent, Some(read)) if sent.is_none_or(|sent| sent.seconds > read.seconds) => {
            let unread = read.seconds + UNREAD;
            Stay { lifetime: Some(read), at_most: Some(sent.map_or(unread, |sent| sent.seconds.min(unread))) }
        }
        (sent, _) => Stay { lifetime: sent, at_most: None },
    }
}

impl Stay {
    /// When it disappears, as far as that is known when it is sent; `shown` says whether people see each other's read marks.
    pub fn end(self, sent_at: Timestamp, shown: bool) -> Option<Timestamp> {
        let lifetime = self.lifetime?;
        if lifetime.from == LifetimeFrom::Sent || !shown {
            return Some(lifetime.end(sent_at));
        }
        self.at_most.map(|seconds| sent_at.plus(Duration::from_secs(seconds.unsigned_abs())))
    }
}

/// Whether the time of a message that was just sent begins when it has been read.
pub fn waits(message: &Message) -> bool {
    let from_reading = message.lifetime.filter(|lifetime| lifetime.from == LifetimeFrom::Read);
    // Without marks that others see, it has begun.
    let begun = |lifetime: Lifetime| message.expires_at == Some(lifetime.end(message.created_at));
    from_reading.is_some_and(|lifetime| !begun(lifetime))
}

/// Whether somebody may say how long the messages of a chat stay.
pub fn may_set(seat: Seat, before: &ChatFace) -> Result<()> {
    allow(seat, Action::SetLifetime)?;
    is_open(before.closed)
}

/// The chat after somebody has said how long its messages stay, or `None` if that changes nothing. Messages that were sent
/// before stay as they are.
pub fn set(seat: Seat, version: Option<&Versions>, new: NewLifetime, before: &ChatFace) -> Result<Option<ChatFace>> {
    may_set(seat, before)?;
    versions::check(version, before.version, CHAT_STALE)?;
    let after = new.lifetime.0;
    if after == before.lifetime {
        return Ok(None);
    }
    Ok(Some(ChatFace { lifetime: after, version: before.version + 1, ..before.clone() }))
}

/// Whether the time of a message is over.
pub fn is_over(message: &Message, now: Timestamp) -> bool {
    message.expires_at.is_some_and(|at| at <= now)
}

/// Takes the text from a message whose time is over, and which nobody has deleted yet: it may take a moment until it is, and
/// nobody sees it until then. A poll whose time is over is closed.
pub fn conceal(message: &mut Message, now: Timestamp) {
    if is_over(message, now) && message.deleted_at.is_none() {
        (message.content, message.system, message.poll) = (None, None, None);
        (message.reply_to, message.forwarded_from, message.attachments) = (None, None, Vec::new());
        (message.reactions, message.entities, message.mentions) = (Vec::new(), Vec::new(), Vec::new());
        message.deleted_at = message.expires_at;
        message.version += 1;
    }
    if let Some(quoted) = &mut message.reply_to {
        quoted.conceal(now);
    }
    if let Some(poll) = &mut message.poll {
        poll.end(now);
    }
}

/// The same for a message whose time is over, as a change shows it. A newer version may have written it: members and kinds
/// that are unknown here stay.
pub fn conceal_told(message: &mut Map<String, Value>, end: Timestamp) {
    let end = Value::from(end.to_string());
    message.insert("expires_at".to_owned(), end.clone());
    if message.get("deleted_at").is_some_and(|deleted_at| !deleted_at.is_null()) {
        return;
    }
    for name in ["content", "reply_to", "forwarded_from"] {
        message.insert(name.to_owned(), Value::Null);
    }
    for name in ["attachments", "reactions", "entities", "mentions"] {
        message.insert(name.to_owned(), Value::Array(Vec::new()));
    }
    for name in ["system", "poll"] {
        message.remove(name);
    }
    message.insert("deleted_at".to_owned(), end);
    if let Some(version) = message.get_mut("version") {
        *version = version.as_i64().map_or(Value::Null, |version| Value::from(version + 1));
    }
}

#[cfg(test)]
mod tests;
