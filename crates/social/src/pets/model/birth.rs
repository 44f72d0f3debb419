//! When a pet was born, as precisely as it is known: a year, a month or a day.

use clowder_core::{Error, Field, Result, Timestamp, Word, input::string, text::Flaw};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BirthDatePrecision)]
pub enum Precision {
    Year,
    Month,
    Day,
}

impl Word for Precision {
    const WHAT: &'static str = "precision";
    const WORDS: &'static [(&'static str, Self)] = &[("year", Self::Year), ("month", Self::Month), ("day", Self::Day)];
}

/// `2020`, `2020-05` or `2020-05-01`: a date that the calendar has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BirthDate(String);

impl BirthDate {
    pub const PATTERN: &'static str = "^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$";

    pub fn read(text: &str) -> Result<Self, Flaw> {
        let wrong = || Flaw::new("date", "must be a year, a month or a day, such as 2020, 2020-05 or 2020-05-01");
        let number = |part: &str, digits: usize| {
            let is_number = part.len() == digits && part.bytes().all(|octet| octet.is_ascii_digit());
            is_number.then(|| part.parse::<u16>().ok()).flatten()
        };
        let mut parts = text.split('-');
        let year = parts.next().and_then(|year| number(year, 4)).ok_or_else(wrong)?;
        if let Some(month) = parts.next() {
            let month = number(month, 2).filter(|month| (1..=12).contains(month)).ok_or_else(wrong)?;
            if let Some(day) = parts.next() {
                let last = days_of(year, month);
                number(day, 2).filter(|day| (1..=last).contains(day)).ok_or_else(wrong)?;
            }
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(text.to_owned())) }
    }

    /// One that was stored.
    pub fn stored(text: String) -> Result<Self> {
        Self::read(&text).map_err(|_| Error::internal("a stored date of birth that is no date"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    pub fn precision(&self) -> Precision {
        match self.0.len() {
            ..=4 => Precision::Year,
            5..=7 => Precision::Month,
            _ => Precision::Day,
        }
    }

    /// The same with this precision; `None` if so much is not known.
    pub fn with(&self, precision: Precision) -> Option<Self> {
        let length = match precision {
            Precision::Year => 4,
            Precision::Month => 7,
            Precision::Day => 10,
        };
        self.0.get(..length).map(|text| Self(text.to_owned()))
    }

    /// Whether it has not come yet, or not in any time zone.
    pub fn is_after(&self, now: Timestamp) -> bool {
        let today = now.plus(std::time::Duration::from_secs(14 * 3600)).to_string();
        today.get(..self.0.len()).is_some_and(|today| self.0.as_str() > today)
    }

    /// Whether nothing that was born then lives any more: tortoises get nearly 200 years old.
    pub fn is_too_long_ago(&self, now: Timestamp) -> bool {
        let year = |text: &str| text.get(..4).and_then(|year| year.parse::<u16>().ok()).unwrap_or_default();
        year(&self.0) < year(&now.to_string()).saturating_sub(Self::OLDEST)
    }

    /// What is wrong with it at this time.
    pub fn flaw_at(&self, now: Timestamp) -> Option<Flaw> {
        match () {
            () if self.is_after(now) => Some(Flaw::new("future", "must not be in the future")),
            () if self.is_too_long_ago(now) => Some(Flaw::new("range", "must not be more than 200 years ago")),
            () => None,
        }
    }

    /// In years.
    const OLDEST: u16 = 200;
}

impl Field for BirthDate {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Self::read(&string(value)?)
    }
}

const fn days_of(year: u16, month: u16) -> u16 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_calendar() {
        use Precision::*;
        for (text, precision) in [
            ("2020", Some(Year)),
            ("2020-05", Some(Month)),
            ("2020-05-01", Some(Day)),
            ("2020-02-29", Some(Day)),
            ("2000-02-29", Some(Day)),
            ("1900-02-29", None),
            ("2021-02-29", None),
            ("2021-04-31", None),
            ("2021-13", None),
            ("2021-00", None),
            ("2021-1", None),
            ("20210101", None),
            ("2021-01-01-01", None),
            ("2021-01-", None),
            ("-2021", None),
            ("+021", None),
            ("２０２１", None),
            ("", None),
        ] {
            assert_eq!(BirthDate::read(text).ok().map(|date| date.precision()), precision, "{text}");
        }
    }

    #[test]
    fn a_date_can_be_made_less_precise() {
        let day = BirthDate::read("2020-05-01").unwrap();
        for (precision, expected) in
            [(Precision::Year, "2020"), (Precision::Month, "2020-05"), (Precision::Day, "2020-05-01")]
        {
            assert_eq!(day.with(precision).unwrap().as_str(), expected);
        }
        assert_eq!(BirthDate::read("2020").unwrap().with(Precision::Month), None);
    }

    #[test]
    fn nothing_is_born_later_or_200_years_ago() {
        let now: Timestamp = "2026-11-26T18:00:00Z".parse().unwrap();
        for (text, later, ago) in [
            ("2026", false, false),
            ("2026-11", false, false),
            ("2026-11-26", false, false),
            // Already begun on some islands.
            ("2026-11-27", false, false),
            ("2026-11-28", true, false),
            ("2026-12", true, false),
            ("2027", true, false),
            ("1826", false, false),
            ("1825-12-31", false, true),
            ("0000", false, true),
        ] {
            let date = BirthDate::read(text).unwrap();
            assert_eq!((date.is_after(now), date.is_too_long_ago(now)), (later, ago), "{text}");
        }
    }
}
