//! The skew between this node's clock and the database's. All nodes compare with the same clock, so ready nodes differ
//! by at most twice the allowed skew.

use std::time::Duration;

use clowder_core::Timestamp;

/// The maximum skew. Deadlines, leases and expiries are off by as much.
const MOST: Duration = Duration::from_secs(1);

/// The measured difference of two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// Microseconds by which this node's clock is ahead; negative when it is behind.
    ahead: i64,
    /// The error of the measurement in microseconds: half of the round trip.
    error: i64,
}

impl Skew {
    /// The database returned `there` between two readings of this node's clock.
    pub fn between(before: Timestamp, there: Timestamp, after: Timestamp) -> Self {
        let round_trip = after.as_micros().saturating_sub(before.as_micros());
        let middle = before.as_micros().saturating_add(round_trip / 2);
        // If the clock is set back meanwhile, the round trip becomes negative; such a measurement is as bad as a slow
        // one.
        Self { ahead: middle.saturating_sub(there.as_micros()), error: round_trip.saturating_abs() / 2 }
    }

    /// Whether the skew is certainly too large, given the error of the measurement.
    pub fn is_too_much(self) -> bool {
        self.ahead.saturating_abs().saturating_sub(self.error) > MOST.as_micros() as i64
    }

    /// Seconds by which this node's clock is ahead of the database's; negative when it is behind.
    pub fn seconds(self) -> f64 {
        self.ahead as f64 / 1e6
    }

    /// A description for the operator.
    pub fn describe(self) -> String {
        let word = if self.ahead < 0 { "behind" } else { "ahead of" };
        let by = self.seconds().abs();
        let measured = format!("this node's clock is {by:.2} s {word} the database's");
        if !self.is_too_much() {
            return measured;
        }
        format!("{measured}, and at most {} s is allowed; synchronise both with NTP", MOST.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared() {
        let at = |millis: i64| Timestamp::from_micros(1_790_000_000_000_000 + millis * 1_000);
        for (before, there, after, too_much, says) in [
            (0, 0, 0, false, "0.00 s ahead of"),
            (0, 0, 10, false, "0.01 s ahead of"),
            (0, 500, 0, false, "0.50 s behind"),
            (0, -500, 0, false, "0.50 s ahead of"),
            (0, 1_000, 0, false, "1.00 s behind"),
            (0, 1_001, 0, true, "1.00 s behind"),
            (0, 1_500, 2, true, "1.50 s behind"),
            (0, -1_500, 2, true, "1.50 s ahead of"),
            // Half of the round trip is no skew, whenever in it the database was read.
            (0, 4_000, 9_000, false, "0.50 s ahead of"),
            (0, 1_300, 600, false, "1.00 s behind"),
            (0, -1_100, 600, true, "1.40 s ahead of"),
            (0, 1_700, 600, true, "1.40 s behind"),
            // The clock was set back in between.
            (0, 0, -600, false, "0.30 s behind"),
            (0, 31_000, 0, true, "31.00 s behind"),
            (0, -90_000, 0, true, "90.00 s ahead of"),
        ] {
            let skew = Skew::between(at(before), at(there), at(after));
            let told = skew.describe();
            assert_eq!(skew.is_too_much(), too_much, "{before} {there} {after}: {told}");
            assert_eq!(told.contains("NTP"), too_much, "{told}");
            assert!(told.contains(says), "{before} {there} {after}: {told}");
        }
        let far = Skew::between(Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN), at(0));
        assert!(far.seconds() > 0.0 && !far.describe().is_empty(), "no sum overflows");
    }
}
