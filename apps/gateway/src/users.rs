//! `clowder users`: imports accounts from another system, and verifies receipts of erased ones.

use std::{collections::HashMap, path::PathBuf};

use clap::Subcommand;
use clowder_accounts::model::{Imported, NewImport};
use clowder_core::{Actor, Ctx, Error, Input, Result, text};
use clowder_gateway::{
    app, clock,
    config::{Config, without_mark},
};
use clowder_infra::{keys::Keys, receipts};
use serde_json::{Map, Value, json};

use crate::output::{Form, Outcome, Output, complain};

/// How many accounts are imported in one transaction.
const BATCH: usize = 200;

#[derive(Debug, Clone, Subcommand)]
pub enum UsersCommand {
    /// Import accounts with their passwords from another system
    ///
    /// The file is CSV (RFC 4180). Its first line names the columns: `username`, `email`, `password_hash` and, optionally,
    /// `display_name`, `email_verified` (true or false) and `created_at` (RFC 3339). Hashes are those of Django
    /// (pbkdf2_sha256, argon2, bcrypt, bcrypt_sha256), argon2 in PHC format, or bcrypt. Existing accounts are skipped, so
    /// you can import the file again. Exit code 1: some lines were refused; each is named with the reason, and all others
    /// were imported; 2: the first line is missing, lacks a column, or has an unknown or duplicate one, and nobody was
    /// imported.
    Import {
        /// The CSV file
        file: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Verify an erasure receipt: whether this server signed it, and what it says (JSON)
    VerifyReceipt {
        /// A file with the receipt, the whole email or its text
        file: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Print the public key (JWK) that anybody can use to verify such receipts
    ReceiptKey {
        #[command(flatten)]
        form: Form,
    },
}

/// Fails if an account was refused, after all others were imported.
pub async fn run(config: &Config, command: UsersCommand, out: &mut Output) -> Result<Outcome> {
    match command {
        UsersCommand::Import { file, form } => import(config, file, form, out).await,
        // Both commands print a document in any case.
        UsersCommand::VerifyReceipt { file, form: _ } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
            out.json(&receipts::verify(&keys(config)?, without_mark(&text))?);
            Ok(Outcome::Done)
        }
        UsersCommand::ReceiptKey { form: _ } => {
            out.line(receipts::public_key(&keys(config)?));
            Ok(Outcome::Done)
        }
    }
}

fn keys(config: &Config) -> Result<Keys> {
    app::secret_exists(config)?;
    let secret = config.secret_key().map_err(|error| Error::internal(format!("SECRET_KEY: {error}")))?;
    Ok(Keys::new(secret.expose()))
}

async fn import(config: &Config, file: PathBuf, form: Form, out: &mut Output) -> Result<Outcome> {
    let wrong = |error: csv::Error| Error::internal(format!("{}: {error}", file.display()));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&file).map_err(wrong)?;
    if let Err(why) = check_columns(reader.headers().map_err(wrong)?) {
        complain(format_args!("{}: line 1: {why}", file.display()));
        return Ok(Outcome::Misused);
    }
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
    let Report { made, here, refused } = &report;
    if form.json {
        let refused: Vec<_> = refused.iter().map(|(line, reason)| json!({"line": line, "reason": reason})).collect();
        out.json(&json!({"imported": made, "existing": here, "refused": refused}));
    } else {
        out.line(format_args!("{made} imported, {here} skipped, {} refused", refused.len()));
    }
    Ok(Outcome::of(refused.is_empty()))
}

const REQUIRED: &[&str] = &["username", "email", "password_hash"];
const OPTIONAL: &[&str] = &["display_name", "email_verified", "created_at"];

/// The first line must name every required column, none twice, and no unknown one: with a typo, all accounts would be
/// imported without that column.
fn check_columns(columns: &csv::StringRecord) -> std::result::Result<(), String> {
    if columns.iter().all(str::is_empty) {
        return Err(format!("must name the columns, at least {}", REQUIRED.join(", ")));
    }
    let known = || REQUIRED.iter().chain(OPTIONAL).copied();
    let unknown = columns.iter().filter(|column| !known().any(|known| known == *column));
    let unknown = unknown.map(|column| format!("unknown column `{}`", text::cut(column, 80)));
    let missing = REQUIRED.iter().filter(|name| !columns.iter().any(|column| column == **name));
    let missing = missing.map(|name| format!("the column `{name}` is missing"));
    let twice = known().filter(|name| columns.iter().filter(|column| column == name).count() > 1);
    let twice = twice.map(|name| format!("the column `{name}` appears twice"));
    let wrong: Vec<_> = unknown.chain(missing).chain(twice).collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("{}; the columns are {}", wrong.join("; "), known().collect::<Vec<_>>().join(", "))),
    }
}

#[derive(Default)]
struct Report {
    made: usize,
    here: usize,
    /// Line and reason.
    refused: Vec<(usize, String)>,
}

impl Report {
    fn refuse(&mut self, line: usize, why: &str) {
        complain(format_args!("line {line}: {why}"));
        self.refused.push((line, why.to_owned()));
    }
}

/// Empty cells count as absent.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_columns() {
        for (line, says) in [
            ("username,email,password_hash", None),
            ("email,created_at,password_hash,username,email_verified,display_name", None),
            ("", Some("must name the columns")),
            ("username,email,password_hash,email_verifed", Some("unknown column `email_verifed`")),
            ("username,email", Some("the column `password_hash` is missing")),
            ("username,email,password_hash,email", Some("the column `email` appears twice")),
            ("username,email,password_hash,", Some("unknown column ``")),
            ("ada,ada@example.org,pbkdf2_sha256$1", Some("the column `username` is missing")),
        ] {
            let said = check_columns(&line.split(',').collect::<Vec<_>>().into()).err();
            let right = said.as_deref().map_or(says.is_none(), |said| says.is_some_and(|says| said.contains(says)));
            assert!(right, "{line}: {said:?}");
        }
    }
}
