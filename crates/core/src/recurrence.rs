//! What happens again and again: rules of RFC 5545 (`RRULE`), in the local time of a time zone.
//!
//! A rule is expanded over days without a time zone, and never farther than some decades. Which moments these are, the
//! rules of the zone say: what happens at nine o'clock happens at nine o'clock in summer, too. A time that a change of the
//! clocks skips counts as if they had not been changed yet (RFC 5545 §3.3.5), and of a time that there is twice, the first
//! counts.

mod days;

use std::str::FromStr;

use days::Days;
use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone as Zone},
};
use rrule::RRuleSet;
use serde_json::Value;

use crate::{
    Field, TimeZone, Timestamp,
    input::string,
    text::{self, Flaw},
};

/// How long the text of a rule can be.
const LONGEST: usize = 200;
/// How many years away the next time can be. Within these, each day of a year falls on each day of the week.
const FARTHEST: i64 = 40;
/// The parts that a rule can have. Times of day are left out: a rule is about days, at the time of the first.
const PARTS: &[&str] = &["BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "COUNT", "FREQ", "INTERVAL", "UNTIL", "WKST"];
/// Once a day at most.
const FREQUENCIES: &[&str] = &["DAILY", "MONTHLY", "WEEKLY", "YEARLY"];

/// A rule by which something is repeated: `FREQ=WEEKLY;BYDAY=MO,TH`. At most once a day, always at the time of day at which
/// it happens first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    text: String,
    /// The same without its end.
    days: Days,
    count: Option<usize>,
    until: Option<Until>,
}

/// The last moment at which something is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Moment(Timestamp),
    /// In the time zone of whatever is repeated.
    Local(DateTime),
}

impl Repeat {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn into_string(self) -> String {
        self.text
    }

    /// The first occurrence at this time or after it, in whole seconds; `None` if there is none within `FARTHEST` years.
    pub fn first(&self, start: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.find(start, zone, None)
    }

    /// The first occurrence after `now` of what began at `start`; `None` if it is over, or more than `FARTHEST` years
    /// away.
    pub fn next(&self, start: Timestamp, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        self.find(start, zone, Some(now))
    }

    fn find(&self, start: Timestamp, zone: &TimeZone, after: Option<Timestamp>) -> Option<Timestamp> {
        let zone = zone.rules();
        let begin = jiff::Timestamp::from_second(start.as_seconds()).ok()?;
        let start = begin.to_zoned(zone.clone()).datetime();
        let now = match after {
            Some(after) => jiff::Timestamp::from_second(after.as_seconds()).ok()?.to_zoned(zone.clone()).date(),
            None => start.date(),
        };
        // Only what is counted has to be expanded from its start on.
        let from = if self.count.is_some() { start.date() } else { now.yesterday().unwrap_or(now) };
        let last = now.max(start.date()).checked_add(FARTHEST.years()).unwrap_or(Date::MAX);
        let occurrences = self.days.between(start.date(), from, last).take(self.count.unwrap_or(usize::MAX));
        let mut occurrences = occurrences.map_while(|day| {
            let local = day.to_datetime(start.time());
            // Of a time that there is twice, the start may be the second.
            let at = if local == start { begin.into() } else { moment(&zone, local)? };
            let is_over = match self.until {
                Some(Until::Moment(until)) => at > until,
                Some(Until::Local(until)) => local > until,
                None => false,
            };
            (!is_over).then_some(at)
        });
        occurrences.find(|at| after.is_none_or(|after| *at > after))
    }
}

/// Whether the library takes these parts for a rule.
fn is_valid(rule: &str) -> bool {
    RRuleSet::from_str(&format!("DTSTART:20260101T000000Z\nRRULE:{rule}")).is_ok()
}

fn moment(zone: &Zone, local: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok().map(Timestamp::from)
}

fn wrong(why: impl Into<String>) -> Flaw {
    Flaw::new("repeat", why)
}

impl FromStr for Repeat {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let text = text.to_ascii_uppercase();
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        let (mut seen, mut endless, mut count, mut until) = (Vec::new(), Vec::new(), None, None);
        for part in text.split(';') {
            let Some((name, value)) = part.split_once('=') else {
                return Err(wrong("must be a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO"));
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ",+-".contains(c);
            if value.is_empty() || !value.chars().all(is_plain) || !PARTS.contains(&name) {
                return Err(wrong(format!("can only have the parts {}", PARTS.join(", "))));
            }
            if seen.contains(&name) {
                return Err(wrong("must name each part once"));
            }
            seen.push(name);
            match name {
                "FREQ" if !FREQUENCIES.contains(&value) => {
                    return Err(wrong(format!("must be one of FREQ={}", FREQUENCIES.join(", "))));
                }
                "COUNT" => {
                    let times = value.parse().ok().filter(|times| (1..=MOST_TIMES).contains(times));
                    count = Some(times.ok_or_else(|| wrong(format!("must have a COUNT of 1 to {MOST_TIMES}")))?);
                }
                "UNTIL" => {
                    let read = ends(value);
                    until = Some(read.ok_or_else(|| wrong("must have an UNTIL such as 20261231 or 20261231T235959Z"))?);
                }
                "INTERVAL" if !value.parse().is_ok_and(|every: u16| (1..=MOST_TIMES).contains(&usize::from(every))) => {
                    return Err(wrong(format!("must have an INTERVAL of 1 to {MOST_TIMES}")));
                }
                _ => endless.push(part),
            }
        }
        if count.is_some() && until.is_some() {
            return Err(wrong("can have COUNT or UNTIL, but not both"));
        }
        let endless = endless.join(";");
        let days = Days::read(&endless).filter(|_| is_valid(&endless));
        let days = days.ok_or_else(|| wrong("is not a valid rule of RFC 5545"))?;
        Ok(Self { text: text.to_owned(), days, count, until })
    }
}

/// The largest number in a rule.
const MOST_TIMES: usize = 1_000;

/// `20261231`, `20261231T235959` or `20261231T235959Z`. A day ends at its end.
fn ends(text: &str) -> Option<Until> {
    let number = |range: std::ops::Range<usize>| -> Option<i16> {
        let digits = text.get(range)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let small = |range| number(range).and_then(|number| i8::try_from(number).ok());
    let date = Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok()?;
    if text.len() == 8 {
        return Some(Until::Local(date.to_datetime(Time::MAX)));
    }
    if text.get(8..9)? != "T" {
        return None;
    }
    let local = date.to_datetime(Time::new(small(9..11)?, small(11..13)?, small(13..15)?, 0).ok()?);
    match text.get(15..)? {
        "" => Some(Until::Local(local)),
        "Z" => Some(Until::Moment(Offset::UTC.to_timestamp(local).ok()?.into())),
        _ => None,
    }
}

impl Field for Repeat {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::line(&string(value)?, 1, LONGEST)?.parse()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse(json!(name)).unwrap()
    }

    fn occurrences(rule: &str, start: &str, name: &str, most: usize) -> Vec<String> {
        let (repeat, start, zone) = (rule.parse::<Repeat>().unwrap(), start.parse().unwrap(), zone(name));
        let mut found = Vec::new();
        let mut next = repeat.first(start, &zone);
        while let Some(at) = next.filter(|_| found.len() < most) {
            found.push(at.to_string().replace(":00.000Z", "Z"));
            next = repeat.next(start, &zone, at);
        }
        found
    }

    #[test]
    fn occurrences_table() {
        for (rule, start, name, expected) in [
            ("FREQ=DAILY", "2026-11-28T09:00:00Z", "UTC", &["2026-11-28T09:00Z", "2026-11-29T09:00Z"] as &[&str]),
            // What does not fit the rule is not the first one.
            ("FREQ=WEEKLY;BYDAY=MO", "2026-11-28T09:00:00Z", "UTC", &["2026-11-30T09:00Z", "2026-12-07T09:00Z"]),
            ("rrule:freq=daily;count=2", "2026-11-28T09:00:00Z", "UTC", &["2026-11-28T09:00Z", "2026-11-29T09:00Z"]),
            ("FREQ=DAILY;COUNT=1", "2026-11-28T09:00:00Z", "UTC", &["2026-11-28T09:00Z"]),
            ("FREQ=DAILY;UNTIL=20261129", "2026-11-28T09:00:00Z", "UTC", &["2026-11-28T09:00Z", "2026-11-29T09:00Z"]),
            ("FREQ=DAILY;UNTIL=20261129T085959Z", "2026-11-28T09:00:00Z", "UTC", &["2026-11-28T09:00Z"]),
            // The end is at nine in Berlin, which is eight in UTC.
            ("FREQ=DAILY;UNTIL=20261128T090000", "2026-11-28T08:00:00Z", "Europe/Berlin", &["2026-11-28T08:00Z"]),
            ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31T09:00:00Z", "UTC", &["2026-01-31T09:00Z", "2026-03-31T09:00Z"]),
            (
                "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
                "2026-10-01T09:00:00Z",
                "UTC",
                &["2026-10-30T09:00Z", "2026-11-30T09:00Z"],
            ),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "2026-01-01T09:00:00Z", "UTC", &[]),
        ] {
            assert_eq!(occurrences(rule, start, name, 2), expected, "{rule}");
        }
    }

    /// Nine o'clock stays nine o'clock.
    #[test]
    fn clocks_change() {
        let berlin = "Europe/Berlin";
        // Winter time ends on 29 March 2026, when two o'clock becomes three.
        let spring = ["2026-03-28T08:00Z", "2026-03-29T07:00Z"];
        assert_eq!(occurrences("FREQ=DAILY", "2026-03-28T08:00:00Z", berlin, 2), spring);
        // Half past two is skipped, and back on the next day.
        let skipped = ["2026-03-28T01:30Z", "2026-03-29T01:30Z", "2026-03-30T00:30Z"];
        assert_eq!(occurrences("FREQ=DAILY", "2026-03-28T01:30:00Z", berlin, 3), skipped);
        // Half past two is there twice on 25 October.
        let twice = ["2026-10-24T00:30Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z"];
        assert_eq!(occurrences("FREQ=DAILY", "2026-10-24T00:30:00Z", berlin, 3), twice);
        // Whoever begins with the second of the two gets it.
        let second = ["2026-10-25T01:30Z", "2026-10-26T01:30Z"];
        assert_eq!(occurrences("FREQ=DAILY", "2026-10-25T01:30:00Z", berlin, 2), second);
        // A day across the date line.
        let kiritimati = ["2026-11-27T19:00Z", "2026-11-28T19:00Z"];
        assert_eq!(occurrences("FREQ=WEEKLY;BYDAY=SA,SU", "2026-11-27T19:00:00Z", "Pacific/Kiritimati", 2), kiritimati);
    }

    #[test]
    fn rules_table() {
        for (rule, valid) in [
            ("FREQ=DAILY", true),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;WKST=SU", true),
            ("FREQ=MONTHLY;BYDAY=-1FR", true),
            ("FREQ=HOURLY", false),
            ("FREQ=SECONDLY", false),
            ("FREQ=DAILY;BYHOUR=1,2,3", false),
            ("INTERVAL=2", false),
            ("FREQ=DAILY;FREQ=DAILY", false),
            ("FREQ=DAILY;COUNT=0", false),
            ("FREQ=DAILY;COUNT=1001", false),
            ("FREQ=DAILY;INTERVAL=0", false),
            ("FREQ=DAILY;COUNT=2;UNTIL=20261231", false),
            ("FREQ=DAILY;UNTIL=20261331", false),
            ("FREQ=DAILY;UNTIL=2026-12-31", false),
            ("FREQ=DAILY;BYMONTH=13", false),
            ("FREQ=DAILY;", false),
            ("every day", false),
            ("", false),
        ] {
            assert_eq!(Repeat::parse(json!(rule)).is_ok(), valid, "{rule}");
        }
        assert!(Repeat::parse(json!("FREQ=DAILY\nEXDATE:20260101")).is_err());
        assert_eq!("rrule:freq=daily".parse::<Repeat>().unwrap().as_str(), "FREQ=DAILY");
    }

    /// However far away the start is, and however rare the days are.
    #[test]
    fn looking_takes_an_end() {
        let start = "2026-01-01T09:00:00Z".parse().unwrap();
        let begun = std::time::Instant::now();
        for rule in [
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=YEARLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29",
            "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
            "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        ] {
            let start = if rule.contains("=29") { "2027-01-01T09:00:00Z".parse().unwrap() } else { start };
            assert_eq!(rule.parse::<Repeat>().unwrap().first(start, &TimeZone::utc()), None, "{rule}");
        }
        // Expanded up to the year 10,000, they take seconds.
        assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
        let last = "9999-12-31T09:00:00Z".parse().unwrap();
        let daily = "FREQ=DAILY".parse::<Repeat>().unwrap();
        assert_eq!(daily.next(last, &TimeZone::utc(), last), None);
    }

    #[test]
    fn the_next_time_is_at_most_decades_away() {
        let (start, utc) = ("2024-02-29T09:00:00Z".parse().unwrap(), TimeZone::utc());
        let next = |rule: &str| rule.parse::<Repeat>().unwrap().next(start, &utc, start).map(|at| at.to_string());
        assert_eq!(next("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=TH").unwrap(), "2052-02-29T09:00:00.000Z");
        assert_eq!(next("FREQ=YEARLY;INTERVAL=40").unwrap(), "2064-02-29T09:00:00.000Z");
        assert_eq!(next("FREQ=YEARLY;INTERVAL=44"), None);
        // What began long ago is not expanded from there on, unless it is counted.
        let now = "2026-11-28T09:00:00Z".parse().unwrap();
        let daily = "FREQ=DAILY;INTERVAL=3".parse::<Repeat>().unwrap();
        let old = "1970-01-01T09:00:00Z".parse().unwrap();
        assert_eq!(daily.next(old, &utc, now).unwrap().to_string(), "2026-11-30T09:00:00.000Z");
    }

    /// Another reading of the standard finds the same days.
    #[test]
    fn the_days_are_those_of_the_library() {
        for rule in [
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=DAILY;BYMONTH=1,6;BYDAY=MO,WE",
            "FREQ=DAILY;BYMONTHDAY=1,-1,13",
            "FREQ=WEEKLY;INTERVAL=2",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU",
            "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,SA;WKST=WE;BYMONTH=3,4",
            "FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=-1",
            "FREQ=MONTHLY",
            "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=31,-2",
            "FREQ=MONTHLY;BYDAY=1FR,-1MO",
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-2",
            "FREQ=MONTHLY;BYMONTH=2,11;BYDAY=SU",
            "FREQ=YEARLY",
            "FREQ=YEARLY;BYMONTH=2,4",
            "FREQ=YEARLY;INTERVAL=3;BYMONTHDAY=5",
            "FREQ=YEARLY;BYDAY=20MO,-1SU",
            "FREQ=YEARLY;BYDAY=TH",
            "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU",
            "FREQ=YEARLY;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            "FREQ=YEARLY;BYDAY=MO;BYSETPOS=10,-1",
        ] {
            for start in ["20260101", "20270228", "20280229", "20261031", "20261128"] {
                let library: RRuleSet = format!("DTSTART:{start}T000000Z\nRRULE:{rule}").parse().unwrap();
                let library = library.into_iter().take(40);
                let library: Vec<_> = library.map(|at| at.format("%Y%m%d").to_string()).collect();
                let first: Date = start.parse().unwrap();
                let days = Days::read(rule).unwrap();
                let found = days.between(first, first, Date::MAX).take(40);
                let found: Vec<_> = found.map(|day| day.strftime("%Y%m%d").to_string()).collect();
                assert_eq!(found, library, "{rule} from {start}");
                // From the middle on, they are the same. No February or April has a 31st.
                let Some(middle) = library.get(20) else {
                    assert_eq!((rule, start), ("FREQ=YEARLY;BYMONTH=2,4", "20261031"));
                    continue;
                };
                let (middle, rest): (Date, _) = (middle.parse().unwrap(), &library[20..]);
                let found = days.between(first, middle, Date::MAX).filter(|day| *day >= middle).take(20);
                let found: Vec<_> = found.map(|day| day.strftime("%Y%m%d").to_string()).collect();
                assert_eq!(found, rest, "{rule} from {start} and {middle}");
            }
        }
    }
}
