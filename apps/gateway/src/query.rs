//! Reads the query string and collects everything that is wrong with it, as [`clowder_core::Input`] does for bodies.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use clowder_core::{
    Error, FieldError, PageRequest, Word,
    page::{DEFAULT_LIMIT, MAX_LIMIT},
    text::Flaw,
};

use crate::problem::{Answer, Problem};

/// The parameters of a request. Unknown ones are ignored, empty ones are absent.
#[derive(Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    /// The names of those that came without a value.
    empty: Vec<String>,
    errors: Vec<FieldError>,
}

impl Query {
    pub fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes()).into_owned();
        let (empty, pairs): (Vec<_>, Vec<_>) = pairs.partition(|(_, value)| value.is_empty());
        // No text of ours holds a NUL, and PostgreSQL can keep none.
        let (wrong, pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, value)| value.contains('\0'));
        let empty = empty.into_iter().map(|(name, _)| name).collect();
        let mut query = Self { pairs, empty, errors: Vec::new() };
        wrong.iter().for_each(|(name, _)| query.flaw(name, Flaw::new("characters", "must not hold NUL")));
        query
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A credential: an empty one is a bad one, not an absent one.
    pub fn credential(&self, name: &str) -> Option<&str> {
        self.text(name).or_else(|| self.empty.iter().any(|empty| empty == name).then_some(""))
    }

    /// A whole number of at least `least`.
    pub fn number(&mut self, name: &str, least: i64) -> Option<i64> {
        let wrong = Flaw::new("type", format!("must be a whole number of at least {least}"));
        self.value(name, wrong, |text| i64::from_str(text).ok().filter(|number| *number >= least))
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.value(name, Flaw::new("type", "must be true or false"), |text| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    /// One of a closed set.
    pub fn word<T: Word>(&mut self, name: &str) -> Option<T> {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        self.value(name, Flaw::new("choice", format!("must be one of: {}", words.join(", "))), T::find)
    }

    /// `limit` alone: more than the most is the most.
    pub fn limit(&mut self) -> u32 {
        let limit = self.number("limit", 1).unwrap_or(i64::from(DEFAULT_LIMIT));
        u32::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT)
    }

    /// `limit` and `cursor`. Whether the cursor is one of ours is for its list to say.
    pub fn page(&mut self) -> PageRequest {
        PageRequest { limit: self.limit(), cursor: self.text("cursor").map(str::to_owned) }
    }

    /// Notes a fault that concerns several parameters together.
    pub fn flaw(&mut self, name: &str, flaw: Flaw) {
        self.errors.push(flaw.at(format!("?{name}")));
    }

    /// To be called when all is read.
    pub fn check(self) -> Answer<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors).into()) }
    }

    /// Any other value; `wrong` is what to say when `parse` makes nothing of it.
    pub fn value<T>(&mut self, name: &str, wrong: Flaw, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(self.text(name)?);
        if parsed.is_none() {
            self.flaw(name, wrong);
        }
        parsed
    }
}

impl FromRequest for Query {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::parse(request.query_string())))
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Visibility;

    use super::*;

    #[test]
    fn pages_are_read_within_their_bounds() {
        for (text, limit) in [("", 50), ("limit=1", 1), ("limit=200", 200), ("limit=99999999999", 200), ("limit=", 50)]
        {
            let mut query = Query::parse(text);
            assert_eq!(query.page().limit, limit, "{text}");
            assert!(query.check().is_ok());
        }
        assert_eq!(Query::parse("cursor=a%2Bb").page().cursor.as_deref(), Some("a+b"));
    }

    #[test]
    fn an_empty_credential_is_there() {
        for (text, credential) in [("", None), ("ticket=", Some("")), ("ticket", Some("")), ("ticket=a", Some("a"))] {
            assert_eq!(Query::parse(text).credential("ticket"), credential, "{text}");
        }
        assert_eq!(Query::parse("ticket=").text("ticket"), None);
    }

    #[test]
    fn nul_is_in_no_value() {
        let query = Query::parse("q=a%00b&token=%00&limit=3");
        assert_eq!((query.text("q"), query.text("token"), query.text("limit")), (None, None, Some("3")));
        let problem = query.check().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        assert_eq!(told, [("?q", "characters"), ("?token", "characters")]);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let mut query = Query::parse("limit=0&unread=maybe&visibility=secret&other=1");
        query.page();
        assert_eq!(query.flag("unread"), None);
        assert_eq!(query.word::<Visibility>("visibility"), None);
        let problem = query.check().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        assert_eq!(told, [("?limit", "type"), ("?unread", "type"), ("?visibility", "choice")]);
    }
}
