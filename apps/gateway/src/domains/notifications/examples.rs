//! What notifications look like.

use clowder_core::Word;
use clowder_notifications::{Chosen, Defaults, NotificationType, Reason};
use serde_json::{Value, json};

use crate::docs::examples::{AT, BOB, CHAT, THING, card, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Notification" => notification(),
        "UnreadCount" => json!({ "unread_count": 3 }),
        "NotificationPreferences" => preferences(),
        _ => return None,
    })
}

pub fn notification() -> Value {
    let kind = NotificationType::MessageMention.as_str();
    json!({
        "id": THING, "type": kind, "title": "Bob mentioned you in Lunch",
        "body": "@ada, are you coming?", "actor": card(BOB, "bob", "Bob"),
        "target": { "type": "message", "id": THING },
        "data": {
            "chat_id": CHAT, "message_id": THING, "seq": 42, "reason": Reason::Mentioned.as_str(),
            "stop": ["chat", "preferences", "mute", "block"]
        },
        "group_key": format!("{kind}:{CHAT}"), "count": 1,
        "reason": "A message names you. To hear less of it, mute the chat or choose its level of notifications.",
        "created_at": AT, "seen_at": null, "read_at": null
    })
}

fn preferences() -> Value {
    let shown = json!(Chosen::default().shown(Defaults { push: true, mail: false }));
    with(shown, "quiet_hours", json!({ "from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin" }))
}
