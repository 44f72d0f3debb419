//! The WebSocket itself: how to open one, and what is about it alone.

mod commands;
mod events;
mod examples;
mod routes;

use clowder_core::Scope;
use serde_json::json;

pub use commands::Auth;

use super::{Domain, Rule};

/// The `data` of an event depends on its type.
const RULES: &[Rule] = &[("JournalEvent", |schema| {
    schema["properties"]["data"]["additionalProperties"] = json!(true);
})];

/// Opens a socket.
const REALTIME_CONNECT: Scope =
    Scope::new("realtime:connect", "Open a WebSocket, which delivers the events that the other scopes may read");

pub const DOMAIN: Domain = Domain {
    events: events::EVENTS,
    commands: commands::COMMANDS,
    scopes: &[REALTIME_CONNECT],
    rules: RULES,
    ..Domain::new(
        "Realtime",
        "Open a WebSocket. Its frames are described in `/api/asyncapi.json`.",
        routes::all,
        examples::of,
    )
};
