//! `clowder jobs`: lists waiting, running and dead jobs, and retries them.

use clap::{Subcommand, builder::PossibleValuesParser};
use clowder_core::{Actor, Ctx, Error, Job, JobId, PageRequest, Result, Word, job::JobState};
use clowder_gateway::{app, clock, config::Config, stop};
use clowder_infra::Store;
use serde::Serialize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    inspect,
    output::{self, Form, Outcome, Output},
};

#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
    /// List jobs, the newest first
    ///
    /// A job is dead after its last try failed or if it was refused; it stays until you retry or drop it. Example:
    ///
    /// clowder jobs list --state dead --limit 10
    List {
        /// Only jobs in this state
        #[arg(long, value_parser = PossibleValuesParser::new(JobState::WORDS.iter().map(|(word, _)| *word)))]
        state: Option<String>,
        /// How many jobs to list
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        #[command(flatten)]
        form: Form,
    },
    /// Run a waiting or dead job now
    Retry {
        /// Id of the job, as `clowder jobs list` shows it
        #[arg(required_unless_present = "dead", value_parser = id)]
        job: Option<JobId>,
        /// All dead jobs
        #[arg(long, conflicts_with = "job")]
        dead: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Delete a dead job
    Drop {
        /// Id of the job, as `clowder jobs list` shows it
        #[arg(value_parser = id)]
        job: JobId,
        #[command(flatten)]
        form: Form,
    },
    /// Run jobs, and nothing else, until SIGTERM or SIGINT
    ///
    /// Use it with servers that have JOB_CONCURRENCY=0 and leave jobs to separate processes. With 0 here too, it runs one job
    /// of each queue at a time. To run a single queue, set its own number, such as JOB_EXPORTS_CONCURRENCY=2, besides
    /// JOB_CONCURRENCY=0.
    Run,
}

pub async fn run(config: &Config, command: JobsCommand, out: &mut Output) -> Result<Outcome> {
    let store = app::open_existing(config).await?;
    let ctx = Ctx::new(Actor::System, clock::now(), "clowder jobs");
    match command {
        JobsCommand::List { state, limit, form } => {
            let state = state.as_deref().and_then(JobState::find);
            list(&store, &ctx, state, limit, form, out).await?;
        }
        JobsCommand::Retry { job: Some(job), form, .. } => {
            store.jobs.retry(&ctx, job).await?;
            out.say(form, "the job will run again", &json!({"retried": 1}));
        }
        JobsCommand::Retry { job: None, form, .. } => {
            let retried = store.jobs.retry_dead(&ctx).await?;
            out.say(form, format_args!("{retried} jobs will run again"), &json!({"retried": retried}));
        }
        JobsCommand::Drop { job, form } => {
            store.jobs.drop_dead(&ctx, job).await?;
            out.say(form, "the job is deleted", &json!({"dropped": 1}));
        }
        JobsCommand::Run => {
            store.sealing.try_keys().await?;
            let internal = |error: std::io::Error| Error::internal(error.to_string());
            let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
            let (stopper, stop) = stop::channel();
            let queues = config.jobs.queues_of_worker();
            if queues.values().all(|room| *room == 0) {
                return Err(Error::internal("nothing to run: the settings JOB_…_CONCURRENCY of all queues are 0"));
            }
            let runner = tokio::spawn(app::job_runner(config, &store, queues)?.run(stop.waited()));
            tokio::spawn(inspect::look(config.media.inspector()?));
            out.line("running jobs");
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop::end_at_the_latest();
            stopper.stop();
            runner.await.map_err(|error| Error::internal(error.to_string()))?;
        }
    }
    Ok(Outcome::Done)
}

fn id(text: &str) -> std::result::Result<JobId, String> {
    text.parse().map_err(|_| "must be the id of a job, as `clowder jobs list` shows it".to_owned())
}

/// A job and its queue.
#[derive(Serialize)]
struct Queued {
    #[serde(flatten)]
    job: Job,
    /// `None` if this version does not know the kind.
    queue: Option<&'static str>,
}

async fn list(
    store: &Store,
    ctx: &Ctx,
    state: Option<JobState>,
    limit: u32,
    form: Form,
    out: &mut Output,
) -> Result<()> {
    let page = store.jobs.list(ctx, state, PageRequest { limit, cursor: None }).await?;
    let more = page.next_cursor.is_some();
    let queued = |job: Job| Queued { queue: app::queue_of(store, &job.kind).map(Word::as_str), job };
    let jobs: Vec<Queued> = page.items.into_iter().map(queued).collect();
    if form.json {
        out.json(&json!({"items": jobs, "more": more}));
        return Ok(());
    }
    if jobs.is_empty() {
        output::note("no jobs found");
    }
    for Queued { job, queue } in jobs {
        let error = job.last_error.map_or_else(String::new, |error| format!("  {error}"));
        let (id, state, kind, tries, due) = (job.id, job.state.as_str(), job.kind, job.attempts, job.run_at);
        let queue = queue.unwrap_or("-");
        out.line(format_args!("{id}  {state:7}  {queue:7}  {kind:20}  try {tries}  due {due}{error}"));
    }
    if more {
        out.line("… and more");
    }
    Ok(())
}
