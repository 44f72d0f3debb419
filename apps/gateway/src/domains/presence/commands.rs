//! The commands that set one's presence and watch that of others.

use clowder_accounts::{
    presence::{NewPresence, OwnPresence, WATCHED_FOR, Watch, Watched},
    scopes::PROFILE_WRITE,
};
use clowder_core::{Input, UserId};
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
    // First, so that what changes while it reads is told; and at the socket before, for another one may just stop.
    let until = call.ctx.now.plus(WATCHED_FOR);
    call.socket.watch(&ids, until);
    call.ports.store.online.watch(call.user, &ids, call.ctx.now);
    let seen = call.ports.store.presence.seen(&call.ctx, ids.clone()).await;
    let people = seen.as_deref().unwrap_or_default();
    let unseen: Vec<UserId> = ids.into_iter().filter(|id| people.iter().all(|seen| seen.user_id != *id)).collect();
    call.ports.hub.unwatch_people(&call.socket, &unseen, call.ctx.now);
    done(Watched { people: seen?, until })
}

async fn unwatch(call: Call, data: Value) -> Result<Done, Problem> {
    let Watch { ids } = Watch::from_json_at(data, call.ctx.now)?;
    call.ports.hub.unwatch_people(&call.socket, &ids, call.ctx.now);
    nothing()
}
