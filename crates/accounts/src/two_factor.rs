//! The rules of two-factor authentication: which codes are valid (TOTP, RFC 6238), how fast they may be guessed, and
//! how recent an authentication must be for sensitive actions.

use std::{fmt, time::Duration};

use clowder_core::{Error, Field, Fields, Input, Limit, Refusal, Result, Timestamp, input::string, text::Flaw};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use unicode_normalization::UnicodeNormalization;

use crate::{Password, refusals::AUTHENTICATION_STALE, throttle};

/// How long a code is shown (RFC 6238 §4.1), in seconds.
pub const STEP: i64 = 30;
/// How many steps a clock may be off in either direction (RFC 6238 §5.2).
pub const DRIFT: i64 = 1;
/// How many recovery codes there are in a set.
pub const RECOVERY_CODES: usize = 10;
/// How many letters and digits a recovery code has, five bits each.
pub const RECOVERY_LENGTH: usize = 10;

/// The time steps whose codes are valid now, except those up to the last one used: no code is accepted twice. A step in
/// the future was used while the clock was ahead; it must not lock the owner out until then.
pub fn good_steps(now: Timestamp, last_used: i64) -> impl Iterator<Item = i64> {
    let step = now.as_seconds().div_euclid(STEP);
    let last_used = if last_used > step + DRIFT { i64::MIN } else { last_used };
    (step - DRIFT..=step + DRIFT).filter(move |step| *step > last_used)
}

/// Failures without a pause, and the longest pause after more.
const FREE: i64 = throttle::FREE as i64;
const LONGEST: Duration = throttle::LONGEST;
/// Failures are forgotten this long after the last one.
const MEMORY: Duration = Duration::from_secs(24 * 3600);

/// How many codes were wrong recently, and when the last one was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guesses {
    pub failures: i64,
    pub failed_at: Option<Timestamp>,
}

impl Guesses {
    /// One second's pause after the last of the free failures, doubled with each further one, up to a minute. The
    /// attacker already knows the password, so this delays only the owner and the thief. It leaves about 1,440 guesses
    /// per day at three valid codes at a time, of which one in 230 days is right.
    pub fn may_try(self, now: Timestamp) -> Result<()> {
        let (Some(failed_at), over @ 0..) = (self.failed_at, self.failures - FREE) else { return Ok(()) };
        if now.since(failed_at) >= MEMORY {
            return Ok(());
        }
        let pause = Duration::from_secs(1 << over.clamp(0, 20)).min(LONGEST);
        let left = failed_at.left(pause, now);
        if left.is_zero() { Ok(()) } else { Err(Error::TooMany { limit: Limit::Attempts, retry_after: left }) }
    }

    /// The count after one more failure.
    pub fn failed(self, now: Timestamp) -> Self {
        let forgotten = self.failed_at.is_none_or(|failed_at| now.since(failed_at) >= MEMORY);
        let before = if forgotten { 0 } else { self.failures };
        Self { failures: before.saturating_add(1), failed_at: Some(now) }
    }
}

/// How recent an authentication must be for sensitive actions.
pub const RECENT: Duration = Duration::from_secs(600);

/// Whether a session may do something sensitive.
pub fn may_proceed(now: Timestamp, authenticated_at: Timestamp) -> Result<(), Refusal> {
    if now.since(authenticated_at) < RECENT { Ok(()) } else { Err(AUTHENTICATION_STALE) }
}

/// A code as typed: of an authenticator, or a recovery code. Spaces, hyphens and dashes of any kind, case and width are
/// ignored, because programs like to change them.
#[derive(Clone, PartialEq, Eq)]
pub struct Otp(String);

impl Otp {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otp(…)")
    }
}

impl Field for Otp {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let typed = string(value)?;
        if typed.chars().count() > 64 {
            return Err(Flaw::new("too_long", "must have at most 64 characters"));
        }
        let plain: String = typed.nfkc().filter(|c| !c.is_whitespace() && !is_dash(*c)).collect();
        if plain.is_empty() {
            return Err(Flaw::new("required", "must not be empty"));
        }
        Ok(Self(plain.to_lowercase()))
    }
}

/// Hyphens, dashes and minus signs after NFKC, and invisible characters.
fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2010}'..='\u{2015}' | '\u{2060}' | '\u{2212}' | '\u{feff}')
}

/// `{otp}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"otp": "287082"}))]
pub struct Enabling {
    #[schema(value_type = String, max_length = 64)]
    pub otp: Otp,
}

impl Input for Enabling {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("otp").map(|otp| Self { otp })
    }
}

/// `{password, otp}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"password": "correct horse battery", "otp": "287082"}))]
pub struct Disabling {
    #[schema(value_type = String, format = "password", max_length = 256)]
    pub password: Password,
    /// Of the authenticator, or a recovery code.
    #[schema(value_type = String, max_length = 64)]
    pub otp: Otp,
}

impl Input for Disabling {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (password, otp) = (fields.required("password"), fields.required("otp"));
        Some(Self { password: password?, otp: otp? })
    }
}

/// `{password, otp?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"password": "correct horse battery", "otp": "287082"}))]
pub struct Reauthentication {
    #[schema(value_type = String, format = "password", max_length = 256)]
    pub password: Password,
    /// Required for accounts with two-factor authentication.
    #[schema(value_type = Option<String>, max_length = 64)]
    pub otp: Option<Otp>,
}

impl Input for Reauthentication {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (password, otp) = (fields.required("password"), fields.optional("otp"));
        Some(Self { password: password?, otp: otp? })
    }
}

/// What an authenticator needs.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Enrolment {
    /// Base32 (RFC 4648), to type in by hand.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    pub secret: String,
    #[schema(example = "otpauth://totp/Clowder:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Clowder")]
    pub otpauth_url: String,
    /// The same as a picture to scan: an SVG document.
    pub qr_svg: String,
}

/// Codes that can each be used once instead of the authenticator. They are shown only here.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecoveryCodes {
    #[schema(example = json!(["k3v9d-2m7qx"]))]
    pub recovery_codes: Vec<String>,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment(…)")
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodes(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn good_steps_table() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        for (now, last_used, good) in [
            (3000, 0, &[99, 100, 101][..]),
            (3029, 0, &[99, 100, 101]),
            (3030, 0, &[100, 101, 102]),
            (3000, 98, &[99, 100, 101]),
            (3000, 100, &[101]),
            (3000, 101, &[]),
            (3000, 102, &[99, 100, 101]),
            (3000, i64::MAX, &[99, 100, 101]),
        ] {
            assert_eq!(good_steps(at(now), last_used).collect::<Vec<_>>(), good, "{now} {last_used}");
        }
    }

    #[test]
    fn may_try_table() {
        let now = Timestamp::from_micros(1_000_000_000_000);
        for (failures, ago, wait) in [
            (0, 0, 0),
            (4, 0, 0),
            (5, 0, 1),
            (5, 1, 0),
            (8, 0, 8),
            (8, 5, 3),
            (10, 0, 32),
            (11, 0, 60),
            (i64::MAX, 0, 60),
            (i64::MAX, 60, 0),
            (100, 24 * 3600, 0),
        ] {
            let guesses = Guesses { failures, failed_at: Some(now.minus(Duration::from_secs(ago))) };
            let waits = match guesses.may_try(now) {
                Err(Error::TooMany { retry_after, .. }) => retry_after.as_secs(),
                verdict => verdict.map(|()| 0).unwrap(),
            };
            assert_eq!(waits, wait, "{failures} failures, the last {ago} s ago");
        }
        let old = Guesses { failures: 9, failed_at: Some(now.minus(MEMORY)) };
        assert_eq!((old.failed(now).failures, old.failed(now).failed(now).failures), (1, 2));
    }

    #[test]
    fn may_proceed_table() {
        let now = Timestamp::from_micros(1_000_000_000_000);
        for (ago, verdict) in [(0, Ok(())), (599, Ok(())), (600, Err(AUTHENTICATION_STALE))] {
            assert_eq!(may_proceed(now, now.minus(Duration::from_secs(ago))), verdict, "{ago}");
        }
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        let read = |typed: &str| Otp::parse(json!(typed)).map(|otp| otp.0).map_err(|flaw| flaw.code);
        assert_eq!(read("123 456"), Ok("123456".to_owned()));
        for typed in [
            " K3V9D-2M7QX ",
            "k3v9d\u{2011}2m7qx",
            "k3v9d\u{2013}2m7qx",
            "k3v9d\u{2212}2m7qx",
            "\u{ff4b}3v9d\u{ff0d}\u{ff12}m7qx\u{feff}",
        ] {
            assert_eq!(read(typed), Ok("k3v9d2m7qx".to_owned()), "{typed:?}");
        }
        assert_eq!(read("\u{ff11}\u{ff12}\u{ff13} 456"), Ok("123456".to_owned()));
        assert_eq!(read(" - "), Err("required"));
        assert_eq!(read(&"1".repeat(65)), Err("too_long"));
        assert!(Otp::parse(json!(123_456)).is_err());
        assert_eq!(format!("{:?}", Otp::parse(json!("123456"))), "Ok(Otp(…))");
    }
}
