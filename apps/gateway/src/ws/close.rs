//! Why a socket is closed: the codes of RFC 6455 §7.4 and our own, with what the client should do.

use actix_ws::{CloseCode, CloseReason};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The client said goodbye.
    Goodbye,
    /// Frames that break the protocol.
    Protocol,
    /// We speak text.
    Binary,
    /// Text that is not UTF-8.
    NotText,
    /// A frame, or a message of several, above 128 KiB.
    TooBig,
    /// Something of ours failed; try again.
    Fault,
    /// The node stops; reconnect with jitter and resume.
    Restart,
    NotAuthenticated,
    NoAuthInTime,
    SessionEnded,
    TokenExpired,
    TooManyFrames,
    /// The account or key that the first frame named has too many sockets already.
    TooManySockets,
    /// Frames piled up; resume.
    TooSlow,
    /// Frames that make no sense; reconnecting is pointless.
    BadFrames,
}

impl Close {
    pub const ALL: &[Self] = &[
        Self::Goodbye,
        Self::Protocol,
        Self::Binary,
        Self::NotText,
        Self::TooBig,
        Self::Fault,
        Self::Restart,
        Self::NotAuthenticated,
        Self::NoAuthInTime,
        Self::SessionEnded,
        Self::TokenExpired,
        Self::TooManyFrames,
        Self::TooManySockets,
        Self::TooSlow,
        Self::BadFrames,
    ];

    pub const fn code(self) -> u16 {
        match self {
            Self::Goodbye => 1000,
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::NotText => 1007,
            Self::TooBig => 1009,
            Self::Fault => 1011,
            Self::Restart => 1012,
            Self::NotAuthenticated => 4001,
            Self::NoAuthInTime => 4002,
            Self::SessionEnded => 4003,
            Self::TokenExpired => 4004,
            Self::TooManyFrames | Self::TooManySockets => 4008,
            Self::TooSlow => 4009,
            Self::BadFrames => 4010,
        }
    }

    /// At most 123 octets, as the protocol wants.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Protocol => "the frames break RFC 6455",
            Self::Binary => "text frames only",
            Self::NotText => "text must be UTF-8",
            Self::TooBig => "a frame has at most 128 KiB",
            Self::Fault => "something failed; reconnect with jitter and resume",
            Self::Restart => "restarting; reconnect with jitter and resume",
            Self::NotAuthenticated => "not authenticated",
            Self::NoAuthInTime => "no authentication within 10 seconds",
            Self::SessionEnded => "the session has ended, its API key is revoked, or the account is suspended",
            Self::TokenExpired => "the access token has expired; refresh and resume",
            Self::TooManyFrames => "too many frames; slow down and resume",
            Self::TooManySockets => "too many sockets are open by this account or key; close one first",
            Self::TooSlow => "read too slowly; resume",
            Self::BadFrames => "too many frames that make no sense; reconnecting is pointless",
        }
    }
}

impl From<Close> for CloseReason {
    fn from(close: Close) -> Self {
        Self { code: CloseCode::from(close.code()), description: Some(close.says().to_owned()) }
    }
}
