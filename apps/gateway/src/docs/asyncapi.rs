//! The AsyncAPI 3.0 document of the WebSocket.

use serde_json::{Map, Value, json};

use crate::routes::{Components, Shape};

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    FromServer,
    FromClient,
}

/// One kind of frame.
pub struct Frame {
    /// Its `type`: `message.sent`.
    pub name: &'static str,
    pub direction: Direction,
    pub summary: &'static str,
    /// The whole frame, envelope included.
    pub schema: Shape,
}

pub fn asyncapi(frames: &[Frame], public_url: &str) -> Value {
    let mut components = Components::default();
    let mut messages = Map::new();
    for frame in frames {
        frame.schema.collect_into(&mut components);
        let message = json!({ "name": frame.name, "summary": frame.summary, "payload": frame.schema.schema() });
        messages.insert(key(frame), message);
    }
    let (protocol, host) = match public_url.split_once("://") {
        Some(("https", host)) => ("wss", host),
        Some((_, host)) => ("ws", host),
        None => ("ws", "localhost:8080"),
    };
    let reference = |base: &str, frame: &Frame| json!({ "$ref": format!("#/{base}/messages/{}", key(frame)) });
    let all: Map<_, _> = frames.iter().map(|frame| (key(frame), reference("components", frame))).collect();
    let said = |direction| {
        let said = frames.iter().filter(|frame| frame.direction == direction);
        said.map(|frame| reference("channels/socket", frame)).collect::<Vec<_>>()
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Clowder over WebSocket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Text frames of JSON. A connection is opened with the subprotocol `clowder.v1`, and is \
                            resumed from the last `cursor` that was seen. A frame has at most 128 KiB, a socket \
                            takes 300 frames a second, and a command costs what a request does: beyond that, \
                            an `error` with `rate.limited`.",
            "license": { "name": "MIT" }
        },
        "defaultContentType": "application/json",
        "servers": { "main": { "host": host, "protocol": protocol } },
        "channels": { "socket": { "address": "/api/ws", "messages": all } },
        "operations": {
            "receive": {
                "action": "receive", "channel": { "$ref": "#/channels/socket" },
                "summary": "What the server hears",
                "messages": said(Direction::FromClient)
            },
            "send": {
                "action": "send", "channel": { "$ref": "#/channels/socket" },
                "summary": "What the server says",
                "messages": said(Direction::FromServer)
            }
        },
        "components": { "messages": messages, "schemas": components.into_value() }
    })
}

/// Keys of components may hold dots; the direction tells apart what both sides can say.
fn key(frame: &Frame) -> String {
    match frame.direction {
        Direction::FromServer => frame.name.to_owned(),
        Direction::FromClient => format!("client.{}", frame.name),
    }
}
