//! Digests: who wants one, and the one email of each morning.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use clowder_core::{Ctx, Result, TimeZone, UserId, Word};
use clowder_notifications::{
    NotificationType,
    mail::{
        NoticeId, NoticeMailId,
        digest::{self, Rhythm},
    },
};
use diesel::prelude::*;

use super::{
    super::{among::AmongIds, db::Tx, dialect},
    addresses,
    gathering::{self, PIECE},
    telling,
};
use crate::domains::{
    notices::{
        Digested, NoticeDigestRow, NoticeMailRow, NoticeQueueRow, notice_digests as table, notice_mails as mails,
        notices,
    },
    preferences::preferences,
};

/// A week, and the hours by which the clocks of two time zones differ. What is later was written by a clock that was ahead.
const FARTHEST: Duration = Duration::from_secs(9 * 24 * 3600);

/// Somebody wants digests from now on, or none. Their account is locked. What waits for them then comes by itself again.
pub fn plan(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, rhythm: Option<Rhythm>) -> Result<()> {
    let known: Option<NoticeDigestRow> =
        table::table.find(user).select(NoticeDigestRow::as_select()).first(tx.conn).optional()?;
    let Some(rhythm) = rhythm else {
        if diesel::delete(table::table.find(user)).execute(tx.conn)? > 0 {
            release(tx, ctx, user)?;
        }
        return Ok(());
    };
    if known.as_ref().is_some_and(|known| known.rhythm == rhythm.as_str()) {
        return Ok(());
    }
    let zone = zones(tx, &BTreeSet::from([user]))?.remove(&user).unwrap_or_else(TimeZone::utc);
    let row = NoticeDigestRow {
        user_id: user,
        rhythm: rhythm.as_str().to_owned(),
        since: known.map_or(ctx.now, |known| known.since),
        next_at: digest::next(rhythm, &zone, ctx.now),
    };
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict(table::user_id)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    Ok(())
}

/// Somebody lives by other clocks from now on. Their account is locked.
pub fn move_to(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, zone: &str) -> Result<()> {
    let known = table::table.find(user).select(NoticeDigestRow::as_select());
    let known: Option<NoticeDigestRow> = known.first(tx.conn).optional()?;
    let Some(known) = known else { return Ok(()) };
    let next = digest::next(known.rhythm()?, &TimeZone::stored(zone), ctx.now);
    diesel::update(table::table.find(user)).set(table::next_at.eq(next)).execute(tx.conn)?;
    Ok(())
}

/// What has waited for a digest is looked at now.
fn release(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let Some(row) = telling::held(tx, &BTreeSet::from([user]))?.remove(&user) else { return Ok(()) };
    telling::change(tx, &[NoticeQueueRow { next_at: Some(ctx.now), ..row }])?;
    telling::wake_later(tx, ctx, [ctx.now])
}

/// Makes the digests that are due for some people; returns how many people it has seen to.
pub fn piece(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let due = table::table.filter(table::next_at.le(ctx.now)).order((table::next_at, table::user_id));
    let due: Vec<UserId> = due.limit(PIECE).select(table::user_id).load(tx.conn)?;
    let free = dialect::accounts::keep_free_users(tx.conn, &due)?;
    let rows = table::table.filter(table::user_id.eq_any(&free)).filter(table::next_at.le(ctx.now));
    let rows = rows.order(table::user_id).select(NoticeDigestRow::as_select());
    let rows: Vec<NoticeDigestRow> = dialect::unclaimed!(rows).load(tx.conn)?;
    let people: BTreeSet<UserId> = rows.iter().map(|row| row.user_id).collect();
    if people.is_empty() {
        return Ok(0);
    }
    let (zones, reachable) = (zones(tx, &people)?, addresses::reachable(tx, &people)?);
    gathering::forget_waiting(tx, people.iter().filter(|user| !reachable.contains(*user)))?;
    let mut queues = telling::held(tx, &people)?;
    let (mut after, mut made) = (Vec::new(), Vec::new());
    for row in &rows {
        let (user, rhythm) = (row.user_id, row.rhythm()?);
        let zone = zones.get(&user).cloned().unwrap_or_else(TimeZone::utc);
        let digest::Due { period, next } = digest::due(rhythm, &zone, ctx.now);
        let queue = queues.remove(&user);
        let digested = Digested { rhythm, period, since: row.since };
        let mail = NoticeMailRow::new(
            NoticeMailId::new(ctx.now),
            user,
            Some(digested),
            queue.map_or(0, |queue| queue.more),
            ctx.now,
        );
        let mut since = row.since;
        // One of this morning may be there, if its clocks have gone back, or somebody has moved.
        let is_new = reachable.contains(&user) && insert(tx, &mail)?;
        if is_new {
            let things = take(tx, user, mail.id)?;
            let left =
                |queue: NoticeQueueRow| NoticeQueueRow { waiting: (queue.waiting - things).max(0), more: 0, ..queue };
            after.extend(queue.map(left));
            made.push(mail);
            since = ctx.now;
        } else if !reachable.contains(&user) {
            after.extend(queue.map(|queue| NoticeQueueRow::empty(queue.user_id)));
            since = ctx.now;
        }
        let moved = (table::next_at.eq(next), table::since.eq(since));
        diesel::update(table::table.find(user)).set(moved).execute(tx.conn)?;
    }
    telling::change(tx, &after)?;
    made.iter().try_for_each(|mail| gathering::order(tx, ctx, mail))?;
    Ok(rows.len())
}

/// Whether there was none of this period yet.
fn insert(tx: &mut Tx<'_>, mail: &NoticeMailRow) -> Result<bool> {
    Ok(diesel::insert_into(mails::table).values(mail).on_conflict_do_nothing().execute(tx.conn)? == 1)
}

/// Everything that waits for somebody belongs to this email, except what has its own; answers how much that is.
fn take(tx: &mut Tx<'_>, user: UserId, mail: NoticeMailId) -> Result<i64> {
    let urgent = NotificationType::all().filter(|kind| kind.is_urgent()).map(Word::as_str);
    let waits = notices::table.filter(notices::user_id.eq(user).and(notices::mail_id.is_null()));
    let waits = waits.filter(notices::kind.ne_all(urgent.collect::<Vec<_>>())).select(notices::id);
    let waits: Vec<NoticeId> = waits.load(tx.conn)?;
    let these = notices::table.filter(notices::id.among(&waits));
    Ok(diesel::update(these).set(notices::mail_id.eq(mail)).execute(tx.conn)? as i64)
}

/// The time zones of these people, as far as they have chosen one.
fn zones(tx: &mut Tx<'_>, people: &BTreeSet<UserId>) -> Result<HashMap<UserId, TimeZone>> {
    let chosen = preferences::table.filter(preferences::user_id.among(people));
    let chosen: Vec<(UserId, String)> = chosen.select((preferences::user_id, preferences::time_zone)).load(tx.conn)?;
    Ok(chosen.into_iter().map(|(user, zone)| (user, TimeZone::stored(&zone))).collect())
}

/// What a clock that was ahead has put off is due at the next morning.
pub fn put_right(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let beyond = table::table.filter(table::next_at.gt(ctx.now.plus(FARTHEST)));
    let beyond = beyond.order(table::user_id).limit(PIECE).select(NoticeDigestRow::as_select());
    let beyond: Vec<NoticeDigestRow> = dialect::unclaimed!(beyond).load(tx.conn)?;
    let zones = zones(tx, &beyond.iter().map(|row| row.user_id).collect())?;
    for row in &beyond {
        let zone = zones.get(&row.user_id).cloned().unwrap_or_else(TimeZone::utc);
        let next = digest::next(row.rhythm()?, &zone, ctx.now);
        let put = (table::next_at.eq(next), table::since.eq(row.since.min(ctx.now)));
        diesel::update(table::table.find(row.user_id)).set(put).execute(tx.conn)?;
    }
    Ok(beyond.len())
}
