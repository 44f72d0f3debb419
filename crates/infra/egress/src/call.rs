//! A call, what comes back, and in which ways it can fail.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// One request to a place that somebody has named.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub bounds: Bounds,
}

impl Call {
    /// A `GET` without headers.
    pub fn get(url: Url, bounds: Bounds) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new(), bounds }
    }

    pub fn post(url: Url, headers: HeaderMap, body: Bytes, bounds: Bounds) -> Self {
        Self { method: Method::POST, url, headers, body, bounds }
    }
}

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For all of it: waiting for room, resolving, connecting, every redirect, and the last octet.
    pub time: Duration,
    /// How long the body of the answer may be.
    pub octets: usize,
    /// How many redirects a `GET` or `HEAD` follows. Without any, and for other methods, the answer is the redirect.
    pub redirects: u8,
    /// Whether a longer body is cut off instead of refused.
    pub cut: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), octets: 64 << 10, redirects: 0, cut: true }
    }
}

/// What came back, whatever its status is.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// As it was sent: nothing is decompressed.
    pub body: Bytes,
    /// There was more.
    pub is_cut: bool,
    /// Where it came from in the end.
    pub url: Url,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The place is closed to calls; the word says why.
    #[error("calls to this address are not allowed ({0})")]
    Forbidden(&'static str),
    #[error("the URL leads nowhere")]
    Url,
    #[error("the name could not be resolved")]
    Resolve,
    #[error("no connection could be opened")]
    Connect,
    #[error("the TLS handshake failed, or the certificate is not trusted")]
    Tls,
    #[error("it took too long")]
    Time,
    #[error("the answer is too large")]
    TooLarge,
    #[error("there were too many redirects, or one that may not be followed")]
    Redirects,
    #[error("the answer is not what HTTP allows, or ended in the middle")]
    Protocol,
    #[error("too many calls to this host, or to all together, were under way")]
    Busy,
}

impl Failure {
    /// A word for metrics and for rows of the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden",
            Self::Url => "url",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Time => "time",
            Self::TooLarge => "too_large",
            Self::Redirects => "redirects",
            Self::Protocol => "protocol",
            Self::Busy => "busy",
        }
    }

    /// Whether the same call can never succeed while the URL and the settings stay as they are.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Forbidden(_) | Self::Url)
    }
}
