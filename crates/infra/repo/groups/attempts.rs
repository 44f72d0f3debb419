//! Who asked to join and who was invited, for as long as it counts; and the end of what nobody answers.

use std::time::Duration;

use clowder_core::{
    Ctx, Id, Result, Timestamp, UserId, Word,
    attempt::{AskFacts, Decided, OPEN_FOR, Unwanted, is_over},
};
use clowder_social::groups::{
    Change, GroupId, Role, Standing,
    change::{Decision, Uninvited},
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::{
    super::{
        Repo,
        attempts::{self, PIECE, attempts},
        db::Tx,
        dialect::{self, Conn},
        domains::Steps,
        people::{Tie, Viewer},
    },
    read,
    told::{Told, staff, tell},
    writes::{self, forget as take_away, is_there},
};
use crate::domains::{
    accounts::users,
    groups::{PersonRow, group_attempts, group_people, groups},
};

pub use super::super::attempts::Kind;

attempts!(group_attempts, group_id: GroupId);

pub fn ask_facts(conn: &mut Conn, ctx: &Ctx, group: GroupId, user: UserId) -> Result<AskFacts> {
    let own = group_people::user_id.eq(user).and(group_people::status.eq(Standing::Pending.as_str()));
    let open = group_people::table.filter(own).filter(group_people::since.gt(ctx.now.minus(OPEN_FOR)));
    Ok(AskFacts {
        waiting: writes::count(conn, ctx.now, group, Standing::Pending)?,
        open: open.select(count_star()).first(conn)?,
        ..asked(conn, ctx, group, user)?
    })
}

/// Who runs a group, and so sees who wants in.
const STAFF: [Role; 3] = [Role::Owner, Role::Admin, Role::Moderator];

/// The users who have invited the viewer to a group, and who wait for, are invited to or banned from one that the viewer runs.
pub fn met_by(viewer: Viewer) -> Tie {
    let is = |standing: Standing| group_people::status.eq(standing.as_str());
    let is_open = || group_people::since.gt(viewer.now.minus(OPEN_FOR));
    let alive = group_people::table.inner_join(groups::table).filter(groups::deleted_at.is_null());
    let inviting = group_people::user_id.eq(viewer.id).and(group_people::invited_by.eq(users::id.nullable()));
    let inviting = alive.filter(inviting).filter(is(Standing::Invited).and(is_open()));
    let own = diesel::alias!(group_people as own);
    let run = own.filter(own.field(group_people::user_id).eq(viewer.id));
    let run = run.filter(own.field(group_people::role).eq_any(STAFF.map(Word::as_str)));
    let run = run.select(own.field(group_people::group_id));
    let concerned = alive.filter(group_people::user_id.eq(users::id).and(group_people::group_id.eq_any(run)));
    let concerned = concerned.filter(is(Standing::Banned).or(is_open()));
    Box::new(exists(inviting).or(exists(concerned)))
}

/// Ends requests and invitations that were open for too long: those concerned are told.
pub fn expire<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    attempts::expire(repo, ctx, due, expire_one)
}

fn due(conn: &mut Conn, before: Timestamp) -> Result<Vec<(GroupId, UserId)>> {
    let open = [Standing::Pending.as_str(), Standing::Invited.as_str()];
    Ok(group_people::table
        .filter(group_people::status.eq_any(open).and(group_people::since.le(before)))
        .order((group_people::since, group_people::group_id, group_people::user_id))
        .limit(PIECE)
        .select((group_people::group_id, group_people::user_id))
        .load(conn)?)
}

fn expire_one(tx: &mut Tx<'_>, ctx: &Ctx, group: &GroupId, user: UserId) -> Result<usize> {
    let group = *group;
    dialect::accounts::lock_user(tx.conn, user)?;
    dialect::groups::lock_group(tx.conn, group)?;
    if !is_there(tx.conn, user)? || read::row(tx.conn, group)?.is_none() {
        return Ok(0);
    }
    let one = group_people::table.find((group, user)).select(PersonRow::as_select());
    let Some(row) = one.first::<PersonRow>(tx.conn).optional()? else { return Ok(0) };
    if !is_over(ctx.now, row.since) {
        return Ok(0);
    }
    let Some(told) = end_open(tx, group, &row)? else { return Ok(0) };
    tell(tx, ctx, &told)?;
    Ok(1)
}

/// Ends the request or the invitation of somebody in a held group as if its time were over; `None` if there is none.
fn end_open(tx: &mut Tx<'_>, group: GroupId, row: &PersonRow) -> Result<Option<Vec<Told>>> {
    let told = match Standing::parse_word(&row.status)? {
        Standing::Pending => decided(tx.conn, group, row.user_id, Decided::Expire)?,
        Standing::Invited => uninvited(tx.conn, group, row.user_id, Unwanted::Expired)?,
        Standing::Member | Standing::Banned => return Ok(None),
    };
    take_away(tx, group, row.user_id)?;
    Ok(Some(told))
}

/// What whoever asked or was invited is told when the group is deleted.
pub fn ended(group_id: GroupId, user_id: UserId, standing: Standing) -> Option<Told> {
    match standing {
        Standing::Pending => {
            Some(Told::Group(Change::Decided(user_id, Decision { group_id, user_id, action: Decided::Expire })))
        }
        Standing::Invited => {
            let uninvited = Uninvited { group_id, user_id, reason: Unwanted::Withdrawn };
            Some(Told::Group(Change::Uninvited(user_id, uninvited)))
        }
        Standing::Member | Standing::Banned => None,
    }
}

/// Tells whoever asked, and the staff, how a request ended.
pub fn decided(conn: &mut Conn, group: GroupId, user: UserId, action: Decided) -> Result<Vec<Told>> {
    let decision = Decision { group_id: group, user_id: user, action };
    let to = staff(conn, group, &[user])?.into_iter().chain([user]);
    Ok(to.map(|to| Told::Group(Change::Decided(to, decision))).collect())
}

/// Tells whoever was invited, and the staff, how an invitation ended.
pub fn uninvited(conn: &mut Conn, group: GroupId, user: UserId, reason: Unwanted) -> Result<Vec<Told>> {
    let uninvited = Uninvited { group_id: group, user_id: user, reason };
    let to = staff(conn, group, &[user])?.into_iter().chain([user]);
    Ok(to.map(|to| Told::Group(Change::Uninvited(to, uninvited))).collect())
}
