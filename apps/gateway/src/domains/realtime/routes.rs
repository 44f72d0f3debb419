//! The routes of the live channel.

use clowder_accounts::{Ticket, refusals::*};
use clowder_core::{ctx::TOKEN_MISSING, input::Opaque, page::MAX_LIMIT};

use super::REALTIME_CONNECT;
use crate::{
    refusals::{SOCKETS, STREAM_NOT_ACCEPTED, UPGRADE_REQUIRED},
    routes::{Endpoint, get, post},
    ws::{
        self,
        journal::{self, JournalEvents},
        stream,
    },
};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/ws", ws::connect)
            .also("/ws")
            .says("Open a WebSocket; /api/asyncapi.json describes its messages")
            .called("openSocket")
            .by_itself()
            .notes("Upgrades the connection to a WebSocket that speaks `clowder.v1`. Authenticate by a header, by a ticket, by subprotocol, or with the first frame. A socket that does not authenticate within 10 seconds is closed.")
            .public()
            .scope(REALTIME_CONNECT)
            .ignores_others()
            .asks_long("ticket", Opaque::MAX, "One way to authenticate: from POST /api/ws/ticket")
            .asks_long("cursor", Opaque::MAX, "Resume after this event")
            .gives_nothing(101, "The connection now uses the subprotocol clowder.v1")
            .refuses(&[TOKEN_INVALID, TOKEN_EXPIRED, SESSION_ENDED])
            .fails(&[UPGRADE_REQUIRED, SOCKETS]),
        get("/api/stream", stream::open)
            .says("Open a stream of Server-Sent Events, for clients that cannot open a WebSocket")
            .called("openStream")
            .by_itself()
            .notes("The events of the WebSocket: each is one frame in `data`, and those with a cursor have it as `id`. Ask with `Accept: text/event-stream`. Authenticate by a header or by a ticket. `Last-Event-ID` resumes after an event, as `cursor` does, and counts if there are both. The first event is `hello`; the last one is `closed`, with the code and reason that a socket would be closed with. Commands go over REST.")
            .public()
            .scope(REALTIME_CONNECT)
            .asks_long("ticket", Opaque::MAX, "One way to authenticate: from POST /api/ws/ticket")
            .asks_long("cursor", Opaque::MAX, "Resume after this event")
            .gives_text(stream::MEDIA_TYPE, "The stream, which ends only when it is closed")
            .such_as("retry: 2317\n\nid: AQIDBAUGBwgJCgsMDQ4P\ndata: {\"type\":\"hello\",\"at\":\"2026-11-26T12:00:00.000Z\",\"data\":{}}\n\n")
            .refuses(&[TOKEN_MISSING, TOKEN_INVALID, TICKET_INVALID, TOKEN_EXPIRED, SESSION_ENDED])
            .fails(&[STREAM_NOT_ACCEPTED, SOCKETS]),
        get("/api/journal", journal::read)
            .says("Get the events since a cursor, and wait for some if there are none")
            .called("readJournal")
            .by_itself()
            .notes("For clients that can open neither a WebSocket nor a stream: ask without `cursor` to learn where you are, load what you show, then ask again and again with the `cursor` of the last answer.")
            .scope(REALTIME_CONNECT)
            .asks_long("cursor", Opaque::MAX, "The `cursor` of the last answer, or of an event")
            .asks_number("wait", 0, journal::LONGEST_WAIT, "How many seconds to wait if there is nothing yet: 0 when absent. More than 50 counts as 50")
            .asks_number("limit", 1, i64::from(MAX_LIMIT), "How many events at most: 50 when absent. More than 200 counts as 200")
            .waits()
            .gives::<JournalEvents>(200, "The events, and where to go on")
            .fails(&[SOCKETS]),
        post("/api/ws/ticket", ws::ticket)
            .says("Get a ticket for one WebSocket or stream")
            .called("createSocketTicket")
            .by_itself()
            .notes("For clients that cannot set headers, such as browsers. A ticket opens one socket or stream, once.")
            .gives::<Ticket>(201, "Valid for 30 seconds"),
    ]
}
