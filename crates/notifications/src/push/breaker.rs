//! The circuit breaker of one push service: when it does not answer, or asks for a pause, nothing is tried for a while, then
//! one thing, and everything again when that has arrived.

use std::time::{Duration, Instant};

/// So many failures in a row are not by chance.
const FAILURES: u32 = 5;
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);
/// A service that asks for more is asked again.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// A trial that nobody has ended, because the caller was cancelled, does not block the service for ever.
const TRIAL: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Default)]
pub struct Breaker {
    /// In a row.
    failures: u32,
    closed_until: Option<Instant>,
    /// When the one thing that is tried was begun.
    trial: Option<Instant>,
}

impl Breaker {
    /// Whether something may be tried now; if not, how long to wait.
    pub fn may_try(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(until) = self.closed_until else { return Ok(()) };
        if now < until {
            return Err(until - now);
        }
        match self.trial.map(|began| TRIAL.saturating_sub(now - began)) {
            Some(left) if !left.is_zero() => Err(SHORTEST.min(left)),
            _ => {
                self.trial = Some(now);
                Ok(())
            }
        }
    }

    /// The service has answered, whatever it said.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// The service has not answered, or said that it cannot.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.trial = None;
        if self.failures >= FAILURES {
            let doublings = (self.failures - FAILURES).min(10);
            self.close(now + (SHORTEST * (1 << doublings)).min(LONGEST));
        }
    }

    /// The service has asked everybody to come later.
    pub fn asked_to_wait(&mut self, now: Instant, pause: Duration) {
        self.trial = None;
        self.close(now + pause.min(LONGEST_ASKED));
    }

    fn close(&mut self, until: Instant) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Whether it says anything that a new one would not.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.failures == 0 && self.closed_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_service_that_fails_is_left_alone_and_tried_with_one() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert_eq!(breaker.may_try(start), Ok(()));
            breaker.failed(start);
        }
        assert_eq!(breaker.may_try(start + seconds(1)), Err(seconds(4)));
        assert_eq!(breaker.may_try(start + seconds(5)), Ok(()), "one is tried");
        assert_eq!(breaker.may_try(start + seconds(5)), Err(seconds(5)), "and no other");
        breaker.failed(start + seconds(6));
        assert_eq!(breaker.may_try(start + seconds(6)), Err(seconds(10)), "longer each time");
        assert_eq!(breaker.may_try(start + seconds(16)), Ok(()));
        breaker.answered();
        for _ in 0..3 {
            assert_eq!(breaker.may_try(start + seconds(17)), Ok(()), "all are tried again");
        }
        assert!(breaker.is_idle(start + seconds(17)));
    }

    #[test]
    fn pauses_have_an_end() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            breaker.failed(start);
        }
        assert_eq!(breaker.may_try(start), Err(LONGEST));
        let mut breaker = Breaker::default();
        breaker.asked_to_wait(start, seconds(86_400));
        assert_eq!(breaker.may_try(start), Err(LONGEST_ASKED));
        assert!(!breaker.is_idle(start) && breaker.is_idle(start + LONGEST_ASKED));
    }

    #[test]
    fn a_pause_that_was_asked_for_is_not_made_shorter() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        breaker.asked_to_wait(start, seconds(60));
        for _ in 0..FAILURES {
            breaker.failed(start);
        }
        assert_eq!(breaker.may_try(start), Err(seconds(60)));
    }

    #[test]
    fn a_trial_that_nobody_ends_is_forgotten() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        breaker.asked_to_wait(start, seconds(1));
        assert_eq!(breaker.may_try(start + seconds(1)), Ok(()));
        assert_eq!(breaker.may_try(start + seconds(2)), Err(seconds(5)));
        assert_eq!(breaker.may_try(start + seconds(1) + TRIAL), Ok(()));
    }
}
