//! Finds words in what people write, however they disguise them: without case and accents, without invisible characters,
//! and with letters that look alike as one.

use std::{collections::BTreeSet, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use any_ascii::any_ascii_char;
use clowder_core::{
    Error, Result, name,
    text::{self, Flaw},
};
use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};
use unicode_security::skeleton;

use super::{Filter, FilterAction};

/// After this many rounds nothing changes any more; usually it takes two.
const ROUNDS: usize = 8;
/// From how many single letters in a row on they are also read as one word.
const SPELLED_OUT: usize = 3;

/// How much the words of a filter may be when they are folded, with every way to read them: what it costs to prepare a
/// filter and to keep it grows with that.
pub const MOST_OCTETS: usize = 64 << 10;
/// Stands in a folded text wherever a word begins or ends, and is in none otherwise.
const EDGE: char = '\u{1f}';

/// A text as it is compared with the words of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded(String);

impl Folded {
    pub fn of(text: &str) -> Self {
        let mut seen = folds(text);
        seen.extend(joined(text).iter().flat_map(|joined| folds(joined)));
        let spelled: Vec<_> = seen.iter().flat_map(|folded| spelled_out(folded)).collect();
        seen.extend(spelled);
        // A line break is in no folded text: nothing is found across it.
        Self(seen.iter().map(|folded| edged(folded)).collect::<Vec<_>>().join("\n"))
    }
}

/// The text without the signs within its words: `cas.ino` is `casino`. A hyphen or an apostrophe makes two words of one, and
/// addresses are left as they are.
fn joined(text: &str) -> Option<String> {
    let mut found = false;
    let words = text.split(is_space).filter(|word| !word.is_empty());
    let words = words.map(|word| {
        let inner = word.trim_matches(is_sign);
        if !inner.contains(is_sign) || inner.contains(is_own_sign) {
            return word.to_owned();
        }
        found = true;
        inner.replace(is_sign, "")
    });
    let words = words.collect::<Vec<_>>().join(" ");
    found.then_some(words)
}

/// Also what is not drawn at all, but as wide as a letter.
fn is_space(c: char) -> bool {
    c.is_whitespace() || is_blank(c)
}

/// Letters and signs without ink.
const fn is_blank(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// What is part of no word: punctuation and symbols, what lengthens a line between letters, what stands for an object.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{640}' | '\u{fffc}') || !is_part(c) && !is_space(c) && !name::is_invisible(c)
}

/// What stands between the parts of ordinary words and addresses.
const fn is_own_sign(c: char) -> bool {
    matches!(c, '-' | '\'' | '’' | '‐' | '‑' | '/' | ':' | '@')
}

/// Marks where words begin and end, so that looking for whole words needs no second look at what was found.
fn edged(folded: &str) -> String {
    let mut edged = String::with_capacity(folded.len() + folded.len() / 2 + 2);
    let mut within = false;
    for c in folded.chars() {
        if is_part(c) != within {
            within = !within;
            edged.push(EDGE);
        }
        edged.push(c);
    }
    if within {
        edged.push(EDGE);
    }
    edged
}

/// Whether nothing of an entry could be found.
pub fn is_empty(entry: &str) -> bool {
    // One sign after another, because usually the first one says it.
    entry.trim_matches('*').chars().all(|c| folds(c.encode_utf8(&mut [0; 4])).iter().all(String::is_empty))
}

/// Whether the words are not too much for one filter when they are folded.
pub fn fits<'w>(words: impl IntoIterator<Item = &'w String>) -> Result<(), Flaw> {
    let mut octets = 0;
    for word in words {
        octets += patterns(word).map(|pattern| pattern.len()).sum::<usize>();
        // Whoever sends too much does not have all of it read.
        if octets > MOST_OCTETS {
            return Err(Flaw::new("too_long", "must not have so much text in all, as it is compared with messages"));
        }
    }
    Ok(())
}

/// All that is looked for to find an entry.
fn patterns(entry: &str) -> impl Iterator<Item = String> {
    let (begins, ends) = (entry.starts_with('*'), entry.ends_with('*'));
    folds(entry.trim_matches('*')).into_iter().filter(|fold| !fold.is_empty()).map(move |fold| {
        let unspaced = |c: Option<char>| c.is_some_and(is_unspaced);
        let (first, last) = (unspaced(fold.chars().next()), unspaced(fold.chars().next_back()));
        let edged = edged(&fold);
        let mut pattern = edged.as_str();
        if begins || first {
            pattern = pattern.trim_start_matches(EDGE);
        }
        if ends || last {
            pattern = pattern.trim_end_matches(EDGE);
        }
        pattern.to_owned()
    })
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

/// Signs that stand for whole sentences, and would make a text many times as long. Each is a word of its own.
fn is_sentence(c: char) -> bool {
    matches!(c, '\u{fdfa}' | '\u{fdfb}')
}

/// What a text looks like. Of a sign that stands for a sentence, only itself is compared.
fn look(text: &str) -> String {
    if !text.contains(is_sentence) {
        return look_of(text);
    }
    let mut words = Vec::new();
    for piece in text.split_inclusive(is_sentence) {
        let sign = piece.chars().next_back().filter(|&c| is_sentence(c));
        let before = look_of(piece.trim_end_matches(is_sentence));
        words.extend([before, sign.map(String::from).unwrap_or_default()].into_iter().filter(|word| !word.is_empty()));
    }
    words.join(" ")
}

/// The letters of a text that are only drawn in another way, as plain ones: raised letters, small capitals, letters with hooks,
/// and those in circles and squares. What is drawn around letters goes.
fn plain(text: &str) -> String {
    let shown = text.chars().map(|c| if is_blank(c) { ' ' } else { c });
    let shown: Vec<char> = shown.filter(|&c| !name::is_invisible(c) && !name::is_enclosing(c)).collect();
    let mut plain = String::with_capacity(text.len());
    for alike in shown.chunk_by(|&one, &next| is_regional(one) == is_regional(next)) {
        match alike {
            // A flag.
            [first, _] if is_regional(*first) => plain.extend(alike),
            _ => alike.iter().for_each(|&c| plain.push_str(&letter(c).unwrap_or_else(|| c.to_string()))),
        }
    }
    plain
}

/// What a letter is that is drawn in another way, if it is one: Unicode decomposes raised letters and those in circles, UTS 39
/// knows which look like plain ones, and of what is left, the name says which letter it is.
fn letter(c: char) -> Option<String> {
    if c.is_ascii() || c.script() != Script::Latin && !is_enclosed(c) {
        return None;
    }
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric());
    let decomposed: String = std::iter::once(c).nfkd().filter(|&c| !name::is_mark(c)).collect();
    if is_plain(&decomposed) {
        return Some(decomposed);
    }
    let alike: String = skeleton(c.encode_utf8(&mut [0; 4])).collect();
    if text::folded(&alike).is_ascii() {
        return None;
    }
    // Some are signs for whole words.
    Some(any_ascii_char(c)).filter(|named| named.len() <= LONGEST_LETTER && is_plain(named)).map(str::to_owned)
}

/// How many plain letters one is, at most, that is drawn in another way.
const LONGEST_LETTER: usize = 4;

/// Letters and digits in circles, squares and brackets.
const fn is_enclosed(c: char) -> bool {
    matches!(c, '\u{2460}'..='\u{24ff}' | '\u{2776}'..='\u{2793}' | '\u{1f100}'..='\u{1f1ff}')
}

/// Letters of which two make a flag.
const fn is_regional(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// The folding of every search, but the skeleton of Unicode UTS 39 comes first, because folding takes away signs that look
/// like letters.
fn look_of(text: &str) -> String {
    let mut text = plain(text);
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

/// A filter that is ready to look for its words. It looks once at each octet of a text, whatever the words are.
pub struct Screen {
    pub action: FilterAction,
    machine: AhoCorasick,
}

impl Screen {
    pub fn new(filter: &Filter) -> Result<Self> {
        // Words that are read the same are one.
        let patterns: BTreeSet<String> = filter.words.iter().flat_map(|word| patterns(word)).collect();
        let machine = AhoCorasick::builder()
            // The fastest kind would need many times the memory, and a search that skips some text has bad cases.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(&patterns)
            .map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { action: filter.action, machine })
    }

    /// How much memory it takes.
    pub fn octets(&self) -> usize {
        self.machine.memory_usage()
    }

    /// Whether a text has one of the words.
    pub fn catches(&self, Folded(text): &Folded) -> bool {
        self.machine.is_match(text)
    }
}

/// Whether it is a part of a word.
fn is_part(c: char) -> bool {
    name::is_letter(c) || name::is_digit(c) || name::is_mark(c)
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
            ("casino", "caˢino", true),
            ("casino", "casinᵒ", true),
            ("casino", "ᶜᵃˢⁱⁿᵒ", true),
            ("jackpot", "ʲᵃᶜᵏᵖᵒᵗ", true),
            ("casino", "cₐₛᵢₙₒ", true),
            ("casino", "c\u{489}a\u{20dd}s\u{20de}i\u{20e0}n\u{488}o", true),
            ("casino", "ᴄᴀꜱɪɴᴏ", true),
            ("jackpot", "ᴊᴀᴄᴋᴘᴏᴛ", true),
            ("big blow", "ʙɪɢ ʙʟᴏᴡ", true),
            ("hummer", "ʜᴜᴍᴍᴇʀ", true),
            ("casino", "ƈąʂįŋơ", true),
            ("casino", "ƈɑʂɨɲɵ", true),
            ("casino", "ⓒⓐⓢⓘⓝⓞ", true),
            ("casino", "🄒🄐🄢🄘🄝🄞", true),
            ("casino", "🅲🅰🆂🅸🅽🅾", true),
            ("casino", "🅒🅐🅢🅘🅝🅞", true),
            ("casino", "🄲🄰🅂🄸🄽🄾", true),
            ("casino", "🇨🇦🇸🇮🇳🇴", true),
            ("casino", "🇨 🇦 🇸 🇮 🇳 🇴", true),
            ("us", "🇺🇸", false),
            ("🇺🇸", "go 🇺🇸!", true),
            ("win 100", "win ①⓪⓪", true),
            ("win 100", "win ➊⓿⓿", true),
            ("spam", "спам", false),
            ("casino", "c.a.s.i.n.o", true),
            ("casino", "cas_ino", true),
            ("casino", "(cas.ino)", true),
            ("casino", "ca**si.no!", true),
            ("casino", "cas\u{fffc}ino", true),
            ("casino", "casـino", true),
            ("free money", "free\u{3164}money", true),
            ("free money", "free\u{115f}money", true),
            ("free money", "free\u{2800}money", true),
            ("ab*", "https://example.org/a.b", false),
            ("dont", "don't", false),
            ("welldone", "well-done", false),
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
            ("🎰", "play🎰now", true),
            ("🎰 win", "🎰🎰 win!", true),
            ("🎰 win", "🎰 winner", false),
            ("win 🎰", "twin 🎰", false),
            ("*win 🎰", "twin 🎰", true),
            ("ass", "a classic passage", false),
            ("a b", "a b", true),
            ("a b", "xa b", false),
            ("賭博 win", "在線賭博 win", true),
            ("賭博 win", "在線賭博 winner", false),
            ("ﷺ", "so ﷺ it is", true),
            ("casino", "ﷺcasinoﷺ", true),
            ("casino", "ﷺcasinosﷺ", false),
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

    /// Texts and words for which looking up each place would be expensive.
    #[test]
    fn no_text_makes_a_filter_slow() {
        let spellings = |length: usize| {
            (0..50_usize).map(move |n| {
                let letter = |at: usize| if at < 6 && n >> at & 1 == 1 { 'A' } else { 'a' };
                (0..length).map(letter).collect::<String>()
            })
        };
        let words: Vec<_> = (91..=100).flat_map(spellings).collect();
        assert_eq!(words.len(), 500);
        let screen = Screen::new(&Filter { words, action: FilterAction::Block }).unwrap();
        assert_eq!(screen.machine.patterns_len(), 10, "words that are read the same are one");
        // Within a word, no whole word is even begun.
        let inside: Vec<_> = [8_000, 101].map(|n| Folded::of(&"a".repeat(n))).into_iter().collect();
        for folded in &inside {
            assert!(!screen.catches(folded));
            assert_eq!(screen.machine.find_overlapping_iter(&folded.0).count(), 0);
        }
        assert!(screen.catches(&Folded::of(&"a".repeat(100))));
        let open = (91..=100).map(|n| format!("*{}*", "l".repeat(n))).collect();
        let screen = Screen::new(&Filter { words: open, action: FilterAction::Block }).unwrap();
        let text = Folded::of(&format!("Д{}", "Ⅲ".repeat(7_999)));
        assert!(screen.catches(&text), "the first find ends it");
    }

    #[test]
    fn no_text_grows_much_when_it_is_folded() {
        let mut worst = 0;
        for c in ('\u{80}'..=char::MAX).filter(|&c| !c.is_control()) {
            let text = c.to_string();
            worst = folds(&text).iter().map(|fold| fold.chars().count()).max().unwrap_or(0).max(worst);
        }
        assert!(worst <= 10, "{worst}");
        assert_eq!(look(&"ﷺ".repeat(3)), "ﷺ ﷺ ﷺ");
        assert_eq!(look("ﷺa.ﷻ"), "ﷺ a ﷻ");
    }

    #[test]
    fn the_words_of_a_filter_are_limited_as_they_are_folded() {
        let long = |c: &str, n: usize| -> Vec<String> { (0..n).map(|n| format!("{n:03}{}", c.repeat(97))).collect() };
        for (words, expected) in [
            (long("a", 500), true),
            (long("ж", 100), true),
            (long("ж", 500), false),
            (long("㌖", 500), false),
            (long("ﷺ", 500), false),
            (Vec::new(), true),
        ] {
            assert_eq!(fits(&words).is_ok(), expected, "{:?}", words.first());
        }
        assert_eq!(fits(&long("㌖", 500)).unwrap_err().code, "too_long");
        let most = Screen::new(&Filter { words: long("a", 500), action: FilterAction::Block }).unwrap();
        assert!(most.octets() < 40 * MOST_OCTETS, "{}", most.octets());
    }

    #[test]
    fn the_short_way_for_ascii_is_the_long_one() {
        for text in ["Hello,   World! ", "  m|1I0O rn", "a\tb\nc", "x_y-z.9", "~!@#$%^&*()", ""] {
            assert_eq!(fold_ascii(text), look(text), "{text:?}");
            assert_eq!(fold_ascii(text), look(&text.to_lowercase()), "{text:?}");
        }
    }
}
