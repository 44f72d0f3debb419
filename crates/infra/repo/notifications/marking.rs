//! What people do with their notifications: read, see, delete. What is gathered goes together.

use std::collections::BTreeSet;

use clowder_core::{Ctx, Result, Timestamp, UserId};
use clowder_notifications::{
    Change, NotificationId, UnreadCount, change::NotificationsRead, refusals::NOTIFICATION_UNKNOWN, rules::How,
};
use diesel::prelude::*;

use super::{
    super::{among::AmongIds, db::Tx, journal},
    ending::{Place, settle},
    inbox, lists,
};
use crate::domains::notifications::notifications as table;

/// How many are marked in one transaction.
const PIECE: i64 = 500;

/// Marks one with all that are gathered in it.
pub fn read(tx: &mut Tx<'_>, ctx: &Ctx, id: NotificationId) -> Result<UnreadCount> {
    let user = ctx.user()?;
    let of_group = of_group(tx, user, id)?;
    let unread = of_group.into_iter().filter(|(.., is_read)| !is_read).collect();
    let told = settle(tx, ctx, unread, How::Read)?;
    let unread_count = lists::unread(tx.conn, user)?;
    append(tx, ctx, &told)?;
    Ok(UnreadCount { unread_count })
}

pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, id: NotificationId) -> Result<()> {
    let of_group = of_group(tx, ctx.user()?, id)?;
    let told = settle(tx, ctx, of_group, How::Gone)?;
    append(tx, ctx, &told)
}

/// Removes what a list came across that may not be seen any more, with what is gathered in it only if that may not either: the
/// next list decides about the rest.
pub fn forget(tx: &mut Tx<'_>, ctx: &Ctx, hidden: &[NotificationId]) -> Result<()> {
    let user = ctx.user()?;
    inbox::hold(tx, &BTreeSet::from([user]))?;
    let rows = table::table
        .filter(table::id.among(hidden).and(table::user_id.eq(user)).and(table::removed_at.is_null()))
        .select((table::id, table::user_id, table::group_id, table::read_at.is_not_null()));
    let rows: BTreeSet<Place> = rows.load::<Place>(tx.conn)?.into_iter().collect();
    let told = settle(tx, ctx, rows, How::Gone)?;
    append(tx, ctx, &told)
}

fn append(tx: &mut Tx<'_>, ctx: &Ctx, told: &[Change]) -> Result<()> {
    journal::append_all(tx, &told.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
}

/// Everything that is gathered with one of the person's own.
fn of_group(tx: &mut Tx<'_>, user: UserId, id: NotificationId) -> Result<BTreeSet<Place>> {
    inbox::hold(tx, &BTreeSet::from([user]))?;
    let own = table::table.find(id).filter(table::user_id.eq(user).and(table::removed_at.is_null()));
    let group: Option<NotificationId> = own.select(table::group_id).first(tx.conn).optional()?;
    let group = group.ok_or(NOTIFICATION_UNKNOWN)?;
    let rows = table::table.filter(table::group_id.eq(group).and(table::removed_at.is_null())).select((
        table::id,
        table::user_id,
        table::group_id,
        table::read_at.is_not_null(),
    ));
    Ok(rows.load::<Place>(tx.conn)?.into_iter().collect())
}

/// Some of those that are not read and not newer than this. The last piece tells how many are left.
pub fn read_some(tx: &mut Tx<'_>, ctx: &Ctx, before: Timestamp) -> Result<(bool, UnreadCount)> {
    let user = ctx.user()?;
    inbox::hold(tx, &BTreeSet::from([user]))?;
    let rows: Vec<(NotificationId, NotificationId)> = table::table
        .filter(table::user_id.eq(user).and(table::removed_at.is_null()).and(table::read_at.is_null()))
        .filter(table::created_at.le(before))
        .order(table::id)
        .limit(PIECE)
        .select((table::id, table::group_id))
        .load(tx.conn)?;
    let is_all = (rows.len() as i64) < PIECE;
    super::ending::mark(tx, ctx.now, rows.iter().map(|(id, _)| *id), How::Read)?;
    inbox::recount(tx, &rows.iter().map(|(_, group)| *group).collect())?;
    let unread_count = lists::unread(tx.conn, user)?;
    if !rows.is_empty() {
        let read = NotificationsRead { ids: Vec::new(), before: Some(before), unread_count };
        append(tx, ctx, &[Change::Read(user, read)])?;
    }
    Ok((is_all, UnreadCount { unread_count }))
}

/// Some of those that are not seen and not newer than this; whether these were all.
pub fn see_some(tx: &mut Tx<'_>, ctx: &Ctx, before: Timestamp) -> Result<bool> {
    let user = ctx.user()?;
    inbox::hold(tx, &BTreeSet::from([user]))?;
    let unseen = table::table
        .filter(table::user_id.eq(user).and(table::removed_at.is_null()).and(table::seen_at.is_null()))
        .filter(table::created_at.le(before));
    let unseen: Vec<NotificationId> = unseen.order(table::id).limit(PIECE).select(table::id).load(tx.conn)?;
    diesel::update(table::table.filter(table::id.among(&unseen))).set(table::seen_at.eq(ctx.now)).execute(tx.conn)?;
    Ok((unseen.len() as i64) < PIECE)
}
