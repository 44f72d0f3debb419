//! What an answer of a push service means for what was sent, and for everything else that goes there.

use std::time::Duration;

use clowder_core::Timestamp;
use clowder_egress::{Bounds, Failure, HeaderMap, StatusCode, header::RETRY_AFTER};
use clowder_notifications::push::Outcome;

/// What a call to a push service may take. Its answer has at most a reason.
pub const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), octets: 16 << 10, redirects: 0, cut: true };
/// How long a service that has enough, and does not say for how long, is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// How long something waits for room in this process.
const ROOM: Duration = Duration::from_secs(1);

/// How the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Well,
    /// It does not answer, or cannot do anything.
    Ill,
    /// It wants nothing for so long.
    Asks(Duration),
    /// The try says nothing about it.
    Unknown,
}

/// A try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub outcome: Outcome,
    pub health: Health,
}

impl Tried {
    pub fn delivered() -> Self {
        Self { outcome: Outcome::Delivered, health: Health::Well }
    }

    pub fn gone() -> Self {
        Self { outcome: Outcome::Gone, health: Health::Well }
    }

    pub fn refused(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused(why.into()), health: Health::Well }
    }

    /// It may work later; the service itself is all right.
    pub fn later(why: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { outcome: Outcome::Failed { retry_after, why: why.into() }, health: Health::Well }
    }

    /// Nothing was sent, because of us.
    pub fn broken(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed { retry_after: None, why: why.into() }, health: Health::Unknown }
    }

    pub fn no_room() -> Self {
        Self { outcome: Outcome::Waits(ROOM), health: Health::Unknown }
    }
}

/// There was no answer.
pub fn failed(failure: Failure) -> Tried {
    match failure {
        Failure::Busy => Tried::no_room(),
        failure if failure.is_final() => {
            Tried { outcome: Outcome::Refused(failure.to_string()), health: Health::Unknown }
        }
        failure => {
            let outcome = Outcome::Failed { retry_after: None, why: failure.to_string() };
            Tried { outcome, health: Health::Ill }
        }
    }
}

/// A status that means the same to every service; others are permanent refusals, for `why`.
pub fn judged(now: Timestamp, status: StatusCode, headers: &HeaderMap, why: &str) -> Tried {
    let asked = retry_after(now, headers);
    let why = format!("{} {why}", status.as_u16());
    match status.as_u16() {
        200..=299 => Tried::delivered(),
        429 => {
            let pause = asked.unwrap_or(PAUSE);
            Tried { outcome: Outcome::Failed { retry_after: Some(pause), why }, health: Health::Asks(pause) }
        }
        408 | 425 => Tried::later(why, asked),
        500..=599 => {
            let health = asked.map_or(Health::Ill, Health::Asks);
            Tried { outcome: Outcome::Failed { retry_after: asked, why }, health }
        }
        _ => Tried::refused(why),
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(now: Timestamp, headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from(date).since(now))
}

#[cfg(test)]
mod tests {
    use clowder_egress::HeaderValue;

    use super::*;

    #[test]
    fn judged_table() {
        let now = Timestamp::from_micros(784_111_770_000_000);
        let seconds = Duration::from_secs;
        let failed = |after: Option<u64>, why: &str, health| Tried {
            outcome: Outcome::Failed { retry_after: after.map(seconds), why: why.into() },
            health,
        };
        for (status, header, expected) in [
            (200, None, Tried::delivered()),
            (201, None, Tried::delivered()),
            (202, Some("9"), Tried::delivered()),
            (302, None, Tried::refused("302 x")),
            (400, None, Tried::refused("400 x")),
            (413, None, Tried::refused("413 x")),
            (429, None, failed(Some(30), "429 x", Health::Asks(seconds(30)))),
            (429, Some("120"), failed(Some(120), "429 x", Health::Asks(seconds(120)))),
            (429, Some("Sun, 06 Nov 1994 08:49:37 GMT"), failed(Some(7), "429 x", Health::Asks(seconds(7)))),
            (429, Some("Sat, 06 Nov 1993 08:49:37 GMT"), failed(Some(0), "429 x", Health::Asks(seconds(0)))),
            (429, Some("soon"), failed(Some(30), "429 x", Health::Asks(seconds(30)))),
            (500, None, failed(None, "500 x", Health::Ill)),
            (503, Some("5"), failed(Some(5), "503 x", Health::Asks(seconds(5)))),
            (408, None, failed(None, "408 x", Health::Well)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(header));
            }
            let verdict = judged(now, StatusCode::from_u16(status).unwrap(), &headers, "x");
            assert_eq!(verdict, expected, "{status} {header:?}");
        }
    }

    #[test]
    fn failed_table() {
        for (failure, health) in [
            (Failure::Time, Health::Ill),
            (Failure::Connect, Health::Ill),
            (Failure::Protocol, Health::Ill),
            (Failure::Busy, Health::Unknown),
            (Failure::Forbidden("private"), Health::Unknown),
        ] {
            let tried = failed(failure);
            assert_eq!(tried.health, health, "{failure:?}");
            let (is_waiting, is_refused) =
                (matches!(tried.outcome, Outcome::Waits(_)), matches!(tried.outcome, Outcome::Refused(_)));
            assert_eq!((is_waiting, is_refused), (failure == Failure::Busy, failure.is_final()), "{failure:?}");
        }
    }
}
