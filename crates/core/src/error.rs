//! The one error type. A refusal is a constant in its domain's table; only the gateway knows status codes.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a refusal means to the caller, whatever the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Who are you?
    Unauthenticated,
    /// You may see it, but not do this to it.
    Forbidden,
    /// It does not exist, or you may not know that it does.
    Unknown,
    /// It contradicts what is there.
    Conflict,
    /// It was there, and is not any more.
    Gone,
    /// You looked at an older version.
    Stale,
    /// Understood, but it makes no sense.
    Invalid,
}

/// A "no" with a stable name. Refusals are constants, in a table (`refusals.rs`) per domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    /// Stable and machine-readable: `chat.unknown`.
    pub code: &'static str,
    /// One sentence for a developer.
    pub title: &'static str,
}

impl Refusal {
    pub const fn new(kind: Kind, code: &'static str, title: &'static str) -> Self {
        Self { kind, code, title }
    }
}

/// How many wrong fields are named, however many there are.
pub const MOST_ERRORS: usize = 50;

/// One wrong field of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    #[schema(example = "/participant_ids/0")]
    pub pointer: String,
    #[schema(example = "too_long")]
    pub code: Cow<'static, str>,
    pub message: String,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.code)]
    Refused(Refusal),
    #[error("invalid input: {0:?}")]
    Invalid(Vec<FieldError>),
    #[error("too many requests")]
    TooMany { retry_after: Duration },
    /// Something we need is not there just now; the same call may work soon.
    #[error("unavailable: {0}")]
    Unavailable(Cow<'static, str>),
    /// A fault of ours. The text is for the log and never reaches a client.
    #[error("internal: {0}")]
    Internal(Cow<'static, str>),
}

impl Error {
    pub fn internal(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Internal(why.into())
    }

    pub fn unavailable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(why.into())
    }

    /// A single wrong field.
    pub fn field(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { pointer: pointer.into(), code: code.into(), message: message.into() }])
    }

    /// Whether the fault is ours (or of what we stand on) and not the caller's.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Internal(_))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<serde_json::Error> for Error {
    /// Inputs are read by [`crate::Fields`]; JSON that fails elsewhere is our own.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(format!("json: {error}"))
    }
}
