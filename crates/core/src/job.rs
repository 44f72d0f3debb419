//! Jobs: work that is slow or may fail. A job is enqueued in the transaction that needs it and run later, at least
//! once, by the first free worker.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Ctx, Id, Page, PageRequest, Refusal, Result, Timestamp, UserId, error::Kind, word::Word};

pub type JobId = Id<Job>;

/// The payload of a kind of job. The kind is stored, so it never changes.
pub trait Work: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `noun.verb`: `mail.send`.
    const KIND: &'static str;
    /// The queue it waits in.
    const QUEUE: Queue;
}

/// Jobs of one queue wait for each other, and never for those of another queue. The queue is not stored, so a kind may
/// move from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Emails, for which people are waiting.
    Mail,
    /// Exports of personal data, which take minutes.
    Exports,
    /// Files that are examined after their upload, each for seconds of a processor.
    Files,
    /// Pages to which people link, which may take seconds to answer.
    Pages,
    /// Everything that needs no queue of its own.
    Default,
}

impl Word for Queue {
    const WHAT: &'static str = "queue";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mail", Self::Mail),
        ("exports", Self::Exports),
        ("files", Self::Files),
        ("pages", Self::Pages),
        ("default", Self::Default),
    ];
}

/// A job to enqueue.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub kind: &'static str,
    pub payload: Vec<u8>,
    /// Not before this.
    pub run_at: Timestamp,
    /// While a job with this key exists and is not dead, enqueuing another one changes nothing.
    pub key: Option<String>,
    /// The user it is about: the job is deleted when they are erased.
    pub subject: Option<UserId>,
    /// The recipient of an email: the job is deleted when the owner of that address is erased. Stored as a keyed hash.
    pub recipient: Option<String>,
}

impl NewJob {
    pub fn new<W: Work>(work: &W, run_at: Timestamp) -> Result<Self> {
        Ok(Self {
            kind: W::KIND,
            payload: serde_json::to_vec(work)?,
            run_at,
            key: None,
            subject: None,
            recipient: None,
        })
    }

    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn about(mut self, subject: impl Into<Option<UserId>>) -> Self {
        self.subject = subject.into();
        self
    }

    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.recipient = Some(address.into());
        self
    }
}

/// A job that a worker has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub id: JobId,
    pub kind: String,
    pub payload: Vec<u8>,
    /// Including this try.
    pub attempts: i16,
    /// A worker with an older lease has lost the job.
    pub lease: Id<()>,
}

/// A job as an operator sees it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Job {
    pub id: JobId,
    #[schema(example = "mail.send")]
    pub kind: String,
    pub state: JobState,
    pub attempts: i16,
    pub run_at: Timestamp,
    pub created_at: Timestamp,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Waiting,
    Running,
    /// It failed on its last try, or was refused; it stays until somebody retries it.
    Dead,
}

impl Word for JobState {
    const WHAT: &'static str = "job state";
    const WORDS: &'static [(&'static str, Self)] =
        &[("waiting", Self::Waiting), ("running", Self::Running), ("dead", Self::Dead)];
}

/// A recurring job, which runs once per due time in the whole cluster.
#[derive(Debug, Clone)]
pub struct Cron {
    pub name: &'static str,
    /// Five fields, minute first, and the time zone: `*/10 * * * * UTC`.
    pub schedule: &'static str,
    pub kind: &'static str,
}

/// The result of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Done,
    Again { at: Timestamp, error: String },
    Dead { error: String },
}

/// The number of tries before a job is dead: with the pauses below, about 20 hours after the first.
pub const TRIES: i16 = 30;

/// Internal and temporary errors may pass; what was refused once will be refused again. `jitter` is 0 to 1.
pub fn decide(now: Timestamp, attempts: i16, jitter: f64, outcome: &Result<()>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Done,
        Err(error) if error.is_ours() && attempts < TRIES => {
            Verdict::Again { at: now.plus(pause(attempts, jitter)), error: error.to_string() }
        }
        Err(error) => Verdict::Dead { error: error.to_string() },
    }
}

/// How long the job of a failed email is kept, in case somebody retries it.
pub const DEAD_EMAILS_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whether a job may be tried once more. If the worker died on the last try, no result was stored; such a job must not
/// kill further workers.
pub fn may_work(attempts: i16) -> Result<(), Verdict> {
    if attempts <= TRIES {
        return Ok(());
    }
    Err(Verdict::Dead { error: format!("{TRIES} workers took it and did not respond") })
}

/// Whether an operator may run a job now. One that has never been tried and is not due waits on purpose, like the erasure
/// of an account until its grace period is over.
pub fn may_retry(now: Timestamp, run_at: Timestamp, attempts: i16, is_dead: bool) -> Result<(), Refusal> {
    if !is_dead && attempts == 0 && run_at > now { Err(JOB_NOT_DUE) } else { Ok(()) }
}

/// 5 seconds, doubled with every try up to an hour, varied by a quarter so that jobs that failed together are not
/// retried together.
pub fn pause(attempts: i16, jitter: f64) -> Duration {
    let doublings = u32::from(attempts.clamp(1, 20).unsigned_abs()) - 1;
    let seconds = (5_u64 << doublings).min(3600) as f64;
    Duration::from_secs_f64(seconds * (0.75 + jitter.clamp(0.0, 1.0) / 2.0))
}

/// The table of jobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Enqueues a job by itself; domains enqueue theirs in the transaction that needs them.
    async fn order(&self, ctx: &Ctx, job: NewJob) -> Result<()>;

    /// How long a worker may hold a job without renewing its lease.
    fn lease(&self) -> Duration;

    /// Takes up to `limit` due jobs of these kinds, the longest due first. Nobody else gets them for [`Jobs::lease`].
    /// The cost does not grow with the number of waiting jobs, of these kinds or of others.
    async fn take(&self, ctx: &Ctx, kinds: Vec<&'static str>, limit: usize) -> Result<Vec<Taken>>;

    /// Renews the lease for another [`Jobs::lease`]; false if another worker has taken the job.
    async fn renew(&self, ctx: &Ctx, job: &Taken) -> Result<bool>;

    /// Stores the result of a job, unless another worker has taken it.
    async fn settle(&self, ctx: &Ctx, job: &Taken, verdict: Verdict) -> Result<()>;

    /// Returns a job as if it had not been taken, because the worker stops.
    async fn give_back(&self, ctx: &Ctx, job: &Taken) -> Result<()>;

    /// Enqueues the due ones among these, each once however many nodes call this. Runs that were missed are made up for
    /// once. A next run that is too far ahead was stored by a clock that was ahead: it is computed again, and all other
    /// times written by that clock are corrected.
    async fn tick(&self, ctx: &Ctx, crons: &[Cron]) -> Result<()>;

    /// The jobs in a state (all if `None`), the most recently enqueued first.
    async fn list(&self, ctx: &Ctx, state: Option<JobState>, page: PageRequest) -> Result<Page<Job>>;

    /// Runs a waiting or dead job now, with all its tries again; `job.unknown` if there is none. A running job counts
    /// as none. A job that was never tried and is not due is refused ([`may_retry`]).
    async fn retry(&self, ctx: &Ctx, job: JobId) -> Result<()>;

    /// Does the same for all dead jobs; returns how many.
    async fn retry_dead(&self, ctx: &Ctx) -> Result<usize>;

    /// Deletes a dead job; `job.unknown` if there is none, or it is not dead.
    async fn drop_dead(&self, ctx: &Ctx, job: JobId) -> Result<()>;

    /// Returns when a job may have been enqueued in this process.
    async fn ordered(&self);
}

/// Runs one kind of job. It may be called twice for one job and must have its effect once.
#[async_trait]
pub trait Worker: Send + Sync {
    fn kind(&self) -> &'static str;

    fn queue(&self) -> Queue;

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()>;

    /// Whether this job does something irreversible because of the current time. It then waits while the clock has
    /// jumped ahead and may be wrong.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        true
    }
}

impl Taken {
    /// Parses the payload. Retrying would not make it readable.
    pub fn read<W: Work>(&self) -> Result<W> {
        serde_json::from_slice(&self.payload).map_err(|_| JOB_UNREADABLE.into())
    }
}

pub const JOB_UNREADABLE: Refusal = Refusal::new(
    Kind::Invalid,
    "job.unreadable",
    "The job's payload cannot be read: it was encrypted with another SECRET_KEY or written by another version",
);
pub const JOB_UNKNOWN: Refusal = Refusal::new(Kind::Unknown, "job.unknown", "There is no such job");
pub const JOB_NOT_DUE: Refusal = Refusal::new(
    Kind::Conflict,
    "job.not_due",
    "The job is not due yet, and only jobs that have failed can run early; `clowder jobs list` shows when it is due",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    const REFUSED: Refusal = Refusal::new(Kind::Gone, "test.gone", "Gone");

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(1_000_000_000);
        let at = |seconds| now.plus(Duration::from_secs(seconds));
        let fails = || Err(Error::unavailable("x"));
        let again = |seconds| Verdict::Again { at: at(seconds), error: "unavailable: x".into() };
        for (attempts, outcome, verdict) in [
            (1, Ok(()), Verdict::Done),
            (TRIES, Ok(()), Verdict::Done),
            (1, fails(), again(5)),
            (2, fails(), again(10)),
            (10, fails(), again(2560)),
            (11, fails(), again(3600)),
            (TRIES - 1, fails(), again(3600)),
            (TRIES, fails(), Verdict::Dead { error: "unavailable: x".into() }),
            (1, Err(REFUSED.into()), Verdict::Dead { error: "test.gone".into() }),
        ] {
            assert_eq!(decide(now, attempts, 0.5, &outcome), verdict, "{attempts} {outcome:?}");
        }
        let (least, most) = (pause(1, 0.0), pause(1, 1.0));
        assert_eq!((least, most), (Duration::from_millis(3750), Duration::from_millis(6250)));
        assert_eq!(pause(i16::MAX, 0.5), Duration::from_secs(3600));
        assert_eq!(pause(i16::MAX, 1.0), Duration::from_secs(75 * 60));
    }

    #[test]
    fn only_jobs_that_were_tried_may_run_before_they_are_due() {
        let now = Timestamp::from_micros(1_000_000_000);
        let (past, later) = (now.minus(Duration::from_secs(1)), now.plus(Duration::from_secs(1)));
        for (run_at, attempts, is_dead, allowed) in [
            (past, 0, false, true),
            (now, 0, false, true),
            (later, 0, false, false),
            (later, 1, false, true),
            (later, 0, true, true),
            (past, TRIES, true, true),
        ] {
            let verdict = may_retry(now, run_at, attempts, is_dead);
            assert_eq!(verdict, if allowed { Ok(()) } else { Err(JOB_NOT_DUE) }, "{run_at} {attempts} {is_dead}");
        }
    }

    #[test]
    fn a_job_that_takes_its_workers_with_it_is_given_up() {
        assert_eq!(may_work(1), Ok(()));
        assert_eq!(may_work(TRIES), Ok(()));
        assert!(matches!(may_work(TRIES + 1), Err(Verdict::Dead { .. })));
    }

    #[test]
    fn a_job_is_tried_for_about_a_day() {
        let all: Duration = (1..TRIES).map(|attempts| pause(attempts, 0.5)).sum();
        assert!((20..28).contains(&(all.as_secs() / 3600)), "{all:?}");
    }
}
