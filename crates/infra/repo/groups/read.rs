//! Reads groups as one person sees them, and who is in them.

use std::collections::{HashMap, HashSet};

use clowder_core::{
    Card, Id, Page, PageRequest, Result, Timestamp, UserId, Word,
    sql::Uid,
    words::{end_of, words},
};
use clowder_social::groups::{
    GROUP, Group, GroupFilter, GroupId, GroupVisibility, Member, MemberFilter, Mine, Role, Standing,
    policy::{OPEN_FOR, Place, may_list, may_see},
    refusals::{GROUP_UNKNOWN, MEMBER_UNKNOWN},
};
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sql_types::Bool,
};

use super::super::{
    among::AmongIds,
    cards::Cards,
    dialect::{Backend, Conn},
    domains::Followed,
    fragment::Fragment,
    people::{self, Viewer},
};
use crate::domains::{
    accounts::{CardRow, users},
    groups::{GroupRow, PersonRow, group_people, group_words, groups},
};

/// People follow the groups that they are in, until they are taken out of a deleted one.
pub const FOLLOWED: Followed = Followed { kind: GROUP, ids: followed };

fn followed(conn: &mut Conn, user: UserId, after: Id<()>, limit: i64) -> Result<Vec<(Id<()>, i64)>> {
    let memberships = group_people::table
        .filter(group_people::user_id.eq(user).and(group_people::group_id.gt(after)))
        .filter(group_people::status.eq(Standing::Member.as_str()));
    let ids = memberships.select(group_people::group_id).order(group_people::group_id).limit(limit);
    Ok(ids.load(conn)?.into_iter().map(|id| (id, 0)).collect())
}

/// The condition of the index of the directory, as constant text, so that the databases use it.
const IN_DIRECTORY: Fragment<Bool> = Fragment::new("(groups.visibility <> 'secret' AND groups.deleted_at IS NULL)");

/// The condition of the index of those who work for the server.
pub const IS_SERVER_STAFF: Fragment<Bool> = Fragment::new("(users.role <> 'user')");

/// A group that exists, whoever may see it.
pub fn row(conn: &mut Conn, group: GroupId) -> Result<Option<GroupRow>> {
    let one = groups::table.find(group).filter(groups::deleted_at.is_null());
    Ok(one.select(GroupRow::as_select()).first(conn).optional()?)
}

pub fn place(conn: &mut Conn, now: Timestamp, group: GroupId, user: UserId) -> Result<Place> {
    let row = group_people::table.find((group, user)).select(PersonRow::as_select()).first(conn).optional()?;
    row.map_or(Ok(Place::NONE), |row: PersonRow| row.place(now))
}

/// A group that the viewer may see, and their place in it.
pub fn seen(conn: &mut Conn, now: Timestamp, viewer: UserId, group: GroupId) -> Result<(GroupRow, Place)> {
    let row = row(conn, group)?.ok_or(GROUP_UNKNOWN)?;
    let place = place(conn, now, group, viewer)?;
    if may_see(row.visibility()?, place) { Ok((row, place)) } else { Err(GROUP_UNKNOWN.into()) }
}

/// Moderators and administrators of the server who help to run a group.
pub fn staff_of_the_server(conn: &mut Conn, group: GroupId) -> Result<Vec<UserId>> {
    let helping = group_people::table.inner_join(users::table).filter(group_people::group_id.eq(group));
    let helping = helping.filter(group_people::role.ne(Role::Member.as_str()));
    Ok(helping.filter(IS_SERVER_STAFF).select(group_people::user_id).load(conn)?)
}

pub fn one(conn: &mut Conn, viewer: Viewer, group: GroupId) -> Result<Group> {
    let (row, place) = seen(conn, viewer.now, viewer.id, group)?;
    as_seen(conn, viewer, row, place)
}

/// A group as the viewer sees it from their place in it.
pub fn as_seen(conn: &mut Conn, viewer: Viewer, row: GroupRow, place: Place) -> Result<Group> {
    let owner = shown_owners(conn, viewer, [(&row, place)])?;
    row.group(place, &owner)
}

/// The owners whom the viewer is shown, of groups in which they have these places. The owner is one of the members: other
/// members see them, and whoever is none sees them if they may see them anywhere.
pub fn shown_owners<'r>(
    conn: &mut Conn,
    viewer: Viewer,
    groups: impl IntoIterator<Item = (&'r GroupRow, Place)>,
) -> Result<HashSet<UserId>> {
    let strange = groups.into_iter().filter(|(_, place)| !place.is_member());
    let owners: Vec<UserId> = strange.filter_map(|(row, _)| row.owner_id).collect();
    if owners.is_empty() { Ok(HashSet::new()) } else { visible(conn, viewer, &owners) }
}

pub fn list(conn: &mut Conn, viewer: Viewer, filter: &GroupFilter, page: &PageRequest) -> Result<Page<Group>> {
    if let Some(search) = &filter.search {
        return find(conn, viewer, search, filter, page);
    }
    let after: Option<GroupId> = page.id()?;
    let mut rows = own(conn, viewer.now, viewer.id, filter, after, page.fetch())?;
    if !is_own(filter) {
        // Those that everybody finds, and the viewer's secret ones: two indexes, merged.
        let mut query = groups::table
            .order(groups::id.desc())
            .limit(page.fetch())
            .select(GroupRow::as_select())
            .into_boxed()
            .filter(IN_DIRECTORY);
        if let Some(after) = after {
            query = query.filter(groups::id.lt(after));
        }
        rows.extend(query.load::<GroupRow>(conn)?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        rows.truncate(usize::try_from(page.fetch()).unwrap_or(usize::MAX));
    }
    let views = views(conn, viewer, rows)?;
    Page::fill(views, page, |group: &Group| group.id.to_string())
}

/// Groups that the viewer finds by the beginnings of words of their names, with these names, at most so many.
pub fn named_like(conn: &mut Conn, viewer: Viewer, search: &str, most: u32) -> Result<Vec<(GroupId, String)>> {
    let page = PageRequest { limit: most, cursor: None };
    let found = find(conn, viewer, search, &GroupFilter::default(), &page)?;
    Ok(found.items.into_iter().map(|group| (group.id, group.name)).collect())
}

/// Whether only groups are listed in which the viewer has a part.
fn is_own(filter: &GroupFilter) -> bool {
    filter.mine || filter.my_role.is_some()
}

/// The groups that a filter finds because of how the viewer stands to them: those that they are in, those in which they
/// have the part that is asked for, or those that they may see although they are secret.
pub fn concerned<'q>(
    now: Timestamp,
    viewer: UserId,
    filter: &GroupFilter,
) -> group_people::BoxedQuery<'q, Backend, Uid> {
    let is = |standing: Standing| group_people::status.eq(standing.as_str());
    let is_open = group_people::since.gt(now.minus(OPEN_FOR));
    let mut concerned = group_people::table.select(group_people::group_id).into_boxed();
    concerned = concerned.filter(group_people::user_id.eq(viewer));
    if let Some((standing, role)) = filter.my_role.map(Mine::place) {
        concerned = match role {
            Some(role) => concerned.filter(group_people::role.eq(role.as_str())),
            None => concerned.filter(is(standing)).filter(is_open),
        };
    }
    if filter.mine {
        concerned.filter(is(Standing::Member))
    } else if filter.my_role.is_none() {
        let is_waiting = is(Standing::Invited).or(is(Standing::Pending));
        concerned.filter(is(Standing::Member).or(is_waiting.and(is_open)))
    } else {
        concerned
    }
}

/// The viewer's groups that a filter finds; without one, the secret ones that they may see.
fn own(
    conn: &mut Conn,
    now: Timestamp,
    viewer: UserId,
    filter: &GroupFilter,
    after: Option<GroupId>,
    limit: i64,
) -> Result<Vec<GroupRow>> {
    let mut query = groups::table
        .filter(groups::id.eq_any(concerned(now, viewer, filter)))
        .filter(groups::deleted_at.is_null())
        .order(groups::id.desc())
        .limit(limit)
        .select(GroupRow::as_select())
        .into_boxed();
    if !is_own(filter) {
        query = query.filter(groups::visibility.eq(GroupVisibility::Secret.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(groups::id.lt(after));
    }
    Ok(query.load(conn)?)
}

/// How many words of names a page of found groups looks at, at most.
const LOOKED_AT: i64 = 2_000;

/// A word of a name, and the group with this name.
type Named = (String, GroupId);

/// Groups whose name has words that begin with all words of the search, in the order of the words that the longest of them
/// finds. A group is found by the first of its words. Where few of many groups fit, a page has fewer of them than its
/// limit, or none, although there is another page.
fn find(conn: &mut Conn, by: Viewer, search: &str, filter: &GroupFilter, page: &PageRequest) -> Result<Page<Group>> {
    let Viewer { id: viewer, now, .. } = by;
    let mut wanted = words(search);
    wanted.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    let after = page.cursor.as_deref().map(read_place).transpose()?;
    let Some((first, others)) = wanted.split_first() else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let looked_at = match is_own(filter) {
        true => own_words(conn, now, viewer, filter, first, after.as_ref())?,
        false => {
            let mut words = own_words(conn, now, viewer, filter, first, after.as_ref())?;
            words.extend(named(conn, first, after)?);
            words.sort_unstable();
            words.truncate(LOOKED_AT as usize);
            words
        }
    };
    let more = looked_at.last().filter(|_| looked_at.len() as i64 == LOOKED_AT).map(written);
    let earlier = diesel::alias!(group_words as earlier);
    let found_before = earlier
        .filter(earlier.field(group_words::group_id).eq(group_words::group_id))
        .filter(earlier.field(group_words::word).ge(first.clone()))
        .filter(earlier.field(group_words::word).lt(group_words::word));
    let ids: HashSet<GroupId> = looked_at.iter().map(|(_, group)| *group).collect();
    let mut query = group_words::table
        .inner_join(groups::table)
        .filter(group_words::group_id.eq_any(ids))
        .filter(group_words::word.ge(first.clone()).and(group_words::word.lt(end_of(first))))
        .filter(groups::deleted_at.is_null())
        .filter(not(exists(found_before)))
        .select((group_words::word, GroupRow::as_select()))
        .into_boxed();
    let own = groups::id.eq_any(concerned(now, viewer, filter));
    let is_secret = groups::visibility.eq(GroupVisibility::Secret.as_str());
    query = match is_own(filter) {
        true => query.filter(own),
        false => query.filter(not(is_secret).or(own)),
    };
    for other in others {
        let one = diesel::alias!(group_words as one);
        let named = one
            .filter(one.field(group_words::group_id).eq(groups::id))
            .filter(one.field(group_words::word).ge(other.clone()))
            .filter(one.field(group_words::word).lt(end_of(other)));
        query = query.filter(exists(named));
    }
    let rows: Vec<(String, GroupRow)> = query.load(conn)?;
    let mut rows: HashMap<Named, GroupRow> = rows.into_iter().map(|(word, row)| ((word, row.id), row)).collect();
    let fitting = looked_at.into_iter().filter_map(|place| rows.remove(&place).map(|row| (place, row)));
    let (places, rows): (Vec<Named>, Vec<GroupRow>) = fitting.take(page.fetch() as usize).unzip();
    let found: HashMap<GroupId, Named> = places.into_iter().map(|place| (place.1, place)).collect();
    let views = views(conn, by, rows)?;
    let mut page = Page::fill(views, page, |group: &Group| found.get(&group.id).map_or_else(String::new, written))?;
    page.next_cursor = page.next_cursor.or(more);
    Ok(page)
}

/// The next words that begin with this one, of the viewer's groups that a filter finds; without one, of the secret ones that
/// they may see. There are so few of these that all of their words are read.
fn own_words(
    conn: &mut Conn,
    now: Timestamp,
    viewer: UserId,
    filter: &GroupFilter,
    first: &str,
    after: Option<&Named>,
) -> Result<Vec<Named>> {
    let mut ids = groups::table
        .filter(groups::id.eq_any(concerned(now, viewer, filter)))
        .filter(groups::deleted_at.is_null())
        .select(groups::id)
        .into_boxed();
    if !is_own(filter) {
        ids = ids.filter(groups::visibility.eq(GroupVisibility::Secret.as_str()));
    }
    let ids: Vec<GroupId> = ids.load(conn)?;
    let words = group_words::table.filter(group_words::group_id.eq_any(ids));
    let mut words: Vec<Named> = words.select((group_words::word, group_words::group_id)).load(conn)?;
    words.retain(|place| place.0.starts_with(first) && after.is_none_or(|after| place > after));
    words.sort_unstable();
    words.truncate(LOOKED_AT as usize);
    Ok(words)
}

/// The next words that begin with this one, of groups that everybody finds. The rest of one word and the words after it are
/// two ranges of the index: as one condition, a word of very many groups would be read from its beginning for each page.
fn named(conn: &mut Conn, first: &str, after: Option<Named>) -> Result<Vec<Named>> {
    let range = |limit: usize| {
        let listed = group_words::table.filter(group_words::listed.eq(true));
        let range = listed.order((group_words::word, group_words::group_id)).into_boxed();
        range.limit(LOOKED_AT - limit as i64).select((group_words::word, group_words::group_id))
    };
    let end = group_words::word.lt(end_of(first));
    let Some((word, group)) = after else {
        return Ok(range(0).filter(group_words::word.ge(first)).filter(end).load(conn)?);
    };
    let rest = range(0).filter(group_words::word.eq(word.clone()).and(group_words::group_id.gt(group)));
    let mut found: Vec<Named> = rest.filter(group_words::word.ge(first)).filter(end.clone()).load(conn)?;
    if (found.len() as i64) < LOOKED_AT {
        found.extend(range(found.len()).filter(group_words::word.gt(word)).filter(end).load::<Named>(conn)?);
    }
    Ok(found)
}

fn written((word, group): &Named) -> String {
    format!("{word}.{group}")
}

fn read_place(cursor: &str) -> Result<Named> {
    let place = cursor.split_once('.').and_then(|(word, id)| Some((word.to_owned(), id.parse().ok()?)));
    place.ok_or_else(PageRequest::wrong)
}

/// Each group with the viewer's place in it.
fn views(conn: &mut Conn, viewer: Viewer, rows: Vec<GroupRow>) -> Result<impl Iterator<Item = Result<Group>>> {
    let ids: HashSet<_> = rows.iter().map(|row| row.id).collect();
    let places: Vec<(GroupId, PersonRow)> = group_people::table
        .filter(group_people::user_id.eq(viewer.id).and(group_people::group_id.eq_any(ids)))
        .select((group_people::group_id, PersonRow::as_select()))
        .load(conn)?;
    let places: HashMap<GroupId, PersonRow> = places.into_iter().collect();
    let place = |row: GroupRow| {
        let place = places.get(&row.id).map_or(Ok(Place::NONE), |row| row.place(viewer.now))?;
        Ok((row, place))
    };
    let rows: Vec<(GroupRow, Place)> = rows.into_iter().map(place).collect::<Result<_>>()?;
    let owners = shown_owners(conn, viewer, rows.iter().map(|(row, place)| (row, *place)))?;
    Ok(rows.into_iter().map(move |(row, place)| row.group(place, &owners)))
}

pub fn members(
    conn: &mut Conn,
    viewer: Viewer,
    group: GroupId,
    filter: MemberFilter,
    page: &PageRequest,
) -> Result<Page<Member>> {
    let (row, place) = seen(conn, viewer.now, viewer.id, group)?;
    may_list(row.visibility()?, place, filter.status)?;
    let mut after: Option<(Timestamp, UserId)> = page.moment()?;
    let (mut shown, most, mut more) = (Vec::new(), page.fetch() as usize, None);
    // In pieces, because a stranger may not see some of them: a page says nothing of these by its length, unless thousands
    // in a row are hidden.
    for piece in 1.. {
        // Members share a chat, so they see each other; the staff sees who wants in.
        let limit = if place.is_member() { page.fetch() } else { PIECE };
        let rows = people_of(conn, viewer.now, group, filter, after, limit)?;
        let is_last = (rows.len() as i64) < limit;
        after = rows.last().map(|(row, _)| (row.since, row.user_id));
        let seen = if place.is_member() {
            None
        } else {
            Some(visible(conn, viewer, rows.iter().map(|(row, _)| &row.user_id))?)
        };
        shown.extend(rows.into_iter().filter(|(row, _)| seen.as_ref().is_none_or(|seen| seen.contains(&row.user_id))));
        if is_last || shown.len() >= most {
            break;
        }
        if piece == PIECES {
            more = after.map(|(since, id)| Page::<()>::place(since, id));
            break;
        }
    }
    shown.truncate(most);
    // Only the staff lists who is invited.
    let inviter = |row: &PersonRow| row.invited_by.filter(|_| filter.status == Standing::Invited);
    let inviters = Cards::of(conn, None, shown.iter().filter_map(|(row, _)| inviter(row)))?;
    let item = |(row, card): (PersonRow, CardRow)| {
        let invited_by = inviter(&row).map(|inviter| inviters.card(inviter)).transpose()?;
        member(viewer.now, &row, card.into(), invited_by)
    };
    let members = shown.into_iter().map(item);
    let mut page = Page::fill(members, page, |member| Page::<()>::place(member.since, member.user.id))?;
    page.next_cursor = page.next_cursor.or(more);
    Ok(page)
}

/// One person of a group, for those to whom the list of people who stand to it like them would show them.
pub fn one_member(conn: &mut Conn, viewer: Viewer, group: GroupId, user: UserId) -> Result<Member> {
    let (row, place) = seen(conn, viewer.now, viewer.id, group)?;
    let visibility = row.visibility()?;
    may_list(visibility, place, Standing::Member)?;
    let one = group_people::table.inner_join(users::table).filter(group_people::group_id.eq(group));
    let one = one.filter(group_people::user_id.eq(user)).select((PersonRow::as_select(), CardRow::as_select()));
    let found: Option<(PersonRow, CardRow)> = one.first(conn).optional()?;
    // Asked in any case: whether somebody is in the group must not show in time.
    let is_shown = place.is_member() || visible(conn, viewer, [&user])?.contains(&user);
    let (row, card) = found.filter(|_| is_shown).ok_or(MEMBER_UNKNOWN)?;
    let standing = row.place(viewer.now)?.standing.ok_or(MEMBER_UNKNOWN)?;
    may_list(visibility, place, standing).map_err(|_| MEMBER_UNKNOWN)?;
    let inviter = row.invited_by.filter(|_| standing == Standing::Invited);
    let invited_by = inviter.map(|inviter| Cards::of(conn, None, [inviter])?.card(inviter)).transpose()?;
    member(viewer.now, &row, card.into(), invited_by)
}

/// How many people of a group a stranger's page looks at together, and how often at most.
const PIECE: i64 = 400;
const PIECES: usize = 10;

/// People of a group with a certain part, in the order in which they came.
fn people_of(
    conn: &mut Conn,
    now: Timestamp,
    group: GroupId,
    filter: MemberFilter,
    after: Option<(Timestamp, UserId)>,
    limit: i64,
) -> Result<Vec<(PersonRow, CardRow)>> {
    let mut query = group_people::table
        .inner_join(users::table)
        .filter(group_people::group_id.eq(group).and(group_people::status.eq(filter.status.as_str())))
        .order((group_people::since, group_people::user_id))
        .limit(limit)
        .select((PersonRow::as_select(), CardRow::as_select()))
        .into_boxed();
    if matches!(filter.status, Standing::Pending | Standing::Invited) {
        query = query.filter(group_people::since.gt(now.minus(OPEN_FOR)));
    }
    if let Some(role) = filter.role {
        query = query.filter(group_people::role.eq(role.as_str()));
    }
    if let Some((at, id)) = after {
        query =
            query.filter(group_people::since.gt(at).or(group_people::since.eq(at).and(group_people::user_id.gt(id))));
    }
    Ok(query.load(conn)?)
}

/// Those of these people whom the viewer may see.
fn visible<'u>(
    conn: &mut Conn,
    viewer: Viewer,
    people: impl IntoIterator<Item = &'u UserId>,
) -> Result<HashSet<UserId>> {
    let ids: Vec<UserId> = people.into_iter().copied().collect();
    let seen = users::table.filter(users::id.among(&ids)).filter(people::visible_to(viewer)).select(users::id);
    Ok(seen.load(conn)?.into_iter().collect())
}

pub fn member(now: Timestamp, row: &PersonRow, user: Card, invited_by: Option<Card>) -> Result<Member> {
    let place = row.place(now)?;
    let status = place.standing.ok_or(GROUP_UNKNOWN)?;
    Ok(Member { user, status, role: place.role, since: row.since, reason: row.reason.clone(), invited_by })
}
