//! The one error type. A refusal is a constant in its domain's table; only the gateway knows status codes.

use std::{borrow::Cow, fmt, io, time::Duration};

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

/// Why something we need is not there just now. Metrics count by it, and a connection is kept or thrown away by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The connection broke, or none could be opened.
    Lost,
    /// The database takes no writes: a standby, or a primary that was demoted.
    ReadOnly,
    /// Another transaction holds what this one needs: lock timeout, deadlock, serialization failure, busy file.
    Contended,
    /// PostgreSQL undid the transaction because of an internal error of its own. It may not come back when the
    /// transaction is repeated; when it does, it counts as a fault of ours.
    Aborted,
    /// A statement took longer than it may.
    Overdue,
    /// No room is left on a disk.
    Full,
    /// A disk or file fails for another reason than a lack of room.
    Storage,
    /// Too much is asked for at once: a full queue, a wait that took too long, no memory.
    Busy,
    /// Anything else that passes.
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

/// Which limit was met. Callers are told, so it says neither whom an attempt concerned nor whether there is such an
/// account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Requests from one address, by those who are not signed in.
    Requests,
    /// Failed attempts to guess a secret.
    Attempts,
    /// Emails to one address, or caused by one person or address.
    Emails,
    /// Copies of one's own data.
    Exports,
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
        }
    }
}

/// What is not there just now.
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
    /// The caller has seen another version than the one that there is.
    #[error("{}", .refusal.code)]
    Stale { refusal: Refusal, current: i64 },
    #[error("invalid input: {0:?}")]
    Invalid(Vec<FieldError>),
    #[error("too many {limit:?}")]
    TooMany { limit: Limit, retry_after: Duration },
    /// Something we need is not there just now; the same call may work soon.
    #[error("unavailable: {0}")]
    Unavailable(Outage),
    /// A fault of ours. The text is for the log and never reaches a client.
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

    /// A file that cannot be read or written just now.
    pub fn file(what: impl fmt::Display, error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Cause::Full,
            _ => Cause::Storage,
        };
        Self::outage(cause, format!("{what}: {error}"))
    }

    /// Why something is not there just now; `None` for every other error.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Unavailable(outage) => Some(outage.cause),
            _ => None,
        }
    }

    /// Whether it says something about the database, so that other calls at the same time would fail likewise.
    pub fn affects_everyone(&self) -> bool {
        self.cause().is_some_and(|cause| !matches!(cause, Cause::Contended | Cause::Aborted | Cause::Other))
    }

    /// Whether the connection it happened on should be thrown away: it is gone, a new one may do better, or what went
    /// wrong is not understood.
    pub const fn costs_connection(&self) -> bool {
        match self {
            Self::Unavailable(outage) => outage.cause.costs_connection(),
            Self::Internal(_) => true,
            _ => false,
        }
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
