//! What people do in a chat for the moment: they type, record a voice message or upload a file.

use std::time::Duration;

use clowder_core::{ChatId, Fields, Id, Input, Timestamp, Topic, UserId};
use clowder_messaging::{
    CHAT, Typing, TypingKind,
    read::Onlookers,
    refusals::CHAT_UNKNOWN,
    scopes::{CHATS_READ, MESSAGES_WRITE},
};
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{A_CHAT, InChat, table::LEAVE};
use crate::{
    problem::Problem,
    routes::Shape,
    ws::{
        Hearers, Signal,
        commands::{Call, Command, Done, Reply, done, nothing},
    },
};

pub const SIGNALS: &[&Signal] = &[&TYPING, &RECORDING, &UPLOADING];

static TYPING: Signal = signal("typing", |chat, user| told(chat, user, TypingKind::Typing));
static RECORDING: Signal = signal("recording", |chat, user| told(chat, user, TypingKind::Recording));
static UPLOADING: Signal = signal("uploading", |chat, user| told(chat, user, TypingKind::Uploading));

const fn signal(kind: &'static str, data: fn(Topic, UserId) -> serde_json::Result<Box<RawValue>>) -> Signal {
    Signal { start: "typing.start", stop: "typing.stop", kind, data }
}

fn told(chat: Topic, user_id: UserId, kind: TypingKind) -> serde_json::Result<Box<RawValue>> {
    to_raw_value(&Typing { chat_id: Id::from_uuid(chat.id), user_id, kind })
}

pub const START_TYPING: Command = Command {
    name: "typing.start",
    about: "Tells the others that you type, record a voice message or upload a file; repeat it every few seconds",
    scope: Some(MESSAGES_WRITE),
    takes: Some(Shape::of::<NewTyping>),
    example: || json!({"chat_id": A_CHAT, "kind": "recording"}),
    run: |call, data| Box::pin(start(call, data)),
    ..LEAVE
};

pub const STOP_TYPING: Command = Command {
    name: "typing.stop",
    about: "Tells the others that you have stopped, whatever you did",
    scope: Some(MESSAGES_WRITE),
    run: |call, data| Box::pin(stop(call, data)),
    ..LEAVE
};

pub const WATCH: Command = Command {
    name: "chat.watch",
    about: "Tells this socket for 15 minutes who is typing in a chat of more than 256 people. Send it again to go on",
    scope: Some(CHATS_READ),
    reply: Reply::Ack(Shape::of::<ChatWatched>),
    run: |call, data| Box::pin(watch(call, data)),
    ..LEAVE
};

pub const UNWATCH: Command = Command {
    name: "chat.unwatch",
    about: "Tells this socket no longer who is typing in a chat of more than 256 people",
    scope: Some(CHATS_READ),
    run: |call, data| Box::pin(unwatch(call, data)),
    ..LEAVE
};

/// How long a socket watches a chat.
const WATCHED_FOR: Duration = Duration::from_secs(900);

/// Until when a socket watches a chat.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ChatWatched {
    until: Timestamp,
}

/// What the caller does in a chat.
#[derive(Debug, utoipa::ToSchema)]
struct NewTyping {
    chat_id: ChatId,
    /// `typing` when absent.
    kind: Option<TypingKind>,
}

impl Input for NewTyping {
    fn read(fields: &mut Fields) -> Option<Self> {
        let chat_id = fields.required("chat_id");
        let kind = fields.optional("kind");
        Some(Self { chat_id: chat_id?, kind: kind? })
    }
}

async fn start(call: Call, data: Value) -> Result<Done, Problem> {
    let NewTyping { chat_id, kind } = NewTyping::from_json(data)?;
    let chat = followed(&call, chat_id).await?;
    let signal = match kind.unwrap_or_default() {
        TypingKind::Typing => &TYPING,
        TypingKind::Recording => &RECORDING,
        TypingKind::Uploading => &UPLOADING,
    };
    let Onlookers { apart: but, only_watching } = call.ports.store.messaging.may_type(&call.ctx, chat_id).await?;
    call.ports.hub.signal(call.user, chat, signal, Hearers { but, only_watching });
    nothing()
}

async fn stop(call: Call, data: Value) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    let chat = followed(&call, chat_id).await?;
    call.ports.hub.end_signal(call.user, chat, &TYPING);
    nothing()
}

async fn watch(call: Call, data: Value) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    let chat = followed(&call, chat_id).await?;
    let until = call.ctx.now.plus(WATCHED_FOR);
    call.ports.hub.watch(&call.socket, chat, until);
    done(ChatWatched { until })
}

async fn unwatch(call: Call, data: Value) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    call.ports.hub.unwatch(&call.socket, Topic::new(CHAT, chat_id));
    nothing()
}

async fn followed(call: &Call, chat_id: ChatId) -> Result<Topic, Problem> {
    let chat = Topic::new(CHAT, chat_id);
    if call.ports.hub.follows(call.user, chat).await? { Ok(chat) } else { Err(CHAT_UNKNOWN.into()) }
}
