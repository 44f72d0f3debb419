//! `clowder audit`: is the audit log still what was written?

use clap::Subcommand;
use clowder_accounts::audit::{Chained, Walked};
use clowder_core::Result;
use clowder_gateway::{app, config::Config};
use clowder_infra::keys::hex;
use serde_json::json;

use crate::output::{Form, Outcome, Output};

#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Check that no entry was changed, removed or inserted
    ///
    /// Prints the end of the chain. Note it somewhere else and pass it as --noted next time: an attacker who rewrites the
    /// whole log can't rewrite your note. Exit code 1: the chain is broken; the first wrong position is shown.
    Verify {
        /// The end of the chain from an earlier run; the log must still contain it
        #[arg(long, value_name = "POSITION:HASH", value_parser = noted)]
        noted: Option<Chained>,
        #[command(flatten)]
        form: Form,
    },
}

/// Walks the chain up to its end, or up to an end that somebody noted earlier and then up to the present one.
pub async fn run(config: &Config, command: AuditCommand, out: &mut Output) -> Result<Outcome> {
    let AuditCommand::Verify { noted, form } = command;
    let store = app::open_existing(config).await?;
    let head = store.audit.head().await?;
    let mut from = Chained::start();
    for until in noted.into_iter().chain([head.clone()]) {
        loop {
            match store.audit.verify(from, &until).await? {
                Walked::Further(link) => from = link,
                Walked::Whole => break,
                Walked::Broken { position } => {
                    if form.json {
                        out.json(&json!({"ok": false, "broken_at": position}));
                    } else {
                        out.line(format_args!(
                            "BROKEN at position {position}: this entry is missing, was changed, or does not follow the one before"
                        ));
                    }
                    return Ok(Outcome::Failed);
                }
            }
        }
        from = until;
    }
    let end = format!("{}:{}", head.position, hex(&head.hash));
    if form.json {
        out.json(&json!({"ok": true, "entries": head.position, "end": end}));
    } else {
        out.line(format_args!("ok: {} entries, the chain is intact", head.position));
        out.line(format_args!("end: {end}"));
    }
    Ok(Outcome::Done)
}

fn noted(text: &str) -> std::result::Result<Chained, String> {
    parse(text).ok_or_else(|| "must be POSITION:HASH, as this command prints it".to_owned())
}

fn parse(text: &str) -> Option<Chained> {
    let (position, hash) = text.split_once(':')?;
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let hash = hash.as_bytes().chunks(2).map(octet).collect::<Option<Vec<_>>>()?;
    Some(Chained { position: position.parse().ok()?, hash }).filter(|link| link.hash.len() == 32 && link.position >= 0)
}
