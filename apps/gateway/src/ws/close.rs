//! Why a socket is closed: the codes of RFC 6455 §7.4 and our own, with what the client should do next.

use std::{borrow::Cow, ops::RangeInclusive};

use clowder_accounts::throttle;
use clowder_core::Error;
use clowder_infra::keys;
use serde::Serialize;

/// When those come back whom the server cannot serve now, in seconds: each at another time, so that it is not the same
/// again.
const LATER: RangeInclusive<u64> = 5..=20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The client closed the socket.
    Goodbye,
    /// Nothing was heard from the client, not even an answer to a ping.
    Silent,
    /// Frames that violate the protocol.
    Protocol,
    /// Only text frames are supported.
    Binary,
    /// Text that is not UTF-8.
    NotText,
    /// A frame, or a fragmented message, above 128 KiB, or above 16 KiB of a client that is not authenticated.
    TooBig,
    /// A message that has begun does not go on.
    Stalled,
    /// An internal error; try again.
    Fault,
    /// The node is shutting down; reconnect with jitter and resume.
    Restart,
    /// The database does not answer, those who connected earlier take too long, or there is no room for more incomplete
    /// messages; wait this many seconds.
    Busy {
        seconds: u64,
    },
    NotAuthenticated(Why),
    NoAuthInTime,
    SessionEnded,
    TokenExpired,
    TooManyFrames,
    /// Too many wrong tickets from this address; wait this many seconds.
    TooManyAttempts {
        seconds: u64,
    },
    /// The account or key in the first frame already has too many sockets.
    TooManySockets,
    /// The client reads too slowly; resume.
    TooSlow,
    /// Too many invalid frames; reconnecting is pointless.
    BadFrames,
}

/// Why a client is not authenticated; pages learn it only from this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The first frame was not `auth`.
    NoAuth,
    /// It was, but its `data` has no token.
    NoAccess,
    TokenInvalid,
    TokenExpired,
    /// The token is valid, but its session has ended.
    SessionEnded,
    TicketInvalid,
    /// `bearer.…` was offered without the supported subprotocol.
    BearerAlone,
    /// A token in the URL would end up in logs, so it is not read.
    TokenInAddress,
}

/// Whether to reconnect after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reconnect {
    /// Yes, with the last cursor, after a random pause that grows with each failure.
    Yes,
    /// Not before something else has been done.
    When,
    /// No: the same would happen again.
    No,
}

impl Reconnect {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::When => "when",
            Self::No => "no",
        }
    }
}

impl Why {
    const fn says(self) -> &'static str {
        match self {
            Self::NoAuth => "not authenticated: the first frame must be `auth` with an access token",
            Self::NoAccess => "`auth` needs the access token in `data.access`; `data.cursor`, if present, is a text",
            Self::TokenInvalid => "the access token is not valid; sign in again",
            Self::TokenExpired => "the access token has expired; refresh it",
            Self::SessionEnded => "the session of the access token has ended; sign in again",
            Self::TicketInvalid => "the ticket is used, expired or not valid; get a new one",
            Self::BearerAlone => "offer the subprotocol `clowder.v1` beside `bearer.<access token>`",
            Self::TokenInAddress => {
                "a token in the URL is not read; offer the subprotocols `clowder.v1` and `bearer.<access token>`"
            }
        }
    }
}

/// Why somebody cannot be served.
impl From<Error> for Close {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) => Self::busy(),
            _ => Self::Fault,
        }
    }
}

impl Close {
    /// Every reason for which a socket is closed, for the documents.
    pub const ALL: &[Self] = &[
        Self::Goodbye,
        Self::Silent,
        Self::Protocol,
        Self::Binary,
        Self::NotText,
        Self::TooBig,
        Self::Stalled,
        Self::Fault,
        Self::Restart,
        Self::Busy { seconds: *LATER.end() },
        Self::NotAuthenticated(Why::NoAuth),
        Self::NotAuthenticated(Why::NoAccess),
        Self::NotAuthenticated(Why::TokenInvalid),
        Self::NotAuthenticated(Why::TokenExpired),
        Self::NotAuthenticated(Why::SessionEnded),
        Self::NotAuthenticated(Why::TicketInvalid),
        Self::NotAuthenticated(Why::BearerAlone),
        Self::NotAuthenticated(Why::TokenInAddress),
        Self::NoAuthInTime,
        Self::SessionEnded,
        Self::TokenExpired,
        Self::TooManyFrames,
        Self::TooManyAttempts { seconds: throttle::LONGEST.as_secs() },
        Self::TooManySockets,
        Self::TooSlow,
        Self::BadFrames,
    ];

    pub fn busy() -> Self {
        Self::Busy { seconds: keys::random_within(LATER) }
    }

    pub const fn code(self) -> u16 {
        match self {
            Self::Goodbye => 1000,
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::NotText => 1007,
            Self::TooBig => 1009,
            Self::Fault => 1011,
            Self::Restart => 1012,
            Self::Busy { .. } => 1013,
            Self::NotAuthenticated(_) => 4001,
            Self::NoAuthInTime => 4002,
            Self::SessionEnded => 4003,
            Self::TokenExpired => 4004,
            Self::TooManyFrames | Self::TooManyAttempts { .. } | Self::TooManySockets => 4008,
            Self::TooSlow | Self::Stalled => 4009,
            Self::BadFrames => 4010,
            Self::Silent => 4011,
        }
    }

    /// At most 123 octets, as the protocol requires.
    pub fn says(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::TooManyAttempts { seconds } => {
                return format!("too many failed attempts from this address; try again in {seconds} s").into();
            }
            Self::Busy { seconds } => return format!("busy; try again in {seconds} s, and resume").into(),
            Self::Goodbye => "goodbye",
            Self::Silent => "heard nothing from the client, not even a pong; reconnect and resume",
            Self::Protocol => "the frames violate RFC 6455",
            Self::Binary => "text frames only",
            Self::NotText => "text must be UTF-8",
            Self::TooBig => "a frame has at most 128 KiB, and 16 KiB before authentication",
            Self::Stalled => "a message took too long to arrive; resume, and send it again",
            Self::Fault => "something failed; reconnect with jitter and resume",
            Self::Restart => "restarting; reconnect with jitter and resume",
            Self::NotAuthenticated(why) => why.says(),
            Self::NoAuthInTime => "no authentication within 10 seconds",
            Self::SessionEnded => "the session has ended, its API key is revoked, or the account is suspended",
            Self::TokenExpired => "the access token has expired; refresh and resume",
            Self::TooManyFrames => "too many frames; slow down and resume",
            Self::TooManySockets => "too many sockets are open by this account or key; close one first",
            Self::TooSlow => "read too slowly; resume",
            Self::BadFrames => "too many invalid frames; reconnecting is pointless",
        })
    }

    /// Whether to reconnect, and what to do first or instead.
    pub const fn reconnect(self) -> (Reconnect, &'static str) {
        use Reconnect::{No, When, Yes};
        match self {
            Self::Goodbye => (Yes, "Reconnect and resume, unless you closed the socket yourself"),
            Self::Silent | Self::Fault | Self::Restart | Self::TooSlow => (Yes, "Reconnect and resume"),
            Self::Busy { .. } => (Yes, "Wait for the seconds in the reason, then reconnect and resume"),
            Self::Stalled => (Yes, "Resume, and send again what was not answered"),
            Self::TooManyFrames => (Yes, "Send more slowly; resume, and send again what was not answered"),
            Self::Protocol | Self::Binary | Self::NotText | Self::TooBig | Self::BadFrames => (No, "Fix the client"),
            Self::NotAuthenticated(why) => match why {
                Why::NoAuth => (No, "Fix the client: send `auth` first"),
                Why::NoAccess => (No, "Fix the client: send the access token in `data.access`"),
                Why::BearerAlone => (No, "Fix the client: offer `clowder.v1`, too"),
                Why::TokenInAddress => (No, "Fix the client: use the subprotocols"),
                Why::TokenExpired => (When, "Refresh the access token, then reconnect and resume"),
                Why::TokenInvalid | Why::SessionEnded => (When, "Sign in again, then connect"),
                Why::TicketInvalid => (When, "Get a new ticket, then reconnect and resume"),
            },
            Self::NoAuthInTime => (When, "Connect when `auth` can be sent at once"),
            Self::SessionEnded => (
                When,
                "Ask `GET /api/auth/me` for the reason: after 401, sign in again and connect; while the account is \
                 suspended, don't",
            ),
            Self::TokenExpired => (When, "Refresh the access token, then reconnect and resume"),
            Self::TooManyAttempts { .. } => {
                (When, "Wait for the seconds in the reason, then connect with a new ticket")
            }
            Self::TooManySockets => (When, "Close another socket first, then connect"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §5.5.1: the payload of a control frame has 125 octets, and the code takes two of them.
    #[test]
    fn every_reason_fits_into_a_close_frame() {
        for close in Close::ALL {
            assert!((1..=123).contains(&close.says().len()), "{close:?}");
        }
    }
}
