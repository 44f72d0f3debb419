//! `clowder audit`: checks that the audit log was not changed.

use clap::Subcommand;
use clowder_accounts::audit::{Chained, Walked};
use clowder_core::Result;
use clowder_gateway::{app, clock, config::Config};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde_json::json;

use crate::output::{Form, Outcome, Output};

#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Check that no entry was changed, removed or inserted
    ///
    /// Prints the end of the chain and how many entries are not chained yet. Note the end somewhere else and pass it as
    /// --noted next time: an attacker who rewrites the whole log can't rewrite your note. Exit code 1: the chain is
    /// broken, and the first wrong position is shown; or entries have waited for more than 60 seconds.
    Verify {
        /// The end of the chain from an earlier run; the log must still contain it
        #[arg(long, value_name = "POSITION:HASH", value_parser = noted)]
        noted: Option<Chained>,
        #[command(flatten)]
        form: Form,
    },
}

/// Verifies the chain up to its end; if an earlier end was noted, first up to that one.
pub async fn run(config: &Config, command: AuditCommand, out: &mut Output) -> Result<Outcome> {
    let AuditCommand::Verify { noted, form } = command;
    let store = app::open_existing(config).await?;
    let chain = store.audit.chain().await?;
    let mut start = chain.start();
    let broken = |out: &mut Output, position: i64, why: &str| {
        if form.json {
            out.json(&json!({"ok": false, "broken_at": position, "why": why}));
        } else {
            out.line(format_args!("BROKEN at position {position}: {why}"));
        }
        Ok(Outcome::Failed)
    };
    if chain.checkpoint.as_ref().is_some_and(|checkpoint| !checkpoint.genuine) {
        return broken(
            out,
            start.position,
            "the checkpoint before the first entry was not signed with this SECRET_KEY",
        );
    }
    if noted.as_ref().is_some_and(|noted| noted.position < start.position) {
        return broken(out, start.position, "the noted end is older than the checkpoint; note a newer one");
    }
    let mut from = start.clone();
    for until in noted.into_iter().chain([chain.end.clone()]) {
        loop {
            match store.audit.verify(from, &until).await? {
                Walked::Further(link) => from = link,
                Walked::Whole => break,
                Walked::Broken { position } => {
                    // Older entries may have been dropped since, so the chain may now begin later.
                    let checkpoint = store.audit.chain().await?.checkpoint.filter(|checkpoint| checkpoint.genuine);
                    let moved = checkpoint.map(|checkpoint| checkpoint.last_dropped);
                    if let Some(moved) = moved.filter(|moved| moved.position > start.position) {
                        start = moved.clone();
                        if until.position <= moved.position {
                            break;
                        }
                        from = moved;
                        continue;
                    }
                    return broken(
                        out,
                        position,
                        "this entry is missing, was changed, or does not follow the one before",
                    );
                }
            }
        }
        from = if until.position < start.position { start.clone() } else { until };
    }
    let (entries, now) = (chain.end.position - start.position, clock::now());
    let end = format!("{}:{}", chain.end.position, HEXLOWER.encode(&chain.end.hash));
    let waited = chain.pending_since.map(|since| now.since(since).as_secs());
    let lags = chain.lags(now);
    if form.json {
        out.json(&json!({
            "ok": !lags,
            "entries": entries,
            "end": end,
            "begins_after": start.position,
            "pending": chain.pending,
            "pending_seconds": waited,
        }));
    } else {
        out.line(format_args!("ok: {entries} entries, the chain is intact"));
        if let Some(checkpoint) = &chain.checkpoint {
            out.line(format_args!(
                "begins after position {}: older entries were dropped, and the checkpoint of {} is signed",
                start.position, checkpoint.made_at
            ));
        }
        if let Some(waited) = waited {
            out.line(format_args!("pending: {} entries are not chained yet, the oldest for {waited} s", chain.pending));
        }
        if lags {
            out.line(format_args!(
                "LAGGING: entries should be chained within a second; check that the database accepts writes"
            ));
        }
        out.line(format_args!("end: {end}"));
    }
    Ok(if lags { Outcome::Failed } else { Outcome::Done })
}

fn noted(text: &str) -> std::result::Result<Chained, String> {
    parse(text).ok_or_else(|| "must be POSITION:HASH, as this command prints it".to_owned())
}

fn parse(text: &str) -> Option<Chained> {
    let (position, hash) = text.split_once(':')?;
    let hash = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok()?;
    Some(Chained { position: position.parse().ok()?, hash }).filter(|link| link.hash.len() == 32 && link.position >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_end_of_a_chain_is_refused() {
        let (hash, signs) = ("0a".repeat(32), "+a".repeat(32));
        let read = parse(&format!("17:{hash}")).unwrap();
        assert_eq!((read.position, read.hash), (17, vec![10; 32]));
        assert!(parse(&format!("17:{}", hash.to_uppercase())).is_some());
        for wrong in ["", "17", "17:", "17:0a", &format!("-1:{hash}"), &format!("17:{signs}"), &format!("17:{hash}0")] {
            assert!(noted(wrong).is_err(), "{wrong}");
        }
    }
}
