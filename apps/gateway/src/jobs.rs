//! `clowder jobs`: what waits, runs or was given up, and the means to let it run again.

use clap::Subcommand;
use clowder_core::{
    Actor, Ctx, Error, JobId, PageRequest, Result, Word,
    job::{JobState, Jobs},
};
use clowder_gateway::{app, clock, config::Config, stop};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
    /// List jobs, the latest ordered first.
    List {
        /// Only those that are `waiting`, `running` or `dead`.
        #[arg(long)]
        state: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Let a waiting or dead job run at once, or all dead ones.
    Retry {
        /// The id of the job.
        #[arg(required_unless_present = "dead")]
        job: Option<String>,
        /// All dead jobs.
        #[arg(long, conflicts_with = "job")]
        dead: bool,
    },
    /// Forget a dead job for good.
    Drop {
        /// The id of the job.
        job: String,
    },
    /// Do jobs, and nothing else, until SIGTERM or SIGINT.
    Run,
}

pub async fn run(config: &Config, command: JobsCommand) -> Result<()> {
    let store = app::open(config).await?;
    let ctx = Ctx::new(Actor::System, clock::now(), "clowder jobs");
    match command {
        JobsCommand::List { state, limit } => list(&*store.jobs, &ctx, state, limit).await,
        JobsCommand::Retry { dead: true, .. } => {
            println!("{} jobs will run again", store.jobs.retry_dead(&ctx).await?);
            Ok(())
        }
        JobsCommand::Retry { job, .. } => {
            store.jobs.retry(&ctx, id(&job.unwrap_or_default())?).await?;
            println!("it will run again");
            Ok(())
        }
        JobsCommand::Drop { job } => {
            store.jobs.drop_dead(&ctx, id(&job)?).await?;
            println!("it is forgotten");
            Ok(())
        }
        JobsCommand::Run => {
            let internal = |error: std::io::Error| Error::internal(error.to_string());
            let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
            let (stopper, stop) = stop::channel();
            let crew = tokio::spawn(app::crew(config, &store, config.jobs.hands.max(1))?.run(stop.waited()));
            println!("doing jobs");
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop::end_at_the_latest();
            stopper.stop();
            crew.await.map_err(|error| Error::internal(error.to_string()))
        }
    }
}

fn id(text: &str) -> Result<JobId> {
    text.parse().map_err(|_| Error::internal("that is no id of a job"))
}

async fn list(jobs: &dyn Jobs, ctx: &Ctx, state: Option<String>, limit: u32) -> Result<()> {
    let state = state
        .map(|word| JobState::find(&word).ok_or_else(|| Error::internal("--state: waiting, running or dead")))
        .transpose()?;
    let page = jobs.list(ctx, state, PageRequest { limit, cursor: None }).await?;
    for job in page.items {
        let error = job.last_error.map_or_else(String::new, |error| format!("  {error}"));
        println!(
            "{}  {:7}  {:20}  try {}  due {}{error}",
            job.id,
            job.state.as_str(),
            job.kind,
            job.attempts,
            job.run_at
        );
    }
    if page.next_cursor.is_some() {
        println!("… and more");
    }
    Ok(())
}
