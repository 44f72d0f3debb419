//! The commands that set one's presence and watch that of others.

use clowder_accounts::{
    presence::{NewPresence, OwnPresence, Watch, Watched},
    scopes::PROFILE_WRITE,
};
use clowder_core::Input;
use serde_json::{Value, json};

use super::events::HEARD_WITH;
use crate::{
    docs::examples::BOB,
    problem::Problem,
    routes::Shape,
    ws::commands::{Call, Command, Done, Reply, done, nothing},
};

pub const COMMANDS: &[Command] = &[
    Command {
        name: "presence.set",
        about: "Sets your status and its text as a whole, like `PUT /api/users/me/presence`",
        scope: Some(PROFILE_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<NewPresence>),
        example: || json!({"status": "busy", "text": "in a meeting"}),
        reply: Reply::Ack(Shape::of::<OwnPresence>),
        run: |call, data| Box::pin(set(call, data)),
    },
    Command {
        name: "presence.subscribe",
        about: "Watches people, friends or not, for 15 minutes: you see their presence now and hear `user.online`, \
                `user.offline` and `user.status` of those who show it to everybody. Send it again to go on",
        scope: Some(HEARD_WITH),
        reaches_others: false,
        takes: Some(Shape::of::<Watch>),
        example: || json!({"ids": [BOB]}),
        reply: Reply::Ack(Shape::of::<Watched>),
        run: |call, data| Box::pin(watch(call, data)),
    },
    Command {
        name: "presence.unsubscribe",
        about: "Watches these people no longer",
        scope: Some(HEARD_WITH),
        reaches_others: false,
        takes: Some(Shape::of::<Watch>),
        example: || json!({"ids": [BOB]}),
        reply: Reply::Ack(Shape::any),
        run: |call, data| Box::pin(unwatch(call, data)),
    },
];

async fn set(call: Call, data: Value) -> Result<Done, Problem> {
    let new = NewPresence::from_json_at(data, call.ctx.now)?;
    done(call.ports.store.presence.set_presence(&call.ctx, new).await?)
}

async fn watch(call: Call, data: Value) -> Result<Done, Problem> {
    let Watch { ids } = Watch::from_json_at(data, call.ctx.now)?;
    // First, so that what changes while it reads is told.
    let until = call.ports.store.online.watch(call.user, &ids, call.ctx.now);
    call.socket.watch(&ids, until);
    let people = match call.ports.store.presence.seen(&call.ctx, ids.clone()).await {
        Ok(people) => people,
        Err(error) => {
            call.socket.unwatch(&ids);
            return Err(error.into());
        }
    };
    call.socket.unwatch(ids.iter().filter(|id| people.iter().all(|seen| seen.user_id != **id)));
    done(Watched { people, until })
}

async fn unwatch(call: Call, data: Value) -> Result<Done, Problem> {
    let Watch { ids } = Watch::from_json_at(data, call.ctx.now)?;
    call.socket.unwatch(&ids);
    nothing()
}
