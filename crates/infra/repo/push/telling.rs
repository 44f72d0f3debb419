//! What is handed over by those who decide who is told what: it waits for each device of a person, without any text, and a
//! job is enqueued for each.

use std::collections::HashMap;

use clowder_core::{
    Ctx, Id, NewJob, Result, Timestamp, UserId, Word,
    job::{Queue, Work},
};
use clowder_notifications::push::{PushSubscriptionId, policy::lifetime};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    jobs,
    notifications::Told,
};
use crate::domains::{
    accounts::sessions,
    notifications::NOBODY,
    push::{PushId, PushRow, push_subscriptions as subscriptions, pushes as table},
};

/// Sends one thing to one device.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendPush {
    pub push_id: PushId,
}

impl Work for SendPush {
    const KIND: &'static str = "push.send";
    const QUEUE: Queue = Queue::Push;
}

/// Lets those of these that are for push wait for the devices of their people. Something of a group that waits already takes
/// the place of the earlier, and is sent when that would have been.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, told: &[Told]) -> Result<()> {
    if tx.services.options.push.sender.is_none() {
        return Ok(());
    }
    let due: Vec<(&Told, Timestamp)> = told.iter().filter_map(|told| told.push_from.map(|from| (told, from))).collect();
    let mut people: Vec<UserId> = due.iter().map(|(told, _)| told.user).collect();
    people.sort_unstable();
    people.dedup();
    let devices = devices(tx.conn, &people, ctx.now)?;
    // Of one group, the last stands for all.
    let mut last: HashMap<(PushSubscriptionId, &str), Last<'_>> = HashMap::new();
    for (told, from) in due {
        for device in devices.get(&told.user).into_iter().flatten() {
            let place = last.entry((*device, told.group_key.as_str()));
            let place = place.or_insert(Last { told, due: from.max(ctx.now), count: 0 });
            *place = Last { told, due: place.due.min(from.max(ctx.now)), count: place.count + 1 };
        }
    }
    let mut last: Vec<_> = last.into_iter().collect();
    // In the order in which they are locked.
    last.sort_unstable_by_key(|(place, _)| *place);
    for ((device, _), last) in last {
        wait(tx, ctx, device, last)?;
    }
    Ok(())
}

/// What stands for all of a group, when the first of it is due, and how many there are.
#[derive(Clone, Copy)]
struct Last<'a> {
    told: &'a Told,
    due: Timestamp,
    count: i64,
}

/// The subscriptions of these people whose sessions have not ended. They stay until the end of the transaction.
fn devices(conn: &mut Conn, people: &[UserId], now: Timestamp) -> Result<HashMap<UserId, Vec<PushSubscriptionId>>> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let open = sessions::ended_at.is_null().and(sessions::expires_at.gt(now));
    let of_them: Vec<(PushSubscriptionId, UserId)> = subscriptions::table
        .inner_join(sessions::table)
        .filter(subscriptions::user_id.eq_any(people))
        .filter(open)
        .select((subscriptions::id, subscriptions::user_id))
        .load(conn)?;
    if of_them.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = of_them.iter().map(|(id, _)| *id).collect();
    let kept = dialect::push::keep_subscriptions(conn, &ids)?;
    let mut devices: HashMap<UserId, Vec<PushSubscriptionId>> = HashMap::new();
    for (id, user) in of_them {
        if kept.binary_search(&id).is_ok() {
            devices.entry(user).or_default().push(id);
        }
    }
    Ok(devices)
}

fn wait(tx: &mut Tx<'_>, ctx: &Ctx, device: PushSubscriptionId, last: Last<'_>) -> Result<()> {
    let Last { told, due, count } = last;
    let id = PushId::new(ctx.now);
    let (target_type, target_id) = told.target;
    let row = PushRow {
        id,
        subscription_id: device,
        user_id: told.user,
        kind: told.kind.as_str().to_owned(),
        source_id: told.source,
        actor_id: told.actor.unwrap_or(NOBODY),
        target_type: target_type.as_str().to_owned(),
        target_id,
        chat_id: told.chat,
        message_id: told.message,
        seq: told.seq,
        notification_id: told.notification,
        group_key: told.group_key.clone(),
        reason: told.reason.as_str().to_owned(),
        created_at: told.at,
        count,
        until: due.plus(lifetime(told.kind)),
        tries: 0,
        revision: Id::new(ctx.now),
    };
    // Its job keeps its time: otherwise a lively chat would never be told about.
    let waiting = table::table.filter(table::subscription_id.eq(device).and(table::group_key.eq(&row.group_key)));
    let replaced = diesel::update(waiting)
        .set((
            table::user_id.eq(row.user_id),
            table::kind.eq(&row.kind),
            table::source_id.eq(row.source_id),
            table::actor_id.eq(row.actor_id),
            table::target_type.eq(&row.target_type),
            table::target_id.eq(row.target_id),
            table::chat_id.eq(row.chat_id),
            table::message_id.eq(row.message_id),
            table::seq.eq(row.seq),
            table::notification_id.eq(row.notification_id),
            table::reason.eq(&row.reason),
            table::created_at.eq(row.created_at),
            table::count.eq(table::count + row.count),
            table::until.eq(row.until),
            table::revision.eq(row.revision),
        ))
        .execute(tx.conn)?;
    if replaced > 0 {
        return Ok(());
    }
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    order(tx, ctx, &row, due)
}

/// The job for something that waits.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, row: &PushRow, due: Timestamp) -> Result<()> {
    jobs::order(tx, ctx, &NewJob::new(&SendPush { push_id: row.id }, due)?.about(row.user_id))
}
