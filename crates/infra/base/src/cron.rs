//! When a recurring job is due next.

use clowder_core::{Error, Result, Timestamp};

/// The first time after `now` that matches a schedule of five fields and a time zone: `*/10 * * * * UTC`.
pub fn next(schedule: &str, now: Timestamp) -> Result<Timestamp> {
    let wrong = |error: cronexpr::Error| Error::internal(format!("schedule `{schedule}`: {error}"));
    let crontab = cronexpr::parse_crontab(schedule).map_err(wrong)?;
    let next = crontab.find_next(now.to_string().as_str()).map_err(wrong)?;
    Ok(next.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_table() {
        for (schedule, now, due) in [
            ("*/10 * * * * UTC", "2026-11-21T07:00:00Z", "2026-11-21T07:10:00.000Z"),
            ("*/10 * * * * UTC", "2026-11-21T07:09:59.999Z", "2026-11-21T07:10:00.000Z"),
            ("17 3 * * * UTC", "2026-11-21T07:00:00Z", "2026-11-22T03:17:00.000Z"),
            ("30 2 * * * Europe/Berlin", "2026-06-01T12:00:00Z", "2026-06-02T00:30:00.000Z"),
        ] {
            assert_eq!(next(schedule, now.parse().unwrap()).unwrap().to_string(), due, "{schedule} {now}");
        }
        assert!(next("every day", Timestamp::from_micros(0)).is_err());
    }
}
