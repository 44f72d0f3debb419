//! What kind of character one is for the search, and what it becomes there.

use clowder_core::{name, text};
use unicode_normalization::{
    UnicodeNormalization,
    char::{canonical_combining_class, compose},
};

/// What a character becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Part of a word.
    Word(char),
    /// Part of a text of a script that is written without spaces.
    Unit(char),
    /// Belongs to the character before and adds nothing: an accent, something invisible.
    Nothing,
    /// Between words.
    Gap,
}

/// Voiced sound marks, which make another letter of the one before: パ is not ハ.
const VOICED: [char; 2] = ['\u{3099}', '\u{309a}'];
/// Only makes Arabic words longer.
const TATWEEL: char = '\u{640}';

/// Calls `each` for everything that a character becomes, at least once.
pub fn pieces(c: char, mut each: impl FnMut(Piece)) {
    if c.is_ascii() {
        each(if c.is_ascii_alphanumeric() { Piece::Word(c.to_ascii_lowercase()) } else { Piece::Gap });
        return;
    }
    if name::is_invisible(c) || c == TATWEEL {
        each(Piece::Nothing);
        return;
    }
    if is_unspaced(c) || is_unspaced_when_normal(c) {
        std::iter::once(c).nfkc().for_each(|c| each(unit(c)));
        return;
    }
    if let Some(digit) = digit(c) {
        each(Piece::Word(digit));
        return;
    }
    let folded = text::folded(c.encode_utf8(&mut [0; 4]));
    if folded.is_empty() {
        each(if name::is_mark(c) { Piece::Nothing } else { Piece::Gap });
        return;
    }
    for c in folded.chars() {
        each(match c {
            _ if is_unspaced(c) => unit(c),
            _ if name::is_letter(c) || name::is_mark(c) || name::is_digit(c) => Piece::Word(same_letter(c)),
            _ => Piece::Gap,
        });
    }
}

fn unit(c: char) -> Piece {
    if let Some(digit) = digit(c) {
        return Piece::Word(digit);
    }
    match c {
        _ if c.is_ascii_alphanumeric() => Piece::Word(c.to_ascii_lowercase()),
        _ if VOICED.contains(&c) => Piece::Unit(c),
        _ if name::is_invisible(c) || canonical_combining_class(c) != 0 => Piece::Nothing,
        _ if name::is_letter(c) || name::is_mark(c) || is_number(c) => Piece::Unit(c),
        _ => Piece::Gap,
    }
}

/// One character of an unspaced script and what is written after it, as one; `None` if they stay two.
pub fn voiced(base: char, mark: char) -> Option<char> {
    VOICED.contains(&mark).then(|| compose(base, mark)).flatten()
}

/// Whether it makes another letter of the one before.
pub fn is_voicing(c: char) -> bool {
    VOICED.contains(&c)
}

/// 〇 and the numerals of Suzhou.
const fn is_number(c: char) -> bool {
    matches!(c, '\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3038}'..='\u{303a}')
}

/// Letters that look the same and differ only between the keyboards of Arabic, Persian and Urdu.
const fn same_letter(c: char) -> char {
    match c {
        'ک' => 'ك',
        'ی' | 'ى' => 'ي',
        'ہ' | 'ة' | 'ە' => 'ه',
        _ => c,
    }
}

/// Letters of half the width and the like, of which only their usual form tells the script.
fn is_unspaced_when_normal(c: char) -> bool {
    matches!(c, '\u{ff65}'..='\u{ffdc}' | '\u{3200}'..='\u{33ff}' | '\u{1f200}'..='\u{1f265}')
}

/// Whether a script is written without spaces between words, or with spaces that people set as they like: what is written
/// in it is found by any two neighbouring characters.
pub const fn is_unspaced(c: char) -> bool {
    matches!(c,
        // Thai and Lao, Myanmar, Khmer.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}'
        | '\u{1780}'..='\u{17ff}'
        // Tai Le and New Tai Lue, Tai Tham, Balinese, Javanese, Tai Viet.
        | '\u{1950}'..='\u{19df}' | '\u{1a20}'..='\u{1aaf}' | '\u{1b00}'..='\u{1b7f}' | '\u{a980}'..='\u{a9df}'
        | '\u{aa80}'..='\u{aadf}'
        // Hangul.
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // From the radicals of Chinese over kana and Bopomofo to Yi.
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{303c}'
        | '\u{3041}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}'
        | '\u{1aff0}'..='\u{1b2ff}' | '\u{20000}'..='\u{3ffff}')
}

/// The zeros of scripts with digits of their own; the other nine follow them.
const ZEROS: [u32; 22] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0xff10,
];

/// The digit of any script as people type it elsewhere.
fn digit(c: char) -> Option<char> {
    let value = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(*zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}
