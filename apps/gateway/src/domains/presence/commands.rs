//! The command that sets one's presence.

use clowder_accounts::{
    presence::{NewPresence, OwnPresence},
    scopes::PROFILE_WRITE,
};
use clowder_core::Input;
use serde_json::{Value, json};

use crate::{
    problem::Problem,
    routes::Shape,
    ws::commands::{Call, Command, Done, Reply, done},
};

pub const COMMANDS: &[Command] = &[Command {
    name: "presence.set",
    about: "Sets your status and its text as a whole, like `PUT /api/users/me/presence`",
    scope: Some(PROFILE_WRITE),
    reaches_others: false,
    takes: Some(Shape::of::<NewPresence>),
    example: || json!({"status": "busy", "text": "in a meeting"}),
    reply: Reply::Ack(Shape::of::<OwnPresence>),
    run: |call, data| Box::pin(set(call, data)),
}];

async fn set(call: Call, data: Value) -> Result<Done, Problem> {
    let new = NewPresence::from_json_at(data, call.ctx.now)?;
    done(call.ports.store.presence.set_presence(&call.ctx, new).await?)
}
