//! What happens in a chat, in numbers, for its owners.
//!
//! A reader of the journal counts: no send pays for it, and nothing is read again to answer. What a message counts for
//! depends only on what never changes of it and of the message before, so a deletion takes away exactly what was counted.
//! Counts are kept for each day in UTC, and within it for each quarter of an hour; so they can be shown in any time zone
//! whose offset is a multiple of a quarter.

mod counting;
pub mod port;

use clowder_core::{ChatId, Timestamp};
use serde::{Deserialize, Serialize};

pub use counting::{Answers, Counts, MOST_REACTIONS, Seen, Sent, answer_of, seen};

/// How many days one call can show.
pub const MOST_DAYS: i32 = 366;
/// How many days are shown if nobody says which.
pub const DAYS: i32 = 30;
/// Quarters of an hour in a day.
pub const QUARTERS: i32 = 96;

const QUARTER: i64 = 15 * 60 * 1_000_000;

/// A day, counted from the beginning of 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// `2026-09-20`
    pub fn parse(text: &str) -> Option<Self> {
        // A date that is not written in full is none.
        let is_date = text.len() == 10 && text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-');
        let start: Timestamp = format!("{text}T00:00:00Z").parse().ok().filter(|_| is_date)?;
        Some(Self::of(start, UtcOffset::UTC))
    }

    /// 9999-12-31: years have four digits.
    const LAST: Self = Self(2_932_896);

    /// The day in a time zone.
    pub const fn of(at: Timestamp, offset: UtcOffset) -> Self {
        Self((quarter_of(at) + offset.0 as i64).div_euclid(QUARTERS as i64) as i32)
    }

    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// All days up to another one, with both.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = Timestamp::from_micros(i64::from(self.0) * i64::from(QUARTERS) * QUARTER).to_string();
        f.write_str(start.get(..10).unwrap_or_default())
    }
}

/// Quarters of an hour since the beginning of 1970.
const fn quarter_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(QUARTER)
}

/// How far a time zone is ahead of UTC, in quarters of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UtcOffset(i32);

impl UtcOffset {
    pub const UTC: Self = Self(0);

    /// `+05:30`, `-03:00` or `Z`. In a query string, a `+` that is not escaped arrives as a space.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "Z" {
            return Some(Self::UTC);
        }
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+" | " ", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) =
            rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
        let number = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse::<i32>().ok())?;
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let quarters = sign * (hours * 4 + minutes / 15);
        (minutes < 60 && minutes % 15 == 0 && (-48..=56).contains(&quarters)).then_some(Self(quarters))
    }

    /// Where a day of this time zone begins in UTC: so many days later, and so many quarters into the day.
    pub const fn start(self) -> (i32, i32) {
        ((-self.0).div_euclid(QUARTERS), (-self.0).rem_euclid(QUARTERS))
    }
}

impl std::fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, quarters) = if self.0 < 0 { ('-', -self.0) } else { ('+', self.0) };
        write!(f, "{sign}{:02}:{:02}", quarters / 4, quarters % 4 * 15)
    }
}

/// Which days, in which time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Day,
    /// The last one.
    pub to: Day,
    pub offset: UtcOffset,
}

impl Period {
    /// What is missing is chosen so that the last thirty days are shown; `None` if there are too many days, or none.
    pub fn of(now: Timestamp, from: Option<Day>, to: Option<Day>, offset: UtcOffset) -> Option<Self> {
        let to = to.unwrap_or_else(|| from.map_or(Day::of(now, offset), |from| from.plus(DAYS - 1).min(Day::LAST)));
        let from = from.unwrap_or_else(|| to.plus(1 - DAYS));
        (from <= to && to < from.plus(MOST_DAYS)).then_some(Self { from, to, offset })
    }
}

/// What happened in a chat in some days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatAnalytics {
    pub chat_id: ChatId,
    #[schema(example = "2026-09-01", format = "date")]
    pub from: String,
    /// The last day.
    #[schema(example = "2026-09-30", format = "date")]
    pub to: String,
    /// Days and hours are those of a time zone with this offset.
    #[schema(example = "+02:00")]
    pub utc_offset: String,
    /// The messages up to this `seq` have been counted; those sent just now follow within seconds. 0 if none have.
    #[schema(minimum = 0)]
    pub counted_seq: i64,
    /// Messages of people, without those that are deleted.
    #[schema(minimum = 0)]
    pub messages: i64,
    /// How many people have written, each counted once, without those whose accounts are erased.
    #[schema(minimum = 0)]
    pub people: i64,
    /// Each day, also those in which nothing happened.
    #[schema(max_items = 366)]
    pub days: Vec<AnalyticsDay>,
    /// Each hour of the day, from 0 to 23: how many messages were sent in it, on all days together.
    #[schema(min_items = 24, max_items = 24)]
    pub hours: Vec<AnalyticsHour>,
    /// The hours in which most messages were sent, the busiest first.
    #[schema(max_items = 3)]
    pub busiest_hours: Vec<u32>,
    /// The emoji with which people have most often reacted to messages of these days (in UTC).
    #[schema(max_items = 20)]
    pub top_reactions: Vec<AnalyticsReaction>,
    pub response_time: ResponseTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatAnalyticsDay)]
pub struct AnalyticsDay {
    #[schema(example = "2026-09-20", format = "date")]
    pub day: String,
    #[schema(minimum = 0)]
    pub messages: i64,
    /// How many people have written.
    #[schema(minimum = 0)]
    pub people: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatAnalyticsHour)]
pub struct AnalyticsHour {
    #[schema(minimum = 0, maximum = 23)]
    pub hour: u32,
    #[schema(minimum = 0)]
    pub messages: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatAnalyticsReaction)]
pub struct AnalyticsReaction {
    #[schema(example = "👍")]
    pub emoji: String,
    #[schema(minimum = 1)]
    pub count: i64,
}

/// How long it takes until somebody answers: the time between a message and the next one, if that is of another person and
/// comes within a day; of messages of these days (in UTC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatResponseTime)]
pub struct ResponseTime {
    #[schema(minimum = 0)]
    pub answers: i64,
    /// `null` if there are none.
    #[schema(minimum = 0)]
    pub mean_seconds: Option<f64>,
    /// Half of the answers came within so many seconds: the end of the step of `distribution` that has the median.
    #[schema(minimum = 0)]
    pub median_within_seconds: Option<i64>,
    /// How many answers came within so many seconds, and later than in the step before.
    #[schema(max_items = 12)]
    pub distribution: Vec<ResponseStep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatResponseStep)]
pub struct ResponseStep {
    #[schema(minimum = 1, example = 60)]
    pub within_seconds: i64,
    #[schema(minimum = 0)]
    pub answers: i64,
}

/// What is stored of a chat for some days.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Those in UTC that the period touches.
    pub days: Vec<(Day, Counts)>,
    /// How many people have written in each day of the time zone, if any.
    pub people: Vec<(Day, i64)>,
    /// How many people have written altogether.
    pub all_people: i64,
    pub counted_seq: i64,
}

/// The answer, from what is stored.
pub fn report(chat: ChatId, period: Period, stored: &Stored) -> ChatAnalytics {
    let Period { from, to, offset } = period;
    let mut days: Vec<_> =
        from.to(to).map(|day| AnalyticsDay { day: day.to_string(), messages: 0, people: 0 }).collect();
    let mut hours: Vec<_> = (0..24).map(|hour| AnalyticsHour { hour, messages: 0 }).collect();
    let (mut reactions, mut answers) = (Counts::default(), Answers::default());
    for (day, counts) in &stored.days {
        for (quarter, messages) in &counts.quarters {
            let local = day.0 * QUARTERS + i32::from(*quarter) + offset.0;
            let index = usize::try_from(local.div_euclid(QUARTERS) - from.0);
            if let Some(day) = index.ok().and_then(|index| days.get_mut(index)) {
                day.messages += messages;
                hours[local.rem_euclid(QUARTERS) as usize / 4].messages += messages;
            }
        }
        if (from..=to).contains(day) {
            answers.add(&counts.answers);
            reactions.add_reactions(&counts.reactions);
        }
    }
    for (day, people) in &stored.people {
        if let Some(day) = usize::try_from(day.0 - from.0).ok().and_then(|index| days.get_mut(index)) {
            day.people = *people;
        }
    }
    let mut busiest: Vec<_> = hours.iter().filter(|hour| hour.messages > 0).collect();
    busiest.sort_by_key(|hour| (-hour.messages, hour.hour));
    ChatAnalytics {
        chat_id: chat,
        from: from.to_string(),
        to: to.to_string(),
        utc_offset: offset.to_string(),
        counted_seq: stored.counted_seq,
        messages: days.iter().map(|day| day.messages).sum(),
        people: stored.all_people,
        busiest_hours: busiest.into_iter().take(3).map(|hour| hour.hour).collect(),
        top_reactions: reactions.top(20),
        response_time: answers.summary(),
        days,
        hours,
    }
}

#[cfg(test)]
mod tests;
