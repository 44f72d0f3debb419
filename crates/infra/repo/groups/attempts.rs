//! Who asked to join and who was invited, for as long as it counts; and the end of what nobody answers.

use std::{collections::HashMap, time::Duration};

use clowder_core::{Ctx, Id, Result, Timestamp, UserId, Word};
use clowder_social::groups::{
    Change, GroupId, Standing,
    change::{Decided, Decision, Uninvited, Unwanted},
    policy::{A_DAY, AGAIN_AFTER, AskFacts, KEPT_FOR, OPEN_FOR, is_over},
};
use diesel::{dsl::count_star, prelude::*};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        domains::Steps,
        upkeep::forget,
    },
    read,
    told::{Told, staff, tell},
    writes::{self, forget as take_away, is_there},
};
use crate::domains::groups::{PersonRow, group_attempts as table, group_people};

/// How many open requests and invitations expire at a time.
const PIECE: i64 = 200;

/// What somebody attempted: to be let in, or to bring others in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Invitation,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Invitation => "invitation",
        }
    }
}

/// Notes that somebody asked, or invited these people.
pub fn note(conn: &mut Conn, ctx: &Ctx, kind: Kind, group: GroupId, users: &[UserId], by: UserId) -> Result<()> {
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            (
                table::id.eq(Id::<()>::new(ctx.now)),
                table::kind.eq(kind.as_str()),
                table::group_id.eq(group),
                table::user_id.eq(*user),
                table::by_id.eq(by),
                table::made_at.eq(ctx.now),
            )
        })
        .collect();
    diesel::insert_into(table::table).values(rows).execute(conn)?;
    Ok(())
}

/// Notes that somebody was rejected, or has declined. What was attempted before attempts were noted is noted now.
pub fn refused(conn: &mut Conn, ctx: &Ctx, kind: Kind, group: GroupId, user: UserId) -> Result<()> {
    let open = table::group_id.eq(group).and(table::user_id.eq(user)).and(table::kind.eq(kind.as_str()));
    let open = table::table.filter(open).filter(table::refused_at.is_null());
    if diesel::update(open).set(table::refused_at.eq(ctx.now)).execute(conn)? > 0 {
        return Ok(());
    }
    let row = (
        table::id.eq(Id::<()>::new(ctx.now)),
        table::kind.eq(kind.as_str()),
        table::group_id.eq(group),
        table::user_id.eq(user),
        table::made_at.eq(ctx.now),
        table::refused_at.eq(ctx.now),
    );
    diesel::insert_into(table::table).values(row).execute(conn)?;
    Ok(())
}

pub fn ask_facts(conn: &mut Conn, ctx: &Ctx, group: GroupId, user: UserId) -> Result<AskFacts> {
    let own = group_people::user_id.eq(user).and(group_people::status.eq(Standing::Pending.as_str()));
    let open = group_people::table.filter(own).filter(group_people::since.gt(ctx.now.minus(OPEN_FOR)));
    let made = table::by_id.eq(user).and(table::kind.eq(Kind::Request.as_str()));
    let today = table::table.filter(made).filter(table::made_at.gt(ctx.now.minus(A_DAY)));
    Ok(AskFacts {
        waiting: writes::count(conn, ctx.now, group, Standing::Pending)?,
        open: open.select(count_star()).first(conn)?,
        today: today.select(count_star()).first(conn)?,
        here_today: today.filter(table::group_id.eq(group)).select(count_star()).first(conn)?,
        rejected_at: last_refused(conn, Kind::Request, group, &[user])?.remove(&user),
    })
}

/// How many people somebody has invited within a day.
pub fn invited_today(conn: &mut Conn, ctx: &Ctx, by: UserId) -> Result<i64> {
    let made = table::by_id.eq(by).and(table::kind.eq(Kind::Invitation.as_str()));
    let today = table::table.filter(made).filter(table::made_at.gt(ctx.now.minus(A_DAY)));
    Ok(today.select(count_star()).first(conn)?)
}

/// How often somebody has invited each of these people within a day.
pub fn invited_each(conn: &mut Conn, ctx: &Ctx, by: UserId, users: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let made = table::by_id.eq(by).and(table::kind.eq(Kind::Invitation.as_str()));
    let today = table::table.filter(made).filter(table::made_at.gt(ctx.now.minus(A_DAY)));
    let each = today.filter(table::user_id.eq_any(users)).group_by(table::user_id);
    let each: Vec<(UserId, i64)> = each.select((table::user_id, count_star())).load(conn)?;
    Ok(each.into_iter().collect())
}

/// When each of these people was last rejected by a group, or has last declined an invitation to it.
pub fn last_refused(
    conn: &mut Conn,
    kind: Kind,
    group: GroupId,
    users: &[UserId],
) -> Result<HashMap<UserId, Timestamp>> {
    let all: Vec<(UserId, Option<Timestamp>)> = table::table
        .filter(table::group_id.eq(group).and(table::kind.eq(kind.as_str())))
        .filter(table::user_id.eq_any(users).and(table::refused_at.is_not_null()))
        .order(table::refused_at)
        .select((table::user_id, table::refused_at))
        .load(conn)?;
    Ok(all.into_iter().filter_map(|(user, at)| Some((user, at?))).collect())
}

/// Attempts that count for nothing any more.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    const { assert!(KEPT_FOR.as_secs() > OPEN_FOR.as_secs() + AGAIN_AFTER.as_secs()) };
    let past = ctx.now.minus(KEPT_FOR);
    Ok(forget!(tx, table by id: Id<()>, table::made_at.le(past)))
}

/// Ends requests and invitations that were open for too long: those concerned are told.
pub fn expire<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    Box::pin(async move {
        let (mut count, before) = (0, ctx.now.minus(OPEN_FOR));
        loop {
            let due = repo.db.read(move |conn| {
                let open = [Standing::Pending.as_str(), Standing::Invited.as_str()];
                Ok(group_people::table
                    .filter(group_people::status.eq_any(open).and(group_people::since.le(before)))
                    .order((group_people::since, group_people::group_id, group_people::user_id))
                    .limit(PIECE)
                    .select((group_people::group_id, group_people::user_id))
                    .load::<(GroupId, UserId)>(conn)?)
            });
            let due = due.await?;
            let mut expired = 0;
            for (group, user) in due {
                let ctx = ctx.clone();
                expired += repo.db.write(move |tx| expire_one(tx, &ctx, group, user)).await?;
            }
            count += expired;
            // What is left belongs to people who are being erased, or to groups that are being deleted.
            if expired == 0 {
                return Ok(count);
            }
        }
    })
}

fn expire_one(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<usize> {
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
pub fn end_open(tx: &mut Tx<'_>, group: GroupId, row: &PersonRow) -> Result<Option<Vec<Told>>> {
    let told = match Standing::parse_word(&row.status)? {
        Standing::Pending => decided(tx.conn, group, row.user_id, Decided::Expire)?,
        Standing::Invited => uninvited(tx.conn, group, row.user_id, Unwanted::Expired)?,
        Standing::Member | Standing::Banned => return Ok(None),
    };
    take_away(tx, group, row.user_id)?;
    Ok(Some(told))
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
