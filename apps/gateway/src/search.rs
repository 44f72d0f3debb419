//! `clowder search`: rebuilds the index of messages, and says how far it is.

use clap::Subcommand;
use clowder_core::{Actor, Ctx, Error, Result};
use clowder_gateway::{app, clock, config::Config};
use clowder_infra::{DatabaseUrl, Store};
use clowder_messaging::search::Progress;
use serde_json::json;

use crate::output::{self, Form, Outcome, Output};

#[derive(Debug, Clone, Subcommand)]
pub enum SearchCommand {
    /// Index all messages anew
    ///
    /// Searches go on meanwhile, and so do servers, which help. If this is interrupted, servers finish the work; run again,
    /// it goes on where it was. A server does this by itself after an update that changes how messages are found. On
    /// PostgreSQL, it then also makes the index in the database anew, in which single words of deleted messages can be
    /// left. Example:
    ///
    /// clowder search rebuild
    Rebuild {
        /// Begin anew even if the index is being rebuilt
        #[arg(long)]
        restart: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Show how far the index of messages is
    Status {
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(config: &Config, command: SearchCommand, out: &mut Output) -> Result<Outcome> {
    let store = app::open_existing(config).await?;
    match command {
        SearchCommand::Rebuild { restart, form } => {
            let progress = rebuild(&store, restart).await?;
            Store::renew_search(&DatabaseUrl::parse(&config.direct_url())?)?;
            out.say(form, format_args!("{} messages and titles are indexed", progress.done), &shown(progress));
        }
        SearchCommand::Status { form } => {
            let progress = store.search.index_progress().await?;
            let says = if progress.running {
                format!("is being rebuilt: {}", far(progress))
            } else {
                "is complete".to_owned()
            };
            out.say(form, format_args!("the index {says}"), &shown(progress));
        }
    }
    Ok(Outcome::Done)
}

/// After how many messages it says how far it is.
const TOLD_EVERY: i64 = 50_000;
/// How often a step is tried that somebody keeps waiting.
const TRIES: u32 = 20;

async fn rebuild(store: &Store, restart: bool) -> Result<Progress> {
    let ctx = || Ctx::new(Actor::System, clock::now(), "clowder search");
    let mut progress = store.search.index_progress().await?;
    if restart || !progress.running {
        progress = store.search.rebuild_index(&ctx()).await?;
    }
    let (mut told, mut failed) = (progress.done, 0);
    while progress.running {
        match store.search.index_some(&ctx()).await {
            Ok(now) => (progress, failed) = (now, 0),
            Err(error @ Error::Internal(_)) => return Err(error),
            Err(error) if failed == TRIES => return Err(error),
            Err(_) => failed += 1,
        }
        if progress.done - told >= TOLD_EVERY {
            output::note(far(progress));
            told = progress.done;
        }
    }
    Ok(progress)
}

fn far(Progress { done, total, .. }: Progress) -> String {
    format!("{done} of about {total} messages and titles")
}

fn shown(progress: Progress) -> serde_json::Value {
    let Progress { done, total, running } = progress;
    json!({"running": running, "done": done, "total": total})
}
