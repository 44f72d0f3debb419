//! What else than words a message is found by: who wrote it, of which type it is, whom it mentions, and that it has a link, a
//! hashtag or a file.
//! What may change without the text, such as pins and reactions, is not here.

use clowder_core::UserId;

use crate::entities::{EntityType, find};

/// Begins what stands beside the tokens of a text, which never have this sign. Alone, it separates what is of no order.
pub const MARK: &str = "¶";
/// A message with a link.
pub const LINK: &str = "¶link";
/// A message with a hashtag.
pub const HASHTAG: &str = "¶hashtag";
/// A message with a file.
pub const FILE: &str = "¶file";
/// A message that mentions somebody, or everybody.
pub const MENTION: &str = "¶mention";
/// A message that mentions everybody.
pub const EVERYBODY: &str = "¶everybody";

/// A message of this person.
pub fn by(user: UserId) -> String {
    format!("¶by{}", user.uuid().simple())
}

/// A message that mentions this person.
pub fn at(user: UserId) -> String {
    format!("¶at{}", user.uuid().simple())
}

/// A message of this type.
pub fn of_type(kind: &str) -> String {
    format!("¶is{kind}")
}

/// What a text has, as its entities show it.
pub fn of_text(text: &str) -> impl Iterator<Item = &'static str> {
    let found = find(text);
    let has = |kind| found.iter().any(|found| found.kind == kind);
    let marks = [(has(EntityType::Link), LINK), (has(EntityType::Hashtag), HASHTAG)];
    marks.into_iter().filter(|(has, _)| *has).map(|(_, mark)| mark)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Word};
    use uuid::Uuid;

    use super::*;
    use crate::MessageType;

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
            assert_eq!(of_text(text).any(|mark| mark == LINK), has, "{text}");
        }
    }

    #[test]
    fn hashtags_are_marked() {
        for (text, marks) in [
            ("#lunch", &[HASHTAG] as &[_]),
            ("see https://example.com#lunch", &[LINK]),
            ("see https://example.com #lunch", &[LINK, HASHTAG]),
            ("lunch", &[]),
        ] {
            assert_eq!(of_text(text).collect::<Vec<_>>(), marks, "{text}");
        }
    }

    #[test]
    fn marks_have_only_signs_that_both_databases_keep_together() {
        let mark = by(Id::from_uuid(Uuid::from_u128(0x1f)));
        assert_eq!(mark, "¶by0000000000000000000000000000001f");
        let at = at(Id::from_uuid(Uuid::from_u128(0x1f)));
        let kinds = MessageType::WORDS.iter().map(|(word, _)| of_type(word));
        let all =
            [mark, at].into_iter().chain(kinds).chain([LINK, HASHTAG, FILE, MENTION, EVERYBODY].map(str::to_owned));
        for mark in all {
            assert!(mark.strip_prefix(MARK).unwrap().bytes().all(|octet| octet.is_ascii_alphanumeric()), "{mark}");
        }
    }
}
