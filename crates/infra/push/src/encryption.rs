//! Message encryption for Web Push (RFC 8291): one record of `aes128gcm` (RFC 8188) under a key that only the server and the
//! browser can compute.

use aes_gcm::{Aes128Gcm, KeyInit, aead::Aead};
use clowder_core::{Error, Result};
use clowder_notifications::push::{WebTarget, payload::MOST_WEB};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman, elliptic_curve::sec1::ToEncodedPoint};
use sha2::Sha256;

/// The record size in the header, which is also the most that every push service takes (RFC 8030 §7.2).
const RECORD: u32 = 4096;
const SALT: usize = 16;
const POINT: usize = 65;
/// Ends the last record (RFC 8188 §2).
const LAST: u8 = 2;

/// What is used for one message only.
pub struct Ephemeral {
    secret: SecretKey,
    salt: [u8; SALT],
}

impl Ephemeral {
    pub fn new() -> Result<Self> {
        let mut salt = [0; SALT];
        random(&mut salt)?;
        Ok(Self { secret: new_secret()?, salt })
    }
}

/// A scalar of P-256 by chance; nearly all of 32 octets are one.
pub fn new_secret() -> Result<SecretKey> {
    let mut octets = [0; 32];
    loop {
        random(&mut octets)?;
        if let Ok(secret) = SecretKey::from_slice(&octets) {
            return Ok(secret);
        }
    }
}

pub fn random(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| Error::internal(format!("no randomness: {error}")))
}

/// The point of a key, uncompressed.
pub fn point(secret: &SecretKey) -> Result<[u8; POINT]> {
    let encoded = secret.public_key().to_encoded_point(false);
    encoded.as_bytes().try_into().map_err(|_| Error::internal("a point of P-256 has another length"))
}

/// The body of a call to the push service.
pub fn encrypt(to: &WebTarget, plain: &[u8], ephemeral: &Ephemeral) -> Result<Vec<u8>> {
    if plain.len() > MOST_WEB {
        return Err(Error::internal("a payload of Web Push is too long"));
    }
    let theirs = PublicKey::from_sec1_bytes(&to.p256dh)
        .map_err(|_| Error::internal("the stored key of a browser is not a point on the curve"))?;
    let ours = point(&ephemeral.secret)?;
    let shared = diffie_hellman(ephemeral.secret.to_nonzero_scalar(), theirs.as_affine());
    // The secret of the subscription, so that the push service cannot put itself between the two (§3.3).
    let info = [b"WebPush: info\0".as_slice(), &to.p256dh, &ours].concat();
    let input: [u8; 32] = expand(&to.auth, shared.raw_secret_bytes(), &info)?;
    let key: [u8; 16] = expand(&ephemeral.salt, &input, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = expand(&ephemeral.salt, &input, b"Content-Encoding: nonce\0")?;
    let record = [plain, &[LAST]].concat();
    let sealed = Aes128Gcm::new((&key).into())
        .encrypt((&nonce).into(), record.as_slice())
        .map_err(|_| Error::internal("cannot encrypt a payload of Web Push"))?;
    let length = [POINT as u8];
    Ok([ephemeral.salt.as_slice(), &RECORD.to_be_bytes(), &length, &ours, &sealed].concat())
}

fn expand<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> Result<[u8; N]> {
    let mut octets = [0; N];
    let expanded = Hkdf::<Sha256>::new(Some(salt), input).expand(info, &mut octets);
    expanded.map_err(|_| Error::internal("a key of Web Push is too long")).map(|()| octets)
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;

    use super::*;

    fn octets<const N: usize>(text: &str) -> [u8; N] {
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    /// The receiver of RFC 8291 §5 and appendix A.
    const UA_SECRET: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    const UA_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn receiver() -> WebTarget {
        WebTarget { endpoint: "https://push.example/".into(), p256dh: octets(UA_PUBLIC), auth: octets(AUTH) }
    }

    /// Opens as a browser does, from nothing but the body and its own keys.
    fn open(body: &[u8], secret: &SecretKey, to: &WebTarget) -> Option<Vec<u8>> {
        let (salt, rest) = body.split_first_chunk::<SALT>()?;
        let (record, rest) = rest.split_first_chunk::<4>()?;
        assert_eq!((u32::from_be_bytes(*record), rest[0] as usize), (RECORD, POINT));
        let (theirs, sealed) = rest[1..].split_first_chunk::<POINT>()?;
        let point = PublicKey::from_sec1_bytes(theirs).ok()?;
        let shared = diffie_hellman(secret.to_nonzero_scalar(), point.as_affine());
        let info = [b"WebPush: info\0".as_slice(), &to.p256dh, theirs].concat();
        let input: [u8; 32] = expand(&to.auth, shared.raw_secret_bytes(), &info).ok()?;
        let key: [u8; 16] = expand(salt, &input, b"Content-Encoding: aes128gcm\0").ok()?;
        let nonce: [u8; 12] = expand(salt, &input, b"Content-Encoding: nonce\0").ok()?;
        let mut plain = Aes128Gcm::new((&key).into()).decrypt((&nonce).into(), sealed).ok()?;
        (plain.pop()? == LAST).then_some(plain)
    }

    #[test]
    fn the_example_of_the_rfc() {
        let ephemeral = Ephemeral {
            secret: SecretKey::from_slice(&octets::<32>("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap(),
            salt: octets("DGv6ra1nlYgDCS1FRnbzlw"),
        };
        assert_eq!(
            BASE64URL_NOPAD.encode(&point(&ephemeral.secret).unwrap()),
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
        );
        let body = encrypt(&receiver(), b"When I grow up, I want to be a watermelon", &ephemeral).unwrap();
        assert_eq!(
            BASE64URL_NOPAD.encode(&body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK\
             6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn only_the_receiver_reads_it_and_no_two_are_alike() {
        let secret = SecretKey::from_slice(&octets::<32>(UA_SECRET)).unwrap();
        let to = receiver();
        for length in [0, 1, 100, MOST_WEB] {
            let plain = vec![b'x'; length];
            let [first, second] = [(); 2].map(|()| encrypt(&to, &plain, &Ephemeral::new().unwrap()).unwrap());
            assert_eq!(open(&first, &secret, &to).as_deref(), Some(plain.as_slice()), "{length}");
            assert!(first != second && first.len() == length + 103 && first.len() <= RECORD as usize);
            let stranger = WebTarget { auth: [0; 16], ..to.clone() };
            assert_eq!(open(&first, &secret, &stranger), None, "whoever knows the points knows no secret");
            let mut changed = first;
            let last = changed.len() - 1;
            changed[last] ^= 1;
            assert_eq!(open(&changed, &secret, &to), None);
        }
        assert!(encrypt(&to, &[0; MOST_WEB + 1], &Ephemeral::new().unwrap()).is_err());
        let off = WebTarget { p256dh: [4; 65], ..to };
        assert!(encrypt(&off, b"", &Ephemeral::new().unwrap()).is_err());
    }
}
