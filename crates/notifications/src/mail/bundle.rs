//! What of that which waits for somebody goes into an email now, and when to look again.

use std::time::Duration;

use clowder_core::Timestamp;

/// How far back emails count against the rate.
pub const HOUR: Duration = Duration::from_secs(3600);

/// One thing that waits for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// It waits neither for a digest nor for others.
    pub urgent: bool,
    /// Not before this.
    pub due_at: Timestamp,
}

/// What decides.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'f> {
    pub waiting: &'f [Waiting],
    /// Whether the person wants a digest instead of single emails.
    pub has_digest: bool,
    /// When their emails of the last hour were made, apart from digests, in any order.
    pub recent: &'f [Timestamp],
    /// How many they get in an hour; then what waits is put together.
    pub an_hour: usize,
    /// At least so much lies between two of their emails, so that a lively chat is one email.
    pub apart: Duration,
}

/// What becomes of it. The numbers are places in [`Facts::waiting`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// An email of its own, at once.
    pub urgent: Vec<usize>,
    /// One email, whatever the number.
    pub together: Vec<usize>,
    /// When something else is due; none if nothing waits, or only for a digest.
    pub next: Option<Timestamp>,
}

pub fn decide(now: Timestamp, facts: Facts<'_>) -> Verdict {
    let Facts { waiting, has_digest, recent, an_hour, apart } = facts;
    let (mut verdict, mut later) = (Verdict::default(), Vec::new());
    let free = free_at(now, recent, an_hour, apart);
    for (place, item) in waiting.iter().enumerate() {
        match item {
            Waiting { urgent: true, due_at } if *due_at <= now => verdict.urgent.push(place),
            Waiting { urgent: true, due_at } => later.push(*due_at),
            _ if has_digest => {}
            Waiting { due_at, .. } if *due_at <= now && free <= now => verdict.together.push(place),
            Waiting { due_at, .. } => later.push((*due_at).max(free)),
        }
    }
    // What is left waits for the email that is made now, too.
    let soonest = if verdict.together.is_empty() { now } else { now.plus(apart) };
    verdict.next = later.into_iter().min().map(|next| next.max(soonest));
    verdict
}

/// From when on the person can get another email.
fn free_at(now: Timestamp, recent: &[Timestamp], an_hour: usize, apart: Duration) -> Timestamp {
    // A time after now was written by a clock that was ahead, and counts as now.
    let mut recent: Vec<_> = recent.iter().map(|at| (*at).min(now)).filter(|at| at.plus(HOUR) > now).collect();
    recent.sort_unstable();
    let paced = recent.last().map(|last| last.plus(apart));
    // The oldest of the last so many leaves the hour first.
    let oldest = recent.len().checked_sub(an_hour.max(1)).and_then(|place| recent.get(place));
    let rated = oldest.map(|oldest| oldest.plus(HOUR));
    paced.into_iter().chain(rated).max().unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
    }

    fn waits(urgent: bool, seconds: i64) -> Waiting {
        Waiting { urgent, due_at: at(seconds) }
    }

    fn decided(waiting: &[Waiting], has_digest: bool, recent: &[i64]) -> Verdict {
        let recent: Vec<_> = recent.iter().map(|seconds| at(*seconds)).collect();
        let apart = Duration::from_secs(300);
        decide(NOW, Facts { waiting, has_digest, recent: &recent, an_hour: 3, apart })
    }

    #[test]
    fn what_is_due_goes_together() {
        for (waiting, has_digest, recent, urgent, together, next) in [
            (&[][..], false, &[][..], &[][..], &[][..], None),
            (&[waits(false, 0)], false, &[], &[], &[0], None),
            (&[waits(false, 1)], false, &[], &[], &[], Some(1)),
            // Whatever is not due waits for the next one, and no two are close to each other.
            (&[waits(false, -9), waits(false, 20), waits(false, 0)], false, &[], &[], &[0, 2], Some(300)),
            (&[waits(false, -9), waits(false, 900)], false, &[], &[], &[0], Some(900)),
            (&[waits(false, -9)], false, &[-100], &[], &[], Some(200)),
            (&[waits(false, -9)], false, &[-300], &[], &[0], None),
            // Three in an hour; the fourth waits for the first to be an hour ago.
            (&[waits(false, -9)], false, &[-1_000, -3_000, -2_000], &[], &[], Some(600)),
            (&[waits(false, -9)], false, &[-1_000, -3_600, -2_000], &[], &[0], None),
            (&[waits(false, -9)], false, &[-900, -3_000, -2_000, -3_100], &[], &[], Some(600)),
            // What is urgent waits for nobody.
            (&[waits(false, -9), waits(true, 0)], false, &[-1, -2, -3], &[1], &[], Some(3_597)),
            (&[waits(true, 5)], true, &[], &[], &[], Some(5)),
            // A digest takes the rest.
            (&[waits(false, -9), waits(true, -1)], true, &[], &[1], &[], None),
            (&[waits(false, -9)], true, &[], &[], &[], None),
            // Times of a clock that was ahead.
            (&[waits(false, -9)], false, &[90_000], &[], &[], Some(300)),
        ] {
            let expected = Verdict { urgent: urgent.to_vec(), together: together.to_vec(), next: next.map(at) };
            assert_eq!(decided(waiting, has_digest, recent), expected, "{waiting:?} {has_digest} {recent:?}");
        }
    }

    #[test]
    fn any_number_is_one_email() {
        let many = vec![waits(false, 0); 10_000];
        let verdict = decided(&many, false, &[]);
        assert_eq!((verdict.together.len(), verdict.next), (10_000, None));
    }

    #[test]
    fn a_storm_is_a_bounded_number_of_emails() {
        let (mut made, mut now) = (Vec::new(), NOW);
        // Something is due in every second of two hours, and each email takes all of it.
        while now < at(7_200) {
            let waiting = [Waiting { urgent: false, due_at: now }];
            let facts = Facts {
                waiting: &waiting,
                has_digest: false,
                recent: &made,
                an_hour: 20,
                apart: Duration::from_secs(60),
            };
            let verdict = decide(now, facts);
            if !verdict.together.is_empty() {
                made.push(now);
            }
            now = now.plus(Duration::from_secs(1));
        }
        assert_eq!(made.len(), 40);
    }
}
