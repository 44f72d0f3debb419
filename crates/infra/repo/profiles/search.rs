//! Finds people by their names, the best first. The work is bounded: each way to find somebody gives a limited number of
//! candidates, which are then ranked together.

use std::collections::{BTreeSet, HashMap};

use clowder_accounts::profiles::{
    names::{fold, grams_of_part, grams_of_typo, whole},
    ranking::{Candidate, Found, Rank, rank},
};
use clowder_core::{Page, PageRequest, Result, UserId, page::MAX_LIMIT};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        among::AmongIds,
        dialect::Conn,
        friends::mutual,
        people::{Viewer, visible_to},
    },
    look, near,
};
use crate::domains::{
    accounts::users,
    friends::{FriendIds, FriendLists, friendships},
    presence::Online,
    profiles::{name_grams as grams, name_index as table},
};

/// How many people are found, at most.
const MOST: usize = MAX_LIMIT as usize;
/// How many names that begin with the text are considered, of usernames and display names each.
const PREFIXES: i64 = 200;
/// How many people are considered who have a word that begins with a word of the text; more if they must have others, too.
const BY_ONE_WORD: i64 = 200;
const BY_WORD: i64 = 500;
/// How many people are looked at together, whether the viewer may see them.
const PIECE: usize = 100;
/// A typo is only assumed if fewer people fit without one.
pub const FEW: usize = 20;
/// How many people are looked at if nobody in particular is sought.
const NEWEST: i64 = 2_000;
/// How many people are considered for a gram: the newest.
const BY_GRAM: i64 = 1_000;
/// How many people are considered for a gram that is all that is sought.
const BY_ONE_GRAM: i64 = 300;
/// How many grams are compared for their number of people.
const COMPARED: usize = 12;

pub fn search(
    conn: &mut Conn,
    online: &Online,
    lists: &FriendLists,
    viewer: Viewer,
    sought: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Found>> {
    let Some(sought) = sought.map(fold) else {
        let before: Option<UserId> = page.id()?;
        let mut newest = newest(conn, viewer)?;
        newest.retain(|id| before.is_none_or(|before| *id < before));
        let shown = look::shown(conn, online, viewer, first(&newest, page))?.into_iter();
        let items = shown.map(|user| Ok(Found { score: 0.0, user }));
        return Page::fill(items, page, |found| found.user.id.to_string());
    };
    let after = page.cursor.as_deref().map(|cursor| Rank::parse(cursor).ok_or_else(PageRequest::wrong)).transpose()?;
    // One more than the page shows, so that it is known whether there is another. What comes before it is not known.
    let wanted = if after.is_some() { MOST } else { MOST.min(page.limit as usize + 1) };
    let mut ranks = ranked(conn, lists, viewer, &sought, wanted)?;
    ranks.retain(|rank| after.as_ref().is_none_or(|after| rank > after));
    let ids: Vec<UserId> = ranks.iter().map(|rank| rank.id).collect();
    let ranks: HashMap<UserId, Rank> = ranks.into_iter().map(|rank| (rank.id, rank)).collect();
    let score = |user: UserId| ranks.get(&user).map_or(0.0, |rank| rank.fit.0.score());
    let shown = look::shown(conn, online, viewer, first(&ids, page))?.into_iter();
    let items = shown.map(|user| Ok(Found { score: score(user.id), user }));
    Page::fill(items, page, |found| ranks.get(&found.user.id).map_or_else(String::new, Rank::to_string))
}

/// As many as a page needs.
fn first<'i>(ids: &'i [UserId], page: &PageRequest) -> &'i [UserId] {
    ids.get(..page.fetch() as usize).unwrap_or(ids)
}

/// The people who are found, the best first: at least so many as are wanted, if there are.
pub fn found(
    conn: &mut Conn,
    lists: &FriendLists,
    viewer: Viewer,
    sought: Option<&str>,
    wanted: usize,
) -> Result<Vec<UserId>> {
    match sought.map(fold) {
        Some(sought) => Ok(ranked(conn, lists, viewer, &sought, wanted)?.into_iter().map(|rank| rank.id).collect()),
        None => newest(conn, viewer),
    }
}

fn newest(conn: &mut Conn, viewer: Viewer) -> Result<Vec<UserId>> {
    let newest: Vec<UserId> = users::table.order(users::id.desc()).limit(NEWEST).select(users::id).load(conn)?;
    let newest = users::table.filter(users::id.eq_any(newest)).filter(visible_to(viewer)).order(users::id.desc());
    Ok(newest.limit(MOST as i64).select(users::id).load(conn)?)
}

/// The people whose names fit, with their places.
fn ranked(conn: &mut Conn, lists: &FriendLists, viewer: Viewer, sought: &str, wanted: usize) -> Result<Vec<Rank>> {
    if sought.is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<&str> = sought.split(' ').collect();
    let parts = parts_of(&words);
    let friends = mutual::friends_of(conn, lists, &[viewer.id])?.remove(&viewer.id);
    let (mut ids, is_crowd) = beginning(conn, sought, &words)?;
    let mut search = Search { conn, lists, viewer, sought, friends, near: BTreeSet::new(), wanted };
    if is_crowd {
        ids.extend(search.friends_and_theirs(&parts)?);
    }
    let (mut ranked, fitting) = search.rank(&ids)?;
    if fitting < MOST {
        let known = ids.len();
        let (with_gram, is_cut) = by_grams(search.conn, &parts)?;
        if is_cut && !is_crowd {
            ids.extend(search.friends_and_theirs(&parts)?);
        }
        ids.extend(with_gram);
        if ids.len() > known {
            (ranked, _) = search.rank(&ids)?;
        }
    }
    if ranked.len() < FEW {
        let mut others = with_typo(search.conn, sought)?;
        others.retain(|id| !ranked.iter().any(|known| known.id == *id));
        ranked.extend(search.rank(&others)?.0);
    }
    ranked.sort_unstable();
    ranked.truncate(MOST);
    Ok(ranked)
}

/// People who may have the text with one typo as their name, or as a word of it.
pub fn with_typo(conn: &mut Conn, sought: &str) -> Result<BTreeSet<UserId>> {
    let mut found = BTreeSet::new();
    for parts in grams_of_typo(sought) {
        found.extend(by_grams(conn, &parts)?.0);
    }
    Ok(found)
}

/// One search of one person.
struct Search<'s> {
    conn: &'s mut Conn,
    lists: &'s FriendLists,
    viewer: Viewer,
    sought: &'s str,
    /// The friends of the viewer, if there are any.
    friends: Option<FriendIds>,
    /// Friends of friends who would be lost in a crowd.
    near: BTreeSet<UserId>,
    /// How many are to be found at least, if there are so many.
    wanted: usize,
}

impl Search<'_> {
    /// The friends of the viewer with the last of these grams, and some of their friends.
    fn friends_and_theirs(&mut self, parts: &BTreeSet<String>) -> Result<Vec<UserId>> {
        let Some(gram) = parts.last().filter(|_| self.friends.is_some()) else { return Ok(Vec::new()) };
        self.near = near::with_gram(self.conn, self.viewer, gram)?;
        let mut found = friends_with(self.conn, self.viewer.id, gram)?;
        found.extend(&self.near);
        Ok(found)
    }

    /// Those of these people who fit and whom the viewer may see, the best first, and how many fit at all. Whether they may
    /// be seen is only asked of those who fit best, until enough are found.
    fn rank(&mut self, ids: &BTreeSet<UserId>) -> Result<(Vec<Rank>, usize)> {
        let names = table::table.filter(table::user_id.among(ids));
        let names: Vec<(UserId, String, String)> =
            names.select((table::user_id, table::username, table::display_name)).load(self.conn)?;
        let is_friend = |id| self.friends.as_ref().is_some_and(|friends| friends.binary_search(&id).is_ok());
        let candidate = |(id, username, display_name)| {
            (id, Candidate { id, username, display_name, mutual: i64::from(is_friend(id)) })
        };
        let mut candidates: HashMap<UserId, Candidate> = names.into_iter().map(candidate).collect();
        let fitting = rank(self.sought, candidates.values().cloned().collect());
        let fitting: Vec<UserId> = fitting.into_iter().map(|rank| rank.id).collect();
        let mut best = Vec::new();
        for piece in fitting.chunks(PIECE) {
            let first = best.is_empty();
            let near = self.near.iter().filter(|id| first && candidates.contains_key(id));
            let piece: BTreeSet<UserId> = piece.iter().chain(near).copied().collect();
            let seen = users::table.filter(users::id.among(&piece)).filter(visible_to(self.viewer)).select(users::id);
            let mut seen: Vec<Candidate> =
                seen.load::<UserId>(self.conn)?.iter().filter_map(|id| candidates.remove(id)).collect();
            if let Some(friends) = self.friends.as_ref().filter(|_| first) {
                near::add_mutual(self.conn, self.lists, self.viewer, friends, &mut seen)?;
            }
            best.extend(seen);
            if best.len() >= self.wanted.max(FEW) {
                break;
            }
        }
        Ok((rank(self.sought, best), fitting.len()))
    }
}

/// People with a name or with a word that begins with the text, and whether there are more of them than are considered.
fn beginning(conn: &mut Conn, sought: &str, words: &[&str]) -> Result<(BTreeSet<UserId>, bool)> {
    let mut ids: BTreeSet<UserId> = by_prefix(conn, sought)?.into_iter().collect();
    let most = if words.len() == 1 { BY_ONE_WORD } else { BY_WORD };
    let with_word = by_word(conn, words, most)?;
    let is_crowd = with_word.len() as i64 == most;
    ids.extend(with_word);
    Ok((ids, is_crowd))
}

/// People with a word that begins with the longest of these words.
fn by_word(conn: &mut Conn, words: &[&str], most: i64) -> Result<Vec<UserId>> {
    let Some(longest) = words.iter().max_by_key(|word| word.chars().count()) else { return Ok(Vec::new()) };
    let (from, to) = beginning_with(&whole(longest));
    let known = grams::table.filter(grams::gram.ge(from).and(grams::gram.lt(to)));
    Ok(known.order((grams::gram, grams::user_id)).select(grams::user_id).limit(most).load(conn)?)
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

/// People who have the rarest of these grams, and whether there are more of them than are considered.
fn by_grams(conn: &mut Conn, parts: &BTreeSet<String>) -> Result<(Vec<UserId>, bool)> {
    let Some(gram) = rarest(conn, parts)? else { return Ok((Vec::new(), false)) };
    // Whoever has the only gram fits, so that fewer are enough.
    let most = if parts.len() == 1 { BY_ONE_GRAM } else { BY_GRAM };
    let newest = grams::table.filter(grams::gram.eq(gram)).select(grams::user_id).order(grams::user_id.desc());
    let newest: Vec<UserId> = newest.limit(most).load(conn)?;
    let is_cut = newest.len() as i64 == most;
    Ok((newest, is_cut))
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
