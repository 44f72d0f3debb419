//! Events of files.

use clowder_media::{
    change::{FileGone, FileTold},
    scopes::FILES_READ,
};
use serde_json::json;

use crate::{
    docs::examples::THING,
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: "file.updated",
        about: "A file of yours has arrived, or has another status. Chats whose messages have it receive `message.updated`",
        scope: Some(FILES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<FileTold>,
        example: || json!({"id": THING, "purpose": "attachment", "status": "ready", "type": "image/jpeg", "size": 48_213}),
    },
    Event {
        name: "file.deleted",
        about: "A file of yours is deleted: by you on one of your devices, or because it was attached to nothing",
        scope: Some(FILES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<FileGone>,
        example: || json!({"id": THING}),
    },
];
