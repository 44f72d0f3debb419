//! Text that people write: normalised to NFC (Unicode UAX #15), measured in characters, without control characters.

use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class, is_nfc};

use crate::{FieldError, name};

/// What is wrong with a text; the pointer is added where the field is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub code: &'static str,
    pub message: String,
}

impl Flaw {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn at(self, pointer: impl Into<String>) -> FieldError {
        FieldError { pointer: pointer.into(), code: self.code.into(), message: self.message }
    }
}

/// A single line, such as a name: no line breaks of any kind, not even at its ends, trimmed of spaces, `min` to `max`
/// characters.
pub fn line(text: &str, min: usize, max: usize) -> Result<String, Flaw> {
    let wrong = "must be one line, without control characters";
    let text = normal(text, |c| !c.is_control() && !is_line_break(c), wrong)?;
    measured(text.trim().to_owned(), min, max)
}

/// Prose: kept as written except for normalisation; line breaks and tabs are allowed, `min` to `max` characters.
pub fn prose(text: &str, min: usize, max: usize) -> Result<String, Flaw> {
    let wrong = "must not contain control characters other than line breaks and tabs";
    let text = normal(text, |c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'), wrong)?;
    if min > 0 && name::is_blank(&text) {
        return Err(Flaw::new("required", "must not be blank"));
    }
    measured(text, min, max)
}

/// Fails if a text has more than `max` characters.
pub fn at_most(text: &str, max: usize) -> Result<(), Flaw> {
    match text.char_indices().nth(max) {
        Some(_) => Err(Flaw::new("too_long", format!("must have at most {max} characters"))),
        None => Ok(()),
    }
}

/// A text from outside, shortened so that it can be repeated: at most `max` characters, then `…`.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text as it is compared in every search: small letters without accents, and single spaces between words. Letters that
/// Unicode does not decompose, such as ø, become what people type instead. Whoever changes what this returns adds a migration
/// that empties `name_index`, `name_grams`, `group_words` and `pet_words`: the server fills them again when it starts.
pub fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|&c| canonical_combining_class(c) == 0 && !name::is_invisible(c));
    let small = plain.flat_map(char::to_lowercase).filter(|&c| canonical_combining_class(c) == 0);
    let mut folded = String::new();
    for c in small {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            _ if is_between_words(c) && (folded.is_empty() || folded.ends_with(' ')) => {}
            _ if is_between_words(c) => folded.push(' '),
            _ => folded.push(c),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

fn is_between_words(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c.is_ascii() && !c.is_ascii_alphanumeric()
}

/// Unicode's line and paragraph separators, which are not control characters.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn normal(text: &str, allowed: impl Fn(char) -> bool, wrong: &str) -> Result<String, Flaw> {
    if !text.chars().all(allowed) {
        return Err(Flaw::new("control_character", wrong));
    }
    Ok(if is_nfc(text) { text.to_owned() } else { text.nfc().collect() })
}

fn measured(text: String, min: usize, max: usize) -> Result<String, Flaw> {
    match text.chars().count() {
        0 if min > 0 => Err(Flaw::new("required", "must not be empty")),
        n if n < min => Err(Flaw::new("too_short", format!("must have at least {min} characters"))),
        n if n > max => Err(Flaw::new("too_long", format!("must have at most {max} characters"))),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_normalised_measured_and_clean() {
        let code = |r: Result<String, Flaw>| r.map_err(|f| f.code);
        assert_eq!(code(line("  Caf\u{65}\u{301} ", 1, 5)), Ok("Caf\u{e9}".into()), "NFC and trimmed");
        assert_eq!(code(line("äöü", 1, 3)), Ok("äöü".into()), "counted in characters");
        assert_eq!(code(line("a\nb", 1, 9)), Err("control_character"));
        assert_eq!(code(prose("a\nb\t", 1, 9)), Ok("a\nb\t".into()), "prose keeps its breaks and its ends");
        assert_eq!(code(prose("a\0b", 1, 9)), Err("control_character"));
        for c in ["\u{2028}", "\u{2029}", "\n", "\r\n", "\t", "\u{b}", "\u{85}", "\0"] {
            for text in [format!("a{c}b"), format!("a{c}"), format!("{c}a"), format!(" {c} a"), c.to_owned()] {
                assert_eq!(code(line(&text, 1, 9)), Err("control_character"), "{text:?}");
            }
        }
        assert_eq!(code(line("\u{3000}a\u{a0}b\u{2003}", 1, 9)), Ok("a\u{a0}b".into()), "spaces are trimmed");
        assert!(line("a\nb", 1, 9).unwrap_err().message.contains("one line"));
        assert!(prose("a\0b", 1, 9).unwrap_err().message.contains("other than line breaks"));
        assert_eq!(code(prose(" \n", 1, 9)), Err("required"));
        assert_eq!(code(prose("\u{200b}\u{202e}", 1, 9)), Err("required"), "nobody sees it");
        assert_eq!(code(prose("\u{202e}abc", 1, 9)), Ok("\u{202e}abc".into()), "prose may turn its direction");
        assert_eq!(code(line("ab", 3, 9)), Err("too_short"));
        assert_eq!(code(line("abcd", 1, 3)), Err("too_long"));
        assert_eq!(code(line("", 0, 3)), Ok(String::new()));
    }

    #[test]
    fn fold_table() {
        for (name, folded) in [
            ("Ada Lovelace", "ada lovelace"),
            ("  Zoë   Müller-Lüdenscheidt ", "zoe muller ludenscheidt"),
            ("ada_lovelace.99", "ada lovelace 99"),
            ("Søren Øst", "soren ost"),
            ("Łukasz", "lukasz"),
            ("STRAẞE Weiß", "strasse weiss"),
            ("İstanbul", "istanbul"),
            ("Ａｄａ", "ada"),
            ("Ὀδυσσεύς", "οδυσσευσ"),
            ("Ёлка", "елка"),
            ("田中 さくら", "田中 さくら"),
            ("हिन्दी", "हिनदी"),
            ("🔥 Ada 🔥", "🔥 ada 🔥"),
            ("...", ""),
        ] {
            assert_eq!(super::folded(name), folded, "{name}");
        }
    }

    #[test]
    fn what_is_repeated_is_cut_between_characters() {
        assert_eq!((cut("äöü", 3).as_str(), cut("äöü", 2).as_str(), cut("", 0).as_str()), ("äöü", "äö…", ""));
        assert!(at_most("äöü", 3).is_ok() && at_most("äöü", 2).is_err());
    }
}
