//! Responses about signing up and in, profiles, sessions and settings.

use serde_json::{Value, json};

use crate::docs::examples::{ACCESS, ADA, AT, LATER, REFRESH, THING, card, picture, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Card" => card(ADA, "ada", "Ada Lovelace"),
        "Own" => own(),
        "getOwnProfile 200" | "editOwnProfile 200" => whole(),
        "SignedIn" => json!({
            "access": ACCESS, "refresh": REFRESH, "token_type": "Bearer", "expires_in": 600, "user": own()
        }),
        "register 201" => json!({
            "access": ACCESS, "refresh": REFRESH, "token_type": "Bearer", "expires_in": 600, "user": new()
        }),
        "Waiting" => json!({ "next": "confirm_email" }),
        "Session" => json!({
            "id": THING, "name": "kitchen tablet", "agent": "Mozilla/5.0", "address": "192.0.2.7", "created_at": AT,
            "last_used_at": AT, "expires_at": LATER, "current": true
        }),
        "Settings" => json!({
            "language": "en", "time_zone": "Europe/Berlin", "theme": "system",
            "privacy": {
                "last_seen": "everyone", "messages_from": "everyone", "read_receipts": true, "bio": "everyone",
                "details": "friends", "friends_list": "friends", "pets": "everyone", "email": "nobody"
            },
            "notifications": { "about": "all", "push": true, "mail": true }, "version": 1
        }),
        "TokenPair" => json!({ "access": ACCESS, "refresh": REFRESH }),
        "Verified" => json!({}),
        "Registered" => json!({
            "id": ADA, "username": "ada", "email": "ada@example.org", "access": ACCESS, "refresh": REFRESH
        }),
        _ => return None,
    })
}

/// Right after registering.
fn new() -> Value {
    let mut own = own();
    for (member, value) in [
        ("email_verified", json!(false)),
        ("status_text", Value::Null),
        ("pronouns", Value::Null),
        ("location", Value::Null),
        ("links", json!([])),
        ("badges", json!([])),
        ("version", json!(1)),
    ] {
        own = with(own, member, value);
    }
    own
}

/// With what only some calls know.
fn whole() -> Value {
    let known = [
        ("presence", json!("online")),
        ("last_seen_at", json!(AT)),
        ("friends_count", json!(12)),
        ("pets_count", json!(2)),
    ];
    known.into_iter().fold(own(), |own, (member, value)| with(own, member, value))
}

fn own() -> Value {
    json!({
        "id": ADA, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org", "email_verified": true,
        "bio": null, "status_text": "counting", "status_until": null, "pronouns": "she/her", "location": "London",
        "links": [{ "label": "My garden", "url": "https://ada.example/garden", "verified": false }], "badges": ["founder"], "role": "user", "visibility": "public", "two_factor": false,
        "avatar": picture(), "cover": null, "presence": null, "last_seen_at": null, "friendship": null, "friends_count": null,
        "pets_count": null, "suspension": null, "erase_at": null, "created_at": AT, "version": 2
    })
}
