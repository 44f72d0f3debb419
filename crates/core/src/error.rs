//! The error type of all layers. A refusal is a constant in its domain's table; only the gateway knows status codes.

use std::{borrow::Cow, fmt, io, time::Duration};

use serde::Serialize;

use crate::Timestamp;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a refusal means to the caller, independent of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// You are not authenticated.
    Unauthenticated,
    /// You may see it, but not do this to it.
    Forbidden,
    /// It does not exist, or you may not know that it does.
    Unknown,
    /// It conflicts with the current state.
    Conflict,
    /// It existed, but no longer does.
    Gone,
    /// Your version is outdated.
    Stale,
    /// What you sent is larger than it can be.
    TooLarge,
    /// What you sent is of a type that is not taken.
    Unsupported,
    /// It was understood, but is invalid.
    Invalid,
}

/// A refusal with a stable code. Refusals are constants, in one table (`refusals.rs`) per domain.
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

/// The maximum number of wrong fields that are named.
pub const MOST_ERRORS: usize = 50;

/// One wrong field of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, `?name` for a query parameter, or the name of a header.
    #[schema(example = "/participant_ids/0")]
    pub pointer: String,
    #[schema(example = "too_long")]
    pub code: Cow<'static, str>,
    pub message: String,
}

/// Why something is temporarily unavailable. It labels metrics, and decides whether a connection is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The connection broke, or could not be opened.
    Lost,
    /// The database accepts no writes: a standby, or a demoted primary.
    ReadOnly,
    /// Another transaction holds what this one needs: lock timeout, deadlock, serialization failure, busy file.
    Contended,
    /// PostgreSQL rolled the transaction back because of an internal error. The transaction may succeed when it is
    /// repeated; if not, it counts as a fault of ours.
    Aborted,
    /// A statement exceeded its time limit.
    Overdue,
    /// A disk is full.
    Full,
    /// A disk or file fails for another reason.
    Storage,
    /// Overload: a full queue, a wait that took too long, no memory.
    Busy,
    /// Any other temporary failure.
    Other,
}

impl Cause {
    /// The label of metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::ReadOnly => "read_only",
            Self::Contended => "contended",
            Self::Aborted => "aborted",
            Self::Overdue => "overdue",
            Self::Full => "full",
            Self::Storage => "storage",
            Self::Busy => "busy",
            Self::Other => "other",
        }
    }

    /// Whether a new connection may succeed where this one failed.
    pub const fn costs_connection(self) -> bool {
        matches!(self, Self::Lost | Self::ReadOnly | Self::Storage | Self::Aborted)
    }
}

/// Which limit was reached. Callers see it, so it must not reveal whom an attempt concerned or whether an account
/// exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Requests from one address by unauthenticated clients.
    Requests,
    /// Failed attempts to guess a secret.
    Attempts,
    /// Emails to one address, or caused by one person or address.
    Emails,
    /// Exports of one's own data.
    Exports,
    /// Messages of one person to one chat.
    Messages,
    /// Reactions and votes of one person in one chat.
    Gestures,
    /// Changes by one person of one chat, group or pet, or of what is between two people.
    Changes,
}

impl Limit {
    /// A sentence without its full stop.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Requests => "Too many requests from this address by clients that are not signed in",
            Self::Attempts => "Too many failed attempts",
            Self::Emails => {
                "Too many emails were requested: there is a limit for each address that receives them, and one for each \
                 person or address that requests them"
            }
            Self::Exports => "You can export your data only three times a day",
            Self::Messages => "You send too many messages to this chat at once",
            Self::Gestures => "You react and vote too often in this chat",
            Self::Changes => "You change this too often",
        }
    }
}

/// What is unavailable.
#[derive(Debug, Clone)]
pub struct Outage {
    pub cause: Cause,
    /// For the log; it never reaches a client.
    pub why: Cow<'static, str>,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.code)]
    Refused(Refusal),
    /// The caller has seen another version than the current one.
    #[error("{}", .refusal.code)]
    Stale { refusal: Refusal, current: i64 },
    /// A refusal that says more than its title, such as which role is needed.
    #[error("{}", .refusal.code)]
    Explained { refusal: Refusal, detail: Cow<'static, str> },
    /// A refusal because of some of what the input names, each with its pointer.
    #[error("{}", .refusal.code)]
    Pointed { refusal: Refusal, errors: Vec<FieldError> },
    /// Refused until this time; the same call may succeed from then on.
    #[error("{}", .refusal.code)]
    TooEarly { refusal: Refusal, until: Timestamp },
    #[error("invalid input: {0:?}")]
    Invalid(Vec<FieldError>),
    #[error("too many {limit:?}")]
    TooMany { limit: Limit, retry_after: Duration },
    /// Something is temporarily unavailable; the same call may work soon.
    #[error("unavailable: {0}")]
    Unavailable(Outage),
    /// A bug or misconfiguration. The text is for the log and never reaches a client.
    #[error("internal: {0}")]
    Internal(Cow<'static, str>),
}

impl Error {
    pub fn internal(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Internal(why.into())
    }

    pub fn unavailable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::outage(Cause::Other, why)
    }

    pub fn outage(cause: Cause, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(Outage { cause, why: why.into() })
    }

    /// A file that cannot be read or written right now.
    pub fn file(what: impl fmt::Display, error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Cause::Full,
            _ => Cause::Storage,
        };
        Self::outage(cause, format!("{what}: {error}"))
    }

    /// Why something is unavailable; `None` for every other error.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Unavailable(outage) => Some(outage.cause),
            _ => None,
        }
    }

    /// Whether it says something about the database, so that concurrent calls would fail in the same way.
    pub fn affects_everyone(&self) -> bool {
        self.cause().is_some_and(|cause| !matches!(cause, Cause::Contended | Cause::Aborted | Cause::Other))
    }

    /// Whether to throw away the connection: it is broken, a new one may do better, or the error is not understood.
    pub const fn costs_connection(&self) -> bool {
        match self {
            Self::Unavailable(outage) => outage.cause.costs_connection(),
            Self::Internal(_) => true,
            _ => false,
        }
    }

    /// A refusal that says more than its title.
    pub fn explained(refusal: Refusal, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Explained { refusal, detail: detail.into() }
    }

    /// The refusal that it is, however much more it says; `None` for every other error.
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal)
            | Self::Stale { refusal, .. }
            | Self::Explained { refusal, .. }
            | Self::Pointed { refusal, .. }
            | Self::TooEarly { refusal, .. } => Some(*refusal),
            Self::Invalid(_) | Self::TooMany { .. } | Self::Unavailable(_) | Self::Internal(_) => None,
        }
    }

    /// A single wrong field.
    pub fn field(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { pointer: pointer.into(), code: code.into(), message: message.into() }])
    }

    /// Whether the cause is on our side (or that of our infrastructure) and not the caller's.
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
    /// Inputs are read by [`crate::Fields`]; JSON that fails elsewhere was written by us.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(format!("json: {error}"))
    }
}
