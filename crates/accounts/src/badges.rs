//! Badges: words that administrators put on profiles, such as `founder`. They decide nothing.

use clowder_core::{
    Field, Refusal,
    input::string,
    text::{self, Flaw},
};
use serde_json::Value;

use crate::refusals::BADGE_LIMIT;

/// How many badges a profile has at most.
pub const MOST_BADGES: usize = 10;

/// 1 to 30 small letters of ASCII, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge(String);

impl Badge {
    pub const PATTERN: &'static str = "^[a-z0-9-]{1,30}$";

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Badge {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let badge = text::line(&string(value)?, 1, 30)?;
        match badge.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            true => Ok(Self(badge)),
            false => Err(Flaw::new("characters", "may contain only small letters, digits and '-'")),
        }
    }
}

/// What happens to a badge of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadgeStep {
    Give,
    Take,
}

/// The badges afterwards, in alphabetical order; `None` if that changes nothing.
pub fn decide(badges: &[String], step: BadgeStep, badge: &Badge) -> Result<Option<Vec<String>>, Refusal> {
    let has = badges.iter().any(|known| known == badge.as_str());
    match step {
        BadgeStep::Give if has => Ok(None),
        BadgeStep::Give if badges.len() >= MOST_BADGES => Err(BADGE_LIMIT),
        BadgeStep::Give => {
            let mut badges = badges.to_vec();
            badges.push(badge.as_str().to_owned());
            badges.sort_unstable();
            Ok(Some(badges))
        }
        BadgeStep::Take if has => Ok(Some(badges.iter().filter(|known| *known != badge.as_str()).cloned().collect())),
        BadgeStep::Take => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decide_table() {
        use BadgeStep::{Give, Take};
        let many: Vec<String> = (0..10).map(|n| format!("b{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (badges, step, badge, after) in [
            (&[][..], Give, "founder", Ok(Some(vec!["founder"]))),
            (&["founder"], Give, "artist", Ok(Some(vec!["artist", "founder"]))),
            (&["founder"], Give, "founder", Ok(None)),
            (&many[..9], Give, "artist", Ok(Some([&["artist"][..], &many[..9]].concat()))),
            (&many[..], Give, "artist", Err("badge.limit")),
            (&many[..], Give, "b3", Ok(None)),
            (&["artist", "founder"], Take, "artist", Ok(Some(vec!["founder"]))),
            (&["founder"], Take, "artist", Ok(None)),
        ] {
            let badges: Vec<String> = badges.iter().map(|badge| (*badge).to_owned()).collect();
            let decided = decide(&badges, step, &Badge::parse(json!(badge)).unwrap());
            let decided = decided
                .as_ref()
                .map(|after| after.as_ref().map(|all| all.iter().map(String::as_str).collect::<Vec<_>>()));
            assert_eq!(decided.map_err(|refusal| refusal.code), after, "{badges:?} {step:?} {badge}");
        }
    }

    #[test]
    fn badges_are_plain_words() {
        let longest = "x".repeat(30);
        for good in ["a", "founder", "top-10", "-", &longest] {
            assert!(Badge::parse(json!(good)).is_ok(), "{good}");
        }
        let too_long = "x".repeat(31);
        for bad in ["", "Founder", "a b", "a_b", "ä", "a/b", "a\n", &too_long] {
            assert!(Badge::parse(json!(bad)).is_err(), "{bad:?}");
        }
        assert!(Badge::parse(json!(1)).is_err());
    }
}
