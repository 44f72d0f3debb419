//! What chats are found by.

use std::collections::BTreeSet;

use clowder_core::{
    name::{is_digit, is_letter, is_mark},
    text::folded,
    words,
};

use super::scripts::is_unspaced;

/// How many characters of what is written without spaces count.
const LONGEST: usize = 40;

/// The words of a title, each once; and of what is written without spaces, the rest from each character on, so that any two
/// neighbouring characters find it.
pub fn title_words(title: &str) -> Vec<String> {
    let mut all: BTreeSet<String> = words::words(title).into_iter().collect();
    let folded = folded(title);
    let is_part = |c: &char| is_letter(*c) || is_digit(*c) || is_mark(*c);
    for (at, _) in folded.char_indices().filter(|(_, c)| is_unspaced(*c) && is_part(c) && !is_inside(*c)) {
        let rest = folded.get(at..).unwrap_or_default().chars();
        all.insert(rest.take_while(is_part).take(LONGEST).collect());
    }
    all.into_iter().collect()
}

/// A vowel or an ending of a syllable of Hangul, with which nothing begins.
const fn is_inside(c: char) -> bool {
    matches!(c, '\u{1160}'..='\u{11ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_table() {
        for (title, found, not) in [
            ("Gärtner im Norden", &["gart", "im", "nord"] as &[_], &["art", "den"] as &[_]),
            ("東京都の会議", &["東", "東京", "京都", "都の会", "会議", "議"], &["東都"]),
            ("AI 京都2026", &["ai", "京都", "京都2026", "都2026"], &["2026"]),
            ("สวัสดีชาวโลก", &["สวัส", "ชาว", "โลก"], &["โลกชาว"]),
            ("한국어 공부", &["한국어", "국어", "공부", "부"], &["어공"]),
            ("カフェ・パリ", &["カフェ", "フェ", "パリ"], &["フェパ"]),
        ] {
            let has = |query: &str| {
                let sought = words::words(query);
                sought.iter().all(|word| title_words(title).iter().any(|known| known.starts_with(word.as_str())))
            };
            for query in found {
                assert!(has(query), "{query} in {title}: {:?}", title_words(title));
            }
            for query in not {
                assert!(!has(query), "{query} not in {title}");
            }
        }
        let long = title_words(&"東京都".repeat(40));
        assert!(long.len() <= 120 && long.iter().all(|word| word.chars().count() <= LONGEST));
    }
}
