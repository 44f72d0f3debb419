//! What happens at its time, on every node: scheduled messages are sent, and messages whose time is over are deleted. Any
//! number of nodes may do so beside each other.

use std::{sync::Arc, time::Duration};

use clowder_core::{Actor, Ctx, Error, Result};
use clowder_infra::clock::Pace;
use clowder_messaging::{
    Lifetimes, ScheduledMessages, lifetimes::port::PIECE as EXPIRED_AT_ONCE, scheduled::port::PIECE as SENT_AT_ONCE,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{clock, stop::Stop};

/// How often a node looks for what is due: a message is sent within the second for which it was scheduled.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub async fn run(scheduled: Arc<dyn ScheduledMessages>, lifetimes: Arc<dyn Lifetimes>, mut stop: Stop) {
    let mut often = interval(LOOK_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut pace, mut failing) = (Pace::default(), [false; 2]);
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = often.tick() => {}
        }
        // Neither can be undone: after a jump of the clock they wait until it can be trusted.
        if !pace.is_steady(clock::now(), Instant::now()) {
            continue;
        }
        let sent = send_due(&*scheduled, &stop).await;
        report(sent, &mut failing[0], "scheduled messages cannot be sent");
        let gone = expire(&*lifetimes, &stop).await;
        report(gone, &mut failing[1], "messages whose time is over cannot be deleted");
    }
}

fn ctx() -> Ctx {
    Ctx::new(Actor::System, clock::now(), "timers")
}

/// Until less than a piece is left, or the server stops.
async fn send_due(scheduled: &dyn ScheduledMessages, stop: &Stop) -> Result<()> {
    while !stop.is_stopping() && scheduled.send_due(&ctx()).await? >= SENT_AT_ONCE {}
    Ok(())
}

/// The same.
async fn expire(lifetimes: &dyn Lifetimes, stop: &Stop) -> Result<()> {
    while !stop.is_stopping() && lifetimes.expire(&ctx()).await? >= EXPIRED_AT_ONCE {}
    Ok(())
}

/// Logs the first of several failures.
fn report(done: Result<()>, failing: &mut bool, what: &'static str) {
    let failed = done.err();
    if let Some(error) = failed.as_ref().filter(|_| !*failing) {
        match error {
            Error::Internal(_) => tracing::error!(%error, "{what}"),
            _ => tracing::warn!(%error, "{what}"),
        }
    }
    *failing = failed.is_some();
}
