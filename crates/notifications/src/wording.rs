//! The words of notifications, in one table per language. `{actor}`, `{chat}`, `{group}` and `{count}` are filled in.

use clowder_core::Word;

use crate::{NotificationType, Reason, Stop};

/// A language that notifications are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    #[default]
    En,
    De,
}

impl Language {
    /// The one for a language tag, such as `de-AT`; English for those that are not here.
    pub fn of(tag: &str) -> Self {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "de" => Self::De,
            _ => Self::En,
        }
    }

    fn table(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::En => EN,
            Self::De => DE,
        }
    }

    /// The words under a key; the key itself, which a test rules out, if there are none.
    pub fn words(self, key: &str) -> &'static str {
        self.table().iter().find(|(known, _)| *known == key).map_or("", |(_, words)| words)
    }
}

/// What is filled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    pub actor: Option<&'a str>,
    /// The title of the chat; none if it has none.
    pub chat: Option<&'a str>,
    pub group: Option<&'a str>,
    pub count: i64,
    /// The action of the audit log that a notice about the account is about.
    pub action: Option<&'a str>,
}

/// The title of a notification, with all names.
pub fn title(language: Language, kind: NotificationType, reason: Reason, names: Names<'_>) -> String {
    let word = kind.as_str();
    let key = match (kind, reason, names.action) {
        (NotificationType::AccountSecurity, _, Some(action)) => format!("security.{action}"),
        (NotificationType::System, _, Some(change)) => format!("system.{change}"),
        (NotificationType::ReportDecided, Reason::Account, _) => "statement".to_owned(),
        (NotificationType::MessageMention, Reason::MentionedAll, _) if names.count == 1 => "mentioned_all".to_owned(),
        (NotificationType::MessageReply, Reason::Thread, _) if names.count == 1 => "thread".to_owned(),
        _ if names.count > 1 => format!("{word}.many"),
        _ => word.to_owned(),
    };
    let words = match language.words(&key) {
        "" => language.words(word),
        words => words,
    };
    let or = |name: Option<&str>, key: &str| name.map_or_else(|| language.words(key).to_owned(), str::to_owned);
    // The names come last and together: they may contain what looks like a place to fill in.
    fill(
        words,
        &[
            ("{count}", names.count.to_string()),
            ("{actor}", or(names.actor, "somebody")),
            ("{chat}", or(names.chat, "a_chat")),
            ("{group}", or(names.group, "a_group")),
        ],
    )
}

/// The title without any name, as it is in the journal.
pub fn bare(language: Language, kind: NotificationType) -> String {
    language.words(&format!("{}.bare", kind.as_str())).to_owned()
}

/// Why somebody is told, and how to get no more of the kind.
pub fn reason(language: Language, reason: Reason, stops: &[Stop]) -> String {
    let mut text = language.words(&format!("reason.{}", reason.as_str())).to_owned();
    if let Some(first) = stops.first() {
        text.push(' ');
        text.push_str(language.words(match first {
            Stop::Chat => "stop.chat",
            Stop::Preferences => "stop.preferences",
            Stop::Mute => "stop.mute",
            Stop::Block => "stop.block",
        }));
    }
    text
}

fn fill(words: &str, places: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(words.len() + 32);
    let mut rest = words;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        match places.iter().find(|(place, _)| rest.starts_with(place)) {
            Some((place, value)) => {
                text.push_str(value);
                rest = &rest[place.len()..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// How many characters of a text are shown.
const EXCERPT: usize = 140;

/// The beginning of a text, on one line.
pub fn excerpt(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(EXCERPT).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    Some(short).filter(|short| !short.is_empty())
}

mod de;
mod en;

use de::DE;
use en::EN;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rules::ACTIONS;

    fn places(words: &str) -> Vec<&str> {
        let mut places: Vec<_> =
            ["{actor}", "{chat}", "{group}", "{count}"].into_iter().filter(|place| words.contains(place)).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn languages_say_the_same() {
        let read = |table: &'static [(&str, &str)]| -> BTreeMap<&str, Vec<&str>> {
            table.iter().map(|(key, words)| (*key, places(words))).collect()
        };
        let (en, de) = (read(EN), read(DE));
        assert_eq!((en.len(), de.len()), (EN.len(), DE.len()), "every key once");
        assert_eq!(en, de);
        assert!(EN.iter().chain(DE).all(|(_, words)| !words.is_empty()));
    }

    #[test]
    fn everything_has_words() {
        let mut keys: Vec<String> = NotificationType::all()
            .flat_map(|kind| ["", ".bare"].map(|end| format!("{}{end}", kind.as_str())))
            .collect();
        keys.extend(Reason::WORDS.iter().map(|(word, _)| format!("reason.{word}")));
        keys.extend(ACTIONS.iter().map(|(action, _)| format!("security.{action}")));
        for language in [Language::En, Language::De] {
            for key in &keys {
                assert!(!language.words(key).is_empty(), "{language:?} has no words for {key}");
            }
        }
        for kind in NotificationType::all() {
            assert!(places(&bare(Language::En, kind)).is_empty(), "{kind:?} tells of nobody");
        }
    }

    #[test]
    fn names_are_filled_in_once() {
        let names = Names { actor: Some("{chat}"), chat: Some("Lunch"), count: 1, ..Names::default() };
        let kind = NotificationType::MessageMention;
        assert_eq!(title(Language::En, kind, Reason::Mentioned, names), "{chat} mentioned you in Lunch");
        let many = Names { count: 12, actor: Some("Ada"), ..names };
        assert_eq!(title(Language::En, kind, Reason::Mentioned, many), "12 mentions in Lunch, the last by Ada");
        assert_eq!(title(Language::De, kind, Reason::Mentioned, many), "12 Erwähnungen in Lunch, zuletzt von Ada");
        let nobody = Names { count: 1, ..Names::default() };
        assert_eq!(title(Language::En, kind, Reason::Mentioned, nobody), "Somebody mentioned you in a chat");
    }

    #[test]
    fn languages_are_found_by_their_tag() {
        for (tag, language) in
            [("de", Language::De), ("DE-at", Language::De), ("den", Language::En), ("fr", Language::En)]
        {
            assert_eq!(Language::of(tag), language, "{tag}");
        }
    }

    #[test]
    fn excerpts_are_short_lines() {
        assert_eq!(excerpt(" a\n b\t"), Some("a b".to_owned()));
        assert_eq!(excerpt(" \n"), None);
        let long = "ä".repeat(141);
        assert_eq!(excerpt(&long).map(|short| short.chars().count()), Some(141));
        assert!(excerpt(&long).is_some_and(|short| short.ends_with('…')));
        assert_eq!(excerpt(&"ä".repeat(140)), Some("ä".repeat(140)));
    }
}
