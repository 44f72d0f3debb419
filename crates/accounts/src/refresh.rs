//! The rule of single-use refresh tokens, with a grace period for clients that lost an answer.

use std::time::Duration;

use clowder_core::{Ctx, Refusal, Timestamp};

use crate::refusals::{SESSION_ENDED, TOKEN_EXPIRED, TOKEN_REUSED};

/// Within this time a used token returns its existing successor, used or not: two tabs race, or an answer gets lost.
pub const GRACE: Duration = Duration::from_secs(20);
/// How often a token is answered again after the grace period, while its successor is unused: an offline client never
/// got the answer.
pub const LATE_REPEATS: i16 = 2;
/// For how many generations in a row this is allowed. An honest client soon gets an answer; if it keeps happening, two
/// parties hold the token.
pub const LATE_GENERATIONS: i16 = 2;

/// What is known of a presented token.
#[derive(Debug, Clone)]
pub struct RefreshFacts {
    pub session_ended: bool,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// Whether the successor has been used, too: then no honest client still waits for it after the grace period.
    pub successor_used: bool,
    /// How often it was answered again after the grace period.
    pub late: i16,
    /// For how many generations in a row right before this one.
    pub late_before: i16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// First use: create the successor.
    Rotate,
    /// A lost answer: return the same successor again.
    Repeat,
    /// The same after the grace period, which is counted.
    RepeatLate,
    /// Two parties hold it: end the session and refuse.
    EndSession(Refusal),
    Refuse(Refusal),
}

pub fn decide(ctx: &Ctx, facts: &RefreshFacts) -> Verdict {
    match facts.used_at {
        _ if facts.session_ended => Verdict::Refuse(SESSION_ENDED),
        // A tab that lags by a rotation or two arrives when the successor has already been used.
        Some(used_at) if is_within_grace(ctx.now, used_at, facts.successor_used) => Verdict::Repeat,
        Some(_) if facts.successor_used => Verdict::EndSession(TOKEN_REUSED),
        Some(_) if may_repeat_late(ctx.now, facts) => Verdict::RepeatLate,
        Some(_) => Verdict::EndSession(TOKEN_REUSED),
        None if facts.expires_at <= ctx.now => Verdict::Refuse(TOKEN_EXPIRED),
        None => Verdict::Rotate,
    }
}

/// Calls may be handled out of order, and the clocks of nodes differ: a use that lies slightly in the future happened
/// just now. If the clock was further ahead, it is unknown how long ago the token was used. But if its successor has
/// been used, the grace period is over.
fn is_within_grace(now: Timestamp, used_at: Timestamp, successor_used: bool) -> bool {
    now.since(used_at) <= GRACE && (used_at.since(now) <= GRACE || !successor_used)
}

fn may_repeat_late(now: Timestamp, facts: &RefreshFacts) -> bool {
    facts.expires_at > now && facts.late < LATE_REPEATS && facts.late_before < LATE_GENERATIONS
}

#[cfg(test)]
mod tests {
    use clowder_core::Actor;

    use super::*;

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(1_000_000_000);
        let ctx = Ctx::new(Actor::Nobody, now, "test");
        let later = now.plus(Duration::from_secs(60));
        let ago = |seconds| Some(now.minus(Duration::from_secs(seconds)));
        let (reused, ended) = (Verdict::EndSession(TOKEN_REUSED), Verdict::Refuse(SESSION_ENDED));
        for (session_ended, expires_at, used_at, successor_used, (late, late_before), verdict) in [
            (false, later, None, false, (0, 0), Verdict::Rotate),
            (false, later, None, false, (0, 2), Verdict::Rotate),
            (false, now, None, false, (0, 0), Verdict::Refuse(TOKEN_EXPIRED)),
            (false, later, ago(0), false, (0, 0), Verdict::Repeat),
            (false, later, ago(20), false, (2, 2), Verdict::Repeat),
            (false, later, ago(0), true, (0, 0), Verdict::Repeat),
            (false, later, ago(20), true, (2, 2), Verdict::Repeat),
            // Used according to a clock that was ahead.
            (false, later, Some(later), false, (0, 0), Verdict::Repeat),
            (false, later, Some(later), true, (0, 0), reused),
            // Used by a slightly later call that was handled first, or by a node whose clock is slightly ahead.
            (false, later, Some(now.plus(Duration::from_micros(1))), true, (0, 0), Verdict::Repeat),
            (false, later, Some(now.plus(Duration::from_secs(5))), true, (0, 0), Verdict::Repeat),
            (true, later, Some(later), true, (0, 0), ended),
            (true, later, ago(1), true, (0, 0), ended),
            (false, later, ago(21), false, (0, 0), Verdict::RepeatLate),
            (false, later, ago(100_000), false, (1, 1), Verdict::RepeatLate),
            (false, later, ago(21), false, (2, 0), reused),
            (false, later, ago(21), false, (0, 2), reused),
            (false, later, ago(21), true, (0, 0), reused),
            (false, now, ago(21), false, (0, 0), reused),
            (true, later, None, false, (0, 0), ended),
            (true, later, ago(1), false, (0, 0), ended),
            (true, later, ago(21), false, (0, 0), ended),
        ] {
            let facts = RefreshFacts { session_ended, expires_at, used_at, successor_used, late, late_before };
            assert_eq!(decide(&ctx, &facts), verdict, "{facts:?}");
        }
    }
}
