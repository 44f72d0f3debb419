//! Finds words in what people write, however they disguise them: without case and accents, without invisible characters,
//! and with letters that look alike as one.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use clowder_core::{Error, Result, name, text};
use unicode_security::skeleton;

use super::{Filter, FilterAction};

/// After this many rounds nothing changes any more; usually it takes two.
const ROUNDS: usize = 8;
/// From how many single letters in a row on they are also read as one word.
const SPELLED_OUT: usize = 3;

/// A text as it is compared with the words of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded(String);

impl Folded {
    pub fn of(text: &str) -> Self {
        let mut seen = folds(text);
        let spelled: Vec<_> = seen.iter().flat_map(|folded| spelled_out(folded)).collect();
        seen.extend(spelled);
        // A line break is in no folded text: nothing is found across it.
        Self(seen.join("\n"))
    }
}

/// Whether nothing of an entry could be found.
pub fn is_empty(entry: &str) -> bool {
    folds(entry.trim_matches('*')).iter().all(String::is_empty)
}

/// How a text can be read: letters that look alike in small may not do so as capitals, and the other way round.
fn folds(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return vec![fold_ascii(text)];
    }
    let small: String = text.chars().flat_map(char::to_lowercase).collect();
    let mut folds = vec![look(&small), look(text)];
    folds.dedup();
    folds
}

static ASCII: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..=127_u8).map(|octet| look(&char::from(octet).to_string())).collect());

/// The same as [`look`], in which all ASCII letters are read the same in small and as capitals.
fn fold_ascii(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match ASCII.get(usize::from(octet)) {
            Some(look) if !look.is_empty() => folded.push_str(look),
            _ if folded.is_empty() || folded.ends_with(' ') => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// What a text looks like, with the folding of every search: the skeleton of Unicode UTS 39 comes first, because folding
/// takes away signs that look like letters.
fn look(text: &str) -> String {
    let mut text: String = text.chars().filter(|&c| !name::is_invisible(c)).collect();
    for _ in 0..ROUNDS {
        let looks: String = skeleton(&text).flat_map(char::to_lowercase).collect();
        let next = text::folded(&looks);
        if next == text {
            break;
        }
        text = next;
    }
    // A capital I looks like a small l.
    text.replace('i', "l")
}

/// The words whose letters stand apart: `b a d` is `bad`.
fn spelled_out(folded: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut run = String::new();
    let mut letters = 0;
    for word in folded.split(' ').chain([""]) {
        // UTS 39 makes two letters of an m.
        if word == "rn" || word.chars().nth(1).is_none() && !word.is_empty() {
            run.push_str(word);
            letters += 1;
            continue;
        }
        if letters >= SPELLED_OUT {
            found.push(run);
        }
        (letters, run) = (0, String::new());
    }
    found
}

/// Whether words are written without spaces between them: nothing says where one ends.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A filter that is ready to look for its words.
pub struct Screen {
    pub action: FilterAction,
    machine: AhoCorasick,
    /// Of each way to read each word, whether it may begin, and end, within another.
    open: Vec<(bool, bool)>,
}

impl Screen {
    pub fn new(filter: &Filter) -> Result<Self> {
        let (mut folded, mut open) = (Vec::new(), Vec::new());
        for word in &filter.words {
            for fold in folds(word.trim_matches('*')).into_iter().filter(|fold| !fold.is_empty()) {
                let unspaced = |c: Option<char>| c.is_some_and(is_unspaced);
                let begins = word.starts_with('*') || unspaced(fold.chars().next());
                open.push((begins, word.ends_with('*') || unspaced(fold.chars().next_back())));
                folded.push(fold);
            }
        }
        let machine = AhoCorasick::new(&folded).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { action: filter.action, machine, open })
    }

    /// How much memory it takes.
    pub fn octets(&self) -> usize {
        self.machine.memory_usage() + self.open.len() * size_of::<(bool, bool)>()
    }

    /// Whether a text has one of the words.
    pub fn catches(&self, Folded(text): &Folded) -> bool {
        self.machine.find_overlapping_iter(text).any(|found| {
            let (begins, ends) = self.open.get(found.pattern().as_usize()).copied().unwrap_or((true, true));
            let before = text[..found.start()].chars().next_back();
            let after = text[found.end()..].chars().next();
            (begins || !is_part(before)) && (ends || !is_part(after))
        })
    }
}

/// Whether a word goes on here.
fn is_part(c: Option<char>) -> bool {
    c.is_some_and(|c| name::is_letter(c) || name::is_digit(c) || name::is_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catches_table() {
        for (word, text, caught) in [
            ("casino", "Come to the CASINO!", true),
            ("casino", "casinos", false),
            ("casino*", "casinos", true),
            ("*sino", "casino", true),
            ("sino", "casino", false),
            ("*sin*", "casino", true),
            ("casino", "c\u{200b}a\u{ad}s\u{2060}i\u{feff}no", true),
            ("casino", "сasіnо", true),
            ("casino", "cas1no", true),
            ("casino", "cas|no", true),
            ("casino", "cásïnö", true),
            ("casino", "ｃａｓｉｎｏ", true),
            ("casino", "𝓬𝓪𝓼𝓲𝓷𝓸", true),
            ("casino", "c.a.s.i.n.o", true),
            ("casino", "a c a s i n o", false),
            ("cásino", "casino", true),
            ("motor", "rnotor", true),
            ("motor", "m o t o r", true),
            ("cheap lunch", "A cheap, cheap  lunch.", true),
            ("cheap lunch", "cheap\nlunch", true),
            ("cheap lunch", "cheap brunch", false),
            ("straße", "STRASSE", true),
            ("спам", "СПАМ!", true),
            ("help", "НELP", true),
            ("hello", "ΗΕLLΟ", true),
            ("賭博", "在線賭博網站", true),
            ("การพนัน", "เว็บการพนันออนไลน์", true),
            ("🎰", "play 🎰🎰", true),
            ("ass", "a classic passage", false),
        ] {
            let filter = Filter { words: vec![word.to_owned()], action: FilterAction::Block };
            let screen = Screen::new(&filter).unwrap();
            assert_eq!(screen.catches(&Folded::of(text)), caught, "{word:?} in {text:?}: {:?}", Folded::of(text));
        }
    }

    #[test]
    fn every_word_of_a_filter_counts_and_an_empty_one_catches_nothing() {
        let words = ["one", "two", "**", "three*"].map(str::to_owned).to_vec();
        let screen = Screen::new(&Filter { words, action: FilterAction::Flag }).unwrap();
        for (text, caught) in [("two", true), ("threefold", true), ("onefold", false), ("*", false), ("", false)] {
            assert_eq!(screen.catches(&Folded::of(text)), caught, "{text}");
        }
        let screen = Screen::new(&Filter::OFF).unwrap();
        assert!(!screen.catches(&Folded::of("anything")));
        assert!(is_empty("**") && is_empty("...") && is_empty("\u{200b}") && !is_empty("*a*") && !is_empty("🎰"));
    }

    #[test]
    fn the_short_way_for_ascii_is_the_long_one() {
        for text in ["Hello,   World! ", "  m|1I0O rn", "a\tb\nc", "x_y-z.9", "~!@#$%^&*()", ""] {
            assert_eq!(fold_ascii(text), look(text), "{text:?}");
            assert_eq!(fold_ascii(text), look(&text.to_lowercase()), "{text:?}");
        }
    }
}
