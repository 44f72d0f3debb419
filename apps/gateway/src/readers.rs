//! Lets the readers of the journal work, on every node; a lease decides which of the nodes does.

use std::{sync::Arc, time::Duration};

use clowder_core::{Actor, Ctx, Error};
use clowder_infra::Readers;
use tokio::time::{MissedTickBehavior, interval};

use crate::{clock, stop::Stop};

/// How often a node looks for changes that no reader has handled.
const READ_EVERY: Duration = Duration::from_millis(500);

pub async fn run(readers: Arc<dyn Readers>, mut stop: Stop) {
    let mut often = interval(READ_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = often.tick() => {}
        }
        let failed = read_on(&*readers, &stop).await;
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "a reader of the journal fails"),
                _ => tracing::warn!(%error, "the journal cannot be read on right now"),
            }
        }
        failing = failed.is_some();
    }
}

/// Until nothing is left to do, or the server stops.
async fn read_on(readers: &dyn Readers, stop: &Stop) -> Option<Error> {
    while !stop.is_stopping() {
        match readers.read(&Ctx::new(Actor::System, clock::now(), "readers")).await {
            Ok(handled) if handled.is_full => {}
            // What has come meanwhile can wait for the next look: so little work is not a transaction for every change.
            Ok(_) => return None,
            Err(error) => return Some(error),
        }
    }
    None
}
