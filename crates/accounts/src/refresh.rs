//! The rule of the one-use refresh token, with its grace for those who lost an answer.

use std::time::Duration;

use clowder_core::{Ctx, Refusal, Timestamp};

use crate::refusals::{SESSION_ENDED, TOKEN_EXPIRED, TOKEN_REUSED};

/// Within this time a used token answers with the successor it already has: two tabs race, an answer gets lost.
pub const GRACE: Duration = Duration::from_secs(20);

/// What is known of a presented token.
#[derive(Debug, Clone)]
pub struct RefreshFacts {
    pub session_ended: bool,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// Whether the successor has been used in its turn: then no honest client still waits for it.
    pub successor_used: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// First use: make the successor.
    Rotate,
    /// A lost answer: give the same successor again.
    Repeat,
    /// Two parties hold it: end the session and refuse.
    EndSession(Refusal),
    Refuse(Refusal),
}

pub fn decide(ctx: &Ctx, facts: &RefreshFacts) -> Verdict {
    match facts.used_at {
        _ if facts.session_ended => Verdict::Refuse(SESSION_ENDED),
        Some(used_at) if ctx.now.since(used_at) <= GRACE && !facts.successor_used => Verdict::Repeat,
        Some(_) => Verdict::EndSession(TOKEN_REUSED),
        None if facts.expires_at <= ctx.now => Verdict::Refuse(TOKEN_EXPIRED),
        None => Verdict::Rotate,
    }
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
        for (session_ended, expires_at, used_at, successor_used, verdict) in [
            (false, later, None, false, Verdict::Rotate),
            (false, now, None, false, Verdict::Refuse(TOKEN_EXPIRED)),
            (false, later, ago(0), false, Verdict::Repeat),
            (false, later, ago(20), false, Verdict::Repeat),
            (false, later, ago(20), true, Verdict::EndSession(TOKEN_REUSED)),
            (false, later, ago(21), false, Verdict::EndSession(TOKEN_REUSED)),
            (false, now, ago(21), false, Verdict::EndSession(TOKEN_REUSED)),
            (true, later, None, false, Verdict::Refuse(SESSION_ENDED)),
            (true, later, ago(1), false, Verdict::Refuse(SESSION_ENDED)),
        ] {
            let facts = RefreshFacts { session_ended, expires_at, used_at, successor_used };
            assert_eq!(decide(&ctx, &facts), verdict, "{facts:?}");
        }
    }
}
