//! Days by the calendar and the clocks of a time zone.

use jiff::{ToSpan, civil::Date};

use crate::{TimeZone, Timestamp};

/// A day of the calendar, without a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalDay(Date);

/// What a calendar and a clock on the wall show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    pub day: LocalDay,
    /// 0 to 23.
    pub hour: u8,
    pub minute: u8,
}

impl LocalDay {
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// 1 to 12.
    pub fn month(self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// 1 to 31.
    pub fn day(self) -> u8 {
        self.0.day().unsigned_abs()
    }

    /// How many days ago Monday was: 0 to 6.
    pub fn since_monday(self) -> i64 {
        i64::from(self.0.weekday().to_monday_zero_offset())
    }

    /// So many days later, or earlier; the first or last day of the calendar if there is no such day.
    pub fn plus(self, days: i64) -> Self {
        let end = if days < 0 { Date::MIN } else { Date::MAX };
        Self(self.0.checked_add(days.days()).unwrap_or(end))
    }
}

impl std::fmt::Display for LocalDay {
    /// `2026-12-01`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl TimeZone {
    /// What clocks there show at this moment.
    pub fn local(&self, at: Timestamp) -> LocalTime {
        let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default().to_zoned(self.rules());
        LocalTime { day: LocalDay(at.date()), hour: at.hour().unsigned_abs(), minute: at.minute().unsigned_abs() }
    }

    /// The moment at which clocks there show this full hour. One that a change of the clocks skips counts as if they had not
    /// been changed yet, and of one that there is twice, the first counts (RFC 5545 §3.3.5).
    pub fn moment(&self, day: LocalDay, hour: u8) -> Timestamp {
        let local = day.0.at(i8::try_from(hour).unwrap_or_default().min(23), 0, 0, 0);
        let moment = self.rules().to_ambiguous_timestamp(local).compatible();
        moment.map_or(Timestamp::from_micros(0), Timestamp::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Field;

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse(json!(name)).unwrap()
    }

    #[test]
    fn moments_follow_the_clocks() {
        for (name, at, day, hour, minute) in [
            ("Europe/Berlin", "2026-12-01T07:00:00Z", "2026-12-01", 8, 0),
            ("Europe/Berlin", "2026-07-01T06:00:00Z", "2026-07-01", 8, 0),
            // The night has an hour twice, and one that has none of it.
            ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25", 2, 30),
            ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25", 2, 30),
            ("Asia/Kathmandu", "2026-12-01T02:15:00Z", "2026-12-01", 8, 0),
            ("Pacific/Kiritimati", "2026-11-30T18:00:00Z", "2026-12-01", 8, 0),
        ] {
            let local = zone(name).local(at.parse().unwrap());
            assert_eq!((local.day.to_string().as_str(), local.hour, local.minute), (day, hour, minute), "{name} {at}");
        }
        let day = zone("UTC").local("2026-12-01T00:00:00Z".parse().unwrap()).day;
        assert_eq!((day.year(), day.month(), day.day(), day.since_monday()), (2026, 12, 1, 1));
        assert_eq!(day.plus(-1).to_string(), "2026-11-30");
        for (name, days, hour, at) in [
            ("Europe/Berlin", 0, 8, "2026-12-01T07:00:00.000Z"),
            ("America/New_York", 1, 8, "2026-12-02T13:00:00.000Z"),
            // It is skipped, and there twice.
            ("Europe/Berlin", 117, 2, "2027-03-28T01:00:00.000Z"),
            ("Europe/Berlin", 334, 2, "2027-10-31T00:00:00.000Z"),
        ] {
            assert_eq!(zone(name).moment(day.plus(days), hour).to_string(), at, "{name} {days}");
        }
    }
}
