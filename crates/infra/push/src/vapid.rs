//! How this server says to push services of browsers who it is (RFC 8292): a token for each of them, used until shortly
//! before its end.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use clowder_core::{Error, Result, Timestamp};
use clowder_notifications::push::VapidKey;
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::SigningKey;
use serde_json::json;

use crate::{
    encryption::{new_secret, point},
    token::es256,
};

/// At most a day (§2); half, because clocks differ.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// What must be left of one that is used.
const LEFT: Duration = Duration::from_secs(3600);
/// People choose their push services, so there may be any number.
const MOST: usize = 1_000;

/// A key of this server.
pub fn new_key() -> Result<VapidKey> {
    let secret = new_secret()?;
    Ok(VapidKey { secret: secret.to_bytes().into(), public: point(&secret)? })
}

pub struct Tokens {
    /// Whom a push service can ask about what this server sends.
    contact: Option<String>,
    /// By the push service and the key.
    made: Mutex<HashMap<(String, [u8; 65]), Made>>,
}

#[derive(Clone)]
struct Made {
    token: String,
    until: Timestamp,
}

impl Tokens {
    /// `contact` is an address that begins with `mailto:` or `https:`.
    pub fn new(contact: Option<String>) -> Self {
        Self { contact, made: Mutex::default() }
    }

    /// The header `Authorization` for this push service, such as `https://push.example`.
    pub fn authorization(&self, now: Timestamp, key: &VapidKey, origin: &str) -> Result<String> {
        let place = (origin.to_owned(), key.public);
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        let token = match made.filter(|made| is_good(made, now)) {
            Some(made) => made.token,
            None => self.make(now, key, place)?,
        };
        Ok(format!("vapid t={token}, k={}", BASE64URL_NOPAD.encode(&key.public)))
    }

    fn make(&self, now: Timestamp, key: &VapidKey, place: (String, [u8; 65])) -> Result<String> {
        let signer = SigningKey::from_slice(&key.secret);
        let signer = signer.map_err(|_| Error::internal("the stored key for push is no key of P-256"))?;
        let until = now.plus(LIFE);
        let mut claims = json!({"aud": place.0, "exp": until.as_seconds()});
        if let Some(contact) = &self.contact {
            claims["sub"] = json!(contact);
        }
        let token = es256(&signer, &json!({"typ": "JWT", "alg": "ES256"}), &claims);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MOST {
            made.retain(|_, made| is_good(made, now));
        }
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(place, Made { token: token.clone(), until });
        Ok(token)
    }
}

/// One of a clock that was ahead would be refused, too.
fn is_good(made: &Made, now: Timestamp) -> bool {
    let left = made.until.since(now);
    left > LEFT && left <= LIFE
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn claims(authorization: &str) -> Value {
        let token = authorization.strip_prefix("vapid t=").unwrap().split(',').next().unwrap();
        let part = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_for_one_service_and_used_again_until_it_is_nearly_over() {
        let (tokens, key) = (Tokens::new(Some("mailto:ops@chat.example".into())), new_key().unwrap());
        let start = Timestamp::from_micros(1_700_000_000_000_000);
        let at = |now, origin: &str| tokens.authorization(now, &key, origin).unwrap();
        let first = at(start, "https://a.example");
        assert!(first.ends_with(&format!(", k={}", BASE64URL_NOPAD.encode(&key.public))));
        let expected = json!({
            "aud": "https://a.example", "exp": 1_700_000_000 + 43_200, "sub": "mailto:ops@chat.example"
        });
        assert_eq!(claims(&first), expected);
        let later = |seconds| start.plus(Duration::from_secs(seconds));
        assert_eq!(at(later(39_599), "https://a.example"), first);
        assert_ne!(at(later(39_600), "https://a.example"), first);
        assert_eq!(claims(&at(start, "https://b.example:8443"))["aud"], "https://b.example:8443");
        // After a clock that was ahead.
        assert_eq!(claims(&at(start, "https://a.example"))["exp"], 1_700_043_200);
        let anonymous = Tokens::new(None).authorization(start, &key, "https://a.example").unwrap();
        assert_eq!(claims(&anonymous).get("sub"), None);
    }

    #[test]
    fn any_number_of_services_takes_a_bounded_room() {
        let (tokens, key) = (Tokens::new(None), new_key().unwrap());
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        for number in 0..MOST + 10 {
            tokens.authorization(now, &key, &format!("https://{number}.example")).unwrap();
        }
        assert!(tokens.made.lock().unwrap().len() <= MOST);
    }
}
