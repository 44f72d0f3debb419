//! The only place where the gateway reads the clock. Everything else gets `now` as an argument.

use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::Timestamp;

pub use self::note::{Note, Notebook};

pub mod note;

/// The file that shifts the clock of this process in tests.
static MOVED_BY: OnceLock<PathBuf> = OnceLock::new();

/// Shifts the clock from now on by the number of seconds in this file, to test wrong clocks. The settings allow it only
/// with `debug`.
pub fn move_by(file: &Path) {
    let _ = MOVED_BY.set(file.to_owned());
    tracing::warn!(file = %file.display(), "TEST_CLOCK_FILE is set, so this server's clock is wrong; never use it in \
                                            production");
}

/// The latest time that was read since the last check of the clock, in microseconds.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);

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

/// What a comparison of the clock with the elapsed time shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nothing to do.
    Steady,
    /// The clock was ahead and has returned, so what it wrote meanwhile lies in the future.
    WasAhead(Timestamp),
    /// It has gone back without having been seen ahead. Either it is behind now, or it was ahead before this process
    /// started; there is no way to tell.
    WentBack(Duration),
}

/// Watches the clock of this process. It is taken to be right at the start; a change of more than five seconds relative
/// to the monotonic clock is noticed.
#[derive(Debug)]
pub struct Watch {
    /// A reading of the wall clock and of the monotonic clock.
    start: (Timestamp, Instant),
    /// How far the clock was off at the last check, and since when.
    offset: i64,
    since: Instant,
    last: Instant,
    was_ahead: bool,
}

/// An error smaller than this does not matter.
const APART: Duration = Duration::from_secs(5);
/// After this long, a changed clock is believed: it was wrong at the start, or the machine slept.
const BELIEVED_AFTER: Duration = Duration::from_secs(24 * 3600);

impl Watch {
    /// Continues from the note of the previous process, if its clock was ahead.
    pub fn start(noted: Option<Note>) -> Self {
        Self::after(noted, now(), Instant::now())
    }

    fn after(noted: Option<Note>, now: Timestamp, measured: Instant) -> Self {
        let fresh = Self::at(now, measured);
        match noted {
            // The clock is still ahead, by the same amount.
            Some(note) if now.plus(APART) >= note.said => {
                let by = note.said.since(note.right);
                let offset = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
                Self { start: (now.minus(by), measured), offset, was_ahead: true, ..fresh }
            }
            // The clock has returned: the first check finds that it was ahead.
            Some(note) if now.plus(APART) >= note.right => Self { was_ahead: true, ..fresh },
            // The clock is behind, or there was no note.
            _ => fresh,
        }
    }

    /// What the next process has to know while the clock is ahead.
    pub fn note(&self) -> Option<Note> {
        let right = self.start.0.plus(self.last.duration_since(self.start.1));
        let ahead = Duration::from_micros(self.offset.try_into().ok()?);
        (ahead > APART).then(|| Note { right, said: right.plus(ahead) })
    }

    fn at(now: Timestamp, measured: Instant) -> Self {
        Self { start: (now, measured), offset: 0, since: measured, last: measured, was_ahead: false }
    }

    pub fn look(&mut self) -> Finding {
        let now = now();
        let latest = LATEST.swap(i64::MIN, Ordering::Relaxed);
        self.judge(now, Timestamp::from_micros(latest), Instant::now())
    }

    /// `latest` is the latest time that was read since the last check.
    fn judge(&mut self, now: Timestamp, latest: Timestamp, measured: Instant) -> Finding {
        let apart = APART.as_micros() as i64;
        let expected = self.start.0.plus(measured.duration_since(self.start.1));
        let offset = now.as_micros() - expected.as_micros();
        self.was_ahead |= latest.max(now).as_micros() - expected.as_micros() > apart;
        let moved = offset - self.offset;
        if moved.abs() > apart {
            self.since = measured;
        }
        self.offset = offset;
        self.last = measured;
        if offset.abs() <= apart {
            return if std::mem::take(&mut self.was_ahead) { Finding::WasAhead(now) } else { Finding::Steady };
        }
        if measured.duration_since(self.since) > BELIEVED_AFTER {
            *self = Self::at(now, measured);
        }
        if moved < -apart {
            return Finding::WentBack(Duration::from_micros(moved.unsigned_abs()));
        }
        Finding::Steady
    }
}

/// Anything but a number of seconds shifts nothing.
fn moved(now: Timestamp, by: &str) -> Timestamp {
    let seconds: f64 = by.trim().parse().unwrap_or_default();
    let by = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
    if seconds < 0.0 { now.minus(by) } else { now.plus(by) }
}

/// Measures how long something takes, independently of the wall clock.
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
    fn only_a_clock_that_returns_to_where_it_was_has_been_ahead() {
        const DAY: i64 = 24 * 3600;
        let (begun, at) = (Instant::now(), Timestamp::from_micros(1_790_000_000_000_000));
        let moment = |seconds: i64| Timestamp::from_micros(at.as_micros() + seconds * 1_000_000);
        let (steady, back) = (Some(Finding::Steady), None);
        let ahead = |seconds: i64| Some(Finding::WasAhead(moment(seconds)));
        // Seconds elapsed, error of the clock now, largest error, expected finding; `None` for a clock that went back.
        for looks in [
            &[(1, 0, 0, steady), (2, 30 * DAY, 30 * DAY, steady), (3, 0, 0, ahead(3)), (4, 0, 0, steady)][..],
            &[(1, 0, 30 * DAY, ahead(1)), (2, 0, 0, steady)],
            &[(1, -60 * DAY, 0, back), (2, -60 * DAY, -60 * DAY, steady), (3, 0, 0, steady)],
            &[
                (1, 8 * 3600, 8 * 3600, steady),
                (2, 8 * 3600 - 6, 8 * 3600, back),
                (3, 8 * 3600 - 6, 8 * 3600 - 6, steady),
            ],
            &[(1, 30 * DAY, 30 * DAY, steady), (2, DAY, 30 * DAY, back), (3, 0, DAY, ahead(3))],
            &[(1, DAY, DAY, steady), (2, -DAY, DAY, back), (3, -DAY, -DAY, steady)],
            // Wrong at the start, then right for a day: from then on it is believed.
            &[(1, 60 * DAY, 60 * DAY, steady), (DAY + 9, 60 * DAY, 60 * DAY, steady), (DAY + 10, 0, 60 * DAY, back)],
        ] {
            let mut watch = Watch::at(at, begun);
            for (passed, off, latest, expected) in looks.iter().copied() {
                let measured = begun + Duration::from_secs(passed.unsigned_abs());
                let found = watch.judge(moment(passed + off), moment(passed + latest), measured);
                match expected {
                    Some(expected) => assert_eq!(found, expected, "{looks:?} after {passed} s"),
                    None => assert!(matches!(found, Finding::WentBack(_)), "{looks:?} after {passed} s: {found:?}"),
                }
            }
        }
    }

    #[test]
    fn a_process_goes_on_from_what_the_one_before_noted() {
        const DAY: i64 = 24 * 3600;
        let (begun, at) = (Instant::now(), Timestamp::from_micros(1_790_000_000_000_000));
        let moment = |seconds: i64| Timestamp::from_micros(at.as_micros() + seconds * 1_000_000);
        let mut before = Watch::at(at, begun);
        assert_eq!(before.note(), None);
        let later = begun + Duration::from_secs(60);
        assert_eq!(before.judge(moment(60 + 30 * DAY), moment(60 + 30 * DAY), later), Finding::Steady);
        let note = before.note().expect("it is ahead");
        assert_eq!(note, Note { right: moment(60), said: moment(60 + 30 * DAY) });
        // Where the next clock starts, how far it moves after a second, and the expected finding.
        let ahead = |seconds: i64| Some(Finding::WasAhead(moment(seconds)));
        for (starts, moves, found) in [
            (70, 0, ahead(71)),
            (57, 0, ahead(58)),
            (29 * DAY, 0, ahead(29 * DAY + 1)),
            (70 + 30 * DAY, 0, Some(Finding::Steady)),
            (70 + 30 * DAY, -30 * DAY, ahead(71)),
            (70 + 30 * DAY, -40 * DAY, None),
            // Earlier than where it had been: that is a different fault.
            (0, 0, Some(Finding::Steady)),
            (-DAY, 0, Some(Finding::Steady)),
        ] {
            let mut watch = Watch::after(Some(note), moment(starts), begun);
            let now = moment(starts + 1 + moves);
            let judged = watch.judge(now, now, begun + Duration::from_secs(1));
            match found {
                Some(found) => assert_eq!(judged, found, "{starts} {moves}"),
                None => assert!(matches!(judged, Finding::WentBack(_)), "{starts} {moves}: {judged:?}"),
            }
        }
    }

    #[test]
    fn a_file_moves_the_clock() {
        let now = Timestamp::from_micros(100_000_000);
        for (by, millis) in [
            ("", 100_000),
            ("30\n", 130_000),
            ("-30", 70_000),
            ("1.5", 101_500),
            ("-0.5", 99_500),
            ("soon", 100_000),
            ("NaN", 100_000),
            ("inf", 100_000),
        ] {
            assert_eq!(moved(now, by).as_micros(), millis * 1_000, "{by:?}");
        }
    }
}
