//! When the most recent refresh tokens of a session were used. Any number of uses within a grace period fits into bounded
//! memory: if there are many, those of the same second share a time.

use std::time::Duration;

use clowder_accounts::refresh::GRACE;
use clowder_core::Timestamp;

/// When the generations right before the latest were used, the latest last: all within their grace period, and at least
/// two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uses(Vec<Run>);

/// Uses of consecutive generations. If there are several, the time is that of the last, so their grace period may be
/// longer by `MERGED_WITHIN`, but never shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    at: Timestamp,
    uses: u32,
}

/// With more runs than this, uses close to each other are merged.
const MOST_RUNS: usize = 32;
/// The grace period, divided by this, is less than `MOST_RUNS`.
const MERGED_WITHIN: Duration = Duration::from_secs(1);
/// What a stored value begins with if there are runs of several uses. Without them, it has only the times, of 8 octets
/// each. A value with this octet has a length that is no multiple of 8.
const WITH_COUNTS: u8 = 1;

impl Uses {
    pub fn read(stored: &[u8]) -> Self {
        let at = |octets: [u8; 8]| Timestamp::from_micros(i64::from_be_bytes(octets));
        match stored {
            [WITH_COUNTS, runs @ ..] if !stored.len().is_multiple_of(8) => {
                let (runs, _) = runs.as_chunks::<12>();
                let run = |[a, b, c, d, e, f, g, h, uses @ ..]: [u8; 12]| Run {
                    at: at([a, b, c, d, e, f, g, h]),
                    uses: u32::from_be_bytes(uses),
                };
                Self(runs.iter().copied().map(run).collect())
            }
            _ => {
                let (times, _) = stored.as_chunks::<8>();
                Self(times.iter().map(|octets| Run { at: at(*octets), uses: 1 }).collect())
            }
        }
    }

    pub fn stored(&self) -> Vec<u8> {
        let at = |run: &Run| run.at.as_micros().to_be_bytes();
        if self.0.iter().all(|run| run.uses == 1) {
            return self.0.iter().flat_map(at).collect();
        }
        let runs = self.0.iter().flat_map(|run| at(run).into_iter().chain(run.uses.to_be_bytes()));
        [WITH_COUNTS].into_iter().chain(runs).collect()
    }

    /// The index of the run that has a generation's use, if `latest` is the unused one.
    fn place(&self, latest: i32, generation: i32) -> Option<usize> {
        let mut back = u32::try_from(latest.checked_sub(generation)?).ok().filter(|back| *back > 0)?;
        for (index, run) in self.0.iter().enumerate().rev() {
            match back.checked_sub(run.uses) {
                None | Some(0) => return Some(index),
                Some(further) => back = further,
            }
        }
        None
    }

    pub fn of(&self, latest: i32, generation: i32) -> Option<Timestamp> {
        self.0.get(self.place(latest, generation)?).map(|run| run.at)
    }

    pub fn put(&mut self, latest: i32, generation: i32, at: Timestamp) {
        if let Some(place) = self.place(latest, generation)
            && let Some(run) = self.0.get_mut(place)
        {
            run.at = at;
        }
    }

    /// The last use was no later than this.
    pub fn cap_last(&mut self, at: Timestamp) {
        if let Some(last) = self.0.last_mut() {
            last.at = at.min(last.at);
        }
    }

    /// Keeps these and one more; those past their grace period are dropped.
    pub fn with(&self, now: Timestamp) -> Self {
        let mut runs = self.0.clone();
        runs.push(Run { at: now, uses: 1 });
        if runs.len() > MOST_RUNS {
            runs = merged(runs);
        }
        let graces = runs.iter().take_while(|run| run.at <= now && now.since(run.at) > GRACE).count();
        let past = graces.min(runs.len().saturating_sub(2));
        Self(runs.split_off(past))
    }
}

/// One run for each second, and the last two uses, which tell when a token was made. No use was later than the one after
/// it, whatever the clocks of nodes say, so no run is later than the last: this bounds their number.
fn merged(mut runs: Vec<Run>) -> Vec<Run> {
    let last = runs.split_off(runs.len().saturating_sub(2));
    let mut bound = last.iter().map(|run| run.at).min().unwrap_or(Timestamp::from_micros(i64::MAX));
    for run in runs.iter_mut().rev() {
        bound = bound.min(run.at);
        run.at = bound;
    }
    let second = |at: Timestamp| i128::from(at.as_micros()).div_euclid(MERGED_WITHIN.as_micros().cast_signed());
    let mut merged: Vec<Run> = Vec::with_capacity(MOST_RUNS);
    for run in runs {
        match merged.last_mut().filter(|before| second(before.at) == second(run.at)) {
            Some(before) => *before = Run { at: run.at, uses: before.uses.saturating_add(run.uses) },
            None => merged.push(run),
        }
    }
    merged.extend(last);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000).plus(Duration::from_millis(milliseconds))
    }

    fn times(uses: &Uses) -> Vec<Timestamp> {
        uses.0.iter().map(|run| run.at).collect()
    }

    #[test]
    fn uses_are_kept_for_as_long_as_they_matter() {
        let at = |seconds: u64| at(seconds * 1_000);
        let mut uses = Uses::read(&[]);
        for seconds in [0, 100, 110, 115] {
            uses = uses.with(at(seconds));
            assert_eq!(Uses::read(&uses.stored()), uses);
            assert_eq!(uses.stored().len(), 8 * uses.0.len());
        }
        assert_eq!(times(&uses), [at(100), at(110), at(115)]);
        // The latest is the fourth; the first has been dropped.
        let found: Vec<_> = (-1..6).map(|generation| uses.of(4, generation)).collect();
        assert_eq!(found, [None, None, Some(at(100)), Some(at(110)), Some(at(115)), None, None]);
        uses.put(4, 2, at(7));
        uses.put(4, 4, at(8));
        assert_eq!(uses.of(4, 2), Some(at(7)));
        assert_eq!(times(&uses.with(at(1_000))), [at(115), at(1_000)], "two at least: they tell when a token was made");
        uses.cap_last(at(50));
        assert_eq!(times(&uses).last(), Some(&at(50)));
    }

    #[test]
    fn however_many_uses_there_are_each_has_its_grace_period() {
        // Milliseconds between uses, and how many uses.
        for (every, count) in
            [(0, 100_000), (1, 50_000), (7, 10_000), (100, 1_000), (600, 200), (700, 200), (5_000, 50)]
        {
            let (mut uses, mut latest) = (Uses::read(&[]), 0_i32);
            for number in 0..count {
                uses = Uses::read(&uses.with(at(number * every)).stored());
                latest += 1;
                assert!(uses.0.len() <= MOST_RUNS, "every {every} ms: {} runs", uses.0.len());
                if number % 97 != 0 {
                    continue;
                }
                let now = at(number * every);
                for generation in (0..latest).rev().step_by(13).take(300) {
                    let used = at(u64::try_from(generation).unwrap() * every);
                    let known = uses.of(latest, generation);
                    let late = known.map(|known| known.since(used));
                    match now.since(used) <= GRACE {
                        true => assert!(late.is_some_and(|late| late < MERGED_WITHIN && known >= Some(used))),
                        false => assert!(late.is_none_or(|late| late < MERGED_WITHIN)),
                    }
                }
            }
            let last_two = [latest - 1, latest - 2].map(|generation| uses.of(latest, generation));
            assert_eq!(
                last_two,
                [count - 1, count - 2].map(|number| Some(at(number * every))),
                "the last two are exact"
            );
        }
    }

    #[test]
    fn clocks_that_differ_do_not_make_it_grow() {
        let mut uses = Uses::read(&[]);
        for number in 0..10_000_u64 {
            // Three nodes: one is 50 s ahead, one 15 s behind.
            let now = at(60_000 + number * 10);
            let now = [now, now.plus(Duration::from_secs(50)), now.minus(Duration::from_secs(15))][number as usize % 3];
            uses = uses.with(now);
            assert!(uses.0.len() <= MOST_RUNS && uses.stored().len() < 400, "{} runs", uses.0.len());
        }
    }

    #[test]
    fn an_invalid_stored_value_is_read_as_far_as_possible() {
        let one = Uses::read(&[]).with(at(0));
        for stored in [&[WITH_COUNTS][..], &[WITH_COUNTS, 1, 2], &[9; 7]] {
            assert_eq!(Uses::read(stored), Uses(Vec::new()), "{stored:?}");
        }
        // A time may begin with the octet that announces counts.
        let stored = [WITH_COUNTS, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Uses::read(&stored).0.len(), 1);
        assert_eq!(Uses::read(&one.stored()), one);
    }
}
