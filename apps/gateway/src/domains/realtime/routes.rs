//! The routes of the WebSocket.

use clowder_accounts::{Ticket, refusals::*};
use clowder_core::input::Opaque;

use super::REALTIME_CONNECT;
use crate::{
    refusals::{SOCKETS, UPGRADE_REQUIRED},
    routes::{Endpoint, get, post},
    ws,
};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/ws", ws::connect)
            .also("/ws")
            .says("Open a WebSocket; /api/asyncapi.json describes its messages")
            .called("openSocket")
            .notes("Upgrades the connection to a WebSocket that speaks `clowder.v1`. Authenticate by a header, by a ticket, by subprotocol, or with the first frame. A socket that does not authenticate within 10 seconds is closed.")
            .public()
            .scope(REALTIME_CONNECT)
            .ignores_others()
            .asks_long("ticket", Opaque::MAX, "One way to authenticate: from POST /api/ws/ticket")
            .asks_long("cursor", Opaque::MAX, "Resume after this event")
            .gives_nothing(101, "The connection now uses the subprotocol clowder.v1")
            .refuses(&[TOKEN_INVALID, TOKEN_EXPIRED, SESSION_ENDED])
            .fails(&[UPGRADE_REQUIRED, SOCKETS]),
        post("/api/ws/ticket", ws::ticket)
            .says("Get a ticket for one WebSocket")
            .called("createSocketTicket")
            .notes("For clients that cannot set headers, such as browsers. A ticket opens one socket, once.")
            .gives::<Ticket>(201, "Valid for 30 seconds"),
    ]
}
