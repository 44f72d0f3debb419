//! What somebody searches for, as they typed it: words, `"phrases"`, `-exclusions` and `beginnings*`. Nothing that can be typed
//! is an error; signs that mean nothing are passed over.

use std::collections::VecDeque;

use super::tokens::{Kind, Token, Tokens, tokens};

/// How many words and phrases of a search count. Others are passed over.
pub const MOST_TERMS: usize = 16;

/// What a message must have, and what it must not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sought {
    pub terms: Vec<Term>,
    pub without: Vec<Term>,
}

/// Found where one of these is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub any: Vec<Phrase>,
}

/// Tokens next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// At least one.
    pub tokens: Vec<String>,
    /// Whether the last one is only the beginning of a token.
    pub begins: bool,
}

impl Sought {
    /// `None` if nothing is sought: the text has no words, or only such that must not be there.
    pub fn parse(text: &str) -> Option<Self> {
        let mut sought = Self::default();
        let mut parts = parts(text);
        // Somebody may still be typing the last word.
        if let Some(last) = parts.back_mut() {
            last.begins |= !last.quoted && !last.excluded;
        }
        for part in parts {
            if sought.terms.len() + sought.without.len() == MOST_TERMS {
                break;
            }
            let terms = if part.excluded { &mut sought.without } else { &mut sought.terms };
            terms.extend(part.term());
        }
        (!sought.terms.is_empty()).then_some(sought)
    }
}

/// A word or phrase as it was typed.
struct Part<'t> {
    text: &'t str,
    excluded: bool,
    quoted: bool,
    begins: bool,
}

impl Part<'_> {
    fn term(&self) -> Option<Term> {
        let Tokens { mut words, joined } = tokens(self.text);
        // The last character of a run is found by the pair with the one before; alone, it begins pairs.
        let mut begins = self.begins;
        if let [.., before, last] = words.as_slice()
            && (before.kind, last.kind) == (Kind::Pair, Kind::Last)
        {
            words.pop();
        } else {
            begins |= words.last().is_some_and(|last| last.kind == Kind::Last);
        }
        let span = words.first().map(|first| first.start)..words.last().map(|last| last.end);
        let is_whole = |token: &&Token| Some(token.start) == span.start && Some(token.end) == span.end;
        let whole = joined.iter().find(|token| token.kind == Kind::Word && is_whole(token));
        let whole = whole.filter(|_| !self.quoted).map(|token| vec![token.text.clone()]);
        let tokens: Vec<String> = words.into_iter().map(|token| token.text).collect();
        let all = [Some(tokens).filter(|tokens| !tokens.is_empty()), whole].into_iter().flatten();
        let any: Vec<Phrase> = all.map(|tokens| Phrase { tokens, begins }).collect();
        (!any.is_empty()).then_some(Term { any })
    }
}

/// A mark of a quotation, of any kind that keyboards make.
const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}'..='\u{201f}' | '«' | '»' | '「' | '」' | '\u{ff02}')
}

fn parts(text: &str) -> VecDeque<Part<'_>> {
    let (mut parts, mut rest) = (VecDeque::new(), text.trim_start());
    while !rest.is_empty() {
        let inner = rest.strip_prefix(['-', '\u{2212}']);
        let excluded = inner.is_some_and(|inner| inner.starts_with(|c: char| !c.is_whitespace()));
        let body = inner.filter(|_| excluded).unwrap_or(rest);
        let quotation = quotation(body);
        let quoted = quotation.is_some();
        let (text, left) = quotation.unwrap_or_else(|| word(body));
        let (begins, left) = match left.strip_prefix('*') {
            Some(left) => (true, left),
            None => (text.ends_with('*'), left),
        };
        parts.push_back(Part { text, excluded, quoted, begins });
        rest = left.trim_start();
    }
    parts
}

/// What is between two marks, and what follows: up to one before a space if there is one, or up to the first.
fn quotation(text: &str) -> Option<(&str, &str)> {
    let opening = text.chars().next().filter(|c| is_quote(*c))?;
    let inner = text.get(opening.len_utf8()..)?;
    let ends = |after: &str| after.chars().next().is_none_or(|next| next.is_whitespace() || next == '*');
    let mut closing = inner.char_indices().filter(|(_, c)| is_quote(*c)).map(|(at, c)| (at, at + c.len_utf8()));
    let first = closing.clone().next()?;
    let (end, after) = closing.find(|(_, after)| inner.get(*after..).is_some_and(ends)).unwrap_or(first);
    Some((inner.get(..end)?, inner.get(after..)?))
}

/// Up to the next space. A mark of a quotation that has no other belongs to the word, in which it means nothing.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is written in the table: alternatives with `|`, tokens of a phrase with spaces, `*` for beginnings.
    fn shown(terms: &[Term]) -> Vec<String> {
        let phrase = |phrase: &Phrase| phrase.tokens.join(" ") + if phrase.begins { "*" } else { "" };
        terms.iter().map(|term| term.any.iter().map(phrase).collect::<Vec<_>>().join("|")).collect()
    }

    #[test]
    fn query_table() {
        for (text, terms, without) in [
            ("lunch", &["lunch*"] as &[_], &[] as &[&str]),
            ("Lunch  Tomorrow", &["lunch", "tomorrow*"], &[]),
            ("lunch tomorrow ", &["lunch", "tomorrow*"], &[]),
            ("lun* tomorrow", &["lun*", "tomorrow*"], &[]),
            ("\"lunch tomorrow\"", &["lunch tomorrow"], &[]),
            ("\"lunch tom\"*", &["lunch tom*"], &[]),
            ("\"lunch tom*\"", &["lunch tom*"], &[]),
            ("“lunch tomorrow” noon", &["lunch tomorrow", "noon*"], &[]),
            ("«lunch tomorrow»", &["lunch tomorrow"], &[]),
            ("\"lunch tomorrow", &["lunch", "tomorrow*"], &[]),
            ("lunch\"", &["lunch*"], &[]),
            ("\"\" lunch", &["lunch*"], &[]),
            ("\"a\"b c\" d", &["a b c", "d*"], &[]),
            ("\"a\"b", &["a", "b*"], &[]),
            ("lunch -late", &["lunch"], &["late"]),
            ("-late lunch", &["lunch*"], &["late"]),
            ("lunch -\"too late\"", &["lunch"], &["too late"]),
            ("lunch -la*", &["lunch"], &["la*"]),
            ("lunch - late", &["lunch", "late*"], &[]),
            ("well-known", &["well known*|wellknown*"], &[]),
            ("don't stop", &["don t|dont", "stop*"], &[]),
            ("\"don't\"", &["don t"], &[]),
            ("ada@example.com", &["ada example com*"], &[]),
            ("https://example.com/a?b=1 x", &["https example com a b 1", "x*"], &[]),
            ("1,000 x", &["1 000|1000", "x*"], &[]),
            ("3.14 x", &["3 14", "x*"], &[]),
            ("東京", &["東京*"], &[]),
            ("東", &["東*"], &[]),
            ("東 x", &["東*", "x*"], &[]),
            ("東京都 x", &["東京 京都", "x*"], &[]),
            ("\"東\"", &["東*"], &[]),
            ("東京tower", &["東京 京 tower*"], &[]),
            ("สวัสดี", &["สว วั ัส สด ดี*"], &[]),
            ("👍🏽 x", &["👍🏽", "x*"], &[]),
            ("❤️", &["❤*"], &[]),
            ("צה\"ל x", &["צה ל|צהל", "x*"], &[]),
            ("... lunch !!!", &["lunch"], &[]),
            ("from:ada", &["from ada*"], &[]),
            ("* lunch", &["lunch*"], &[]),
        ] {
            let sought = Sought::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(shown(&sought.terms), terms, "{text}");
            assert_eq!(shown(&sought.without), without, "{text}");
        }
        for nothing in ["", "   ", "\"", "\"\"", "-", "-late", "!!!", "*", "\u{200b}", "\u{301}", "\" \" - -x"] {
            assert_eq!(Sought::parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn words_beyond_the_limit_are_passed_over() {
        let many: Vec<String> = (0..40).map(|n| format!("w{n}")).collect();
        let sought = Sought::parse(&many.join(" ")).unwrap();
        assert_eq!(sought.terms.len(), MOST_TERMS);
        assert_eq!(shown(&sought.terms).last().unwrap(), "w15");
    }
}
