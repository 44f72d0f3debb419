//! `clowder admin`: accounts with a role, made and changed by whoever runs the server, while it runs. There is no default
//! account: this is how the first administrator comes to be.

use std::{io::Read, process::ExitCode};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Subcommand;
use clowder_accounts::{Account, NewAccount, NewRole, NewSuspension, Staff, Username};
use clowder_core::{Actor, Ctx, Error, Field, Input, Result, Role, Word};
use clowder_gateway::{app, clock, config::Config};
use serde_json::{Value, json};

#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Make an account with a role. Without a password one is made up and printed, once.
    Create {
        #[arg(long)]
        username: String,
        #[arg(long)]
        email: String,
        /// Others on this machine may see it among the processes; --password-stdin is safer.
        #[arg(long, conflicts_with = "password_stdin")]
        password: Option<String>,
        /// Read the password from the first line of the standard input.
        #[arg(long)]
        password_stdin: bool,
        /// `user`, `moderator` or `admin`.
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// Give somebody a role: `user`, `moderator` or `admin`.
    SetRole { username: String, role: String },
    /// Suspend an account: it can do nothing but read why.
    Suspend {
        username: String,
        /// What its owner reads.
        #[arg(long)]
        reason: String,
        /// When it ends by itself, as of RFC 3339: 2026-12-24T18:00:00Z.
        #[arg(long)]
        until: Option<String>,
    },
    /// Lift a suspension.
    Lift { username: String },
    /// Remove the second factor of somebody who has lost it: the password alone signs them in. An email tells them.
    RemoveSecondFactor { username: String },
    /// Print a link by which somebody who cannot be reached by mail chooses a new password. It works once, for 30 minutes.
    ResetLink { username: String },
}

/// What is wrong with the input is told field by field, with the exit code of wrong usage.
pub async fn run(config: &Config, command: AdminCommand) -> Result<ExitCode> {
    match carry_out(config, command).await {
        Err(Error::Invalid(errors)) => {
            for error in errors {
                eprintln!("clowder: {} {}", error.pointer.trim_start_matches('/'), error.message);
            }
            Ok(ExitCode::from(2))
        }
        Err(Error::Refused(refusal)) => {
            eprintln!("clowder: {} ({})", refusal.title, refusal.code);
            Ok(ExitCode::FAILURE)
        }
        done => done.map(|()| ExitCode::SUCCESS),
    }
}

async fn carry_out(config: &Config, command: AdminCommand) -> Result<()> {
    // What can be wrong by itself is told before a database is opened.
    match command {
        AdminCommand::Create { username, email, password, password_stdin, role } => {
            let NewRole { role } = NewRole::from_json(json!({ "role": role }))?;
            let given = if password_stdin { Some(first_line()?) } else { password };
            let made_up = if given.is_none() { Some(made_up()?) } else { None };
            let password = given.as_ref().or(made_up.as_ref());
            let new = NewAccount::from_json(json!({ "username": username, "email": email, "password": password }))?;
            let (staff, ctx) = open(config).await?;
            say("made", &staff.create_account(&ctx, new, role).await?);
            if let Some(password) = made_up {
                println!("password: {password}");
                println!("It is not shown again; change it after signing in.");
            }
        }
        AdminCommand::SetRole { username, role } => {
            let NewRole { role } = NewRole::from_json(json!({ "role": role }))?;
            let (staff, ctx, account) = find(config, username).await?;
            say("changed", &staff.set_role(&ctx, account.id, role).await?);
        }
        AdminCommand::Suspend { username, reason, until } => {
            let new = NewSuspension::from_json(json!({ "reason": reason, "until": until }))?;
            let (staff, ctx, account) = find(config, username).await?;
            say("suspended", &staff.suspend(&ctx, account.id, new).await?);
        }
        AdminCommand::Lift { username } => {
            let (staff, ctx, account) = find(config, username).await?;
            say("lifted", &staff.lift(&ctx, account.id).await?);
        }
        AdminCommand::RemoveSecondFactor { username } => {
            let (staff, ctx, account) = find(config, username).await?;
            say("second factor removed", &staff.remove_second_factor(&ctx, account.id).await?);
        }
        AdminCommand::ResetLink { username } => {
            let (staff, ctx, account) = find(config, username).await?;
            let link = staff.reset_link(&ctx, account.id).await?;
            println!("{}", link.url);
            eprintln!("For {} alone: it works once, until {}.", account.username, link.expires_at);
        }
    }
    Ok(())
}

type Port = std::sync::Arc<dyn Staff>;

async fn open(config: &Config) -> Result<(Port, Ctx)> {
    let store = app::open(config).await?;
    Ok((store.staff, Ctx::new(Actor::System, clock::now(), "clowder admin")))
}

async fn find(config: &Config, username: String) -> Result<(Port, Ctx, Account)> {
    let name = Username::parse(Value::String(username)).map_err(|flaw| Error::Invalid(vec![flaw.at("/username")]))?;
    let (staff, ctx) = open(config).await?;
    let account = staff.account_named(&ctx, &name).await?;
    Ok((staff, ctx, account))
}

fn say(done: &str, account: &Account) {
    let Account { username, id, role, suspension, .. } = account;
    let role = Role::as_str(*role);
    let suspension = suspension.as_ref().map(|suspension| format!(", {}", suspension.sentence())).unwrap_or_default();
    println!("{done}: {username} ({id}), role {role}{suspension}");
}

fn first_line() -> Result<String> {
    let mut text = String::new();
    // A password has at most 256 characters; nobody needs more than this.
    let read = std::io::stdin().take(4096).read_to_string(&mut text);
    read.map_err(|error| Error::internal(format!("the password cannot be read: {error}")))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// 144 random bits.
fn made_up() -> Result<String> {
    let mut octets = [0; 18];
    getrandom::fill(&mut octets).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}
