//! A clock that was ahead, and is right again: what it wrote lies after now, and would wait or live for as long as the
//! clock was wrong. Every domain says of each of its times what becomes of it then, and `repo/clock.rs` puts it right: all
//! of it when a clock was seen ahead and back, for by a clock that is behind all that is right lies after now, too;
//! otherwise what does no harm then.

use std::time::Duration;

use clowder_core::Timestamp;
use tokio::time::Instant;

/// What becomes of a time that lies after now when a clock was ahead. Times that say when something was count as now; those
/// that say until when something lasts are no later than if it had begun now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Put right, also when this clock may be behind: somebody waits for less long, a job runs sooner or once more, a grace
    /// is over.
    AtOnce,
    /// Put right only when the clock was seen ahead and back. By a clock that is behind, something would end or be erased
    /// too early, and could not be brought back.
    OnReturn,
    /// Put right by the next look at the schedules.
    OnTick,
    /// Stays as it was written, and why.
    Never(&'static str),
}

/// What is known about the clock that wrote times in the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It was seen ahead, and has returned. All times are corrected.
    Returned,
    /// This clock may be behind instead. Only safe corrections are made.
    Unclear,
}

/// If the clock is further ahead of the measured time than this, it has jumped.
pub const JUMP: Duration = Duration::from_secs(300);
/// How long schedules wait after a jump ahead, because what they delete cannot be restored.
const WAIT: Duration = Duration::from_secs(600);

/// Compares the clock with the monotonic time that has passed.
#[derive(Debug)]
pub struct Pace {
    /// How far the clock may be ahead of the measured time.
    tolerated: Duration,
    last: Option<(Timestamp, Instant)>,
    wait_until: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::tolerating(JUMP)
    }
}

impl Pace {
    pub fn tolerating(tolerated: Duration) -> Self {
        Self { tolerated, last: None, wait_until: None }
    }

    /// Whether the clock can be trusted for irreversible work. After a jump ahead (or a sleep of the whole machine) it
    /// cannot for a while, unless it returns.
    pub fn is_steady(&mut self, now: Timestamp, measured: Instant) -> bool {
        if let Some((last, then)) = self.last.replace((now, measured)) {
            let expected = last.plus(measured.duration_since(then));
            if now.since(expected) > self.tolerated {
                tracing::warn!(by = ?now.since(expected), "the clock has jumped ahead; jobs that cannot be undone \
                                                           wait for ten minutes");
                self.wait_until = Some(measured + WAIT);
            } else if expected.since(now) > self.tolerated {
                self.wait_until = None;
            }
        }
        self.wait_until = self.wait_until.filter(|until| *until > measured);
        self.wait_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_ahead_makes_schedules_wait() {
        let (start, month) = (Instant::now(), Duration::from_secs(30 * 24 * 3600));
        let (at, minute) = (Timestamp::from_micros(1_790_000_000_000_000), Duration::from_secs(60));
        let mut pace = Pace::default();
        for (minutes, ahead, steady) in [
            (0, Duration::ZERO, true),
            (1, minute, true),
            (2, month, false),
            (11, month, false),
            (12, month, true),
            (13, Duration::ZERO, true),
            (14, month, false),
            (15, Duration::ZERO, true),
        ] {
            let passed = minutes * minute;
            assert_eq!(pace.is_steady(at.plus(passed + ahead), start + passed), steady, "after {minutes} min");
        }
    }
}
