//! Which events an endpoint wants: types by their names, or all below a prefix.

use clowder_core::{Error, Field, FieldError, Result, input::string, text::Flaw};
use serde_json::Value;

use super::server_events::{self, PREFIX};

/// How many an endpoint can list.
pub const MOST: usize = 50;
/// The longest of them, in characters.
pub const LONGEST: usize = 64;
/// What one looks like.
pub const PATTERN: &str = r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$";

/// `message.sent`, `message.*`, or `*` for everything about the owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted(String);

impl Wanted {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this asks for events of the whole server.
    pub fn is_of_server(&self) -> bool {
        self.0.starts_with(PREFIX)
    }

    /// Whether an event of this type is wanted. What concerns the whole server is never meant by `*` alone.
    pub fn includes(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some("") => !name.starts_with(PREFIX),
            Some(prefix) => name.starts_with(prefix),
            None => self.0 == name,
        }
    }

    fn is_well_formed(text: &str) -> bool {
        let is_part =
            |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
        let named = text.strip_suffix(".*").unwrap_or(text);
        text.len() <= LONGEST && (text == "*" || named.split('.').all(is_part))
    }
}

impl Field for Wanted {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let text = string(value)?;
        if Self::is_well_formed(&text) { Ok(Self(text)) } else { Err(unknown()) }
    }
}

fn unknown() -> Flaw {
    Flaw::new("choice", "must be an event type, or the beginning of some followed by .*")
}

/// What an endpoint wants: each once, in the given order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventTypes(Vec<Wanted>);

impl EventTypes {
    pub fn new(wanted: impl IntoIterator<Item = Wanted>) -> Self {
        let mut all: Vec<Wanted> = Vec::new();
        for one in wanted {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        Self(all)
    }

    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(|wanted| wanted.0.clone()).collect()
    }

    /// As stored: separated by spaces.
    pub fn joined(&self) -> String {
        self.words().join(" ")
    }

    /// Reads what [`Self::joined`] wrote. What this version does not know wants nothing.
    pub fn split(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(|word| Wanted(word.to_owned())).collect())
    }

    pub fn includes(&self, name: &str) -> bool {
        self.0.iter().any(|wanted| wanted.includes(name))
    }

    pub fn are_of_server(&self) -> bool {
        self.0.iter().any(Wanted::is_of_server)
    }
}

/// How the types of events about endpoints begin. Endpoints do not hear of themselves: a call that fails would lead to another.
const OF_ENDPOINTS: &str = "webhook.";

/// The events that exist, which are known where the domains are gathered. Without any, every name is one.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// What people hear of what concerns them.
    pub own: Vec<&'static str>,
    /// Which of these show a message of their actor.
    pub messages: Vec<&'static str>,
}

impl Catalogue {
    /// Whether somebody can hear of this.
    pub fn has(&self, name: &str) -> bool {
        !name.starts_with(OF_ENDPOINTS) && (self.own.is_empty() || self.own.contains(&name))
    }

    /// Of an empty catalogue, all that is named so: better too few calls than those of blocked people.
    pub fn shows_message(&self, name: &str) -> bool {
        self.messages.contains(&name) || (self.own.is_empty() && name.starts_with("message."))
    }

    /// Fails and names each that means no event at all.
    pub fn check(&self, wanted: &EventTypes) -> Result<()> {
        if self.own.is_empty() {
            return Ok(());
        }
        let names = || self.own.iter().copied().chain(server_events::names());
        let errors: Vec<FieldError> = wanted
            .0
            .iter()
            .enumerate()
            .filter(|(_, wanted)| !names().any(|name| wanted.includes(name)))
            .map(|(index, _)| unknown().at(format!("/event_types/{index}")))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(words: &[&str]) -> EventTypes {
        EventTypes::new(words.iter().map(|word| Wanted::parse(json!(word)).unwrap()))
    }

    #[test]
    fn includes_table() {
        for (words, name, included) in [
            (&["message.sent"][..], "message.sent", true),
            (&["message.sent"], "message.sent_twice", false),
            (&["message.*"], "message.sent", true),
            (&["message.*"], "message", false),
            (&["message.*"], "messages.sent", false),
            (&["friend_request"], "friend_request", true),
            (&["*"], "friend_request", true),
            (&["*"], "server.user.registered", false),
            (&["server.*"], "server.user.registered", true),
            (&["server.user.*"], "server.user.registered", true),
            (&["server.*"], "user.registered", false),
            (&["chat.created", "message.*"], "message.read", true),
            (&[], "message.read", false),
        ] {
            assert_eq!(wanted(words).includes(name), included, "{words:?} {name}");
        }
        assert!(wanted(&["*", "server.user.*"]).are_of_server() && !wanted(&["*"]).are_of_server());
    }

    #[test]
    fn forms_table() {
        for (word, good) in [
            ("message.sent", true),
            ("friend_request", true),
            ("group.member_added", true),
            ("message.*", true),
            ("*", true),
            ("", false),
            (".*", false),
            ("message.", false),
            ("message*", false),
            ("*.sent", false),
            ("message.*.sent", false),
            ("Message.sent", false),
            ("message sent", false),
            ("message.sent2", false),
        ] {
            assert_eq!(Wanted::parse(json!(word)).is_ok(), good, "{word}");
        }
        assert!(
            Wanted::parse(json!("a".repeat(LONGEST))).is_ok() && Wanted::parse(json!("a".repeat(LONGEST + 1))).is_err()
        );
        assert!(Wanted::parse(json!(1)).is_err());
    }

    #[test]
    fn each_is_stored_once() {
        let types = wanted(&["message.sent", "chat.*", "message.sent"]);
        assert_eq!(types.joined(), "message.sent chat.*");
        assert_eq!(EventTypes::split(&types.joined()), types);
        assert_eq!(EventTypes::split(""), EventTypes::default());
    }

    #[test]
    fn what_means_no_event_is_named() {
        let catalogue = Catalogue { own: vec!["message.sent", "chat.created"], messages: vec!["message.sent"] };
        let wrong = |words: &[&str]| match catalogue.check(&wanted(words)) {
            Ok(()) => Vec::new(),
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
            Err(other) => panic!("{other}"),
        };
        assert!(wrong(&["*", "message.*", "chat.created", "server.*"]).is_empty());
        assert_eq!(wrong(&["message.sent", "pet.*", "chat.deleted"]), ["/event_types/1", "/event_types/2"]);
        assert!(
            Catalogue::default().has("chat.deleted") && Catalogue::default().check(&wanted(&["chat.deleted"])).is_ok()
        );
        assert!(!Catalogue::default().has("webhook.updated"), "endpoints do not hear of themselves");
        assert!(catalogue.has("chat.created") && !catalogue.has("chat.deleted"));
        assert!(catalogue.shows_message("message.sent") && !catalogue.shows_message("chat.created"));
    }
}
