//! Points in time, in whole microseconds, the precision of both databases.

use std::{fmt, str::FromStr, time::Duration};

use jiff::{Span, fmt::temporal::Pieces, tz::Offset};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since the Unix epoch. On the wire: RFC 3339 in UTC with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::Ts))]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z
    const FIRST: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z
    const LAST: Self = Self(253_402_300_799_999_999);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, as JWT claims count (RFC 7519 §2).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// At most the end of the year 9999, so that it can be stored and formatted.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))).min(Self::LAST)
    }

    /// At least the beginning of the year 1.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))).max(Self::FIRST)
    }

    /// How much later this is than `earlier`; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }

    /// How much is left at `now` of a period that began here. A time after `now` was written by a clock that was ahead
    /// and counts as `now`, so the result is never longer than the whole period.
    pub fn left(self, period: Duration, now: Self) -> Duration {
        period.saturating_sub(now.since(self))
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}

/// The library's timestamps end 26 hours before the end of the year 9999, so that they can be shown in every time zone.
/// Later times are calculated two days earlier.
const BEYOND: i64 = 2 * 24 * 3600 * 1_000_000;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(time) = jiff::Timestamp::from_microsecond(self.0) {
            return write!(f, "{time:.3}");
        }
        let earlier = jiff::Timestamp::from_microsecond(self.0 - BEYOND).map_err(|_| fmt::Error)?;
        let time = Offset::UTC.to_datetime(earlier).checked_add(Span::new().days(2)).map_err(|_| fmt::Error)?;
        write!(f, "{time:.3}Z")
    }
}

/// Parses a time in the last two days of the year 9999.
fn last_days(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let offset = i64::from(pieces.to_numeric_offset()?.seconds()) * 1_000_000;
    let time = pieces.date().to_datetime(pieces.time()?);
    let earlier = Offset::UTC.to_timestamp(time.checked_sub(Span::new().days(2)).ok()?).ok()?;
    Some(Timestamp(earlier.as_microsecond() + BEYOND - offset))
}

/// Whether the offset at the end, if it is written with a colon, has fewer than 24 hours.
fn is_offset_of_a_day(text: &str) -> bool {
    let hours = text.rsplit_once(':').and_then(|(rest, _)| rest.rsplit_once(['+', '-']));
    hours.is_none_or(|(_, hours)| hours.len() > 2 || hours < "24")
}

/// A text that is not a time, or a time that not every database can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an RFC 3339 time between the years 1 and 9999")]
pub struct NoTime;

impl FromStr for Timestamp {
    type Err = NoTime;

    /// RFC 3339 has years of four digits, and there was no year 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = text.parse::<jiff::Timestamp>().map(Self::from).ok().or_else(|| last_days(text)).ok_or(NoTime)?;
        if (Self::FIRST..=Self::LAST).contains(&time) && is_offset_of_a_day(text) { Ok(time) } else { Err(NoTime) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-21T09:30:00.000Z"])
            .build()
            .into()
    }
}
impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_shows_milliseconds_and_z() {
        let time: Timestamp = "2026-11-21T04:10:59.123456Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T04:10:59.123Z");
        assert_eq!(Timestamp::from_micros(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(time.plus(Duration::from_secs(1)).since(time), Duration::from_secs(1));
        assert_eq!(time.since(time.plus(Duration::from_secs(1))), Duration::ZERO);
    }

    #[test]
    fn the_last_moments_are_written_as_they_were_read() {
        for text in ["9999-12-30T22:00:01.000Z", "9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        let shifted: Timestamp = "9999-12-31T23:59:59+01:00".parse().unwrap();
        assert_eq!(shifted.to_string(), "9999-12-31T22:59:59.000Z");
        let (last, first) = (Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN));
        assert_eq!(last.plus(Duration::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(first.minus(Duration::MAX).to_string(), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_lies_after_now_counts_as_now() {
        let (now, minute) = (Timestamp::from_micros(1_000_000_000), Duration::from_secs(60));
        for (began, left) in [
            (now.minus(minute), 0),
            (now.minus(Duration::from_secs(59)), 1),
            (now, 60),
            (now.plus(Duration::from_secs(1)), 60),
            (now.plus(30 * 1440 * minute), 60),
        ] {
            assert_eq!(began.left(minute, now), Duration::from_secs(left), "{began}");
        }
    }

    #[test]
    fn times_are_of_years_that_every_database_keeps() {
        for (text, good) in [
            ("0001-01-01T00:00:00Z", true),
            ("0000-12-31T23:59:59.999999Z", false),
            ("0001-01-01T00:00:00+01:00", false),
            ("-009999-01-02T00:00:00Z", false),
            ("9999-12-30T22:00:00.999999Z", true),
            ("9999-12-31T23:59:59Z", true),
            ("9999-12-31T23:59:59.999999Z", true),
            ("9999-12-31T23:59:59+01:00", true),
            ("9999-12-31T23:59:59-01:00", false),
            ("9999-12-31T23:59:59", false),
            ("2026-11-21T00:00:00+23:59", true),
            ("2026-11-21T00:00:00-24:00", false),
            ("2026-11-21T00:00:00+25:00", false),
            ("+010000-01-01T00:00:00Z", false),
            ("2026-11-21", false),
            ("soon", false),
        ] {
            assert_eq!(text.parse::<Timestamp>().is_ok(), good, "{text}");
        }
    }
}
