//! The one place where the gateway reads the time. Everything else is given `now`.

use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::Timestamp;

/// The file that moves the clock of this process, in tests.
static MOVED_BY: OnceLock<PathBuf> = OnceLock::new();

/// From now on the clock is off by as many seconds as this file says. For tests of what a wrong clock does; the settings
/// refuse it unless the server is being debugged.
pub fn move_by(file: &Path) {
    let _ = MOVED_BY.set(file.to_owned());
    tracing::warn!(file = %file.display(), "TEST_CLOCK_FILE: this server's clock is not the time; never do this in production");
}

/// The latest moment that was read, in microseconds.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);
/// A clock that is set right by less than this was not wrong enough to matter.
const APART: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    let now = jiff::Timestamp::now().into();
    let now = match MOVED_BY.get() {
        None => now,
        Some(file) => moved(now, &std::fs::read_to_string(file).unwrap_or_default()),
    };
    LATEST.fetch_max(now.as_micros(), Ordering::Relaxed);
    now
}

/// The time now, if the clock has gone back since this was asked last: what it wrote before lies ahead.
pub fn gone_back() -> Option<Timestamp> {
    let now = now();
    if Timestamp::from_micros(LATEST.load(Ordering::Relaxed)).since(now) < APART {
        return None;
    }
    LATEST.store(now.as_micros(), Ordering::Relaxed);
    Some(now)
}

/// What is no whole number of seconds moves nothing.
fn moved(now: Timestamp, by: &str) -> Timestamp {
    let seconds: i64 = by.trim().parse().unwrap_or_default();
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { now.minus(by) } else { now.plus(by) }
}

/// Measures how long something takes, whatever happens to the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_moves_the_clock() {
        let now = Timestamp::from_micros(100_000_000);
        for (by, seconds) in [("", 100), ("30\n", 130), ("-30", 70), ("soon", 100)] {
            assert_eq!(moved(now, by).as_seconds(), seconds, "{by:?}");
        }
    }
}
