//! Receipts of erasures: a JWS (RFC 7515) signed with Ed25519 (RFC 8037), so that its holder can have it verified with
//! a public key. The key is derived from the server's secret, like all others.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::model::Receipt;
use clowder_core::{Error, Result};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::keys::Keys;

/// The PKCS #8 prefix of an Ed25519 seed (RFC 8410 §7).
const PKCS8: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const KIND: &str = "erasure-receipt+jwt";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(flatten)]
    receipt: Receipt,
}

pub fn sign(keys: &Keys, receipt: &Receipt) -> Result<String> {
    let seed = keys.derive("erasure receipts");
    let key = EncodingKey::from_ed_der(&[PKCS8.as_slice(), &seed].concat());
    let header = Header { typ: Some(KIND.to_owned()), ..Header::new(Algorithm::EdDSA) };
    let claims = Claims { iss: "clowder".to_owned(), receipt: receipt.clone() };
    jsonwebtoken::encode(&header, &claims, &key).map_err(|error| Error::internal(format!("receipt: {error}")))
}

/// The receipt in a text such as its email: three parts of base64url separated by dots. Transport may have broken its
/// line with `=` (RFC 2045 §6.7).
fn find(text: &str) -> Option<String> {
    let whole = text.replace("=\r\n", "").replace("=\n", "");
    let words = whole.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    words.into_iter().find(|word| word.starts_with("eyJ") && word.matches('.').count() == 2).map(str::to_owned)
}

/// The content of a receipt, if this server signed it; `text` is the receipt, or an email that contains it.
pub fn verify(keys: &Keys, text: &str) -> Result<Receipt> {
    let public = SigningKey::from_bytes(&keys.derive("erasure receipts")).verifying_key();
    let key = DecodingKey::from_ed_der(public.as_bytes());
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["clowder"]);
    validation.set_required_spec_claims(&["iss"]);
    // A receipt never expires.
    validation.validate_exp = false;
    let wrong = |_| Error::internal("this is not a receipt signed by this server, or it is incomplete");
    let receipt =
        find(text).ok_or_else(|| Error::internal("no receipt found: a receipt is a line that begins with `eyJ`"))?;
    let token = jsonwebtoken::decode::<Claims>(receipt, &key, &validation).map_err(wrong)?;
    match token.header.typ.as_deref() {
        Some(KIND) => Ok(token.claims.receipt),
        _ => Err(Error::internal("this is not an erasure receipt: it has another type")),
    }
}

/// The public key as a JWK (RFC 8037 §2), to verify receipts elsewhere.
pub fn public_key(keys: &Keys) -> serde_json::Value {
    let public = SigningKey::from_bytes(&keys.derive("erasure receipts")).verifying_key();
    serde_json::json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": URL_SAFE_NO_PAD.encode(public.as_bytes())})
}

#[cfg(test)]
mod tests {
    use clowder_accounts::model::{Content, Fate};
    use clowder_core::{Timestamp, UserId};

    use super::*;

    #[test]
    fn a_receipt_is_ours_or_none() {
        let (keys, now) = (Keys::new("a secret"), Timestamp::from_micros(1_790_000_000_000_000));
        let receipt = Receipt {
            server: "https://chat.example".into(),
            user_id: UserId::new(now),
            requested_at: now,
            erased_at: now,
            messages: Fate::Keep,
            parts: vec![Content { name: "sessions".into(), rows: 3 }],
        };
        let text = sign(&keys, &receipt).unwrap();
        assert_eq!(verify(&keys, &format!("\n{text}\n")).unwrap(), receipt);
        let broken: Vec<_> = text.as_bytes().chunks(75).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let head = "Subject: Your account has been erased\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHello Zo=C3=AB,\r\n";
        for end in ["=\r\n", "=\n"] {
            let email = format!("{head}\r\n{}\r\n\r\nClowder", broken.join(end));
            assert_eq!(verify(&keys, &email).unwrap(), receipt, "a saved email");
        }
        assert_eq!(verify(&keys, &format!("<p>Hello</p><p>{text}</p>")).unwrap(), receipt);
        assert!(verify(&Keys::new("another"), &text).is_err());
        let (head, _) = text.rsplit_once('.').unwrap();
        let forged = [head.to_owned(), format!("{head}."), text.replacen('.', "x.", 1), String::new()];
        assert!(forged.iter().all(|forged| verify(&keys, forged).is_err()));
        assert_eq!(public_key(&keys)["x"].as_str().unwrap().len(), 43);
    }
}
