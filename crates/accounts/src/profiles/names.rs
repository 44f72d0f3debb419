//! How folded names are cut into grams, so that people are found by a part of a name, without accents and with a typo.
//! Whoever changes what [`fold`] or [`grams_of`] return adds a migration that empties `name_index` and `name_grams`: the server
//! indexes the names again when it starts.

use std::collections::BTreeSet;

use clowder_core::{name::is_mark, text};

/// The maximum length of a folded name in characters: longer names are found by their beginning.
pub const LONGEST: usize = 80;

/// A name as it is compared, shortened.
pub fn fold(name: &str) -> String {
    let folded: String = text::folded(name).chars().take(LONGEST).collect();
    folded.trim_end().to_owned()
}

/// Scripts that are written without spaces, whose words are found by a single character: Thai to Khmer, and all from the
/// radicals of Chinese to Hangul.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && !is_mark(c)
}

/// Marks grams by which a short word is found with a typo.
const SHORT: char = '~';
/// Words up to this length are found with a typo by their deletions.
const SHORT_WORD: usize = 5;

/// Marks grams that are whole words.
const WHOLE: char = '=';

/// The grams of folded names: every three neighbouring characters, with a space before and after a name; the first one and
/// two characters of each word; one and two characters of scripts without spaces; each word as a whole; and short words
/// with one character left out.
pub fn grams_of<'n>(folded: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
    let mut grams = BTreeSet::new();
    for name in folded.into_iter().filter(|name| !name.is_empty()) {
        grams.extend(trigrams(&padded(name)));
        let chars: Vec<char> = name.chars().collect();
        for size in [1, 2] {
            grams
                .extend(chars.windows(size).filter(|some| some.iter().all(|c| is_unspaced(*c))).map(String::from_iter));
        }
        for word in name.split(' ') {
            grams.extend(word.chars().next().map(|first| format!(" {first}")));
            grams.insert(whole(word));
            if word.chars().count() <= SHORT_WORD {
                grams.extend(short_forms(word));
            }
        }
    }
    grams
}

/// The gram of a whole word. The grams of all words that begin with it begin with this gram.
pub fn whole(word: &str) -> String {
    format!("{WHOLE}{word}")
}

/// The grams that every name with this part has; empty if no gram leads to it.
pub fn grams_of_part(word: &str) -> BTreeSet<String> {
    let count = word.chars().count();
    match count {
        0 => BTreeSet::new(),
        1 | 2 if word.chars().all(is_unspaced) => BTreeSet::from([word.to_owned()]),
        1 | 2 => BTreeSet::from([format!(" {word}")]),
        _ => trigrams(&word.chars().collect::<Vec<_>>()).collect(),
    }
}

/// Whether each of these words is a part of one of these folded names, in whatever order.
pub fn have_parts(names: &[&str], words: &[&str]) -> bool {
    words.iter().all(|word| names.iter().any(|name| has_part(name, word)))
}

/// Whether a folded name has this part, as far as its grams lead there: short parts only at the beginning of a word.
pub fn has_part(name: &str, word: &str) -> bool {
    if word.chars().count() > 2 || word.chars().all(is_unspaced) {
        name.contains(word)
    } else {
        name.split(' ').any(|known| known.starts_with(word))
    }
}

/// Sets of grams, one of which a name has if it differs from this word in one place: a character that is wrong, missing or
/// too many, or two that are exchanged. Words with fewer than three characters have none.
pub fn grams_of_typo(word: &str) -> Vec<BTreeSet<String>> {
    let count = word.chars().count();
    if count < 3 {
        return Vec::new();
    }
    if count < SHORT_WORD {
        return short_forms(word).into_iter().map(|form| BTreeSet::from([form])).collect();
    }
    // One edit touches at most two neighbours, so with a character between the halves one of them is as it was.
    let padded = padded(word);
    let half = (padded.len() - 1) / 2;
    let halves = [padded.get(..half), padded.get(padded.len() - half..)];
    halves.into_iter().flatten().map(|half| trigrams(half).collect()).collect()
}

fn padded(name: &str) -> Vec<char> {
    std::iter::once(' ').chain(name.chars()).chain([' ']).collect()
}

fn trigrams(chars: &[char]) -> impl Iterator<Item = String> {
    chars.windows(3).map(String::from_iter)
}

/// The word, and the word without each of its characters.
fn short_forms(word: &str) -> BTreeSet<String> {
    let chars: Vec<char> = word.chars().collect();
    let without = (0..chars.len()).map(|gone| {
        let left = chars.iter().enumerate().filter(|(index, _)| *index != gone).map(|(_, c)| *c);
        std::iter::once(SHORT).chain(left).collect::<String>()
    });
    without.filter(|form| form.len() > 1).chain([format!("{SHORT}{word}")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_name_is_not_longer_than_others() {
        assert_eq!(fold("  Zoë   Müller-Lüdenscheidt "), "zoe muller ludenscheidt");
        assert!(fold(&"ﷺ".repeat(80)).chars().count() <= LONGEST);
    }

    /// Whatever part of a name somebody types, its grams are among those of the name.
    #[test]
    fn parts_are_among_the_grams() {
        for (name, parts) in [
            ("ada lovelace", &["a", "ad", "ada", "l", "lo", "love", "vel", "lace", "lovelace"][..]),
            ("田中さくら", &["中", "中さ", "くら", "中さく"]),
            ("สวัสดี", &["วัส", "ส"]),
            ("김민수", &["김", "민"]),
        ] {
            let name = fold(name);
            let grams = grams_of([name.as_str()]);
            for part in parts {
                let wanted = grams_of_part(&fold(part));
                assert!(!wanted.is_empty() && wanted.is_subset(&grams), "{part}: {wanted:?} of {grams:?}");
                assert!(has_part(&name, &fold(part)), "{part}");
            }
        }
        assert!(!has_part("ada", "da") && !has_part("ada", "x"));
    }

    /// As people, friends, groups and pets are searched for.
    #[test]
    fn words_are_parts_in_any_order_and_however_they_are_written() {
        for (names, sought, expected) in [
            (["soren", "Søren Kierkegaard"], "soren", true),
            (["soren", "Søren Kierkegaard"], "SØREN", true),
            (["soren", "Søren Kierkegaard"], "kierke sør", true),
            (["soren", "Søren Kierkegaard"], "Kierkegaard, Søren", true),
            (["x", "Karl Weiß"], "weiss karl", true),
            (["x", "Karl Weiss"], "WEIẞ", true),
            (["x", "Łukasz Żak"], "zak lukasz", true),
            (["lukasz", "X"], "Łuk", true),
            (["ada", "Grace Hopper"], "hopper ada", true),
            (["ada", "Grace Hopper"], "hopper eve", false),
            (["ada", "Grace Hopper"], "race", true),
            (["ada", "Grace Hopper"], "ra", false),
        ] {
            let names = names.map(fold);
            let sought = fold(sought);
            let words: Vec<&str> = sought.split(' ').collect();
            assert_eq!(have_parts(&[&names[0], &names[1]], &words), expected, "{names:?} {sought}");
        }
    }

    /// Every single edit of a word still leads to it.
    #[test]
    fn one_typo_is_led_to_the_word() {
        for word in ["ada", "adam", "grace", "ludwig", "lovelace", "constantinople"] {
            let grams = grams_of([word]);
            let chars: Vec<char> = word.chars().collect();
            let mut typed = Vec::new();
            for at in 0..chars.len() {
                let (before, after) = chars.split_at(at);
                typed.push([before, &after[1..]].concat());
                typed.push([before, &['x'], after].concat());
                typed.push([before, &['x'], &after[1..]].concat());
                if let [a, b, rest @ ..] = after {
                    typed.push([before, &[*b, *a], rest].concat());
                }
            }
            for typed in typed.into_iter().map(String::from_iter).filter(|typed: &String| typed.chars().count() >= 3) {
                let sets = grams_of_typo(&typed);
                assert!(sets.iter().any(|set| set.is_subset(&grams)), "{typed} for {word}: {sets:?} of {grams:?}");
            }
        }
    }

    #[test]
    fn a_name_has_few_grams() {
        for name in ["ab ".repeat(27), "abcdefghij".repeat(8), "田".repeat(80), "abcde ".repeat(14)] {
            assert!(grams_of([fold(&name).as_str()]).len() <= 3 * LONGEST, "{name}");
        }
    }
}
