//! Where a text has what is sought. The databases find the same by their indexes; this finds it in one text.

use std::ops::Range;

use super::{
    query::{Phrase, Sought, Term},
    tokens::{Kind, Token, Tokens},
};

/// A place in a text that fits a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The index of the term.
    pub term: usize,
    pub span: Range<usize>,
    /// Whether whole words fit, and not only their beginnings.
    pub whole: bool,
    /// Which word of the text it begins with, if it is in their order.
    pub at: Option<usize>,
}

impl Sought {
    /// Whether a text with these tokens is found.
    pub fn fits(&self, tokens: &Tokens) -> bool {
        let has = |term: &Term| term.any.iter().any(|phrase| !places(phrase, tokens).is_empty());
        self.terms.iter().all(has) && !self.without.iter().any(has)
    }

    /// All places of all terms, in the order of the text.
    pub fn hits(&self, tokens: &Tokens) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (term, sought) in self.terms.iter().enumerate() {
            let places = sought.any.iter().flat_map(|phrase| places(phrase, tokens));
            hits.extend(places.map(|(span, whole, at)| Hit { term, span, whole, at }));
        }
        hits.sort_by_key(|hit| (hit.span.start, hit.span.end));
        hits
    }
}

type Place = (Range<usize>, bool, Option<usize>);

fn places(phrase: &Phrase, tokens: &Tokens) -> Vec<Place> {
    let Some((last, before)) = phrase.tokens.split_last() else { return Vec::new() };
    let mut found = Vec::new();
    let windows = tokens.words.windows(phrase.tokens.len()).enumerate();
    for (at, window) in windows {
        if let Some((end, first)) = window.split_last()
            && begins(end, last, phrase.begins)
            && first.iter().zip(before).all(|(token, sought)| token.text == *sought)
            && let Some(start) = window.first()
        {
            found.push((start.start..end_of(end, last), end.text == *last, Some(at)));
        }
    }
    if before.is_empty() {
        let joined = tokens.joined.iter().filter(|token| begins(token, last, phrase.begins));
        found.extend(joined.map(|token| (token.start..token.end, token.text == *last, None)));
    }
    found
}

fn begins(token: &Token, sought: &str, begins: bool) -> bool {
    if begins { token.text.starts_with(sought) } else { token.text == sought }
}

/// Of a pair that was found by its first character, only that fits.
fn end_of(token: &Token, sought: &str) -> usize {
    if token.kind == Kind::Pair && token.text.len() > sought.len() { token.head } else { token.end }
}
