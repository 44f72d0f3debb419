//! `clowder jobs`: what waits, runs or was given up, and the means to let it run again.

use clap::{Subcommand, builder::PossibleValuesParser};
use clowder_core::{
    Actor, Ctx, Error, JobId, PageRequest, Result, Word,
    job::{JobState, Jobs},
};
use clowder_gateway::{app, clock, config::Config, stop};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::{self, Form, Outcome, Output};

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
    /// Use it with servers that have JOB_CONCURRENCY=0 and leave jobs to separate processes. Runs at least one job at a time.
    Run,
}

pub async fn run(config: &Config, command: JobsCommand, out: &mut Output) -> Result<Outcome> {
    let store = app::open_existing(config).await?;
    let ctx = Ctx::new(Actor::System, clock::now(), "clowder jobs");
    match command {
        JobsCommand::List { state, limit, form } => {
            let state = state.as_deref().and_then(JobState::find);
            list(&*store.jobs, &ctx, state, limit, form, out).await?;
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
            let runner =
                tokio::spawn(app::job_runner(config, &store, config.jobs.concurrency.max(1))?.run(stop.waited()));
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

async fn list(
    jobs: &dyn Jobs,
    ctx: &Ctx,
    state: Option<JobState>,
    limit: u32,
    form: Form,
    out: &mut Output,
) -> Result<()> {
    let page = jobs.list(ctx, state, PageRequest { limit, cursor: None }).await?;
    let more = page.next_cursor.is_some();
    if form.json {
        out.json(&json!({"items": page.items, "more": more}));
        return Ok(());
    }
    if page.items.is_empty() {
        output::note("no jobs found");
    }
    for job in page.items {
        let error = job.last_error.map_or_else(String::new, |error| format!("  {error}"));
        let (id, state, kind, tries, due) = (job.id, job.state.as_str(), job.kind, job.attempts, job.run_at);
        out.line(format_args!("{id}  {state:7}  {kind:20}  try {tries}  due {due}{error}"));
    }
    if more {
        out.line("… and more");
    }
    Ok(())
}
