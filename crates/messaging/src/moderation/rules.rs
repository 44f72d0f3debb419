//! The rules of moderation.

use std::time::Duration;

use clowder_core::{Error, Result, Timestamp, Versions, versions};

use super::{Brake, FilterAction, MOST_SANCTIONS, Review, ReviewVerb, SanctionType};
use crate::{
    ChatRole,
    policy::{Action, Seat, allow, is_open, may},
    refusals::{
        CHAT_BANNED, CHAT_FORBIDDEN, CHAT_MUTED, CHAT_SANCTIONS, MESSAGE_STALE, MESSAGE_UNSENDABLE,
        PARTICIPANT_UNKNOWN, REVIEW_UNKNOWN,
    },
};

/// What is known when somebody is muted or banned.
#[derive(Debug, Clone, Copy)]
pub struct SanctionFacts {
    /// The role that they have, if they are in the chat.
    pub held: Option<ChatRole>,
    /// Whether somebody who is not in the chat is somebody whom the caller can know.
    pub visible: bool,
    /// Whether it is about the caller.
    pub own: bool,
    /// Whether they are muted, or banned, now.
    pub already: bool,
    /// How many are; those whose time is over do not count.
    pub count: i64,
}

const fn action_of(kind: SanctionType) -> Action {
    match kind {
        SanctionType::Ban => Action::Ban,
        _ => Action::Mute,
    }
}

/// Only whoever has a lower role, and to be muted one must be in the chat.
pub fn may_sanction(seat: Seat, kind: SanctionType, facts: SanctionFacts) -> Result<()> {
    allow(seat, action_of(kind))?;
    match facts.held {
        _ if facts.own => return Err(CHAT_FORBIDDEN.into()),
        Some(held) if held <= seat.role => return Err(CHAT_FORBIDDEN.into()),
        Some(_) => {}
        None if kind == SanctionType::Ban && (facts.visible || facts.already) => {}
        None => return Err(PARTICIPANT_UNKNOWN.into()),
    }
    if facts.count >= MOST_SANCTIONS && !facts.already { Err(CHAT_SANCTIONS.into()) } else { Ok(()) }
}

/// What somebody wrote is deleted only by whoever has a higher role, as long as they are in the chat. Everybody may delete
/// what they wrote themselves, if they may delete messages of others at all.
pub fn may_purge(seat: Seat, held: Option<ChatRole>, own: bool) -> Result<()> {
    allow(seat, Action::Moderate)?;
    match held {
        Some(held) if !own && held <= seat.role => Err(CHAT_FORBIDDEN.into()),
        _ => Ok(()),
    }
}

/// Nobody lifts what others decided about them, except an owner.
pub fn may_lift(seat: Seat, kind: SanctionType, own: bool) -> Result<()> {
    allow(seat, action_of(kind))?;
    if own && seat.role != ChatRole::Owner { Err(CHAT_FORBIDDEN.into()) } else { Ok(()) }
}

/// The time until which somebody is muted who is so without an end: the end of the year 9999.
pub const FOR_EVER: Timestamp = Timestamp::from_micros(253_402_300_799_000_000);

/// Whether somebody may write who is muted until then.
pub fn may_speak(silent_until: Option<Timestamp>, now: Timestamp) -> Result<()> {
    match silent_until {
        Some(FOR_EVER) => Err(CHAT_MUTED.into()),
        Some(until) if until > now => Err(Error::TooEarly { refusal: CHAT_MUTED, until }),
        _ => Ok(()),
    }
}

/// Whether others see that somebody types: whoever could write now. What they see of somebody who is muted would be a way
/// to make noise.
pub fn may_type(seat: Seat, closed: bool, silent_until: Option<Timestamp>, now: Timestamp) -> Result<()> {
    is_open(closed)?;
    if !may(seat, Action::Post) {
        return Err(CHAT_FORBIDDEN.into());
    }
    may_speak(silent_until, now)
}

/// Whether somebody may come in. The ban is `None` if there is none, and within that, it may have no end.
pub fn may_come(banned: Option<Option<Timestamp>>, now: Timestamp) -> Result<()> {
    match banned {
        None => Ok(()),
        Some(None) => Err(CHAT_BANNED.into()),
        Some(Some(until)) if until > now => Err(Error::TooEarly { refusal: CHAT_BANNED, until }),
        Some(Some(_)) => Ok(()),
    }
}

/// Which filter caught a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caught {
    pub action: FilterAction,
    /// That of the server, about whose finds the chat does not decide.
    pub by_server: bool,
}

/// The stricter of the two filters counts, and if they are the same, that of the server. Owners and admins may write what
/// they keep others from writing.
pub fn caught(role: ChatRole, server: Option<FilterAction>, chat: Option<FilterAction>) -> Option<Caught> {
    let chat = chat.filter(|_| role > ChatRole::Admin);
    let by_server = server.is_some() && server >= chat;
    server.max(chat).map(|action| Caught { action, by_server })
}

/// What somebody who comes by themselves does to a brake, of which is known until when the people who came lately count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// They come in; the people who came lately count until then.
    In(Timestamp),
    /// The brake is on until then, and has just gone on if that is new.
    Wait { until: Timestamp, new: bool },
}

/// How far the times of calls can be apart that come at once, on nodes whose clocks differ.
const CLOCKS_APART: Duration = Duration::from_secs(30);

/// Counts people in the same way as [`super::pace::Rate`] counts messages.
pub fn arrive(brake: Brake, counted_until: Option<Timestamp>, now: Timestamp) -> Arrival {
    let hold = Duration::from_secs(brake.hold_seconds.unsigned_abs());
    // One that lasts far longer than it can was set by a clock that was ahead; a little, by somebody who came after this one
    // and was let in before.
    if let Some(until) = brake.held_until.filter(|until| *until > now && until.since(now) <= hold + CLOCKS_APART) {
        return Arrival::Wait { until, new: false };
    }
    let window = Duration::from_secs(brake.seconds.unsigned_abs());
    let burst = u32::try_from(brake.joins).unwrap_or(1).max(1);
    let rate = super::pace::Rate { interval: window / burst, burst };
    match rate.take(counted_until, now) {
        Ok(counted_until) => Arrival::In(counted_until),
        Err(_) => Arrival::Wait { until: now.plus(hold), new: true },
    }
}

/// What a decision about a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The message gets its place.
    Send,
    /// It stays, or there is nothing any more to decide about.
    Keep,
    /// It was never sent, and is thrown away.
    Discard,
    /// It is deleted.
    Delete,
}

/// What is known about the sender of a message when somebody decides about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderFacts {
    /// Their place in the chat, if they are in it.
    pub seat: Option<Seat>,
    /// Whether nobody can write in the chat any more, or they cannot write anywhere.
    pub closed: bool,
    /// Until when they are muted.
    pub silent_until: Option<Timestamp>,
}

/// Whether somebody might send a message now that was held before: what holds for every message, except filters, about
/// which the decision is, and slow mode, because they have waited.
fn may_still_send(sender: SenderFacts, now: Timestamp) -> Result<()> {
    let seat = sender.seat.ok_or(PARTICIPANT_UNKNOWN)?;
    if sender.closed || !may(seat, Action::Post) || may_speak(sender.silent_until, now).is_err() {
        return Err(MESSAGE_UNSENDABLE.into());
    }
    Ok(())
}

pub fn decide(
    review: Option<&Review>,
    version: Option<&Versions>,
    verb: ReviewVerb,
    sender: SenderFacts,
    now: Timestamp,
) -> Result<Outcome> {
    let review = review.ok_or(REVIEW_UNKNOWN)?;
    versions::check(version, review.version, MESSAGE_STALE)?;
    match (verb, review.message_id) {
        (ReviewVerb::Approve, Some(_)) => Ok(Outcome::Keep),
        (ReviewVerb::Approve, None) => may_still_send(sender, now).map(|()| Outcome::Send),
        (ReviewVerb::Reject, None) => Ok(Outcome::Discard),
        (ReviewVerb::Reject, Some(_)) if review.content.is_some() => Ok(Outcome::Delete),
        (ReviewVerb::Reject, Some(_)) => Ok(Outcome::Keep),
    }
}

#[cfg(test)]
mod tests;
