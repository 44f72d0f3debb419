//! The job runner: takes jobs from the table and runs them, a few of each queue at a time, until it is stopped.

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

use crate::{Upkeep, clock::Pace, keys};

/// How often to look for jobs of other processes, and for jobs that have become due.
const POLL: Duration = Duration::from_secs(1);
/// How often schedules are checked.
const TICK: Duration = Duration::from_secs(5);
/// How long jobs may take to finish after shutdown has begun; unfinished ones are given back.
const FINISH: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct JobRunner {
    jobs: Arc<dyn Jobs>,
    workers: Arc<HashMap<&'static str, Arc<dyn Worker>>>,
    crons: Arc<[Cron]>,
    concurrency: HashMap<Queue, usize>,
    clock: fn() -> Timestamp,
    pace: Arc<Mutex<Pace>>,
    /// Compares the clock with that of the database.
    upkeep: Option<Arc<dyn Upkeep>>,
}

impl JobRunner {
    /// `concurrency` is how many jobs of each queue run at a time; a queue that is missing is left to other processes.
    pub fn new(jobs: Arc<dyn Jobs>, concurrency: HashMap<Queue, usize>, clock: fn() -> Timestamp) -> Self {
        let runner = Self {
            jobs,
            workers: Arc::default(),
            crons: Arc::new([]),
            concurrency,
            clock,
            pace: Arc::default(),
            upkeep: None,
        };
        // From here on a jump of the clock is noticed.
        runner.ctx_and_steadiness(String::new());
        runner
    }

    /// Leaves the schedules to other nodes while this node's clock is too far off the database's: two nodes with
    /// different clocks would compute the next runs in turn.
    pub fn comparing_clocks(mut self, upkeep: Arc<dyn Upkeep>) -> Self {
        self.upkeep = Some(upkeep);
        self
    }

    async fn is_off(&self) -> bool {
        let Some(upkeep) = &self.upkeep else { return false };
        matches!(upkeep.skew(self.clock).await, Ok(Some(skew)) if skew.is_too_much())
    }

    /// Registers workers and schedules.
    pub fn with(mut self, workers: Vec<Arc<dyn Worker>>, crons: Vec<Cron>) -> Self {
        self.workers = Arc::new(workers.into_iter().map(|worker| (worker.kind(), worker)).collect());
        self.crons = crons.into();
        self
    }

    /// Runs until `stop` returns, then finishes the jobs in progress.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let (cut, _) = watch::channel(false);
        let mut queues = self.queues();
        let mut tick = interval(TICK);
        // Jobs of other processes are looked for, however often jobs end meanwhile.
        let mut poll = interval_at(Instant::now() + POLL, POLL);
        for interval in [&mut tick, &mut poll] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut look = Look::Everywhere;
        loop {
            for (place, queue) in queues.iter_mut().enumerate() {
                if look == Look::Everywhere || look == Look::At(place) {
                    for job in self.take(queue).await {
                        queue.at_work.spawn(self.clone().one(job, queue.name, cut.subscribe()));
                    }
                }
            }
            let free = queues.iter().any(|queue| queue.free() > 0);
            look = tokio::select! {
                biased;
                () = &mut stop => break,
                _ = tick.tick() => {
                    self.tick().await;
                    Look::Nowhere
                }
                _ = poll.tick(), if free => Look::Everywhere,
                place = ended(&mut queues) => Look::At(place),
                () = self.jobs.ordered(), if free => Look::Everywhere,
            };
        }
        let deadline = Instant::now() + FINISH;
        while at_work(&queues) && timeout_at(deadline, ended(&mut queues)).await.is_ok() {}
        cut.send_replace(true);
        while at_work(&queues) {
            ended(&mut queues).await;
        }
    }

    /// One queue for each queue that has both a worker and a concurrency above 0.
    fn queues(&self) -> Vec<RunningQueue> {
        let mut kinds: HashMap<Queue, Vec<&'static str>> = HashMap::new();
        for worker in self.workers.values() {
            kinds.entry(worker.queue()).or_default().push(worker.kind());
        }
        let room = |queue| self.concurrency.get(&queue).copied().unwrap_or_default();
        kinds
            .into_iter()
            .map(|(name, kinds)| RunningQueue { name, kinds, room: room(name), at_work: JoinSet::new() })
            .filter(|queue| queue.room > 0)
            .collect()
    }

    fn ctx(&self, id: String) -> Ctx {
        Ctx::new(Actor::System, (self.clock)(), id)
    }

    async fn take(&self, queue: &RunningQueue) -> Vec<Taken> {
        let free = queue.free();
        if free == 0 {
            return Vec::new();
        }
        self.jobs.take(&self.ctx("take".into()), queue.kinds.clone(), free).await.unwrap_or_else(|error| {
            tracing::warn!(queue = queue.name.as_str(), %error, "cannot fetch jobs right now");
            Vec::new()
        })
    }

    /// Also says whether the time can be trusted for irreversible work.
    fn ctx_and_steadiness(&self, id: String) -> (Ctx, bool) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let ctx = self.ctx(id);
        let steady = pace.is_steady(ctx.now, Instant::now());
        (ctx, steady)
    }

    async fn tick(&self) {
        let (ctx, steady) = self.ctx_and_steadiness("tick".into());
        if !steady || self.is_off().await {
            return;
        }
        if let Err(error) = self.jobs.tick(&ctx, &self.crons).await {
            tracing::warn!(%error, "cannot check the schedules right now");
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
                    tracing::warn!(error, "the job failed and will be retried");
                    "again"
                }
                // Invalid input, or a mail server that refuses an email, is not a fault of this server.
                Verdict::Dead { error } if fault == Fault::Refused => {
                    tracing::warn!(error, "the job was refused; `clowder jobs retry` runs it again");
                    "refused"
                }
                // Nor is a mail server that is down for a day.
                Verdict::Dead { error } if fault == Fault::Elsewhere => {
                    tracing::warn!(error, "the job failed on its last try; `clowder jobs retry` runs it again");
                    "dead"
                }
                Verdict::Dead { error } => {
                    tracing::error!(error, "the job failed on its last try; `clowder jobs retry` runs it again");
                    "dead"
                }
            };
            let labels = [("kind", job.kind.clone()), ("queue", queue.to_owned()), ("outcome", outcome.to_owned())];
            metrics::counter!("clowder_jobs_total", &labels).increment(1);
            // If even that fails, the lease expires and the job runs again.
            if let Err(error) = self.jobs.settle(&self.ctx(format!("job-{}", job.id)), &job, verdict).await {
                tracing::warn!(%error, "cannot save the outcome of a job");
            }
        }
        .instrument(span)
        .await;
    }

    /// Runs a job, renews its lease meanwhile, and says whose fault a failure is; `None` if another worker has taken
    /// the job.
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
                        tracing::warn!("another worker has taken over the job");
                        return None;
                    }
                }
                () = cut_off(&mut cut) => {
                    if let Err(error) = self.jobs.give_back(&ctx, job).await {
                        tracing::warn!(%error, "cannot give the job back; another worker takes it when its lease \
                                                expires");
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
                Err(Error::unavailable("the clock has jumped ahead, and this job cannot be undone"))
            }
            Some(worker) => worker.work(ctx, job).await,
            None => Err(Error::internal("this process has no worker for jobs of this kind")),
        }
    }
}

/// A queue in this process.
struct RunningQueue {
    name: Queue,
    kinds: Vec<&'static str>,
    /// How many of its jobs may run at a time.
    room: usize,
    at_work: JoinSet<()>,
}

impl RunningQueue {
    fn free(&self) -> usize {
        self.room.saturating_sub(self.at_work.len())
    }
}

/// Where to look for jobs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Everywhere,
    /// In the queue whose job has just ended, because there is room again.
    At(usize),
    Nowhere,
}

fn at_work(queues: &[RunningQueue]) -> bool {
    queues.iter().any(|queue| !queue.at_work.is_empty())
}

/// Returns a queue whose job has ended; waits forever if none is running.
async fn ended(queues: &mut [RunningQueue]) -> usize {
    poll_fn(|cx| {
        let ended =
            queues.iter_mut().position(|queue| matches!(queue.at_work.poll_join_next(cx), Poll::Ready(Some(_))));
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// The cause of a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Ours,
    /// Something that it needs is unavailable.
    Elsewhere,
    /// Its input was refused.
    Refused,
}

/// Returns when no job may continue.
async fn cut_off(cut: &mut watch::Receiver<bool>) {
    let _ = cut.wait_for(|cut| *cut).await;
}
