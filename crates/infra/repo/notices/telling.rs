//! What is to be told by mail is stored, without texts, with one query for each kind of fact, however many people it is for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clowder_core::{Ctx, NewJob, Result, Timestamp, UserId, Word, job::Work};
use clowder_notifications::mail::{NoticeId, policy};
use diesel::prelude::*;

use super::{
    super::{among::AmongIds, db::Tx, dialect, jobs, notifications::Told},
    addresses,
    gathering::Gather,
};
use crate::domains::notices::{NoticeQueueRow, NoticeRow, notice_queues as queues, notices as table};

/// How many rows are written with one statement.
const PIECE: usize = 500;

/// Stores what is to be told by mail. Whoever can get none is left out, and so is what is known already; of more than
/// somebody reads, only the number is kept.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, told: &[Told]) -> Result<()> {
    let recent = told.iter().filter(|told| ctx.now.since(told.at) < policy::TOO_OLD);
    let recent = recent.filter(|told| !policy::is_sent_already(told.kind, told.reason));
    let mut new: Vec<(&Told, NoticeRow)> =
        recent.filter_map(|told| Some((told, row(told, told.mail_from?.max(ctx.now))))).collect();
    if new.is_empty() {
        return Ok(());
    }
    let people: BTreeSet<UserId> = new.iter().map(|(told, _)| told.user).collect();
    let reachable = addresses::reachable(tx, &people)?;
    let mut seen: HashSet<NoticeId> = known(tx, &new)?;
    new.retain(|(told, row)| reachable.contains(&told.user) && seen.insert(row.id));
    if new.is_empty() {
        return Ok(());
    }
    let people: BTreeSet<UserId> = new.iter().map(|(told, _)| told.user).collect();
    let mut waiting = held(tx, &people)?;
    // Only the reader makes these rows, so nobody else has made one meanwhile.
    let first: Vec<NoticeQueueRow> =
        people.iter().filter(|user| !waiting.contains_key(*user)).map(|user| NoticeQueueRow::empty(*user)).collect();
    for some in first.chunks(PIECE) {
        diesel::insert_into(queues::table).values(some).execute(tx.conn)?;
    }
    let (mut rows, mut due) = (Vec::new(), BTreeSet::new());
    for (told, row) in new {
        let queue = waiting.entry(told.user).or_insert_with(|| NoticeQueueRow::empty(told.user));
        // Warnings about the account are not crowded out by others.
        if queue.waiting >= policy::MOST_WAITING && !told.kind.is_urgent() {
            queue.more += 1;
            continue;
        }
        queue.waiting += 1;
        if queue.next_at.is_none_or(|next| next > row.due_at) {
            queue.next_at = Some(row.due_at);
            due.insert(row.due_at);
        }
        rows.push(row);
    }
    for some in rows.chunks(PIECE) {
        diesel::insert_into(table::table).values(some).execute(tx.conn)?;
    }
    let queues: Vec<NoticeQueueRow> = waiting.into_values().collect();
    change(tx, &queues)?;
    wake(tx, ctx, due)
}

fn row(told: &Told, due_at: Timestamp) -> NoticeRow {
    let (target_type, target_id) = told.target;
    let kind = told.kind.as_str();
    NoticeRow {
        id: NoticeRow::id_of(told.user, kind, told.source, told.actor),
        user_id: told.user,
        kind: kind.to_owned(),
        notification_id: told.notification,
        source_id: told.source,
        actor_id: told.actor,
        target_type: target_type.as_str().to_owned(),
        target_id,
        chat_id: told.chat,
        message_id: told.message,
        seq: told.seq,
        group_key: told.group_key.clone(),
        reason: told.reason.as_str().to_owned(),
        at: told.at,
        due_at,
        mail_id: None,
    }
}

/// What is stored already, because a reader begins anew.
fn known(tx: &mut Tx<'_>, new: &[(&Told, NoticeRow)]) -> Result<HashSet<NoticeId>> {
    let ids: Vec<NoticeId> = new.iter().map(|(_, row)| row.id).collect();
    let known: Vec<NoticeId> = table::table.filter(table::id.among(&ids)).select(table::id).load(tx.conn)?;
    Ok(known.into_iter().collect())
}

/// What waits for these people, which nobody else changes until the end of the transaction.
pub fn held(tx: &mut Tx<'_>, people: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, NoticeQueueRow>> {
    let people: Vec<UserId> = people.iter().copied().collect();
    dialect::notices::lock_queues(tx.conn, &people)?;
    let rows = queues::table.filter(queues::user_id.among(&people)).select(NoticeQueueRow::as_select());
    let rows: Vec<NoticeQueueRow> = rows.load(tx.conn)?;
    Ok(rows.into_iter().map(|row| (row.user_id, row)).collect())
}

/// Writes the numbers of people who are held. Most are alike, so these are few statements. The row of somebody for whom nothing
/// waits stays: it is their lock.
pub fn change(tx: &mut Tx<'_>, rows: &[NoticeQueueRow]) -> Result<()> {
    let mut alike = BTreeMap::<(Option<Timestamp>, i64, i64), Vec<UserId>>::new();
    for row in rows {
        alike.entry((row.next_at, row.waiting, row.more)).or_default().push(row.user_id);
    }
    for ((next_at, waiting, more), people) in alike {
        let numbers = (queues::next_at.eq(next_at), queues::waiting.eq(waiting), queues::more.eq(more));
        let these = queues::table.filter(queues::user_id.among(&people));
        diesel::update(these).set(numbers).execute(tx.conn)?;
    }
    Ok(())
}

/// Has what is due then gathered: one job for all that is due in the same second. Whatever comes while it runs is found by the
/// schedule, within a minute.
fn wake(tx: &mut Tx<'_>, ctx: &Ctx, due: BTreeSet<Timestamp>) -> Result<()> {
    for second in seconds(ctx, due) {
        jobs::order(tx, ctx, &gather(second)?.keyed(format!("{} {second}", Gather::KIND)))?;
    }
    Ok(())
}

/// The same for whoever holds what waits for people. Without a key, it waits for no other transaction: the reader, which has
/// written such a key, may wait for those people.
pub fn wake_later(tx: &mut Tx<'_>, ctx: &Ctx, due: impl IntoIterator<Item = Timestamp>) -> Result<()> {
    seconds(ctx, due).into_iter().try_for_each(|second| jobs::order(tx, ctx, &gather(second)?))
}

/// The ends of the seconds in which these are due.
fn seconds(ctx: &Ctx, due: impl IntoIterator<Item = Timestamp>) -> BTreeSet<i64> {
    due.into_iter().map(|at| at.max(ctx.now).as_seconds() + 1).collect()
}

fn gather(second: i64) -> Result<NewJob> {
    NewJob::new(&Gather {}, Timestamp::from_micros(second.saturating_mul(1_000_000)))
}
