//! Time-based one-time passwords (TOTP, RFC 6238 over HOTP, RFC 4226): HMAC-SHA-1, six digits, steps of 30 seconds; and
//! the formats in which an authenticator gets the secret.

use clowder_accounts::two_factor::{Enrolment, STEP};
use clowder_core::{Error, Result};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{QrCode, render::svg};
use sha1::Sha1;

use crate::keys::random;

/// As long as the hash (RFC 4226 §4, R6).
pub const SECRET_OCTETS: usize = 20;

/// The code of a time step.
pub fn code(secret: &[u8], step: i64) -> String {
    // An HMAC accepts keys of any length, so this error cannot occur.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash.last().copied().unwrap_or_default() & 0x0f);
    let number =
        hash.get(at..at + 4).map_or(0, |four| four.iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet)));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

pub fn fresh_secret() -> Result<[u8; SECRET_OCTETS]> {
    let mut secret = [0; SECRET_OCTETS];
    random(&mut secret)?;
    Ok(secret)
}

/// The secret to type, as a link, and to scan. `issuer` and `account` name the entry in the authenticator.
pub fn enrolment(secret: &[u8], issuer: &str, account: &str) -> Result<Enrolment> {
    // Without padding: whole groups of five octets need none.
    let text = BASE32_NOPAD.encode(secret);
    let quoted = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (issuer, account) = (quoted(issuer), quoted(account));
    let url = format!(
        "otpauth://totp/{issuer}:{account}?secret={text}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}"
    );
    let qr = QrCode::new(&url).map_err(|error| Error::internal(format!("qr code: {error}")))?;
    let qr_svg = qr.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(Enrolment { secret: text, otpauth_url: url, qr_svg })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 4226, appendix D.
    #[test]
    fn hotp_vectors() {
        let codes =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (step, expected) in codes.iter().enumerate() {
            assert_eq!(code(SECRET, step as i64), *expected, "{step}");
        }
    }

    /// RFC 6238, appendix B: the SHA-1 column, of whose eight digits the last six are the code.
    #[test]
    fn totp_vectors() {
        for (seconds, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(SECRET, seconds / STEP), eight[2..], "{seconds}");
        }
    }

    #[test]
    fn an_enrolment_names_its_issuer() {
        let made = enrolment(SECRET, "chat.example", "ada & co").unwrap();
        assert_eq!(made.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            made.otpauth_url,
            "otpauth://totp/chat%2Eexample:ada%20%26%20co?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=chat%2Eexample&algorithm=SHA1&digits=6&period=30"
        );
        assert!(made.qr_svg.contains("<svg") && !made.qr_svg.contains("<script"));
        assert!(!format!("{made:?}").contains("GEZD"));
    }
}
