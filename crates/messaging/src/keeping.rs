//! Messages that are kept: pinned in their chat for everybody, or saved by somebody for themselves; messages that are
//! deleted many at once; and what people remove for themselves alone.

pub mod port;
mod removing;

use clowder_core::{ChatId, Ctx, Error, Fields, Input, MessageId, Result, Timestamp, UserId, text::Flaw};
use serde::{Deserialize, Serialize};

pub use removing::{Cleared, MOST_REMOVED, NewRemoval, Removed, Whom, may_remove, without_words};

use crate::{
    Message, MessageType,
    edit::without_text,
    model::Title,
    moderation::Reason,
    policy::{self, Action, Seat, allow},
    refusals::{MESSAGE_FORBIDDEN, MESSAGE_GONE, MESSAGE_PINS, MESSAGE_SAVES, MESSAGE_SYSTEM, MESSAGE_UNKNOWN},
    scheduled::Problem,
};

/// How many messages can be pinned in one chat.
pub const MOST_PINS: usize = 50;
/// How many messages one person can save.
pub const MOST_SAVED: i64 = 10_000;
/// How many messages one call can delete.
pub const MOST_AT_ONCE: usize = 100;

/// A pinned message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessagePin)]
pub struct Pin {
    pub message: Message,
    pub pinned_by: UserId,
    pub pinned_at: Timestamp,
}

/// A message that the viewer has saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SavedMessage)]
pub struct Saved {
    /// As it is now.
    pub message: Message,
    #[schema(max_length = 500, example = "For the trip")]
    pub note: Option<String>,
    pub saved_at: Timestamp,
}

/// `{message_ids}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewPinOrder, example = json!({"message_ids": ["01993c4f-02d1-7e10-8c44-52a0b1f0a9d3"]}))]
pub struct NewOrder {
    /// What comes first. Pinned messages that are not named follow, in the order that they have; others are passed over.
    #[schema(max_items = 50)]
    pub message_ids: Vec<MessageId>,
}

impl Input for NewOrder {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required_list("message_ids", MOST_PINS).map(|message_ids| Self { message_ids })
    }

    fn rows(&self) -> usize {
        self.message_ids.len()
    }
}

/// `{note?}`
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = NewSavedMessage, example = json!({"note": "For the trip"}))]
pub struct NewSave {
    /// Only the caller sees it. Saving the message again replaces it.
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Title<500>>,
}

impl Input for NewSave {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("note").map(|note| Self { note })
    }
}

/// `{message_ids, for?, reason?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewMessageDeletion, example = json!({"message_ids": ["01993c4f-02d1-7e10-8c44-52a0b1f0a9d3"], "reason": "Advertising"}))]
pub struct NewDeletion {
    #[schema(min_items = 1, max_items = 100)]
    pub message_ids: Vec<MessageId>,
    /// For whom; absent means for all.
    #[schema(rename = "for", value_type = Option<Whom>)]
    pub whom: Whom,
    /// Required if messages of others are among them, which are deleted for all: their authors are told.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub reason: Option<Reason>,
}

impl Input for NewDeletion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_ids = named(fields);
        let (whom, reason) = (fields.optional("for"), fields.optional::<Reason>("reason"));
        let whom: Option<Whom> = whom.map(Option::unwrap_or_default);
        if whom == Some(Whom::Me) && reason.as_ref().is_some_and(Option::is_some) {
            fields.flaw("reason", Flaw::new("unwanted", "nobody is told of what you remove for yourself"));
        }
        Some(Self { message_ids: message_ids?, whom: whom?, reason: reason? })
    }

    fn rows(&self) -> usize {
        self.message_ids.len()
    }
}

/// The messages that one call deletes.
fn named(fields: &mut Fields) -> Option<Vec<MessageId>> {
    let message_ids: Option<Vec<MessageId>> = fields.required_list("message_ids", MOST_AT_ONCE);
    if message_ids.as_ref().is_some_and(Vec::is_empty) {
        fields.flaw("message_ids", Flaw::new("required", "must name a message"));
    }
    message_ids
}

/// What has become of one of the messages that were to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageDeletion)]
pub struct Outcome {
    pub id: MessageId,
    /// `null` if it is not deleted, or only for you.
    pub deleted_at: Option<Timestamp>,
    /// Why it is not deleted.
    pub problem: Option<Problem>,
}

/// The payload of `message.pinned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessagePinned)]
pub struct Pinned {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    pub pinned_by: UserId,
    pub pinned_at: Timestamp,
}

/// The payload of `message.unpinned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageUnpinned)]
pub struct Unpinned {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    pub unpinned_by: UserId,
}

/// The payload of `chat.pins`: the pinned messages of a chat in their new order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatPinsOrdered)]
pub struct PinsOrdered {
    pub chat_id: ChatId,
    #[schema(max_items = 50)]
    pub message_ids: Vec<MessageId>,
}

/// The payload of `message.saved` and `message.unsaved`. It does not contain the note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SavedMessageChanged)]
pub struct SavedChanged {
    pub chat_id: ChatId,
    pub message_id: MessageId,
}

/// What is known of a message that somebody wants to pin or unpin.
#[derive(Debug, Clone, Copy)]
pub struct PinFacts {
    /// The caller's place in its chat; `None` for outsiders, and for those who may not see the message.
    pub seat: Option<Seat>,
    /// Whether nobody can write in the chat any more.
    pub closed: bool,
    /// Also if its time is over.
    pub deleted: bool,
    pub system: bool,
    pub pinned: bool,
    /// How many messages are pinned in the chat.
    pub pins: i64,
    /// Whether the caller, who came later, does not see all of them.
    pub unseen: bool,
}

fn may_pin(facts: &PinFacts) -> Result<()> {
    allow(facts.seat.ok_or(MESSAGE_UNKNOWN)?, Action::Pin)?;
    policy::is_open(facts.closed)
}

/// What pinning a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// It is pinned already.
    Stay,
    Pin,
    /// It is pinned in place of the lowest pin that the caller does not see, and so cannot unpin to make room.
    Replace,
}

/// Whether the message has to be pinned: not if it is.
pub fn decide_pin(facts: PinFacts) -> Result<Pinning> {
    if facts.seat.is_some() && facts.deleted {
        return Err(MESSAGE_GONE.into());
    }
    may_pin(&facts)?;
    if facts.pinned {
        return Ok(Pinning::Stay);
    }
    if facts.system {
        return Err(MESSAGE_SYSTEM.into());
    }
    match (facts.pins >= MOST_PINS as i64, facts.unseen) {
        (false, _) => Ok(Pinning::Pin),
        (true, true) => Ok(Pinning::Replace),
        (true, false) => Err(MESSAGE_PINS.into()),
    }
}

/// Whether the message has to be unpinned: not if it is not pinned.
pub fn decide_unpin(facts: PinFacts) -> Result<bool> {
    may_pin(&facts)?;
    Ok(facts.pinned)
}

/// The pinned messages of a chat in their new order, or `None` if it is the one that they have.
pub fn reorder(now: &[MessageId], first: &[MessageId]) -> Option<Vec<MessageId>> {
    let mut after = Vec::with_capacity(now.len());
    for id in first.iter().filter(|id| now.contains(id)).chain(now) {
        if !after.contains(id) {
            after.push(*id);
        }
    }
    (after != now).then_some(after)
}

/// Whether one more message can be saved.
pub fn may_save(seat: Option<Seat>, deleted: bool, saved: bool, count: i64) -> Result<()> {
    seat.ok_or(MESSAGE_UNKNOWN)?;
    if deleted {
        return Err(MESSAGE_GONE.into());
    }
    if !saved && count >= MOST_SAVED { Err(MESSAGE_SAVES.into()) } else { Ok(()) }
}

/// The message after its deletion as one of many, or what the caller is told of it instead.
pub fn decide_deletion(
    ctx: &Ctx,
    seat: Seat,
    id: MessageId,
    found: Option<Message>,
) -> Result<Result<Message, Outcome>> {
    let refused = |code: &str| Outcome { id, deleted_at: None, problem: Some(Problem::of(code.to_owned())) };
    let Some(message) = found else { return Ok(Err(refused(MESSAGE_UNKNOWN.code))) };
    if !policy::may_delete(ctx.user()?, seat, message.sender.id) {
        return Ok(Err(refused(MESSAGE_FORBIDDEN.code)));
    }
    let deleted_at = message.deleted_at;
    Ok(without_text(ctx.now, message).ok_or(Outcome { id, deleted_at, problem: None }))
}

/// Whoever deletes messages of others says why.
pub fn needs_reason(new: &NewDeletion) -> Result<()> {
    match new.reason {
        Some(_) => Ok(()),
        None => Err(Error::field("/reason", "required", "must say why messages of others are deleted")),
    }
}

/// Whether a message can never be pinned.
pub fn is_of_the_system(message: &Message) -> bool {
    message.kind == MessageType::System
}

#[cfg(test)]
mod tests;
