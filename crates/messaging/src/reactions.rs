//! The rules of reactions: one per person and emoji, few kinds of them on a message, none on what is not there for the
//! person who reacts.

use clowder_core::Result;

use crate::{
    ChatRole, policy,
    refusals::{MESSAGE_GONE, MESSAGE_UNKNOWN, REACTION_KINDS},
};

/// How many different emoji one message can have.
pub const MOST_KINDS: i64 = 20;

/// What is known when somebody reacts to a message. The chat is locked, so that it stays true until the reaction is
/// written. Blocks are none of it: nobody must learn from an answer that the author has blocked them.
#[derive(Debug, Clone, Copy)]
pub struct ReactFacts {
    /// The caller's role in the chat; `None` for outsiders.
    pub role: Option<ChatRole>,
    /// Whether nobody can write in the chat any more.
    pub closed: bool,
    pub deleted: bool,
    /// Whether the caller has reacted with this emoji.
    pub reacted: bool,
    /// How many people have reacted with it.
    pub count: i64,
    /// How many different emoji the message has.
    pub kinds: i64,
}

/// How many people will have reacted with the emoji, or `None` if the caller already has.
pub fn decide_add(facts: ReactFacts) -> Result<Option<i64>> {
    facts.role.ok_or(MESSAGE_UNKNOWN)?;
    if facts.deleted {
        return Err(MESSAGE_GONE.into());
    }
    if facts.reacted {
        return Ok(None);
    }
    policy::is_open(facts.closed)?;
    if facts.count == 0 && facts.kinds >= MOST_KINDS {
        return Err(REACTION_KINDS.into());
    }
    Ok(Some(facts.count + 1))
}

/// How many people will still have reacted with the emoji, or `None` if the caller has not. What one has said can be taken
/// back everywhere, also in a closed chat.
pub fn decide_remove(facts: ReactFacts) -> Result<Option<i64>> {
    facts.role.ok_or(MESSAGE_UNKNOWN)?;
    Ok(facts.reacted.then_some(facts.count - 1))
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;

    use super::*;

    fn code(decided: Result<Option<i64>>) -> String {
        match decided {
            Ok(Some(count)) => count.to_string(),
            Ok(None) => "stays".to_owned(),
            Err(Error::Refused(refusal)) => refusal.code.to_owned(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn decide_tables() {
        let plain = ReactFacts {
            role: Some(ChatRole::Member),
            closed: false,
            deleted: false,
            reacted: false,
            count: 2,
            kinds: 3,
        };
        let reacted = ReactFacts { reacted: true, ..plain };
        for (facts, add, remove) in [
            (plain, "3", "stays"),
            (reacted, "stays", "1"),
            (ReactFacts { role: None, ..plain }, "message.unknown", "message.unknown"),
            (ReactFacts { role: None, deleted: true, ..plain }, "message.unknown", "message.unknown"),
            (ReactFacts { deleted: true, count: 0, kinds: 0, ..plain }, "message.deleted", "stays"),
            (ReactFacts { closed: true, ..plain }, "chat.closed", "stays"),
            (ReactFacts { closed: true, ..reacted }, "stays", "1"),
            (ReactFacts { kinds: 20, ..plain }, "3", "stays"),
            (ReactFacts { kinds: 20, count: 0, ..plain }, "reaction.kinds", "stays"),
            (ReactFacts { kinds: 19, count: 0, ..plain }, "1", "stays"),
        ] {
            assert_eq!((code(decide_add(facts)), code(decide_remove(facts))), (add.into(), remove.into()), "{facts:?}");
        }
    }
}
