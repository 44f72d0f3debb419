//! What clients say over a socket, gathered from all domains. Commands take the same inputs, call the same port methods and
//! are refused for the same reasons as over REST.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use clowder_accounts::Identity;
use clowder_core::{Actor, Ctx, Error, Scope, UserId, Via, ctx::SCOPE_MISSING, text};
use futures_util::future::LocalBoxFuture;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{Ports, request::Data, send_queue::SendQueue};
use crate::{
    config::suggest,
    domains::DOMAINS,
    front::{Key, Policy, units},
    problem::Problem,
    refusals,
    routes::Shape,
};

/// What clients send whether or not somebody is there, besides what is about the socket itself.
const BY_THEMSELVES: &[&str] =
    &["message.delivered", "presence.subscribe", "presence.unsubscribe", "chat.watch", "chat.unwatch"];

/// How many characters of an unknown `type` are repeated.
const LONGEST_NAME: usize = 64;

/// One line of the table.
pub struct Command {
    /// Its `type`: `message.send`.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// The scope that opens it to API keys. Commands about the socket itself have none and are open to all.
    pub scope: Option<Scope>,
    /// Refused to users with an unconfirmed address, if the server requires confirmation.
    pub reaches_others: bool,
    /// Its `data`, if it has any.
    pub takes: Option<fn() -> Shape>,
    /// An example of its `data`.
    pub example: fn() -> Value,
    pub reply: Reply,
    pub run: fn(Call, Value) -> Running,
}

/// The answer to a command that was executed.
pub enum Reply {
    /// An `ack` with `data` of this shape.
    Ack(fn() -> Shape),
    /// An event of this name.
    Event(&'static str),
}

/// What a command needs of its connection, which goes on meanwhile.
pub struct Call {
    pub ctx: Ctx,
    pub ports: Arc<Ports>,
    pub identity: Identity,
    pub user: UserId,
    pub socket: Arc<SendQueue>,
    /// Whose rate limit it counts for.
    pub payer: (Policy, Key),
}

/// A running command.
pub type Running = LocalBoxFuture<'static, Result<Done, Problem>>;

/// The `data` of an `ack`, and the new holder of the socket, if it changes.
pub struct Done {
    pub data: Box<RawValue>,
    pub renewed: Option<Identity>,
}

/// All commands, from the last domain to the first, so that those about the socket itself are read before what else goes over
/// it.
pub fn all() -> impl Iterator<Item = &'static Command> {
    DOMAINS.iter().rev().flat_map(|domain| domain.commands)
}

static BY_NAME: LazyLock<HashMap<&str, &Command>> =
    LazyLock::new(|| all().map(|command| (command.name, command)).collect());

impl Call {
    /// A command costs what a request does, and more for a large frame, whether it succeeds or not.
    pub async fn carry_out(self, name: &str, data: Data) -> Result<Done, Problem> {
        self.take(data.units()).await?;
        let command = BY_NAME.get(name).ok_or_else(|| unknown(name))?;
        if command.scope.is_some() && !self.identity.opens(command.scope) {
            return Err(SCOPE_MISSING.into());
        }
        if command.scope.is_some()
            && !BY_THEMSELVES.contains(&command.name)
            && matches!(self.ctx.actor, Actor::User { via: Via::Session(_), .. })
        {
            self.ports.store.online.acts(self.user, self.ctx.now);
        }
        if command.reaches_others {
            self.ports.store.accounts.may_reach_others(&self.ctx).await?;
        }
        let data = data.parse().await?;
        (command.run)(self, data).await
    }

    /// Takes the units for a command that writes this many rows, before it writes them.
    pub async fn pay(&self, rows: usize) -> Result<(), Problem> {
        match units(rows) - 1 {
            0 => Ok(()),
            more => self.take(more).await,
        }
    }

    async fn take(&self, units: u32) -> Result<(), Problem> {
        let (policy, key) = self.payer;
        self.ports.limits.take(policy, key, units).await.allowed()
    }
}

/// The refusal of a `type` that no command has, with the one that was probably meant.
fn unknown(name: &str) -> Problem {
    let meant = suggest::closest(name, all().map(|command| command.name)).map(|meant| format!("`{meant}`"));
    let says = match suggest::question(meant) {
        question if question.is_empty() => "; /api/asyncapi lists all commands.".to_owned(),
        question => question,
    };
    Problem::new(refusals::FRAME_UNKNOWN)
        .because(format!("There is no command `{}`{says}", text::cut(name, LONGEST_NAME)))
}

pub fn done(data: impl serde::Serialize) -> Result<Done, Problem> {
    Ok(Done { data: to_raw_value(&data).map_err(Error::from)?, renewed: None })
}

pub fn nothing() -> Result<Done, Problem> {
    done(serde_json::Map::new())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = all().map(|command| command.name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn an_unknown_type_is_answered_with_the_nearest() {
        for (name, says) in [
            ("message.sent", "There is no command `message.sent`; did you mean `message.send`?"),
            ("message_read", "There is no command `message_read`; did you mean `message.read`?"),
            ("dance", "There is no command `dance`; /api/asyncapi lists all commands."),
            ("", "There is no command ``; /api/asyncapi lists all commands."),
        ] {
            assert_eq!(unknown(name).detail.as_deref(), Some(says));
        }
        assert!(unknown(&"message.send".repeat(10_000)).detail.as_ref().is_some_and(|says| says.len() < 200));
    }
}
