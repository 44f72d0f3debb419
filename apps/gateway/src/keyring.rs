//! `clowder keys`: moving what is sealed under the active key, and telling what stands under which.

use std::process::ExitCode;

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
    println!("keys: {} (the first is active)", store.sealing.keys().join(", "));
    let mut well = true;
    for column in COLUMNS {
        for Held { key, count, lost } in store.sealing.held(column).await? {
            let key = key.map_or("the keys of users".to_owned(), |key| format!("`{key}`"));
            let fault = if lost == 0 { String::new() } else { format!(", {lost} of them do not open") };
            println!("{}: {count} under {key}{fault}", name(column));
            well &= lost == 0;
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the doctor says of the keys of the ring: the keys of users are among what they seal.
pub async fn finding(store: &Store) -> Result<String, String> {
    let keys = store.sealing.keys();
    let (mut total, mut faults) = (0, Vec::new());
    for column in COLUMNS.iter().filter(|column| column.under == Under::Ring) {
        for held in store.sealing.held(column).await.map_err(|error| error.to_string())? {
            total += held.count;
            faults.extend(fault(column, &held, &keys));
        }
    }
    if faults.is_empty() {
        let active = keys.first().map_or("", String::as_str);
        return Ok(format!("`{active}` is active; all {total} values under the ring can be opened"));
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
            "{lost} values of {column} name the key `{}` and do not open: it is not the one that sealed them",
            key.as_deref().unwrap_or_default()
        )),
    }
}

fn name(column: &Column) -> String {
    format!("{}.{}", column.table, column.column)
}
