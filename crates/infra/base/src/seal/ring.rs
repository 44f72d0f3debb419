//! The keys of the ring, and those of users.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use clowder_core::{Error, Id, Result};
use uuid::Uuid;

use super::{
    columns::USER_KEY,
    value::{Place, Sealed, SealedBy},
};
use crate::keys::{Keys, random};

/// The id of the key that is derived from SECRET_KEY.
const DERIVED: &str = "secret-key";

/// With or without padding.
const FORGIVING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// The first key encrypts, all of them decrypt.
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// The given keys in their order, then the one derived from the secret, to decrypt values from before any was
    /// given. `given` is a list of `id/base64`, separated by commas.
    pub fn new(keys: &Keys, given: &str) -> Result<Self> {
        let given = Self::parse(given).map_err(|fault| Error::internal(format!("ENCRYPTION_KEYS: {fault}")))?;
        let derived = (DERIVED.to_owned(), keys.derive("field encryption"));
        let key = |(id, key): (String, [u8; 32])| Key { id, cipher: XChaCha20Poly1305::new((&key).into()) };
        Ok(Self(given.into_iter().chain([derived]).map(key).collect()))
    }

    /// Parses a list of keys, or says what is wrong with it without showing any.
    pub fn parse(given: &str) -> Result<Vec<(String, [u8; 32])>, String> {
        let mut keys: Vec<(String, [u8; 32])> = Vec::new();
        for (number, item) in given.split(',').map(str::trim).enumerate().filter(|(_, item)| !item.is_empty()) {
            let number = number + 1;
            let (id, text) = item.split_once('/').ok_or_else(|| format!("key {number} must be id/base64"))?;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if id.is_empty() || id.len() > 32 || !id.chars().all(plain) {
                return Err(format!("the id of key {number} must be 1 to 32 letters, digits, '-', '_' or '.'"));
            }
            if id == DERIVED || keys.iter().any(|(known, _)| known == id) {
                return Err(format!("the id of key {number} is taken"));
            }
            keys.push((
                id.to_owned(),
                octets(text).ok_or_else(|| format!("key {number} must be base64 of 32 octets"))?,
            ));
        }
        Ok(keys)
    }

    /// The ids, the active one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    pub fn active(&self) -> &str {
        self.ids().next().unwrap_or_default()
    }

    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<Sealed> {
        let key = self.0.first().ok_or_else(|| Error::internal("the key ring is empty"))?;
        seal(&key.cipher, SealedBy::Ring(&key.id), place, plain)
    }

    pub fn open(&self, place: Place, sealed: &Sealed) -> Result<Vec<u8>> {
        let (SealedBy::Ring(id), ..) = sealed.parts()? else {
            return Err(Error::internal(format!("{place} is not sealed by the key ring")));
        };
        let key = self.0.iter().find(|key| key.id == id).ok_or_else(|| {
            Error::internal(format!("{place} is sealed with the key `{id}`, which is not in ENCRYPTION_KEYS"))
        })?;
        open(&key.cipher, place, sealed)
    }

    /// The value encrypted with the active key; `None` if it already is.
    pub fn reseal(&self, place: Place, sealed: &Sealed) -> Result<Option<Sealed>> {
        if sealed.by()? == SealedBy::Ring(self.active()) {
            return Ok(None);
        }
        self.seal(place, &self.open(place, sealed)?).map(Some)
    }

    /// A new user key, and the same as it is stored.
    pub fn user_key<T>(&self, owner: Id<T>, id: Uuid) -> Result<(UserKey, Sealed)> {
        let mut key = [0; 32];
        random(&mut key)?;
        let sealed = self.seal(Place::new(USER_KEY, owner), &key)?;
        Ok((UserKey { id, cipher: XChaCha20Poly1305::new((&key).into()) }, sealed))
    }

    /// Decrypts a stored user key.
    pub fn open_user_key<T>(&self, owner: Id<T>, id: Uuid, sealed: &Sealed) -> Result<UserKey> {
        let key = self.open(Place::new(USER_KEY, owner), sealed)?;
        let cipher =
            XChaCha20Poly1305::new_from_slice(&key).map_err(|_| Error::internal("a user key of wrong length"))?;
        Ok(UserKey { id, cipher })
    }
}

/// The data key of one user: without it nothing that it encrypted can be read any more.
#[derive(Clone)]
pub struct UserKey {
    id: Uuid,
    cipher: XChaCha20Poly1305,
}

impl UserKey {
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<Sealed> {
        seal(&self.cipher, SealedBy::User(self.id), place, plain)
    }

    pub fn open(&self, place: Place, sealed: &Sealed) -> Result<Vec<u8>> {
        if sealed.by()? != SealedBy::User(self.id) {
            return Err(Error::internal(format!("{place} is not sealed with this user's key")));
        }
        open(&self.cipher, place, sealed)
    }
}

fn seal(cipher: &XChaCha20Poly1305, by: SealedBy<'_>, place: Place, plain: &[u8]) -> Result<Sealed> {
    let mut nonce = [0; 24];
    random(&mut nonce)?;
    let aad = place.to_string();
    cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: aad.as_bytes() })
        .map(|text| Sealed::new(by, nonce, &text))
        .map_err(|_| Error::internal(format!("cannot seal {place}")))
}

fn open(cipher: &XChaCha20Poly1305, place: Place, sealed: &Sealed) -> Result<Vec<u8>> {
    let (_, nonce, text) = sealed.parts()?;
    let aad = place.to_string();
    cipher.decrypt(&XNonce::from(nonce), Payload { msg: text, aad: aad.as_bytes() }).map_err(|_| {
        Error::internal(format!("{place} does not decrypt: it was encrypted with another key, or was changed"))
    })
}

fn octets(text: &str) -> Option<[u8; 32]> {
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, FORGIVING).decode(text).ok())?
        .try_into()
        .ok()
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, UserId};

    use super::*;
    use crate::seal::columns::{Column, Under};

    const AUDIT_ADDRESS: Column = Column::new("audit", "address", "id", Under::UserKey);
    const AUDIT_AGENT: Column = Column::new("audit", "agent", "id", Under::UserKey);

    const OLD: &str = "old/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "new/IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE";

    fn ring(given: &str) -> KeyRing {
        KeyRing::new(&Keys::new("a secret"), given).unwrap()
    }

    fn place(column: super::super::Column, row: u128) -> Place {
        Place::new(column, UserId::from_uuid(Uuid::from_u128(row)))
    }

    #[test]
    fn a_value_opens_in_its_place_only() {
        let ring = ring("");
        let sealed = ring.seal(place(AUDIT_AGENT, 1), b"curl").unwrap();
        assert_eq!(ring.open(place(AUDIT_AGENT, 1), &sealed).unwrap(), b"curl");
        assert!(ring.open(place(AUDIT_AGENT, 2), &sealed).is_err(), "another row");
        assert!(ring.open(place(AUDIT_ADDRESS, 1), &sealed).is_err(), "another column");
        assert_ne!(ring.seal(place(AUDIT_AGENT, 1), b"curl").unwrap(), sealed, "a nonce is used once");
        assert!(KeyRing::new(&Keys::new("another"), "").unwrap().open(place(AUDIT_AGENT, 1), &sealed).is_err());
    }

    #[test]
    fn keys_are_rotated() {
        let here = place(AUDIT_AGENT, 1);
        let derived = ring("").seal(here, b"curl").unwrap();
        let old = ring(OLD).reseal(here, &derived).unwrap().unwrap();
        let both = ring(&format!("{NEW}, {OLD}"));
        assert_eq!(both.ids().collect::<Vec<_>>(), ["new", "old", "secret-key"]);
        let new = both.reseal(here, &old).unwrap().unwrap();
        assert_eq!(new.by().unwrap(), SealedBy::Ring("new"));
        assert_eq!(both.reseal(here, &new).unwrap(), None, "it is under the active key already");
        assert_eq!(ring(NEW).open(here, &new).unwrap(), b"curl");
        let error = ring(OLD).open(here, &new).unwrap_err().to_string();
        assert!(error.contains("`new`") && error.contains("audit:agent:"), "{error}");
    }

    #[test]
    fn keys_of_users_are_their_own() {
        let (ring, now) = (ring(OLD), Timestamp::from_micros(5));
        let (ada, id) = (UserId::new(now), UserId::new(now).uuid());
        let (key, stored) = ring.user_key(ada, id).unwrap();
        let sealed = key.seal(place(AUDIT_AGENT, 1), b"curl").unwrap();
        let again = ring.open_user_key(ada, id, &stored).unwrap();
        assert_eq!(again.open(place(AUDIT_AGENT, 1), &sealed).unwrap(), b"curl");
        assert!(ring.open_user_key(UserId::new(now), id, &stored).is_err(), "the row of another user");
        let (other, _) = ring.user_key(ada, UserId::new(now).uuid()).unwrap();
        assert!(other.open(place(AUDIT_AGENT, 1), &sealed).is_err());
        assert!(ring.open(place(AUDIT_AGENT, 1), &sealed).is_err());
    }

    #[test]
    fn wrong_keys_are_named_and_not_shown() {
        for (given, fault) in [
            ("", None),
            (OLD, None),
            (NEW, None),
            ("a", Some("key 1 must be id/base64")),
            ("a/", Some("key 1 must be base64 of 32 octets")),
            ("a/c2hvcnQ=", Some("key 1 must be base64 of 32 octets")),
            ("/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Some("the id of key 1 must be")),
            ("a b/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Some("the id of key 1 must be")),
            ("secret-key/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Some("the id of key 1 is taken")),
            (&format!("{OLD},{OLD}"), Some("the id of key 2 is taken")),
        ] {
            let told = KeyRing::parse(given).err();
            assert_eq!(told.is_some(), fault.is_some(), "{given}: {told:?}");
            assert!(told.unwrap_or_default().contains(fault.unwrap_or_default()), "{given}");
        }
    }
}
