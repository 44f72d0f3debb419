//! What else than words a message is found by: who wrote it, and that it has a link.

use clowder_core::UserId;

use crate::entities::{EntityType, find};

/// Begins what stands beside the tokens of a text, which never have this sign. Alone, it separates what is of no order.
pub const MARK: &str = "¶";
/// A message with a link.
pub const LINK: &str = "¶link";

/// A message of this person.
pub fn by(user: UserId) -> String {
    format!("¶by{}", user.uuid().simple())
}

/// Whether a text has a link, as its entities show it.
pub fn has_link(text: &str) -> bool {
    find(text).iter().any(|found| found.kind == EntityType::Link)
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn link_table() {
        for (text, has) in [
            ("https://example.com", true),
            ("see HTTP://example.com/a?b#c.", true),
            ("(https://example.com)", true),
            ("读 https://example.cn/路", true),
            ("https://", false),
            ("ftp://example.com", false),
            ("javascript://example.com/%0aalert(1)", false),
            ("example.com", false),
            ("ada@example.com", false),
        ] {
            assert_eq!(has_link(text), has, "{text}");
        }
    }

    #[test]
    fn marks_have_only_signs_that_both_databases_keep_together() {
        let mark = by(Id::from_uuid(Uuid::from_u128(0x1f)));
        assert_eq!(mark, "¶by0000000000000000000000000000001f");
        for mark in [mark.as_str(), LINK] {
            assert!(mark.strip_prefix(MARK).unwrap().bytes().all(|octet| octet.is_ascii_alphanumeric()), "{mark}");
        }
    }
}
