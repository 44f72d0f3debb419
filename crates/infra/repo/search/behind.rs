//! Where a page of what is found ends: in the order of scores, and behind what is ranked by time.

use std::cmp::Reverse;

use clowder_core::{PageRequest, Result, Timestamp};
use clowder_messaging::search::Order;

use crate::domains::messaging::Place;

/// Where a page ends.
#[derive(Debug, Clone, Copy)]
pub struct Behind {
    /// When the first page was read.
    pub until: Timestamp,
    /// Nothing in lists by time, also where one goes on behind what is ranked.
    pub score: Option<f64>,
    pub place: Place,
    /// The oldest of those that are ranked, if there may be more behind it.
    pub oldest: Option<Place>,
}

/// What stands in place of a score in the cursor of what is older than all that is ranked.
const OLDER: &str = "older";
/// Scores have four digits.
const DIGITS: f64 = 10_000.0;

impl Behind {
    pub fn written(&self, order: Order) -> String {
        let written = |Place { at, chat, seq }: Place| format!("{}.{chat}.{seq}", at.as_micros());
        let place = written(self.place);
        match (order, self.score) {
            (Order::Relevance, Some(score)) => {
                let score = (score * DIGITS).round() as i64;
                let oldest = self.oldest.map(|oldest| format!(".{}", written(oldest))).unwrap_or_default();
                format!("{}.{score}.{place}{oldest}", self.until.as_micros())
            }
            (Order::Relevance, None) => format!("{}.{OLDER}.{place}", self.until.as_micros()),
            (Order::Newest | Order::Oldest, _) => place,
        }
    }

    pub fn read(cursor: &str, order: Order) -> Result<Self> {
        Self::parse(cursor, order).ok_or_else(PageRequest::wrong)
    }

    fn parse(cursor: &str, order: Order) -> Option<Self> {
        let mut parts = cursor.split('.');
        let moment = |micros: i64| {
            (-62_000_000_000_000_000..=253_000_000_000_000_000)
                .contains(&micros)
                .then(|| Timestamp::from_micros(micros))
        };
        let (until, score) = match order {
            Order::Relevance => {
                let until = moment(parts.next()?.parse().ok()?)?;
                let score = match parts.next()? {
                    OLDER => None,
                    score => Some(score.parse::<i64>().ok()? as f64 / DIGITS),
                };
                (until, score)
            }
            Order::Newest | Order::Oldest => (Timestamp::from_micros(0), None),
        };
        let parts: Vec<&str> = parts.collect();
        let place = |parts: &[&str]| match parts {
            [at, chat, seq] => {
                Some(Place { at: moment(at.parse().ok()?)?, chat: chat.parse().ok()?, seq: seq.parse().ok()? })
            }
            _ => None,
        };
        let (first, rest) = parts.split_at_checked(3)?;
        let oldest = if rest.is_empty() { None } else { Some(place(rest)?) };
        Some(Self { until, score, place: place(first)?, oldest })
    }

    /// What is listed first is less.
    pub fn rank(&self) -> (Reverse<i64>, Reverse<Place>) {
        (Reverse((self.score.unwrap_or_default() * DIGITS).round() as i64), Reverse(self.place))
    }
}
