//! Lists of the people in a chat, by role and then by name. The work for a page is bounded: in a chat of a few thousand
//! people everybody with a role is looked at; in a larger one, people are taken from the index of names, and a page looks at
//! no more than a certain number of them.

use std::collections::{HashMap, HashSet};

use clowder_accounts::profiles::names::fold;
use clowder_core::{
    ChatId, Page, PageRequest, Result, Timestamp, UserId, Word,
    words::{end_of, words},
};
use clowder_messaging::{
    ChatRole, Participant,
    participants::{PeopleFilter, is_staff},
    policy::{Action, allow},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{
    cards::Cards,
    chats::hold::IS_STAFF,
    dialect::Conn,
    messaging::{finding::begin_words, messages::Membership},
};
use crate::domains::{
    messaging::{chats as table, participants},
    profiles::name_index,
};

/// Up to so many people, all with a role are looked at.
const FEW: i64 = 2_000;
/// How many people of the index a page looks at, at most.
const LOOKED_AT: i64 = 2_000;

const ROLES: [ChatRole; 4] = [ChatRole::Owner, ChatRole::Admin, ChatRole::Member, ChatRole::Subscriber];

/// Somebody's place in the order: their role, their folded name, their id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place(ChatRole, String, UserId);

/// The length of an id.
const ID: usize = 36;

impl Place {
    fn written(&self) -> String {
        format!("{}.{}{}", self.0.as_str(), self.2, self.1)
    }

    fn read(cursor: &str) -> Option<Self> {
        let (role, rest) = cursor.split_once('.')?;
        let (id, name) = rest.split_at_checked(ID)?;
        Some(Self(ChatRole::parse_word(role).ok()?, name.to_owned(), id.parse().ok()?))
    }
}

pub fn list(
    conn: &mut Conn,
    viewer: UserId,
    chat: ChatId,
    filter: &PeopleFilter,
    page: &PageRequest,
) -> Result<Page<Participant>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, Action::SeePeople)?;
    let people: i64 = table::table.find(chat).select(table::participant_count).first(conn)?;
    let after = page.cursor.as_deref().map(|cursor| Place::read(cursor).ok_or_else(PageRequest::wrong)).transpose()?;
    let wanted = filter.search.as_deref().map(words);
    let (mut found, mut ended) = (Vec::new(), None);
    for role in ROLES.into_iter().filter(|role| filter.role.is_none_or(|wanted| wanted == *role)) {
        let after = match &after {
            Some(after) if after.0 > role => continue,
            after => after.as_ref().filter(|after| after.0 == role),
        };
        let room = page.limit as usize + 1 - found.len();
        if is_staff(role) || people <= FEW {
            found.extend(few(conn, chat, role, wanted.as_deref(), after)?.into_iter().take(room));
        } else {
            let prefix = filter.search.as_deref().map(fold);
            let (some, last) = many(conn, chat, role, prefix.as_deref(), after, room)?;
            found.extend(some);
            ended = last;
        }
        if found.len() > page.limit as usize || ended.is_some() {
            break;
        }
    }
    shown(conn, chat, found, ended, page)
}

/// Everybody with a role after a place, in order. Who has no name, because their account was erased, comes first.
fn few(
    conn: &mut Conn,
    chat: ChatId,
    role: ChatRole,
    wanted: Option<&[String]>,
    after: Option<&Place>,
) -> Result<Vec<Place>> {
    let mut query = participants::table
        .left_join(name_index::table.on(name_index::user_id.eq(participants::user_id)))
        .filter(participants::chat_id.eq(chat).and(participants::role.eq(role.as_str())))
        .select((participants::user_id, name_index::display_name.nullable(), name_index::username.nullable()))
        .into_boxed();
    if is_staff(role) {
        query = query.filter(IS_STAFF);
    }
    let rows: Vec<(UserId, Option<String>, Option<String>)> = query.load(conn)?;
    let fits = |name: &Option<String>| {
        let Some(wanted) = wanted else { return true };
        !wanted.is_empty() && name.as_deref().is_some_and(|name| begin_words(name, wanted))
    };
    let fitting = rows.into_iter().filter(|(_, shown, username)| fits(shown) || fits(username));
    let places = fitting.map(|(user, shown, _)| Place(role, shown.unwrap_or_default(), user));
    let mut places: Vec<_> = places.filter(|place| after.is_none_or(|after| place > after)).collect();
    places.sort_unstable();
    Ok(places)
}

/// At most so many of very many people after a place, of those whose names begin with a text; and where the search ended, if
/// it ended before that.
fn many(
    conn: &mut Conn,
    chat: ChatId,
    role: ChatRole,
    prefix: Option<&str>,
    after: Option<&Place>,
    room: usize,
) -> Result<(Vec<Place>, Option<Place>)> {
    let mut query = name_index::table
        .select((name_index::display_name, name_index::user_id))
        .order((name_index::display_name, name_index::user_id))
        .limit(LOOKED_AT)
        .into_boxed();
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Ok((Vec::new(), None));
        }
        query = query.filter(name_index::display_name.ge(prefix.to_owned()));
        query = query.filter(name_index::display_name.lt(end_of(prefix)));
    }
    if let Some(Place(_, name, id)) = after {
        // The first condition alone is a range of the index.
        let beyond = name_index::display_name.gt(name.clone()).or(name_index::user_id.gt(*id));
        query = query.filter(name_index::display_name.ge(name.clone()).and(beyond));
    }
    let looked_at: Vec<(String, UserId)> = query.load(conn)?;
    let is_all = (looked_at.len() as i64) < LOOKED_AT;
    let ids: Vec<UserId> = looked_at.iter().map(|(_, user)| *user).collect();
    let inside = participants::table
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq_any(ids)))
        .filter(participants::role.eq(role.as_str()));
    let inside: HashSet<UserId> = inside.select(participants::user_id).load(conn)?.into_iter().collect();
    let last = looked_at.last().map(|(name, user)| Place(role, name.clone(), *user));
    let places = looked_at.into_iter().filter(|(_, user)| inside.contains(user));
    let found: Vec<_> = places.map(|(name, user)| Place(role, name, user)).take(room).collect();
    let ended = if found.len() == room || is_all { None } else { last };
    Ok((found, ended))
}

fn shown(
    conn: &mut Conn,
    chat: ChatId,
    found: Vec<Place>,
    ended: Option<Place>,
    page: &PageRequest,
) -> Result<Page<Participant>> {
    let ids: Vec<UserId> = found.iter().map(|place| place.2).collect();
    let rows = participants::table.filter(participants::chat_id.eq(chat).and(participants::user_id.eq_any(&ids)));
    let rows: Vec<(UserId, Timestamp)> = rows.select((participants::user_id, participants::joined_at)).load(conn)?;
    let joined: HashMap<UserId, Timestamp> = rows.into_iter().collect();
    let cards = Cards::of(conn, None, ids)?;
    let places: HashMap<UserId, Place> = found.iter().map(|place| (place.2, place.clone())).collect();
    // Whoever has left between the queries is not shown.
    let items = found.into_iter().filter_map(|Place(role, _, user)| Some((role, user, *joined.get(&user)?)));
    let items = items.map(|(role, user, joined_at)| Ok(Participant { user: cards.card(user)?, role, joined_at }));
    let mut page = Page::fill(items, page, |participant: &Participant| {
        places.get(&participant.user.id).map_or_else(String::new, Place::written)
    })?;
    page.next_cursor = page.next_cursor.or(ended.map(|place| place.written()));
    Ok(page)
}
