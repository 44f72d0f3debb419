//! How fast somebody may write: so many messages a second into one chat, and where a chat says so, one in so many seconds.

use std::time::Duration;

use clowder_core::{Error, Result, Timestamp};

use crate::{ChatRole, refusals::MESSAGE_SLOW};

/// How many messages one person can send into one chat: as many as fit into a bucket that refills steadily.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How long it takes until one more can be sent.
    pub interval: Duration,
    /// How many can be sent at once.
    pub burst: u32,
}

impl Rate {
    /// Takes a message out of a bucket, of which is known when it is full again: then the same afterwards, or how long to
    /// wait. This is the generic cell rate algorithm (ITU-T I.371), which keeps one time per bucket.
    pub fn take(self, full_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Duration> {
        let room = self.interval.saturating_mul(self.burst);
        // One that takes longer than from empty is empty, whether the clock was ahead that filled it, or `now` is older than
        // what others have taken meanwhile: calls do not come in the order of their times.
        let full_at = full_at.unwrap_or(now).clamp(now, now.plus(room));
        let after = full_at.plus(self.interval);
        match after.since(now).checked_sub(room) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(after),
        }
    }
}

/// In a chat with a pause of so many seconds, members wait that long after their last message. A last message that is
/// further ahead than that was written by a clock that was wrong, and does not count.
pub fn may_write(role: ChatRole, pause: i64, last: Option<Timestamp>, now: Timestamp) -> Result<()> {
    let pause = Duration::from_secs(pause.try_into().unwrap_or(0));
    let Some(last) = last.filter(|_| role > ChatRole::Admin && !pause.is_zero()) else { return Ok(()) };
    if now.since(last) < pause && last.since(now) < pause {
        return Err(Error::TooEarly { refusal: MESSAGE_SLOW, until: last.plus(pause) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * SECOND)
    }

    #[test]
    fn a_bucket_lets_a_burst_through_and_refills() {
        let rate = Rate { interval: Duration::from_secs(2), burst: 3 };
        let mut full_at = None;
        for _ in 0..3 {
            full_at = Some(rate.take(full_at, at(10)).unwrap());
        }
        assert_eq!(full_at, Some(at(16)));
        assert_eq!(rate.take(full_at, at(10)), Err(Duration::from_secs(2)));
        assert_eq!(rate.take(full_at, at(11)), Err(Duration::from_secs(1)));
        assert_eq!(rate.take(full_at, at(12)), Ok(at(18)), "waiting as long as was said is enough");
        assert_eq!(rate.take(full_at, at(100)), Ok(at(102)), "it is never more than full");
        assert_eq!(rate.take(full_at, at(9)), Err(Duration::from_secs(2)), "who has come before the last one");
        assert_eq!(rate.take(Some(at(900)), at(10)), Err(Duration::from_secs(2)), "a clock was ahead");
    }

    #[test]
    fn may_write_table() {
        use ChatRole::{Admin, Member, Owner, Subscriber};
        for (role, pause, last, now, until) in [
            (Member, 0, Some(10), 10, None),
            (Member, 30, None, 10, None),
            (Member, 30, Some(10), 10, Some(40)),
            (Member, 30, Some(10), 39, Some(40)),
            (Member, 30, Some(10), 40, None),
            (Subscriber, 30, Some(10), 39, Some(40)),
            (Admin, 30, Some(10), 10, None),
            (Owner, 30, Some(10), 10, None),
            (Member, 30, Some(12), 10, Some(42)),
            (Member, 30, Some(40), 10, None),
        ] {
            let told = match may_write(role, pause, last.map(at), at(now)) {
                Ok(()) => None,
                Err(Error::TooEarly { refusal, until }) if refusal == MESSAGE_SLOW => Some(until),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(told, until.map(at), "{role:?} {pause} {last:?} {now}");
        }
    }
}
