//! The rule of the one-use refresh token, with its grace for those who lost an answer.

use std::time::Duration;

use clowder_core::{Ctx, Refusal, Timestamp};

use crate::refusals::{SESSION_ENDED, TOKEN_EXPIRED, TOKEN_REUSED};

/// Within this time a used token answers with the successor it already has, used or not: two tabs race, an answer gets
/// lost.
pub const GRACE: Duration = Duration::from_secs(20);
/// How often a token is answered again after the grace, while its successor has not been used: a client that was
/// offline never got the answer.
pub const LATE_REPEATS: i16 = 2;
/// In how many generations in a row that may be needed. An honest client soon gets an answer; when the next generation
/// needs it, too, two parties hold the token.
pub const LATE_GENERATIONS: i16 = 2;

/// What is known of a presented token.
#[derive(Debug, Clone)]
pub struct RefreshFacts {
    pub session_ended: bool,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// Whether the successor has been used in its turn: after the grace no honest client still waits for it then.
    pub successor_used: bool,
    /// How often it was answered again after the grace.
    pub late: i16,
    /// How many generations in a row right before this one were.
    pub late_before: i16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// First use: make the successor.
    Rotate,
    /// A lost answer: give the same successor again.
    Repeat,
    /// The same, after the grace: it is counted.
    RepeatLate,
    /// Two parties hold it: end the session and refuse.
    EndSession(Refusal),
    Refuse(Refusal),
}

pub fn decide(ctx: &Ctx, facts: &RefreshFacts) -> Verdict {
    match facts.used_at {
        _ if facts.session_ended => Verdict::Refuse(SESSION_ENDED),
        // A tab that lags behind by a rotation or two comes when the successor has been used already.
        Some(used_at) if is_within_grace(ctx.now, used_at, facts.successor_used) => Verdict::Repeat,
        Some(_) if facts.successor_used => Verdict::EndSession(TOKEN_REUSED),
        Some(_) if may_repeat_late(ctx.now, facts) => Verdict::RepeatLate,
        Some(_) => Verdict::EndSession(TOKEN_REUSED),
        None if facts.expires_at <= ctx.now => Verdict::Refuse(TOKEN_EXPIRED),
        None => Verdict::Rotate,
    }
}

/// A call that came first may get its turn last, and clocks of nodes differ: a use that lies a little ahead happened just
/// now. A clock that was further ahead does not tell how long ago the token was used. That its successor has been used
/// does: the grace is over.
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
            // Used by a clock that was ahead.
            (false, later, Some(later), false, (0, 0), Verdict::Repeat),
            (false, later, Some(later), true, (0, 0), reused),
            // Used by a call that came a moment later and was served first, or by a node whose clock is a little ahead.
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
