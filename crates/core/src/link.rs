//! Links by which people come in somewhere: their codes, how often they work, and until when.

use serde_json::Value;

use crate::{Field, Timestamp, text::Flaw};

/// The code of a link. It never appears in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    pub fn new(code: String) -> Self {
        Self(code)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// How often a link works: 1 to 100,000 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses(pub i32);

impl Field for Uses {
    fn parse(value: Value) -> Result<Self, Flaw> {
        match i32::try_from(i64::parse(value)?) {
            Ok(uses @ 1..=100_000) => Ok(Self(uses)),
            _ => Err(Flaw::new("range", "must be 1 to 100000")),
        }
    }
}

/// What is known of a link.
#[derive(Debug, Clone, Copy)]
pub struct LinkFacts {
    pub revoked: bool,
    pub expires_at: Option<Timestamp>,
    pub max_uses: Option<i32>,
    pub uses: i32,
}

impl LinkFacts {
    /// Whether it still lets somebody in.
    pub fn is_open(self, now: Timestamp) -> bool {
        let is_past = self.expires_at.is_some_and(|at| at <= now);
        let is_used_up = self.max_uses.is_some_and(|most| self.uses >= most);
        !(self.revoked || is_past || is_used_up)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn is_open_table() {
        let now = Timestamp::from_micros(5);
        let at = |micros| Some(Timestamp::from_micros(micros));
        for (revoked, expires_at, max_uses, uses, open) in [
            (false, None, None, 9, true),
            (true, None, None, 0, false),
            (false, at(6), None, 0, true),
            (false, at(5), None, 0, false),
            (false, None, Some(2), 1, true),
            (false, None, Some(2), 2, false),
        ] {
            let facts = LinkFacts { revoked, expires_at, max_uses, uses };
            assert_eq!(facts.is_open(now), open, "{facts:?}");
        }
    }

    #[test]
    fn uses_are_between_their_bounds() {
        for (value, read) in [(json!(1), true), (json!(100_000), true), (json!(0), false), (json!(100_001), false)] {
            assert_eq!(Uses::parse(value.clone()).is_ok(), read, "{value}");
        }
        assert_eq!(format!("{:?}", Code::new("secret".to_owned())), "Code(…)");
    }
}
