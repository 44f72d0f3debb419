//! Signed tokens (RFC 7519) as push services demand them: ES256 of browsers and Apple, RS256 of Google.

use clowder_core::{Error, Result};
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::Value;

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn signed(unsigned: &str, signature: &[u8]) -> String {
    format!("{unsigned}.{}", BASE64URL_NOPAD.encode(signature))
}

/// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4). The same token has the same signature (RFC 6979).
pub fn es256(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let unsigned = unsigned(header, claims);
    let signature: Signature = key.sign(unsigned.as_bytes());
    signed(&unsigned, &signature.to_bytes())
}

/// RSA with SHA-256 (RFC 7518 §3.3).
pub fn rs256(key: &RsaKeyPair, header: &Value, claims: &Value) -> Result<String> {
    let unsigned = unsigned(header, claims);
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, unsigned.as_bytes(), &mut signature)
        .map_err(|_| Error::internal("cannot sign a token for Firebase"))?;
    Ok(signed(&unsigned, &signature))
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::{VerifyingKey, signature::Verifier};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_verifies_with_the_public_key() {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let token = es256(&key, &json!({"alg": "ES256"}), &json!({"aud": "https://push.example"}));
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        assert!(unsigned.starts_with(&BASE64URL_NOPAD.encode(br#"{"alg":"ES256"}"#)));
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let signature = Signature::from_slice(&signature).unwrap();
        assert!(VerifyingKey::from(&key).verify(unsigned.as_bytes(), &signature).is_ok());
        assert!(VerifyingKey::from(&key).verify(b"another", &signature).is_err());
    }
}
