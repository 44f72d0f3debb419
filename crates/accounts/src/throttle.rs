//! Slows guessing down: an attempt counts as a failure from its beginning until it turns out to be right, so that
//! concurrent attempts are counted like consecutive ones. During a pause, a right password gets the same answer as a
//! wrong one. This locks nobody out: a place from which the account was used before is delayed only by its own
//! failures.

use std::time::Duration;

use clowder_core::{Error, Limit, Result, Timestamp};

/// Failures are forgotten this long after the last one.
pub const MEMORY: Duration = Duration::from_secs(3600);
/// How many failures cause no pause.
pub const FREE: i32 = 5;
/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(60);

/// The number of recent failures, and the time of the last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i32,
    pub last_at: Option<Timestamp>,
}

/// What is known of earlier attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThrottleFacts {
    /// At this account from this place, by any endpoint and spelling.
    pub pair: Failures,
    /// At this account from anywhere, by any endpoint and spelling.
    pub account: Failures,
    /// From this place in the current hour, for everybody who shares it.
    pub address: Failures,
    /// Whether the account was used from this place before.
    pub known: bool,
}

/// Whether an attempt may be made now.
pub fn may_try(now: Timestamp, facts: &ThrottleFacts) -> Result<()> {
    let others = pause_left(now, facts.account).max(pause_left(now, facts.address));
    let wait = pause_left(now, facts.pair).max(if facts.known { Duration::ZERO } else { others });
    if wait.is_zero() { Ok(()) } else { Err(Error::TooMany { limit: Limit::Attempts, retry_after: wait }) }
}

/// The remaining pause: a second after the last of the free failures, doubled with each further one.
pub fn pause_left(now: Timestamp, failures: Failures) -> Duration {
    let (Some(last_at), over @ 0..) = (failures.last_at, failures.count - FREE) else { return Duration::ZERO };
    if now.since(last_at) >= MEMORY {
        return Duration::ZERO;
    }
    let pause = Duration::from_secs(1 << over.clamp(0, 20)).min(LONGEST);
    last_at.left(pause, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_try_table() {
        let now = Timestamp::from_micros(10_000_000_000);
        let failed = |count, ago| Failures { count, last_at: Some(now.minus(Duration::from_secs(ago))) };
        let ahead = Failures { count: 9, last_at: Some(now.plus(Duration::from_secs(30 * 24 * 3600))) };
        let none = ThrottleFacts::default();
        for (facts, wait) in [
            (none, 0),
            (ThrottleFacts { pair: failed(4, 0), ..none }, 0),
            (ThrottleFacts { pair: failed(5, 0), ..none }, 1),
            (ThrottleFacts { pair: failed(5, 1), ..none }, 0),
            (ThrottleFacts { pair: failed(8, 0), ..none }, 8),
            (ThrottleFacts { pair: failed(100, 0), ..none }, 60),
            (ThrottleFacts { pair: failed(100, 3600), ..none }, 0),
            (ThrottleFacts { pair: failed(5, 0), known: true, ..none }, 1),
            (ThrottleFacts { pair: ahead, ..none }, 16),
            (ThrottleFacts { account: failed(4, 0), ..none }, 0),
            (ThrottleFacts { account: failed(5, 0), ..none }, 1),
            (ThrottleFacts { account: failed(1000, 0), ..none }, 60),
            (ThrottleFacts { account: failed(1000, 0), known: true, ..none }, 0),
            (ThrottleFacts { address: failed(4, 0), ..none }, 0),
            (ThrottleFacts { address: failed(60, 0), ..none }, 60),
            (ThrottleFacts { address: failed(60, 0), known: true, ..none }, 0),
        ] {
            let waits = match may_try(now, &facts) {
                Err(Error::TooMany { retry_after, .. }) => retry_after.as_secs(),
                Ok(()) => 0,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(waits, wait, "{facts:?}");
        }
    }
}
