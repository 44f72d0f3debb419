//! The Apple Push Notification service: HTTP/2, with a token that the server signs with the operator's key.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use clowder_core::Timestamp;
use clowder_egress::{
    Answer, Call, Egress, HeaderMap, HeaderName, HeaderValue, Url,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use clowder_notifications::push::{Payload, Push, payload::MOST_APP, sender::Urgency};
use p256::{SecretKey, ecdsa::SigningKey, pkcs8::DecodePrivateKey};
use serde_json::{Value, json};

use crate::{
    judging::{BOUNDS, Health, Tried, failed, judged},
    pem::private_key,
    token::es256,
};

/// Apple wants no other token for 20 minutes, and takes none after an hour.
const LIFE: Duration = Duration::from_secs(40 * 60);

/// The operator's key for APNs.
pub struct ApnsKey {
    key: SigningKey,
    key_id: String,
    team_id: String,
}

impl ApnsKey {
    /// `text` is the file `AuthKey_….p8`. Says what is wrong with it, without showing any of it.
    pub fn parse(text: &str, key_id: &str, team_id: &str) -> Result<Self, String> {
        let octets = private_key(text).ok_or("must be a private key in PEM, as Apple hands it out")?;
        let secret = SecretKey::from_pkcs8_der(&octets).map_err(|_| "must be a key of P-256, as Apple hands it out")?;
        Ok(Self { key: SigningKey::from(&secret), key_id: key_id.to_owned(), team_id: team_id.to_owned() })
    }
}

pub struct Apns {
    egress: Egress,
    key: ApnsKey,
    base: Url,
    token: Mutex<Option<(String, Timestamp)>>,
}

impl Apns {
    pub fn new(egress: Egress, key: ApnsKey, base: Url) -> Self {
        Self { egress, key, base, token: Mutex::default() }
    }

    pub async fn send(&self, now: Timestamp, token: &str, topic: &str, push: &Push) -> Tried {
        // It was read as hexadecimal digits.
        let Ok(url) = self.base.join(&format!("/3/device/{token}")) else { return Tried::refused("no device token") };
        let body = push.payload.fitted(MOST_APP, |payload| message(push, payload).to_string().into_bytes());
        let (authorization, made) = self.authorization(now);
        let priority = if push.urgency == Urgency::High { "10" } else { "5" };
        let until = push.until.as_seconds().to_string();
        let id = push.id.to_string();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            (AUTHORIZATION, authorization.as_str()),
            (HeaderName::from_static("apns-topic"), topic),
            (HeaderName::from_static("apns-push-type"), "alert"),
            (HeaderName::from_static("apns-priority"), priority),
            (HeaderName::from_static("apns-expiration"), until.as_str()),
            (HeaderName::from_static("apns-collapse-id"), push.topic.as_str()),
            (HeaderName::from_static("apns-id"), id.as_str()),
        ] {
            match HeaderValue::from_str(value) {
                Ok(value) => drop(headers.insert(name, value)),
                Err(_) => return Tried::refused(format!("the header {name} cannot be written")),
            }
        }
        match self.egress.call(Call::post(url, headers, Bytes::from(body), BOUNDS)).await {
            Ok(answer) => {
                let reason = reason(&answer);
                if reason == "ExpiredProviderToken" {
                    self.token.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(_, at)| *at == made);
                }
                verdict(now, &answer, &reason)
            }
            Err(failure) => failed(failure),
        }
    }

    /// The header, and when its token was made.
    fn authorization(&self, now: Timestamp) -> (String, Timestamp) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was made in the future is of a clock that was ahead.
        if let Some((token, made)) = token.as_ref().filter(|(_, made)| *made <= now && now.since(*made) < LIFE) {
            return (format!("bearer {token}"), *made);
        }
        let header = json!({"alg": "ES256", "kid": self.key.key_id});
        let claims = json!({"iss": self.key.team_id, "iat": now.as_seconds()});
        let fresh = es256(&self.key.key, &header, &claims);
        let authorization = format!("bearer {fresh}");
        *token = Some((fresh, now));
        (authorization, now)
    }
}

fn message(push: &Push, payload: &Payload) -> Value {
    let mut message = serde_json::to_value(payload).unwrap_or_default();
    if let Some(members) = message.as_object_mut() {
        // Apple's own members say these.
        for name in ["title", "body", "badge"] {
            members.remove(name);
        }
    }
    message["aps"] = json!({
        "alert": {"title": payload.title, "body": payload.body}, "badge": payload.badge, "sound": "default",
        "thread-id": push.topic
    });
    message
}

fn reason(answer: &Answer) -> String {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    said["reason"].as_str().unwrap_or_default().chars().take(100).collect()
}

fn verdict(now: Timestamp, answer: &Answer, reason: &str) -> Tried {
    let ill = |why: &str| Tried { health: Health::Ill, ..Tried::broken(why) };
    match (answer.status.as_u16(), reason) {
        (410, _) | (400, "BadDeviceToken" | "DeviceTokenNotForTopic") => Tried::gone(),
        // The next try signs another token.
        (403, "ExpiredProviderToken") => Tried::broken("the token for APNs was too old"),
        (403, _) => {
            tracing::error!(reason, "Apple does not accept the key for APNs");
            ill("APNs does not accept the key")
        }
        // Too many to this one device.
        (429, "TooManyRequests") => {
            let tried = judged(now, answer.status, &answer.headers, reason);
            Tried { health: Health::Well, ..tried }
        }
        _ => judged(now, answer.status, &answer.headers, reason),
    }
}

#[cfg(test)]
mod tests {
    use clowder_egress::StatusCode;
    use data_encoding::BASE64URL_NOPAD;

    use super::*;

    #[test]
    fn verdict_table() {
        for (status, said, outcome, health) in [
            (200, "", "delivered", Health::Well),
            (410, "Unregistered", "gone", Health::Well),
            (410, "ExpiredToken", "gone", Health::Well),
            (400, "BadDeviceToken", "gone", Health::Well),
            (400, "DeviceTokenNotForTopic", "gone", Health::Well),
            (400, "PayloadEmpty", "refused", Health::Well),
            (413, "PayloadTooLarge", "refused", Health::Well),
            (403, "ExpiredProviderToken", "failed", Health::Unknown),
            (403, "InvalidProviderToken", "failed", Health::Ill),
            (429, "TooManyRequests", "failed", Health::Well),
            (429, "TooManyProviderTokenUpdates", "failed", Health::Asks(Duration::from_secs(30))),
            (500, "InternalServerError", "failed", Health::Ill),
            (503, "Shutdown", "failed", Health::Ill),
        ] {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::from(json!({"reason": said}).to_string()),
                is_cut: false,
                url: Url::parse("https://apns.example").unwrap(),
            };
            let tried = verdict(Timestamp::from_micros(0), &answer, &reason(&answer));
            assert_eq!((tried.outcome.word(), tried.health), (outcome, health), "{status} {said}");
        }
    }

    /// As Apple hands them out; everybody knows this one.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n\
        OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n\
        1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn a_token_is_used_for_a_while() {
        let key = ApnsKey::parse(KEY, "ABC123DEFG", "DEF123GHIJ").unwrap();
        let egress = Egress::new(clowder_egress::Options::default()).unwrap();
        let apns = Apns::new(egress, key, Url::parse("https://apns.example").unwrap());
        let start = Timestamp::from_micros(1_700_000_000_000_000);
        let (first, made) = apns.authorization(start);
        let [header, claims] = [0, 1].map(|part| {
            let part = first.strip_prefix("bearer ").unwrap().split('.').nth(part).unwrap();
            serde_json::from_slice::<Value>(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
        });
        assert_eq!(header, json!({"alg": "ES256", "kid": "ABC123DEFG"}));
        assert_eq!(claims, json!({"iss": "DEF123GHIJ", "iat": 1_700_000_000}));
        assert_eq!(apns.authorization(start.plus(LIFE - Duration::from_secs(1))), (first.clone(), made));
        assert_ne!(apns.authorization(start.plus(LIFE)).0, first);
        assert_eq!(apns.authorization(start), (first, made), "the clock was ahead");
        assert!(ApnsKey::parse("secret", "", "").is_err());
    }
}
