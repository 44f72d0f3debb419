//! `clowder users`: brings people over from another system, and checks the receipts of those who went.

use std::{collections::HashMap, path::PathBuf};

use clap::Subcommand;
use clowder_accounts::model::{Imported, NewImport};
use clowder_core::{Actor, Ctx, Error, Input, Result};
use clowder_gateway::{app, clock, config::Config};
use clowder_infra::{keys::Keys, receipts};
use serde_json::{Map, Value};

/// How many people share a transaction.
const BATCH: usize = 200;

#[derive(Debug, Clone, Subcommand)]
pub enum UsersCommand {
    /// Bring people over: a CSV file (RFC 4180) with the columns `username`, `email` and `password_hash`, and, if wanted,
    /// `display_name`, `email_verified` (true or false) and `created_at` (RFC 3339). Hashes are those of Django
    /// (pbkdf2_sha256, argon2, bcrypt, bcrypt_sha256), argon2 in PHC format, or bcrypt. Who is here already is left as
    /// they are, so the same file can be given again.
    Import { file: PathBuf },
    /// Check the receipt of an erasure, as its letter has it: whether this server signed it, and what it says.
    VerifyReceipt { file: PathBuf },
    /// Print the public key (JWK) with which anybody can check such receipts.
    ReceiptKey,
}

/// Fails when anybody was refused, after all others were brought over.
pub async fn run(config: &Config, command: UsersCommand) -> Result<bool> {
    match command {
        UsersCommand::Import { file } => import(config, file).await,
        UsersCommand::VerifyReceipt { file } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
            println!("{}", serde_json::to_string_pretty(&receipts::verify(&keys(config)?, &text)?)?);
            Ok(true)
        }
        UsersCommand::ReceiptKey => {
            println!("{}", receipts::public_key(&keys(config)?));
            Ok(true)
        }
    }
}

fn keys(config: &Config) -> Result<Keys> {
    let secret = config.secret_key().map_err(|error| Error::internal(format!("SECRET_KEY: {error}")))?;
    Ok(Keys::new(secret.expose()))
}

async fn import(config: &Config, file: PathBuf) -> Result<bool> {
    let wrong = |error: csv::Error| Error::internal(format!("{}: {error}", file.display()));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&file).map_err(wrong)?;
    let store = app::open(config).await?;
    let (mut batch, mut report) = (Vec::new(), Report::default());
    for (index, row) in reader.deserialize::<HashMap<String, String>>().enumerate() {
        // The first line names the columns.
        let line = index + 2;
        match row.map_err(|error| error.to_string()).and_then(read) {
            Ok(new) => batch.push((line, new)),
            Err(why) => report.refuse(line, &why),
        }
        if batch.len() == BATCH {
            flush(&store, &mut batch, &mut report).await?;
        }
    }
    flush(&store, &mut batch, &mut report).await?;
    println!("{} brought over, {} were here already, {} refused", report.made, report.here, report.refused);
    Ok(report.refused == 0)
}

#[derive(Default)]
struct Report {
    made: usize,
    here: usize,
    refused: usize,
}

impl Report {
    fn refuse(&mut self, line: usize, why: &str) {
        self.refused += 1;
        eprintln!("line {line}: {why}");
    }
}

/// Empty cells are absent.
fn read(row: HashMap<String, String>) -> std::result::Result<NewImport, String> {
    let cells = row.into_iter().filter(|(_, cell)| !cell.is_empty());
    let fields: Map<String, Value> = cells
        .map(|(column, cell)| match (column.as_str(), cell.to_lowercase().as_str()) {
            ("email_verified", "true" | "t" | "1" | "yes") => (column, Value::Bool(true)),
            ("email_verified", "false" | "f" | "0" | "no") => (column, Value::Bool(false)),
            _ => (column, Value::String(cell)),
        })
        .collect();
    NewImport::from_json(Value::Object(fields)).map_err(|error| match error {
        Error::Invalid(errors) => {
            let told =
                errors.iter().map(|error| format!("{} {}", error.pointer.trim_start_matches('/'), error.message));
            told.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    })
}

async fn flush(store: &clowder_infra::Store, batch: &mut Vec<(usize, NewImport)>, report: &mut Report) -> Result<()> {
    let (lines, people): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
    let ctx = Ctx::new(Actor::System, clock::now(), "clowder users import");
    for (line, imported) in lines.into_iter().zip(store.sign_ups.import(&ctx, people).await?) {
        match imported {
            Imported::Made => report.made += 1,
            Imported::WasHere => report.here += 1,
            Imported::Refused(why) => report.refuse(line, why),
        }
    }
    Ok(())
}
