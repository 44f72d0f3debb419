//! Errors as clients see them (RFC 9457). Only this module maps refusals to status codes.

use std::{
    borrow::Cow,
    fmt,
    ops::{Deref, RangeInclusive},
    time::Duration,
};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use clowder_accounts::Suspension;
use clowder_core::{Cause, Error, FieldError, Kind, Refusal, Timestamp, error::MOST_ERRORS, text};
use clowder_infra::keys;
use serde::Serialize;

use crate::{
    etag,
    refusals::{self, Failure},
};

/// The result of a handler: a value or a problem.
pub type Answer<T> = Result<T, Problem>;

/// The maximum size of a problem document in octets; its length must not depend on what the client sent.
const MOST_OCTETS: usize = 64 << 10;
/// How many characters of a detail and of the requested path are repeated.
const LONGEST_TEXT: usize = 1_000;
/// The maximum number of characters in the message about one field, and in its pointer.
const LONGEST_MESSAGE: usize = 300;
const LONGEST_POINTER: usize = 100;
/// After how many seconds whoever gets `unavailable` is to try again: not all of them at the same moment.
const UNAVAILABLE_FOR: RangeInclusive<u64> = 1..=3;

/// An error on its way to the client. [`Problem::render`] adds where it happened.
#[derive(Debug, Clone)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone)]
pub struct Details {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    /// What is special about this occurrence, if anything.
    pub detail: Option<String>,
    pub errors: Vec<FieldError>,
    /// The suspension that keeps the caller from doing anything.
    pub suspension: Option<Suspension>,
    /// Seconds, in `Retry-After`.
    pub retry_after: Option<u64>,
    /// From when on it is possible.
    pub until: Option<Timestamp>,
    /// Further headers of the response.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The internal cause, for the log and never for the client.
    pub fault: Option<String>,
}

/// The members of `application/problem+json`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Body<'a> {
    /// Leads to the entry of the code in the list of problems.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "/api/problems#chat.unknown")]
    pub kind: String,
    #[schema(example = "There is no such chat, or you are not in it")]
    pub title: &'a str,
    #[schema(example = 404)]
    pub status: u16,
    /// What is special about this occurrence; the title again when there is nothing more to say.
    #[schema(example = "There is no such chat, or you are not in it")]
    pub detail: Cow<'a, str>,
    /// The path that was asked for.
    #[schema(example = "/api/chats/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10")]
    pub instance: Cow<'a, str>,
    /// Stable; what a program decides by.
    #[schema(example = "chat.unknown")]
    pub code: &'a str,
    pub request_id: &'a str,
    /// What is wrong with the input, field by field: at most 50, and then one with the code `errors.more`. With
    /// `chat.not_wanted`, whom it is about. Empty for other problems.
    #[schema(max_items = 51)]
    pub errors: &'a [FieldError],
    /// Seconds to wait, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    pub retry_after: Option<u64>,
    /// With the codes that end with `too_soon`: from when on the call is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    pub until: Option<Timestamp>,
    /// With `account.suspended` alone: why, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Suspension, required = false)]
    pub suspension: Option<&'a Suspension>,
}

/// Where a problem happened.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The public URL of this server, without a trailing slash; empty for relative references.
    pub base: &'a str,
    pub path: &'a str,
    pub request_id: &'a str,
}

impl Problem {
    pub fn new(failure: Failure) -> Self {
        Self(Box::new(Details {
            status: StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: failure.code,
            title: failure.title,
            detail: None,
            errors: Vec::new(),
            suspension: None,
            retry_after: None,
            until: None,
            headers: Vec::new(),
            fault: None,
        }))
    }

    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says which limit was reached and how long to wait; `limit` is a sentence without its full stop.
    pub fn too_many(failure: Failure, limit: impl fmt::Display, seconds: u64) -> Self {
        let seconds = seconds.max(1);
        let unit = if seconds == 1 { "second" } else { "seconds" };
        Self::new(failure).because(format!("{limit}. Try again in {seconds} {unit}.")).retry_after(seconds)
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds.max(1));
        self
    }

    /// The allowed methods.
    pub fn allow(self, methods: &str) -> Self {
        match HeaderValue::from_str(methods) {
            Ok(methods) => self.header(header::ALLOW, methods),
            Err(_) => self,
        }
    }

    pub fn until(mut self, until: Timestamp) -> Self {
        self.0.until = Some(until);
        self
    }

    /// Adds a header to the response.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds the cause for the log.
    pub fn fault(mut self, fault: impl Into<String>) -> Self {
        self.0.fault = Some(fault.into());
        self
    }

    /// Lists the wrong fields, at most [`MOST_ERRORS`] of them, each shortened to a readable length.
    pub fn errors(mut self, mut errors: Vec<FieldError>) -> Self {
        let more = errors.len().saturating_sub(MOST_ERRORS);
        errors.truncate(MOST_ERRORS);
        for error in &mut errors {
            error.pointer = text::cut(&error.pointer, LONGEST_POINTER);
            error.message = text::cut(&error.message, LONGEST_MESSAGE);
        }
        if more > 0 {
            let message = format!("there are {more} more; fix these first");
            errors.push(FieldError { pointer: String::new(), code: "errors.more".into(), message });
        }
        self.0.errors = errors;
        self
    }

    /// Logs faults of ours: bugs as errors, temporary outages as warnings. Mistakes of callers are not logged as
    /// faults.
    pub fn log(&self, what: &'static str) {
        let (code, fault) = (self.code, self.fault.as_deref().unwrap_or_default());
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code, fault, "{what}");
        } else if self.status.is_server_error() {
            tracing::warn!(code, fault, "{what}");
        } else {
            tracing::debug!(code, "refused");
        }
    }

    pub fn suspension(mut self, suspension: Suspension) -> Self {
        self.0.suspension = Some(suspension);
        self
    }

    pub fn body<'a>(&'a self, occasion: Occasion<'a>) -> Body<'a> {
        Body {
            kind: format!("{}/api/problems#{}", occasion.base, self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: cut(self.detail.as_deref().unwrap_or(self.title)),
            instance: cut(occasion.path),
            code: self.code,
            request_id: occasion.request_id,
            errors: &self.errors,
            retry_after: self.retry_after,
            until: self.until,
            suspension: self.suspension.as_ref(),
        }
    }

    pub fn render(&self, occasion: Occasion<'_>) -> HttpResponse {
        let mut answer = HttpResponseBuilder::new(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, challenge(self.code, self.title)));
        }
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        for (name, value) in &self.headers {
            answer.insert_header((name.clone(), value.clone()));
        }
        answer.content_type("application/problem+json");
        answer.body(octets(self.body(occasion)))
    }
}

/// Some characters take many octets in JSON: if the document is still too long, the fields are not named.
fn octets(body: Body<'_>) -> Vec<u8> {
    let whole = serde_json::to_vec(&body).unwrap_or_default();
    if whole.len() <= MOST_OCTETS {
        return whole;
    }
    serde_json::to_vec(&Body { errors: &[], ..body }).unwrap_or_default()
}

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some(_) => text::cut(text, LONGEST_TEXT).into(),
        None => text.into(),
    }
}

/// A token, session or key that was refused is the `invalid_token` of RFC 6750 §3.1. Clients read an error from every
/// 401, so problems without a term in that RFC use their own code.
fn challenge(code: &str, title: &str) -> String {
    match code {
        "token.missing" => r#"Bearer realm="clowder", error="token_missing""#.to_owned(),
        code if ["token.", "session.", "api_key."].iter().any(|noun| code.starts_with(noun)) => {
            format!(r#"Bearer realm="clowder", error="invalid_token", error_description="{title}""#)
        }
        code => format!(r#"Bearer realm="clowder", error="{code}", error_description="{title}""#),
    }
}

/// The status of a refusal.
pub const fn status_of(kind: Kind) -> u16 {
    match kind {
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::Unknown => 404,
        Kind::Conflict => 409,
        Kind::Gone => 410,
        Kind::Stale => 412,
        Kind::TooLarge => 413,
        Kind::Unsupported => 415,
        Kind::Invalid => 422,
    }
}

/// Converts a refusal to a gateway failure, for the list of problems and for the documents.
pub const fn failure_of(refusal: Refusal) -> Failure {
    Failure { status: status_of(refusal.kind), code: refusal.code, title: refusal.title }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new(failure)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(failure_of(refusal))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Explained { refusal, detail } => Self::from(refusal).because(detail),
            Error::Pointed { refusal, errors } => Self::from(refusal).errors(errors),
            Error::Stale { refusal, current } => Self::from(refusal)
                .because(format!(
                    "{}; the current version is {current}. Read it again, then repeat the change with the version that you have read.",
                    refusal.title
                ))
                .header(header::ETAG, etag::of(current)),
            Error::TooEarly { refusal, until } => {
                // Rounded up to the milliseconds that are shown, so that waiting until then is always enough.
                let until = until.plus(Duration::from_micros(999));
                let mut problem =
                    Self::from(refusal).because(format!("{}. It is possible from {until} on.", refusal.title));
                problem.0.until = Some(until);
                problem
            }
            Error::Invalid(errors) => Self::new(refusals::INPUT_INVALID).errors(errors),
            Error::TooMany { limit, retry_after } => {
                // Rounded up, so that waiting this long is always enough.
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                Self::too_many(refusals::TOO_MANY, limit.says(), seconds)
            }
            // People have to free disk space, so retrying at once is useless.
            Error::Unavailable(outage) if outage.cause == Cause::Full => {
                Self::new(refusals::STORAGE_FULL).retry_after(10).fault(outage.why)
            }
            // It was already retried, and failed again.
            Error::Unavailable(outage) if outage.cause == Cause::Aborted => {
                Self::new(refusals::INTERNAL).fault(outage.why)
            }
            Error::Unavailable(outage) => {
                let seconds = keys::random_within(UNAVAILABLE_FOR);
                Self::new(refusals::UNAVAILABLE).retry_after(seconds).fault(outage.why)
            }
            Error::Internal(why) => Self::new(refusals::INTERNAL).fault(why),
        }
    }
}

impl From<actix_web::Error> for Problem {
    /// Extractors of actix have their own errors; ours arrive wrapped in them.
    fn from(error: actix_web::Error) -> Self {
        match error.as_error::<Self>() {
            Some(ours) => ours.clone(),
            None if error.as_response_error().status_code().is_client_error() => {
                Self::new(refusals::BODY_UNPARSABLE).because(error.to_string())
            }
            None => Self::new(refusals::INTERNAL).fault(error.to_string()),
        }
    }
}

impl Deref for Problem {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Used when actix renders the problem instead of the front; the occasion is then unknown.
    fn error_response(&self) -> HttpResponse {
        self.render(Occasion { base: "", path: "", request_id: "" })
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Limit;
    use serde_json::json;

    use super::*;

    const OCCASION: Occasion<'_> = Occasion { base: "https://chat.example", path: "/api/x", request_id: "r-1" };

    #[test]
    fn every_error_has_its_status() {
        let refused = |kind| Error::Refused(Refusal::new(kind, "thing.code", "No"));
        for (error, status, retry) in [
            (refused(Kind::Unauthenticated), 401, None),
            (refused(Kind::Forbidden), 403, None),
            (refused(Kind::Unknown), 404, None),
            (refused(Kind::Conflict), 409, None),
            (refused(Kind::Gone), 410, None),
            (refused(Kind::Stale), 412, None),
            (refused(Kind::TooLarge), 413, None),
            (refused(Kind::Unsupported), 415, None),
            (
                Error::Stale { refusal: Refusal::new(Kind::Stale, "thing.stale", "It has changed"), current: 3 },
                412,
                None,
            ),
            (
                Error::TooEarly {
                    refusal: Refusal::new(Kind::Conflict, "thing.too_soon", "Not yet"),
                    until: Timestamp::from_micros(1),
                },
                409,
                None,
            ),
            (refused(Kind::Invalid), 422, None),
            (Error::field("/name", "required", "is required"), 422, None),
            (Error::TooMany { limit: Limit::Emails, retry_after: Duration::from_secs(7) }, 429, Some("7")),
            (Error::TooMany { limit: Limit::Attempts, retry_after: Duration::from_millis(7) }, 429, Some("1")),
            (Error::outage(Cause::Full, "disk"), 507, Some("10")),
            (Error::outage(Cause::Aborted, "multixact"), 500, None),
            (Error::internal("secret"), 500, None),
        ] {
            let answer = Problem::from(error).render(OCCASION);
            assert_eq!(answer.status().as_u16(), status);
            let header = answer.headers().get(header::RETRY_AFTER).map(|v| v.to_str().unwrap().to_owned());
            assert_eq!(header.as_deref(), retry, "{status}");
            assert_eq!(answer.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
            assert_eq!(answer.headers().get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
        }
    }

    #[test]
    fn not_everybody_tries_again_at_the_same_moment() {
        let after = || {
            let answer = Problem::from(Error::unavailable("queue full")).render(OCCASION);
            assert_eq!(answer.status(), 503);
            answer.headers().get(header::RETRY_AFTER).unwrap().to_str().unwrap().parse().unwrap()
        };
        let seconds: std::collections::BTreeSet<u64> = (0..200).map(|_| after()).collect();
        assert_eq!(seconds.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn the_body_is_that_of_the_contract() {
        let problem = Problem::from(Error::field("/name", "required", "is required"));
        assert_eq!(
            serde_json::to_value(problem.body(OCCASION)).unwrap(),
            json!({
                "type": "https://chat.example/api/problems#input.invalid",
                "title": "The input is invalid; `errors` lists what is wrong",
                "status": 422,
                "detail": "The input is invalid; `errors` lists what is wrong",
                "instance": "/api/x",
                "code": "input.invalid",
                "request_id": "r-1",
                "errors": [{"pointer": "/name", "code": "required", "message": "is required"}],
            })
        );
    }

    #[test]
    fn however_much_is_wrong_little_is_said() {
        let error = |number: usize| FieldError {
            pointer: format!("/{number}{}", "🦀".repeat(10_000)),
            code: "type".into(),
            message: "\u{1}".repeat(10_000),
        };
        let path = "🦀".repeat(20_000);
        let occasion = Occasion { path: &path, ..OCCASION };
        let problem = Problem::from(Error::Invalid((0..10_000).map(error).collect())).because("🦀".repeat(20_000));
        assert_eq!(problem.errors.len(), MOST_ERRORS + 1);
        assert_eq!((problem.errors[50].code.as_ref(), problem.errors[50].pointer.as_str()), ("errors.more", ""));
        assert!(problem.errors[50].message.contains("9950"), "{:?}", problem.errors[50]);
        let octets = octets(problem.body(occasion));
        assert!(octets.len() <= MOST_OCTETS, "{}", octets.len());
        let fifty = Problem::from(Error::Invalid((0..50).map(error).collect()));
        assert_eq!(fifty.errors.len(), 50, "as many as are told need no more");
    }

    #[test]
    fn detail_is_never_null() {
        for problem in [Problem::from(refusals::TOO_MANY), Problem::from(refusals::TOO_MANY).because("x")] {
            let body = serde_json::to_value(problem.body(OCCASION)).unwrap();
            assert_eq!(body["detail"], problem.detail.as_deref().unwrap_or(problem.title));
        }
    }

    #[test]
    fn a_fault_of_ours_stays_inside() {
        let problem = Problem::from(Error::internal("password of the database"));
        assert!(!serde_json::to_string(&problem.body(OCCASION)).unwrap().contains("database"));
    }

    #[test]
    fn a_refused_token_says_so() {
        for code in ["token.expired", "session.ended", "api_key.invalid", "api_key.expired"] {
            assert!(challenge(code, "x").contains(r#"error="invalid_token""#), "{code}");
        }
        assert!(challenge("token.missing", "x").contains("error="));
    }
}
