//! When the most recent refresh tokens of a session were used.

use clowder_accounts::refresh::GRACE;
use clowder_core::Timestamp;

/// When the generations right before the latest were used, the latest last: all within their grace period, and at least
/// two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uses(Vec<Timestamp>);

/// The maximum number that is stored, whatever the grace period: clients that rotate faster than this are not racing.
const MOST_USES: usize = 32;

impl Uses {
    pub fn read(stored: &[u8]) -> Self {
        let (times, _) = stored.as_chunks::<8>();
        Self(times.iter().map(|octets| Timestamp::from_micros(i64::from_be_bytes(*octets))).collect())
    }

    pub fn stored(&self) -> Vec<u8> {
        self.0.iter().flat_map(|at| at.as_micros().to_be_bytes()).collect()
    }

    /// The index of a generation's use, if `latest` is the unused one.
    fn place(&self, latest: i32, generation: i32) -> Option<usize> {
        let back = usize::try_from(latest - generation).ok().filter(|back| *back > 0)?;
        self.0.len().checked_sub(back)
    }

    pub fn of(&self, latest: i32, generation: i32) -> Option<Timestamp> {
        self.0.get(self.place(latest, generation)?).copied()
    }

    pub fn put(&mut self, latest: i32, generation: i32, at: Timestamp) {
        if let Some(place) = self.place(latest, generation)
            && let Some(use_) = self.0.get_mut(place)
        {
            *use_ = at;
        }
    }

    /// The last use was no later than this.
    pub fn cap_last(&mut self, at: Timestamp) {
        if let Some(last) = self.0.last_mut() {
            *last = at.min(*last);
        }
    }

    /// Keeps these and one more; those past their grace period are dropped.
    pub fn with(&self, now: Timestamp) -> Self {
        let mut uses = self.0.clone();
        uses.push(now);
        let graces = uses.iter().take_while(|at| **at <= now && now.since(**at) > GRACE).count();
        let past = graces.min(uses.len().saturating_sub(2)).max(uses.len().saturating_sub(MOST_USES));
        Self(uses.split_off(past))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn uses_are_kept_for_as_long_as_they_matter() {
        let at = |seconds: u64| Timestamp::from_micros(1_790_000_000_000_000).plus(Duration::from_secs(seconds));
        let mut uses = Uses::read(&[]);
        for seconds in [0, 100, 110, 115] {
            uses = uses.with(at(seconds));
            assert_eq!(Uses::read(&uses.stored()), uses);
        }
        assert_eq!(uses.0, [at(100), at(110), at(115)]);
        // The latest is the fourth; the first has been dropped.
        let found: Vec<_> = (-1..6).map(|generation| uses.of(4, generation)).collect();
        assert_eq!(found, [None, None, Some(at(100)), Some(at(110)), Some(at(115)), None, None]);
        uses.put(4, 2, at(7));
        uses.put(4, 4, at(8));
        assert_eq!(uses.of(4, 2), Some(at(7)));
        assert_eq!(uses.with(at(1_000)).0, [at(115), at(1_000)], "two at least: they tell when a token was made");
        for _ in 0..100 {
            uses = uses.with(at(2_000));
        }
        assert_eq!(uses.0.len(), MOST_USES);
        uses.cap_last(at(1_500));
        assert_eq!(uses.0.last(), Some(&at(1_500)));
    }
}
