//! Small closed sets: a type, a role, a visibility. One table of names serves the wire, the database and the input.

use serde_json::Value;

use crate::{Error, Result, input::Field, text::Flaw};

/// An enum whose members have names. The names never change: they are stored.
pub trait Word: Copy + PartialEq + 'static {
    /// The name of the set, for log lines: `role`.
    const WHAT: &'static str;
    const WORDS: &'static [(&'static str, Self)];

    fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, member)| *member == self).map_or("", |(word, _)| word)
    }

    /// The member with this stored or signed name.
    fn parse_word(word: &str) -> Result<Self> {
        Self::find(word).ok_or_else(|| Error::internal(format!("no such {}: {word}", Self::WHAT)))
    }

    fn find(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, member)| *member)
    }
}

impl<T: Word> Field for T {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let word = crate::input::string(value)?;
        T::find(&word).ok_or_else(|| {
            let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
            Flaw::new("choice", format!("must be one of: {}", words.join(", ")))
        })
    }
}
