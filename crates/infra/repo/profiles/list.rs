//! Lists of people. The work for a page is bounded: it looks at no more than a certain number of people, of whom some may
//! be hidden or not fit, and the next page continues there.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
};

use clowder_accounts::profiles::{
    Sort, User, UserFilter,
    names::{fold, have_parts},
    ranking::{Candidate, Fit, fit},
};
use clowder_core::{Id, Page, PageRequest, Result, UserId};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        dialect::Conn,
        people::{Viewer, visible_to},
    },
    look,
    search::{self, FEW, parts_of, rarest},
};
use crate::domains::{
    accounts::users,
    presence::Online,
    profiles::{name_grams as grams, name_index as table},
};

/// How many people a page looks at, at most.
const LOOKED_AT: i64 = 2_000;

/// Where a page ends: the id of its last person, and their folded name if that is the order.
type Place = (UserId, String);

pub fn users(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    filter: &UserFilter,
    page: &PageRequest,
) -> Result<Page<User>> {
    let words = filter.search.as_deref().map(fold);
    let words: Option<Vec<&str>> =
        words.as_deref().map(|text| text.split(' ').filter(|word| !word.is_empty()).collect());
    if words.as_ref().is_some_and(Vec::is_empty) {
        // Of what was searched for, nothing is part of names.
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let typos = match words.as_deref() {
        Some(words) => with_typo(conn, viewer, words)?,
        None => BTreeSet::new(),
    };
    let seen = match filter.sort {
        Sort::New => newest(conn, words.as_deref(), &typos, page.id()?)?,
        Sort::Name => by_name(conn, words.as_deref(), &typos, page)?,
    };
    let more = seen.len() as i64 > LOOKED_AT;
    let seen: Vec<Place> = seen.into_iter().take(LOOKED_AT as usize).collect();
    let fitting = fitting(conn, viewer, &seen, words.as_deref(), &typos)?;
    let ids: Vec<UserId> = fitting.iter().take(page.fetch() as usize).map(|(id, _)| *id).collect();
    let shown = look::shown(conn, online, viewer, &ids)?;
    let place = |id: UserId| {
        let place = seen.iter().find(|(seen, _)| *seen == id);
        place.map_or_else(String::new, |(id, name)| written(filter.sort, *id, name))
    };
    let mut page = Page::fill(shown.into_iter().map(Ok), page, |user| place(user.id))?;
    if page.next_cursor.is_none() && more {
        page.next_cursor = seen.last().map(|(id, name)| written(filter.sort, *id, name));
    }
    Ok(page)
}

fn written(sort: Sort, id: UserId, name: &str) -> String {
    match sort {
        Sort::New => id.to_string(),
        Sort::Name => format!("{id}{name}"),
    }
}

/// Those whom the viewer may see and whose name is what is searched for but for one typo; nobody if enough people fit
/// without one.
fn with_typo(conn: &mut Conn, viewer: Viewer, words: &[&str]) -> Result<BTreeSet<UserId>> {
    let seen = newest(conn, Some(words), &BTreeSet::new(), None)?;
    let is_crowd = seen.len() as i64 > LOOKED_AT;
    if is_crowd || fitting(conn, viewer, &seen, Some(words), &BTreeSet::new())?.len() >= FEW {
        return Ok(BTreeSet::new());
    }
    let sought = words.join(" ");
    let near: Vec<UserId> = search::with_typo(conn, &sought)?.into_iter().collect();
    let fits = |(id, username, display_name)| {
        let candidate = Candidate { id, username, display_name, mutual: 0 };
        (fit(&sought, &candidate) == Some(Fit::Typo)).then_some(id)
    };
    Ok(visible_names(conn, viewer, &near)?.into_iter().filter_map(fits).collect())
}

/// The newest people before this one, of those whose names may have these parts, and of those with a typo.
fn newest(
    conn: &mut Conn,
    words: Option<&[&str]>,
    typos: &BTreeSet<UserId>,
    before: Option<UserId>,
) -> Result<Vec<Place>> {
    let before: UserId = before.unwrap_or_else(|| Id::from_uuid(Uuid::max()));
    let mut ids: Vec<UserId> = match words {
        None => {
            let all = users::table.filter(users::id.lt(before)).select(users::id).order(users::id.desc());
            all.limit(LOOKED_AT + 1).load(conn)?
        }
        Some(words) => with_parts(conn, words, before)?,
    };
    ids.extend(typos.range(..before));
    ids.sort_unstable_by_key(|id| Reverse(*id));
    ids.dedup();
    Ok(ids.into_iter().map(|id| (id, String::new())).collect())
}

/// The newest people before this one whose names may have these parts.
fn with_parts(conn: &mut Conn, words: &[&str], before: UserId) -> Result<Vec<UserId>> {
    let Some(gram) = rarest(conn, &parts_of(words))? else { return Ok(Vec::new()) };
    let having = grams::table.filter(grams::gram.eq(gram).and(grams::user_id.lt(before)));
    Ok(having.select(grams::user_id).order(grams::user_id.desc()).limit(LOOKED_AT + 1).load(conn)?)
}

/// People in the order of their names. If few may have the parts that are searched for, or a typo, only these are looked at,
/// so that a page is full at once.
fn by_name(
    conn: &mut Conn,
    words: Option<&[&str]>,
    typos: &BTreeSet<UserId>,
    page: &PageRequest,
) -> Result<Vec<Place>> {
    /// The length of an id.
    const ID: usize = 36;
    let mut query = table::table
        .select((table::user_id, table::display_name))
        .order((table::display_name, table::user_id))
        .limit(LOOKED_AT + 1)
        .into_boxed();
    if let Some(cursor) = page.cursor.as_deref() {
        let (id, name) = cursor.split_at_checked(ID).ok_or_else(PageRequest::wrong)?;
        let id: UserId = id.parse().map_err(|_| PageRequest::wrong())?;
        // The first condition alone is a range of the index.
        let beyond = table::display_name.gt(name.to_owned()).or(table::user_id.gt(id));
        query = query.filter(table::display_name.ge(name.to_owned()).and(beyond));
    }
    if let Some(words) = words {
        let mut few: BTreeSet<UserId> = with_parts(conn, words, Id::from_uuid(Uuid::max()))?.into_iter().collect();
        if few.len() as i64 <= LOOKED_AT {
            few.extend(typos);
            query = query.filter(table::user_id.among(&few));
        }
    }
    Ok(query.load(conn)?)
}

/// Those whom the viewer may see and whose names have these parts, or a typo, in the same order.
fn fitting(
    conn: &mut Conn,
    viewer: Viewer,
    seen: &[Place],
    words: Option<&[&str]>,
    typos: &BTreeSet<UserId>,
) -> Result<Vec<Place>> {
    let ids: Vec<UserId> = seen.iter().map(|(id, _)| *id).collect();
    let fitting: HashSet<UserId> = match words {
        None => {
            let visible = users::table.filter(users::id.among(&ids)).filter(visible_to(viewer));
            visible.select(users::id).load(conn)?.into_iter().collect()
        }
        Some(words) => {
            let names = visible_names(conn, viewer, &ids)?;
            let fits = |(id, username, shown): &(UserId, String, String)| {
                have_parts(&[username, shown], words) || typos.contains(id)
            };
            names.into_iter().filter(fits).map(|(id, ..)| id).collect()
        }
    };
    Ok(seen.iter().filter(|(id, _)| fitting.contains(id)).cloned().collect())
}

/// The folded names of those of these people whom the viewer may see.
fn visible_names(conn: &mut Conn, viewer: Viewer, ids: &[UserId]) -> Result<Vec<(UserId, String, String)>> {
    let visible = users::table.filter(users::id.among(ids)).filter(visible_to(viewer)).select(users::id);
    let visible: Vec<UserId> = visible.load(conn)?;
    let names = table::table.filter(table::user_id.among(&visible));
    Ok(names.select((table::user_id, table::username, table::display_name)).load(conn)?)
}
