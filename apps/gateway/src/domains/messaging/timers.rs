//! What happens at its time, on every node: scheduled messages are sent, and messages whose time is over are deleted. Any
//! number of nodes may do so beside each other.

use std::{sync::Arc, time::Duration};

use clowder_core::{Actor, Ctx, Error, Result, Timestamp};
use clowder_infra::{Upkeep, clock::Pace, store::Skew};
use clowder_messaging::{
    Lifetimes, ScheduledMessages, lifetimes::port::PIECE as EXPIRED_AT_ONCE, scheduled::port::PIECE as SENT_AT_ONCE,
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::{clock, stop::Stop};

/// How often a node looks for what is due: a message is sent within the second for which it was scheduled.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a node compares its clock with that of the database. While it cannot, it goes by the last comparison.
const COMPARE_EVERY: Duration = Duration::from_secs(10);

/// Sends scheduled messages. A backlog of them does not keep those that disappear waiting, nor the other way round.
pub async fn send(scheduled: Arc<dyn ScheduledMessages>, upkeep: Arc<dyn Upkeep>, mut stop: Stop) {
    let mut timer = Timer::new("scheduled messages cannot be sent", upkeep, clock::now);
    while timer.tick(&mut stop).await {
        timer.report(send_due(&*scheduled, &stop).await);
    }
}

/// Deletes messages whose time is over.
pub async fn end(lifetimes: Arc<dyn Lifetimes>, upkeep: Arc<dyn Upkeep>, mut stop: Stop) {
    let mut timer = Timer::new("messages whose time is over cannot be deleted", upkeep, clock::now);
    while timer.tick(&mut stop).await {
        timer.report(expire(&*lifetimes, &stop).await);
    }
}

struct Timer {
    often: Interval,
    pace: Pace,
    clock: fn() -> Timestamp,
    /// Compares the clock with that of the database.
    upkeep: Arc<dyn Upkeep>,
    /// When the clocks are compared next.
    compare_at: Instant,
    /// Whether they agree; nothing happens before the first comparison.
    agrees: bool,
    what: &'static str,
    failing: bool,
}

impl Timer {
    /// `what` is logged when a step fails.
    fn new(what: &'static str, upkeep: Arc<dyn Upkeep>, clock: fn() -> Timestamp) -> Self {
        let mut often = interval(LOOK_EVERY);
        often.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let compare_at = Instant::now();
        Self { often, pace: Pace::default(), clock, upkeep, compare_at, agrees: false, what, failing: false }
    }

    /// Waits for the next step; false if the server stops.
    async fn tick(&mut self, stop: &mut Stop) -> bool {
        loop {
            tokio::select! {
                () = stop.wait() => return false,
                _ = self.often.tick() => {}
            }
            // No step can be undone: after a jump of the clock they wait until it can be trusted, and by a clock that is
            // not that of the database they would be taken too early or too late for all nodes.
            if self.pace.is_steady((self.clock)(), Instant::now()) && self.agrees().await {
                return true;
            }
        }
    }

    async fn agrees(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.compare_at {
            match self.upkeep.skew(self.clock).await {
                Ok(skew) => {
                    self.agrees = !skew.is_some_and(Skew::is_too_much);
                    self.compare_at = now + COMPARE_EVERY;
                }
                // Before long it is tried again, but not by each step.
                Err(_) => self.compare_at = now + LOOK_EVERY * 4,
            }
        }
        self.agrees
    }

    /// Logs the first of several failures.
    fn report(&mut self, done: Result<()>) {
        let failed = done.err();
        if let Some(error) = failed.as_ref().filter(|_| !self.failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "{}", self.what),
                _ => tracing::warn!(%error, "{}", self.what),
            }
        }
        self.failing = failed.is_some();
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use clowder_infra::{Check, clock::Evidence, store::Skew};

    use super::*;
    use crate::stop;

    /// A database whose clock is another one.
    struct Elsewhere {
        /// By how many milliseconds this node's clock is ahead; nothing while the database does not answer.
        ahead: Mutex<Option<i64>>,
        compared: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl Upkeep for Elsewhere {
        async fn recall(&self) -> Result<()> {
            Ok(())
        }

        async fn start_anew(&self) -> Result<()> {
            Ok(())
        }

        async fn check(&self, _: fn() -> Timestamp) -> Vec<Check> {
            Vec::new()
        }

        async fn write_canary(&self, _: &Ctx) -> Result<(usize, i64)> {
            Ok((0, 0))
        }

        async fn was_ahead(&self, _: Timestamp) -> Result<bool> {
            Ok(false)
        }

        async fn put_clock_right(&self, _: Timestamp, _: Evidence) -> Result<usize> {
            Ok(0)
        }

        async fn skew(&self, _: fn() -> Timestamp) -> Result<Option<Skew>> {
            self.compared.fetch_add(1, Ordering::Relaxed);
            let here = Timestamp::from_micros(1_790_000_000_000_000);
            let ahead = self.ahead.lock().unwrap().ok_or_else(|| Error::unavailable("no answer"))?;
            let there = Timestamp::from_micros(here.as_micros() - ahead * 1_000);
            Ok(Some(Skew::between(here, there, here)))
        }

        async fn sweep(&self, _: &Ctx, _: Duration) -> Result<usize> {
            Ok(0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn timers_wait_while_the_clocks_differ() {
        let upkeep = Arc::new(Elsewhere { ahead: Mutex::new(None), compared: AtomicUsize::new(0) });
        let mut timer = Timer::new("tests", Arc::clone(&upkeep) as Arc<dyn Upkeep>, || Timestamp::from_micros(0));
        let (_stopper, mut stop) = stop::channel();
        let mut steps = async || {
            let minute = tokio::time::sleep(Duration::from_secs(60));
            tokio::pin!(minute);
            let mut steps = 0;
            loop {
                tokio::select! {
                    () = &mut minute => return steps,
                    _ = timer.tick(&mut stop) => steps += 1,
                }
            }
        };
        for (ahead, works) in [
            (None, false),
            (Some(3_600_000), false),
            (Some(-3_600_000), false),
            (Some(900), true),
            // A database that does not answer is no reason to stop.
            (None, true),
            (Some(3_600_000), false),
        ] {
            *upkeep.ahead.lock().unwrap() = ahead;
            // What was known before is used until the next comparison.
            steps().await;
            assert_eq!(steps().await > 0, works, "{ahead:?}");
        }
        assert!(upkeep.compared.load(Ordering::Relaxed) < 400, "not every step compares");
    }
}
