//! When a delivery is tried again, and what becomes of an endpoint that fails: the schedule of the specification.

use std::time::Duration;

use clowder_core::{Timestamp, Word};
use serde::{Deserialize, Serialize};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// How long after each failed attempt the next one follows. After the last of them, the delivery has failed.
pub const PAUSES: [Duration; 9] = [
    SECOND.saturating_mul(5),
    MINUTE.saturating_mul(5),
    MINUTE.saturating_mul(30),
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(5),
    HOUR.saturating_mul(10),
    HOUR.saturating_mul(14),
    HOUR.saturating_mul(20),
    HOUR.saturating_mul(24),
];
/// How many attempts a delivery has at most.
pub const ATTEMPTS: usize = PAUSES.len() + 1;
/// By what part each pause is shorter or longer, so that not all come at once.
pub const JITTER: f64 = 0.1;
/// How long an answer can ask to wait.
pub const LONGEST_WAIT: Duration = HOUR;
/// An endpoint that has only failed for so long is disabled.
pub const PATIENCE: Duration = Duration::from_secs(5 * 24 * 3_600);
/// After so many failures in a row, an endpoint is shown as failing, and gets few calls at a time.
pub const FAILING_AFTER: i32 = 3;
/// How long an endpoint that fails gets no call at all: after the first failure this, doubled with each further one.
pub const FIRST_PAUSE: Duration = SECOND;
/// The longest such pause. It is shorter than most pauses of the schedule, so that an endpoint that is well again is
/// noticed soon.
pub const LONGEST_PAUSE: Duration = MINUTE.saturating_mul(5);

/// Why a call brought no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookProblem)]
pub enum Problem {
    /// The answer was no success.
    Status,
    /// The answer was a redirect, which is never followed.
    Redirect,
    /// There was no answer within 15 seconds.
    Timeout,
    /// No connection could be opened.
    Connect,
    /// The name could not be resolved.
    Resolve,
    /// The certificate is not trusted, or the handshake failed.
    Tls,
    /// The address is one that may not be called.
    Forbidden,
    /// What came back is not HTTP, or broke off.
    Protocol,
    /// The server has too much to do.
    Busy,
}

impl Word for Problem {
    const WHAT: &'static str = "problem of a webhook call";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("status", Self::Status),
        ("redirect", Self::Redirect),
        ("timeout", Self::Timeout),
        ("connect", Self::Connect),
        ("resolve", Self::Resolve),
        ("tls", Self::Tls),
        ("forbidden", Self::Forbidden),
        ("protocol", Self::Protocol),
        ("busy", Self::Busy),
    ];
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// None if there was no answer.
    pub status: Option<u16>,
    /// None if it succeeded.
    pub problem: Option<Problem>,
    /// How long the answer asks to wait.
    pub retry_after: Option<Duration>,
    /// How long it took.
    pub took: Duration,
}

impl Answered {
    /// An answer with this status; `retry_after` is what it asks for, if anything.
    pub fn of_status(status: u16, retry_after: Option<Duration>, took: Duration) -> Self {
        let problem = match status {
            200..=299 => None,
            300..=399 => Some(Problem::Redirect),
            _ => Some(Problem::Status),
        };
        let may_ask = matches!(status, 429 | 503);
        let retry_after = retry_after.filter(|_| may_ask).map(|wait| wait.min(LONGEST_WAIT));
        Self { status: Some(status), problem, retry_after, took }
    }

    pub fn of_problem(problem: Problem, took: Duration) -> Self {
        Self { status: None, problem: Some(problem), retry_after: None, took }
    }

    pub fn is_success(&self) -> bool {
        self.problem.is_none()
    }

    /// Whether the receiver says that it wants nothing any more.
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }

    /// Whether it says nothing about the endpoint, because this server could not call.
    pub fn is_ours(&self) -> bool {
        self.problem == Some(Problem::Busy)
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Delivered,
    Again(Timestamp),
    Failed,
}

/// What becomes of a delivery after its `attempts`th attempt. `once`: it is not repeated. `jitter` is 0 to 1.
pub fn next(now: Timestamp, attempts: usize, once: bool, jitter: f64, answered: &Answered) -> Next {
    if answered.is_success() {
        return Next::Delivered;
    }
    match PAUSES.get(attempts.saturating_sub(1)) {
        Some(pause) if !once => {
            let pause = jittered(*pause, jitter);
            Next::Again(now.plus(pause.max(answered.retry_after.unwrap_or_default())))
        }
        _ => Next::Failed,
    }
}

fn jittered(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter.clamp(0.0, 1.0))
}

/// How an endpoint is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// How many calls in a row have failed.
    pub failures: i32,
    /// When the first of them did.
    pub failing_since: Option<Timestamp>,
    /// It gets no call before this.
    pub paused_until: Option<Timestamp>,
}

/// What becomes of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Stays,
    /// The receiver said that it is gone.
    Gone,
    /// It has failed for too long.
    GivenUp,
}

impl Health {
    pub fn is_failing(&self) -> bool {
        self.failures >= FAILING_AFTER
    }

    /// Its health after some calls that were made together, in any order. One success shows that it is well; otherwise
    /// they count as one failure, so that many calls at once do not make it look worse than it is.
    pub fn after(self, now: Timestamp, calls: &[Answered]) -> (Self, Verdict) {
        let asked = calls.iter().filter_map(|call| call.retry_after).max().map(|wait| now.plus(wait));
        if calls.iter().any(Answered::is_gone) {
            return (Self::default(), Verdict::Gone);
        }
        if calls.iter().any(Answered::is_success) {
            return (Self { paused_until: asked, ..Self::default() }, Verdict::Stays);
        }
        if calls.iter().all(Answered::is_ours) {
            return (self, Verdict::Stays);
        }
        let failing_since = self.failing_since.unwrap_or(now);
        if now.since(failing_since) >= PATIENCE {
            return (Self::default(), Verdict::GivenUp);
        }
        let doublings = self.failures.clamp(0, 20).unsigned_abs();
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let paused_until = now.plus(pause).max(asked.unwrap_or(now));
        let failures = self.failures.saturating_add(1);
        (Self { failures, failing_since: Some(failing_since), paused_until: Some(paused_until) }, Verdict::Stays)
    }

    /// When an endpoint gets its next call, if its first delivery that waits is due then.
    pub fn due(&self, first: Option<Timestamp>) -> Option<Timestamp> {
        first.map(|first| self.paused_until.map_or(first, |until| until.max(first)))
    }
}

/// How long an answer asks to wait, by its header `Retry-After` (RFC 9110 §10.2.3): seconds; dates are not understood.
pub fn retry_after(header: &str) -> Option<Duration> {
    let text = header.trim();
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    // A number that is too long to read is longer than any wait.
    is_number.then(|| text.parse().map_or(LONGEST_WAIT, Duration::from_secs).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000)
    }

    fn status(status: u16) -> Answered {
        Answered::of_status(status, None, SECOND)
    }

    fn asking(status: u16, seconds: u64) -> Answered {
        Answered::of_status(status, Some(Duration::from_secs(seconds)), SECOND)
    }

    fn timeout() -> Answered {
        Answered::of_problem(Problem::Timeout, SECOND)
    }

    #[test]
    fn next_table() {
        let again = |pause: Duration| Next::Again(now().plus(pause));
        for (attempts, once, answered, expected) in [
            (1, false, status(200), Next::Delivered),
            (1, false, status(204), Next::Delivered),
            (10, true, status(299), Next::Delivered),
            (1, false, status(301), again(SECOND * 5)),
            (1, false, status(404), again(SECOND * 5)),
            (2, false, status(500), again(MINUTE * 5)),
            (3, false, timeout(), again(MINUTE * 30)),
            (4, false, timeout(), again(HOUR * 2)),
            (5, false, timeout(), again(HOUR * 5)),
            (6, false, timeout(), again(HOUR * 10)),
            (7, false, timeout(), again(HOUR * 14)),
            (8, false, timeout(), again(HOUR * 20)),
            (9, false, timeout(), again(HOUR * 24)),
            (10, false, timeout(), Next::Failed),
            (11, false, timeout(), Next::Failed),
            (1, true, timeout(), Next::Failed),
            (1, false, asking(429, 60), again(MINUTE)),
            (1, false, asking(503, 2), again(SECOND * 5)),
            (1, false, asking(503, 86_400), again(HOUR)),
            (1, false, asking(500, 60), again(SECOND * 5)),
            (5, false, asking(429, 60), again(HOUR * 5)),
        ] {
            assert_eq!(next(now(), attempts, once, 0.5, &answered), expected, "{attempts} {answered:?}");
        }
    }

    #[test]
    fn health_table() {
        let days = |days: u64| HOUR * 24 * u32::try_from(days).unwrap();
        let failing = |failures, since: Duration, pause: Duration| Health {
            failures,
            failing_since: Some(now().minus(since)),
            paused_until: Some(now().plus(pause)),
        };
        let well = Health::default();
        for (before, calls, after, verdict) in [
            (well, vec![status(200)], well, Verdict::Stays),
            (well, vec![timeout()], failing(1, Duration::ZERO, SECOND), Verdict::Stays),
            (well, vec![timeout(); 8], failing(1, Duration::ZERO, SECOND), Verdict::Stays),
            (failing(1, MINUTE, SECOND), vec![timeout()], failing(2, MINUTE, SECOND * 2), Verdict::Stays),
            (failing(20, MINUTE, SECOND), vec![timeout()], failing(21, MINUTE, LONGEST_PAUSE), Verdict::Stays),
            (failing(20, MINUTE, SECOND), vec![timeout(), status(200)], well, Verdict::Stays),
            (failing(20, days(5), SECOND), vec![timeout(), status(200)], well, Verdict::Stays),
            (failing(20, days(5), SECOND), vec![timeout()], well, Verdict::GivenUp),
            (failing(20, days(4), SECOND), vec![timeout()], failing(21, days(4), LONGEST_PAUSE), Verdict::Stays),
            (well, vec![status(200), status(410)], well, Verdict::Gone),
            (well, vec![asking(429, 600)], failing(1, Duration::ZERO, MINUTE * 10), Verdict::Stays),
            (
                well,
                vec![status(200), asking(503, 30)],
                Health { paused_until: Some(now().plus(SECOND * 30)), ..well },
                Verdict::Stays,
            ),
            (well, vec![Answered::of_problem(Problem::Busy, SECOND)], well, Verdict::Stays),
        ] {
            assert_eq!(before.after(now(), &calls), (after, verdict), "{before:?} {calls:?}");
        }
        assert!(!failing(2, MINUTE, SECOND).is_failing() && failing(3, MINUTE, SECOND).is_failing());
    }

    #[test]
    fn an_endpoint_is_due_when_it_may_be_called() {
        let (early, late) = (now(), now().plus(SECOND));
        let paused = |paused_until| Health { paused_until, ..Health::default() };
        for (until, first, due) in [
            (None, None, None),
            (None, Some(early), Some(early)),
            (Some(late), Some(early), Some(late)),
            (Some(early), Some(late), Some(late)),
            (Some(late), None, None),
        ] {
            assert_eq!(paused(until).due(first), due);
        }
    }

    #[test]
    fn retry_after_table() {
        for (header, wait) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3601", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ] {
            assert_eq!(retry_after(header), wait.map(Duration::from_secs), "{header}");
        }
    }

    proptest! {
        /// Whatever an endpoint answers, a delivery ends after ten attempts within four days, and is never called sooner
        /// than the schedule says.
        #[test]
        fn a_delivery_ends(
            answers in prop::collection::vec((0_u8..4, 0_u64..100_000, 0.0..1.0_f64), 20)
        ) {
            let (mut at, begun, mut attempts) = (now(), now(), 0);
            for (kind, seconds, jitter) in answers {
                attempts += 1;
                let answered = match kind {
                    0 => timeout(),
                    1 => status(500),
                    2 => asking(429, seconds),
                    _ => asking(302, seconds),
                };
                match next(at, attempts, false, jitter, &answered) {
                    Next::Again(later) => {
                        let pause = later.since(at);
                        prop_assert!(pause >= PAUSES[attempts - 1].mul_f64(1.0 - JITTER) - Duration::from_micros(1));
                        prop_assert!(pause <= PAUSES[attempts - 1].mul_f64(1.0 + JITTER).max(LONGEST_WAIT));
                        at = later;
                    }
                    Next::Failed => break,
                    Next::Delivered => prop_assert!(false, "{:?}", answered),
                }
            }
            prop_assert_eq!(attempts, ATTEMPTS);
            prop_assert!(at.since(begun) <= HOUR * 24 * 4);
        }

        /// However an endpoint fails, its pauses stay bounded, and one success ends them.
        #[test]
        fn an_endpoint_recovers(count in 1_usize..60, waits in prop::collection::vec(0_u64..100_000, 60)) {
            let (mut health, mut at) = (Health::default(), now());
            for wait in waits.into_iter().take(count) {
                let (after, verdict) = health.after(at, &[asking(503, wait)]);
                if verdict != Verdict::Stays {
                    prop_assert!(health.failing_since.is_some_and(|since| at.since(since) >= PATIENCE));
                    return Ok(());
                }
                let until = after.paused_until.unwrap();
                prop_assert!(until > at && until <= at.plus(LONGEST_WAIT));
                (health, at) = (after, until);
            }
            prop_assert_eq!(health.after(at, &[status(200)]), (Health::default(), Verdict::Stays));
        }
    }
}
