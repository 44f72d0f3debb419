//! Frames that the server sends over a socket: `{"type", "cursor"?, "at", "data"}`.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use bytestring::ByteString;
use clowder_core::{Passing, Recorded, SessionId, Timestamp, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    arrivals,
    close::{Close, Reconnect},
    cursor::{Packed, Sealer},
    request::CommandId,
};
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

/// The server sent nothing else for `heartbeat_ms`; the connection is alive.
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
    /// `expired`: older than the journal remembers. `unknown`: not a cursor of this server, or a
    /// backup was restored since. `too_many`: more was missed than a socket or stream is sent.
    #[schema(value_type = ResetReason)]
    pub reason: &'static str,
}

/// Why events cannot be replayed.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the words are passed on as they are; this describes them")]
pub enum ResetReason {
    Expired,
    TooMany,
    Unknown,
}

/// The last event of a stream, which has no close frame.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Closed {
    /// As when a socket is closed.
    #[schema(example = 4004, minimum = 1000, maximum = 4999)]
    pub code: u16,
    #[schema(example = "the access token has expired; refresh and resume")]
    pub reason: Cow<'static, str>,
    /// `yes`: reconnect with the last cursor. `when`: first do what `what_to_do` says. `no`: the same would happen again.
    pub reconnect: Reconnect,
    #[schema(example = "Refresh the access token, then reconnect and resume")]
    pub what_to_do: &'static str,
}

impl From<Close> for Closed {
    fn from(close: Close) -> Self {
        let (reconnect, what_to_do) = close.reconnect();
        Self { code: close.code(), reason: close.says(), reconnect, what_to_do }
    }
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

/// A frame waiting in the queue of a socket.
#[derive(Clone)]
pub enum Outgoing {
    Text(ByteString),
    /// Shared by all recipients.
    Durable(Arc<Durable>),
    /// The same with a message that its recipient hides.
    Hidden(Arc<Durable>),
}

impl Outgoing {
    /// The size of the frame, in octets.
    pub fn len(&self) -> usize {
        self.text().len()
    }

    /// Whether it has a cursor.
    pub fn is_durable(&self) -> bool {
        self.durable().is_some()
    }

    pub fn durable(&self) -> Option<&Arc<Durable>> {
        match self {
            Self::Text(_) => None,
            Self::Durable(durable) | Self::Hidden(durable) => Some(durable),
        }
    }

    /// The same with a cursor from which `missed` and all that comes after it are replayed.
    pub fn resuming_at(self, missed: &Durable) -> Self {
        let before = |it: Arc<Durable>| {
            let Recorded { stream, position, .. } = *missed.recorded;
            let packed = missed.packed.before(stream, position);
            Arc::new(Durable::new(Arc::clone(&it.recorded), packed, it.sealer.clone()))
        };
        match self {
            Self::Text(text) => Self::Text(text),
            Self::Durable(durable) => Self::Durable(before(durable)),
            Self::Hidden(durable) => Self::Hidden(before(durable)),
        }
    }

    /// Whether both are events of one moment on one topic, and so of one decision.
    pub fn is_told_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Durable(one), Self::Durable(other)) => {
                one.recorded.topic == other.recorded.topic && one.recorded.at == other.recorded.at
            }
            _ => false,
        }
    }

    pub fn text(&self) -> &ByteString {
        match self {
            Self::Text(text) => text,
            Self::Durable(durable) => durable.text(),
            Self::Hidden(durable) => durable.hidden(),
        }
    }
}

/// A durable event: serialised when the first socket needs it, and stored once for all recipients.
pub struct Durable {
    recorded: Arc<Recorded>,
    /// The positions in its cursor.
    packed: Packed,
    sealer: Sealer,
    /// The frame.
    text: OnceLock<ByteString>,
    /// The frame for those who hide its sender.
    hidden: OnceLock<ByteString>,
    /// Its number, if it is to arrive.
    number: OnceLock<Option<i64>>,
}

/// Between the data and the cursor.
const CURSOR: &str = ",\"cursor\":\"";
/// The frame after the cursor.
const END: &str = "\"}";
/// The last member of a message that its recipient hides.
const HIDDEN: &str = ",\"hidden\":true";

impl Durable {
    /// `packed` contains the positions up to the event.
    pub fn new(recorded: Arc<Recorded>, packed: Packed, sealer: Sealer) -> Self {
        Self { recorded, packed, sealer, text: OnceLock::new(), hidden: OnceLock::new(), number: OnceLock::new() }
    }

    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// Its number, if somebody wants to know that it has arrived at this user. What they have caused has not arrived from
    /// others.
    pub fn arrives(&self, user: UserId) -> Option<i64> {
        let others = self.recorded.actor != Some(user);
        others.then(|| *self.number.get_or_init(|| arrivals::number(&self.recorded))).flatten()
    }

    pub fn text(&self) -> &ByteString {
        self.text.get_or_init(|| {
            let Recorded { name, at, data, .. } = &*self.recorded;
            let mut frame = serde_json::to_string(&Envelope { kind: name, at: *at, data: &**data }).unwrap_or_default();
            // The closing brace is added after the cursor.
            frame.pop();
            [CURSOR, &self.sealer.seal(&self.packed), END].iter().for_each(|part| frame.push_str(part));
            frame.into()
        })
    }

    /// The same for those who hide its sender.
    pub fn hidden(&self) -> &ByteString {
        self.hidden.get_or_init(|| {
            let text = self.text();
            match text.rsplit_once(CURSOR).and_then(|(told, cursor)| Some((told.strip_suffix('}')?, cursor))) {
                Some((told, cursor)) => [told, HIDDEN, "}", CURSOR, cursor].concat().into(),
                None => text.clone(),
            }
        })
    }
}

/// The cursor in the text of a durable event or of `hello`. Within the texts of others, quotation marks are escaped.
pub fn cursor(frame: &str) -> Option<&str> {
    let (_, rest) = frame.rsplit_once(CURSOR)?;
    rest.split_once('"').map(|(cursor, _)| cursor)
}

fn text(frame: &impl Serialize) -> ByteString {
    serde_json::to_string(frame).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Positions, Topic};
    use clowder_infra::keys::Keys;
    use serde_json::{Value, json, value::to_raw_value};
    use uuid::Uuid;

    use super::*;
    use crate::ws::cursor::Place;

    #[test]
    fn what_somebody_hides_is_marked_for_them_alone() {
        let user = UserId::new(Timestamp::from_micros(1));
        let message = json!({"content": "},\"cursor\":\"", "seq": 1});
        let recorded = Recorded {
            stream: 0,
            position: 1,
            topic: Topic::user(user),
            name: "message.sent".into(),
            actor: Some(Id::new(Timestamp::from_micros(2))),
            subject: None,
            follow: None,
            seq: None,
            at: Timestamp::from_micros(3),
            data: to_raw_value(&message).unwrap().into(),
        };
        let packed = Place::new(Uuid::nil(), Positions::new(vec![1])).pack();
        let durable = Arc::new(Durable::new(Arc::new(recorded), packed, Sealer::new(&Keys::new("secret"))));
        for (outgoing, hidden) in
            [(Outgoing::Durable(Arc::clone(&durable)), Value::Null), (Outgoing::Hidden(durable), json!(true))]
        {
            let text = outgoing.text();
            assert_eq!(text.as_ptr(), outgoing.clone().text().as_ptr(), "written once, for all recipients");
            let frame: Value = serde_json::from_str(text).unwrap();
            assert_eq!((&frame["data"]["hidden"], &frame["data"]["content"]), (&hidden, &message["content"]));
            assert_eq!(frame["cursor"].as_str(), cursor(text));
            assert!(frame["cursor"].is_string());
        }
    }
}
