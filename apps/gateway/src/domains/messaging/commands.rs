//! Commands of chats and messages.

mod keeping;

use clowder_core::{ChatId, Fields, Id, Input, MessageId, Topic};
use clowder_messaging::{
    CHAT, ChatPreferences, Deleted, Delivered, Emoji, Message, MessagePatch, NewMessage, NewRead, Pin, Reaction, Read,
    Saved, Scheduled, Typing,
    chats::NewDraft,
    keeping::{Cleared, NewRemoval, NewSave, Outcome},
    moderation::rules::may_speak,
    polls::{Closed, NewVote, Voted},
    refusals::{CHAT_CLOSED, CHAT_FORBIDDEN, CHAT_UNKNOWN},
    relations::{Forwards, NewForward, ThreadState},
    scheduled::{ScheduledId, ScheduledPatch},
    scopes::{CHATS_WRITE, MESSAGES_WRITE},
};
use serde_json::{Value, json, value::to_raw_value};

use crate::{
    problem::Problem,
    routes::Shape,
    ws::{
        Signal,
        commands::{Call, Command, Done, Reply, done, nothing},
    },
};

static TYPING: Signal = Signal {
    start: "typing.start",
    stop: "typing.stop",
    data: |chat, user_id| to_raw_value(&Typing { chat_id: Id::from_uuid(chat.id), user_id }),
};

pub const COMMANDS: &[Command] = &[
    Command {
        name: "message.send",
        about: "Sends a message, or with `send_at` schedules it",
        scope: Some(MESSAGES_WRITE),
        reaches_others: true,
        takes: Some(Shape::both::<InChat, NewMessage>),
        example: || json!({"chat_id": A_CHAT, "content": "Shall we have lunch?", "client_id": "phone-42"}),
        reply: Reply::Ack(Shape::either::<Message, Scheduled>),
        run: |call, data| Box::pin(send(call, data)),
    },
    Command {
        name: "scheduled.edit",
        about: "Changes a message that you have scheduled",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<OfScheduled, ScheduledPatch>),
        example: || json!({"scheduled_message_id": A_MESSAGE, "content": "Good evening!", "version": 1}),
        reply: Reply::Ack(Shape::of::<Scheduled>),
        run: |call, data| Box::pin(edit_scheduled(call, data)),
    },
    Command {
        name: "scheduled.cancel",
        about: "Cancels a message that you have scheduled",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<OfScheduled>),
        example: || json!({"scheduled_message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::of::<Scheduled>),
        run: |call, data| Box::pin(cancel_scheduled(call, data)),
    },
    Command {
        name: "message.edit",
        about: "Edits a message",
        scope: Some(MESSAGES_WRITE),
        reaches_others: true,
        takes: Some(Shape::both::<OfVersion, MessagePatch>),
        example: || json!({"message_id": A_MESSAGE, "content": "Shall we have dinner?", "version": 1}),
        reply: Reply::Ack(Shape::of::<Message>),
        run: |call, data| Box::pin(edit(call, data)),
    },
    Command {
        name: "message.delete",
        about: "Deletes a message",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<OfVersion>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::of::<Deleted>),
        run: |call, data| Box::pin(delete(call, data)),
    },
    Command {
        name: "message.pin",
        about: "Pins a message",
        scope: Some(MESSAGES_WRITE),
        reaches_others: true,
        takes: Some(Shape::of::<AMessage>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::of::<Pin>),
        run: |call, data| Box::pin(keeping::pin(call, data)),
    },
    Command {
        name: "message.unpin",
        about: "Unpins a message",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<AMessage>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::any),
        run: |call, data| Box::pin(keeping::unpin(call, data)),
    },
    Command {
        name: "message.save",
        about: "Saves a message for yourself, with a note if you like",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<AMessage, NewSave>),
        example: || json!({"message_id": A_MESSAGE, "note": "For the trip"}),
        reply: Reply::Ack(Shape::of::<Saved>),
        run: |call, data| Box::pin(keeping::save(call, data)),
    },
    Command {
        name: "message.unsave",
        about: "Removes a message from those that you have saved",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<AMessage>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::any),
        run: |call, data| Box::pin(keeping::unsave(call, data)),
    },
    Command {
        name: "message.remove",
        about: "Removes messages of a chat for yourself alone",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<InChat, NewRemoval>),
        example: || json!({"chat_id": A_CHAT, "message_ids": [A_MESSAGE]}),
        reply: Reply::Ack(Shape::page_of::<Outcome>),
        run: |call, data| Box::pin(keeping::remove(call, data)),
    },
    Command {
        name: "chat.clear",
        about: "Removes everything that has been written in a chat so far for yourself alone",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<InChat>),
        example: || json!({"chat_id": A_CHAT}),
        reply: Reply::Ack(Shape::of::<Cleared>),
        run: |call, data| Box::pin(keeping::clear(call, data)),
    },
    Command {
        name: "message.read",
        about: "Moves the read mark",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<InChat, NewRead>),
        example: || json!({"chat_id": A_CHAT, "seq": 7}),
        reply: Reply::Ack(Shape::of::<Read>),
        run: |call, data| Box::pin(read(call, data)),
    },
    Command {
        name: "message.delivered",
        about: "Confirms that messages up to this one have reached this device, before the server finds out by itself",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<InChat, NewRead>),
        example: || json!({"chat_id": A_CHAT, "seq": 7}),
        reply: Reply::Ack(Shape::of::<Delivered>),
        run: |call, data| Box::pin(delivered(call, data)),
    },
    Command {
        name: "message.forward",
        about: "Forwards a message to other chats. With `client_id`, a repeated command sends nothing again",
        scope: Some(MESSAGES_WRITE),
        reaches_others: true,
        takes: Some(Shape::both::<AMessage, NewForward>),
        example: || json!({"message_id": A_MESSAGE, "chat_ids": [A_CHAT], "client_id": "phone-43"}),
        reply: Reply::Ack(Shape::of::<Forwards>),
        run: |call, data| Box::pin(forward(call, data)),
    },
    Command {
        name: "thread.follow",
        about: "Follows the thread of a message",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<AMessage>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::of::<ThreadState>),
        run: |call, data| Box::pin(follow(call, data, true)),
    },
    Command {
        name: "thread.unfollow",
        about: "Stops following the thread of a message, until you write in it or follow it again",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<AMessage>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::of::<ThreadState>),
        run: |call, data| Box::pin(follow(call, data, false)),
    },
    Command {
        name: "thread.read",
        about: "Moves the read mark of a thread",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<AMessage, NewRead>),
        example: || json!({"message_id": A_MESSAGE, "seq": 7}),
        reply: Reply::Ack(Shape::of::<ThreadState>),
        run: |call, data| Box::pin(read_thread(call, data)),
    },
    Command {
        name: "reaction.add",
        about: "Reacts to a message",
        scope: Some(MESSAGES_WRITE),
        reaches_others: true,
        takes: Some(Shape::of::<OfMessage>),
        example: || json!({"message_id": A_MESSAGE, "emoji": "👍"}),
        reply: Reply::Ack(Shape::of::<Reaction>),
        run: |call, data| Box::pin(react(call, data, true)),
    },
    Command {
        name: "reaction.remove",
        about: "Takes a reaction back",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<OfMessage>),
        example: || json!({"message_id": A_MESSAGE, "emoji": "👍"}),
        reply: Reply::Ack(Shape::of::<Reaction>),
        run: |call, data| Box::pin(react(call, data, false)),
    },
    Command {
        name: "poll.vote",
        about: "Votes in a poll; no options take your vote back",
        scope: Some(MESSAGES_WRITE),
        reaches_others: true,
        takes: Some(Shape::both::<AMessage, NewVote>),
        example: || json!({"message_id": A_MESSAGE, "options": [0]}),
        reply: Reply::Ack(Shape::of::<Voted>),
        run: |call, data| Box::pin(vote(call, data)),
    },
    Command {
        name: "poll.close",
        about: "Closes a poll",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<AMessage>),
        example: || json!({"message_id": A_MESSAGE}),
        reply: Reply::Ack(Shape::of::<Closed>),
        run: |call, data| Box::pin(close_poll(call, data)),
    },
    Command {
        name: "draft.set",
        about: "Keeps what you have begun to write; `null` discards it",
        scope: Some(CHATS_WRITE),
        reaches_others: false,
        takes: Some(Shape::both::<InChat, NewDraft>),
        example: || json!({"chat_id": A_CHAT, "content": "Shall we have"}),
        reply: Reply::Ack(Shape::of::<ChatPreferences>),
        run: |call, data| Box::pin(draft(call, data)),
    },
    Command {
        name: "typing.start",
        about: "Tells the others that you type; repeat it every few seconds",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<InChat>),
        example: || json!({"chat_id": A_CHAT}),
        reply: Reply::Ack(Shape::any),
        run: |call, data| Box::pin(typing(call, data, true)),
    },
    Command {
        name: "typing.stop",
        about: "Tells the others that you have stopped typing",
        scope: Some(MESSAGES_WRITE),
        reaches_others: false,
        takes: Some(Shape::of::<InChat>),
        example: || json!({"chat_id": A_CHAT}),
        reply: Reply::Ack(Shape::any),
        run: |call, data| Box::pin(typing(call, data, false)),
    },
];

const A_CHAT: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
const A_MESSAGE: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";

/// Names a chat.
#[derive(Debug, utoipa::ToSchema)]
struct InChat {
    chat_id: ChatId,
}

impl Input for InChat {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("chat_id").map(|chat_id| Self { chat_id })
    }
}

/// Names a message.
#[derive(Debug, utoipa::ToSchema)]
struct AMessage {
    message_id: MessageId,
}

impl Input for AMessage {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("message_id").map(|message_id| Self { message_id })
    }
}

/// Names a message, and optionally its expected version.
#[derive(Debug, utoipa::ToSchema)]
struct OfVersion {
    message_id: MessageId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `message.stale`.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

impl Input for OfVersion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_id = fields.required("message_id");
        let version = fields.optional("version");
        Some(Self { message_id: message_id?, version: version? })
    }
}

/// Names a scheduled message, and optionally its expected version.
#[derive(Debug, utoipa::ToSchema)]
struct OfScheduled {
    scheduled_message_id: ScheduledId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `scheduled.stale`.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

impl Input for OfScheduled {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (scheduled_message_id, version) = (fields.required("scheduled_message_id"), fields.optional("version"));
        Some(Self { scheduled_message_id: scheduled_message_id?, version: version? })
    }
}

/// An emoji of a message.
#[derive(Debug, utoipa::ToSchema)]
struct OfMessage {
    message_id: MessageId,
    /// A single emoji. Variation selectors may be missing.
    #[schema(value_type = String, min_length = 1, max_length = 16)]
    emoji: Emoji,
}

impl Input for OfMessage {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_id = fields.required("message_id");
        let emoji = fields.required("emoji");
        Some(Self { message_id: message_id?, emoji: emoji? })
    }
}

/// The members of two inputs in one object, so that all errors are reported at once.
struct Both<A, B>(A, B);

impl<A: Input, B: Input> Input for Both<A, B> {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (a, b) = (A::read(fields), B::read(fields));
        Some(Self(a?, b?))
    }
}

async fn send(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewMessage>::from_json_at(data, call.ctx.now)?;
    let store = &call.ports.store;
    if new.send_at.is_some() {
        return done(store.scheduled.schedule(&call.ctx, chat_id, new).await?);
    }
    done(store.messaging.send(&call.ctx, chat_id, new).await?.into_inner())
}

async fn edit_scheduled(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(of, patch) = Both::<OfScheduled, ScheduledPatch>::from_json_at(data, call.ctx.now)?;
    let (id, version) = (of.scheduled_message_id, of.version.map(Into::into));
    done(call.ports.store.scheduled.edit_scheduled(&call.ctx, id, version, patch).await?)
}

async fn cancel_scheduled(call: Call, data: Value) -> Result<Done, Problem> {
    let OfScheduled { scheduled_message_id, version } = OfScheduled::from_json(data)?;
    done(call.ports.store.scheduled.cancel_scheduled(&call.ctx, scheduled_message_id, version.map(Into::into)).await?)
}

async fn edit(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfVersion { message_id, version }, patch) = Both::<_, MessagePatch>::from_json(data)?;
    done(call.ports.store.messaging.edit(&call.ctx, message_id, version.map(Into::into), patch).await?)
}

async fn delete(call: Call, data: Value) -> Result<Done, Problem> {
    let OfVersion { message_id, version } = OfVersion::from_json(data)?;
    done(call.ports.store.messaging.delete(&call.ctx, message_id, version.map(Into::into)).await?)
}

async fn read(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewRead>::from_json(data)?;
    done(call.ports.store.messaging.read(&call.ctx, chat_id, new).await?)
}

async fn delivered(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewRead>::from_json(data)?;
    done(call.ports.store.messaging.delivered(&call.ctx, chat_id, new).await?)
}

async fn forward(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewForward>::from_json(data)?;
    done(call.ports.store.relations.forward(&call.ctx, message_id, new).await?.into_inner())
}

async fn follow(call: Call, data: Value, on: bool) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    let relations = &call.ports.store.relations;
    done(match on {
        true => relations.follow_thread(&call.ctx, message_id).await?,
        false => relations.unfollow_thread(&call.ctx, message_id).await?,
    })
}

async fn read_thread(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewRead>::from_json(data)?;
    done(call.ports.store.relations.read_thread(&call.ctx, message_id, new).await?)
}

async fn react(call: Call, data: Value, on: bool) -> Result<Done, Problem> {
    let OfMessage { message_id, emoji } = OfMessage::from_json(data)?;
    let messaging = &call.ports.store.messaging;
    done(match on {
        true => messaging.react(&call.ctx, message_id, emoji).await?,
        false => messaging.unreact(&call.ctx, message_id, emoji).await?,
    })
}

async fn vote(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewVote>::from_json(data)?;
    done(call.ports.store.polls.vote(&call.ctx, message_id, new).await?)
}

async fn close_poll(call: Call, data: Value) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    done(call.ports.store.polls.close(&call.ctx, message_id).await?)
}

async fn draft(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewDraft>::from_json(data)?;
    done(call.ports.store.chats.set_draft(&call.ctx, chat_id, new).await?)
}

async fn typing(call: Call, data: Value, on: bool) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    let chat = Topic::new(CHAT, chat_id);
    if !call.ports.hub.follows(call.user, chat).await? {
        return Err(CHAT_UNKNOWN.into());
    }
    if !on {
        call.ports.hub.end_signal(call.user, chat, &TYPING);
        return nothing();
    }
    let shown = call.ports.store.messaging.chat(&call.ctx, chat_id).await?;
    if !shown.writable {
        // What is closed is a private chat; elsewhere it is the role that does not allow it.
        return Err(if shown.peer.is_some() { CHAT_CLOSED.into() } else { CHAT_FORBIDDEN.into() });
    }
    // What others see of somebody who is muted would be a way to make noise.
    may_speak(shown.silent_until, call.ctx.now)?;
    let apart = call.ports.store.messaging.apart(&call.ctx, chat_id).await?;
    call.ports.hub.signal(call.user, chat, &TYPING, apart);
    nothing()
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;

    use super::*;

    fn wrong<I: Input>(data: Value) -> Vec<String> {
        match I::from_json(data) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(fields)) => {
                fields.iter().map(|field| format!("{} {}", field.pointer, field.code)).collect()
            }
            Err(other) => vec![other.to_string()],
        }
    }

    /// Errors in the members of both inputs are reported at once.
    #[test]
    fn commands_read_their_data() {
        assert_eq!(wrong::<Both<InChat, NewMessage>>(json!({})).len(), 2);
        assert_eq!(
            wrong::<Both<InChat, NewMessage>>(json!({"chat_id": A_CHAT, "content": "hi"})),
            Vec::<String>::new()
        );
        assert_eq!(wrong::<Both<InChat, NewRead>>(json!({"chat_id": A_CHAT, "seq": -1})).len(), 1);
        assert_eq!(wrong::<Both<OfVersion, MessagePatch>>(json!({"message_id": 7, "version": "x"})).len(), 3);
        assert_eq!(wrong::<OfVersion>(json!([])).len(), 1);
    }
}
