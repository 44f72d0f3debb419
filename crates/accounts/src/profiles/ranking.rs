//! How well somebody fits what was searched for.

use std::{cmp::Reverse, fmt};

use clowder_core::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{User, names::has_part};

/// A person who was found. The names are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
    /// Friends in common with the viewer; a friend counts as one of them.
    pub mutual: i64,
}

/// How the names fit, the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// With one typo.
    Typo,
    /// Every word is in a name.
    Part,
    /// Every word is in a name of somebody with friends in common.
    MutualPart,
    /// A name begins with it.
    Prefix,
    /// It is a name.
    Exact,
}

const ALL: [Fit; 5] = [Fit::Typo, Fit::Part, Fit::MutualPart, Fit::Prefix, Fit::Exact];

impl Fit {
    pub const fn score(self) -> f64 {
        match self {
            Self::Exact => 1.0,
            Self::Prefix => 0.8,
            Self::MutualPart => 0.6,
            Self::Part => 0.4,
            Self::Typo => 0.2,
        }
    }
}

/// How somebody fits the folded text; `None` if not at all.
pub fn fit(sought: &str, candidate: &Candidate) -> Option<Fit> {
    let names = [candidate.username.as_str(), candidate.display_name.as_str()];
    if sought.is_empty() {
        return None;
    }
    if names.contains(&sought) {
        return Some(Fit::Exact);
    }
    if names.iter().any(|name| name.starts_with(sought)) {
        return Some(Fit::Prefix);
    }
    if sought.split(' ').all(|word| names.iter().any(|name| has_part(name, word))) {
        return Some(if candidate.mutual > 0 { Fit::MutualPart } else { Fit::Part });
    }
    let words = names.iter().flat_map(|name| std::iter::once(*name).chain(name.split(' ')));
    let mut words = words.filter(|_| sought.chars().count() >= 3);
    words.any(|word| is_one_edit_away(sought, word)).then_some(Fit::Typo)
}

/// The place of somebody who fits, the best first. Among those that fit equally, people with more friends in common come
/// first, then shorter names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub fit: Reverse<Fit>,
    mutual: Reverse<i64>,
    length: usize,
    username: String,
    pub id: UserId,
}

impl Rank {
    fn of(fit: Fit, candidate: Candidate) -> Self {
        let length = candidate.username.len().min(candidate.display_name.len());
        let Candidate { id, username, mutual, .. } = candidate;
        Self { fit: Reverse(fit), mutual: Reverse(mutual), length, username, id }
    }

    /// Reads what was written as text; `None` if it was not.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '.');
        let fit = parts.next()?.parse().ok().and_then(|number: usize| ALL.get(number).copied())?;
        let (mutual, length) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let id = parts.next()?.parse().ok()?;
        Some(Self { fit: Reverse(fit), mutual: Reverse(mutual), length, username: parts.next()?.to_owned(), id })
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fit = ALL.iter().position(|fit| *fit == self.fit.0).unwrap_or_default();
        write!(f, "{fit}.{}.{}.{}.{}", self.mutual.0, self.length, self.id, self.username)
    }
}

/// The candidates that fit, the best first.
pub fn rank(sought: &str, candidates: Vec<Candidate>) -> Vec<Rank> {
    let fitting = candidates.into_iter().filter_map(|candidate| Some(Rank::of(fit(sought, &candidate)?, candidate)));
    let mut fitting: Vec<_> = fitting.collect();
    fitting.sort_unstable();
    fitting
}

/// Whether one character is wrong, missing or too many, or two neighbours are exchanged.
fn is_one_edit_away(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if long.len() - short.len() > 1 || short == long {
        return false;
    }
    let same = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let (short, long) = (short.get(same..).unwrap_or_default(), long.get(same..).unwrap_or_default());
    match (short, long) {
        _ if short.len() < long.len() => long.get(1..) == Some(short),
        ([a, b, short @ ..], [c, d, long @ ..]) if short == long && a == d && b == c => true,
        _ => short.get(1..) == long.get(1..),
    }
}

/// Somebody who was found, and how well they fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Found {
    #[serde(flatten)]
    pub user: User,
    /// Larger for those who fit better: 1 for a whole name, 0.8 for the beginning of one, 0.6 for a part of the name of
    /// somebody with friends in common, 0.4 for a part, 0.2 with a typo. 0 without `q`.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f64,
}

/// What somebody types, and which things besides people may complete it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    pub text: Option<String>,
    pub groups: bool,
    pub chats: bool,
    pub hashtags: bool,
}

impl Sought {
    /// Everything that there is.
    pub const fn of_all_kinds(text: Option<String>) -> Self {
        Self { text, groups: true, chats: true, hashtags: true }
    }
}

/// Something to complete what somebody types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suggestion {
    pub kind: SuggestionKind,
    /// The id of what is suggested; hashtags have none.
    pub id: Option<Uuid>,
    /// What to show.
    #[schema(example = "Ada Lovelace")]
    pub text: String,
}

/// Further kinds may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    User,
    Group,
    /// One of your own.
    Chat,
    /// Of messages of your chats, with its `#`.
    Hashtag,
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    fn candidate(username: &str, display_name: &str, mutual: i64) -> Candidate {
        let id = Id::new(Timestamp::from_micros(1));
        Candidate { id, username: username.to_owned(), display_name: display_name.to_owned(), mutual }
    }

    #[test]
    fn fit_table() {
        let ada = candidate("countess", "ada lovelace", 0);
        let friend = Candidate { mutual: 2, ..ada.clone() };
        for (sought, who, expected) in [
            ("countess", &ada, Some(Fit::Exact)),
            ("ada lovelace", &ada, Some(Fit::Exact)),
            ("a", &ada, Some(Fit::Prefix)),
            ("ada l", &ada, Some(Fit::Prefix)),
            ("lovelace", &ada, Some(Fit::Part)),
            ("lovelace ada", &ada, Some(Fit::Part)),
            ("lo", &ada, Some(Fit::Part)),
            ("velac", &ada, Some(Fit::Part)),
            ("velac", &friend, Some(Fit::MutualPart)),
            ("lovelcae", &ada, Some(Fit::Typo)),
            ("lovelac", &ada, Some(Fit::Part)),
            ("lovelave", &friend, Some(Fit::Typo)),
            ("countes", &ada, Some(Fit::Prefix)),
            ("countesss", &ada, Some(Fit::Typo)),
            ("adda", &ada, Some(Fit::Typo)),
            ("lovecale", &ada, None),
            ("da", &ada, None),
            ("xx", &ada, None),
            ("", &ada, None),
        ] {
            assert_eq!(fit(sought, who), expected, "{sought}");
        }
    }

    #[test]
    fn the_best_come_first() {
        let people = vec![
            candidate("hannah", "hannah", 0),
            candidate("annika", "annika", 0),
            candidate("susanna", "susanna", 3),
            candidate("ana", "ana", 9),
            candidate("annabel", "ann", 0),
            candidate("bob", "bob", 9),
        ];
        let names: Vec<_> = people.iter().map(|person| (person.id, person.username.clone())).collect();
        let name = |id: UserId| names.iter().find(|(known, _)| *known == id).unwrap().1.clone();
        let ranked: Vec<_> = rank("ann", people.clone()).into_iter().map(|rank| name(rank.id)).collect();
        assert_eq!(ranked, ["annabel", "annika", "susanna", "hannah", "ana"]);
    }

    #[test]
    fn places_are_read_as_they_were_written() {
        for who in [candidate("ann", "ann", 0), candidate("a.b.", "anna", 7)] {
            for sought in ["ann", "a.b", "nna"] {
                for rank in rank(sought, vec![who.clone()]) {
                    assert_eq!(Rank::parse(&rank.to_string()), Some(rank));
                }
            }
        }
        for wrong in ["", "7", "5.0.3.01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10.ann", "4.0.3.x.ann", "4.0.-1.ann"] {
            assert_eq!(Rank::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn is_one_edit_away_table() {
        for (one, other, is) in [
            ("ada", "ada", false),
            ("ada", "aada", true),
            ("ada", "adaa", true),
            ("ada", "da", true),
            ("ada", "xda", true),
            ("ada", "aad", true),
            ("ada", "daa", true),
            ("abcd", "badc", false),
            ("ada", "adabc", false),
            ("ada", "xyz", false),
        ] {
            assert!(is_one_edit_away(one, other) == is && is_one_edit_away(other, one) == is, "{one} {other}");
        }
    }
}
