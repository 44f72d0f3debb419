//! What is in the text of a message: mentions, hashtags, links and email addresses. Pure, and linear in the length of the
//! text. Places are counted in characters (Unicode scalar values), so that clients need no parser.

use std::collections::BTreeSet;

use clowder_core::{
    UserId,
    name::{is_digit, is_invisible, is_letter, is_mark},
    text::folded,
};
use linkify::{LinkFinder, LinkKind};
use serde::{Deserialize, Serialize};

/// How many of them one message has; what follows is plain text.
pub const MOST: usize = 100;
/// How many characters a username has at least and at most.
const NAME: std::ops::RangeInclusive<usize> = 3..=30;
/// How long a hashtag is at most, without its `#`.
const LONGEST_TAG: usize = 100;
/// The word that mentions everybody.
const ALL: &str = "all";
/// From here on, scripts do without spaces between words, or attach particles to names.
const WITHOUT_SPACES: char = '\u{e00}';

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageEntityType)]
pub enum EntityType {
    Mention,
    MentionAll,
    Hashtag,
    Link,
    Email,
}

/// A part of the text of a message that is more than text. Offsets and lengths count characters (Unicode scalar values),
/// neither octets nor UTF-16 units. Entities are in the order of the text and never overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageEntity)]
pub struct Entity {
    #[serde(rename = "type")]
    pub kind: EntityType,
    /// The first character, counted from 0, in characters (Unicode scalar values).
    #[schema(minimum = 0, maximum = 7999)]
    pub offset: u32,
    /// How many characters it has, with its `@` or `#`.
    #[schema(minimum = 1, maximum = 8000)]
    pub length: u32,
    /// Who is mentioned, whatever they are called by now; only in a `mention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId, required = false)]
    pub user_id: Option<UserId>,
    /// Where a `link` leads: only `http` and `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "https://example.org/menu")]
    pub url: Option<String>,
    /// The `hashtag` without its `#`, as tags are compared: small letters without accents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, max_length = 100, example = "lunch")]
    pub tag: Option<String>,
}

/// An entity that was found in a text; of a mention, who it may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: EntityType,
    pub offset: u32,
    pub length: u32,
    /// The names that a mention may mean, the longest first, each with the length of its entity.
    pub names: Vec<(String, u32)>,
}

/// The first [`MOST`] entities of a text, in its order. A mention is only one if somebody has the name.
pub fn find(text: &str) -> Vec<Found> {
    let (has_at, has_link) = (text.contains('@'), text.contains("://"));
    if !has_at && !has_link && !text.contains('#') {
        return Vec::new();
    }
    let links = if has_at || has_link { links(text) } else { Vec::new() };
    let mut links = links.into_iter().peekable();
    let (mut found, mut before, mut offset) = (Vec::new(), None, 0);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if found.len() == MOST {
            break;
        }
        let place = text.len() - rest.len();
        let (kind, octets, names) = if let Some((_, end, kind)) = links.next_if(|(start, ..)| *start == place) {
            (Some(kind), end - place, Vec::new())
        } else {
            // Neither begins within a word, nor within a link.
            let next = links.peek().map_or(text.len(), |(start, ..)| *start);
            let within = &text[place + c.len_utf8()..next.max(place + c.len_utf8())];
            match c {
                '@' if may_precede(before) => mention(within),
                '#' if may_precede(before) => tag(within).map(|tag| (Some(EntityType::Hashtag), tag + 1, Vec::new())),
                _ => None,
            }
            .unwrap_or((None, c.len_utf8(), Vec::new()))
        };
        let passed = &rest[..octets];
        let length = count(passed);
        if let Some(kind) = kind {
            found.push(Found { kind, offset, length, names });
        }
        before = passed.chars().next_back();
        offset += length;
        rest = &rest[octets..];
    }
    found
}

/// Where links and email addresses are, in octets.
fn links(text: &str) -> Vec<(usize, usize, EntityType)> {
    let links = LinkFinder::new();
    let links = links.links(text).filter_map(|link| {
        let kind = match link.kind() {
            LinkKind::Url if leads_to_the_web(link.as_str()) => EntityType::Link,
            LinkKind::Email => EntityType::Email,
            _ => return None,
        };
        Some((link.start(), link.end(), kind))
    });
    links.take(MOST).collect()
}

/// What a client opens must not be able to run anything.
fn leads_to_the_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// Whether a mention or a hashtag may follow this character.
fn may_precede(before: Option<char>) -> bool {
    before.is_none_or(|c| !is_of_a_word(c) && !matches!(c, '@' | '#' | '/' | '&'))
}

fn is_of_a_word(c: char) -> bool {
    c == '_'
        || c.is_ascii_alphanumeric()
        || !c.is_ascii() && (is_letter(c) || is_digit(c) || is_mark(c)) && !is_invisible(c)
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// What may be a mention: what it is if that needs no look at anybody, how long it is in octets, and the names that it may be,
/// each with its length in characters.
type Candidate = (Option<EntityType>, usize, Vec<(String, u32)>);

/// What begins with an `@`, which comes before this text.
fn mention(after: &str) -> Option<Candidate> {
    let run = after.find(|c| !is_of_a_word(c) && !matches!(c, '.' | '-')).unwrap_or(after.len());
    let run = &after[..run];
    // What follows an address is none: `@ada@example.org`.
    if after[run.len()..].starts_with('@') || !run.starts_with(|c| is_letter(c) || is_digit(c)) {
        return None;
    }
    // A stop or a hyphen at the end belongs to the sentence, and an underscore to what emphasises it.
    let whole = run.trim_end_matches(['.', '-', '_']);
    if whole.eq_ignore_ascii_case(ALL) {
        return Some((Some(EntityType::MentionAll), whole.len() + 1, Vec::new()));
    }
    let first = if whole.starts_with(|c: char| c.is_ascii()) { whole.find(|c| c >= WITHOUT_SPACES) } else { None };
    let shorter = first.map(|end| whole[..end].trim_end_matches(['.', '-', '_']));
    let names = [Some(whole), shorter].into_iter().flatten().map(|name| (name, name.chars().count()));
    let names = names.filter(|(_, length)| NAME.contains(length));
    let names: Vec<_> = names.map(|(name, length)| (name.to_owned(), length as u32 + 1)).collect();
    if shorter.is_some_and(|name| name.eq_ignore_ascii_case(ALL)) {
        return Some((Some(EntityType::MentionAll), ALL.len() + 1, Vec::new()));
    }
    (!names.is_empty()).then_some((Some(EntityType::Mention), whole.len() + 1, names))
}

/// How many octets of this text are a hashtag, whose `#` comes before it.
fn tag(after: &str) -> Option<usize> {
    let mut end = 0;
    let (mut length, mut has_letter, mut joiner) = (0, false, false);
    let mut last = ' ';
    for (place, c) in after.char_indices() {
        if is_of_a_word(c) {
            // Between letters of some scripts, such as Persian, joiners belong to the word.
            length += 1 + usize::from(joiner);
            has_letter |= is_letter(c);
            (end, joiner, last) = (place + c.len_utf8(), false, c);
        } else if matches!(c, '\u{200c}' | '\u{200d}') && !joiner && is_letter(last) && !last.is_ascii() {
            joiner = true;
        } else {
            break;
        }
        if length > LONGEST_TAG {
            return None;
        }
    }
    // Some letters become many when they are folded.
    (has_letter && tag_of(&after[..end]).chars().count() <= LONGEST_TAG).then_some(end)
}

/// A hashtag as it is compared.
pub fn tag_of(text: &str) -> String {
    folded(text.trim_start_matches('#')).replace(' ', "_")
}

/// The hashtags of a text, each once.
pub fn tags(text: &str) -> BTreeSet<String> {
    let tags = find(text).into_iter().filter(|found| found.kind == EntityType::Hashtag);
    let letters: Vec<char> = text.chars().collect();
    let written =
        |found: Found| letters.iter().skip(found.offset as usize).take(found.length as usize).collect::<String>();
    tags.map(|found| tag_of(&written(found))).collect()
}

#[cfg(test)]
mod tests;
