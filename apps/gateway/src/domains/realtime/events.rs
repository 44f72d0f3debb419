//! Events about the socket itself.

use serde_json::json;

use crate::{
    problem::Body,
    routes::Shape,
    ws::{
        Event, Kind,
        frame::{Closed, Heartbeat, Hello, Reset, Resumed},
    },
};

pub const EVENTS: &[Event] = &[
    Event {
        name: "hello",
        about: "The first frame of every connection",
        scope: None,
        kind: Kind::Socket,
        shape: Shape::of::<Hello>,
        example: || {
            json!({
                "session_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d11",
                "user_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d12",
                "heartbeat_ms": 30_000,
                "cursor": "AQIDBAUGBwgJCgsMDQ4P",
                "resumed": false
            })
        },
    },
    Event {
        name: "resumed",
        about: "The server has sent everything that was missed",
        scope: None,
        kind: Kind::Socket,
        shape: Shape::of::<Resumed>,
        example: || json!({"count": 3}),
    },
    Event {
        name: "reset",
        about: "The server cannot send what was missed; reload over REST",
        scope: None,
        kind: Kind::Socket,
        shape: Shape::of::<Reset>,
        example: || json!({"reason": "expired"}),
    },
    Event {
        name: "heartbeat",
        about: "The server sent nothing else for `heartbeat_ms`; the connection is alive",
        scope: None,
        kind: Kind::Socket,
        shape: Shape::of::<Heartbeat>,
        example: || json!({}),
    },
    Event {
        name: "closed",
        about: "The last event of a stream (`GET /api/stream`); sockets have a close frame instead",
        scope: None,
        kind: Kind::Socket,
        shape: Shape::of::<Closed>,
        example: || {
            json!({
                "code": 4004,
                "reason": "the access token has expired; refresh and resume",
                "reconnect": "when",
                "what_to_do": "Refresh the access token, then reconnect and resume"
            })
        },
    },
    Event {
        name: "error",
        about: "A command was refused; `data` is the problem",
        scope: None,
        kind: Kind::Refusal,
        shape: Shape::of::<Body<'_>>,
        example: || {
            json!({
                "type": "/api/problems#chat.unknown",
                "title": "There is no such chat, or you are not in it",
                "status": 404,
                "detail": "There is no such chat, or you are not in it",
                "instance": "/api/ws",
                "code": "chat.unknown",
                "request_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d13",
                "errors": []
            })
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// No scope is needed: these events are about the socket itself.
    #[test]
    fn none_is_told_to_others() {
        assert!(EVENTS.iter().all(|event| event.scope.is_none()));
        assert!(EVENTS.iter().all(|event| matches!(event.kind, Kind::Socket | Kind::Refusal)));
    }
}
