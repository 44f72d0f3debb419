//! An example of everything that is answered, by the name of its schema, gathered from all domains, and what they have in
//! common. A test holds each against its schema and against what the server answers. Inputs have theirs beside their type.

use clowder_core::Picture;
use serde_json::{Value, json};

use crate::domains::DOMAINS;

pub const ADA: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
pub const BOB: &str = "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3";
pub const CHAT: &str = "01993c52-0c3e-7a19-b6d0-1f6a2e9c4b85";
pub const THING: &str = "01993c53-5f70-7d44-a2b8-90e1c3d7f562";
pub const AT: &str = "2026-11-26T18:04:05.678Z";
pub const LATER: &str = "2026-12-26T18:04:05.678Z";
pub const ACCESS: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.9v3Jc0mJ1m2pQ0rV6uXy8Zb4c7d1e5f9g2h3i6j0k4l";
pub const REFRESH: &str = "q0Jm3vXk2cYwzN1sT5bq7gA9d4Lr8uEo";

/// The example of the schema with this name, or of a response that differs from it: `createChat 200`, by the operation's
/// id. Inputs are elsewhere.
pub fn of(name: &str) -> Option<Value> {
    DOMAINS.iter().find_map(|domain| (domain.examples)(name))
}

pub fn with(mut thing: Value, member: &str, value: Value) -> Value {
    thing[member] = value;
    thing
}

/// A picture of a person or a thing.
pub fn picture() -> Value {
    json!(THING.parse().map(Picture::of).ok())
}

pub fn card(id: &str, username: &str, display_name: &str) -> Value {
    json!({ "id": id, "username": username, "display_name": display_name, "avatar": null })
}
