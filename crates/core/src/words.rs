//! How names of groups, chats and pets are found: by the beginnings of their words, without case and accents.

use std::collections::BTreeSet;

use crate::{
    name::{is_digit, is_letter, is_mark},
    text,
};

/// How many words of a name are found, and how many of a search count.
pub const MOST_WORDS: usize = 20;
/// How many characters of a word count.
const LONGEST_WORD: usize = 40;

/// The words of a text, folded, each once.
pub fn words(text: &str) -> Vec<String> {
    let folded = text::folded(text);
    let is_part = |c: char| is_letter(c) || is_digit(c) || is_mark(c);
    let words = folded.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let words: BTreeSet<String> =
        words.take(MOST_WORDS).map(|word| word.chars().take(LONGEST_WORD).collect()).collect();
    words.into_iter().collect()
}

/// The words that begin with this one: from it, and before this.
pub fn end_of(word: &str) -> String {
    format!("{word}\u{10ffff}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_table() {
        for (text, expected) in [
            ("Gärtner  im Norden", &["gartner", "im", "norden"] as &[_]),
            ("a-b_a", &["a", "b"]),
            ("ﬁsh №5", &["fish", "no5"]),
            ("🐈 !", &[]),
            ("Ёжик", &["ежик"]),
            ("Łódź & Weiß, Søren", &["lodz", "soren", "weiss"]),
            ("søren WEISS lodz", &["lodz", "soren", "weiss"]),
            ("हिन्दी", &["हिनदी"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(80))[0].len(), LONGEST_WORD);
        assert!("garten" < end_of("gar").as_str() && end_of("gar").as_str() < "gas");
    }
}
