//! Pure rules: whom somebody can block, mute or note something about, and how many people.

use clowder_core::{Error, Refusal, Result, Timestamp, UserId, input::past};

/// How many people one person can block, how many they can mute, and on how many they can have notes.
pub const MOST: i64 = 10_000;

/// What is known of the two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AboutFacts {
    /// Whether the caller knows that there is such a person: they may see them, have blocked them, or see their name because
    /// something connects the two, such as a chat or a request.
    pub known: bool,
    /// Whether this would add a row.
    pub new: bool,
    /// How many rows of the kind the caller has.
    pub count: i64,
}

/// Nobody decides about themselves, nor about people of whom they do not know.
pub fn may_decide_about(
    caller: UserId,
    user: UserId,
    facts: AboutFacts,
    unknown: Refusal,
    full: Refusal,
) -> Result<()> {
    if caller == user {
        return Err(Error::field("{user_id}", "self", "must be somebody other than yourself"));
    }
    if !facts.known {
        return Err(unknown.into());
    }
    if facts.new && facts.count >= MOST {
        return Err(full.into());
    }
    Ok(())
}

/// A mute ends in the future.
pub fn may_end(now: Timestamp, until: Option<Timestamp>) -> Result<()> {
    match until {
        Some(until) if until <= now => Err(Error::Invalid(vec![past().at("/until")])),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, error::Kind};

    use super::*;
    use crate::blocks::refusals::BLOCK_LIMIT;

    fn code(result: Result<()>) -> String {
        match result {
            Ok(()) => "ok".to_owned(),
            Err(Error::Refused(refusal)) => refusal.code.to_owned(),
            Err(Error::Invalid(errors)) => errors[0].code.to_string(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn may_decide_about_table() {
        let now = Timestamp::from_micros(1);
        let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(now));
        let unknown = Refusal::new(Kind::Unknown, "user.unknown", "");
        for (user, known, new, count, expected) in [
            (bob, true, true, 0, "ok"),
            (bob, true, true, MOST - 1, "ok"),
            (bob, true, true, MOST, "block.limit"),
            (bob, true, false, MOST, "ok"),
            (bob, false, true, 0, "user.unknown"),
            (bob, false, true, MOST, "user.unknown"),
            (ada, true, true, 0, "self"),
            (ada, false, true, MOST, "self"),
        ] {
            let facts = AboutFacts { known, new, count };
            assert_eq!(code(may_decide_about(ada, user, facts, unknown, BLOCK_LIMIT)), expected, "{facts:?}");
        }
    }

    #[test]
    fn may_end_table() {
        let at = Timestamp::from_micros;
        for (until, expected) in [(None, "ok"), (Some(8), "ok"), (Some(7), "past"), (Some(1), "past")] {
            assert_eq!(code(may_end(at(7), until.map(at))), expected, "{until:?}");
        }
    }
}
