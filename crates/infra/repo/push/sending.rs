//! The job that hands one thing over to the service of one device: what it says is made now, from what its owner may see now.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Result, Timestamp,
    job::{Queue, Taken, Work, Worker},
};
use clowder_notifications::push::{
    Push, Sender, Target,
    policy::{lifetime, urgency},
    sender::TOPIC,
};
use data_encoding::BASE64URL_NOPAD;
use diesel::prelude::*;

use super::{
    super::{Repo, dialect::Conn},
    settling::{finish, settle},
    showing,
    telling::SendPush,
};
use crate::{
    domains::{
        accounts::sessions,
        push::{PushId, PushRow, SubscriptionRow, push_subscriptions as subscriptions, pushes},
    },
    keys::{Keys, random_within},
    seal::{KeyRing, unreadable},
};

pub struct PushWorker(pub Arc<Repo>);

#[async_trait]
impl Worker for PushWorker {
    fn kind(&self) -> &'static str {
        SendPush::KIND
    }

    fn queue(&self) -> Queue {
        SendPush::QUEUE
    }

    /// A second run sends the same under the same topic and id, if nobody has noted that the first did.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let SendPush { push_id } = job.read()?;
        let options = &self.0.deps.options.push;
        let Some(sender) = options.sender.clone() else { return Ok(()) };
        let (ring, keys, now) = (self.0.db.ring(), Arc::clone(&self.0.deps.keys), ctx.now);
        let found = self.0.db.read(move |conn| find(conn, &ring, &keys, push_id, now)).await?;
        let caller = ctx.clone();
        match found {
            Found::Gone => Ok(()),
            Found::Unwanted(row) => {
                count(&row.subscription, "dropped");
                let row = row.push;
                self.0.db.write(move |tx| finish(tx, &caller, &row)).await
            }
            Found::Due(due) => self.send(ctx, &*sender, *due).await,
        }
    }
}

impl PushWorker {
    async fn send(&self, ctx: &Ctx, sender: &dyn Sender, due: Due) -> Result<()> {
        let Due { row, target, push } = due;
        let vapid = self.0.vapid(ctx).await?;
        let outcome = sender.send(ctx.now, &vapid, &target, &push).await;
        count(&row.subscription, outcome.word());
        tracing::debug!(kind = row.subscription.kind, ?outcome, "a push was tried");
        let (ctx, jitter) = (ctx.clone(), random_within(0..=1000) as f64 / 1000.0);
        self.0.db.write(move |tx| settle(tx, &ctx, &row.push, &row.subscription, jitter, &outcome)).await
    }
}

fn count(subscription: &SubscriptionRow, outcome: &'static str) {
    let kind = subscription.kind.clone();
    metrics::counter!("clowder_pushes_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// What waits, and for which device.
struct Rows {
    push: PushRow,
    subscription: SubscriptionRow,
}

struct Due {
    row: Rows,
    target: Target,
    push: Push,
}

enum Found {
    /// It was sent, or its device is gone.
    Gone,
    /// It was read meanwhile, is not to be seen any more, or comes too late.
    Unwanted(Box<Rows>),
    Due(Box<Due>),
}

fn find(conn: &mut Conn, ring: &KeyRing, keys: &Keys, id: PushId, now: Timestamp) -> Result<Found> {
    let waiting = pushes::table.inner_join(subscriptions::table).filter(pushes::id.eq(id));
    let found = waiting.select((PushRow::as_select(), SubscriptionRow::as_select())).first(conn).optional()?;
    let Some((push, subscription)): Option<(PushRow, SubscriptionRow)> = found else { return Ok(Found::Gone) };
    let row = Rows { push, subscription };
    let open = sessions::table.find(row.subscription.session_id);
    let open = open.filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(now)));
    let is_open: bool = diesel::select(diesel::dsl::exists(open)).get_result(conn)?;
    if !is_open || row.push.until <= now {
        return Ok(Found::Unwanted(Box::new(row)));
    }
    // One that does not decrypt would not do so the next time.
    let target = row.subscription.target(ring).map_or_else(|error| unreadable(&error), Some);
    let payload = showing::payload(conn, &row.push, now)?;
    let Some((target, payload)) = target.zip(payload) else { return Ok(Found::Unwanted(Box::new(row))) };
    let kind = row.push.kind()?;
    let push = Push {
        id: row.push.revision.uuid(),
        payload,
        urgency: urgency(kind),
        topic: topic(keys, &row.push),
        // Whatever a clock that was ahead has stored.
        until: row.push.until.min(now.plus(lifetime(kind))),
    };
    Ok(Found::Due(Box::new(Due { row, target, push })))
}

/// The same for all of a group, and another one for each device, so that services learn nothing from it.
fn topic(keys: &Keys, row: &PushRow) -> String {
    let subscription = row.subscription_id.uuid();
    let hash = keys.fingerprint(&[b"push topic", subscription.as_bytes(), row.group_key.as_bytes()]);
    let mut topic = BASE64URL_NOPAD.encode(&hash);
    topic.truncate(TOPIC);
    topic
}
