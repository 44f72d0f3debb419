//! Parses the query string and collects all faults in it, as [`clowder_core::Input`] does for bodies.

use std::{
    future::{Ready, ready},
    str::FromStr,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use clowder_core::{
    Error, FieldError, Id, PageRequest, Word,
    error::MOST_ERRORS,
    input::LONGEST_TEXT,
    page::{DEFAULT_LIMIT, MAX_LIMIT},
    text::{self, Flaw},
};

use crate::{
    call::Call,
    cursor::{self, Cursors},
    problem::{Answer, Problem},
};

/// The query parameters that an endpoint accepts; others are ignored. Each has a maximum length, 200 characters unless
/// its reader says otherwise. An empty value is as invalid as any other invalid value.
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

    /// A query of this list, with the reader for its cursors.
    pub fn to_list(mut self, cursors: Arc<Cursors>, list: impl Into<String>) -> Self {
        self.list = Some((cursors, list.into()));
        self
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
        let number = self.value(name, Flaw::new("type", "must be a whole number"), |text| i64::from_str(text).ok())?;
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

    /// One of a closed set.
    pub fn word<T: Word>(&mut self, name: &str) -> Option<T> {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        self.value(name, Flaw::new("choice", format!("must be one of: {}", words.join(", "))), T::find)
    }

    /// At most this many ids, separated by commas; none if absent.
    pub fn ids<T>(&mut self, name: &str, most: usize) -> Vec<Id<T>> {
        // An id and its comma.
        let Some(text) = self.any_text(name, most * 37 - 1) else { return Vec::new() };
        let ids: Option<Vec<_>> = text.split(',').map(|id| id.parse().ok()).collect();
        match ids {
            Some(ids) if ids.len() <= most => return ids,
            Some(_) => self.flaw(name, Flaw::new("too_many", format!("must have at most {most} ids"))),
            None => self.flaw(name, Flaw::new("uuid", "must be ids, separated by commas")),
        }
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

impl FromRequest for Query {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut query = Self::parse(request.query_string());
        ready(Call::of(request, |call| {
            query.pairs.retain(|(name, _)| call.asks.contains(&name.as_str()));
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
            ("9223372036854775808", Err("type")),
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
