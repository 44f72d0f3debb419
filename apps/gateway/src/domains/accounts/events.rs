//! Events of accounts: sent to their owners, and `user.deleted` to those who share a chat with them.

use clowder_accounts::{
    ApiKey, Own, Suspension,
    change::{ApiKeyRevoked, SessionEnded},
    model::Settings,
    scopes::PROFILE_READ,
};
use clowder_core::Card;
use clowder_messaging::scopes::CHATS_READ;
use serde_json::{Value, json};

use crate::{
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: "user.registered",
        about: "Your account was created",
        scope: Some(PROFILE_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Card>,
        example: || card("ada", "Ada Lovelace"),
    },
    Event {
        name: "user.updated",
        about: "Your profile, role or suspension has changed",
        scope: Some(PROFILE_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Own>,
        example: || {
            json!({
                "id": ADA, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org",
                "email_verified": true, "bio": null, "status_text": "at the engine", "status_until": null,
                "pronouns": "she/her", "location": null, "links": [], "badges": [], "role": "user",
                "visibility": "public", "two_factor": false, "avatar": null, "cover": null, "presence": null,
                "last_seen_at": null, "friendship": null, "friends_count": null, "pets_count": null, "suspension": null,
                "erase_at": null, "created_at": AT,
                "version": 2
            })
        },
    },
    Event {
        name: "user.deleted",
        about: "Somebody in one of your chats was deleted; the card says how to show them",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Card>,
        example: || card("deleted-01993c4e", "Deleted user"),
    },
    Event {
        name: "user.suspended",
        about: "Your account was suspended; the socket closes",
        scope: None,
        kind: Kind::Durable,
        shape: Shape::of::<Suspension>,
        example: || json!({"reason": "advertising in strangers' chats", "until": null}),
    },
    Event {
        name: "session.ended",
        about: "One of your devices was signed out",
        scope: None,
        kind: Kind::Durable,
        shape: Shape::of::<SessionEnded>,
        example: || json!({"session_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d11", "ended_at": AT}),
    },
    Event {
        name: "settings.updated",
        about: "You changed your settings, on whichever device",
        scope: Some(PROFILE_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Settings>,
        example: || {
            json!({
                "language": "en", "time_zone": "Europe/Berlin", "theme": "system",
                "privacy": {
                    "last_seen": "friends", "messages_from": "everyone", "read_receipts": true, "bio": "everyone",
                    "details": "everyone", "friends_list": "friends", "pets": "everyone", "email": "nobody"
                },
                "notifications": {"about": "all", "push": true, "mail": false}, "version": 2
            })
        },
    },
    Event {
        name: "api_key.created",
        about: "You created an API key",
        scope: None,
        kind: Kind::Durable,
        shape: Shape::of::<ApiKey>,
        example: || {
            json!({
                "id": KEY, "name": "nightly report", "prefix": "clw_09rXvyQRvHpJFBbvX1tkKT", "scopes": ["chats:read"],
                "expires_at": null, "last_used_at": null, "created_at": AT
            })
        },
    },
    Event {
        name: "api_key.revoked",
        about: "One of your API keys was revoked",
        scope: None,
        kind: Kind::Durable,
        shape: Shape::of::<ApiKeyRevoked>,
        example: || json!({"api_key_id": KEY, "revoked_at": AT}),
    },
];

const ADA: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d12";
const KEY: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d14";
const AT: &str = "2026-11-26T12:00:00.000Z";

fn card(username: &str, display_name: &str) -> Value {
    json!({"id": ADA, "username": username, "display_name": display_name, "avatar": null})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let expected = [
            ("user.registered", Some(PROFILE_READ)),
            ("user.updated", Some(PROFILE_READ)),
            ("user.deleted", Some(CHATS_READ)),
            ("user.suspended", None),
            ("session.ended", None),
            ("settings.updated", Some(PROFILE_READ)),
            ("api_key.created", None),
            ("api_key.revoked", None),
        ];
        are_heard_by(EVENTS, &expected);
    }
}
