//! Firebase Cloud Messaging, HTTP v1: the server signs in with the key of a service account, and keeps the token that it gets
//! for that until shortly before its end.

use std::time::Duration;

use bytes::Bytes;
use clowder_core::{Result, Timestamp};
use clowder_egress::{
    Answer, Call, Egress, HeaderMap, HeaderValue, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use clowder_notifications::push::{Payload, Push, payload::MOST_APP, sender::Urgency};
use ring::signature::RsaKeyPair;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    judging::{BOUNDS, Health, Tried, failed, judged},
    pem::private_key,
    token::rs256,
};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good.
const ASSERTED_FOR: Duration = Duration::from_secs(3600);
/// What must be left of a token that is used.
const LEFT: Duration = Duration::from_secs(300);

/// The key of a service account, as Google hands it out: a file of JSON.
pub struct ServiceAccount {
    project: String,
    email: String,
    key_id: String,
    token_url: Url,
    key: RsaKeyPair,
}

#[derive(Deserialize)]
struct Credentials {
    project_id: String,
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    private_key: String,
    token_uri: String,
}

impl ServiceAccount {
    /// Says what is wrong with the file, without showing any of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let credentials: Credentials =
            serde_json::from_str(text).map_err(|_| "must be the JSON file of a service account".to_owned())?;
        let named = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b':');
        if credentials.project_id.is_empty() || !credentials.project_id.bytes().all(named) {
            return Err("project_id is not the id of a project".to_owned());
        }
        let token_url = Url::parse(&credentials.token_uri).map_err(|_| "token_uri is not an address".to_owned())?;
        let key = private_key(&credentials.private_key).and_then(|octets| RsaKeyPair::from_pkcs8(&octets).ok());
        Ok(Self {
            project: credentials.project_id,
            email: credentials.client_email,
            key_id: credentials.private_key_id,
            token_url,
            key: key.ok_or_else(|| "private_key is not a key for RSA in PEM (PKCS#8)".to_owned())?,
        })
    }

    fn assertion(&self, now: Timestamp) -> Result<String> {
        let (issued, until) = (now.as_seconds(), now.plus(ASSERTED_FOR).as_seconds());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_url.as_str(), "iat": issued, "exp": until
        });
        rs256(&self.key, &header, &claims)
    }
}

pub struct Fcm {
    egress: Egress,
    account: ServiceAccount,
    url: Url,
    /// Whoever finds none good gets one, and all others wait for it.
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    bearer: HeaderValue,
    made: Timestamp,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Fcm {
    /// `base` is the address of the service. Fails if no address of messages can be made of it.
    pub fn new(egress: Egress, account: ServiceAccount, base: &Url) -> Result<Self, String> {
        let path = format!("v1/projects/{}/messages:send", account.project);
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| "is no address of a server".to_owned())?
            .pop_if_empty()
            .extend(path.split('/'));
        Ok(Self { egress, account, url, token: Mutex::default() })
    }

    pub async fn send(&self, now: Timestamp, token: &str, push: &Push) -> Tried {
        let bearer = match self.bearer(now).await {
            Ok(bearer) => bearer,
            Err(tried) => return tried,
        };
        let body = push.payload.fitted(MOST_APP, |payload| message(now, token, push, payload).to_string().into_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, bearer.clone());
        match self.egress.call(Call::post(self.url.clone(), headers, Bytes::from(body), BOUNDS)).await {
            Ok(answer) => {
                // It was withdrawn, or the clock is wrong: the next try gets another one.
                if answer.status == StatusCode::UNAUTHORIZED {
                    self.token.lock().await.take_if(|token| token.bearer == bearer);
                }
                verdict(now, &answer)
            }
            Err(failure) => failed(failure),
        }
    }

    async fn bearer(&self, now: Timestamp) -> Result<HeaderValue, Tried> {
        let mut token = self.token.lock().await;
        // One that was made in the future is of a clock that was ahead.
        if let Some(token) = token.as_ref().filter(|token| token.until.since(now) > LEFT && token.made <= now) {
            return Ok(token.bearer.clone());
        }
        let fresh = self.sign_in(now).await?;
        Ok(token.insert(fresh).bearer.clone())
    }

    async fn sign_in(&self, now: Timestamp) -> Result<Token, Tried> {
        let assertion = self.account.assertion(now).map_err(|error| Tried::broken(error.to_string()))?;
        let form = [("grant_type", GRANT), ("assertion", &*assertion)];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let call = Call::post(self.account.token_url.clone(), headers, Bytes::from(form), BOUNDS);
        let answer = self.egress.call(call).await.map_err(failed)?;
        if !answer.status.is_success() {
            tracing::error!(status = answer.status.as_u16(), "Google does not accept the key of the service account");
            let tried = judged(now, answer.status, &answer.headers, "of the sign-in to Firebase");
            // It is about this server's key, and not about the device.
            return Err(match tried.health {
                Health::Well => Tried { health: Health::Ill, ..Tried::broken("the sign-in to Firebase was refused") },
                _ => tried,
            });
        }
        let unreadable = || Tried { health: Health::Ill, ..Tried::broken("the sign-in to Firebase gave no token") };
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", granted.access_token)).map_err(|_| unreadable())?;
        bearer.set_sensitive(true);
        Ok(Token { bearer, made: now, until: now.plus(Duration::from_secs(granted.expires_in)) })
    }
}

fn message(now: Timestamp, token: &str, push: &Push, payload: &Payload) -> Value {
    let left = push.until.since(now).as_secs();
    // All values must be strings.
    let mut data = json!({"badge": payload.badge.to_string()});
    let ids = [
        ("type", payload.kind.map(str::to_owned)),
        ("chat_id", payload.chat_id.map(|id| id.to_string())),
        ("message_id", payload.message_id.map(|id| id.to_string())),
        ("notification_id", payload.notification_id.map(|id| id.to_string())),
    ];
    for (name, value) in ids {
        if let Some(value) = value {
            data[name] = json!(value);
        }
    }
    let priority = if push.urgency == Urgency::High { "high" } else { "normal" };
    let apns_priority = if push.urgency == Urgency::High { "10" } else { "5" };
    json!({ "message": {
        "token": token,
        "notification": {"title": payload.title, "body": payload.body},
        "data": data,
        "android": {
            "collapse_key": push.topic, "priority": priority, "ttl": format!("{left}s"),
            "notification": {"tag": push.topic, "notification_count": payload.badge}
        },
        "apns": {
            "headers": {
                "apns-collapse-id": push.topic, "apns-priority": apns_priority,
                "apns-expiration": push.until.as_seconds().to_string()
            },
            "payload": {"aps": {"badge": payload.badge, "thread-id": push.topic}}
        }
    } })
}

fn verdict(now: Timestamp, answer: &Answer) -> Tried {
    let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let details = error["error"]["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let code = details.iter().find_map(|detail| detail["errorCode"].as_str()).unwrap_or_default();
    let is_about_token = details.iter().any(|detail| {
        let faults = detail["fieldViolations"].as_array().map(Vec::as_slice).unwrap_or_default();
        faults.iter().any(|fault| fault["field"] == "message.token")
    });
    match (answer.status.as_u16(), code) {
        (404, _) | (_, "UNREGISTERED" | "SENDER_ID_MISMATCH") => Tried::gone(),
        (400, _) if is_about_token => Tried::gone(),
        (401, _) => Tried { health: Health::Ill, ..Tried::broken("401 of Firebase") },
        (403, _) => Tried { health: Health::Ill, ..Tried::broken("403 of Firebase") },
        (_, code) => judged(now, answer.status, &answer.headers, if code.is_empty() { "of Firebase" } else { code }),
    }
}

#[cfg(test)]
mod tests {
    use clowder_notifications::push::Outcome;

    use super::*;

    fn answered(status: u16, body: &Value) -> Tried {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
            is_cut: false,
            url: Url::parse("https://fcm.example").unwrap(),
        };
        verdict(Timestamp::from_micros(0), &answer)
    }

    #[test]
    fn verdict_table() {
        let code = |code: &str| json!({"error": {"details": [{"errorCode": code}]}});
        let field = |field: &str| json!({"error": {"details": [{"errorCode": "INVALID_ARGUMENT"}, {"fieldViolations": [{"field": field}]}]}});
        let word = |tried: &Tried| tried.outcome.word();
        for (status, body, outcome, health) in [
            (200, json!({"name": "projects/x/messages/1"}), "delivered", Health::Well),
            (404, code("UNREGISTERED"), "gone", Health::Well),
            (404, Value::Null, "gone", Health::Well),
            (403, code("SENDER_ID_MISMATCH"), "gone", Health::Well),
            (403, Value::Null, "failed", Health::Ill),
            (401, code("THIRD_PARTY_AUTH_ERROR"), "failed", Health::Ill),
            (400, field("message.token"), "gone", Health::Well),
            (400, field("message.android.ttl"), "refused", Health::Well),
            (429, code("QUOTA_EXCEEDED"), "failed", Health::Asks(Duration::from_secs(30))),
            (503, code("UNAVAILABLE"), "failed", Health::Ill),
        ] {
            let tried = answered(status, &body);
            assert_eq!((word(&tried), tried.health), (outcome, health), "{status} {body}");
        }
        assert!(matches!(answered(500, &json!("x")).outcome, Outcome::Failed { .. }));
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let account = |key: &str, project: &str| {
            json!({
                "project_id": project, "client_email": "x@y.iam.gserviceaccount.com", "private_key": key,
                "token_uri": "https://oauth2.googleapis.com/token"
            })
            .to_string()
        };
        for (text, fault) in [
            ("{}".to_owned(), "JSON file"),
            ("secret".to_owned(), "JSON file"),
            (account("secret", "p"), "private_key"),
            (account("-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----", "p"), "private_key"),
            (account("secret", "a/b"), "project_id"),
        ] {
            let Err(error) = ServiceAccount::parse(&text) else { panic!("{text}") };
            assert!(error.contains(fault) && !error.contains("secret"), "{error}");
        }
    }
}
