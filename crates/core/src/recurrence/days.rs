//! The days of a rule of RFC 5545, looked at one after another up to a last one. How long that takes depends on how far away
//! the last one is, and not on how rare the days of the rule are.

use std::collections::VecDeque;

use jiff::civil::{Date, Weekday};

/// What a rule says about days. Whether it is a valid rule, somebody else has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    unit: Unit,
    every: i64,
    months: Vec<i8>,
    /// Negative ones count from the end of the month.
    month_days: Vec<i8>,
    /// With 0 for all such days, or which of them within a month or a year; negative ones count from the end.
    weekdays: Vec<(i16, Weekday)>,
    /// Which of the days of a period count, if not all.
    positions: Vec<i16>,
    week_start: Weekday,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Year,
}

/// A Thursday.
const DAY_ZERO: Date = Date::constant(1970, 1, 1);

impl Days {
    pub fn read(rule: &str) -> Option<Self> {
        let mut unit = None;
        let mut days = Self {
            unit: Unit::Day,
            every: 1,
            months: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        for part in rule.split(';') {
            let (name, value) = part.split_once('=')?;
            match name {
                "FREQ" => {
                    unit = Some(match value {
                        "DAILY" => Unit::Day,
                        "WEEKLY" => Unit::Week,
                        "MONTHLY" => Unit::Month,
                        "YEARLY" => Unit::Year,
                        _ => return None,
                    });
                }
                "INTERVAL" => days.every = value.parse().ok().filter(|every| *every > 0)?,
                "BYMONTH" => days.months = numbers(value)?,
                "BYMONTHDAY" => days.month_days = numbers(value)?,
                "BYSETPOS" => days.positions = numbers(value)?,
                "BYDAY" => days.weekdays = value.split(',').map(weekday).collect::<Option<_>>()?,
                "WKST" => days.week_start = weekday(value)?.1,
                _ => return None,
            }
        }
        days.unit = unit?;
        Some(days)
    }

    /// The days of what began at `start`, in ascending order: those of the periods from that of `from` on, up to `last`.
    pub fn between(&self, start: Date, from: Date, last: Date) -> impl Iterator<Item = Date> {
        let mut next = Some(self.first_of_period(from.max(start)));
        let begun = self.period(start, number(start));
        let mut number = next.map_or(0, number);
        let mut found = VecDeque::new();
        std::iter::from_fn(move || {
            while found.is_empty() {
                let period = self.period(next.filter(|day| *day <= last)?, number);
                let counts = (period - begun) % self.every == 0;
                while let Some(day) = next.filter(|day| self.period(*day, number) == period) {
                    if counts && self.fits(day, start) {
                        found.push_back(day);
                    }
                    (next, number) = (day.tomorrow().ok(), number + 1);
                }
                if !self.positions.is_empty() {
                    found = self.positioned(&found);
                }
                found.retain(|day| (start..=last).contains(day));
            }
            found.pop_front()
        })
    }

    fn first_of_period(&self, day: Date) -> Date {
        match self.unit {
            Unit::Day => day,
            Unit::Week => {
                (0..i64::from(day.weekday().since(self.week_start))).fold(day, |day, _| day.yesterday().unwrap_or(day))
            }
            Unit::Month => day.first_of_month(),
            Unit::Year => day.first_of_year(),
        }
    }

    /// The number of the period that contains a day with this number.
    fn period(&self, day: Date, number: i64) -> i64 {
        match self.unit {
            Unit::Day => number,
            Unit::Week => (number + 3 - i64::from(self.week_start.to_monday_zero_offset())).div_euclid(7),
            Unit::Month => i64::from(day.year()) * 12 + i64::from(day.month()),
            Unit::Year => i64::from(day.year()),
        }
    }

    /// Whether a day of a period that counts is one of the rule.
    fn fits(&self, day: Date, start: Date) -> bool {
        let whichever = self.month_days.is_empty() && self.weekdays.is_empty();
        let as_at_first = match self.unit {
            Unit::Day => true,
            Unit::Week => day.weekday() == start.weekday(),
            Unit::Month => day.day() == start.day(),
            Unit::Year => day.day() == start.day() && (!self.months.is_empty() || day.month() == start.month()),
        };
        let from_end = day.day() - day.days_in_month() - 1;
        (self.months.is_empty() || self.months.contains(&day.month()))
            && (self.month_days.is_empty()
                || self.month_days.iter().any(|wanted| *wanted == day.day() || *wanted == from_end))
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|wanted| self.is_weekday(day, *wanted)))
            && (!whichever || as_at_first)
    }

    fn is_weekday(&self, day: Date, (which, weekday): (i16, Weekday)) -> bool {
        let (place, all) = if self.unit == Unit::Year && self.months.is_empty() {
            (day.day_of_year(), day.days_in_year())
        } else {
            (i16::from(day.day()), i16::from(day.days_in_month()))
        };
        let is_it = match which {
            0 => true,
            1.. => (place - 1) / 7 + 1 == which,
            _ => (all - place) / 7 + 1 == -which,
        };
        is_it && day.weekday() == weekday
    }

    fn positioned(&self, days: &VecDeque<Date>) -> VecDeque<Date> {
        let is_wanted = |index: usize| {
            let (from_start, from_end) = (index + 1, days.len() - index);
            self.positions.iter().any(|position| {
                let place = if *position > 0 { from_start } else { from_end };
                usize::from(position.unsigned_abs()) == place
            })
        };
        days.iter().enumerate().filter(|(index, _)| is_wanted(*index)).map(|(_, day)| *day).collect()
    }
}

fn number(day: Date) -> i64 {
    DAY_ZERO.until(day).map_or(0, |span| span.get_days().into())
}

fn numbers<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}

/// `MO`, `1MO` or `-1MO`.
fn weekday(text: &str) -> Option<(i16, Weekday)> {
    let (which, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let weekday = match name {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    Some((if which.is_empty() { 0 } else { which.parse().ok()? }, weekday))
}
