//! Events of friends.

use clowder_social::{
    FriendRequest,
    friends::{
        change::{Added, Removed},
        scopes::FRIENDS_READ,
    },
};
use serde_json::json;

use crate::{
    docs::examples::{ADA, AT, BOB, THING, card},
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: "friend_request",
        about: "A friend request from you or to you was made, accepted, rejected or cancelled, or has expired; `status` says which",
        scope: Some(FRIENDS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<FriendRequest>,
        example: || {
            json!({
                "id": THING, "from": card(BOB, "bob", "Bob"), "to": card(ADA, "ada", "Ada Lovelace"),
                "message": "We met at the conference", "status": "pending", "created_at": AT, "decided_at": null
            })
        },
    },
    Event {
        name: "friend.added",
        about: "You have a new friend; the `friend_request` with the status `accepted` comes before it",
        scope: Some(FRIENDS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Added>,
        example: || json!({"user": card(BOB, "bob", "Bob")}),
    },
    Event {
        name: "friend.removed",
        about: "You and this person are no longer friends",
        scope: Some(FRIENDS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Removed>,
        example: || json!({"user_id": BOB}),
    },
];
