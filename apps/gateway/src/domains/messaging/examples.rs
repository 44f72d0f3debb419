//! What chats and messages look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, CHAT, THING, card, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Chat" => group(),
        "createChat 201" => new_group(),
        "createChat 200" => private(),
        "Message" => message(),
        "Read" => json!({ "chat_id": CHAT, "user_id": ADA, "seq": 17, "at": AT }),
        "Delivered" => json!({ "chat_id": CHAT, "user_id": ADA, "seq": 17, "at": AT }),
        "Receipt" => json!({ "user": card(ADA, "ada", "Ada"), "delivered_at": AT, "read_at": null }),
        "Reaction" => json!({
            "chat_id": CHAT, "message_id": THING, "seq": 17, "user_id": ADA, "emoji": "👍", "count": 3
        }),
        "Reactor" => json!({ "user": card(ADA, "ada", "Ada"), "emoji": "👍", "at": AT }),
        "Deleted" => json!({ "chat_id": CHAT, "message_id": THING, "seq": 17, "deleted_by": BOB, "deleted_at": AT }),
        "Edit" => json!({ "version": 1, "content": "Shall we have lunch?", "written_at": AT }),
        _ => return None,
    })
}

fn group() -> Value {
    json!({
        "id": CHAT, "type": "group", "title": "Lunch", "description": null, "peer": null, "group_id": null,
        "participant_count": 3, "my_role": "owner", "last_message": message(), "last_seq": 17, "read_seq": 16, "unread_count": 1,
        "writable": true, "created_at": AT, "active_at": AT, "version": 1
    })
}

/// Nobody has written in it yet.
fn new_group() -> Value {
    let mut chat = with(group(), "last_message", Value::Null);
    for count in ["last_seq", "read_seq", "unread_count"] {
        chat = with(chat, count, json!(0));
    }
    chat
}

/// Both people own a private chat equally.
fn private() -> Value {
    let mut chat = group();
    for (member, value) in [
        ("type", json!("private")),
        ("title", Value::Null),
        ("peer", card(BOB, "bob", "Bob")),
        ("participant_count", json!(2)),
        ("my_role", json!("member")),
    ] {
        chat = with(chat, member, value);
    }
    chat
}

fn message() -> Value {
    json!({
        "id": THING, "chat_id": CHAT, "seq": 17, "type": "text", "sender": card(BOB, "bob", "Bob"),
        "content": "Shall we have lunch?", "client_id": "phone-42", "status": "sent",
        "reactions": [{ "emoji": "👍", "count": 3, "mine": true }], "created_at": AT, "edited_at": null, "deleted_at": null, "version": 1
    })
}
