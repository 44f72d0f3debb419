//! The job runner: takes jobs from the table and works them off, a few of each queue at a time, until it is told to stop.

use std::{
    collections::HashMap,
    future::poll_fn,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use clowder_core::{
    Actor, Ctx, Error, Jobs, Result, Timestamp, Word,
    job::{Cron, Queue, Taken, Verdict, Worker, decide, may_work},
};
use futures_util::FutureExt;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, interval_at, timeout_at},
};
use tracing::Instrument;

use crate::{clock::Pace, keys};

/// How often jobs are looked for that other processes ordered, or that have become due.
const POLL: Duration = Duration::from_secs(1);
/// How often schedules are looked at.
const TICK: Duration = Duration::from_secs(5);
/// How long jobs may take to finish once the end is announced; those that do not are given back.
const FINISH: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct JobRunner {
    jobs: Arc<dyn Jobs>,
    workers: Arc<HashMap<&'static str, Arc<dyn Worker>>>,
    crons: Arc<[Cron]>,
    concurrency: HashMap<Queue, usize>,
    clock: fn() -> Timestamp,
    pace: Arc<Mutex<Pace>>,
}

impl JobRunner {
    /// `concurrency` is how many jobs of each queue are worked on at a time; a queue that is missing is left to others.
    pub fn new(jobs: Arc<dyn Jobs>, concurrency: HashMap<Queue, usize>, clock: fn() -> Timestamp) -> Self {
        let runner =
            Self { jobs, workers: Arc::default(), crons: Arc::new([]), concurrency, clock, pace: Arc::default() };
        // From here on a jump is noticed.
        runner.ctx_and_steadiness(String::new());
        runner
    }

    /// Takes in who does what, and what comes back by itself.
    pub fn with(mut self, workers: Vec<Arc<dyn Worker>>, crons: Vec<Cron>) -> Self {
        self.workers = Arc::new(workers.into_iter().map(|worker| (worker.kind(), worker)).collect());
        self.crons = crons.into();
        self
    }

    /// Works until `stop` returns, then finishes what it has begun.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let (cut, _) = watch::channel(false);
        let mut lanes = self.lanes();
        let mut tick = interval(TICK);
        // What comes from elsewhere is looked for however often jobs end meanwhile.
        let mut poll = interval_at(Instant::now() + POLL, POLL);
        for interval in [&mut tick, &mut poll] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut look = Look::Everywhere;
        loop {
            for (place, lane) in lanes.iter_mut().enumerate() {
                if look == Look::Everywhere || look == Look::At(place) {
                    for job in self.take(lane).await {
                        lane.at_work.spawn(self.clone().one(job, lane.queue, cut.subscribe()));
                    }
                }
            }
            let free = lanes.iter().any(|lane| lane.free() > 0);
            look = tokio::select! {
                biased;
                () = &mut stop => break,
                _ = tick.tick() => {
                    self.tick().await;
                    Look::Nowhere
                }
                _ = poll.tick(), if free => Look::Everywhere,
                place = ended(&mut lanes) => Look::At(place),
                () = self.jobs.ordered(), if free => Look::Everywhere,
            };
        }
        let deadline = Instant::now() + FINISH;
        while at_work(&lanes) && timeout_at(deadline, ended(&mut lanes)).await.is_ok() {}
        cut.send_replace(true);
        while at_work(&lanes) {
            ended(&mut lanes).await;
        }
    }

    /// One for each queue that has both somebody who does its jobs and room for them.
    fn lanes(&self) -> Vec<Lane> {
        let mut kinds: HashMap<Queue, Vec<&'static str>> = HashMap::new();
        for worker in self.workers.values() {
            kinds.entry(worker.queue()).or_default().push(worker.kind());
        }
        let room = |queue| self.concurrency.get(&queue).copied().unwrap_or_default();
        kinds
            .into_iter()
            .map(|(queue, kinds)| Lane { queue, kinds, room: room(queue), at_work: JoinSet::new() })
            .filter(|lane| lane.room > 0)
            .collect()
    }

    fn ctx(&self, id: String) -> Ctx {
        Ctx::new(Actor::System, (self.clock)(), id)
    }

    async fn take(&self, lane: &Lane) -> Vec<Taken> {
        let free = lane.free();
        if free == 0 {
            return Vec::new();
        }
        self.jobs.take(&self.ctx("take".into()), lane.kinds.clone(), free).await.unwrap_or_else(|error| {
            tracing::warn!(queue = lane.queue.as_str(), %error, "jobs cannot be taken just now");
            Vec::new()
        })
    }

    /// Also whether its time can be relied on for what cannot be undone.
    fn ctx_and_steadiness(&self, id: String) -> (Ctx, bool) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let ctx = self.ctx(id);
        let steady = pace.is_steady(ctx.now, Instant::now());
        (ctx, steady)
    }

    async fn tick(&self) {
        let (ctx, steady) = self.ctx_and_steadiness("tick".into());
        if !steady {
            return;
        }
        if let Err(error) = self.jobs.tick(&ctx, &self.crons).await {
            tracing::warn!(%error, "schedules cannot be looked at just now");
        }
    }

    async fn one(self, job: Taken, queue: Queue, cut: watch::Receiver<bool>) {
        let queue = queue.as_str();
        let span = tracing::error_span!("job", id = %job.id, queue, kind = job.kind, attempts = job.attempts);
        async {
            let Some((verdict, fault)) = self.verdict(&job, cut).await else { return };
            let outcome = match &verdict {
                Verdict::Done => "done",
                Verdict::Again { error, .. } => {
                    tracing::warn!(error, "failed and will be tried again");
                    "again"
                }
                // Bad input, or a mail server that does not take this email, is no fault of this server.
                Verdict::Dead { error } if fault == Fault::Refused => {
                    tracing::warn!(error, "refused for good; `clowder jobs retry` lets it run again");
                    "refused"
                }
                // Nor is a mail server that is away for a day.
                Verdict::Dead { error } if fault == Fault::Elsewhere => {
                    tracing::warn!(error, "given up; `clowder jobs retry` lets it run again");
                    "dead"
                }
                Verdict::Dead { error } => {
                    tracing::error!(error, "failed for good; `clowder jobs retry` lets it run again");
                    "dead"
                }
            };
            let labels = [("kind", job.kind.clone()), ("queue", queue.to_owned()), ("outcome", outcome.to_owned())];
            metrics::counter!("clowder_jobs_total", &labels).increment(1);
            // When even that fails, the lease runs out and somebody does the job again.
            if let Err(error) = self.jobs.settle(&self.ctx(format!("job-{}", job.id)), &job, verdict).await {
                tracing::warn!(%error, "the end of a job could not be written down");
            }
        }
        .instrument(span)
        .await;
    }

    /// Works a job and keeps hold of it meanwhile, and says whose fault it was; `None` when it is somebody else's now.
    async fn verdict(&self, job: &Taken, mut cut: watch::Receiver<bool>) -> Option<(Verdict, Fault)> {
        if let Err(verdict) = may_work(job.attempts) {
            return Some((verdict, Fault::Ours));
        }
        let (ctx, steady) = self.ctx_and_steadiness(format!("job-{}", job.id));
        let mut work = std::pin::pin!(AssertUnwindSafe(self.work(&ctx, steady, job)).catch_unwind());
        let mut hold = interval(self.jobs.lease() / 3);
        hold.tick().await;
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                _ = hold.tick() => {
                    if let Ok(false) = self.jobs.renew(&self.ctx(format!("job-{}", job.id)), job).await {
                        tracing::warn!("lost to another worker");
                        return None;
                    }
                }
                () = cut_off(&mut cut) => {
                    if let Err(error) = self.jobs.give_back(&ctx, job).await {
                        tracing::warn!(%error, "could not be given back; its lease will run out");
                    }
                    return None;
                }
            }
        };
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("the worker panicked")));
        let mut random = [0_u8; 1];
        let jitter = keys::random(&mut random).map_or(0.5, |()| f64::from(random[0]) / 255.0);
        let fault = match &outcome {
            Ok(()) | Err(Error::Internal(_)) => Fault::Ours,
            Err(Error::Unavailable(_)) => Fault::Elsewhere,
            Err(_) => Fault::Refused,
        };
        Some((decide((self.clock)(), job.attempts, jitter, &outcome), fault))
    }

    async fn work(&self, ctx: &Ctx, steady: bool, job: &Taken) -> Result<()> {
        match self.workers.get(job.kind.as_str()) {
            Some(worker) if !steady && worker.needs_a_steady_clock(ctx, job) => {
                Err(Error::unavailable("the clock has jumped ahead, and this cannot be undone"))
            }
            Some(worker) => worker.work(ctx, job).await,
            None => Err(Error::internal("nobody here does this kind of job")),
        }
    }
}

/// A queue in this process.
struct Lane {
    queue: Queue,
    kinds: Vec<&'static str>,
    /// How many of its jobs may run at a time.
    room: usize,
    at_work: JoinSet<()>,
}

impl Lane {
    fn free(&self) -> usize {
        self.room.saturating_sub(self.at_work.len())
    }
}

/// Where to look for jobs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Everywhere,
    /// In the queue whose job has just ended: there is room again.
    At(usize),
    Nowhere,
}

fn at_work(lanes: &[Lane]) -> bool {
    lanes.iter().any(|lane| !lane.at_work.is_empty())
}

/// Returns where a job has ended; not at all while none runs.
async fn ended(lanes: &mut [Lane]) -> usize {
    poll_fn(|cx| {
        let ended = lanes.iter_mut().position(|lane| matches!(lane.at_work.poll_join_next(cx), Poll::Ready(Some(_))));
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Where it lies that a job failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Ours,
    /// What it needs is away.
    Elsewhere,
    /// What it carries is not taken.
    Refused,
}

/// Returns when nothing may go on any longer.
async fn cut_off(cut: &mut watch::Receiver<bool>) {
    let _ = cut.wait_for(|cut| *cut).await;
}
