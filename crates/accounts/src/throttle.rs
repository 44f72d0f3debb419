//! Guessing gets slower: attempts that fail make whoever makes them wait, longer each time. Nobody locks the owner
//! out by it: a place from which the account was used before is held up by its own failures only.

use std::time::Duration;

use clowder_core::{Error, Result, Timestamp};

/// Failures are forgotten this long after the last one.
pub const MEMORY: Duration = Duration::from_secs(3600);

/// How often something failed lately, and when it last did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i32,
    pub last_at: Option<Timestamp>,
}

/// What is known of earlier attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThrottleFacts {
    /// At this account from this address.
    pub pair: Failures,
    /// At this account from anywhere.
    pub account: Failures,
    /// At any account from this address, within the hour of the clock: it stands for all who share it.
    pub address: Failures,
    /// Whether the account was used from this address before.
    pub known: bool,
}

/// How many failures are free, and the longest pause after more, in seconds.
const PAIR: (i32, u64) = (5, 900);
const ACCOUNT: (i32, u64) = (20, 60);
const ADDRESS: (i32, u64) = (50, 60);

/// Whether an attempt may be made now.
pub fn may_try(now: Timestamp, facts: &ThrottleFacts) -> Result<()> {
    let others = left(now, facts.account, ACCOUNT).max(left(now, facts.address, ADDRESS));
    let wait = left(now, facts.pair, PAIR).max(if facts.known { Duration::ZERO } else { others });
    if wait.is_zero() { Ok(()) } else { Err(Error::TooMany { retry_after: wait }) }
}

/// How long to wait still: a second after the first failure that is not free, doubled with each.
fn left(now: Timestamp, failures: Failures, (free, longest): (i32, u64)) -> Duration {
    let (Some(last_at), over @ 0..) = (failures.last_at, failures.count - free) else { return Duration::ZERO };
    if now.since(last_at) >= MEMORY {
        return Duration::ZERO;
    }
    let pause = (1_u64 << over.clamp(0, 20)).min(longest);
    last_at.plus(Duration::from_secs(pause)).since(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_try_table() {
        let now = Timestamp::from_micros(10_000_000_000);
        let failed = |count, ago| Failures { count, last_at: Some(now.minus(Duration::from_secs(ago))) };
        let none = ThrottleFacts::default();
        for (facts, wait) in [
            (none, 0),
            (ThrottleFacts { pair: failed(4, 0), ..none }, 0),
            (ThrottleFacts { pair: failed(5, 0), ..none }, 1),
            (ThrottleFacts { pair: failed(5, 1), ..none }, 0),
            (ThrottleFacts { pair: failed(8, 0), ..none }, 8),
            (ThrottleFacts { pair: failed(100, 0), ..none }, 900),
            (ThrottleFacts { pair: failed(100, 3600), ..none }, 0),
            (ThrottleFacts { pair: failed(5, 0), known: true, ..none }, 1),
            (ThrottleFacts { account: failed(19, 0), ..none }, 0),
            (ThrottleFacts { account: failed(1000, 0), ..none }, 60),
            (ThrottleFacts { account: failed(1000, 0), known: true, ..none }, 0),
            (ThrottleFacts { address: failed(49, 0), ..none }, 0),
            (ThrottleFacts { address: failed(60, 0), ..none }, 60),
            (ThrottleFacts { address: failed(60, 0), known: true, ..none }, 0),
        ] {
            let waits = match may_try(now, &facts) {
                Err(Error::TooMany { retry_after }) => retry_after.as_secs(),
                Ok(()) => 0,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(waits, wait, "{facts:?}");
        }
    }
}
