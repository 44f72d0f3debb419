//! The AsyncAPI 3.0 document of the WebSocket.

use serde_json::{Map, Value, json};

use crate::{
    public_url::PublicUrl,
    routes::{Components, Shape},
    ws::{self, Close, Kind, Reply},
};

const DESCRIPTION: &str = "Text frames of JSON. A connection is opened with the subprotocol `clowder.v1`, and is resumed \
    from the last `cursor` that was seen.\n\n\
    Who opens it is said in one of these ways: the `Authorization` header; an API key in `X-API-Key`; the subprotocol \
    `bearer.<access token>`, offered beside `clowder.v1`, which alone is answered; `?ticket=` from POST /api/ws/ticket; or \
    the first frame, `auth`, within 10 seconds. A token in the address is not read.\n\n\
    A token or key in a header that is refused is an HTTP 401; a key without `realtime:connect` and a suspended account are a \
    403. A page sees no status: for a bad token by subprotocol, a bad \
    ticket, `bearer.…` offered alone and a token in the address the socket opens and is closed at once, with 4001 and a \
    reason. After too many wrong tickets from one address it is 4008, with the seconds to wait (up to 60). A ticket has at \
    most 4,096 characters. `x-close-codes` of the channel lists all codes with their reasons.\n\n\
    The server pings every `heartbeat_ms` of `hello`, and says `heartbeat` to every socket that has heard nothing else for \
    so long, since pages hear no pings. A client that hears nothing for twice as long should reconnect and resume.\n\n\
    New versions add members to frames and new types of events, without notice: clients must ignore members and types that \
    they do not know, and still keep the `cursor` of an unknown event. The server ignores unknown members of commands; a \
    command of an unknown type is answered with an `error` `frame.unknown`.\n\n\
    A command may be sent without `id`; its answer then has `id: null`. `auth` as the first frame is answered with `hello`, or by \
    closing the socket; later it is an `error` `frame.unexpected`. Every other command is answered with one `ack` or `error`.\n\n\
    A frame has at most 128 KiB, and a socket takes 300 frames a second: the next one closes it with 4008, after those before \
    it have been answered. Keep at most 50 commands unanswered. A command costs what a request does: beyond that, an `error` \
    with `rate.limited`.";

fn close_codes() -> Value {
    Close::ALL.iter().map(|close| json!({ "code": close.code(), "reason": close.says() })).collect()
}

fn security_schemes() -> Value {
    let key = |name: &str, place: &str, says: &str| json!({ "type": "httpApiKey", "name": name, "in": place, "description": says });
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        "api_key": key("X-API-Key", "header", "For programs"),
        "subprotocol":
            key("Sec-WebSocket-Protocol", "header", "For pages: `clowder.v1, bearer.<access token>`; `clowder.v1` is answered"),
        "ticket": key("ticket", "query", "From POST /api/ws/ticket; good once and for 30 seconds")
    })
}

/// The host is empty when `public` is not set.
pub fn asyncapi(public: &PublicUrl) -> Value {
    let mut components = Components::default();
    let mut messages = Map::new();
    let mut message = |key: String, mut message: Value, shape: &Shape| {
        shape.collect_into(&mut components);
        message["payload"] = shape.schema().clone();
        messages.insert(key, message);
    };
    for event in ws::events() {
        let (members, example): (&[_], _) = match event.kind {
            Kind::Durable => (&["at", "cursor"], json!({ "at": AT, "cursor": CURSOR })),
            Kind::Passing | Kind::Socket => (&["at"], json!({ "at": AT })),
            Kind::Refusal => (&["id"], json!({ "id": ID })),
        };
        let mut described = described(event.name, event.about, example, (event.example)());
        if event.kind == Kind::Refusal {
            described["correlationId"] = correlation();
        }
        message(event.name.to_owned(), described, &(event.shape)().framed(event.name, members));
    }
    for command in ws::commands() {
        let shape = command.takes.map_or_else(Shape::any, |takes| takes());
        let mut described = described(command.name, command.about, json!({ "id": ID }), (command.example)());
        described["correlationId"] = correlation();
        message(command_key(command.name), described, &shape.commanding(command.name, command.takes.is_some()));
        if let Reply::Ack(shape) = command.reply {
            let described = json!({
                "name": "ack",
                "title": format!("ack of {}", command.name),
                "summary": format!("`{}` was carried out", command.name),
                "correlationId": correlation(),
            });
            message(ack_key(command.name), described, &shape().framed("ack", &["id"]));
        }
    }
    let protocol = if public.scheme() == "https" { "wss" } else { "ws" };
    let ways = ["bearer", "api_key", "subprotocol", "ticket"];
    let ways = ways.map(|way| json!({ "$ref": format!("#/components/securitySchemes/{way}") }));
    let mut server = json!({ "host": public.authority(), "protocol": protocol, "security": ways });
    if !public.path().is_empty() {
        server["pathname"] = json!(public.path());
    }
    let reference = |base: &str, key: &str| json!({ "$ref": format!("#/{base}/messages/{key}") });
    let here = |key: &str| reference("channels/socket", key);
    let all: Map<_, _> = messages.keys().map(|key| (key.clone(), reference("components", key))).collect();
    let socket = json!({ "$ref": "#/channels/socket" });
    let said: Vec<_> = ws::events().map(|event| here(event.name)).collect();
    let mut operations = Map::new();
    for command in ws::commands() {
        let answer = match command.reply {
            Reply::Ack(_) => ack_key(command.name),
            Reply::Event(name) => name.to_owned(),
        };
        let operation = json!({
            "action": "receive", "channel": socket, "summary": command.about,
            "messages": [here(&command_key(command.name))],
            "reply": { "channel": socket, "messages": [here(&answer), here("error")] }
        });
        operations.insert(command.name.to_owned(), operation);
    }
    operations.insert(
        "events".to_owned(),
        json!({ "action": "send", "channel": socket, "summary": "What the server says", "messages": said }),
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Clowder over WebSocket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT" }
        },
        "defaultContentType": "application/json",
        "servers": { "main": server },
        "channels": { "socket": { "address": "/api/ws", "messages": all, "x-close-codes": close_codes() } },
        "operations": operations,
        "components": { "messages": messages, "schemas": components.into_value(), "securitySchemes": security_schemes() }
    })
}

const AT: &str = "2026-11-26T12:00:00.000Z";
const CURSOR: &str = "AQIDBAUGBwgJCgsMDQ4P";
const ID: &str = "1";

/// A message with an example of the whole frame: its `type`, some members and its `data`.
fn described(name: &str, about: &str, members: Value, data: Value) -> Value {
    let mut example = members;
    example["type"] = json!(name);
    example["data"] = data;
    json!({ "name": name, "summary": about, "examples": [{ "payload": example }] })
}

fn correlation() -> Value {
    json!({ "location": "$message.payload#/id" })
}

/// Keys of components may hold dots; the prefix tells apart what both sides can say.
fn command_key(name: &str) -> String {
    format!("client.{name}")
}

fn ack_key(name: &str) -> String {
    format!("ack.{name}")
}
