//! Looks after the people with sockets on this node: notes when they were seen, and lets their friends hear of them.

use std::{sync::Arc, time::Duration};

use clowder_accounts::Presences;
use clowder_core::{Actor, Ctx, Error};
use clowder_infra::online::Online;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{clock, stop::Stop};

/// How often it is looked for what happens by itself: who has been away for long enough, whose status ends.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the process waits until it is noted that everybody left.
const AT_THE_END: Duration = Duration::from_secs(5);

pub async fn run(presences: Arc<dyn Presences>, online: Arc<Online>, mut stop: Stop) {
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
        let failed = look_after(&*presences).await.err();
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot note who is online"),
                _ => tracing::warn!(%error, "cannot note who is online right now"),
            }
        }
        failing = failed.is_some();
    }
    online.all_leave(clock::now());
    if !matches!(timeout(AT_THE_END, look_after(&*presences)).await, Ok(Ok(()))) {
        tracing::warn!("it is not noted when the people were last seen who are online now");
    }
}

/// Some after the others, until nobody is left.
async fn look_after(presences: &dyn Presences) -> Result<(), Error> {
    while presences.tell_friends(&Ctx::new(Actor::System, clock::now(), "presence")).await? > 0 {}
    Ok(())
}
