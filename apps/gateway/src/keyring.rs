//! `clowder keys`: moving what is sealed under the active key, and telling what stands under which.

use std::{collections::BTreeSet, process::ExitCode};

use clowder_core::Result;
use clowder_gateway::{app, config::Config};
use clowder_infra::{
    Store,
    seal::{COLUMNS, Column, Held, Under},
};
use uuid::Uuid;

/// Goes through every column under the key ring, piece by piece. What does not open is left and told at the end.
pub async fn rotate(config: &Config) -> Result<ExitCode> {
    let store = app::open(config).await?;
    let active = store.sealing.keys().into_iter().next().unwrap_or_default();
    println!("the active key is `{active}`");
    let mut well = true;
    for column in COLUMNS.iter().filter(|column| column.under == Under::Ring) {
        let (mut seen, mut resealed, mut told) = (0, 0, 0);
        let mut after: Option<Uuid> = None;
        loop {
            let piece = store.sealing.rotate(column, after).await?;
            seen += piece.seen;
            resealed += piece.resealed;
            for fault in &piece.faults {
                well = false;
                eprintln!("{fault}");
            }
            after = piece.next;
            if after.is_none() || seen - told >= 10_000 {
                told = seen;
                println!("{}: {seen} looked at, {resealed} sealed anew", name(column));
            }
            if after.is_none() {
                break;
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line per column and key.
pub async fn status(config: &Config) -> Result<ExitCode> {
    let store = app::open(config).await?;
    let keys = store.sealing.keys();
    println!("keys: {} (the first is active)", keys.join(", "));
    let held = store.sealing.held().await?;
    for held in &held {
        let key = held.key.as_deref().map_or("the keys of users".to_owned(), |key| format!("`{key}`"));
        let lost = if held.lost == 0 { String::new() } else { format!(", {} of them do not open", held.lost) };
        println!("{}: {} under {key}{lost}", name(held.column), held.count);
    }
    Ok(if held.iter().all(|held| held.lost == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the doctor says of the keys.
pub async fn finding(store: &Store) -> Result<String, String> {
    let keys = store.sealing.keys();
    let held = store.sealing.held().await.map_err(|error| error.to_string())?;
    let total: u64 = held.iter().map(|held| held.count).sum();
    let lost: BTreeSet<String> = held.iter().filter(|held| held.lost > 0).map(|held| fault(held, &keys)).collect();
    if lost.is_empty() {
        let active = keys.first().map_or("", String::as_str);
        return Ok(format!("`{active}` is active; all {total} sealed values can be opened"));
    }
    Err(lost.into_iter().collect::<Vec<_>>().join("; "))
}

fn fault(held: &Held, keys: &[String]) -> String {
    let Held { column, key, lost, .. } = held;
    let column = name(column);
    match key {
        Some(key) if keys.contains(key) => {
            format!(
                "{lost} values of {column} name the key `{key}` and do not open: it is not the one that sealed them"
            )
        }
        Some(key) => format!("{lost} values of {column} need the key `{key}`, which is not in ENCRYPTION_KEYS"),
        None => format!("{lost} values of {column} do not open with the key of their user"),
    }
}

fn name(column: &Column) -> String {
    format!("{}.{}", column.table, column.column)
}
