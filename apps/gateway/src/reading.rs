//! `clowder readers`: shows how far the readers of the journal are, and sets one back.

use clap::Subcommand;
use clowder_core::{Result, Timestamp};
use clowder_gateway::{app, config::Config};
use clowder_infra::readers::{ReaderState, Rewind};
use serde_json::json;

use crate::output::{Form, Outcome, Output};

#[derive(Debug, Clone, Subcommand)]
pub enum ReadersCommand {
    /// List the readers of the journal, and how many changes each has yet to handle
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Let a reader handle changes again
    ///
    /// For readers that do nothing twice, such as `notifications`, after they have missed something: what they did is
    /// not done again, and what they did not is. Goes back at most as far as the journal does (7 days). Others are
    /// refused. Example:
    ///
    /// clowder readers rewind notifications --since 2026-12-01T08:00:00Z
    Rewind {
        /// Name of the reader, as `clowder readers list` shows it
        name: String,
        /// Go back to this position of each stream
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..), required_unless_present = "since", conflicts_with = "since")]
        to: Option<i64>,
        /// Go back to the first change at or after this time (RFC 3339)
        #[arg(long, value_parser = time)]
        since: Option<Timestamp>,
        #[command(flatten)]
        form: Form,
    },
}

fn time(text: &str) -> std::result::Result<Timestamp, String> {
    text.parse().map_err(|error: clowder_core::time::NoTime| error.to_string())
}

pub async fn run(config: &Config, command: ReadersCommand, out: &mut Output) -> Result<Outcome> {
    let store = app::open_existing(config).await?;
    match command {
        ReadersCommand::List { form } => {
            let states = store.readers.list().await?;
            if form.json {
                out.json(&json!({"items": states}));
                return Ok(Outcome::Done);
            }
            for ReaderState { name, changes, entries, held_until, repeats } in states {
                let held = held_until.map_or_else(|| "never".to_owned(), |until| until.to_string());
                let repeats = if repeats { "" } else { "  cannot be set back" };
                out.line(format_args!("{name:20}  behind {}  held until {held}{repeats}", changes + entries));
            }
        }
        ReadersCommand::Rewind { name, to, since, form } => {
            let to = since.map_or_else(|| Rewind::To(to.unwrap_or(0)), Rewind::Since);
            let again = store.readers.rewind(name, to).await?;
            out.say(form, format_args!("{again} changes are read again"), &json!({"again": again}));
        }
    }
    Ok(Outcome::Done)
}
