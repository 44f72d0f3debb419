//! The WebSocket itself: how to open one, and what is about it alone.

mod commands;
mod events;
mod examples;
mod routes;

use clowder_core::Scope;

pub use commands::Auth;

use super::Domain;

/// Opens a socket.
const REALTIME_CONNECT: Scope =
    Scope::new("realtime:connect", "Open a WebSocket, which delivers the events that the other scopes may read");

pub const DOMAIN: Domain = Domain {
    events: events::EVENTS,
    commands: commands::COMMANDS,
    scopes: &[REALTIME_CONNECT],
    ..Domain::new(
        "Realtime",
        "Open a WebSocket. Its frames are described in `/api/asyncapi.json`.",
        routes::all,
        examples::of,
    )
};
