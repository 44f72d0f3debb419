//! Whether events arrive: a change that this node writes for the purpose, and that comes back as those of other nodes do,
//! through the database, the bus and the hub.
//!
//! It flies only while somebody asks, so that a server that nobody watches writes nothing. What the bus has to say would
//! come with the next poll, so a canary that is late there alone only shows.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use clowder_core::{Actor, Ctx};
use clowder_infra::{Check, Upkeep, bus::Exchange};
use tokio::{sync::watch, time::timeout};

use super::Hub;
use crate::clock;

/// How long the arrival of one proves that events arrive.
const EVERY: Duration = Duration::from_secs(5);
/// A node whose canary has been under way for so long is not ready.
const LATE: Duration = Duration::from_secs(5);
/// How long each is waited for; then another one flies.
const FLIGHT: Duration = Duration::from_secs(2);
/// How long somebody who asks waits.
const PATIENCE: Duration = Duration::from_millis(600);
/// How often to look whether it has arrived.
const LOOK: Duration = Duration::from_millis(10);

pub struct Canary {
    hub: Arc<Hub>,
    upkeep: Arc<dyn Upkeep>,
    exchange: Arc<Exchange>,
    state: Mutex<State>,
    /// Where in the journal the last one was that came back through the bus.
    heard: watch::Sender<Option<(usize, i64)>>,
}

#[derive(Default)]
struct State {
    /// The one that is under way, as far as it is not given up.
    flight: Option<watch::Receiver<()>>,
    /// Since when none has arrived, of those that have flown.
    missing_since: Option<Instant>,
    /// How far the last one has come.
    reached: Part,
    arrived: Option<Arrival>,
}

#[derive(Clone, Copy)]
struct Arrival {
    at: Instant,
    /// How long it took through the hub, and through the bus if it came there.
    through_hub: Duration,
    through_bus: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Nothing,
    Database,
    Journal,
}

impl Part {
    /// What holds it up.
    const fn missing(self) -> &'static str {
        match self {
            Self::Nothing => "the database does not take it",
            Self::Database => "it is in the database, and this node does not read it from the journal",
            Self::Journal => "it was read from the journal, and the hub does not hand it out to all sockets",
        }
    }
}

impl Canary {
    pub fn new(hub: Arc<Hub>, upkeep: Arc<dyn Upkeep>) -> Arc<Self> {
        let exchange = Arc::clone(&hub.exchange);
        let canary = Arc::new(Self { hub, upkeep, exchange, state: Mutex::default(), heard: watch::Sender::new(None) });
        let here = Arc::downgrade(&canary);
        canary.exchange.hear_canaries(Box::new(move |reached| {
            if let Some(canary) = here.upgrade() {
                canary.heard.send_replace(reached.first_key_value().map(|(stream, position)| (*stream, *position)));
            }
        }));
        canary
    }

    /// Sends one, if none has arrived lately, and waits a moment for it.
    pub async fn check(self: &Arc<Self>) -> Check {
        if let Some(mut flight) = self.under_way() {
            // An error means that it was given up.
            let _ = timeout(PATIENCE, flight.changed()).await;
        }
        let state = self.lock();
        let missing = state.missing_since.map(|since| since.elapsed());
        let (ok, detail) = match (state.arrived, missing) {
            (Some(arrival), missing) if missing.is_none_or(|missing| missing < LATE) => {
                (true, arrival.describe(state.flight.is_some()))
            }
            (_, missing) => {
                let seconds = missing.unwrap_or_default().as_secs();
                (false, format!("no canary has arrived for {seconds} s: {}", state.reached.missing()))
            }
        };
        Check { name: "delivery", ok, detail }
    }

    /// Tells when the present one arrives; `None` if none has to fly.
    fn under_way(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.lock();
        if let Some(flight) = &state.flight {
            return Some(flight.clone());
        }
        let is_fresh = |arrival: &Arrival| arrival.at.elapsed() < EVERY;
        if state.missing_since.is_none() && state.arrived.as_ref().is_some_and(is_fresh) {
            return None;
        }
        let (ends, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        state.reached = Part::Nothing;
        let began = Instant::now();
        state.missing_since.get_or_insert(began);
        let canary = Arc::clone(self);
        actix_web::rt::spawn(async move {
            let _ = timeout(FLIGHT, canary.fly(began, &ends)).await;
            canary.lock().flight = None;
        });
        Some(flight)
    }

    async fn fly(&self, began: Instant, ends: &watch::Sender<()>) {
        let mut heard = self.heard.subscribe();
        let ctx = Ctx::new(Actor::System, clock::now(), "canary");
        let (stream, position) = match self.upkeep.write_canary(&ctx).await {
            Ok(written) => written,
            Err(error) => return tracing::debug!(%error, "a canary could not be written"),
        };
        self.lock().reached = Part::Database;
        self.exchange.send_canary(stream, position);
        let through_bus = async {
            let came = heard.wait_for(|heard| *heard == Some((stream, position))).await;
            came.ok().map(|_| began.elapsed())
        };
        let through_hub = async {
            let mut look = tokio::time::interval(LOOK);
            loop {
                look.tick().await;
                match self.hub.handed_out(stream, position) {
                    (true, _) => return began.elapsed(),
                    (false, true) => self.lock().reached = Part::Journal,
                    (false, false) => {}
                }
            }
        };
        tokio::pin!(through_bus);
        let (mut by_bus, mut by_hub) = (None, None);
        tokio::pin!(through_hub);
        while by_bus.is_none() || by_hub.is_none() {
            tokio::select! {
                took = &mut through_bus, if by_bus.is_none() => by_bus = Some(took),
                took = &mut through_hub, if by_hub.is_none() => {
                    by_hub = Some(took);
                    metrics::gauge!("clowder_canary_seconds").set(took.as_secs_f64());
                }
            }
            if let Some(through_hub) = by_hub {
                let mut state = self.lock();
                state.missing_since = None;
                state.arrived = Some(Arrival { at: Instant::now(), through_hub, through_bus: by_bus.flatten() });
                // Nobody waits for what the bus has to say.
                ends.send_replace(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    /// `waits`: the bus has time yet.
    fn describe(&self, waits: bool) -> String {
        let took = self.through_hub.as_millis();
        match self.through_bus {
            Some(by_bus) => {
                format!("a canary took {took} ms to the hub, and {} ms through the bus", by_bus.as_millis())
            }
            None if waits => format!("a canary took {took} ms to the hub"),
            None => format!("a canary took {took} ms to the hub, and did not come through the bus"),
        }
    }
}
