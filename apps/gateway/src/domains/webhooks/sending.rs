//! Sends events to webhooks, on every node: notes what is to be delivered as soon as something was committed, takes endpoints
//! that are due, and makes their calls, so that a slow endpoint holds up nobody else.

use std::{sync::Arc, time::Duration};

use clowder_core::{Actor, Ctx, Error, Result, Timestamp};
use clowder_infra::egress::Egress;
use clowder_notifications::{
    Webhooks,
    webhooks::{
        Answered, DeliveryId,
        port::{Done, Heard, Turn},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout_at},
};

use super::calling::call;
use crate::{clock, stop::Stop};

/// How often a node looks for what is due, and for changes of other nodes of which it has not heard.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So long after something was committed, changes are read: many at once cost little more than one.
const GATHERED: Duration = Duration::from_millis(15);
/// How many endpoints a node calls at the same time, and how many of those may be failing: whoever hangs must not keep others
/// from their turns.
const ENDPOINTS: usize = 256;
const FAILING_ENDPOINTS: usize = 32;
/// How many endpoints are taken together.
const TAKEN: usize = 64;
/// How many calls are made to one endpoint at the same time, and by a node at the same time.
const CALLS_PER_ENDPOINT: usize = 8;
const CALLS: usize = 256;
/// So far apart are two calls of one endpoint at least: 100 a second.
const SPACING: Duration = Duration::from_millis(10);
/// After this, a turn begins no further call.
const TURN: Duration = Duration::from_secs(20);
/// How many turns are stored together.
const SETTLED: usize = 64;

/// Until the server stops; then calls that are under way end, and are stored.
pub async fn run(webhooks: Arc<dyn Webhooks>, egress: Egress, mut stop: Stop) {
    let (settle, settled) = mpsc::channel(ENDPOINTS);
    let storing = tokio::spawn(store(Arc::clone(&webhooks), settled));
    let sender = Sender {
        webhooks,
        egress: egress.for_purpose("webhook"),
        endpoints: Arc::new(Semaphore::new(ENDPOINTS)),
        failing: Arc::new(Semaphore::new(FAILING_ENDPOINTS)),
        calls: Arc::new(Semaphore::new(CALLS)),
        settle,
        stop: stop.clone(),
    };
    let mut often = interval(LOOK_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut any, mut failing) = (false, false);
    while !stop.is_stopping() {
        tokio::select! {
            () = stop.wait() => break,
            _ = often.tick() => {}
            // Without endpoints, nobody waits for anything.
            () = sender.webhooks.stirred(), if any => sleep(GATHERED).await,
        }
        let worked = sender.work().await;
        if let Some(error) = worked.as_ref().err().filter(|_| !failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "webhooks fail"),
                _ => tracing::warn!(%error, "webhooks cannot be worked on right now"),
            }
        }
        failing = worked.is_err();
        any = worked.unwrap_or(any);
    }
    // Who has the permits is still calling.
    let _ = tokio::time::timeout(super::calling::WITHIN, sender.endpoints.acquire_many(ENDPOINTS as u32)).await;
    drop(sender);
    let _ = storing.await;
}

fn ctx() -> Ctx {
    Ctx::new(Actor::System, clock::now(), "webhooks")
}

#[derive(Clone)]
struct Sender {
    webhooks: Arc<dyn Webhooks>,
    egress: Egress,
    endpoints: Arc<Semaphore>,
    failing: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    settle: mpsc::Sender<Done>,
    stop: Stop,
}

impl Sender {
    /// Notes what happened, and begins what is due. Returns whether anybody has an endpoint.
    async fn work(&self) -> Result<bool> {
        let mut any = false;
        loop {
            let Heard { any: found, is_full } = self.webhooks.hear(&ctx()).await?;
            any |= found;
            if any {
                self.begin().await?;
            }
            if !is_full || self.stop.is_stopping() {
                return Ok(any);
            }
        }
    }

    /// Begins turns as long as there is room and something due.
    async fn begin(&self) -> Result<()> {
        while !self.stop.is_stopping() {
            let room = self.endpoints.available_permits().min(TAKEN);
            if room == 0 {
                return Ok(());
            }
            let turns = self.webhooks.take(&ctx(), room).await?;
            let taken = turns.len();
            for turn in turns {
                // Nobody else takes permits, so they are there.
                let Ok(permit) = Arc::clone(&self.endpoints).acquire_owned().await else { return Ok(()) };
                tokio::spawn(self.clone().turn(turn, permit));
            }
            if taken < room {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes the calls of one endpoint, and hands on what came of them.
    async fn turn(self, turn: Turn, _endpoint: OwnedSemaphorePermit) {
        // An endpoint that fails waits for others that fail, and gives its place back if that takes long.
        let _failing = match turn.is_failing {
            false => None,
            true => match Arc::clone(&self.failing).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return self.end(&turn, Vec::new()).await,
            },
        };
        let turn = Arc::new(turn);
        let calls = self.calls_of(&turn).await;
        self.end(&turn, calls).await;
    }

    async fn calls_of(&self, turn: &Arc<Turn>) -> Vec<(DeliveryId, Timestamp, Answered)> {
        let until = Instant::now() + TURN;
        let mut next = Instant::now();
        let (mut running, mut done, mut broken) = (JoinSet::new(), Vec::with_capacity(turn.parcels.len()), false);
        for place in 0..turn.parcels.len() {
            while running.len() >= CALLS_PER_ENDPOINT {
                broken |= finish(&mut running, &mut done).await;
            }
            while let Some(ended) = running.try_join_next() {
                broken |= keep(ended, &mut done);
            }
            // After a failure, the rest waits until the endpoint is well again.
            if broken || self.stop.is_stopping() || next.max(Instant::now()) >= until {
                break;
            }
            sleep_until(next).await;
            next = Instant::now() + SPACING;
            let Ok(Ok(permit)) = timeout_at(until, Arc::clone(&self.calls).acquire_owned()).await else { break };
            let (egress, turn) = (self.egress.clone(), Arc::clone(turn));
            running.spawn(async move {
                let (parcel, at) = (&turn.parcels[place], clock::now());
                let answered = call(&egress, &turn, parcel, at).await;
                drop(permit);
                report(parcel.happened, &answered);
                (parcel.delivery, at, answered)
            });
        }
        while !running.is_empty() {
            finish(&mut running, &mut done).await;
        }
        // So that the next turn, on whatever node, keeps the distance.
        sleep_until(next).await;
        done
    }

    async fn end(&self, turn: &Turn, calls: Vec<(DeliveryId, Timestamp, Answered)>) {
        let done = Done { webhook: turn.webhook, lease: turn.lease, calls };
        // Only if nothing is stored any more; then the lease ends by itself.
        let _ = self.settle.send(done).await;
    }
}

type Ended = (DeliveryId, Timestamp, Answered);

/// Waits for one call; whether it failed.
async fn finish(running: &mut JoinSet<Ended>, done: &mut Vec<Ended>) -> bool {
    match running.join_next().await {
        Some(ended) => keep(ended, done),
        None => false,
    }
}

fn keep(ended: std::result::Result<Ended, tokio::task::JoinError>, done: &mut Vec<Ended>) -> bool {
    match ended {
        Ok(ended) => {
            let failed = !ended.2.is_success();
            done.push(ended);
            failed
        }
        // What panicked is called again.
        Err(error) => {
            tracing::error!(%error, "a call of a webhook ended");
            true
        }
    }
}

/// How long a call took, and of a first one how long after the event the receiver had it.
fn report(happened: Option<Timestamp>, answered: &Answered) {
    metrics::histogram!("clowder_webhook_call_seconds").record(answered.took.as_secs_f64());
    if let Some(happened) = happened.filter(|_| answered.is_success()) {
        metrics::histogram!("clowder_webhook_delay_seconds").record(clock::now().since(happened).as_secs_f64());
    }
}

/// Stores what came of turns, all that have ended meanwhile at once.
async fn store(webhooks: Arc<dyn Webhooks>, mut settled: mpsc::Receiver<Done>) {
    let mut some = Vec::new();
    loop {
        if settled.recv_many(&mut some, SETTLED).await == 0 {
            return;
        }
        let done = std::mem::take(&mut some);
        if let Err(error) = webhooks.settle(&ctx(), done).await {
            // Their leases end, and the calls are made again, with the same ids.
            tracing::warn!(%error, "what came of webhook calls could not be stored");
        }
    }
}
