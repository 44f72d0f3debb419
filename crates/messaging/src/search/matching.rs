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
    let repeated = repeated(before);
    // How many of the tokens before the last one fit up to here.
    let mut fitting = 0;
    for (at, token) in tokens.words.iter().enumerate() {
        if fitting == before.len()
            && begins(token, last, phrase.begins)
            && let Some(start) = tokens.words.get(at - fitting)
        {
            found.push((start.start..end_of(token, last), token.text == *last, Some(at - fitting)));
        }
        fitting = follow(before, &repeated, fitting, &token.text);
    }
    if before.is_empty() {
        let joined = tokens.joined.iter().filter(|token| begins(token, last, phrase.begins));
        found.extend(joined.map(|token| (token.start..token.end, token.text == *last, None)));
    }
    found
}

/// How many tokens at the end of each beginning of a phrase are its beginning again (Knuth, Morris and Pratt): so each word of
/// a text is looked at once or twice, however much the text and the phrase repeat themselves.
fn repeated(phrase: &[String]) -> Vec<usize> {
    let mut repeated = vec![0; phrase.len()];
    let mut fitting = 0;
    for (at, token) in phrase.iter().enumerate().skip(1) {
        fitting = follow(phrase, &repeated, fitting, token);
        if let Some(place) = repeated.get_mut(at) {
            *place = fitting;
        }
    }
    repeated
}

/// How many tokens of a phrase fit up to this one, if so many fitted before it.
fn follow(phrase: &[String], repeated: &[usize], mut fitting: usize, token: &str) -> usize {
    loop {
        if phrase.get(fitting).is_some_and(|sought| sought == token) {
            return fitting + 1;
        }
        let Some(before) = fitting.checked_sub(1) else { return 0 };
        fitting = repeated.get(before).copied().unwrap_or_default();
    }
}

fn begins(token: &Token, sought: &str, begins: bool) -> bool {
    if begins { token.text.starts_with(sought) } else { token.text == sought }
}

/// Of a pair that was found by its first character, only that fits.
fn end_of(token: &Token, sought: &str) -> usize {
    if token.kind == Kind::Pair && token.text.len() > sought.len() { token.head } else { token.end }
}

#[cfg(test)]
mod tests {
    use super::{super::tokens::tokens, *};

    /// Where a phrase begins, by looking at each place.
    fn everywhere(phrase: &Phrase, tokens: &Tokens) -> Vec<usize> {
        let fits = |window: &[Token]| {
            let (end, first) = window.split_last().unwrap();
            let (last, before) = phrase.tokens.split_last().unwrap();
            begins(end, last, phrase.begins) && first.iter().zip(before).all(|(token, sought)| token.text == *sought)
        };
        let windows = tokens.words.windows(phrase.tokens.len()).enumerate();
        windows.filter(|(_, window)| fits(window)).map(|(at, _)| at).collect()
    }

    #[test]
    fn phrases_are_found_in_texts_that_repeat_themselves() {
        // All texts of ten words and all phrases of up to four, of two words that begin alike.
        let spelled = |number: usize, length: usize| -> Vec<&str> {
            (0..length).map(|bit| if number >> bit & 1 == 1 { "ab" } else { "a" }).collect()
        };
        for text in 0..1 << 10 {
            let tokens = tokens(&spelled(text, 10).join(" "));
            for length in 1..=4 {
                for words in 0..1 << length {
                    for begins in [false, true] {
                        let words = spelled(words, length).into_iter().map(str::to_owned).collect();
                        let phrase = Phrase { tokens: words, begins };
                        let found: Vec<_> = places(&phrase, &tokens).into_iter().filter_map(|(.., at)| at).collect();
                        assert_eq!(found, everywhere(&phrase, &tokens), "{phrase:?} in {text:b}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_phrase_says_where_it_repeats_itself() {
        for (phrase, expected) in [
            ("", vec![]),
            ("a", vec![0]),
            ("a b a b c a", vec![0, 0, 1, 2, 0, 1]),
            ("a a b a a a", vec![0, 1, 0, 1, 2, 2]),
        ] {
            let phrase: Vec<String> = phrase.split_whitespace().map(str::to_owned).collect();
            assert_eq!(repeated(&phrase), expected, "{phrase:?}");
        }
    }
}
