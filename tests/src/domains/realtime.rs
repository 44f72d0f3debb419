//! The live channel: a client may say who it is in the first frame.

use super::{Domain, Reasons};

pub const DOMAIN: Domain = Domain { open: OPEN, people: PEOPLE, not_sent: NOT_SENT, ..Domain::new("Realtime") };

const OPEN: Reasons = &[
    ("GET /api/ws", "a client may say who it is in the first frame"),
    ("GET /ws", "the same by its short name"),
    ("GET /api/stream", "a page has a ticket instead of a header"),
];

const PEOPLE: Reasons = &[("POST /api/ws/ticket", "a program can set a header")];

const NOT_SENT: Reasons = &[("openSocket", "it opens a socket"), ("openStream", "it never ends")];
