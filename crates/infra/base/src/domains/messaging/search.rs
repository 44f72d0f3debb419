//! The index of what messages are found by. Each database has a table of its own for it, `message_search`, which only the
//! dialects know; here is what is written into it and asked of it.

use std::{collections::HashMap, fmt::Write};

use clowder_core::{ChatId, MessageId, Result, Timestamp, UserId};
use clowder_messaging::{
    mentions::Marked,
    search::{
        Has,
        marks::{EVERYBODY, FILE, MARK, MENTION, at, by, of_text, of_type},
        query::{Phrase, Sought, Term},
        tokens::{Tokens, tokens},
        volumes::{Volume, key, volume_of},
    },
};
use diesel::prelude::*;

use super::{
    rows::is_marked,
    schema::{chats, participants},
};

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

diesel::allow_tables_to_appear_in_same_query!(search_chats, chats);
diesel::allow_tables_to_appear_in_same_query!(search_chats, participants);

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
/// How many places of one word in a message have an order. PostgreSQL keeps one more, so it leaves out none of these, and
/// both databases find the same phrases.
const PLACES: usize = 255;

/// What of a message is indexed.
#[derive(Debug, Clone, Queryable)]
pub struct SaidRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub version: i64,
    pub kind: String,
    pub sender_id: UserId,
    pub content: Option<String>,
    pub data: Option<String>,
    /// How many files it has.
    pub attached: i64,
}

impl SaidRow {
    /// What is marked in its text.
    pub fn marked(&self) -> Result<Option<Marked>> {
        let data = self.data.as_deref().filter(|_| is_marked(&self.kind));
        Ok(data.map(serde_json::from_str).transpose()?)
    }
}

/// Whom a message mentions.
#[derive(Debug, Clone, Default)]
pub struct Addressed {
    pub people: Vec<UserId>,
    pub everybody: bool,
}

/// A message as it is indexed.
pub struct Indexed {
    pub chat: ChatId,
    /// The number of its chat in the index.
    pub number: i64,
    pub seq: i64,
    pub version: i64,
    key: String,
    tokens: Tokens,
    marks: Vec<String>,
}

impl Indexed {
    /// A message in which this is said, to these people.
    pub fn new(row: &SaidRow, number: i64, said: &str, to: &Addressed) -> Self {
        let SaidRow { chat_id: chat, seq, version, .. } = *row;
        let mut marks = vec![by(row.sender_id), of_type(&row.kind)];
        let others =
            [(row.attached > 0, FILE), (to.everybody || !to.people.is_empty(), MENTION), (to.everybody, EVERYBODY)];
        let others = others.into_iter().filter(|(has, _)| *has).map(|(_, mark)| mark);
        marks.extend(of_text(said).chain(others).map(str::to_owned));
        marks.extend(to.people.iter().copied().map(at));
        Self { chat, number, seq, version, key: key(number, volume_of(seq)), tokens: tokens(said), marks }
    }

    /// What stands in the order of the text, and what does not.
    fn all(&self) -> (impl Iterator<Item = &str>, impl Iterator<Item = &str>) {
        let (words, joined) = self.tokens.indexed();
        (words, joined.chain(self.marks.iter().map(String::as_str)))
    }

    /// The words in their order, of each as many as have a place; of the others only that something is there.
    fn placed<'w>(words: impl Iterator<Item = &'w str>) -> impl Iterator<Item = Option<&'w str>> {
        let mut counts = HashMap::<&str, usize>::new();
        words.map(move |word| {
            let count = counts.entry(word).or_default();
            *count += 1;
            (*count <= PLACES).then_some(word)
        })
    }

    /// A text of which SQLite's tokenizer `ascii` makes these tokens. What is of no order is separated, so that no phrase
    /// is found in it.
    pub fn as_text(&self) -> String {
        let (mut text, (words, others)) = (String::new(), self.all());
        let key = &self.key;
        for word in Self::placed(words) {
            let _ = write!(text, "{key}{} ", word.unwrap_or(MARK));
        }
        for other in others {
            let _ = write!(text, "{key}{MARK} {key}{other} ");
        }
        text.pop();
        text
    }

    /// A `tsvector` as it is written.
    pub fn as_vector(&self) -> String {
        let (mut vector, (words, others)) = (String::new(), self.all());
        let key = &self.key;
        for (word, place) in Self::placed(words).zip(1..) {
            let Some(word) = word else { continue };
            let _ = match place {
                ..=LAST_POSITION => write!(vector, "'{key}{word}':{place} "),
                _ => write!(vector, "'{key}{word}' "),
            };
        }
        for other in others {
            let _ = write!(vector, "'{key}{other}' ");
        }
        vector.pop();
        vector
    }
}

/// The row of a message in SQLite's table.
pub const fn row_of(number: i64, seq: i64) -> i64 {
    (number << 32) | seq
}

/// What is asked of the index, for each volume in the language of its database.
#[derive(Debug, Clone)]
pub struct Asked {
    pub sought: Sought,
    /// What it must also have.
    pub marks: Vec<String>,
}

impl Asked {
    fn spelled(&self, volume: &Volume, language: &Language) -> String {
        let key = key(volume.number, volume.volume);
        let term = |term: &Term| {
            let phrases = term.any.iter().map(|phrase| (language.phrase)(&key, phrase)).collect::<Vec<_>>();
            format!("({})", phrases.join(language.or))
        };
        let mut terms: Vec<String> = self.sought.terms.iter().map(term).collect();
        for mark in &self.marks {
            terms.push((language.phrase)(&key, &Phrase { tokens: vec![mark.clone()], begins: false }));
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
    pub kind: Option<&'static str>,
    /// Whom it mentions.
    pub mentioned: Option<UserId>,
    pub mentions_all: bool,
    pub has: Option<Has>,
    pub before: Option<Timestamp>,
    pub after: Option<Timestamp>,
    /// Not sent after this time.
    pub until: Option<Timestamp>,
    /// Behind this place, in the order in which they are listed.
    pub behind: Option<Place>,
    pub oldest_first: bool,
}

impl Filter {
    /// What somebody sees now, and nothing else: the newest messages first.
    pub const fn none(viewer: UserId, now: Timestamp) -> Self {
        Self {
            viewer,
            now,
            kind: None,
            mentioned: None,
            mentions_all: false,
            has: None,
            before: None,
            after: None,
            until: None,
            behind: None,
            oldest_first: false,
        }
    }

    /// Conditions on a message `m`, for whose values `?` stands, in the order of the members.
    pub fn conditions(&self) -> String {
        let mut all =
            "m.deleted_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > ?) AND NOT EXISTS (SELECT 1 FROM \
             blocks b WHERE b.user_id = ? AND b.blocked_id = m.sender_id AND b.hide_messages) AND NOT EXISTS (SELECT 1 \
             FROM removed_messages r WHERE r.chat_id = m.chat_id AND r.seq = m.seq AND r.user_id = ?)"
                .to_owned();
        let behind = if self.oldest_first { ">" } else { "<" };
        let of = |table: &str| format!("EXISTS (SELECT 1 FROM {table} n WHERE n.chat_id = m.chat_id AND n.seq = m.seq");
        let mut ask = |is_asked: bool, condition: &str| {
            if is_asked {
                all.push_str(" AND ");
                all.push_str(condition);
            }
        };
        ask(self.kind.is_some(), "m.type = ?");
        ask(self.mentioned.is_some(), &format!("{} AND n.user_id = ?)", of("message_mentions")));
        ask(self.mentions_all, &format!("{})", of("message_mentions_all")));
        let somebody = format!("({}) OR {}))", of("message_mentions"), of("message_mentions_all"));
        ask(self.has == Some(Has::Mention), &somebody);
        ask(self.has == Some(Has::File), "m.attached > 0");
        ask(self.has == Some(Has::Pin), "m.pinned");
        ask(self.has == Some(Has::Reaction), "m.reaction_kinds > 0");
        ask(self.before.is_some(), "m.created_at < ?");
        ask(self.after.is_some(), "m.created_at >= ?");
        ask(self.until.is_some(), "m.created_at <= ?");
        ask(self.behind.is_some(), &format!("(m.created_at, m.chat_id, m.seq) {behind} (?, ?, ?)"));
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
    use clowder_messaging::search::marks::LINK;
    use uuid::Uuid;

    use super::*;

    fn volume(number: i64) -> Volume {
        let [oldest, newest] = [10, 20].map(Timestamp::from_micros);
        Volume { chat: Id::from_uuid(Uuid::nil()), number, volume: 0, from: 0, to: 1, oldest, newest }
    }

    #[test]
    fn documents_and_queries_table() {
        let row = SaidRow {
            chat_id: Id::from_uuid(Uuid::nil()),
            seq: 3,
            version: 1,
            kind: "text".to_owned(),
            sender_id: Id::from_uuid(Uuid::nil()),
            content: None,
            data: None,
            attached: 0,
        };
        let (text, to) = ("Don't 東京 https://a.bc 👍", Addressed::default());
        let (indexed, nobody) = (Indexed::new(&row, 5, text, &to), "0".repeat(32));
        assert_eq!(
            indexed.as_text(),
            format!(
                "150don 150t 150東京 150京 150https 150a 150bc 150👍 150¶ 150dont 150¶ 150¶by{nobody} \
                 150¶ 150¶istext 150¶ 150¶link"
            )
        );
        assert_eq!(
            indexed.as_vector(),
            format!(
                "'150don':1 '150t':2 '150東京':3 '150京':4 '150https':5 '150a':6 '150bc':7 '150👍':8 '150dont' \
                 '150¶by{nobody}' '150¶istext' '150¶link'"
            )
        );
        let ada = Id::from_uuid(Uuid::from_u128(0xada));
        for (people, everybody, marks) in [
            (vec![ada], false, format!("'150¶mention' '150¶at{:032x}'", 0xada)),
            (vec![], true, "'150¶mention' '150¶everybody'".to_owned()),
        ] {
            let indexed = Indexed::new(&row, 5, "x", &Addressed { people, everybody });
            assert_eq!(indexed.as_vector(), format!("'150x':1 '150¶by{nobody}' '150¶istext' {marks}"));
        }
        let with_files = Indexed::new(&SaidRow { kind: "image".to_owned(), attached: 2, ..row.clone() }, 5, "x", &to);
        assert_eq!(with_files.as_vector(), format!("'150x':1 '150¶by{nobody}' '150¶isimage' '150¶file'"));
        // Of a word that is there very often, both databases know the same places.
        let often = Indexed::new(&row, 5, &format!("{}b", "a ".repeat(PLACES + 2)), &to);
        assert_eq!(often.as_text().matches("150a").count(), PLACES);
        assert!(often.as_text().contains("150a 150¶ 150¶ 150b "), "{}", often.as_text());
        assert!(
            often.as_vector().contains(&format!("'150a':{PLACES} '150b':{} ", PLACES + 3)),
            "{}",
            often.as_vector()
        );
        for (text, marks, matched, asked) in [
            ("lunch", &[] as &[&str], "(\"150lunch\" *)", "(('150lunch':*))"),
            (
                "late lunch x",
                &[],
                "(\"150late\") AND (\"150lunch\") AND (\"150x\" *)",
                "(('150late')) & (('150lunch')) & (('150x':*))",
            ),
            ("\"late lunch\"", &[], "(\"150late 150lunch\")", "(('150late' <-> '150lunch'))"),
            (
                "\"don't\" x",
                &[LINK],
                "(\"150don 150t\") AND (\"150x\" *) AND \"150¶link\"",
                "(('150don' <-> '150t')) & (('150x':*)) & ('150¶link')",
            ),
            (
                "don't x",
                &[],
                "(\"150don 150t\" OR \"150dont\") AND (\"150x\" *)",
                "(('150don' <-> '150t') | ('150dont')) & (('150x':*))",
            ),
            (
                "a -b -\"c d\"",
                &[],
                "((\"150a\")) NOT ((\"150b\") OR (\"150c 150d\"))",
                "((('150a'))) & !((('150b')) | (('150c' <-> '150d')))",
            ),
        ] {
            let marks = marks.iter().map(|mark| (*mark).to_owned()).collect();
            let asking = Asked { sought: Sought::parse(text).unwrap(), marks };
            assert_eq!(asking.as_match(&volume(5)), matched, "{text}");
            assert_eq!(asking.as_tsquery(&volume(5)), asked, "{text}");
        }
    }

    #[test]
    fn volumes_that_have_nothing_are_not_looked_through() {
        let at = |micros| Some(Timestamp::from_micros(micros));
        let nobody = Id::from_uuid(Uuid::nil());
        let all = Filter::none(nobody, Timestamp::from_micros(0));
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
            kind: Some("text"),
            mentioned: Some(nobody),
            mentions_all: true,
            has: Some(Has::Mention),
            before: at(1),
            after: at(1),
            until: at(1),
            behind: behind(1),
            ..all.clone()
        };
        assert_eq!(everything.conditions().matches('?').count(), 11);
        assert_eq!(all.conditions().matches('?').count(), 3);
    }
}
