//! Events of chats and messages.

use clowder_messaging::scopes::{CHATS_READ, MESSAGES_READ};
use clowder_messaging::{
    Chat, Deleted, Delivered, Message, Reaction, Read, Typing,
    change::{ChatDeleted, ParticipantRemoved},
};
use serde_json::{Value, json};

use crate::{
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: "chat.created",
        about: "You are now in a new chat",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Chat>,
        example: || {
            json!({
                "id": CHAT, "type": "group", "title": "Lunch", "description": null, "peer": null, "group_id": null,
                "my_role": "member",
                "participant_count": 3, "last_message": null, "last_seq": 0, "read_seq": 0, "unread_count": 0,
                "writable": true, "created_at": AT, "active_at": AT, "version": 1
            })
        },
    },
    Event {
        name: "chat.updated",
        about: "Something about a chat of yours changed, such as whether messages can be sent. `last_message` is always `null` here: messages have events of their own",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Chat>,
        example: || {
            json!({
                "id": CHAT, "type": "private", "title": null, "description": null,
                "peer": { "id": ADA, "username": "ada", "display_name": "Ada" }, "group_id": null,
                "my_role": "member",
                "participant_count": 2, "last_message": null, "last_seq": 0, "read_seq": 0, "unread_count": 0,
                "writable": false, "created_at": AT, "active_at": AT, "version": 2
            })
        },
    },
    Event {
        name: "chat.deleted",
        about: "A chat that you were in has been deleted",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ChatDeleted>,
        example: || json!({"chat_id": CHAT}),
    },
    Event {
        name: "participant.removed",
        about: "You are no longer in a chat",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ParticipantRemoved>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "removed_by": ADA}),
    },
    Event {
        name: "message.sent",
        about: "Somebody sent a message",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Message>,
        example: || message("Shall we have lunch?", Value::Null, 1),
    },
    Event {
        name: "message.updated",
        about: "A message was edited",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Message>,
        example: || message("Shall we have dinner?", json!("2026-11-26T12:01:00.000Z"), 2),
    },
    Event {
        name: "message.deleted",
        about: "A message was deleted",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Deleted>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "deleted_by": ADA, "deleted_at": AT}),
    },
    Event {
        name: "message.read",
        about: "Somebody has read a chat up to this message. In chats of more than 256 people only the reader receives this",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Read>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "seq": 7, "at": AT}),
    },
    Event {
        name: "message.delivered",
        about: "Messages of yours have arrived at a device of somebody, all up to this one. Sent only to those who wrote them, and not in chats of more than 256 people. What somebody has read has also arrived",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Delivered>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "seq": 7, "at": AT}),
    },
    Event {
        name: "reaction.added",
        about: "Somebody has reacted to a message",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Reaction>,
        example: || reaction(3),
    },
    Event {
        name: "reaction.removed",
        about: "Somebody has taken a reaction back. Deleting a message removes its reactions without this event",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Reaction>,
        example: || reaction(2),
    },
    Event {
        name: "typing.start",
        about: "Somebody is typing. If no other `typing.start` follows within 6 seconds, the server sends `typing.stop`. At most one typing event per person and chat every 2 seconds",
        scope: Some(CHATS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<Typing>,
        example: typing,
    },
    Event {
        name: "typing.stop",
        about: "Somebody has stopped typing; may be up to 2 seconds late",
        scope: Some(CHATS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<Typing>,
        example: typing,
    },
];

const CHAT: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
const MESSAGE: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";
const ADA: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d12";
const AT: &str = "2026-11-26T12:00:00.000Z";

fn message(content: &str, edited_at: Value, version: i64) -> Value {
    json!({
        "id": MESSAGE, "chat_id": CHAT, "seq": 7, "type": "text",
        "sender": {"id": ADA, "username": "ada", "display_name": "Ada Lovelace"}, "content": content, "status": "sent",
        "client_id": "phone-42", "reactions": [], "created_at": AT, "edited_at": edited_at, "deleted_at": null, "version": version
    })
}

fn reaction(count: u32) -> Value {
    json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "user_id": ADA, "emoji": "👍", "count": count})
}

fn typing() -> Value {
    json!({"chat_id": CHAT, "user_id": ADA})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let expected = [
            ("chat.created", Some(CHATS_READ)),
            ("chat.updated", Some(CHATS_READ)),
            ("chat.deleted", Some(CHATS_READ)),
            ("participant.removed", Some(CHATS_READ)),
            ("message.sent", Some(MESSAGES_READ)),
            ("message.updated", Some(MESSAGES_READ)),
            ("message.deleted", Some(MESSAGES_READ)),
            ("message.read", Some(MESSAGES_READ)),
            ("message.delivered", Some(MESSAGES_READ)),
            ("reaction.added", Some(MESSAGES_READ)),
            ("reaction.removed", Some(MESSAGES_READ)),
            ("typing.start", Some(CHATS_READ)),
            ("typing.stop", Some(CHATS_READ)),
        ];
        are_heard_by(EVENTS, &expected);
    }
}
