//! Cuts a text into what it is found by. Both databases index these tokens and nothing else, so that the table of cases in
//! `tokens/tests.rs` says for both what is found by what. Whoever changes what [`tokens`] returns,
//! the [marks](super::marks) or the [words of titles](super::title_words) raises [`VERSION`]: servers then index their
//! messages and the titles of chats again.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use unicode_properties::{EmojiStatus, UnicodeEmoji};
use unicode_segmentation::UnicodeSegmentation;

use super::scripts::{self, Piece};

/// Of the rules by which texts are cut.
pub const VERSION: i64 = 3;
/// The most characters of a token. Longer words are found by their beginning.
pub const LONGEST: usize = 64;
/// By how many different tokens a message is found, at most.
pub const MOST: usize = 4_000;
/// How many words of a text are looked at: more than it has characters, unless single characters stand for many words.
const MOST_CUT: usize = 10_000;
/// How much of a text counts for its place among others that are found, in octets and in words: all of a usual one. So many texts
/// are ranked at once that whoever writes the longest ones must not decide how long it takes.
const RANKED_OCTETS: usize = 8 << 10;
const RANKED_WORDS: usize = 1_500;
/// From how many parts a word is joined, at most.
const MOST_PARTS: usize = 8;

/// Something by which a text is found, and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub start: usize,
    pub end: usize,
    /// Where its first character ends.
    pub head: usize,
    pub kind: Kind,
}

impl Token {
    fn as_str(&self) -> &str {
        &self.text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Emoji,
    /// Two neighbouring characters of an unspaced script.
    Pair,
    /// The last character of a run of them, or the only one.
    Last,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// In their order: phrases are found in these.
    pub words: Vec<Token>,
    /// What is found besides: words with apostrophes and hyphens as one, and emoji without their skin tones. Of no order.
    pub joined: Vec<Token>,
}

impl Tokens {
    /// What is stored to find the text: those in their order, up to the [`MOST`]th different one, and the others.
    pub fn indexed(&self) -> (impl Iterator<Item = &str>, impl Iterator<Item = &str>) {
        let mut seen = HashSet::new();
        let words =
            self.words.iter().map(Token::as_str).map_while(move |token| {
                (seen.contains(token) || seen.len() < MOST && seen.insert(token)).then_some(token)
            });
        (words, self.joined.iter().map(Token::as_str).take(MOST))
    }
}

pub fn tokens(text: &str) -> Tokens {
    cut(text, MOST_CUT)
}

/// Of a long text those of its beginning.
pub fn beginning(text: &str) -> Tokens {
    cut(text.get(..text.floor_char_boundary(RANKED_OCTETS)).unwrap_or(text), RANKED_WORDS)
}

/// Those of the first so many words.
fn cut(text: &str, most: usize) -> Tokens {
    let mut cutter = Cutter { text, found: Tokens::default(), word: None, units: Vec::new(), parts: Vec::new() };
    'text: for (at, cluster) in text.grapheme_indices(true) {
        if cluster.len() == 1 || !is_emoji(cluster) {
            for (offset, c) in cluster.char_indices() {
                // A cluster may go on without end.
                if cutter.found.words.len() + cutter.units.len() >= most {
                    break 'text;
                }
                cutter.character(at + offset, c);
            }
        } else if cutter.found.words.len() + cutter.units.len() < most {
            cutter.emoji(at, cluster);
        } else {
            break;
        }
    }
    cutter.end_run();
    cutter.end_word();
    cutter.join();
    cutter.found
}

struct Cutter<'t> {
    text: &'t str,
    found: Tokens,
    word: Option<Token>,
    /// A run of characters of an unspaced script.
    units: Vec<Unit>,
    /// Indexes of words with nothing but one sign between them.
    parts: Vec<usize>,
}

struct Unit {
    c: char,
    start: usize,
    end: usize,
}

impl Cutter<'_> {
    fn character(&mut self, at: usize, c: char) {
        let end = at + c.len_utf8();
        scripts::pieces(c, |piece| match piece {
            Piece::Word(c) => {
                self.end_run();
                self.letter(c, at, end);
            }
            Piece::Unit(c) => {
                self.end_word();
                self.unit(c, at, end);
            }
            Piece::Nothing => self.extend(end, c),
            Piece::Gap => {
                self.end_run();
                self.end_word();
            }
        });
    }

    fn letter(&mut self, c: char, start: usize, end: usize) {
        let new = || Token { text: String::new(), start, end, head: end, kind: Kind::Word };
        let word = self.word.get_or_insert_with(new);
        word.end = end;
        word.text.push(c);
    }

    fn unit(&mut self, c: char, start: usize, end: usize) {
        if let Some(last) = self.units.last_mut()
            && scripts::is_voicing(c)
        {
            last.c = scripts::voiced(last.c, c).unwrap_or(last.c);
            last.end = end;
            return;
        }
        self.units.push(Unit { c, start, end });
    }

    /// What is written over or under a character belongs to it; joiners and the like only if it goes on behind them.
    fn extend(&mut self, end: usize, c: char) {
        if !clowder_core::name::is_mark(c) {
            return;
        }
        if let Some(word) = &mut self.word {
            word.end = end;
        } else if let Some(last) = self.units.last_mut() {
            last.end = end;
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        self.push(word);
    }

    fn end_run(&mut self) {
        let units = std::mem::take(&mut self.units);
        for (index, unit) in units.iter().enumerate() {
            let (start, head) = (unit.start, unit.end);
            self.push(match units.get(index + 1) {
                Some(next) => {
                    let text = [unit.c, next.c].iter().collect();
                    Token { text, start, end: next.end, head, kind: Kind::Pair }
                }
                None => Token { text: unit.c.to_string(), start, end: head, head, kind: Kind::Last },
            });
        }
    }

    fn emoji(&mut self, at: usize, cluster: &str) {
        self.end_run();
        self.end_word();
        // The databases know the signs of keycaps as signs of their own.
        let sign = |c: char| match c {
            '#' => '＃',
            '*' => '＊',
            _ => c,
        };
        // A cluster may go on without end.
        let text: String = cluster.chars().filter(|c| !is_selector(*c)).map(sign).take(LONGEST).collect();
        let end = at + cluster.len();
        let token = Token { text, start: at, end, head: end, kind: Kind::Emoji };
        let plain: String = token.text.chars().filter(|c| !is_tone(*c)).collect();
        if plain != token.text && !plain.is_empty() {
            self.found.joined.push(Token { text: plain, ..token.clone() });
        }
        self.push(token);
    }

    fn push(&mut self, mut token: Token) {
        if let Some((cut, _)) = token.text.char_indices().nth(LONGEST) {
            token.text.truncate(cut);
        }
        let follows = |last: &usize| {
            let before = self.found.words.get(*last);
            before.is_some_and(|before| Sign::between(self.text, before, &token).is_some())
        };
        if !self.parts.last().is_some_and(follows) {
            self.join();
        }
        if token.kind == Kind::Word {
            self.parts.push(self.found.words.len());
        }
        self.found.words.push(token);
    }

    /// Makes one word of those that belong together.
    fn join(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        let parts: Vec<&Token> = parts.into_iter().filter_map(|index| self.found.words.get(index)).collect();
        let mut joined = Vec::new();
        let mut rest = parts.as_slice();
        while let [first, second, ..] = rest {
            let sign = Sign::between(self.text, first, second);
            let mut length = 1;
            while let [before, after] = rest.get(length - 1..=length).unwrap_or_default()
                && length < MOST_PARTS
                && Sign::between(self.text, before, after) == sign
            {
                length += 1;
            }
            let (some, left) = rest.split_at(length);
            if sign.is_some_and(|sign| sign.joins(some))
                && let [first, .., last] = some
            {
                let text: String = some.iter().flat_map(|part| part.text.chars()).take(LONGEST).collect();
                joined.push(Token { text, start: first.start, end: last.end, head: first.end, kind: Kind::Word });
            }
            // The last part may begin another word.
            rest = if length > 1 { rest.get(length - 1..).unwrap_or(left) } else { left };
        }
        self.found.joined.extend(joined);
    }
}

/// A single sign between two parts of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Hyphen,
    Point,
    Comma,
}

impl Sign {
    fn between(text: &str, before: &Token, after: &Token) -> Option<Self> {
        if before.kind != Kind::Word || after.kind != Kind::Word {
            return None;
        }
        let mut gap = text.get(before.end..after.start)?.chars();
        match (gap.next()?, gap.next()) {
            ('\'' | '\u{2019}' | '\u{2018}' | '`' | '\u{b4}' | '\u{ff07}' | '\u{5f3}' | '\u{5f4}', None) => {
                Some(Self::Hyphen)
            }
            ('-' | '\u{2010}' | '\u{2011}' | '\u{b7}' | '\u{5be}', None) => Some(Self::Hyphen),
            // So abbreviations are written in Hebrew.
            ('"', None) if is_hebrew(&before.text) && is_hebrew(&after.text) => Some(Self::Hyphen),
            ('.', None) => Some(Self::Point),
            (',' | '\u{a0}' | '\u{202f}' | '\u{66c}', None) => Some(Self::Comma),
            _ => None,
        }
    }

    fn joins(self, parts: &[&Token]) -> bool {
        let in_thousands = |parts: &[&Token]| {
            let is_number = |token: &&Token| token.text.bytes().all(|octet| octet.is_ascii_digit());
            let first = parts.first().is_some_and(|first| first.text.len() <= 3);
            first && parts.iter().all(is_number) && parts.iter().skip(1).all(|part| part.text.len() == 3)
        };
        match self {
            Self::Hyphen => true,
            Self::Comma => in_thousands(parts),
            Self::Point => in_thousands(parts) || parts.iter().all(|part| part.text.chars().nth(1).is_none()),
        }
    }
}

fn is_hebrew(text: &str) -> bool {
    text.chars().all(|c| ('\u{5d0}'..='\u{5ea}').contains(&c))
}

const KEYCAP: char = '\u{20e3}';
const AS_EMOJI: char = '\u{fe0f}';

/// Whether one character, as people see it, is shown as an emoji.
fn is_emoji(cluster: &str) -> bool {
    let Some(first) = cluster.chars().next() else { return false };
    // Other signs with a keycap are no emoji, and some of them mean something to the databases.
    if first.is_ascii() {
        return cluster.contains(KEYCAP) && (first.is_ascii_digit() || matches!(first, '#' | '*'));
    }
    let status = first.emoji_status();
    let shown = matches!(
        status,
        EmojiStatus::EmojiPresentation
            | EmojiStatus::EmojiPresentationAndModifierBase
            | EmojiStatus::EmojiPresentationAndEmojiComponent
            | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
    );
    shown || cluster.contains(AS_EMOJI) && first.is_emoji_char() || is_symbol(first, status)
}

/// Shown as text or as an emoji, as the device likes, such as ❤; but not signs of words, such as ™.
fn is_symbol(c: char, status: EmojiStatus) -> bool {
    let sign = matches!(
        c,
        '\u{a9}'
            | '\u{ae}'
            | '\u{203c}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{24c2}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
    );
    !sign && matches!(status, EmojiStatus::EmojiOther | EmojiStatus::EmojiModifierBase)
}

const fn is_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe0e}' | AS_EMOJI)
}
