//! The index of what messages are found by. Each database has a table of its own for it, `message_search`, which only the
//! dialects know; here is what is written into it and asked of it.

use std::fmt::Write;

use clowder_core::{ChatId, MessageId, Timestamp, UserId};
use clowder_messaging::search::{
    links::{LINK, has_link},
    query::{Phrase, Sought, Term},
    tokens::{Tokens, tokens},
    volumes::{SIZE, Volume, key, volume_of},
};
use diesel::prelude::*;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    search_chats (number) {
        number -> BigInt,
        chat_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    search_index (id) {
        id -> BigInt,
        rules -> BigInt,
        running -> Bool,
        chat_id -> Uid,
        seq -> BigInt,
        done -> BigInt,
        total -> BigInt,
    }
}

#[derive(Debug, Clone, Copy, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = search_index)]
pub struct SearchIndexRow {
    pub rules: i64,
    pub running: bool,
    pub chat_id: ChatId,
    pub seq: i64,
    pub done: i64,
    pub total: i64,
}

/// The largest position in a document of PostgreSQL.
const LAST_POSITION: usize = 16_383;

/// A message as it is indexed.
pub struct Indexed {
    pub chat: ChatId,
    /// The number of its chat in the index.
    pub number: i64,
    pub seq: i64,
    pub version: i64,
    key: String,
    tokens: Tokens,
    link: bool,
}

impl Indexed {
    pub fn new(chat: ChatId, number: i64, seq: i64, version: i64, content: &str) -> Self {
        let key = key(number, volume_of(seq));
        Self { chat, number, seq, version, key, tokens: tokens(content), link: has_link(content) }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.tokens.indexed().chain(self.link.then_some(LINK))
    }

    /// A text of which SQLite's tokenizer `ascii` makes these tokens.
    pub fn as_text(&self) -> String {
        let mut text = String::new();
        for token in self.all() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&self.key);
            text.push_str(token);
        }
        text
    }

    /// A `tsvector` as it is written.
    pub fn as_vector(&self) -> String {
        let (mut vector, ordered) = (String::new(), self.tokens.words.len());
        for (index, token) in self.all().enumerate() {
            let _ = write!(vector, "'{}{token}'", self.key);
            // What is of no order cannot be part of a phrase.
            if index < ordered.min(LAST_POSITION) {
                let _ = write!(vector, ":{}", index + 1);
            }
            vector.push(' ');
        }
        vector
    }
}

/// The row of a message in SQLite's table.
pub const fn row_of(number: i64, seq: i64) -> i64 {
    (number << 32) | seq
}

/// The rows of a volume in SQLite's table that somebody sees: after the first, up to the second.
pub fn rows_of(volume: &Volume) -> (i64, i64) {
    let first = volume.visible_from.max(volume.volume * SIZE - 1).max(0);
    (row_of(volume.number, first), row_of(volume.number, (volume.volume + 1) * SIZE - 1))
}

/// What is asked of the index, for each volume in the language of its database.
#[derive(Debug, Clone)]
pub struct Asked {
    pub sought: Sought,
    pub link: bool,
}

impl Asked {
    fn spelled(&self, volume: &Volume, language: &Language) -> String {
        let key = key(volume.number, volume.volume);
        let term = |term: &Term| {
            let phrases = term.any.iter().map(|phrase| (language.phrase)(&key, phrase)).collect::<Vec<_>>();
            format!("({})", phrases.join(language.or))
        };
        let mut terms: Vec<String> = self.sought.terms.iter().map(term).collect();
        if self.link {
            let link = Phrase { tokens: vec![LINK.to_owned()], begins: false };
            terms.push((language.phrase)(&key, &link));
        }
        let mut query = terms.join(language.and);
        if !self.sought.without.is_empty() {
            let without: Vec<String> = self.sought.without.iter().map(term).collect();
            query = format!("({query}){}({})", language.not, without.join(language.or));
        }
        query
    }

    /// For `MATCH` of SQLite.
    pub fn as_match(&self, volume: &Volume) -> String {
        let phrase = |key: &str, phrase: &Phrase| {
            let tokens: Vec<String> = phrase.tokens.iter().map(|token| format!("{key}{token}")).collect();
            format!("\"{}\"{}", tokens.join(" "), if phrase.begins { " *" } else { "" })
        };
        self.spelled(volume, &Language { phrase, and: " AND ", or: " OR ", not: " NOT " })
    }

    /// A `tsquery` as it is written.
    pub fn as_tsquery(&self, volume: &Volume) -> String {
        let phrase = |key: &str, phrase: &Phrase| {
            let tokens: Vec<String> = phrase.tokens.iter().map(|token| format!("'{key}{token}'")).collect();
            format!("({}{})", tokens.join(" <-> "), if phrase.begins { ":*" } else { "" })
        };
        self.spelled(volume, &Language { phrase, and: " & ", or: " | ", not: " & !" })
    }
}

struct Language {
    phrase: fn(&str, &Phrase) -> String,
    and: &'static str,
    or: &'static str,
    not: &'static str,
}

/// Where a message stands among all that are found: by its time, and of one time by its chat and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub at: Timestamp,
    pub chat: ChatId,
    pub seq: i64,
}

/// A message that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub place: Place,
    pub id: MessageId,
}

/// What a message must be beside what it says.
#[derive(Debug, Clone)]
pub struct Filter {
    pub viewer: UserId,
    pub now: Timestamp,
    pub sender: Option<UserId>,
    pub kind: Option<&'static str>,
    pub reacted: bool,
    pub before: Option<Timestamp>,
    pub after: Option<Timestamp>,
    /// Not sent after this time.
    pub until: Option<Timestamp>,
    /// Behind this place, in the order in which they are listed.
    pub behind: Option<Place>,
    pub oldest_first: bool,
}

impl Filter {
    /// Conditions on a message `m`, for whose values `?` stands, in the order of the members.
    pub fn conditions(&self) -> String {
        let mut all =
            "m.deleted_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > ?) AND NOT EXISTS (SELECT 1 FROM \
                       blocks b WHERE b.user_id = ? AND b.blocked_id = m.sender_id AND b.hide_messages)"
                .to_owned();
        let behind = if self.oldest_first { ">" } else { "<" };
        for (is_asked, condition) in [
            (self.sender.is_some(), "m.sender_id = ?"),
            (self.kind.is_some(), "m.type = ?"),
            (self.reacted, "m.reaction_kinds > 0"),
            (self.before.is_some(), "m.created_at < ?"),
            (self.after.is_some(), "m.created_at >= ?"),
            (self.until.is_some(), "m.created_at <= ?"),
        ] {
            if is_asked {
                all.push_str(" AND ");
                all.push_str(condition);
            }
        }
        if self.behind.is_some() {
            let _ = write!(all, " AND (m.created_at, m.chat_id, m.seq) {behind} (?, ?, ?)");
        }
        all
    }

    /// Whether a volume may have something.
    pub fn may_have(&self, volume: &Volume) -> bool {
        let (behind_newest, behind_oldest) = match self.behind {
            Some(place) if self.oldest_first => (Some(place.at), None),
            Some(place) => (None, Some(place.at)),
            None => (None, None),
        };
        self.after.is_none_or(|after| volume.newest >= after)
            && self.before.is_none_or(|before| volume.oldest < before)
            && self.until.is_none_or(|until| volume.oldest <= until)
            && behind_newest.is_none_or(|at| volume.newest >= at)
            && behind_oldest.is_none_or(|at| volume.oldest <= at)
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;
    use uuid::Uuid;

    use super::*;

    fn volume(number: i64) -> Volume {
        let [oldest, newest] = [10, 20].map(Timestamp::from_micros);
        Volume { chat: Id::from_uuid(Uuid::nil()), number, volume: 0, visible_from: 0, oldest, newest }
    }

    #[test]
    fn documents_and_queries_table() {
        let indexed = Indexed::new(Id::from_uuid(Uuid::nil()), 5, 3, 1, "Don't 東京 https://a.b 👍");
        assert_eq!(indexed.as_text(), "150don 150t 150東京 150京 150https 150a 150b 150👍 150dont 150ab 150¶link");
        assert!(
            indexed.as_vector().starts_with("'150don':1 '150t':2 '150東京':3 '150京':4 "),
            "{}",
            indexed.as_vector()
        );
        assert!(indexed.as_vector().contains("'150dont' "), "{}", indexed.as_vector());
        for (text, link, matched, asked) in [
            ("lunch", false, "(\"150lunch\" *)", "(('150lunch':*))"),
            (
                "late lunch x",
                false,
                "(\"150late\") AND (\"150lunch\") AND (\"150x\" *)",
                "(('150late')) & (('150lunch')) & (('150x':*))",
            ),
            ("\"late lunch\"", false, "(\"150late 150lunch\")", "(('150late' <-> '150lunch'))"),
            (
                "\"don't\" x",
                true,
                "(\"150don 150t\") AND (\"150x\" *) AND \"150¶link\"",
                "(('150don' <-> '150t')) & (('150x':*)) & ('150¶link')",
            ),
            (
                "don't x",
                false,
                "(\"150don 150t\" OR \"150dont\") AND (\"150x\" *)",
                "(('150don' <-> '150t') | ('150dont')) & (('150x':*))",
            ),
            (
                "a -b -\"c d\"",
                false,
                "((\"150a\")) NOT ((\"150b\") OR (\"150c 150d\"))",
                "((('150a'))) & !((('150b')) | (('150c' <-> '150d')))",
            ),
        ] {
            let asking = Asked { sought: Sought::parse(text).unwrap(), link };
            assert_eq!(asking.as_match(&volume(5)), matched, "{text}");
            assert_eq!(asking.as_tsquery(&volume(5)), asked, "{text}");
        }
    }

    #[test]
    fn rows_of_volumes_do_not_meet() {
        let of = |volume: i64, visible_from| rows_of(&Volume { volume, visible_from, ..self::volume(7) });
        let base = 7_i64 << 32;
        assert_eq!(of(0, 0), (base, base + SIZE - 1));
        assert_eq!(of(0, 9), (base + 9, base + SIZE - 1));
        assert_eq!(of(1, 0), (base + SIZE - 1, base + 2 * SIZE - 1));
        assert_eq!(row_of(7, 1), base + 1);
    }

    #[test]
    fn volumes_that_have_nothing_are_not_looked_through() {
        let at = |micros| Some(Timestamp::from_micros(micros));
        let nobody = Id::from_uuid(Uuid::nil());
        let all = Filter {
            viewer: nobody,
            now: Timestamp::from_micros(0),
            sender: None,
            kind: None,
            reacted: false,
            before: None,
            after: None,
            until: None,
            behind: None,
            oldest_first: false,
        };
        let behind =
            |micros| Some(Place { at: Timestamp::from_micros(micros), chat: Id::from_uuid(Uuid::nil()), seq: 1 });
        for (filter, may) in [
            (all.clone(), true),
            (Filter { after: at(20), ..all.clone() }, true),
            (Filter { after: at(21), ..all.clone() }, false),
            (Filter { before: at(10), ..all.clone() }, false),
            (Filter { before: at(11), ..all.clone() }, true),
            (Filter { until: at(10), ..all.clone() }, true),
            (Filter { until: at(9), ..all.clone() }, false),
            (Filter { behind: behind(10), ..all.clone() }, true),
            (Filter { behind: behind(9), ..all.clone() }, false),
            (Filter { behind: behind(20), oldest_first: true, ..all.clone() }, true),
            (Filter { behind: behind(21), oldest_first: true, ..all.clone() }, false),
        ] {
            assert_eq!(filter.may_have(&volume(1)), may, "{filter:?}");
        }
        let everything = Filter {
            sender: Some(nobody),
            kind: Some("text"),
            reacted: true,
            before: at(1),
            after: at(1),
            until: at(1),
            behind: behind(1),
            ..all.clone()
        };
        assert_eq!(everything.conditions().matches('?').count(), 10);
        assert_eq!(all.conditions().matches('?').count(), 2);
    }
}
