//! A single emoji, by the grammar of UTS #51 and the properties of its characters. Ways to write the same emoji that
//! differ only in variation selectors become one.

use clowder_core::{Field, input::string, text::Flaw};
use serde_json::Value;
use unicode_properties::{EmojiStatus, UnicodeEmoji};

/// The most characters of one emoji. Those that Unicode recommends have at most ten.
const LONGEST: usize = 16;

const JOINER: char = '\u{200d}';
/// Asks for an emoji where the character alone is shown as text.
const AS_EMOJI: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '\u{1f3f4}';
const END_OF_TAGS: char = '\u{e007f}';

/// One emoji: a person with a skin tone, a family, a flag and a keycap count as one each. It is kept as Unicode
/// recommends to write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Emoji(String);

impl Emoji {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    /// `None` unless the text is exactly one emoji.
    pub fn from_text(text: &str) -> Option<Self> {
        let characters: Vec<char> = text.chars().take(LONGEST + 1).collect();
        if characters.len() > LONGEST {
            return None;
        }
        match *characters.as_slice() {
            [a, b] if is_regional(a) && is_regional(b) => return Some(Self(text.to_owned())),
            [key, KEYCAP] | [key, AS_EMOJI, KEYCAP] if is_key(key) => {
                return Some(Self([key, AS_EMOJI, KEYCAP].iter().collect()));
            }
            [BLACK_FLAG, ref tags @ .., END_OF_TAGS] if is_region(tags) => return Some(Self(text.to_owned())),
            _ => {}
        }
        let mut written = String::with_capacity(text.len() + 3);
        for (index, element) in characters.split(|character| *character == JOINER).enumerate() {
            if index > 0 {
                written.push(JOINER);
            }
            let (base, rest) = element.split_first()?;
            let status = base.emoji_status();
            if !stands_alone(*base, status) {
                return None;
            }
            written.push(*base);
            match *rest {
                [tone] if is_tone(tone) && takes_tone(status) => written.push(tone),
                [] | [AS_EMOJI] if is_shown_as_text(status) => written.push(AS_EMOJI),
                [] | [AS_EMOJI] => {}
                _ => return None,
            }
        }
        Some(Self(written))
    }
}

impl Field for Emoji {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Self::from_text(&string(value)?).ok_or_else(|| Flaw::new("emoji", "must be a single emoji"))
    }
}

fn is_regional(character: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&character)
}

fn is_key(character: char) -> bool {
    matches!(character, '0'..='9' | '#' | '*')
}

/// The tags of a region's flag: the letters and digits of its code.
fn is_region(tags: &[char]) -> bool {
    (3..=6).contains(&tags.len())
        && tags.iter().all(|tag| matches!(tag, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'))
}

fn is_tone(character: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&character)
}

/// Whether the character is an emoji by itself, and not only part of one.
fn stands_alone(character: char, status: EmojiStatus) -> bool {
    !matches!(status, EmojiStatus::NonEmoji | EmojiStatus::NonEmojiButEmojiComponent)
        && !is_key(character)
        && !is_regional(character)
        && !is_tone(character)
}

fn takes_tone(status: EmojiStatus) -> bool {
    matches!(status, EmojiStatus::EmojiModifierBase | EmojiStatus::EmojiPresentationAndModifierBase)
}

/// Whether the character alone is shown as text, so that a selector has to ask for the emoji.
fn is_shown_as_text(status: EmojiStatus) -> bool {
    matches!(
        status,
        EmojiStatus::EmojiOther | EmojiStatus::EmojiOtherAndEmojiComponent | EmojiStatus::EmojiModifierBase
    )
}

#[cfg(test)]
mod tests {
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    fn kept(text: &str) -> Option<String> {
        Emoji::from_text(text).map(Emoji::into_string)
    }

    #[test]
    fn one_emoji_is_kept_as_unicode_recommends() {
        for (text, written) in [
            ("👍", "👍"),
            ("👍\u{fe0f}", "👍"),
            ("❤", "❤\u{fe0f}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("👍🏽", "👍🏽"),
            ("☝🏿", "☝🏿"),
            ("☝", "☝\u{fe0f}"),
            ("👩🏽\u{200d}💻", "👩🏽\u{200d}💻"),
            ("👨\u{200d}👩\u{200d}👧\u{200d}👦", "👨\u{200d}👩\u{200d}👧\u{200d}👦"),
            ("❤\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("👩🏻\u{200d}❤\u{200d}💋\u{200d}👨🏿", "👩🏻\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏿"),
            ("🏳\u{fe0f}\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
            ("👁\u{200d}🗨\u{fe0f}", "👁\u{fe0f}\u{200d}🗨\u{fe0f}"),
            ("🕵🏽\u{200d}♀", "🕵🏽\u{200d}♀\u{fe0f}"),
            ("🇮🇹", "🇮🇹"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            ),
            ("🏴", "🏴"),
            ("1\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("#\u{fe0f}\u{20e3}", "#\u{fe0f}\u{20e3}"),
            ("©", "©\u{fe0f}"),
            ("🫠", "🫠"),
            ("🦰", "🦰"),
        ] {
            assert_eq!(kept(text).as_deref(), Some(written), "{text:?}");
            assert_eq!(kept(written).as_deref(), Some(written), "what is kept stays as it is");
            assert_eq!(written.graphemes(true).count(), 1, "{text:?} is seen as one character");
        }
    }

    #[test]
    fn everything_else_is_no_emoji() {
        let long = ["👨"; LONGEST].join("\u{200d}");
        for text in [
            "",
            " ",
            "a",
            "1",
            "#",
            "👍👍",
            "👍 ",
            " 👍",
            "👍a",
            "❤\u{fe0e}",
            "\u{fe0f}",
            "\u{200d}",
            "👍\u{200d}",
            "\u{200d}👍",
            "👍\u{200d}\u{200d}👍",
            "🇮",
            "🇮🇹🇩🇪",
            "🇮a",
            "🏽",
            "🍕🏽",
            "👍🏽🏽",
            "👍🏽\u{fe0f}",
            "👍\u{fe0f}🏽",
            "👍\u{fe0f}\u{fe0f}",
            "1\u{fe0f}",
            "a\u{20e3}",
            "👍\u{20e3}",
            "🏴\u{e0067}\u{e007f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}",
            "👍\u{e0067}\u{e0062}\u{e0065}\u{e007f}",
            "👍\u{301}",
            "👍\u{202e}",
            "\u{202e}👍",
            "👍\0",
            "🏽\u{200d}🔥",
            "é",
            "漢",
            "⟨",
            ":thumbsup:",
            long.as_str(),
        ] {
            assert_eq!(kept(text), None, "{text:?}");
        }
        assert!(kept(&["👨"; LONGEST / 2].join("\u{200d}")).is_some());
    }

    /// Every character by itself, and with each thing that may follow it.
    #[test]
    fn an_emoji_is_one_character_for_its_reader() {
        let mut emoji = 0;
        for character in '\u{0}'..='\u{1ffff}' {
            for rest in ["", "\u{fe0f}", "🏽", "\u{200d}🔥", "\u{20e3}", "🇮"] {
                let Some(kept) = kept(&format!("{character}{rest}")) else { continue };
                emoji += 1;
                assert_eq!(kept.graphemes(true).count(), 1, "{kept:?}");
                assert_eq!(self::kept(&kept), Some(kept.clone()));
            }
        }
        assert!(emoji > 4_000, "{emoji}");
    }
}
