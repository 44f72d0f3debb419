//! `clowder admin`: the operator creates and changes accounts with a role while the server runs. There is no default
//! account; the first administrator is created here.

use std::io::{self, BufRead, BufReader, Read};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Subcommand, builder::PossibleValuesParser};
use clowder_accounts::{Account, NewAccount, NewRole, NewSuspension, Staff, Suspension, Username};
use clowder_core::{Actor, Ctx, Error, Field, Input, Result, Role, Word};
use clowder_gateway::{
    app, clock,
    config::{Config, without_mark},
};
use clowder_infra::{DatabaseUrl, Store};
use serde_json::{Value, json};

use crate::output::{Form, Outcome, Output, note};

#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Create an account with a role; without a password, one is generated and printed once
    ///
    /// There is no default account; use this command to create the first administrator. Example:
    ///
    /// clowder admin create --username ada --email ada@example.org --password-stdin < password.txt
    Create {
        /// Username
        #[arg(long)]
        username: String,
        /// Email address
        #[arg(long)]
        email: String,
        /// The password; other users of this machine may see it in the process list, so --password-stdin is safer
        #[arg(long, conflicts_with = "password_stdin")]
        password: Option<String>,
        /// Read the password from the first line of the standard input (UTF-8)
        #[arg(long)]
        password_stdin: bool,
        /// Role of the account
        #[arg(long, default_value = "admin", value_parser = roles())]
        role: String,
        #[command(flatten)]
        form: Form,
    },
    /// Change the role of an account
    SetRole {
        /// Username of the account
        username: String,
        /// Its new role
        #[arg(value_parser = roles())]
        role: String,
        #[command(flatten)]
        form: Form,
    },
    /// Suspend an account: it can do nothing but read the reason
    ///
    /// Closes its sockets and refuses its tokens and API keys within a second on every node. Example:
    ///
    /// clowder admin suspend ada --reason "advertising" --until 2026-12-24T18:00:00Z
    Suspend {
        /// Username of the account
        username: String,
        /// The reason that its owner reads
        #[arg(long)]
        reason: String,
        /// When the suspension ends (RFC 3339), such as 2026-12-24T18:00:00Z; without it, when somebody lifts it
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Lift a suspension
    Lift {
        /// Username of the account
        username: String,
        #[command(flatten)]
        form: Form,
    },
    /// Print a link to choose a new password, for somebody who cannot receive email; it works once, for 30 minutes
    ResetLink {
        /// Username of the account
        username: String,
        #[command(flatten)]
        form: Form,
    },
    /// Remove the second factor of somebody who has lost it; they can then sign in with the password alone, and get a notice
    RemoveSecondFactor {
        /// Username of the account
        username: String,
        #[command(flatten)]
        form: Form,
    },
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::WORDS.iter().map(|(word, _)| *word))
}

pub async fn run(config: &Config, command: AdminCommand, out: &mut Output) -> Result<Outcome> {
    // Errors that need no database are reported before one is opened.
    match command {
        AdminCommand::Create { username, email, password, password_stdin, role, form } => {
            let NewRole { role } = NewRole::from_json(json!({ "role": role }))?;
            let given = if password_stdin { Some(first_line()?) } else { password };
            let made_up = if given.is_none() { Some(made_up()?) } else { None };
            let password = given.as_ref().or(made_up.as_ref());
            let new = NewAccount::from_json(json!({ "username": username, "email": email, "password": password }))?;
            // In the wrong folder, this would make a new installation; so it says where it was.
            let (place, is_new) = (place(config)?, app::database_exists(config).is_err());
            let (staff, ctx) = port(app::open(config).await?);
            let account = staff.create_account(&ctx, new, role).await?;
            if form.json {
                out.json(&json!({
                    "account": account, "password": made_up, "database": place, "new_installation": is_new
                }));
                return Ok(Outcome::Done);
            }
            say("created", &account, form, out);
            out.line(format_args!("database: {place}"));
            if is_new {
                out.line("This is a new installation: there was no database there before.");
            }
            if let Some(password) = made_up {
                out.line(format_args!("password: {password}"));
                out.line("It is not shown again. Change it after you sign in.");
            }
        }
        AdminCommand::SetRole { username, role, form } => {
            let NewRole { role } = NewRole::from_json(json!({ "role": role }))?;
            let (staff, ctx, account) = find(config, username).await?;
            say("changed", &staff.set_role(&ctx, account.id, role).await?, form, out);
        }
        AdminCommand::Suspend { username, reason, until, form } => {
            let new = NewSuspension::from_json(json!({ "reason": reason, "until": until }))?;
            let (staff, ctx, account) = find(config, username).await?;
            say("suspended", &staff.suspend(&ctx, account.id, new).await?, form, out);
        }
        AdminCommand::Lift { username, form } => {
            let (staff, ctx, account) = find(config, username).await?;
            say("lifted", &staff.lift(&ctx, account.id).await?, form, out);
        }
        AdminCommand::RemoveSecondFactor { username, form } => {
            let (staff, ctx, account) = find(config, username).await?;
            let account = staff.remove_second_factor(&ctx, account.id).await?;
            say("removed the second factor of", &account, form, out);
        }
        AdminCommand::ResetLink { username, form } => {
            let (staff, ctx, account) = find(config, username).await?;
            let link = staff.reset_link(&ctx, account.id).await?;
            if form.json {
                out.json(&json!({"url": link.url, "expires_at": link.expires_at}));
                return Ok(Outcome::Done);
            }
            out.line(&link.url);
            note(format_args!("The link is only for {}. It works once, until {}.", account.username, link.expires_at));
        }
    }
    Ok(Outcome::Done)
}

type Port = std::sync::Arc<dyn Staff>;

fn port(store: Store) -> (Port, Ctx) {
    (store.staff, Ctx::new(Actor::System, clock::now(), "clowder admin"))
}

async fn find(config: &Config, username: String) -> Result<(Port, Ctx, Account)> {
    if username.contains('@') {
        return Err(Error::field("/username", "characters", "is an email address; use the username of the account"));
    }
    let name = Username::parse(Value::String(username)).map_err(|flaw| Error::Invalid(vec![flaw.at("/username")]))?;
    let (staff, ctx) = port(app::open_existing(config).await?);
    let account = staff.account_named(&ctx, &name).await?;
    Ok((staff, ctx, account))
}

/// Where the database is; a file with its whole path.
fn place(config: &Config) -> Result<String> {
    let url = DatabaseUrl::parse(&config.database_url())?;
    let whole = match &url {
        DatabaseUrl::Sqlite(path) => std::path::absolute(path).ok(),
        DatabaseUrl::Postgres(_) => None,
    };
    Ok(whole.map_or_else(|| url.place(), |path| path.display().to_string()))
}

fn say(done: &str, account: &Account, form: Form, out: &mut Output) {
    if form.json {
        return out.json(&json!({"account": account}));
    }
    let Account { username, id, role, suspension, .. } = account;
    let role = Role::as_str(*role);
    out.line(format_args!("{done}: {username} ({id}), role {role}"));
    match suspension {
        Some(Suspension { until: Some(until), reason, .. }) => {
            out.line(format_args!("until {until}, reason: {reason}"));
        }
        Some(Suspension { reason, .. }) => out.line(format_args!("until it is lifted, reason: {reason}")),
        None => {}
    }
}

/// Reads the password from the first line, without the byte order mark that some editors and shells write at the start.
fn first_line() -> Result<String> {
    let mut octets = Vec::new();
    // A password has at most 256 characters, so this is always enough.
    let read = BufReader::new(io::stdin().take(4096)).read_until(b'\n', &mut octets);
    read.map_err(|error| Error::internal(format!("the password cannot be read: {error}")))?;
    let text = String::from_utf8(octets).map_err(|_| Error::field("/password", "encoding", "must be UTF-8"))?;
    Ok(without_mark(&text).trim_end_matches(['\r', '\n']).to_owned())
}

/// 144 random bits.
fn made_up() -> Result<String> {
    let mut octets = [0; 18];
    getrandom::fill(&mut octets).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}
