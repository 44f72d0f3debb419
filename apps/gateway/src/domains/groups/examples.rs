//! What groups look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, CHAT, LATER, THING, card, picture, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Group" => group("owner", json!(CHAT)),
        "joinGroup 201" | "joinGroup 200" | "joinGroupByCode 201" | "joinGroupByCode 200" => {
            group("member", json!(CHAT))
        }
        "joinGroup 202" => group("pending", Value::Null),
        "GroupMember" => {
            json!({ "user": card(BOB, "bob", "Bob"), "status": "member", "role": "moderator", "since": AT, "reason": null,
                    "invited_by": null })
        }
        "OwnGroupInvitation" => json!({
            "group": group("invited", Value::Null), "invited_by": card(ADA, "ada", "Ada Lovelace"), "since": AT
        }),
        "GroupDeletion" => json!({ "group_id": THING, "status": "running", "progress": 0.25 }),
        "GroupPreview" => json!({
            "group_id": THING, "name": "Gardeners of the north side", "description": "Seeds and advice",
            "visibility": "closed", "member_count": 12, "my_role": "none", "expires_at": LATER
        }),
        "GroupInvite" => link(),
        "GroupInvited" => json!({ "user_ids": [], "link": link(), "code": "q0Jm3vXk2cYwzN1sT5bq7g" }),
        _ => return None,
    })
}

fn group(my_role: &str, chat: Value) -> Value {
    let group = json!({
        "id": THING, "name": "Gardeners of the north side", "description": "Seeds and advice", "rules": "Be kind.",
        "visibility": "closed", "avatar": picture(), "cover": null, "owner_id": ADA, "member_count": 12,
        "my_role": my_role, "created_at": AT, "version": 1
    });
    with(group, "chat_id", chat)
}

fn link() -> Value {
    json!({
        "id": THING, "group_id": THING, "created_by": ADA, "max_uses": 20, "uses": 0, "created_at": AT,
        "expires_at": LATER, "revoked_at": null
    })
}
