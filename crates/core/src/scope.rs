//! What an API key may be used for. Each domain declares its scopes as constants, and the server gathers them once.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::Role;

/// One use of a key: an area and a verb. A route names the scope that opens it; a route without a scope is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// `chats:read`
    pub word: &'static str,
    /// What it allows, in a few words.
    pub about: &'static str,
    /// Below this role it would allow nothing.
    pub least: Role,
}

impl Scope {
    /// The maximum length of each word.
    pub const MAX: usize = 64;
    pub const PATTERN: &'static str = "^[a-z][a-z_]*:[a-z][a-z_]*$";

    /// Whether this has the form of a scope, known or not.
    pub fn is_word(word: &str) -> bool {
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        word.len() <= Self::MAX && word.split_once(':').is_some_and(|(area, verb)| is_name(area) && is_name(verb))
    }

    pub const fn new(word: &'static str, about: &'static str) -> Self {
        Self { word, about, least: Role::User }
    }

    /// One that allows nothing below this role.
    pub const fn from_role(self, least: Role) -> Self {
        Self { least, ..self }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word)
    }
}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        let word =
            ObjectBuilder::new().schema_type(Type::String).pattern(Some(Self::PATTERN)).max_length(Some(Self::MAX));
        word.description(Some("What an API key may be used for.")).build().into()
    }
}

impl ToSchema for Scope {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}

/// A set of scopes by name, in the given order. Names that this version does not know are kept and allow nothing, so
/// that a key can outlive a scope and nodes of different versions can run together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    pub fn contains(&self, scope: Scope) -> bool {
        self.words().any(|word| word == scope.word)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|word| &**word)
    }

    /// As stored: names separated by spaces.
    pub fn joined(&self) -> String {
        self.0.join(" ")
    }

    /// Parses what [`Self::joined`] wrote.
    pub fn split(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }
}

impl<'w> FromIterator<&'w str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'w str>>(words: I) -> Self {
        let mut set = Vec::<Box<str>>::new();
        for word in words {
            if !set.iter().any(|known| **known == *word) {
                set.push(word.into());
            }
        }
        Self(set.into())
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().map(|scope| scope.word).collect()
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Ok(words.iter().map(String::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Scope = Scope::new("chats:read", "Read");
    const WRITE: Scope = Scope::new("chats:write", "Write").from_role(Role::Moderator);

    #[test]
    fn scopes_survive_their_spelling() {
        let some: Scopes = [WRITE, READ, WRITE].into_iter().collect();
        assert_eq!(some.joined(), "chats:write chats:read");
        assert_eq!(Scopes::split("chats:write chats:read"), some);
        assert_eq!(serde_json::to_value(&some).unwrap(), serde_json::json!(["chats:write", "chats:read"]));
        assert_eq!(serde_json::from_value::<Scopes>(serde_json::json!(["chats:write", "chats:read"])).unwrap(), some);
        assert!(Scopes::split("").is_empty());
    }

    #[test]
    fn unknown_words_are_kept_and_open_nothing_else() {
        let some = Scopes::split("chats:read gone:away");
        assert!(some.contains(READ) && !some.contains(WRITE));
        assert_eq!(some.joined(), "chats:read gone:away");
    }

    #[test]
    fn there_is_room_for_many() {
        let words: Vec<_> = (0..100).map(|number| format!("area{number}:read")).collect();
        let some: Scopes = words.iter().map(String::as_str).collect();
        assert!(words.iter().all(|word| some.words().any(|known| known == word)));
        assert_eq!(Scopes::split(&some.joined()), some);
    }
}
