//! Gives each request an id, so that its log lines and problems can be found, and continues the trace of its caller.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName};
use clowder_core::{Id, Timestamp};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

enum Request {}

/// The `X-Request-Id` of the request if it is harmless, otherwise a new one.
pub fn request_id(headers: &HeaderMap, now: Timestamp) -> Arc<str> {
    let harmless = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'='))
    };
    match headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless) {
        Some(given) => given.into(),
        None => {
            let mut spelling = [0; uuid::fmt::Hyphenated::LENGTH];
            let id: &str = Id::<Request>::new(now).uuid().hyphenated().encode_lower(&mut spelling);
            id.into()
        }
    }
}

/// The trace of a request (W3C Trace Context §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace<'a> {
    pub id: &'a str,
    pub parent: &'a str,
}

pub fn trace(headers: &HeaderMap) -> Option<Trace<'_>> {
    parse(headers.get(TRACEPARENT)?.to_str().ok()?)
}

fn parse(text: &str) -> Option<Trace<'_>> {
    let hex =
        |part: &&str, length| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-');
    let version = parts.next().filter(|v| hex(v, 2) && *v != "ff")?;
    let id = parts.next().filter(|id| hex(id, 32) && id.bytes().any(|b| b != b'0'))?;
    let parent = parts.next().filter(|id| hex(id, 16) && id.bytes().any(|b| b != b'0'))?;
    parts.next().filter(|flags| hex(flags, 2))?;
    (version != "00" || parts.next().is_none()).then_some(Trace { id, parent })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_harmless_id_is_kept() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let id_for = |given: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap());
            request_id(&headers, now)
        };
        assert_eq!(&*id_for("abc-1.2_3"), "abc-1.2_3");
        for harmful in ["", "a b", "a\"b", "<b>", "ä", "x".repeat(129).as_str()] {
            assert_eq!(id_for(harmful).len(), 36, "{harmful}");
        }
        assert_ne!(request_id(&HeaderMap::new(), now), request_id(&HeaderMap::new(), now));
    }

    #[test]
    fn traceparent() {
        let (id, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(parse(&format!("00-{id}-{parent}-01")), Some(Trace { id, parent }));
        assert_eq!(parse(&format!("cc-{id}-{parent}-01-more")), Some(Trace { id, parent }), "a later version");
        for wrong in [
            String::new(),
            format!("ff-{id}-{parent}-01"),
            format!("00-{id}-{parent}-01-more"),
            format!("00-{id}-{parent}"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", id.to_uppercase()),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
