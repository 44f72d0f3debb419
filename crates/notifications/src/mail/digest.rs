//! When a digest is due: at eight in the morning by the clocks of its recipient, every day or on Mondays.

use clowder_core::{LocalDay, TimeZone, Timestamp, Word};

use crate::Digest;

/// The hour of the day.
pub const HOUR: u8 = 8;
/// How many things a digest shows; of the rest it says how many there are.
pub const LINES: usize = 30;

/// How often somebody gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rhythm {
    Daily,
    Weekly,
}

impl Word for Rhythm {
    const WHAT: &'static str = "rhythm of a digest";
    const WORDS: &'static [(&'static str, Self)] = &[("daily", Self::Daily), ("weekly", Self::Weekly)];
}

impl Rhythm {
    /// What somebody has chosen; none if they want single emails.
    pub const fn of(digest: Digest) -> Option<Self> {
        match digest {
            Digest::Off => None,
            Digest::Daily => Some(Self::Daily),
            Digest::Weekly => Some(Self::Weekly),
        }
    }
}

/// A digest that is due, and the one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The same for every look at the same morning, wherever its clocks stand by then: `daily 2026-12-01`. Whoever stores it
    /// first sends the digest.
    pub period: String,
    pub next: Timestamp,
}

/// When the next one is due, strictly after this moment.
pub fn next(rhythm: Rhythm, zone: &TimeZone, after: Timestamp) -> Timestamp {
    let mut day = latest(rhythm, zone.local(after).day);
    loop {
        let at = zone.moment(day, HOUR);
        if at > after {
            return at;
        }
        let later = day.plus(step(rhythm));
        // The calendar is over.
        if later == day {
            return at;
        }
        day = later;
    }
}

/// The latest one that is due at this moment. Those that nobody sent before it are left out.
pub fn due(rhythm: Rhythm, zone: &TimeZone, now: Timestamp) -> Due {
    let mut day = latest(rhythm, zone.local(now).day);
    if zone.moment(day, HOUR) > now {
        day = day.plus(-step(rhythm));
    }
    Due { period: format!("{} {day}", rhythm.as_str()), next: next(rhythm, zone, now) }
}

/// The latest day of digests that is not after this one.
fn latest(rhythm: Rhythm, day: LocalDay) -> LocalDay {
    match rhythm {
        Rhythm::Daily => day,
        Rhythm::Weekly => day.plus(-day.since_monday()),
    }
}

const fn step(rhythm: Rhythm) -> i64 {
    match rhythm {
        Rhythm::Daily => 1,
        Rhythm::Weekly => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clowder_core::Field;
    use serde_json::json;

    use super::{Rhythm::*, *};

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse(json!(name)).unwrap()
    }

    #[test]
    fn eight_in_the_morning_whatever_the_clocks_do() {
        for (rhythm, name, after, at) in [
            (Daily, "Europe/Berlin", "2026-12-01T06:59:59Z", "2026-12-01T07:00:00.000Z"),
            (Daily, "Europe/Berlin", "2026-12-01T07:00:00Z", "2026-12-02T07:00:00.000Z"),
            // A day of 25 hours, and one of 23.
            (Daily, "Europe/Berlin", "2026-10-24T06:00:00Z", "2026-10-25T07:00:00.000Z"),
            (Daily, "Europe/Berlin", "2026-03-28T07:00:00Z", "2026-03-29T06:00:00.000Z"),
            // Half an hour, and quarters.
            (Daily, "Australia/Lord_Howe", "2026-04-04T20:00:00Z", "2026-04-04T21:30:00.000Z"),
            (Daily, "Asia/Kathmandu", "2026-12-01T00:00:00Z", "2026-12-01T02:15:00.000Z"),
            // There is no 30 December 2011 in Samoa.
            (Daily, "Pacific/Apia", "2011-12-29T18:00:00Z", "2011-12-30T18:00:00.000Z"),
            (Weekly, "UTC", "2026-12-01T00:00:00Z", "2026-12-07T08:00:00.000Z"),
            (Weekly, "UTC", "2026-12-07T07:59:59Z", "2026-12-07T08:00:00.000Z"),
            (Weekly, "UTC", "2026-12-07T08:00:00Z", "2026-12-14T08:00:00.000Z"),
            // It is Monday there already.
            (Weekly, "Pacific/Kiritimati", "2026-12-06T12:00:00Z", "2026-12-06T18:00:00.000Z"),
            (Weekly, "Europe/Berlin", "2026-10-19T06:00:00Z", "2026-10-26T07:00:00.000Z"),
        ] {
            let found = next(rhythm, &zone(name), after.parse().unwrap());
            assert_eq!(found.to_string(), at, "{rhythm:?} {name} {after}");
        }
    }

    #[test]
    fn a_morning_has_one_name() {
        for (rhythm, name, now, period, next) in [
            (Daily, "UTC", "2026-12-01T08:00:00Z", "daily 2026-12-01", "2026-12-02T08:00:00.000Z"),
            (Daily, "UTC", "2026-12-02T07:59:59Z", "daily 2026-12-01", "2026-12-02T08:00:00.000Z"),
            // After some days without a server, there is one.
            (Daily, "UTC", "2026-12-09T12:00:00Z", "daily 2026-12-09", "2026-12-10T08:00:00.000Z"),
            (Weekly, "UTC", "2026-12-09T12:00:00Z", "weekly 2026-12-07", "2026-12-14T08:00:00.000Z"),
            (Weekly, "UTC", "2026-12-07T07:00:00Z", "weekly 2026-11-30", "2026-12-07T08:00:00.000Z"),
            // Whoever has flown west gets the digest of that morning once.
            (Daily, "America/New_York", "2026-12-01T13:00:00Z", "daily 2026-12-01", "2026-12-02T13:00:00.000Z"),
            (Daily, "Europe/Berlin", "2026-12-01T07:00:00Z", "daily 2026-12-01", "2026-12-02T07:00:00.000Z"),
        ] {
            let due = due(rhythm, &zone(name), now.parse().unwrap());
            assert_eq!((due.period.as_str(), due.next.to_string().as_str()), (period, next), "{rhythm:?} {name} {now}");
        }
    }

    #[test]
    fn every_morning_of_a_year_comes_once() {
        for (name, days) in [("Europe/Berlin", 365), ("America/New_York", 365), ("Australia/Lord_Howe", 365)] {
            let zone = zone(name);
            let (start, end): (Timestamp, Timestamp) =
                ("2026-01-01T12:00:00Z".parse().unwrap(), "2027-01-01T12:00:00Z".parse().unwrap());
            let (mut at, mut periods, mut count) = (next(Daily, &zone, start), BTreeSet::new(), 0);
            while at <= end {
                let due = due(Daily, &zone, at);
                assert_eq!((zone.local(at).hour, zone.local(at).minute), (8, 0));
                periods.insert(due.period);
                (at, count) = (due.next, count + 1);
            }
            assert_eq!((periods.len(), count), (days, days), "{name}");
        }
    }
}
