//! Messages that are sent later: the rules of scheduling, changing and sending them.
//!
//! A scheduled message belongs to its author alone until it is sent. At its time it is sent once, whatever restarts and
//! however many nodes there are, if its author may still write in the chat; otherwise it is refused, and the author is
//! told. A repeated one waits for its next time afterwards.

mod input;
pub mod port;

use std::{collections::HashMap, time::Duration};

use clowder_core::{
    ChatId, Error, Field, FileId, Id, Input, MessageId, Nullable, Refusal, Repeat, Result, TimeZone, Timestamp, UserId,
    Versions, Word, text::at_most, versions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use input::{ScheduledFilter, ScheduledPatch};

use crate::{
    Attachment, ChatRole, NewMessage, Rights,
    attachments::{Files, attach, nothing_said, type_after, type_of},
    lifetimes::Lifetime,
    model::ClientId,
    policy::{is_open, may_post},
    polls::{Ballot, LONGEST_QUESTION, NewPoll, Poll, SentType, ask},
    refusals::{
        self, CHAT_FORBIDDEN, CHAT_UNKNOWN, CLIENT_ID_MISMATCH, MESSAGE_SLOW, POLL_CLOSED, SCHEDULED_CROWDED,
        SCHEDULED_FAILED, SCHEDULED_FILES, SCHEDULED_LIMIT, SCHEDULED_OVER, SCHEDULED_STALE, SCHEDULED_THREAD,
    },
    relations::{Targets, relate},
    send::Fingerprint,
};

/// How many messages of one person can wait, unless the settings say otherwise.
pub const MOST: i64 = 200;
/// How many messages of one person can wait for the same minute of one chat, so that nobody gathers what they could not
/// send.
pub const MOST_IN_A_MINUTE: usize = 20;
/// How many are remembered that wait no longer; older ones are forgotten.
pub const MOST_PAST: i64 = 500;
/// How many days ahead a message can be scheduled.
pub const MOST_DAYS: u64 = 366;
/// What looking for the times of a rule counts as: about as much work as writing so many rows.
pub(crate) const ROWS_OF_A_RULE: usize = 100;

pub type ScheduledId = Id<Scheduled>;

/// A message that is sent later. Only its author sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ScheduledMessage)]
pub struct Scheduled {
    pub id: ScheduledId,
    pub chat_id: ChatId,
    #[serde(rename = "type", default = "text")]
    #[schema(required = true)]
    pub kind: SentType,
    /// `null` once it is sent or cancelled.
    #[schema(max_length = 8000, example = "Good morning!")]
    pub content: Option<String>,
    /// Its files as they are now; none once it is sent or cancelled. If one of them is gone when it is to be sent, it is
    /// refused.
    #[schema(max_items = 10, required = true)]
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    pub client_id: Option<String>,
    pub lifetime: Option<Lifetime>,
    /// Whom it mentions beside those whom its text names, if they are in the chat when it is sent.
    #[serde(default)]
    #[schema(max_items = 50, required = true)]
    pub mentions: Vec<UserId>,
    /// The message that it will reply to, if that is still there.
    pub reply_to: Option<MessageId>,
    /// The message in whose thread it will be.
    pub thread_of: Option<MessageId>,
    /// Present in messages of type `poll` that wait or were refused: what can be chosen. Nobody has voted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Poll, required = false)]
    pub poll: Option<Box<Poll>>,
    /// When it is sent; of a repeated one, the next time. In the end, when it was sent or refused.
    pub send_at: Timestamp,
    /// The rule by which it is repeated (RFC 5545), at the same time of day in its time zone.
    #[schema(max_length = 200, example = "FREQ=WEEKLY;BYDAY=MO")]
    pub repeat: Option<String>,
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    pub status: ScheduledStatus,
    /// The message that was sent; of a repeated one, the last.
    pub message_id: Option<MessageId>,
    /// Why it was refused; of a repeated one that waits, why it was not sent the last time.
    pub problem: Option<Problem>,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each change; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// What all were before polls could be scheduled.
const fn text() -> SentType {
    SentType::Text
}

/// Why something could not be done later, or for one of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ScheduledProblem)]
pub struct Problem {
    #[schema(example = "chat.closed")]
    pub code: String,
    pub title: String,
    /// From when on the same call may succeed; only if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Timestamp, required = false)]
    pub until: Option<Timestamp>,
}

impl Problem {
    /// What a stored code means; a code of another version has no title.
    pub fn of(code: String) -> Self {
        let later = [refusals::OF_SCHEDULED, refusals::OF_EXPORTS, refusals::OF_IMPORTS].into_iter().flatten();
        let known = refusals::ALL.iter().chain(later).find(|refusal| refusal.code == code);
        let title = known.map_or_else(String::new, |refusal| refusal.title.to_owned());
        Self { code, title, until: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScheduledStatus)]
pub enum ScheduledStatus {
    Waiting,
    Sent,
    /// It could not be sent at its time: `problem` says why.
    Refused,
    Cancelled,
}

impl Word for ScheduledStatus {
    const WHAT: &'static str = "status of a scheduled message";
    const WORDS: &'static [(&'static str, Self)] =
        &[("waiting", Self::Waiting), ("sent", Self::Sent), ("refused", Self::Refused), ("cancelled", Self::Cancelled)];
}

/// What is to be said, and when again: what is stored, encrypted, of a message that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(rename = "type", default = "text")]
    pub kind: SentType,
    pub content: String,
    #[serde(default)]
    pub attachments: Vec<FileId>,
    #[serde(default)]
    pub poll: Option<Ballot>,
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub lifetime: Option<Lifetime>,
    #[serde(default)]
    pub mentions: Vec<UserId>,
    #[serde(default)]
    pub reply_to: Option<MessageId>,
    #[serde(default)]
    pub thread_of: Option<MessageId>,
    #[serde(default)]
    pub repeat: Option<String>,
    pub time_zone: String,
    /// From when a repeated one is counted.
    pub start: Timestamp,
}

impl Plan {
    fn rule(&self) -> Result<Option<(Repeat, TimeZone)>> {
        let Some(repeat) = &self.repeat else { return Ok(None) };
        let wrong = |_| Error::internal("a stored rule of recurrence that cannot be read");
        let zone = TimeZone::parse(json!(self.time_zone)).map_err(wrong)?;
        Ok(Some((repeat.parse().map_err(wrong)?, zone)))
    }

    fn first(&self) -> Result<Option<Timestamp>> {
        let rule = self.rule()?;
        Ok(rule.map_or(Some(self.start), |(repeat, zone)| repeat.first(self.start, &zone)))
    }

    /// The message to send now.
    pub fn message(&self) -> Result<NewMessage> {
        NewMessage::from_json(json!({
            "content": self.content, "client_id": self.client_id, "reply_to": self.reply_to, "thread_of": self.thread_of,
            "lifetime": self.lifetime, "mentions": self.mentions, "type": self.kind, "attachments": self.attachments,
            "poll": self.poll.as_ref().map(Ballot::asked),
        }))
    }

    /// When it is to be sent next after `now`; `None` if this was the last time. Times that nobody sent it at, because no
    /// server ran, are made up for once, by the message that is sent now.
    pub fn next(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        Ok(self.rule()?.and_then(|(repeat, zone)| repeat.next(self.start, &zone, now)))
    }
}

/// What is known when somebody schedules a message.
#[derive(Debug, Clone)]
pub struct ScheduleFacts {
    /// The author's role in the chat; `None` for outsiders and unknown chats.
    pub role: Option<ChatRole>,
    pub rights: Rights,
    /// Whether nobody can write in the chat any more.
    pub closed: bool,
    /// The scheduled message with the same `client_id`, with what it was for.
    pub earlier: Option<(ScheduledId, Fingerprint)>,
    pub fingerprint: Fingerprint,
    /// Whether a message with this `client_id` has been sent.
    pub used: bool,
    /// How many messages of the author wait, and how many can.
    pub waiting: i64,
    pub most: i64,
    /// How many of them wait for this chat at about the same time.
    pub near: usize,
    /// The messages that it names.
    pub targets: Targets,
    pub author: UserId,
    /// The files that it names.
    pub files: Files,
}

/// A message to schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub plan: Plan,
    pub send_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    New(Box<Planned>),
    /// It was scheduled before: answer with that one, as it is now.
    Repeat(ScheduledId),
}

/// When a new message is sent first. It is looked for before anything is locked.
pub fn first(new: &NewMessage) -> Option<Timestamp> {
    let start = new.send_at?;
    let Some(repeat) = &new.repeat else { return Some(start) };
    let utc = TimeZone::utc();
    repeat.first(start, new.time_zone.as_ref().unwrap_or(&utc))
}

/// `first` is what [`first`] answers for the same message.
pub fn decide(now: Timestamp, new: NewMessage, first: Option<Timestamp>, facts: &ScheduleFacts) -> Result<Verdict> {
    let role = facts.role.ok_or(CHAT_UNKNOWN)?;
    if let Some((id, fingerprint)) = facts.earlier {
        return if fingerprint == facts.fingerprint { Ok(Verdict::Repeat(id)) } else { Err(CLIENT_ID_MISMATCH.into()) };
    }
    if facts.used {
        return Err(CLIENT_ID_MISMATCH.into());
    }
    is_open(facts.closed)?;
    if !may_post(role, facts.rights) {
        return Err(CHAT_FORBIDDEN.into());
    }
    if facts.waiting >= facts.most {
        return Err(SCHEDULED_LIMIT.into());
    }
    may_join(facts.near)?;
    relate(now, (new.reply_to, new.thread_of), facts.targets.clone(), false)?;
    let attached = attach(&new.attachments, &facts.files, facts.author, &[])?;
    let kind = type_of(new.kind, &attached, &facts.files)?;
    let NewMessage { content, attachments, poll, client_id, reply_to, thread_of, lifetime, mentions, .. } = new;
    let (send_at, repeat, time_zone) = (new.send_at, new.repeat, new.time_zone);
    let send_at = send_at.ok_or_else(|| Error::internal("a message that is sent now"))?;
    let plan = Plan {
        kind,
        content: content.into_string(),
        attachments,
        poll: poll.map(|poll| ballot(send_at, *poll)).transpose()?,
        client_id: client_id.map(ClientId::into_string),
        lifetime,
        mentions,
        reply_to,
        thread_of,
        repeat: repeat.map(Repeat::into_string),
        time_zone: time_zone.map_or_else(|| TimeZone::utc().into_string(), TimeZone::into_string),
        start: send_at,
    };
    Ok(Verdict::New(Box::new(planned(now, plan, |_| Ok(first))?)))
}

/// The files of a plan as they are now.
pub fn shown(attachments: &[FileId], files: &Files) -> Vec<Attachment> {
    let now = |id: &FileId| files.get(id).and_then(|found| found.shown.clone());
    attachments.iter().map(|id| now(id).unwrap_or(Attachment::deleted(*id))).collect()
}

/// Whether a plan after a change is one that could be made anew.
fn may_ask(plan: &Plan, at: Timestamp) -> Result<()> {
    let wrong = |member: &str, message: &'static str| Err(Error::field(member, "unwanted", message));
    let Some(poll) = &plan.poll else { return Ok(()) };
    if plan.kind != SentType::Poll {
        return wrong("/poll", "only messages of type poll have it");
    }
    if !plan.mentions.is_empty() {
        return wrong("/mentions", "a poll mentions nobody");
    }
    if !plan.attachments.is_empty() {
        return wrong("/attachments", "a poll has none");
    }
    if let Err(flaw) = at_most(&plan.content, LONGEST_QUESTION) {
        return Err(Error::Invalid(vec![flaw.at("/content")]));
    }
    if plan.repeat.is_some() && poll.closes_at.is_some() {
        return wrong("/repeat", "a poll that closes at a time is sent once");
    }
    if poll.closes_at.is_some_and(|closes_at| closes_at <= at) {
        return Err(Error::field("/send_at", "too_late", "must be before the poll closes"));
    }
    Ok(())
}

/// What is asked in a poll that is sent at this time.
fn ballot(send_at: Timestamp, poll: NewPoll) -> Result<Ballot> {
    ask(send_at, poll).map(|poll| Ballot::from(&*poll))
}

/// Whether another message can wait where as many of its author wait at about the same time.
pub fn may_join(near: usize) -> Result<()> {
    if near >= MOST_IN_A_MINUTE { Err(SCHEDULED_CROWDED.into()) } else { Ok(()) }
}

/// The first time of a plan. A repeated message is sent first when its rule says so, not before its start.
fn planned(now: Timestamp, plan: Plan, first: impl FnOnce(&Plan) -> Result<Option<Timestamp>>) -> Result<Planned> {
    if plan.start <= now {
        return Err(Error::field("/send_at", "past", "must be in the future"));
    }
    if plan.start > now.plus(Duration::from_secs(MOST_DAYS * 24 * 3600)) {
        return Err(Error::field("/send_at", "too_late", format!("must be within the next {MOST_DAYS} days")));
    }
    // Without its fraction of a second, the first time may be just over.
    let send_at = first(&plan)?.map(|first| first.max(now));
    let send_at = send_at.ok_or_else(|| Error::field("/repeat", "never", "names no time from `send_at` on"))?;
    Ok(Planned { plan, send_at })
}

/// A message that waits, or has waited.
#[derive(Debug, Clone)]
pub struct Stored {
    pub status: ScheduledStatus,
    pub version: i64,
    pub plan: Plan,
    pub send_at: Timestamp,
    pub author: UserId,
    /// The files that it names, and those that a change names.
    pub files: Files,
}

/// The message after a change, or `None` if that changes nothing. `targets` are the messages that the change names.
pub fn edit(
    now: Timestamp,
    version: Option<&Versions>,
    patch: ScheduledPatch,
    before: &Stored,
    targets: Targets,
) -> Result<Option<Planned>> {
    if before.status != ScheduledStatus::Waiting {
        return Err(SCHEDULED_OVER.into());
    }
    versions::check(version, before.version, SCHEDULED_STALE)?;
    let moves = patch.send_at.is_some() || patch.repeat.is_some() || patch.time_zone.is_some();
    relate(now, patch.names(), targets, false)?;
    let mut plan = before.plan.clone();
    if let Some(Nullable(reply_to)) = patch.reply_to {
        plan.reply_to = reply_to;
    }
    if let Some(Nullable(thread_of)) = patch.thread_of {
        plan.thread_of = thread_of;
    }
    if let Some(mentions) = patch.mentions {
        plan.mentions = mentions;
    }
    if let Some(content) = patch.content {
        plan.content = content.into_string();
    }
    if let Some(given) = patch.attachments {
        let attached = attach(&given, &before.files, before.author, &shown(&plan.attachments, &before.files))?;
        let kind = type_after(plan.kind.into(), &attached, &before.files);
        (plan.kind, plan.attachments) = (SentType::of(kind).unwrap_or(plan.kind), given);
    }
    if plan.content.is_empty() && plan.attachments.is_empty() {
        return Err(Error::Invalid(vec![nothing_said().at("/content")]));
    }
    let at = patch.send_at.unwrap_or(before.send_at);
    if let Some(poll) = patch.poll {
        plan.poll = Some(ballot(at, *poll)?);
    }
    if let Some(repeat) = patch.repeat {
        plan.repeat = repeat.0.map(Repeat::into_string);
    }
    if let Some(zone) = patch.time_zone {
        plan.time_zone = zone.into_string();
    }
    if let Some(at) = patch.send_at {
        plan.start = at;
    }
    if plan.repeat.is_some() && plan.client_id.is_some() {
        return Err(Error::field("/repeat", "unwanted", "a message with a client_id is sent once"));
    }
    if plan == before.plan {
        return Ok(None);
    }
    may_ask(&plan, at)?;
    if !moves {
        return Ok(Some(Planned { plan, send_at: before.send_at }));
    }
    if patch.send_at.is_none() {
        // Another rule counts from the time at which it would be sent next.
        plan.start = before.send_at;
    }
    planned(now, plan, Plan::first).map(Some)
}

/// Whether there is anything to cancel.
pub fn may_cancel(version: Option<&Versions>, status: ScheduledStatus, current: i64) -> Result<bool> {
    match status {
        ScheduledStatus::Waiting => versions::check(version, current, SCHEDULED_STALE).map(|()| true),
        ScheduledStatus::Cancelled => Ok(false),
        ScheduledStatus::Sent | ScheduledStatus::Refused => Err(SCHEDULED_OVER.into()),
    }
}

/// What becomes of a message at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is sent, and waits for its next time, if it has one.
    Sent(MessageId, Option<Timestamp>),
    /// The chat is in slow mode, or its author sends too much there: it is tried again at this time.
    Later(Timestamp),
    /// It cannot be sent this time: a repeated one waits for its next time.
    Skipped(Refusal, Timestamp),
    Refused(Refusal),
}

/// The turns of those who have to wait in a chat: of what one person has due at once, one is sent after each pause.
#[derive(Debug, Default)]
pub struct Turns(HashMap<(ChatId, UserId), u32>);

impl Turns {
    /// When the next message of this person is to be tried, who may write again at a time.
    pub fn next(&mut self, chat: ChatId, author: UserId, until: Timestamp, pause: Duration) -> Timestamp {
        let before = self.0.entry((chat, author)).or_default();
        let at = until.plus(pause.saturating_mul(*before));
        *before = before.saturating_add(1);
        at
    }
}

/// What becomes of a message that cannot be sent. A repeated one ends only if its author is not in the chat any more.
pub fn refused(now: Timestamp, plan: &Plan, refusal: Refusal) -> Result<Outcome> {
    let next = if refusal == CHAT_UNKNOWN { None } else { plan.next(now)? };
    Ok(next.map_or(Outcome::Refused(refusal), |next| Outcome::Skipped(refusal, next)))
}

/// What becomes of a message after an attempt to send it. An error of ours says nothing about it: it is tried again.
pub fn outcome(now: Timestamp, plan: &Plan, sent: Result<MessageId>) -> Result<Outcome> {
    match sent {
        Ok(message) => Ok(Outcome::Sent(message, plan.next(now)?)),
        Err(Error::TooEarly { refusal: MESSAGE_SLOW, until }) => Ok(Outcome::Later(until)),
        Err(Error::Refused(refusal) | Error::Explained { refusal, .. } | Error::TooEarly { refusal, .. }) => {
            refused(now, plan, refusal)
        }
        Err(error) if error.is_ours() => Err(error),
        Err(Error::Invalid(faults)) if faults.iter().any(|fault| fault.pointer.starts_with("/poll")) => {
            refused(now, plan, POLL_CLOSED)
        }
        Err(Error::Invalid(faults)) if faults.iter().any(|fault| fault.pointer.starts_with("/attachments")) => {
            refused(now, plan, SCHEDULED_FILES)
        }
        // Of what else is looked up when it is sent, only its thread can be missing.
        Err(Error::Invalid(_)) => refused(now, plan, SCHEDULED_THREAD),
        Err(_) => refused(now, plan, SCHEDULED_FAILED),
    }
}

#[cfg(test)]
mod tests;
