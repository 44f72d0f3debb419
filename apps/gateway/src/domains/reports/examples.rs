//! What reports and statements look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, CHAT, LATER, THING, card};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Report" => json!({
            "id": THING, "target": {"type": "user", "id": BOB}, "category": "spam",
            "comment": "The same link in every chat", "attachments": [], "status": "open", "resolution": null, "created_at": AT
        }),
        "ModeratedReport" => json!({
            "id": THING, "target": {"type": "message", "id": CHAT}, "category": "spam",
            "comment": "The same link in every chat", "attachments": [THING], "status": "reviewing",
            "reporter": card(ADA, "ada", "Ada Lovelace"), "reported": card(BOB, "bob", "Bob"),
            "assigned": card(THING, "mod", "Moderator"), "decision": null, "appeal": null,
            "evidence": {
                "user": null, "group": null, "pet": null,
                "messages": [{
                    "id": CHAT, "chat_id": THING, "seq": 1, "sender": card(BOB, "bob", "Bob"),
                    "content": "Buy at https://shop.example", "created_at": AT, "edited_at": null,
                    "attachments": [{"id": THING, "name": "offer.jpg", "type": "image/jpeg"}]
                }]
            },
            "created_at": AT, "version": 2
        }),
        "ReportCounts" => json!({"open": 3, "reviewing": 1}),
        "Statement" => json!({
            "id": THING, "target": {"type": "user", "id": BOB}, "category": "spam", "action": "suspend", "until": LATER,
            "reason": "Advertising in strangers' chats", "created_at": AT, "appeal": null
        }),
        _ => return None,
    })
}
