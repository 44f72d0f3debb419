//! Time zones by their names, the same on every host.

use jiff::{
    civil,
    tz::{TimeZone as Zone, TimeZoneDatabase},
};
use serde_json::Value;

use crate::{
    Field, Timestamp,
    input::string,
    text::{self, Flaw},
};

/// A known time zone: `Europe/Berlin`, `UTC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

impl TimeZone {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// A zone with a stored name; UTC if this version does not know it.
    pub fn stored(name: &str) -> Self {
        TimeZoneDatabase::bundled().get(name).map_or_else(|_| Self::utc(), |_| Self(name.to_owned()))
    }

    /// What the clocks there show, in minutes since midnight.
    pub fn minute_of_day(&self, at: Timestamp) -> u16 {
        let local = self.rules().to_datetime(moment(at));
        local.hour().unsigned_abs() as u16 * 60 + local.minute().unsigned_abs() as u16
    }

    /// When the clocks there next show this minute of the day, after a moment. Where they skip it, they show it as much later as they jump; where they show it twice, each of the two counts.
    pub fn next_minute(&self, minute: u16, after: Timestamp) -> Timestamp {
        let (zone, after_moment) = (self.rules(), moment(after));
        let (hour, minute) = ((minute / 60 % 24) as i8, (minute % 60) as i8);
        let mut day = zone.to_datetime(after_moment).date();
        // Some zones have skipped a whole day.
        for _ in 0..4 {
            let local = day.to_datetime(civil::time(hour, minute, 0, 0));
            let ambiguous = zone.to_ambiguous_timestamp(local);
            let both = [ambiguous.compatible(), ambiguous.later()];
            let next = both.into_iter().flatten().map(Timestamp::from).find(|at| *at > after);
            match (next, day.tomorrow()) {
                (Some(next), _) => return next,
                (None, Ok(tomorrow)) => day = tomorrow,
                (None, Err(_)) => break,
            }
        }
        after
    }

    /// Its rules. Those of UTC if it is not known any more: zones are renamed, and their old names kept, so this happens
    /// only with a name that was stored by another version.
    pub(crate) fn rules(&self) -> Zone {
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(Zone::UTC)
    }
}

/// Moments beyond what can be shown in every zone count as the first of all; nothing happens then.
fn moment(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

impl Field for TimeZone {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let name = text::line(&string(value)?, 1, 64)?;
        // The host's own database has further names (`localtime`, `posixrules`), which mean something else on other
        // hosts.
        let bundled = TimeZoneDatabase::bundled();
        match bundled.get(&name).ok().filter(|zone| !zone.is_unknown() && !name.eq_ignore_ascii_case("Factory")) {
            Some(zone) => Ok(Self(zone.iana_name().unwrap_or(&name).to_owned())),
            None => Err(Flaw::new("time_zone", "must be an IANA time zone, such as Europe/Berlin")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn time_zones_are_the_same_on_every_host() {
        let read = |name: &str| TimeZone::parse(json!(name)).map(TimeZone::into_string).map_err(|flaw| flaw.code);
        for (name, zone) in [("utc", "UTC"), ("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires")] {
            assert_eq!(read(name), Ok(zone.to_owned()));
        }
        for name in ["localtime", "posixrules", "Factory", "factory", "posix/Europe/Berlin", "right/UTC", "Etc/Unknown"]
        {
            assert_eq!(read(name), Err("time_zone"), "{name}");
        }
    }

    #[test]
    fn minutes_of_the_day_over_changes_of_the_clock() {
        let berlin = TimeZone::stored("Europe/Berlin");
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (after, minute, shown, next) in [
            // An ordinary night.
            ("2026-12-01T21:30:00Z", 7 * 60, 22 * 60 + 30, "2026-12-02T06:00:00Z"),
            ("2026-12-01T06:00:00Z", 7 * 60, 7 * 60, "2026-12-02T06:00:00Z"),
            // 02:30 is skipped: the clocks jump from 02:00 to 03:00, so it counts as 03:30.
            ("2026-03-28T23:00:00Z", 2 * 60 + 30, 0, "2026-03-29T01:30:00Z"),
            // 02:30 comes twice.
            ("2026-10-24T22:00:00Z", 2 * 60 + 30, 0, "2026-10-25T00:30:00Z"),
            ("2026-10-25T00:30:00Z", 2 * 60 + 30, 2 * 60 + 30, "2026-10-25T01:30:00Z"),
            ("2026-10-25T01:30:00Z", 2 * 60 + 30, 2 * 60 + 30, "2026-10-26T01:30:00Z"),
        ] {
            assert_eq!(berlin.minute_of_day(at(after)), shown, "{after}");
            assert_eq!(berlin.next_minute(minute, at(after)), at(next), "{after}");
        }
        // Samoa had no 30 December 2011.
        let apia = TimeZone::stored("Pacific/Apia");
        assert_eq!(apia.next_minute(12 * 60, at("2011-12-29T23:00:00Z")), at("2011-12-30T22:00:00Z"));
        assert_eq!(TimeZone::stored("Mars/Olympus"), TimeZone::utc());
    }
}
