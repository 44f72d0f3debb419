//! What is kept of people's notifications beside the rows: how many are unread, and what is gathered in which group. Every
//! write to the rows ends with `recount`, which counts the groups concerned anew and moves the counter by the difference, so
//! that the counter is always the sum of its groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clowder_core::{Result, UserId};
use clowder_notifications::NotificationId;
use diesel::prelude::*;

use super::super::{among::AmongIds, db::Tx, dialect};
use crate::domains::notifications::{
    GroupRow, NotificationRow, notification_groups as groups, notification_inboxes as inboxes, notifications as table,
};

/// How many rows are written with one statement.
const PIECE: usize = 500;

/// Holds the notifications of these people, as everybody does who changes them. Whoever has none needs no lock: only the
/// reader adds any.
pub fn hold(tx: &mut Tx<'_>, users: &BTreeSet<UserId>) -> Result<()> {
    let users: Vec<UserId> = users.iter().copied().collect();
    if users.is_empty() { Ok(()) } else { dialect::notifications::lock_inboxes(tx.conn, &users) }
}

/// The same for the reader, which is about to add some.
pub fn open(tx: &mut Tx<'_>, users: &BTreeSet<UserId>) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let known = inboxes::table.filter(inboxes::user_id.among(users)).select(inboxes::user_id);
    let known: BTreeSet<UserId> = known.load::<UserId>(tx.conn)?.into_iter().collect();
    let new: Vec<_> =
        users.difference(&known).map(|user| (inboxes::user_id.eq(*user), inboxes::unread.eq(0_i64))).collect();
    if !new.is_empty() {
        diesel::insert_into(inboxes::table).values(&new).execute(tx.conn)?;
    }
    hold(tx, users)
}

/// How many each of these people have not read.
pub fn unread(tx: &mut Tx<'_>, users: &BTreeSet<UserId>) -> Result<HashMap<UserId, i64>> {
    let rows = inboxes::table.filter(inboxes::user_id.among(users)).select((inboxes::user_id, inboxes::unread));
    Ok(rows.load::<(UserId, i64)>(tx.conn)?.into_iter().collect())
}

/// Counts these groups anew. Their owners' notifications are held.
pub fn recount(tx: &mut Tx<'_>, changed: &BTreeSet<NotificationId>) -> Result<()> {
    let changed: Vec<NotificationId> = changed.iter().copied().collect();
    for some in changed.chunks(PIECE) {
        recount_some(tx, some)?;
    }
    Ok(())
}

fn recount_some(tx: &mut Tx<'_>, changed: &[NotificationId]) -> Result<()> {
    let before = groups::table.filter(groups::id.among(changed)).select((groups::user_id, groups::unread));
    let mut moved = BTreeMap::<UserId, i64>::new();
    for (user, unread) in before.load::<(UserId, i64)>(tx.conn)? {
        *moved.entry(user).or_default() -= unread;
    }
    type Row = (NotificationId, NotificationId, UserId, String, String, bool);
    let rows: Vec<Row> = table::table
        .filter(table::group_id.among(changed).and(table::removed_at.is_null()))
        .select((table::group_id, table::id, table::user_id, table::group_key, table::kind, table::read_at.is_null()))
        .load(tx.conn)?;
    let mut after = BTreeMap::<NotificationId, GroupRow>::new();
    for (id, latest_id, user_id, key, kind, is_unread) in rows {
        let group =
            after.entry(id).or_insert_with(|| GroupRow { id, user_id, key, kind, latest_id, count: 0, unread: 0 });
        group.latest_id = group.latest_id.max(latest_id);
        group.count += 1;
        group.unread += i64::from(is_unread);
        *moved.entry(user_id).or_default() += i64::from(is_unread);
    }
    diesel::delete(groups::table.filter(groups::id.among(changed))).execute(tx.conn)?;
    let after: Vec<GroupRow> = after.into_values().collect();
    if !after.is_empty() {
        diesel::insert_into(groups::table).values(&after).execute(tx.conn)?;
    }
    // Most have one more, so this is one statement for all of them.
    let mut alike = BTreeMap::<i64, Vec<UserId>>::new();
    for (user, by) in moved.into_iter().filter(|(_, by)| *by != 0) {
        alike.entry(by).or_default().push(user);
    }
    for (by, users) in alike {
        diesel::update(inboxes::table.filter(inboxes::user_id.among(&users)))
            .set(inboxes::unread.eq(inboxes::unread + by))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The groups of people to which what has these keys is added: those that are not read.
pub fn open_groups(
    tx: &mut Tx<'_>,
    users: &BTreeSet<UserId>,
    keys: &BTreeSet<String>,
) -> Result<HashMap<(UserId, String), (NotificationId, i64)>> {
    let rows: Vec<GroupRow> = groups::table
        .filter(
            groups::user_id.among(users).and(groups::key.eq_any(keys.iter().map(String::as_str).collect::<Vec<_>>())),
        )
        .filter(groups::unread.gt(0))
        .order(groups::id)
        .select(GroupRow::as_select())
        .load(tx.conn)?;
    // The latest of a key counts.
    Ok(rows.into_iter().map(|row| ((row.user_id, row.key), (row.id, row.count))).collect())
}

/// Writes new rows.
pub fn insert(tx: &mut Tx<'_>, rows: &[NotificationRow]) -> Result<()> {
    for some in rows.chunks(PIECE) {
        diesel::insert_into(table::table).values(some).execute(tx.conn)?;
    }
    Ok(())
}
