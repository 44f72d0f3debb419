//! Which of what is found comes first: what fits best, and of that what is newest. Both databases find; this alone ranks, so
//! that the order is the same on both.

use std::{collections::BTreeMap, time::Duration};

use super::{matching::Hit, tokens::Tokens};

/// After this time, that a message is new counts half.
const HALF_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many words a usual message has: in longer ones, a word counts less.
const USUAL: f64 = 20.0;

/// Between 0 and 1; half of it is how well a text fits, the rest how closely together it has what is sought, and how new it is.
pub fn score(tokens: &Tokens, hits: &[Hit], terms: usize, age: Duration) -> f64 {
    let mut by_term = BTreeMap::<usize, (f64, f64)>::new();
    for hit in hits {
        let (best, count) = by_term.entry(hit.term).or_default();
        *best = best.max(if hit.whole { 1.0 } else { 0.6 });
        *count += 1.0;
    }
    // As in BM25: more often is better, but less and less so, and in a long text it is no surprise.
    let length = 0.25 + 0.75 * tokens.words.len() as f64 / USUAL;
    let fit = |(best, count): &(f64, f64)| best * count / (count + 0.4 * length);
    let fit: f64 = by_term.values().map(fit).sum::<f64>() / terms.max(1) as f64;
    let recency = 0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64());
    // What people see is not of more digits than it means.
    let score = 0.5 * fit + 0.2 * closeness(hits, terms) + 0.3 * recency;
    (score * 10_000.0).round() / 10_000.0
}

/// 1 if all terms stand next to each other in the order of the search, less the further they are apart.
fn closeness(hits: &[Hit], terms: usize) -> f64 {
    if terms < 2 {
        return 1.0;
    }
    // The smallest stretch that has all terms, over the places of words.
    let places: Vec<(usize, usize)> = hits.iter().filter_map(|hit| Some((hit.at?, hit.term))).collect();
    let (mut counts, mut have, mut left, mut best) = (vec![0_usize; terms], 0, 0, None::<usize>);
    for &(at, term) in &places {
        let Some(count) = counts.get_mut(term) else { continue };
        *count += 1;
        have += usize::from(*count == 1);
        while have == terms
            && let Some(&(from, first)) = places.get(left)
        {
            let stretch = at.saturating_sub(from) + 1;
            best = Some(best.map_or(stretch, |best| best.min(stretch)));
            left += 1;
            if let Some(count) = counts.get_mut(first) {
                *count -= 1;
                have -= usize::from(*count == 0);
            }
        }
    }
    let in_order = places.windows(terms).any(|window| {
        let first = window.first().map_or(0, |(at, _)| *at);
        window.iter().enumerate().all(|(index, (at, term))| *term == index && *at == first + index)
    });
    let close = best.map_or(0.0, |stretch| terms as f64 / stretch.max(terms) as f64);
    if in_order { 1.0 } else { 0.8 * close }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{query::Sought, tokens::tokens},
        *,
    };

    fn of(text: &str, query: &str, days: u64) -> f64 {
        let (tokens, sought) = (tokens(text), Sought::parse(query).unwrap());
        score(&tokens, &sought.hits(&tokens), sought.terms.len(), Duration::from_secs(days * 24 * 3600))
    }

    #[test]
    fn what_fits_better_comes_first() {
        let long = format!("lunch {}", "and other words ".repeat(40));
        for (query, better, worse) in [
            ("lunch", ("lunch", 0), ("lunch", 30)),
            ("lunch", ("lunch", 0), ("luncheon", 0)),
            ("lunch", ("lunch", 0), (long.as_str(), 0)),
            ("lunch", ("lunch, lunch, lunch!", 0), ("lunch or not, who knows", 0)),
            ("late lunch", ("a late lunch today", 0), ("late we had no lunch", 0)),
            ("late lunch", ("a late lunch today", 0), ("a lunch late today", 0)),
            ("late lunch", ("late at lunch", 0), ("late in the morning, no time for lunch", 0)),
            ("lunch", ("lunch", 400), ("this luncheon is a very long one that nobody wanted to go to at all", 400)),
        ] {
            let (one, other) = (of(better.0, query, better.1), of(worse.0, query, worse.1));
            assert!(one > other, "{query}: {better:?} {one} {worse:?} {other}");
        }
    }

    #[test]
    fn a_score_is_between_0_and_1() {
        for text in ["lunch", "lunch lunch lunch lunch", "launch", ""] {
            let score = of(text, "lunch", 0);
            assert!((0.0..=1.0).contains(&score), "{score}");
        }
    }
}
