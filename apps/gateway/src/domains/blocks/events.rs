//! Events of blocks and mutes.

use clowder_core::{Recorded, UserId};
use clowder_social::{Block, Mute, blocks::change::Ended, blocks::scopes::BLOCKS_READ};
use serde_json::json;

use crate::{
    docs::examples::{AT, BOB, LATER, card},
    routes::Shape,
    ws::{Event, Kind},
};

/// Whose messages a change of blocks makes its owner hide, or show again.
pub fn hides(recorded: &Recorded) -> Option<(UserId, bool)> {
    let data = recorded.data.get();
    match &*recorded.name {
        "block.added" => {
            serde_json::from_str(data).ok().map(|Block { user, hide_messages, .. }| (user.id, hide_messages))
        }
        "block.removed" => serde_json::from_str(data).ok().map(|Ended { user_id }| (user_id, false)),
        _ => None,
    }
}

pub const EVENTS: &[Event] = &[
    Event {
        name: "block.added",
        about: "You blocked somebody, or changed the block, on one of your devices",
        scope: Some(BLOCKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Block>,
        example: || json!({"user": card(BOB, "bob", "Bob"), "hide_messages": false, "since": AT}),
    },
    Event {
        name: "block.removed",
        about: "You ended a block on one of your devices",
        scope: Some(BLOCKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Ended>,
        example: || json!({"user_id": BOB}),
    },
    Event {
        name: "mute.added",
        about: "You muted somebody, or changed when the mute ends, on one of your devices",
        scope: Some(BLOCKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Mute>,
        example: || json!({"user": card(BOB, "bob", "Bob"), "since": AT, "until": LATER}),
    },
    Event {
        name: "mute.removed",
        about: "You ended a mute on one of your devices. A mute that ends by itself is not announced",
        scope: Some(BLOCKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Ended>,
        example: || json!({"user_id": BOB}),
    },
];
