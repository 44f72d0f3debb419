//! Finds people by their names, the best first. The work is bounded: each way to find somebody gives a limited number of
//! candidates, which are then ranked together.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use clowder_accounts::profiles::{
    names::{fold, grams_of_part, grams_of_typo, whole},
    ranking::{Candidate, Found, Suggestion, SuggestionKind, rank},
};
use clowder_core::{Error, Page, PageRequest, Result, UserId, page::MAX_LIMIT};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        dialect::Conn,
        friends,
        people::{Viewer, visible_to},
    },
    look, near,
};
use crate::domains::{
    accounts::users,
    friends::friendships,
    presence::Online,
    profiles::{name_grams as grams, name_index as table},
};

/// How many people are found, at most.
const MOST: usize = MAX_LIMIT as usize;
/// How many names that begin with the text are considered, of usernames and display names each.
const PREFIXES: i64 = 200;
/// How many people are considered who have a word that begins with a word of the text.
const BY_WORD: i64 = 500;
/// A typo is only assumed if fewer people fit without one.
const FEW: usize = 20;
/// How many people are looked at if nobody in particular is sought.
const NEWEST: i64 = 2_000;
/// How many people are considered for a gram: the newest.
const BY_GRAM: i64 = 1_000;
/// How many grams are compared for their number of people.
const COMPARED: usize = 12;

pub fn search(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    sought: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Found>> {
    let ranked = Page::of_all(&found(conn, viewer, sought)?, page)?;
    let ids: Vec<UserId> = ranked.items.iter().map(|(id, _)| *id).collect();
    let scores: HashMap<_, _> = ranked.items.iter().copied().collect();
    let shown = look::shown(conn, online, viewer, &ids)?.into_iter();
    let items = shown.map(|user| Found { score: scores.get(&user.id).copied().unwrap_or(0.0), user }).collect();
    Ok(Page { items, next_cursor: ranked.next_cursor })
}

pub fn suggest(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    sought: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Suggestion>> {
    let page = search(conn, online, viewer, sought, page)?;
    Ok(page.map(|Found { user, .. }| Suggestion { kind: SuggestionKind::User, id: user.id, text: user.display_name }))
}

/// The people who are found, with their scores.
fn found(conn: &mut Conn, viewer: Viewer, sought: Option<&str>) -> Result<Vec<(UserId, f64)>> {
    let Some(sought) = sought.map(fold) else {
        let newest: Vec<UserId> = users::table.order(users::id.desc()).limit(NEWEST).select(users::id).load(conn)?;
        let newest = users::table.filter(users::id.eq_any(newest)).filter(visible_to(viewer)).order(users::id.desc());
        let newest: Vec<UserId> = newest.limit(MOST as i64).select(users::id).load(conn)?;
        return Ok(newest.into_iter().map(|id| (id, 0.0)).collect());
    };
    if sought.is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<&str> = sought.split(' ').collect();
    let parts = parts_of(&words);
    let has_friends = friends::count(conn, viewer.id)? > 0;
    let unseen = if has_friends { friends::unseen(conn, viewer)? } else { HashSet::new() };
    let candidates = |conn: &mut Conn, ids: &BTreeSet<UserId>, near: &BTreeSet<UserId>| {
        let mut candidates = candidates(conn, viewer, ids)?;
        if has_friends {
            near::add_mutual(conn, viewer, &mut candidates, &sought, near, &unseen)?;
        }
        Ok::<_, Error>(candidates)
    };
    // Friends of friends, who would be lost in a crowd.
    let mut near = BTreeSet::new();
    let mut ids: BTreeSet<UserId> = by_prefix(conn, &sought)?.into_iter().collect();
    let with_word = by_word(conn, &words)?;
    let crowd = with_word.len() as i64 == BY_WORD;
    ids.extend(with_word);
    if let Some(gram) = parts.last().filter(|_| has_friends) {
        ids.extend(friends_with(conn, viewer.id, gram)?);
        if crowd {
            near = near::with_gram(conn, viewer, gram)?;
            ids.extend(&near);
        }
    }
    let mut ranked = rank(&sought, candidates(conn, &ids, &near)?);
    if ranked.len() < MOST {
        let known = ids.len();
        let with_gram = by_grams(conn, &parts)?;
        if let Some(gram) = parts.last().filter(|_| has_friends && !crowd && with_gram.len() as i64 == BY_GRAM) {
            near = near::with_gram(conn, viewer, gram)?;
            ids.extend(&near);
        }
        ids.extend(with_gram);
        if ids.len() > known {
            ranked = rank(&sought, candidates(conn, &ids, &near)?);
        }
    }
    if ranked.len() < FEW {
        let mut others = BTreeSet::new();
        for parts in grams_of_typo(&sought) {
            others.extend(by_grams(conn, &parts)?);
        }
        others.retain(|id| !ranked.iter().any(|(known, _)| known == id));
        ranked.extend(rank(&sought, candidates(conn, &others, &near)?));
    }
    ranked.sort_by_key(|(_, fit)| Reverse(*fit));
    Ok(ranked.into_iter().take(MOST).map(|(id, fit)| (id, fit.score())).collect())
}

/// People with a word that begins with the longest of these words.
fn by_word(conn: &mut Conn, words: &[&str]) -> Result<Vec<UserId>> {
    let Some(longest) = words.iter().max_by_key(|word| word.chars().count()) else { return Ok(Vec::new()) };
    let (from, to) = beginning_with(&whole(longest));
    let known = grams::table.filter(grams::gram.ge(from).and(grams::gram.lt(to)));
    Ok(known.order((grams::gram, grams::user_id)).select(grams::user_id).limit(BY_WORD).load(conn)?)
}

/// The friends of somebody who have this gram.
fn friends_with(conn: &mut Conn, user: UserId, gram: &str) -> Result<Vec<UserId>> {
    let having = grams::table.filter(grams::gram.eq(gram).and(grams::user_id.eq(friendships::friend_id)));
    let friends = friendships::table.filter(friendships::user_id.eq(user)).filter(exists(having));
    Ok(friends.select(friendships::friend_id).load(conn)?)
}

/// The range of all texts that begin with this one.
fn beginning_with(text: &str) -> (String, String) {
    (text.to_owned(), format!("{text}\u{10ffff}"))
}

/// The grams that lead to names with all these parts.
pub fn parts_of(words: &[&str]) -> BTreeSet<String> {
    words.iter().flat_map(|word| grams_of_part(word)).collect()
}

/// The gram with the fewest people, as far as they are counted.
pub fn rarest(conn: &mut Conn, parts: &BTreeSet<String>) -> Result<Option<String>> {
    if parts.len() <= 1 {
        return Ok(parts.first().cloned());
    }
    let mut rarest = None::<(i64, &String)>;
    // The longest first: a gram of one character leads to most people.
    let mut grams: Vec<&String> = parts.iter().collect();
    grams.sort_by_key(|gram| std::cmp::Reverse(gram.chars().count()));
    for gram in grams.into_iter().take(COMPARED) {
        let most = rarest.map_or(BY_GRAM, |(count, _)| count);
        let some = grams::table.filter(grams::gram.eq(gram)).select(grams::user_id).limit(most);
        let count = some.load::<UserId>(conn)?.len() as i64;
        if rarest.is_none_or(|(least, _)| count < least) {
            rarest = Some((count, gram));
        }
        if count == 0 {
            break;
        }
    }
    Ok(rarest.map(|(_, gram)| gram.clone()))
}

/// People who have the rarest of these grams.
fn by_grams(conn: &mut Conn, parts: &BTreeSet<String>) -> Result<Vec<UserId>> {
    let Some(gram) = rarest(conn, parts)? else { return Ok(Vec::new()) };
    let newest = grams::table.filter(grams::gram.eq(gram)).select(grams::user_id).order(grams::user_id.desc());
    Ok(newest.limit(BY_GRAM).load(conn)?)
}

/// People whose names begin with the text, in the order of their names.
fn by_prefix(conn: &mut Conn, sought: &str) -> Result<Vec<UserId>> {
    let (from, to) = beginning_with(sought);
    let usernames = table::table
        .filter(table::username.ge(&from).and(table::username.lt(&to)))
        .order((table::username, table::user_id))
        .select(table::user_id)
        .limit(PREFIXES);
    let mut ids: Vec<UserId> = usernames.load(conn)?;
    let shown = table::table
        .filter(table::display_name.ge(&from).and(table::display_name.lt(&to)))
        .order((table::display_name, table::user_id))
        .select(table::user_id)
        .limit(PREFIXES);
    ids.extend(shown.load::<UserId>(conn)?);
    Ok(ids)
}

/// The folded names of those of these people whom the viewer may see.
pub fn visible_names(
    conn: &mut Conn,
    viewer: Viewer,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<Vec<(UserId, String, String)>> {
    let visible = users::table.filter(users::id.eq_any(ids)).filter(visible_to(viewer)).select(users::id);
    let visible: Vec<UserId> = visible.load(conn)?;
    let names = table::table.filter(table::user_id.eq_any(visible));
    Ok(names.select((table::user_id, table::username, table::display_name)).load(conn)?)
}

/// Those of these people whom the viewer may see.
fn candidates(conn: &mut Conn, viewer: Viewer, ids: &BTreeSet<UserId>) -> Result<Vec<Candidate>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = visible_names(conn, viewer, ids.iter().copied())?;
    let candidate = |(id, username, display_name)| Candidate { id, username, display_name, mutual: 0 };
    Ok(rows.into_iter().map(candidate).collect())
}
