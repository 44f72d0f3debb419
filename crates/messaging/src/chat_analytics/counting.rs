//! What a message counts for.

use std::{collections::BTreeMap, time::Duration};

use clowder_core::{ChatId, Recorded, Timestamp, UserId, Word};
use serde::{Deserialize, Serialize};

use super::{AnalyticsReaction, Day, QUARTERS, ResponseStep, ResponseTime, UtcOffset, quarter_of};
use crate::{CHAT, MessageType, change::MESSAGE_SENT};

/// Up to how many seconds each step of the response times reaches. What takes longer is no answer.
const STEPS: [i64; 12] = [10, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400];

/// How many emoji are kept of a day: more than there are.
pub const MOST_REACTIONS: i64 = 5_000;

/// What is counted of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Sent(Sent),
    Deleted { chat: ChatId, seq: i64 },
    Reacted { chat: ChatId, seq: i64 },
}

/// What never changes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub chat: ChatId,
    pub seq: i64,
    /// `None` if the server wrote it: such messages do not count.
    pub sender: Option<UserId>,
    pub at: Timestamp,
}

impl Sent {
    /// One as it is stored, with its time as the journal tells it: in whole milliseconds.
    pub fn stored(chat: ChatId, seq: i64, sender: Option<UserId>, at: Timestamp) -> Self {
        let at = Timestamp::from_micros(at.as_micros().div_euclid(1_000) * 1_000);
        Self { chat, seq, sender, at }
    }

    /// In UTC.
    pub const fn day(&self) -> Day {
        Day::of(self.at, UtcOffset::UTC)
    }

    /// The quarter of an hour of that day.
    pub const fn quarter(&self) -> u8 {
        quarter_of(self.at).rem_euclid(QUARTERS as i64) as u8
    }
}

#[derive(Deserialize)]
struct Message {
    chat_id: ChatId,
    seq: i64,
    #[serde(rename = "type")]
    kind: String,
    sender: Sender,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Sender {
    id: UserId,
}

#[derive(Deserialize)]
struct Place {
    chat_id: ChatId,
    seq: i64,
}

/// What a change counts for, if anything. One that this version cannot read counts for nothing.
pub fn seen(change: &Recorded) -> Option<Seen> {
    if change.topic.kind != CHAT {
        return None;
    }
    let place = || serde_json::from_str::<Place>(change.data.get()).ok();
    match &*change.name {
        MESSAGE_SENT => {
            let Message { chat_id: chat, seq, kind, sender, created_at: at } =
                serde_json::from_str(change.data.get()).ok()?;
            // A kind that only newer versions know counts, too.
            let sender = (kind != MessageType::System.as_str()).then_some(sender.id);
            Some(Seen::Sent(Sent { chat, seq, sender, at }))
        }
        "message.deleted" => place().map(|Place { chat_id: chat, seq }| Seen::Deleted { chat, seq }),
        "reaction.added" | "reaction.removed" => {
            place().map(|Place { chat_id: chat, seq }| Seen::Reacted { chat, seq })
        }
        _ => None,
    }
}

/// What is stored of a day in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many messages were sent in each quarter of an hour, of those in which there are any.
    #[serde(rename = "q", default)]
    pub quarters: BTreeMap<u8, i64>,
    #[serde(rename = "a", default)]
    pub answers: Answers,
    /// How often each emoji stands at messages of the day.
    #[serde(skip)]
    pub reactions: BTreeMap<String, i64>,
}

/// How many answers each step of the response times has, and how long all of them took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    #[serde(rename = "n", default)]
    steps: BTreeMap<u8, i64>,
    #[serde(rename = "s", default)]
    micros: i64,
}

impl Counts {
    /// Counts a message, or takes it away, `times` being 1 or -1, with the time after which it answers another.
    pub fn count(&mut self, message: &Sent, answer: Option<Duration>, times: i64) {
        if message.sender.is_none() {
            return;
        }
        add(&mut self.quarters, message.quarter(), times);
        if let Some((after, step)) = answer.and_then(|after| Some((after, step_of(after)?))) {
            add(&mut self.answers.steps, step, times);
            let micros = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
            self.answers.micros = (self.answers.micros + times * micros).max(0);
        }
    }

    pub fn add_reactions(&mut self, others: &BTreeMap<String, i64>) {
        for (emoji, count) in others {
            *self.reactions.entry(emoji.clone()).or_default() += count;
        }
    }

    /// The most frequent emoji.
    pub fn top(self, most: usize) -> Vec<AnalyticsReaction> {
        let mut top: Vec<_> = self.reactions.into_iter().filter(|(_, count)| *count > 0).collect();
        top.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
        top.truncate(most);
        top.into_iter().map(|(emoji, count)| AnalyticsReaction { emoji, count }).collect()
    }
}

/// What has never been counted cannot be taken away.
fn add(counts: &mut BTreeMap<u8, i64>, at: u8, more: i64) {
    let count = counts.entry(at).or_default();
    *count += more;
    if *count <= 0 {
        counts.remove(&at);
    }
}

fn step_of(after: Duration) -> Option<u8> {
    let step = STEPS.iter().position(|seconds| after <= Duration::from_secs(seconds.unsigned_abs()));
    step.and_then(|step| u8::try_from(step).ok())
}

/// After which time a message answers the one before it, if that is of another person.
pub fn answer_of(message: &Sent, before: Option<&Sent>) -> Option<Duration> {
    let before = before.filter(|before| before.chat == message.chat && before.seq + 1 == message.seq)?;
    let people = message.sender.zip(before.sender).is_some_and(|(one, other)| one != other);
    people.then(|| message.at.since(before.at)).filter(|after| step_of(*after).is_some())
}

impl Answers {
    pub fn add(&mut self, others: &Self) {
        for (step, answers) in &others.steps {
            *self.steps.entry(*step).or_default() += answers;
        }
        self.micros += others.micros;
    }

    pub fn summary(&self) -> ResponseTime {
        let answers: i64 = self.steps.values().sum();
        let mut passed = 0;
        let mut median_within_seconds = None;
        let distribution = STEPS.iter().zip(0_u8..).map(|(within_seconds, step)| {
            let answers_here = self.steps.get(&step).copied().unwrap_or(0);
            passed += answers_here;
            if passed * 2 >= answers && answers > 0 {
                median_within_seconds.get_or_insert(*within_seconds);
            }
            ResponseStep { within_seconds: *within_seconds, answers: answers_here }
        });
        let distribution = distribution.collect();
        let mean_seconds = (answers > 0).then(|| (self.micros as f64 / answers as f64 / 1_000.0).round() / 1_000.0);
        ResponseTime { answers, mean_seconds, median_within_seconds, distribution }
    }
}
