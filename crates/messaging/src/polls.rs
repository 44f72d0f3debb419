//! Polls: messages that ask something. The rules of voting and closing, and what is shown of the votes.
//!
//! The question is the content of the message; the options and how they can be chosen never change. Each person has one
//! vote, which is a set of options, and can change it until the poll is closed: by hand, or because its time is over.

mod input;
pub mod port;

use std::time::Duration;

use clowder_core::{Card, ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use input::{NewPoll, NewVote, OptionText, SentType};

use crate::{
    Audience, ChatRole, ChatType, MessageType,
    edit::EditFacts,
    policy,
    refusals::{MESSAGE_GONE, MESSAGE_UNKNOWN, POLL_CHOICES, POLL_CLOSED, POLL_FORBIDDEN, POLL_UNKNOWN},
};

/// How many options a poll has.
pub const FEWEST_OPTIONS: usize = 2;
pub const MOST_OPTIONS: usize = 12;
/// How many characters the question has at most.
pub const LONGEST_QUESTION: usize = 300;
/// How many days ahead a poll can close by itself.
pub const MOST_DAYS: u64 = 366;

/// The poll of a message, whose content is the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Poll {
    #[schema(min_items = 2, max_items = 12)]
    pub options: Vec<PollOption>,
    /// How many people have voted.
    #[schema(minimum = 0)]
    pub voters: i64,
    /// Whether one person can choose several options.
    pub multiple: bool,
    /// How many options one person can choose.
    #[schema(minimum = 1, maximum = 12)]
    pub most: i64,
    /// Whether nobody learns who voted.
    pub anonymous: bool,
    /// When it closes by itself.
    pub closes_at: Option<Timestamp>,
    /// Since when nobody can vote any more; `null` while it is open.
    pub closed_at: Option<Timestamp>,
}

/// What can be chosen in a poll. Votes name options by their place, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PollOption {
    #[schema(min_length = 1, max_length = 100, example = "Noodles")]
    pub text: String,
    /// How many people have chosen it.
    #[schema(minimum = 0)]
    pub votes: i64,
    /// Whether you are one of them. Events are the same for everybody and never contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub mine: Option<bool>,
}

/// What is asked beside the question: what is stored with the message, and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    pub options: Vec<String>,
    pub multiple: bool,
    pub most: i64,
    pub anonymous: bool,
    #[serde(default)]
    pub closes_at: Option<Timestamp>,
}

impl Ballot {
    /// Since when nobody can vote any more, if somebody closed it at this time.
    pub fn ended(&self, closed_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        closed_at.or_else(|| self.closes_at.filter(|at| *at <= now))
    }

    /// What somebody may choose.
    pub fn choices(&self, options: &[i64]) -> Result<Choices> {
        let choices = Choices::of(options);
        let last = options.iter().copied().max().unwrap_or(0);
        if last >= self.options.len() as i64 || choices.count() > self.most {
            return Err(POLL_CHOICES.into());
        }
        Ok(choices)
    }
}

impl Ballot {
    /// The same as people send it.
    pub fn asked(&self) -> Value {
        let Self { options, multiple, most, anonymous, closes_at } = self;
        json!({
            "options": options, "multiple": multiple, "most": multiple.then_some(most), "anonymous": anonymous,
            "closes_at": closes_at,
        })
    }
}

impl From<Ballot> for Poll {
    fn from(ballot: Ballot) -> Self {
        let Ballot { options, multiple, most, anonymous, closes_at } = ballot;
        let option = |text| PollOption { text, votes: 0, mine: None };
        let options = options.into_iter().map(option).collect();
        Self { options, voters: 0, multiple, most, anonymous, closes_at, closed_at: None }
    }
}

impl From<&Poll> for Ballot {
    fn from(poll: &Poll) -> Self {
        let Poll { multiple, most, anonymous, closes_at, .. } = *poll;
        let options = poll.options.iter().map(|option| option.text.clone()).collect();
        Self { options, multiple, most, anonymous, closes_at }
    }
}

impl Poll {
    /// Shows how people have voted.
    pub fn count(&mut self, tally: &Tally) {
        for (option, votes) in self.options.iter_mut().zip(&tally.votes) {
            option.votes = *votes;
        }
        (self.voters, self.closed_at) = (tally.voters, tally.closed_at);
    }

    /// Shows how the viewer has voted.
    pub fn mark(&mut self, mine: Choices) {
        for (index, option) in (0..).zip(&mut self.options) {
            option.mine = Some(mine.contains(index));
        }
    }

    /// Since when nobody can vote any more.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        self.closed_at.or_else(|| self.closes_at.filter(|at| *at <= now))
    }

    /// Closes it if its time is over.
    pub fn end(&mut self, now: Timestamp) {
        self.closed_at = self.ended(now);
    }

    /// Without what depends on the viewer.
    pub fn for_everybody(&mut self) {
        for option in &mut self.options {
            option.mine = None;
        }
    }
}

/// The options that somebody has chosen, each a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices(i64);

impl Choices {
    pub const NONE: Self = Self(0);

    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    pub const fn bits(self) -> i64 {
        self.0
    }

    /// Those at these places, of as many as a poll can have.
    pub fn of(options: &[i64]) -> Self {
        let known = options.iter().filter(|index| (0..MOST_OPTIONS as i64).contains(*index));
        Self(known.fold(0, |bits, index| bits | 1 << index))
    }

    pub const fn contains(self, index: i64) -> bool {
        self.0 & (1 << index) != 0
    }

    pub fn count(self) -> i64 {
        i64::from(self.0.count_ones())
    }

    pub fn indexes(self) -> Vec<i64> {
        (0..MOST_OPTIONS as i64).filter(|index| self.contains(*index)).collect()
    }
}

/// How people have voted so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many have chosen each option.
    pub votes: Vec<i64>,
    pub voters: i64,
    /// When somebody closed it.
    pub closed_at: Option<Timestamp>,
}

impl Tally {
    /// Somebody votes otherwise than before.
    pub fn change(&mut self, before: Choices, after: Choices) {
        for (index, votes) in (0..).zip(&mut self.votes) {
            *votes += i64::from(after.contains(index)) - i64::from(before.contains(index));
        }
        self.voters += i64::from(after != Choices::NONE) - i64::from(before != Choices::NONE);
    }
}

/// Somebody who has voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PollVoter)]
pub struct Voter {
    pub user: Card,
    /// The places of the options that they chose.
    #[schema(min_items = 1, max_items = 12, example = json!([0]))]
    pub options: Vec<i64>,
    pub at: Timestamp,
}

/// The payload of `poll.voted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PollVoted)]
pub struct Voted {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    #[schema(minimum = 1)]
    pub seq: i64,
    /// How many people have chosen each option now.
    #[schema(max_items = 12, example = json!([3, 1]))]
    pub votes: Vec<i64>,
    /// How many people have voted now.
    #[schema(minimum = 0)]
    pub voters: i64,
    /// Who voted; in events `null` for everybody in anonymous polls, and for all except themselves in channels, where
    /// subscribers learn nothing of each other.
    pub user_id: Option<UserId>,
    /// The places of the options that they chose, none if they took their vote back; `null` if `user_id` is.
    #[schema(max_items = 12, example = json!([0]))]
    pub options: Option<Vec<i64>>,
}

impl Voted {
    /// What is told of it, and to whom. Of anonymous polls nobody is told who voted, not even their own devices, because
    /// what is told is kept for a while.
    pub fn told(self, kind: ChatType, anonymous: bool) -> Vec<(Self, Audience)> {
        if kind != ChatType::Channel && !anonymous {
            return vec![(self, Audience::Chat)];
        }
        let unnamed = Self { user_id: None, options: None, ..self.clone() };
        let mut told = vec![(unnamed, Audience::Chat)];
        if !anonymous {
            told.push((self, Audience::Own));
        }
        told
    }
}

/// The payload of `poll.closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PollClosed)]
pub struct Closed {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    #[schema(minimum = 1)]
    pub seq: i64,
    pub closed_at: Timestamp,
}

impl NewPoll {
    /// All that is asked, as octets: the same for the same poll.
    pub fn to_octets(&self) -> Vec<u8> {
        let Self { options, multiple, most, anonymous, closes_at } = self;
        let options = options.iter().map(OptionText::as_str).collect::<Vec<_>>();
        json!([options, multiple, most, anonymous, closes_at]).to_string().into_bytes()
    }
}

/// The poll of a message that is sent now.
pub fn ask(now: Timestamp, new: NewPoll) -> Result<Box<Poll>> {
    let NewPoll { options, multiple, most, anonymous, closes_at } = new;
    if let Some(at) = closes_at {
        if at <= now {
            return Err(Error::field("/poll/closes_at", "past", "must be in the future"));
        }
        if at > now.plus(Duration::from_secs(MOST_DAYS * 24 * 3600)) {
            let message = format!("must be within the next {MOST_DAYS} days");
            return Err(Error::field("/poll/closes_at", "too_late", message));
        }
    }
    let options: Vec<_> = options.into_iter().map(OptionText::into_string).collect();
    let most = if multiple { most.unwrap_or(options.len() as i64) } else { 1 };
    Ok(Box::new(Ballot { options, multiple, most, anonymous, closes_at }.into()))
}

/// What is known when somebody votes. The chat is locked, so that it stays true until the vote is written. Blocks are none of
/// it: nobody must learn from an answer that the author has blocked them.
#[derive(Debug, Clone, Copy)]
pub struct VoteFacts {
    /// The caller's role in the chat; `None` for outsiders.
    pub role: Option<ChatRole>,
    /// Whether nobody can write in the chat any more.
    pub closed: bool,
    pub deleted: bool,
    /// Whether the poll is closed.
    pub ended: bool,
    pub before: Choices,
}

/// Whether the vote changes anything. A vote can be taken back also in a closed chat, but not once the poll is closed: its
/// result stays as it is.
pub fn decide(facts: VoteFacts, after: Choices) -> Result<bool> {
    facts.role.ok_or(MESSAGE_UNKNOWN)?;
    if facts.deleted {
        return Err(MESSAGE_GONE.into());
    }
    if after == facts.before {
        return Ok(false);
    }
    if facts.ended {
        return Err(POLL_CLOSED.into());
    }
    if after == Choices::NONE {
        return Ok(true);
    }
    policy::is_open(facts.closed)?;
    Ok(true)
}

/// Since when the poll of a message is closed, if that is so already. Its author closes it, and whoever may delete it, but
/// nobody if the chat is closed, because that cannot be taken back.
pub fn decide_close(ctx: &Ctx, facts: &EditFacts) -> Result<Option<Timestamp>> {
    let EditFacts { message, seat, closed, .. } = facts;
    let seat = seat.ok_or(MESSAGE_UNKNOWN)?;
    if message.kind != MessageType::Poll {
        return Err(POLL_UNKNOWN.into());
    }
    if !policy::may_delete(ctx.user()?, seat, message.sender.id) {
        return Err(POLL_FORBIDDEN.into());
    }
    let ended = message.poll.as_ref().ok_or(MESSAGE_GONE)?.closed_at;
    if ended.is_none() {
        policy::is_open(*closed)?;
    }
    Ok(ended)
}

#[cfg(test)]
mod tests;
