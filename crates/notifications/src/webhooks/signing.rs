//! How a call is signed: over its id, its time and the octets of its body, with each of the keys that count.
//!
//! `v1` is HMAC-SHA-256 with a secret that both sides have; `v1a` is Ed25519 (RFC 8032), for receivers that must not be able
//! to sign themselves. For some time after a rotation, the keys before sign, too.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use clowder_core::{Error, Result, Timestamp};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How many random octets a secret has; the specification allows 24 to 64.
pub const SECRET_OCTETS: usize = 32;
/// How many random octets a private key has.
pub const SEED_OCTETS: usize = 32;

/// What both sides have. It appears in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// 24 to 64 octets.
    pub fn new(octets: impl Into<Vec<u8>>) -> Result<Self> {
        let octets = octets.into();
        match octets.len() {
            24..=64 => Ok(Self(octets)),
            length => Err(Error::internal(format!("a webhook secret of {length} octets"))),
        }
    }

    /// As it is shown, once.
    pub fn expose(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    /// `v1,…`
    fn sign(&self, signed: &[&[u8]]) -> Result<String> {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).map_err(|_| Error::internal("a key of no length"))?;
        signed.iter().for_each(|part| mac.update(part));
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A private key, with the public one that receivers check with.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    pub fn new(seed: &[u8; SEED_OCTETS]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// As it is shown.
    pub fn public(&self) -> String {
        format!("whpk_{}", STANDARD.encode(self.0.verifying_key().as_bytes()))
    }

    /// `v1a,…`
    fn sign(&self, signed: &[&[u8]]) -> String {
        format!("v1a,{}", STANDARD.encode(self.0.sign(&signed.concat()).to_bytes()))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

/// The keys of one time.
#[derive(Debug, Clone)]
pub struct Keys {
    pub secret: Secret,
    /// Only if the owner wants `v1a`.
    pub pair: Option<KeyPair>,
}

/// All keys that sign for an endpoint.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    pub current: Keys,
    /// Those before the last rotation, and until when they count.
    pub former: Option<(Keys, Timestamp)>,
}

impl SigningKeys {
    /// The header `webhook-signature` of a call: a signature by each key that counts now, separated by spaces.
    pub fn sign(&self, now: Timestamp, id: &str, body: &[u8]) -> Result<String> {
        let seconds = now.as_seconds().to_string();
        let signed: &[&[u8]] = &[id.as_bytes(), b".", seconds.as_bytes(), b".", body];
        let former = self.former.as_ref().filter(|(_, until)| *until > now).map(|(keys, _)| keys);
        let mut signatures = Vec::new();
        for Keys { secret, pair } in std::iter::once(&self.current).chain(former) {
            signatures.push(secret.sign(signed)?);
            signatures.extend(pair.as_ref().map(|pair| pair.sign(signed)));
        }
        Ok(signatures.join(" "))
    }

    /// After a rotation: the present keys sign until then, beside these.
    pub fn rotated(&self, current: Keys, until: Timestamp) -> Self {
        Self { current, former: Some((self.current.clone(), until)) }
    }
}

/// The keys as they are stored, which is encrypted.
#[derive(Serialize, Deserialize)]
struct Stored {
    secret: String,
    seed: Option<String>,
    former: Option<Box<Former>>,
}

#[derive(Serialize, Deserialize)]
struct Former {
    keys: Stored,
    until: Timestamp,
}

impl SigningKeys {
    /// To be encrypted, and nothing else.
    pub fn to_plain(&self) -> Result<Vec<u8>> {
        let former = self.former.as_ref();
        let former = former.map(|(keys, until)| Box::new(Former { keys: stored(keys, None), until: *until }));
        Ok(serde_json::to_vec(&stored(&self.current, former))?)
    }

    /// What was decrypted.
    pub fn of_plain(plain: &[u8]) -> Result<Self> {
        let mut current: Stored = serde_json::from_slice(plain)?;
        let former = current.former.take();
        let former = former.map(|former| Ok::<_, Error>((read(&former.keys)?, former.until))).transpose()?;
        Ok(Self { current: read(&current)?, former })
    }
}

fn stored(keys: &Keys, former: Option<Box<Former>>) -> Stored {
    let seed = keys.pair.as_ref().map(|pair| STANDARD.encode(pair.0.to_bytes()));
    Stored { secret: STANDARD.encode(&keys.secret.0), seed, former }
}

fn read(stored: &Stored) -> Result<Keys> {
    let broken = || Error::internal("the stored keys of a webhook are no keys");
    let octets = |text: &str| STANDARD.decode(text).map_err(|_| broken());
    let seed = stored.seed.as_deref().map(octets).transpose()?;
    let seed = seed.map(|seed| <[u8; SEED_OCTETS]>::try_from(seed).map_err(|_| broken())).transpose()?;
    Ok(Keys { secret: Secret::new(octets(&stored.secret)?)?, pair: seed.map(|seed| KeyPair::new(&seed)) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    /// The vector of the libraries of the specification.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BY_SECRET: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    /// The first key of RFC 8032 §7.1; the signature was made by another implementation.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const BY_PAIR: &str =
        "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw==";

    fn now() -> Timestamp {
        Timestamp::from_micros(1_614_265_330_999_999)
    }

    fn keys(secret: &[u8], pair: bool) -> Keys {
        Keys { secret: Secret::new(secret).unwrap(), pair: pair.then(|| KeyPair::new(&SEED)) }
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = STANDARD.decode(SECRET).unwrap();
        let one = SigningKeys { current: keys(&secret, false), former: None };
        assert_eq!(one.sign(now(), ID, BODY).unwrap(), BY_SECRET);
        let both = SigningKeys { current: keys(&secret, true), former: None };
        assert_eq!(both.sign(now(), ID, BODY).unwrap(), format!("{BY_SECRET} {BY_PAIR}"));
        assert_eq!(both.current.pair.unwrap().public(), PUBLIC);
        assert_eq!(one.current.secret.expose(), format!("whsec_{SECRET}"));
    }

    #[test]
    fn after_a_rotation_both_sign_for_a_while() {
        let (day, secret) = (Duration::from_secs(86_400), STANDARD.decode(SECRET).unwrap());
        let before = SigningKeys { current: keys(&secret, true), former: None };
        let after = before.rotated(keys(&[7; 32], true), now().plus(day));
        let signatures = |at| after.sign(at, ID, BODY).unwrap();
        let at_once = signatures(now());
        assert_eq!(at_once.split(' ').count(), 4);
        assert!(at_once.ends_with(&format!(" {BY_SECRET} {BY_PAIR}")), "{at_once}");
        assert_eq!(signatures(now().plus(day)).split(' ').count(), 2, "its time is over");
        let again = after.rotated(keys(&[8; 32], false), now().plus(day));
        assert!(!again.sign(now(), ID, BODY).unwrap().contains(BY_SECRET), "only the keys before the last rotation");
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let before = SigningKeys { current: keys(&[1; 32], true), former: None };
        for all in [before.clone(), before.rotated(keys(&[2; 64], false), now().plus(Duration::from_secs(60)))] {
            let read = SigningKeys::of_plain(&all.to_plain().unwrap()).unwrap();
            assert_eq!(read.sign(now(), ID, BODY).unwrap(), all.sign(now(), ID, BODY).unwrap());
        }
        for broken in ["", "{}", r#"{"secret":"AA=="}"#, r#"{"secret":"!","seed":null}"#] {
            assert!(SigningKeys::of_plain(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(Secret::new([0; 23]).is_err() && Secret::new([0; 65]).is_err());
        assert!(!format!("{before:?}").contains("AQEB"), "no key is ever printed");
    }
}
