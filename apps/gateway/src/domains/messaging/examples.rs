//! What chats and messages look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, CHAT, THING, card};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Chat" => json!({
            "id": CHAT, "type": "group", "title": "Lunch", "description": null, "peer": null, "participant_count": 3,
            "my_role": "owner", "last_message": message(), "last_seq": 17, "read_seq": 16, "unread_count": 1,
            "created_at": AT, "active_at": AT, "version": 1
        }),
        "Message" => message(),
        "Read" => json!({ "chat_id": CHAT, "user_id": ADA, "seq": 17, "at": AT }),
        "Deleted" => json!({ "chat_id": CHAT, "message_id": THING, "seq": 17, "deleted_by": BOB, "deleted_at": AT }),
        "Edit" => json!({ "version": 1, "content": "Shall we have lunch?", "written_at": AT }),
        _ => return None,
    })
}

fn message() -> Value {
    json!({
        "id": THING, "chat_id": CHAT, "seq": 17, "type": "text", "sender": card(BOB, "bob", "Bob"),
        "content": "Shall we have lunch?", "client_id": "phone-42", "status": "sent", "created_at": AT,
        "edited_at": null, "deleted_at": null, "version": 1
    })
}
