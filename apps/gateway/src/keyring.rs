//! `clowder keys`: re-encrypts values with the active key, and counts values by key.

use clap::Subcommand;
use clowder_core::Result;
use clowder_gateway::{app, config::Config};
use clowder_infra::{
    Store,
    seal::{self, Column, Held, Under},
};
use serde_json::json;
use uuid::Uuid;

use crate::output::{Form, Outcome, Output, complain};

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KeysCommand {
    /// Re-encrypt every field that does not use the active key (the first of ENCRYPTION_KEYS)
    ///
    /// Safe while the server runs; you can stop and repeat it. Exit code 1: some values don't decrypt and were skipped.
    Rotate {
        #[command(flatten)]
        form: Form,
    },
    /// Show how many values are encrypted with which key
    ///
    /// Exit code 1: some values don't decrypt with the current keys.
    Status {
        #[command(flatten)]
        form: Form,
    },
}

/// How many values that don't decrypt are listed individually.
const MOST_FAULTS: usize = 20;

pub async fn run(config: &Config, command: KeysCommand, out: &mut Output) -> Result<Outcome> {
    let store = app::open_existing(config).await?;
    match command {
        KeysCommand::Rotate { form } => rotate(&store, form, out).await,
        KeysCommand::Status { form } => status(&store, form, out).await,
    }
}

/// Re-encrypts every column under the key ring, piece by piece. Values that do not decrypt are left unchanged and
/// reported at the end.
async fn rotate(store: &Store, form: Form, out: &mut Output) -> Result<Outcome> {
    let active = store.sealing.keys().into_iter().next().unwrap_or_default();
    let mut tell = |text: std::fmt::Arguments<'_>| {
        if !form.json {
            out.line(text);
        }
    };
    tell(format_args!("the active key is `{active}`"));
    let (mut lost, mut columns) = (0, Vec::new());
    for column in seal::columns().into_iter().filter(|column| column.under == Under::Ring) {
        let (mut seen, mut resealed, mut told) = (0, 0, 0);
        let mut after: Option<Uuid> = None;
        loop {
            let piece = store.sealing.rotate(column, after).await?;
            seen += piece.seen;
            resealed += piece.resealed;
            for fault in &piece.faults {
                lost += 1;
                if lost <= MOST_FAULTS {
                    complain(fault);
                }
            }
            after = piece.next;
            if after.is_none() || seen - told >= 10_000 {
                told = seen;
                tell(format_args!("{}: {seen} checked, {resealed} re-encrypted", name(column)));
            }
            if after.is_none() {
                break;
            }
        }
        columns.push(json!({"column": name(column), "seen": seen, "resealed": resealed}));
    }
    if lost > MOST_FAULTS {
        complain(format_args!("and {} more", lost - MOST_FAULTS));
    }
    if form.json {
        out.json(&json!({"active": active, "columns": columns, "lost": lost}));
    }
    Ok(Outcome::of(lost == 0))
}

/// One line per column and key.
async fn status(store: &Store, form: Form, out: &mut Output) -> Result<Outcome> {
    let keys = store.sealing.keys();
    let (mut well, mut lines, mut rows) = (true, Vec::new(), Vec::new());
    for column in seal::columns() {
        for Held { key, count, lost } in store.sealing.held(column).await? {
            rows.push(json!({"column": name(column), "key": key, "count": count, "lost": lost}));
            let key = key.map_or("user keys".to_owned(), |key| format!("`{key}`"));
            let fault = if lost == 0 { String::new() } else { format!(", {lost} of them do not decrypt") };
            lines.push(format!("{}: {count} under {key}{fault}", name(column)));
            well &= lost == 0;
        }
    }
    if form.json {
        out.json(&json!({"keys": keys, "active": keys.first(), "columns": rows}));
    } else {
        out.line(format_args!("keys: {} (the first is active)", keys.join(", ")));
        lines.iter().for_each(|line| out.line(line));
    }
    Ok(Outcome::of(well))
}

/// The doctor's finding about the key ring. It covers user keys, too, because they are encrypted with the ring.
pub async fn finding(store: &Store) -> Result<String, String> {
    let keys = store.sealing.keys();
    let (mut total, mut faults) = (0, Vec::new());
    for column in seal::columns().into_iter().filter(|column| column.under == Under::Ring) {
        for held in store.sealing.held(column).await.map_err(|error| error.to_string())? {
            total += held.count;
            faults.extend(fault(column, &held, &keys));
        }
    }
    if faults.is_empty() {
        let active = keys.first().map_or("", String::as_str);
        return Ok(format!("`{active}` is active; all {total} values encrypted with the key ring decrypt"));
    }
    Err(faults.join("; "))
}

fn fault(column: &Column, Held { key, lost, .. }: &Held, keys: &[String]) -> Option<String> {
    let column = name(column);
    match key {
        _ if *lost == 0 => None,
        Some(key) if !keys.contains(key) => {
            Some(format!("{lost} values of {column} need the key `{key}`, which is not in ENCRYPTION_KEYS"))
        }
        _ => Some(format!(
            "{lost} values of {column} name the key `{}` but do not decrypt: another key encrypted them",
            key.as_deref().unwrap_or_default()
        )),
    }
}

fn name(column: &Column) -> String {
    format!("{}.{}", column.table, column.column)
}
