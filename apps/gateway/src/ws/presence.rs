//! Looks after the people who are online: notes when they were seen, lets their friends hear of them, and tells the other
//! nodes who has sockets here.

use std::{sync::Arc, time::Duration};

use clowder_accounts::Presences;
use clowder_core::{Actor, Ctx, Error};
use clowder_infra::{bus::Exchange, online::Online};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{clock, stop::Stop};

/// How often it is looked for what happens by itself: who has been away for long enough, whose status ends.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the other nodes are told what has changed.
const SAY_EVERY: Duration = Duration::from_millis(200);
/// The subject of these messages on the bus.
const ONLINE: &str = "online";
/// How long the end of the process waits until it is noted that everybody left.
const AT_THE_END: Duration = Duration::from_secs(5);

pub async fn run(presences: Arc<dyn Presences>, online: Arc<Online>, exchange: Arc<Exchange>, mut stop: Stop) {
    let saying = say_and_hear(Arc::clone(&online), Arc::clone(&exchange));
    tokio::select! {
        () = look_after_all(&*presences, &online, &mut stop) => {}
        () = saying => {}
    }
    online.all_leave(clock::now());
    if let Some(bye) = online.bye() {
        exchange.publish(ONLINE, &bye);
    }
    if !matches!(timeout(AT_THE_END, look_after(&*presences)).await, Ok(Ok(()))) {
        tracing::warn!("it is not noted when the people were last seen who are online now");
    }
}

/// Tells the other nodes who is here, and hears who is there.
async fn say_and_hear(online: Arc<Online>, exchange: Arc<Exchange>) {
    let heard = Arc::downgrade(&online);
    let hear = move |node, body: &str| {
        if let Some(online) = heard.upgrade() {
            online.hear_node(node, body, clock::now());
        }
    };
    exchange.subscribe_to_nodes(ONLINE, Box::new(hear));
    if let Some(node) = exchange.node() {
        online.join(node);
    }
    let mut often = interval(SAY_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        often.tick().await;
        for message in online.take_messages(SAY_EVERY, clock::now()) {
            exchange.publish(ONLINE, &message);
        }
    }
}

async fn look_after_all(presences: &dyn Presences, online: &Online, stop: &mut Stop) {
    let mut often = interval(LOOK_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            // After a failure, only as often as anyway.
            () = online.somebody_stirred(), if !failing => {}
            _ = often.tick() => {}
        }
        metrics::gauge!("clowder_people_online").set(online.count() as f64);
        let failed = look_after(presences).await.err();
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot note who is online"),
                _ => tracing::warn!(%error, "cannot note who is online right now"),
            }
        }
        failing = failed.is_some();
    }
}

/// Some after the others, until nobody is left.
async fn look_after(presences: &dyn Presences) -> Result<(), Error> {
    while presences.tell_friends(&Ctx::new(Actor::System, clock::now(), "presence")).await? > 0 {}
    Ok(())
}
