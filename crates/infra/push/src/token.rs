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

    /// RFC 8292 §2.4: what a push service does with the token and the key of the header.
    #[test]
    fn the_example_of_the_rfc() {
        let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1M\
                     jM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9oj\
                     FwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA";
        let key = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
        let octets = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let key = VerifyingKey::from_sec1_bytes(&octets(key)).unwrap();
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        let signature = Signature::from_slice(&octets(signature)).unwrap();
        assert!(key.verify(unsigned.as_bytes(), &signature).is_ok());
    }

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
