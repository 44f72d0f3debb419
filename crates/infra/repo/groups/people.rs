//! Who comes, who goes, and who does what.

use clowder_core::{Ctx, Result, UserId, Word};
use clowder_social::groups::{
    Change, GroupId, Joined, Member, Role, Standing,
    change::{Asked, Decision, Removed},
    model::Verb,
    policy::{self, MOST_STAFF_TOLD, Place, Way},
    refusals::{MEMBER_UNKNOWN, REQUEST_UNKNOWN},
};
use diesel::prelude::*;

use super::{
    super::{
        cards::Cards,
        db::Tx,
        dialect::Conn,
        messaging::membership::{self, Told as InChat},
    },
    read,
    told::{Told, about_member, tell},
    writes::{self, Held, enter, hold, is_there, put},
};
use crate::domains::groups::{GroupRow, PersonRow, group_people, groups};

pub fn join(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<Joined> {
    let held = hold(tx, ctx, group, &[])?;
    come_in(tx, ctx, held, false)
}

/// Lets the caller in, by a link or without, or notes that they ask.
pub fn come_in(tx: &mut Tx<'_>, ctx: &Ctx, held: Held, by_link: bool) -> Result<Joined> {
    let Held { caller, row, place } = held;
    let (group, room) = (row.id, writes::room(tx, &row, caller)?);
    let open = writes::count(tx.conn, group, Standing::Pending)?;
    let way = policy::join(row.visibility()?, place, by_link, room, open)?;
    match way {
        Way::Stay if place.is_member() => Ok(Joined::Already(row.group(place)?)),
        Way::Stay => Ok(Joined::Asked(row.group(place)?)),
        Way::Enter => {
            let told = enter(tx, ctx, &row, caller, Role::Member)?;
            tell(tx, ctx, &told)?;
            Ok(Joined::New(read::one(tx.conn, caller, group)?))
        }
        Way::Ask => {
            put(tx.conn, ctx, group, caller, Place::of(Standing::Pending))?;
            let asked = Asked { group_id: group, user_id: caller };
            let staff = staff(tx.conn, group)?.into_iter().map(|user| Told::Group(Change::Requested(user, asked)));
            tell(tx, ctx, &staff.collect::<Vec<_>>())?;
            Ok(Joined::Asked(row.group(Place::of(Standing::Pending))?))
        }
    }
}

/// Who decides: the owner and the longest-serving of the others.
fn staff(conn: &mut Conn, group: GroupId) -> Result<Vec<UserId>> {
    let mut staff = Vec::new();
    for role in [Role::Owner, Role::Admin, Role::Moderator] {
        let some = group_people::group_id.eq(group).and(group_people::role.eq(role.as_str()));
        let some: Vec<UserId> = group_people::table
            .filter(some)
            .order((group_people::since, group_people::user_id))
            .limit(MOST_STAFF_TOLD - staff.len() as i64)
            .select(group_people::user_id)
            .load(conn)?;
        staff.extend(some);
    }
    Ok(staff)
}

pub fn leave(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<()> {
    let Held { caller, row, place } = hold(tx, ctx, group, &[])?;
    policy::may_leave(place)?;
    match place.standing {
        Some(Standing::Member) => {
            let told = take_out(tx, &row, caller, caller)?;
            forget(tx.conn, group, caller)?;
            tell(tx, ctx, &told)
        }
        Some(Standing::Pending | Standing::Invited) => forget(tx.conn, group, caller),
        Some(Standing::Banned) | None => Ok(()),
    }
}

fn forget(conn: &mut Conn, group: GroupId, user: UserId) -> Result<()> {
    diesel::delete(group_people::table.find((group, user))).execute(conn)?;
    Ok(())
}

/// Takes a member out of the count and the chat of a held group; their row is the caller's business.
pub fn take_out(tx: &mut Tx<'_>, row: &GroupRow, user: UserId, by: UserId) -> Result<Vec<Told>> {
    let counted = groups::member_count.eq(groups::member_count - 1);
    diesel::update(groups::table.find(row.id)).set(counted).execute(tx.conn)?;
    let chat = membership::remove(tx, row.chat_id, &[user], Some(by), InChat::Participant)?;
    let removed = Removed { group_id: row.id, user_id: user, removed_by: by };
    let mut told =
        about_member(tx.conn, row.id, row.member_count, user, |audience| Change::MemberRemoved(audience, removed))?;
    told.extend(chat.into_iter().map(Told::Chat));
    Ok(told)
}

pub fn set_role(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId, role: Role) -> Result<Member> {
    let held = hold(tx, ctx, group, &[user])?;
    let target = read::place(tx.conn, group, user)?;
    policy::may_set_role(held.place, target, role)?;
    if target.role != Some(role) {
        let told = writes::set_role(tx, &held.row, user, role)?;
        tell(tx, ctx, &told)?;
    }
    let row: PersonRow = group_people::table.find((group, user)).select(PersonRow::as_select()).first(tx.conn)?;
    read::member(&row, Cards::of(tx.conn, None, [user])?.card(user)?)
}

pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
    let Held { caller, row, place } = hold(tx, ctx, group, &[user])?;
    let target = read::place(tx.conn, group, user)?;
    if user == caller && target.is_member() {
        policy::may_leave(place)?;
    } else {
        policy::may_remove(place, target)?;
    }
    let told = if target.is_member() { take_out(tx, &row, user, caller)? } else { Vec::new() };
    forget(tx.conn, group, user)?;
    tell(tx, ctx, &told)
}

pub fn decide(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId, action: Verb) -> Result<()> {
    let held = hold(tx, ctx, group, &[user])?;
    policy::may_admit(held.place)?;
    if read::place(tx.conn, group, user)?.standing != Some(Standing::Pending) {
        return Err(REQUEST_UNKNOWN.into());
    }
    let mut told = vec![Told::Group(Change::Decided(Decision { group_id: group, user_id: user, action }))];
    match action {
        Verb::Approve => {
            policy::fits(writes::room(tx, &held.row, user)?)?;
            told.extend(enter(tx, ctx, &held.row, user, Role::Member)?);
        }
        Verb::Reject => forget(tx.conn, group, user)?,
    }
    tell(tx, ctx, &told)
}

pub fn ban(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
    let Held { caller, row, place } = hold(tx, ctx, group, &[user])?;
    let target = read::place(tx.conn, group, user)?;
    let bans = writes::count(tx.conn, group, Standing::Banned)?;
    policy::may_ban(place, target, bans)?;
    // Whoever has nothing to do with the group must be somebody whom the caller can know.
    let is_known = target.standing.is_some() || is_visible(tx.conn, ctx, user)?;
    if !is_known || !is_there(tx.conn, user)? {
        return Err(MEMBER_UNKNOWN.into());
    }
    if target.standing == Some(Standing::Banned) {
        return Ok(());
    }
    let told = if target.is_member() { take_out(tx, &row, user, caller)? } else { Vec::new() };
    put(tx.conn, ctx, group, user, Place::of(Standing::Banned))?;
    tell(tx, ctx, &told)
}

fn is_visible(conn: &mut Conn, ctx: &Ctx, user: UserId) -> Result<bool> {
    use super::super::people::{Viewer, visible_to};
    use crate::domains::accounts::users;
    let seen = users::table.filter(users::id.eq(user)).filter(visible_to(Viewer::of(ctx)?)).select(users::id);
    Ok(seen.first::<UserId>(conn).optional()?.is_some())
}

pub fn unban(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
    let held = hold(tx, ctx, group, &[user])?;
    policy::may_admit(held.place)?;
    let banned = group_people::table.find((group, user)).filter(group_people::status.eq(Standing::Banned.as_str()));
    diesel::delete(banned).execute(tx.conn)?;
    Ok(())
}
