//! Lists of friends: one's own, in two orders, and those of others.

use std::collections::HashMap;

use clowder_accounts::profiles::names::have_parts;
use clowder_core::{Card, Page, PageRequest, Presence, Result, Timestamp, UserId, text};
use clowder_social::{
    Friend, FriendFilter, FriendsOf,
    friends::{Order, policy::MOST_FRIENDS, refusals::FRIENDS_HIDDEN},
};
use diesel::{dsl::exists, prelude::*};

use super::super::{
    among::AmongIds,
    cards::Cards,
    dialect::Conn,
    people::{self, Viewer},
    presence, profiles,
};
use crate::domains::{
    accounts::{CardRow, users},
    friends::friendships as table,
    presence::Online,
};

pub fn own(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    filter: &FriendFilter,
    page: &PageRequest,
) -> Result<Page<Friend>> {
    match filter {
        FriendFilter { search: None, presence: None, order: Order::Since } => latest(conn, online, viewer, page),
        _ => among_all(conn, online, viewer, filter, page),
    }
}

fn latest(conn: &mut Conn, online: &Online, viewer: Viewer, page: &PageRequest) -> Result<Page<Friend>> {
    let mut own = table::table
        .filter(table::user_id.eq(viewer.id))
        .order((table::since.desc(), table::friend_id.desc()))
        .limit(page.fetch())
        .select((table::friend_id, table::since))
        .into_boxed();
    if let Some((since, id)) = page.moment()? {
        let id: UserId = id;
        own = own.filter(table::since.lt(since).or(table::since.eq(since).and(table::friend_id.lt(id))));
    }
    let rows: Vec<(UserId, Timestamp)> = own.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|(friend, _)| *friend))?;
    let friends = rows.into_iter().map(|(friend, since)| Ok(unseen(cards.card(friend)?, since)));
    let page = Page::fill(friends, page, |friend| Page::<()>::place(friend.since, friend.user.id))?;
    with_presence(conn, online, viewer, page)
}

/// In another order, or only some: all are read, because no index knows somebody's friends by name, and none who is online.
/// One person has at most [`MOST_FRIENDS`].
fn among_all(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    filter: &FriendFilter,
    page: &PageRequest,
) -> Result<Page<Friend>> {
    let rows: Vec<(CardRow, Timestamp)> = table::table
        .inner_join(users::table.on(users::id.eq(table::friend_id)))
        .filter(table::user_id.eq(viewer.id))
        .limit(MOST_FRIENDS)
        .select((CardRow::as_select(), table::since))
        .load(conn)?;
    let wanted = filter.search.as_deref().map(text::folded);
    // Of what is sought, nothing may be part of names; then nobody is found.
    let wanted: Option<Vec<&str>> = wanted.as_deref().map(|wanted| wanted.split(' ').collect());
    let has = |card: &Card| {
        let Some(wanted) = &wanted else { return true };
        let (username, shown) = (text::folded(&card.username), text::folded(&card.display_name));
        wanted != &[""] && have_parts(&[&username, &shown], wanted)
    };
    let found = rows.into_iter().map(|(row, since)| unseen(row.into(), since)).filter(|friend| has(&friend.user));
    let mut found: Vec<Friend> = found.collect();
    if filter.presence.is_some() || filter.order == Order::Active {
        see(conn, online, viewer, &mut found)?;
    }
    let mut found: Vec<_> = found
        .into_iter()
        .filter(|friend| filter.presence.is_none() || friend.presence == filter.presence)
        .map(|friend| (Key::of(filter.order, &friend), friend))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let after = page.cursor.as_deref().map(Key::parse).transpose()?;
    let rest = found.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let page =
        Page::fill(rest.map(|(_, friend)| Ok(friend)), page, |friend| Key::of(filter.order, friend).to_string())?;
    with_presence(conn, online, viewer, page)
}

/// A friend whose presence is not known yet.
const fn unseen(user: Card, since: Timestamp) -> Friend {
    Friend { user, since, presence: None, last_seen_at: None }
}

fn with_presence(conn: &mut Conn, online: &Online, viewer: Viewer, mut page: Page<Friend>) -> Result<Page<Friend>> {
    see(conn, online, viewer, &mut page.items)?;
    Ok(page)
}

/// Adds what the viewer sees of their presence.
fn see(conn: &mut Conn, online: &Online, viewer: Viewer, friends: &mut [Friend]) -> Result<()> {
    let people: Vec<UserId> = friends.iter().map(|friend| friend.user.id).collect();
    let seen = presence::seen(conn, online, viewer, &people)?;
    for friend in friends {
        (friend.presence, friend.last_seen_at) =
            seen.get(&friend.user.id).map_or((None, None), |(presence, last_seen_at)| (Some(*presence), *last_seen_at));
    }
    Ok(())
}

/// How many characters of a name decide the order; then the id does.
const LONGEST: usize = 64;

/// The place of a friend in an order, and so the cursor of what follows. It holds the name, so that a friend who goes in
/// between leaves the place where it was.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    order: String,
    id: UserId,
}

impl Key {
    fn of(order: Order, friend: &Friend) -> Self {
        let order = match order {
            // Compatibility forms can make a name many times as long, and a cursor has a maximum length.
            Order::Name => text::folded(&friend.user.display_name).chars().take(LONGEST).collect(),
            // The latest first.
            Order::Since => latest_first(Some(friend.since)),
            Order::Active if friend.presence.is_some_and(|presence| presence != Presence::Offline) => {
                latest_first(Some(ALWAYS))
            }
            Order::Active => latest_first(friend.last_seen_at),
        };
        Self { order, id: friend.user.id }
    }

    fn parse(cursor: &str) -> Result<Self> {
        let (id, order) = cursor.split_once('.').ok_or_else(PageRequest::wrong)?;
        Ok(Self { order: order.to_owned(), id: id.parse().map_err(|_| PageRequest::wrong())? })
    }
}

/// Later than every time.
const ALWAYS: Timestamp = Timestamp::from_micros(i64::MAX);

/// Times in text, the latest first, and last what has none.
fn latest_first(at: Option<Timestamp>) -> String {
    format!("{:020}", at.map_or(i64::MAX, |at| i64::MAX - at.as_micros()))
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.id, self.order)
    }
}

/// The friends of somebody whom the viewer may see, as far as the viewer may see these, too; with `seen_as`, those of the
/// viewer as somebody else sees them. One's own list is the same as without an id.
pub fn of(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    whose: FriendsOf,
    page: &PageRequest,
) -> Result<Page<Friend>> {
    let FriendsOf { user, mutual, seen_as } = whose;
    let seen_as = seen_as.filter(|_| user == viewer.id);
    if user == viewer.id && seen_as.is_none() {
        return latest(conn, online, viewer, page);
    }
    if !profiles::shows_friends(conn, online, viewer, user, seen_as)? {
        return Err(FRIENDS_HIDDEN.into());
    }
    // Of one's friends, somebody else sees what everybody sees: who looks may have blocks, friends and a role of their own.
    let (own, viewer) = (viewer.id, if seen_as.is_some() { Viewer::stranger(viewer.now) } else { viewer });
    let mut after: Option<UserId> = page.id()?;
    let mut found = Vec::new();
    // In pieces, because some friends may be hidden. One person has at most [`MOST_FRIENDS`].
    while found.len() < page.fetch() as usize {
        let piece = piece(conn, own, user, mutual, after)?;
        let Some((last, _)) = piece.last() else { break };
        after = Some(*last);
        let ids = piece.iter().map(|(friend, _)| friend);
        let visible = users::table.filter(users::id.among(ids)).filter(people::visible_to(viewer));
        let cards: Vec<CardRow> = visible.select(CardRow::as_select()).load(conn)?;
        let mut cards: HashMap<_, _> = cards.into_iter().map(|card| (card.id, card)).collect();
        let friends = piece
            .into_iter()
            .filter_map(|(friend, since)| cards.remove(&friend).map(|card| unseen(card.into(), since)));
        found.extend(friends);
    }
    found.truncate(page.fetch() as usize);
    let page = Page::fill(found.into_iter().map(Ok), page, |friend| friend.user.id.to_string())?;
    with_presence(conn, online, viewer, page)
}

/// How many friends of somebody are looked at together.
const PIECE: i64 = 400;

fn piece(
    conn: &mut Conn,
    viewer: UserId,
    user: UserId,
    mutual: bool,
    after: Option<UserId>,
) -> Result<Vec<(UserId, Timestamp)>> {
    let mut rows = table::table
        .filter(table::user_id.eq(user))
        .order(table::friend_id)
        .limit(PIECE)
        .select((table::friend_id, table::since))
        .into_boxed();
    if mutual {
        let own = diesel::alias!(table as own);
        let of_viewer = own.filter(own.field(table::user_id).eq(viewer));
        rows = rows.filter(exists(of_viewer.filter(own.field(table::friend_id).eq(table::friend_id))));
    }
    if let Some(after) = after {
        rows = rows.filter(table::friend_id.gt(after));
    }
    Ok(rows.load(conn)?)
}
