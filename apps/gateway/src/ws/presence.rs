//! Notes who comes online and goes offline on this node, and lets their friends hear of it.

use std::{sync::Arc, time::Duration};

use clowder_accounts::{Presences, presence::Turn};
use clowder_core::{Actor, Ctx, Error};
use clowder_infra::online::Online;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{clock, stop::Stop};

/// How often it is looked who has been away for long enough.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the process waits until it is noted that everybody left.
const AT_THE_END: Duration = Duration::from_secs(5);

/// How many people are noted in one transaction: what one of them waits for holds up only these.
const TOGETHER: usize = 20;

pub async fn run(presences: Arc<dyn Presences>, online: Arc<Online>, mut stop: Stop) {
    let mut often = interval(LOOK_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = online.somebody_came() => {}
            // After a failure, only this.
            _ = often.tick() => {}
        }
        metrics::gauge!("clowder_people_online").set(online.count() as f64);
        let failed = note(&*presences, &online).await.err();
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot note who is online"),
                _ => tracing::warn!(%error, "cannot note who is online right now"),
            }
        }
        failing = failed.is_some();
    }
    online.all_leave(clock::now());
    if !matches!(timeout(AT_THE_END, note(&*presences, &online)).await, Ok(Ok(()))) {
        tracing::warn!("it is not noted when the people were last seen who are online now");
    }
}

async fn note(presences: &dyn Presences, online: &Online) -> Result<(), Error> {
    let now = clock::now();
    let turns: Vec<Turn> = online.turns(now);
    if turns.is_empty() {
        return Ok(());
    }
    let (ctx, mut failed) = (Ctx::new(Actor::System, now, "presence"), Ok(()));
    for some in turns.chunks(TOGETHER) {
        if let Err(error) = presences.turned(&ctx, some.to_vec()).await {
            online.put_back(some.to_vec());
            failed = Err(error);
        }
    }
    failed
}
