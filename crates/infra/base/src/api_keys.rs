//! The format of API keys, and a cache of recently used ones.
//!
//! `clw_` + 22 characters of name + `_` + 43 characters of secret + 6 of checksum, all in base 62. The prefix lets
//! scanners find leaked keys, and the checksum lets them discard false matches without asking us. The name is public;
//! of the secret, 256 random bits, only a SHA-256 hash is stored: a secret that cannot be guessed needs no slow hash.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_accounts::change::API_KEY_REVOKED;
use clowder_core::{ApiKeyId, Recorded, Result, Scopes, Timestamp, UserId};
use quick_cache::sync::Cache;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::keys::{random, sha256};

const MARK: &str = "clw_";
const NAME: usize = 22;
const SECRET: usize = 43;
const SUM: usize = 6;
/// How many keys are kept in memory.
const ROOM: usize = 10_000;
/// The use of a key is recorded at most this often.
pub const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Longer than any read that began before the revocation.
const REVOKED_FOR: Duration = Duration::from_secs(600);

/// A presented key: well-formed, but not necessarily valid.
pub struct Presented {
    pub id: ApiKeyId,
    hash: [u8; 32],
}

/// The public part of a key.
pub fn prefix(id: ApiKeyId) -> String {
    format!("{MARK}{}", base62(id.uuid().as_bytes(), NAME))
}

/// A new key and the hash under which it is stored.
pub fn mint(id: ApiKeyId) -> Result<(String, [u8; 32])> {
    let mut secret = [0; 32];
    random(&mut secret)?;
    let secret = base62(&secret, SECRET);
    let body = format!("{}_{secret}", prefix(id));
    let sum = checksum(&body);
    Ok((format!("{body}{sum}"), sha256(secret.as_bytes())))
}

/// Parses a key; `None` if its form is invalid.
pub fn parse(presented: &str) -> Option<Presented> {
    let (body, sum) = presented.split_at_checked(presented.len().checked_sub(SUM)?)?;
    let (name, secret) = body.strip_prefix(MARK)?.split_once('_')?;
    let well_formed = name.len() == NAME && secret.len() == SECRET && checksum(body) == sum;
    let id = Uuid::from_u128(number(name).filter(|_| well_formed)?);
    Some(Presented { id: ApiKeyId::from_uuid(id), hash: sha256(secret.as_bytes()) })
}

fn checksum(body: &str) -> String {
    let [a, b, c, d, ..] = sha256(body.as_bytes());
    base62(&[a, b, c, d], SUM)
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number of any length, most significant octet first, with a fixed number of digits.
fn base62(octets: &[u8], width: usize) -> String {
    let mut octets = octets.to_vec();
    let mut digits = vec![0; width];
    for digit in digits.iter_mut().rev() {
        let rest = octets.iter_mut().fold(0, |rest, octet| {
            let sum = rest << 8 | u32::from(*octet);
            *octet = (sum / 62) as u8;
            sum % 62
        });
        *digit = DIGITS[rest as usize];
    }
    String::from_utf8_lossy(&digits).into_owned()
}

fn number(digits: &str) -> Option<u128> {
    digits.bytes().try_fold(0_u128, |sum, digit| {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        sum.checked_mul(62)?.checked_add(value as u128)
    })
}

/// What is known of an existing key.
pub struct Known {
    pub id: ApiKeyId,
    pub user: UserId,
    pub hash: Vec<u8>,
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
    /// When its use was last recorded, in microseconds.
    noted: AtomicI64,
}

impl Known {
    pub fn new(
        id: ApiKeyId,
        user: UserId,
        hash: Vec<u8>,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
        last_used_at: Option<Timestamp>,
    ) -> Self {
        let noted = AtomicI64::new(last_used_at.map_or(i64::MIN, Timestamp::as_micros));
        Self { id, user, hash, scopes, expires_at, noted }
    }

    /// Takes the same time for every secret, however much of it is right.
    pub fn is(&self, presented: &Presented) -> bool {
        self.hash.ct_eq(&presented.hash).into()
    }

    /// Whether its use should be recorded now; true for one caller only.
    pub fn should_note(&self, now: Timestamp) -> bool {
        let noted = self.noted.load(Ordering::Relaxed);
        // A time in the future was recorded by a clock that was ahead.
        let due = noted <= now.minus(NOTED_EVERY).as_micros() || noted > now.as_micros();
        due && self.noted.compare_exchange(noted, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The recently used keys, cached while the journal is followed.
pub struct KeyMemory {
    kept: Cache<ApiKeyId, Arc<Known>>,
    /// Recently revoked keys: what was read before the revocation must not be cached after it.
    revoked: Mutex<HashMap<ApiKeyId, Instant>>,
}

impl Default for KeyMemory {
    fn default() -> Self {
        Self { kept: Cache::new(ROOM), revoked: Mutex::default() }
    }
}

impl KeyMemory {
    pub fn get(&self, key: ApiKeyId) -> Option<Arc<Known>> {
        self.kept.get(&key)
    }

    /// Caches a key, if the journal `is_followed` and the key has not been revoked in the meantime.
    pub fn keep(&self, known: &Arc<Known>, is_followed: impl FnOnce() -> bool) {
        let revoked = self.lock();
        if is_followed() && !revoked.contains_key(&known.id) {
            self.kept.insert(known.id, Arc::clone(known));
        }
    }

    pub fn is_revoked(&self, key: ApiKeyId) -> bool {
        self.lock().contains_key(&key)
    }

    pub fn revoke(&self, key: ApiKeyId) {
        let (mut revoked, now) = (self.lock(), Instant::now());
        if revoked.len() % 1024 == 1023 {
            revoked.retain(|_, until| *until > now);
        }
        revoked.insert(key, now + REVOKED_FOR);
        self.kept.remove(&key);
    }

    /// Applies revocations of other nodes from the journal.
    pub fn note(&self, recorded: &Recorded) {
        if let (API_KEY_REVOKED, Some(key)) = (&*recorded.name, recorded.subject) {
            self.revoke(ApiKeyId::from_uuid(key));
        }
    }

    /// The journal is no longer followed.
    pub fn forget(&self) {
        let _revoked = self.lock();
        self.kept.clear();
    }

    /// The journal is another one, in which other keys are revoked.
    pub fn start_anew(&self) {
        let mut revoked = self.lock();
        revoked.clear();
        self.kept.clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApiKeyId, Instant>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn known(id: ApiKeyId, hash: [u8; 32]) -> Arc<Known> {
        Arc::new(Known::new(id, UserId::new(NOW), hash.to_vec(), Scopes::default(), None, None))
    }

    #[test]
    fn a_key_is_read_back() {
        let id = ApiKeyId::new(NOW);
        let (key, hash) = mint(id).unwrap();
        let presented = parse(&key).unwrap();
        assert_eq!((key.len(), presented.id), (76, id));
        assert!(key.starts_with(&prefix(id)) && known(id, hash).is(&presented));
        let (other, _) = mint(id).unwrap();
        assert_ne!(key, other);
        assert!(!known(id, hash).is(&parse(&other).unwrap()), "the same name, another secret");
    }

    #[test]
    fn what_is_no_key_is_seen_without_asking() {
        let (key, _) = mint(ApiKeyId::new(NOW)).unwrap();
        for at in [0, 5, 30, 75] {
            let mut broken = key.clone().into_bytes();
            broken[at] = if broken[at] == b'x' { b'y' } else { b'x' };
            assert!(parse(std::str::from_utf8(&broken).unwrap()).is_none(), "a slip at {at}");
        }
        let wide = format!("clw_{}_{}", "z".repeat(NAME), "0".repeat(SECRET));
        let wide = format!("{wide}{}", checksum(&wide));
        let longer = format!("{key}0");
        for wrong in ["", "clw_", &key[..75], &longer, "clw__", "🐈🐈🐈", &format!("{}é", &key[..75]), &wide] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn digits_keep_their_number() {
        assert_eq!(base62(&[0, 0], 3), "000");
        assert_eq!(base62(&[1, 0], 3), "048");
        let id = Uuid::from_u128(u128::MAX);
        assert_eq!(number(&base62(id.as_bytes(), NAME)), Some(u128::MAX));
    }

    #[test]
    fn what_was_read_before_a_revocation_is_not_kept_after_it() {
        let (memory, id) = (KeyMemory::default(), ApiKeyId::new(NOW));
        let read = known(id, [0; 32]);
        memory.keep(&read, || false);
        assert!(memory.get(id).is_none(), "nobody follows");
        memory.keep(&read, || true);
        assert!(memory.get(id).is_some());
        memory.revoke(id);
        memory.keep(&read, || true);
        assert!(memory.get(id).is_none() && memory.is_revoked(id));
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let key = known(ApiKeyId::new(NOW), [0; 32]);
        assert!(key.should_note(NOW));
        assert!(!key.should_note(NOW.plus(Duration::from_secs(59))));
        assert!(key.should_note(NOW.plus(NOTED_EVERY)));
        assert!(key.should_note(NOW), "the clock was a minute ahead");
        assert!(!key.should_note(NOW));
    }
}
