//! What people do in a chat for the moment: they type, record a voice message or upload a file.

use clowder_core::{ChatId, Fields, Id, Input, Topic, UserId};
use clowder_messaging::{CHAT, Typing, TypingKind, refusals::CHAT_UNKNOWN, scopes::MESSAGES_WRITE};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{A_CHAT, InChat, table::LEAVE};
use crate::{
    problem::Problem,
    routes::Shape,
    ws::{
        Signal,
        commands::{Call, Command, Done, nothing},
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
    let apart = call.ports.store.messaging.may_type(&call.ctx, chat_id).await?;
    call.ports.hub.signal(call.user, chat, signal, apart);
    nothing()
}

async fn stop(call: Call, data: Value) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    let chat = followed(&call, chat_id).await?;
    call.ports.hub.end_signal(call.user, chat, &TYPING);
    nothing()
}

async fn followed(call: &Call, chat_id: ChatId) -> Result<Topic, Problem> {
    let chat = Topic::new(CHAT, chat_id);
    if call.ports.hub.follows(call.user, chat).await? { Ok(chat) } else { Err(CHAT_UNKNOWN.into()) }
}
