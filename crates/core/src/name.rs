//! Names as people see them: of users, devices, keys and chats. A name shows what it consists of: it contains no
//! invisible characters, and none that change the direction of the surrounding text.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, WhiteSpace},
};
use serde_json::Value;

use crate::{
    Field,
    input::string,
    text::{self, Flaw},
};

/// A name on one line: 1 to `MAX` characters, trimmed, normalised, and visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name<const MAX: usize>(String);

impl<const MAX: usize> Name<MAX> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> Field for Name<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let name = text::line(&string(value)?, 1, MAX)?;
        if name.chars().all(shows_nothing) {
            return Err(Flaw::new("required", "must not be blank"));
        }
        if !hides_nothing(&name) {
            return Err(Flaw::new("characters", "must not contain invisible or direction-changing characters"));
        }
        Ok(Self(name))
    }
}

/// Whether a text shows nothing: spaces, controls, and characters that fonts render as nothing (Unicode's
/// Default_Ignorable_Code_Point, such as U+200B and the Hangul fillers, and the blank Braille pattern).
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| is_space(c) || is_invisible(c) || c.is_control() || c == BLANK_BRAILLE || is_noncharacter(c))
}

/// Characters that a name cannot consist of alone: invisible ones, and those whose look depends on the font (private
/// use).
fn shows_nothing(c: char) -> bool {
    is_blank(c.encode_utf8(&mut [0; 4])) || in_category(c, GeneralCategory::PrivateUse)
}

/// Noncharacters, which will never be assigned (Unicode §23.7).
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether a character shows nothing by itself, such as joiners and variation selectors.
pub fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || CodePointSetData::new::<BidiControl>().contains(c)
        || matches!(c, INTERLINEAR_FIRST..=INTERLINEAR_LAST)
}

/// Letters of any script.
pub fn is_letter(c: char) -> bool {
    in_group(c, GeneralCategoryGroup::Letter)
}

/// Accents, vowel signs and other marks.
pub fn is_mark(c: char) -> bool {
    in_group(c, GeneralCategoryGroup::Mark)
}

/// Marks that surround the letter before: circles, squares, and the signs of thousands and millions of old Slavic books.
pub fn is_enclosing(c: char) -> bool {
    in_category(c, GeneralCategory::EnclosingMark)
}

/// Digits of any script, but not fractions, superscripts or circled numbers.
pub fn is_digit(c: char) -> bool {
    in_group(c, GeneralCategoryGroup::DecimalNumber)
}

fn in_group(c: char, group: GeneralCategoryGroup) -> bool {
    group.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

fn in_category(c: char, category: GeneralCategory) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(c) == category
}

fn is_space(c: char) -> bool {
    CodePointSetData::new::<WhiteSpace>().contains(c)
}

const BLANK_BRAILLE: char = '\u{2800}';
const INTERLINEAR_FIRST: char = '\u{fff9}';
const INTERLINEAR_LAST: char = '\u{fffb}';
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';
const END_OF_TAGS: char = '\u{e007f}';

/// Some invisible characters shape their neighbours: joiners in Persian, Indic scripts and emoji, variation selectors
/// in emoji and ideographs, tags in the flags of regions. They are allowed only where they have that effect; all other
/// invisible characters are never allowed.
fn hides_nothing(name: &str) -> bool {
    let chars: Vec<char> = name.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| chars.get(index)).copied();
    chars.iter().enumerate().all(|(index, &c)| {
        let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
        match c {
            _ if !is_invisible(c) => true,
            NON_JOINER | JOINER => before.is_some_and(can_be_joined) && after.is_some_and(can_follow_a_joiner),
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => {
                before.is_some_and(has_variants)
            }
            '\u{e0020}'..=END_OF_TAGS => is_in_flag(&chars, index),
            _ => false,
        }
    })
}

/// What may precede a joiner: a letter or mark of a joining script, an emoji, or an emoji's selector.
fn can_be_joined(c: char) -> bool {
    !c.is_ascii() && !is_space(c) && !matches!(c, NON_JOINER | JOINER) && (!is_invisible(c) || c == '\u{fe0f}')
}

fn can_follow_a_joiner(c: char) -> bool {
    !c.is_ascii() && !is_space(c) && !is_invisible(c)
}

/// Emoji, ideographs, and the digits and signs of keycaps.
fn has_variants(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*') || (!c.is_ascii() && !is_space(c) && !is_invisible(c))
}

/// A black flag, tags, and the cancel tag: 🏴󠁧󠁢󠁳󠁣󠁴󠁿.
fn is_in_flag(chars: &[char], index: usize) -> bool {
    let is_tag = |c: &char| ('\u{e0020}'..=END_OF_TAGS).contains(c);
    let before = chars.iter().take(index).rev().find(|c| !is_tag(c));
    let last = chars.iter().skip(index).take_while(|c| is_tag(c)).last();
    before == Some(&BLACK_FLAG) && last == Some(&END_OF_TAGS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_show_what_they_are_made_of() {
        for good in [
            "Ada",
            "Zoë Müller-Lüdenscheidt",
            "हिन्दी",
            "தமிழ்மொழி",
            "น้ำใส",
            "محمد",
            "שלום",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}💻 Ada",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3} team",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "葛\u{e0100}城",
            "⠓⠊",
            "Ada \u{f8ff}",
        ] {
            assert!(Name::<80>::parse(json!(good)).is_ok(), "{}", good.escape_unicode());
        }
        for bad in [
            "\u{200b}",
            "Ada\u{200b}",
            "\u{200b}Ada",
            "Ada\u{202e}adA",
            "A\u{2066}da\u{2069}",
            "A\u{200e}da",
            "A\u{61c}da",
            "Ada\u{2028}Bob",
            "Ada\u{2029}Bob",
            "Ada\u{2028}",
            "\u{2029} Ada",
            "Ada\u{85}",
            "\tAda",
            "A\u{ad}da",
            "A\u{200d}da",
            "Ada\u{200d}",
            "می\u{200c}",
            "می\u{200c}\u{200c}خواهم",
            "A\u{fe0f}da",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{2800}",
            "\u{feff}Ada",
            "A\u{2060}da",
            "A\u{34f}da",
            "A\u{e0061}da",
            "🏴\u{e0067}\u{e0062}",
            "A\u{fff9}da",
            "A\u{17b4}da",
            "\u{ffff}",
            "\u{e000}",
            "\u{10ffff}",
            "\u{fdd0} \u{f8ff}\u{200b}",
        ] {
            assert!(Name::<80>::parse(json!(bad)).is_err(), "{}", bad.escape_unicode());
        }
    }

    #[test]
    fn blank_is_what_nobody_sees() {
        for blank in [
            "",
            " ",
            "\n\t",
            "\u{200b}",
            "\u{202e}\u{202c}",
            "\u{a0}\u{2028}",
            "\u{fe0f}",
            "\u{3164} \u{2800}",
            "\u{ffff}",
        ] {
            assert!(is_blank(blank), "{}", blank.escape_unicode());
        }
        for seen in ["a", ".", "\u{202e}abc", "👍", "\u{301}", "\u{f8ff}"] {
            assert!(!is_blank(seen), "{}", seen.escape_unicode());
        }
    }
}
