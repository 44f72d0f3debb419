//! What the server says over a socket: `{"type", "cursor"?, "at", "data"}`.

use bytestring::ByteString;
use clowder_core::{Passing, Recorded, SessionId, Timestamp, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::request::CommandId;
use crate::problem::Body;

/// The first frame of every connection.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Hello {
    /// `null` when an API key opened the socket.
    pub session_id: Option<SessionId>,
    pub user_id: UserId,
    /// The server pings this often, and says `heartbeat` when it has said nothing else for so long; a client that hears
    /// nothing for twice as long should reconnect.
    #[schema(example = 30000)]
    pub heartbeat_ms: u64,
    /// Can be resumed from, like that of any event.
    pub cursor: String,
    /// Whether what was missed follows now.
    pub resumed: bool,
}

/// Nothing else was said for `heartbeat_ms`; the connection is alive.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Heartbeat {}

/// Everything that was missed has been sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Resumed {
    /// How many events that were.
    #[schema(minimum = 0)]
    pub count: usize,
}

/// What was missed cannot be told: reload over REST. Live events follow.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Reset {
    /// `expired`: older than the journal remembers. `unknown`: not a cursor of this user and this server.
    #[schema(example = "expired")]
    pub reason: &'static str,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    at: Timestamp,
    data: T,
}

#[derive(Serialize)]
struct Answered<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a CommandId,
    data: T,
}

/// A frame without cursor.
pub fn said(kind: &str, at: Timestamp, data: impl Serialize) -> ByteString {
    text(&Envelope { kind, at, data })
}

pub fn passing(passing: &Passing) -> ByteString {
    said(passing.name, passing.at, &*passing.data)
}

pub fn ack(id: &CommandId, data: &RawValue) -> ByteString {
    text(&Answered { kind: "ack", id, data })
}

pub fn error(id: &CommandId, problem: &Body<'_>) -> ByteString {
    text(&Answered { kind: "error", id, data: problem })
}

/// A durable event without its end: serialised once, whoever gets it. The end is the cursor, which is personal.
pub struct Durable(String);

impl Durable {
    pub fn new(recorded: &Recorded) -> Self {
        let mut frame =
            serde_json::to_string(&Envelope { kind: &recorded.name, at: recorded.at, data: &*recorded.data })
                .unwrap_or_default();
        // The closing brace comes back after the cursor.
        frame.pop();
        frame.push_str(",\"cursor\":\"");
        Self(frame)
    }

    pub fn with(&self, cursor: &str) -> ByteString {
        let mut frame = String::with_capacity(self.0.len() + cursor.len() + 2);
        frame.push_str(&self.0);
        frame.push_str(cursor);
        frame.push_str("\"}");
        frame.into()
    }
}

fn text(frame: &impl Serialize) -> ByteString {
    serde_json::to_string(frame).unwrap_or_default().into()
}
