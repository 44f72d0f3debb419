//! Reads `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) and refuses a call while another one with the
//! same key is running.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, HeaderValue},
};
use clowder_core::{Error, IdempotencyKey, UserId, idempotency::RUNNING};
use clowder_infra::keys::Keys;

use crate::problem::{Answer, Problem};

pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
pub const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Keys are per caller.
type Running = Arc<Mutex<HashSet<(Option<UserId>, Arc<str>)>>>;

/// Creates the [`IdempotencyKey`] of each call. Stored answers are in the database; this knows only the calls that are
/// running now.
#[derive(Clone)]
pub struct IdempotencyKeys {
    keys: Arc<Keys>,
    running: Running,
}

/// Held while a call runs; releases its key on drop.
pub struct Guard {
    running: Running,
    held: (Option<UserId>, Arc<str>),
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.held);
    }
}

impl IdempotencyKeys {
    pub fn new(keys: Arc<Keys>) -> Self {
        Self { keys, running: Running::default() }
    }

    /// `None` if the request has no key.
    pub fn take(
        &self,
        request: &HttpRequest,
        caller: Option<UserId>,
        address: Option<IpAddr>,
        body: &[u8],
    ) -> Answer<Option<(IdempotencyKey, Guard)>> {
        let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let key = value
            .to_str()
            .ok()
            .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
        let Some(key) = key else {
            return Err(Error::field(
                "Idempotency-Key",
                "characters",
                "the header must have 1 to 255 visible ASCII characters",
            )
            .into());
        };
        // Keys of unauthenticated callers belong to their address.
        let held = match (caller, address) {
            (None, Some(address)) => (caller, format!("{address} {key}").into()),
            _ => (caller, Arc::<str>::from(key)),
        };
        if !self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(held.clone()) {
            return Err(Problem::from(RUNNING).retry_after(1));
        }
        let idempotency_key = IdempotencyKey::new(key, self.fingerprint(request, body));
        Ok(Some((idempotency_key, Guard { running: self.running.clone(), held })))
    }

    fn fingerprint(&self, request: &HttpRequest, body: &[u8]) -> [u8; 32] {
        let path = request.path().trim_end_matches('/').as_bytes();
        self.keys.fingerprint(&[request.method().as_str().as_bytes(), path, request.query_string().as_bytes(), body])
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn idempotency_keys(secret: &str) -> IdempotencyKeys {
        IdempotencyKeys::new(Arc::new(Keys::new(secret)))
    }

    fn request(path: &str, key: &str) -> HttpRequest {
        let value = HeaderValue::from_bytes(key.as_bytes()).unwrap();
        TestRequest::post().uri(path).insert_header((IDEMPOTENCY_KEY, value)).to_http_request()
    }

    #[test]
    fn one_key_runs_once_at_a_time() {
        let idempotency_keys = idempotency_keys("secret");
        let user = Some(UserId::from_uuid(uuid::Uuid::from_u128(1)));
        let (idempotency_key, guard) = idempotency_keys.take(&request("/a", "k"), user, None, b"{}").unwrap().unwrap();
        assert_eq!(
            idempotency_keys.take(&request("/a", "k"), user, None, b"{}").err().map(|p| p.code),
            Some("idempotency.running")
        );
        assert!(idempotency_keys.take(&request("/a", "k"), None, None, b"{}").unwrap().is_some(), "another caller");
        let places = ["192.0.2.1", "192.0.2.2"].map(|address| Some(address.parse().unwrap()));
        let taken =
            places.map(|place| idempotency_keys.take(&request("/a", "k"), None, place, b"{}").unwrap().unwrap());
        assert_eq!(taken.len(), 2, "behind one proxy");
        drop(guard);
        let (again, _guard) = idempotency_keys.take(&request("/a/", "k"), user, None, b"{}").unwrap().unwrap();
        assert_eq!(again.fingerprint, idempotency_key.fingerprint, "a trailing slash is no difference");
    }

    #[test]
    fn fingerprints_tell_calls_apart() {
        let idempotency_keys = idempotency_keys("secret");
        let print = |path: &str, body: &[u8]| idempotency_keys.fingerprint(&request(path, "k"), body);
        assert_eq!(print("/a", b"{}"), print("/a", b"{}"));
        assert_ne!(print("/a", b"{}"), print("/b", b"{}"));
        assert_ne!(print("/a", b"{}"), print("/a", b"{ }"));
        assert_ne!(print("/a", b"b"), print("/ab", b""));
        assert_ne!(print("/a", b"{}"), self::idempotency_keys("other").fingerprint(&request("/a", "k"), b"{}"));
    }

    #[test]
    fn keys_are_visible_ascii() {
        let idempotency_keys = idempotency_keys("secret");
        for wrong in ["", "a b", "ä", "x".repeat(256).as_str()] {
            let problem = idempotency_keys.take(&request("/a", wrong), None, None, b"").err().unwrap();
            assert_eq!(problem.status.as_u16(), 422, "{wrong}");
        }
        assert!(idempotency_keys.take(&request("/a", &"x".repeat(255)), None, None, b"").is_ok());
    }
}
