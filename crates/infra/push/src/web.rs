//! Web Push (RFC 8030): one call to the address that a browser, or an app with UnifiedPush, has given.

use bytes::Bytes;
use clowder_core::{Result, Timestamp, Word};
use clowder_egress::{
    Call, Egress, HeaderMap, HeaderName, HeaderValue, Url,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE},
};
use clowder_notifications::push::{Payload, Push, VapidKey, WebTarget, payload::MOST_WEB};

use crate::{
    encryption::{Ephemeral, encrypt},
    judging::{BOUNDS, Tried, failed, judged},
    vapid::Tokens,
};

const TTL: HeaderName = HeaderName::from_static("ttl");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
const TOPIC: HeaderName = HeaderName::from_static("topic");

pub struct WebPush {
    egress: Egress,
    tokens: Tokens,
}

impl WebPush {
    pub fn new(egress: Egress, contact: Option<String>) -> Self {
        Self { egress, tokens: Tokens::new(contact) }
    }

    pub async fn send(&self, now: Timestamp, vapid: &VapidKey, to: &WebTarget, push: &Push) -> Tried {
        let Ok(url) = Url::parse(&to.endpoint) else { return Tried::refused("the endpoint is no address") };
        let call = match self.call(now, vapid, to, url, push) {
            Ok(call) => call,
            Err(error) => return Tried::broken(error.to_string()),
        };
        match self.egress.call(call).await {
            Ok(answer) if matches!(answer.status.as_u16(), 404 | 410) => Tried::gone(),
            Ok(answer) => judged(now, answer.status, &answer.headers, "of a push service"),
            Err(failure) => failed(failure),
        }
    }

    fn call(&self, now: Timestamp, vapid: &VapidKey, to: &WebTarget, url: Url, push: &Push) -> Result<Call> {
        let plain = push.payload.fitted(MOST_WEB, Payload::json);
        let body = encrypt(to, &plain, &Ephemeral::new()?)?;
        let authorization = self.tokens.authorization(now, vapid, &origin(&url))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(URGENCY, HeaderValue::from_static(push.urgency.as_str()));
        // At 0, a service drops what it cannot hand over at once.
        let left = push.until.since(now).as_secs();
        headers.insert(TTL, HeaderValue::from(left));
        for (name, value) in [(TOPIC, &push.topic), (AUTHORIZATION, &authorization)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        Ok(Call::post(url, headers, Bytes::from(body), BOUNDS))
    }
}

/// What a token is for (RFC 6454 §6.1): a port that is usual for the scheme is left out.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_table() {
        for (url, expected) in [
            ("https://push.example/send/1?x", "https://push.example"),
            ("https://push.example:443/", "https://push.example"),
            ("https://push.example:8443/", "https://push.example:8443"),
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000"),
            ("https://PUSH.example/", "https://push.example"),
        ] {
            assert_eq!(origin(&Url::parse(url).unwrap()), expected);
        }
    }
}
