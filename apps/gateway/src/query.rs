//! Parses the query string and collects all faults in it, as [`clowder_core::Input`] does for bodies.

use std::{
    collections::BTreeSet,
    future::{Ready, ready},
    str::FromStr,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use clowder_core::{
    Error, FieldError, Id, PageRequest, Timestamp, Word,
    error::MOST_ERRORS,
    input::{self, LONGEST_TEXT},
    page::{DEFAULT_LIMIT, MAX_LIMIT},
    text::{self, Flaw},
};

use crate::{
    call::Call,
    config::suggest,
    cursor::{self, Cursors},
    problem::{Answer, Problem},
};

/// The query parameters that an endpoint accepts; others are faults. Each has a maximum length, 200 characters unless its
/// reader says otherwise. An empty value is as invalid as any other invalid value.
#[derive(Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
    /// Verifies the cursors of the requested list, and names that list.
    list: Option<(Arc<Cursors>, String)>,
}

impl Query {
    pub fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes()).into_owned();
        // No text contains a NUL, which PostgreSQL cannot store.
        let (wrong, pairs): (Vec<_>, Vec<_>) = pairs.partition(|(_, value)| value.contains('\0'));
        let mut query = Self { pairs, ..Self::default() };
        let wrong = wrong.iter().take(MOST_ERRORS + 1);
        wrong.for_each(|(name, _)| query.flaw(name, Flaw::new("characters", "must not contain NUL")));
        query
    }

    /// Keeps these parameters alone. All others are faults.
    pub fn know(mut self, names: &[&str]) -> Self {
        let mut others = BTreeSet::new();
        self.pairs.retain(|(name, _)| {
            let known = names.contains(&name.as_str());
            if !known && others.len() <= MOST_ERRORS {
                others.insert(name.clone());
            }
            known
        });
        for name in others {
            let flaw = unknown(&name, names);
            self.flaw(&name, flaw);
        }
        self
    }

    /// A query of this list, with the reader for its cursors.
    pub fn to_list(mut self, cursors: Arc<Cursors>, list: impl Into<String>) -> Self {
        self.list = Some((cursors, list.into()));
        self
    }

    /// Whether a parameter is given.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }

    /// A text of 1 to 200 characters.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.text_within(name, LONGEST_TEXT)
    }

    /// A text of 1 to `most` characters.
    pub fn text_within(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.any_text(name, most)?;
        if text.is_empty() {
            self.flaw(name, Flaw::new("required", "must not be empty"));
            return None;
        }
        Some(text)
    }

    /// A text of at most `most` characters whose reader also handles an empty value: a token, a cursor.
    pub fn any_text(&mut self, name: &str, most: usize) -> Option<String> {
        let (_, text) = self.pairs.iter().find(|(known, _)| known == name)?;
        match text::at_most(text, most) {
            Ok(()) => Some(text.clone()),
            Err(flaw) => {
                self.flaw(name, flaw);
                None
            }
        }
    }

    /// A whole number of at least `least`.
    pub fn number(&mut self, name: &str, least: i64) -> Option<i64> {
        // With more digits than fit, it is a large number all the same.
        let read = |text: &str| {
            let is_long = text.len() >= 19 && text.bytes().all(|octet| octet.is_ascii_digit());
            i64::from_str(text).ok().or(is_long.then_some(i64::MAX))
        };
        let number = self.value(name, Flaw::new("type", "must be a whole number"), read)?;
        if number < least {
            self.flaw(name, Flaw::new("minimum", format!("must be {least} or more")));
            return None;
        }
        Some(number)
    }

    /// `true` or `false`, and no other spelling, as the OpenAPI document says.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.value(name, Flaw::new("type", "must be true or false"), |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A time of RFC 3339.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.any_text(name, LONGEST_TEXT)?;
        input::time(&text).map_err(|flaw| self.flaw(name, flaw)).ok()
    }

    /// One of a closed set.
    pub fn word<T: Word>(&mut self, name: &str) -> Option<T> {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        self.value(name, Flaw::new("choice", format!("must be one of: {}", words.join(", "))), T::find)
    }

    /// One to `most` ids, separated by commas. If the parameter is repeated, all of them count.
    pub fn ids<T>(&mut self, name: &str, most: usize) -> Vec<Id<T>> {
        let given = self.pairs.iter().filter(|(known, _)| known == name);
        let texts: Vec<&str> = given.flat_map(|(_, text)| text.split(',')).collect();
        let flaw = if texts.is_empty() {
            Flaw::new("required", format!("is missing; give 1 to {most} ids, separated by commas"))
        } else if texts.len() > most {
            Flaw::new("too_many", format!("must have at most {most} ids"))
        } else {
            match texts.iter().map(|id| id.parse().ok()).collect() {
                Some(ids) => return ids,
                None => Flaw::new("uuid", "must be ids, separated by commas"),
            }
        };
        self.flaw(name, flaw);
        Vec::new()
    }

    /// `limit` alone; values above the maximum mean the maximum.
    pub fn limit(&mut self) -> u32 {
        let limit = self.number("limit", 1).unwrap_or(i64::from(DEFAULT_LIMIT));
        u32::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT)
    }

    /// `limit` and `cursor`.
    pub fn page(&mut self) -> PageRequest {
        PageRequest { limit: self.limit(), cursor: self.cursor() }
    }

    /// The key after which the page starts. A cursor of another list is a fault.
    pub fn cursor(&mut self) -> Option<String> {
        let cursor = self.any_text("cursor", cursor::LONGEST)?;
        let place = self.list.as_ref().and_then(|(cursors, list)| cursors.open(list, &cursor));
        if place.is_none() {
            self.flaw("cursor", Flaw::new("cursor", "is not a cursor of this list with these filters"));
        }
        place
    }

    /// Adds a fault that concerns several parameters together.
    pub fn flaw(&mut self, name: &str, flaw: Flaw) {
        self.errors.push(flaw.at(format!("?{name}")));
    }

    /// Must be called after the last read.
    pub fn check(self) -> Answer<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors).into()) }
    }

    /// Any other value; `wrong` is the message if `parse` fails.
    pub fn value<T>(&mut self, name: &str, wrong: Flaw, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(&self.any_text(name, LONGEST_TEXT)?);
        if parsed.is_none() {
            self.flaw(name, wrong);
        }
        parsed
    }
}

/// The fault if several of these are given.
pub fn only_one(names: &[&str]) -> Flaw {
    let names = match names {
        [names @ .., last] => format!("{} and {last}", names.join(", ")),
        [] => String::new(),
    };
    Flaw::new("unwanted", format!("only one of {names} can be given"))
}

/// Names that other interfaces use for the same thing.
const SYNONYMS: &[&[&str]] = &[
    &["q", "search", "query"],
    &["limit", "per_page", "page_size", "count"],
    &["cursor", "page", "offset"],
    &["sort", "order", "order_by", "ordering"],
];

/// The fault of a parameter that is none of these.
fn unknown(name: &str, known: &[&str]) -> Flaw {
    let same = SYNONYMS.iter().filter(|names| names.contains(&name));
    let same = same.flat_map(|names| known.iter().find(|known| names.contains(*known))).copied().next();
    let meant = same.or_else(|| suggest::closest(name, known.iter().copied()));
    let says = match (meant, known) {
        (Some(meant), _) => format!("is not known here{}", suggest::question(Some(meant))),
        (None, []) => "is not known here; this call takes no query parameters".to_owned(),
        (None, _) => format!("is not known here; this call takes {}", known.join(", ")),
    };
    Flaw::new("unknown", says)
}

impl FromRequest for Query {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut query = Self::parse(request.query_string());
        ready(Call::of(request, |call| {
            if call.ignores_others {
                query.pairs.retain(|(name, _)| call.asks.contains(&name.as_str()));
            } else {
                query = query.know(&call.asks);
            }
            Ok(query.to_list(Arc::clone(&call.cursors), call.list(request.query_string())))
        }))
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Visibility;
    use clowder_infra::keys::Keys;

    use super::*;

    #[test]
    fn pages_are_read_within_their_bounds() {
        for (text, limit) in [("", 50), ("limit=1", 1), ("limit=200", 200), ("limit=99999999999", 200)] {
            let mut query = Query::parse(text);
            assert_eq!(query.page().limit, limit, "{text}");
            assert!(query.check().is_ok());
        }
    }

    #[test]
    fn a_cursor_is_one_of_its_list_or_a_fault() {
        let cursors = Arc::new(Cursors::new(&Keys::new("secret")));
        let place = |cursor: &str, list| {
            let mut query = Query::parse(&format!("cursor={cursor}")).to_list(Arc::clone(&cursors), list);
            let place = query.page().cursor;
            query.check().map(|()| place).map_err(|problem| problem.errors[0].code.to_string())
        };
        let (ours, wrong) = (cursors.seal("/a", "a+b"), Err("cursor".to_owned()));
        assert_eq!(place(&ours, "/a"), Ok(Some("a+b".to_owned())));
        assert_eq!(place("", "/a"), wrong);
        assert_eq!(place(&ours, "/b"), wrong);
        assert_eq!(place("nonsense", "/a"), wrong);
        assert_eq!(place(&"x".repeat(1_100), "/a"), Err("too_long".to_owned()));
    }

    #[test]
    fn no_text_is_longer_than_its_reader_allows() {
        let long = "ä".repeat(201);
        let mut query = Query::parse(&format!("q={long}&type={long}&token={long}&limit={long}&unread={long}"));
        assert_eq!((query.text("q"), query.value("type", Flaw::new("x", "x"), |_| Some(()))), (None, None));
        assert_eq!(query.any_text("token", 201), Some(long));
        assert_eq!((query.limit(), query.flag("unread")), (50, None));
        let problem = query.check().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        assert_eq!(told, ["?q", "?type", "?limit", "?unread"].map(|pointer| (pointer, "too_long")));
    }

    #[test]
    fn nul_is_in_no_value() {
        let mut query = Query::parse("q=a%00b&token=%00&limit=3");
        assert_eq!((query.text("q"), query.text("token"), query.text("limit")), (None, None, Some("3".to_owned())));
        let problem = query.check().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        assert_eq!(told, [("?q", "characters"), ("?token", "characters")]);
    }

    #[test]
    fn what_is_given_is_not_empty() {
        let mut query = Query::parse("limit=&unread=&visibility=&q=&cursor=&token=");
        query.page();
        assert_eq!((query.flag("unread"), query.word::<Visibility>("visibility"), query.text("q")), (None, None, None));
        assert_eq!(query.any_text("token", 200).as_deref(), Some(""), "its reader says what that is");
        let problem = query.check().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        let expected = ["?limit", "?cursor", "?unread", "?visibility", "?q"];
        assert_eq!(
            told,
            std::iter::zip(expected, ["type", "cursor", "type", "choice", "required"]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn others_are_unknown_and_the_nearest_is_named() {
        let known = ["q", "limit", "cursor"];
        for (name, says) in [
            ("search", "is not known here; did you mean q?"),
            ("page", "is not known here; did you mean cursor?"),
            ("limits", "is not known here; did you mean limit?"),
            ("nobody_asks", "is not known here; this call takes q, limit, cursor"),
        ] {
            let query = Query::parse(&format!("{name}=1&limit=0&{name}=2")).know(&known);
            let problem = query.check().unwrap_err();
            let told: Vec<_> =
                problem.errors.iter().map(|e| (e.pointer.clone(), e.code.as_ref(), &*e.message)).collect();
            assert_eq!(told, [(format!("?{name}"), "unknown", says)]);
        }
        let none = Query::parse("x=1").know(&[]).check().unwrap_err();
        assert_eq!(none.errors[0].message, "is not known here; this call takes no query parameters");
        assert!(Query::parse("q=a&limit=3").know(&known).check().is_ok());
        // As many faults as are told, whatever somebody sends.
        let many: String = (0..500).map(|n| format!("x{n}=&")).collect();
        assert_eq!(Query::parse(&many).know(&known).check().unwrap_err().errors.len(), MOST_ERRORS + 1);
    }

    #[test]
    fn ids_are_joined_and_counted() {
        let id = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
        for (text, expected) in [
            (format!("ids={id}"), Ok(1)),
            (format!("ids={id},{id}&ids={id}"), Ok(3)),
            (format!("ids={id},{id}&ids={id},{id}"), Err("too_many")),
            (String::new(), Err("required")),
            ("ids=".to_owned(), Err("uuid")),
            (format!("ids={id},"), Err("uuid")),
            (format!("ids={id}&ids=x"), Err("uuid")),
        ] {
            let mut query = Query::parse(&text);
            let ids: Vec<Id<()>> = query.ids("ids", 3);
            let read = query.check().map(|()| ids.len()).map_err(|problem| problem.errors[0].code.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_flag_is_true_or_false() {
        for (text, flag) in [("true", Some(true)), ("false", Some(false))] {
            let mut query = Query::parse(&format!("unread={text}"));
            assert_eq!((query.flag("unread"), query.check().is_ok()), (flag, true));
        }
        for text in ["1", "0", "yes", "no", "on", "True", "TRUE", "t", "null", " true"] {
            let mut query = Query::parse(&format!("unread={text}"));
            assert_eq!(query.flag("unread"), None, "{text}");
            assert_eq!(query.check().unwrap_err().errors[0].pointer, "?unread", "{text}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let mut query = Query::parse("limit=0&unread=maybe&visibility=secret&other=1");
        query.page();
        assert_eq!(query.flag("unread"), None);
        assert_eq!(query.word::<Visibility>("visibility"), None);
        let problem = query.check().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        assert_eq!(told, [("?limit", "minimum"), ("?unread", "type"), ("?visibility", "choice")]);
    }

    #[test]
    fn a_number_is_whole_and_large_enough() {
        for (text, expected) in [
            ("0", Ok(Some(0))),
            ("9223372036854775807", Ok(Some(i64::MAX))),
            ("-1", Err("minimum")),
            ("-9223372036854775808", Err("minimum")),
            ("9223372036854775808", Ok(Some(i64::MAX))),
            ("99999999999999999999", Ok(Some(i64::MAX))),
            ("x", Err("type")),
            ("1.5", Err("type")),
            ("", Err("type")),
        ] {
            let mut query = Query::parse(&format!("before={text}"));
            let number = query.number("before", 0);
            let read = query.check().map(|()| number).map_err(|problem| problem.errors[0].code.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
    }
}
