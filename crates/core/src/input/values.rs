//! The value types that every domain reads from JSON.

use serde_json::Value;

use super::{Field, string};
use crate::{
    Id, Result, Timestamp,
    text::{self, Flaw},
};

/// The longest text that has no bound of its own, in characters.
pub const LONGEST_TEXT: usize = 200;

/// A text without a bound of its own.
impl Field for String {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let text = string(value)?;
        text::at_most(&text, LONGEST_TEXT)?;
        Ok(text)
    }
}

/// A value that the server issued and gets back, such as a token or a cursor: at most 4,096 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque(pub String);

impl Opaque {
    pub const MAX: usize = 4_096;
}

impl Field for Opaque {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let text = string(value)?;
        if text.len() > Self::MAX {
            return Err(Flaw::new("too_long", format!("must have at most {} octets", Self::MAX)));
        }
        Ok(Self(text))
    }
}

impl Field for bool {
    fn parse(value: Value) -> Result<Self, Flaw> {
        value.as_bool().ok_or_else(|| Flaw::new("type", "must be true or false"))
    }
}

impl Field for i64 {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let whole = || value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
        value.as_i64().or_else(|| Some(whole()? as i64)).ok_or_else(|| Flaw::new("type", "must be a whole number"))
    }
}

/// Up to here, every whole number can be represented as a floating-point number. Many languages write whole numbers as
/// `5.0`, which JSON Schema accepts as an integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether JSON contains a number that is not zero but too small for a floating-point number. JSON parsers take it for
/// zero, while they refuse numbers that are too large.
pub fn has_vanishing_number(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('"') {
            rest = after_string(text);
            continue;
        }
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let digits = number.split(['e', 'E']).next().unwrap_or_default();
        if digits.contains(|c: char| matches!(c, '1'..='9')) && number.parse() == Ok(0.0) {
            return true;
        }
        rest = after;
    }
    false
}

/// The rest after a string whose opening quote has been read.
fn after_string(text: &str) -> &str {
    let mut escaped = false;
    let end = text.bytes().position(|octet| match octet {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        octet => octet == b'"',
    });
    end.map_or("", |end| &text[end + 1..])
}

impl<T> Field for Id<T> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        string(value)?.parse().map_err(|_| Flaw::new("uuid", "must be a UUID"))
    }
}

impl Field for Timestamp {
    fn parse(value: Value) -> Result<Self, Flaw> {
        time(&string(value)?)
    }
}

/// Reads a time, and says what it lacks.
pub fn time(text: &str) -> Result<Timestamp, Flaw> {
    text.parse().map_err(|_| {
        let lacks_zone = format!("{text}Z").parse::<Timestamp>().is_ok();
        Flaw::new("time", if lacks_zone { "has no time zone; add a zone such as Z or +02:00" } else { NO_TIME })
    })
}

const NO_TIME: &str =
    "must be an RFC 3339 time such as 2026-11-21T09:30:00Z, at the latest 9999-12-31T23:59:59.999999Z";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_without_a_zone_needs_one() {
        let said = |text: &str| Timestamp::parse(json!(text)).err().map(|flaw| (flaw.code, flaw.message));
        assert_eq!(said("2026-11-21T09:30:00Z"), None);
        for bare in ["2026-11-21T09:30:00", "2026-11-21T09:30", "9999-12-31T23:59:59.9"] {
            assert_eq!(
                said(bare),
                Some(("time", "has no time zone; add a zone such as Z or +02:00".to_owned())),
                "{bare}"
            );
        }
        for other in ["2026-11-21", "soon", "", "10000-01-01T00:00:00Z", "2026-13-01T00:00:00"] {
            let (code, message) = said(other).unwrap();
            assert!(code == "time" && message.contains("such as 2026-11-21T09:30:00Z"), "{other}: {message}");
        }
    }

    #[test]
    fn no_text_is_without_a_bound() {
        let code = |text: String| String::parse(json!(text)).err().map(|flaw| flaw.code);
        assert_eq!(code("ä".repeat(LONGEST_TEXT)), None);
        assert_eq!(code("ä".repeat(LONGEST_TEXT + 1)), Some("too_long"));
        assert!(Opaque::parse(json!("x".repeat(Opaque::MAX))).is_ok());
        assert!(Opaque::parse(json!("x".repeat(Opaque::MAX + 1))).is_err());
    }
}
