//! The AsyncAPI 3.0 document of the WebSocket. Every schema has a name, for code generators.

use serde_json::{Map, Value, json};

use crate::{
    docs::openapi::schemas,
    grants,
    public_url::PublicUrl,
    routes::{Components, Shape},
    ws::{self, Close, Kind, Reply},
};

const DESCRIPTION: &str = "Text frames of JSON. A client opens a connection with the subprotocol `clowder.v1`, and \
    resumes from the last `cursor` that it has seen.\n\n\
    A client authenticates in one of these ways: the `Authorization` header; an API key in `X-API-Key`; the \
    subprotocol `bearer.<access token>`, offered beside `clowder.v1`, which the server selects; `?ticket=` from POST \
    /api/ws/ticket; or the first frame, `auth`, within 10 seconds. A token in the URL is not read.\n\n\
    A token or key in a header that is refused is an HTTP 401; a key without `realtime:connect` and a suspended \
    account are a 403. Pages cannot see the status, so for an invalid token in the subprotocol, an invalid ticket, \
    `bearer.…` offered alone or a token in the URL, the socket opens and is closed at once, with 4001 and a reason. \
    After too many wrong tickets from one address the code is 4008, with the seconds to wait (up to 60). A ticket has \
    at most 4,096 characters. `x-close-codes` of the channel lists all codes with their reasons, and says after which \
    to reconnect.\n\n\
    The server pings every `heartbeat_ms` of `hello`, and sends `heartbeat` to every socket that got nothing else for \
    that long, because pages cannot see pings. A client that receives nothing for twice as long should reconnect and \
    resume.\n\n\
    New versions add members to frames and new types of events, without notice: clients must ignore members and types \
    that they do not know, and still keep the `cursor` of an unknown event. The server ignores unknown members of \
    commands; a command of an unknown type is answered with an `error` `frame.unknown`.\n\n\
    A command may be sent without `id`; its answer then has `id: null`. `auth` as the first frame is answered with \
    `hello`, or by closing the socket; later it is an `error` `frame.unexpected`. Every other command is answered with \
    one `ack` or `error`.\n\n\
    A frame has at most 128 KiB (16 KiB before `hello`), and a socket accepts 300 frames a second: the next one closes it with 4008, after \
    earlier ones have been answered. Keep at most 50 commands unanswered. A command costs what a request does, and a \
    unit more for each further 16 KiB of its frame: beyond that, an `error` with `rate.limited`.";

/// The host is empty if `public` is not set.
pub fn asyncapi(public: &PublicUrl) -> Value {
    let mut written = Written::default();
    for event in ws::events() {
        let (members, example): (&[_], _) = match event.kind {
            Kind::Durable => (&["at", "cursor"], json!({ "at": AT, "cursor": CURSOR })),
            Kind::Passing | Kind::Socket => (&["at"], json!({ "at": AT })),
            Kind::Refusal => (&["id"], json!({ "id": ID })),
        };
        let mut described = described(event.name, event.about, example, (event.example)());
        described["description"] = json!(heard(event));
        if event.kind == Kind::Refusal {
            described["correlationId"] = correlation();
        }
        let shape = (event.shape)().framed(event.name, members);
        written.message(event.name.to_owned(), &format!("{}Event", title_case(event.name)), described, &shape);
    }
    for command in ws::commands() {
        let shape = command.takes.map_or_else(Shape::any, |takes| takes());
        let mut described = described(command.name, command.about, json!({ "id": ID }), (command.example)());
        if let Some(scope) = command.scope {
            described["description"] = json!(format!("API keys need the scope `{}`.", scope.word));
        }
        described["correlationId"] = correlation();
        let name = title_case(command.name);
        let shape = shape.commanding(command.name, command.takes.is_some());
        written.message(command_key(command.name), &format!("{name}Command"), described, &shape);
        if let Reply::Ack(shape) = command.reply {
            let about = format!("`{}` was carried out", command.name);
            // The example of its data follows, when all schemas have theirs.
            let mut ack = self::described("ack", &about, json!({ "id": ID }), json!({}));
            ack["title"] = json!(format!("ack of {}", command.name));
            ack["correlationId"] = correlation();
            written.message(ack_key(command.name), &format!("{name}Ack"), ack, &shape().framed("ack", &["id"]));
        }
    }
    let channel = channel(&written.messages);
    let (messages, schemas) = written.finish();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Clowder over WebSocket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT" }
        },
        "defaultContentType": "application/json",
        "servers": { "main": server(public) },
        "channels": { "socket": channel },
        "operations": operations(),
        "components": { "messages": messages, "schemas": schemas, "securitySchemes": security_schemes() }
    })
}

const AT: &str = "2026-11-26T12:00:00.000Z";
const CURSOR: &str = "AQIDBAUGBwgJCgsMDQ4P";
const ID: u32 = 1;

/// The messages so far, and the schemas that they reference.
#[derive(Default)]
struct Written {
    messages: Map<String, Value>,
    components: Components,
    /// Schemas of whole frames, and of `data` without a type of its own.
    frames: Map<String, Value>,
}

impl Written {
    /// `name` is the schema name of the frame.
    fn message(&mut self, key: String, name: &str, mut message: Value, shape: &Shape) {
        shape.collect_into(&mut self.components);
        let mut frame = shape.schema().clone();
        let members = &mut frame["properties"];
        if members["data"] == *Shape::any().schema() {
            members["data"] = schema_reference("Empty");
        } else if members["data"].get("$ref").is_none() {
            // `MessageSendCommand` has `MessageSendData`.
            let data = format!("{}Data", name.trim_end_matches("Command").trim_end_matches("Event"));
            let schema = std::mem::replace(&mut members["data"], schema_reference(&data));
            self.frames.insert(data, schema);
        }
        for (member, schema) in [("id", "CommandId"), ("at", "Timestamp")] {
            if let Some(plain) = members.get_mut(member) {
                *plain = schema_reference(schema);
            }
        }
        message["payload"] = schema_reference(name);
        self.frames.insert(name.to_owned(), frame);
        self.messages.insert(key, message);
    }

    /// All messages and all schemas.
    fn finish(mut self) -> (Value, Value) {
        let inputs: Vec<_> = ws::commands().filter_map(|command| command.takes).map(|takes| takes()).collect();
        schemas::complete(&mut self.components, inputs.iter().map(Shape::schema), grants::scopes());
        for command in ws::commands() {
            if let Reply::Ack(shape) = command.reply
                && let Some(example) = self.components.example(shape().schema())
                && let Some(ack) = self.messages.get_mut(&ack_key(command.name))
            {
                ack["examples"][0]["payload"]["data"] = example;
            }
        }
        let mut schemas = self.components.into_value();
        if let Some(schemas) = schemas.as_object_mut() {
            schemas.extend(self.frames);
            let empty = json!({
                "type": "object", "properties": {}, "additionalProperties": true, "description": "It has no members yet."
            });
            schemas.insert("Empty".to_owned(), empty);
            let id = json!({
                "type": ["string", "number", "null"], "maxLength": 128,
                "description": "Chosen by the client; the answer to a command has the same."
            });
            schemas.insert("CommandId".to_owned(), id);
        }
        (self.messages.into(), schemas)
    }
}

fn server(public: &PublicUrl) -> Value {
    let protocol = if public.scheme() == "https" { "wss" } else { "ws" };
    let ways = ["bearer", "api_key", "subprotocol", "ticket"];
    let ways = ways.map(|way| json!({ "$ref": format!("#/components/securitySchemes/{way}") }));
    let mut server = json!({
        "host": public.authority(), "protocol": protocol, "security": ways,
        "description": "Without any of these, the first frame must be `auth`."
    });
    if !public.path().is_empty() {
        server["pathname"] = json!(public.path());
    }
    server
}

fn security_schemes() -> Value {
    let key = |name: &str, place: &str, says: &str| json!({ "type": "httpApiKey", "name": name, "in": place, "description": says });
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "For programs: the access token in `Authorization`"
        },
        "api_key": key("X-API-Key", "header", "For programs"),
        "subprotocol":
            key("Sec-WebSocket-Protocol", "header", "For pages: `clowder.v1, bearer.<access token>`; `clowder.v1` is answered"),
        "ticket": key("ticket", "query", "From POST /api/ws/ticket; valid once, for 30 seconds")
    })
}

fn channel(messages: &Map<String, Value>) -> Value {
    let all: Map<_, _> = messages.keys().map(|key| (key.clone(), reference("components", key))).collect();
    let text = |says: &str, example: &str| json!({ "type": "string", "maxLength": 4096, "description": says, "examples": [example] });
    let query = json!({
        "type": "object",
        "properties": {
            "ticket": text("Authenticates the connection, once: from POST /api/ws/ticket, valid for 30 seconds.", "v4mVb0yEo0XQ2m8rY3nq7w"),
            "cursor": text(
                "Resumes after the event that had it. Leave it out on the first connection: an empty one is answered \
                 with `reset`.",
                CURSOR
            )
        }
    });
    let headers = json!({
        "type": "object",
        "properties": {
            "Sec-WebSocket-Protocol": {
                "type": "string", "description": "`clowder.v1`, and for pages `bearer.<access token>` beside it.",
                "examples": ["clowder.v1, bearer.eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmVk"]
            }
        }
    });
    json!({
        "address": "/api/ws",
        "summary": "The one socket of a client; `/ws` is the same",
        "messages": all,
        "bindings": { "ws": { "method": "GET", "query": query, "headers": headers, "bindingVersion": "0.1.0" } },
        "x-close-codes": close_codes()
    })
}

fn close_codes() -> Value {
    let row = |close: &Close| {
        let (reconnect, to_do) = close.reconnect();
        json!({ "code": close.code(), "reason": close.says(), "reconnect": reconnect.word(), "what_to_do": to_do })
    };
    Close::ALL.iter().map(row).collect()
}

/// One operation per command with its answers, and one for everything that the server sends by itself.
fn operations() -> Value {
    let here = |key: &str| reference("channels/socket", key);
    let socket = json!({ "$ref": "#/channels/socket" });
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
    let said: Vec<_> = ws::events().map(|event| here(event.name)).collect();
    operations.insert(
        "events".to_owned(),
        json!({ "action": "send", "channel": socket, "summary": "What the server sends", "messages": said }),
    );
    operations.into()
}

/// Who receives an event, and whether it is replayed.
fn heard(event: &ws::Event) -> String {
    let replayed = match event.kind {
        Kind::Durable => "Durable: it has a `cursor`, and is replayed to clients that resume.",
        Kind::Passing => "Transient: sent to connected clients, and never replayed.",
        Kind::Socket => return "About this connection alone.".to_owned(),
        Kind::Refusal => return "The answer to a command; `id` says to which.".to_owned(),
    };
    match event.scope {
        Some(scope) => format!("{replayed} API keys receive it with the scope `{}`.", scope.word),
        None => format!("{replayed} API keys do not receive it."),
    }
}

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

fn reference(base: &str, key: &str) -> Value {
    json!({ "$ref": format!("#/{base}/messages/{key}") })
}

fn schema_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// `message.sent` as generators name types: `MessageSent`.
fn title_case(name: &str) -> String {
    let words = name.split(['.', '_']);
    let title = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    words.map(|word| -> String { title(word) }).collect()
}

/// Component keys may contain dots; the prefix separates commands from events of the same name.
fn command_key(name: &str) -> String {
    format!("client.{name}")
}

fn ack_key(name: &str) -> String {
    format!("ack.{name}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Objects, unions and enumerations nested in a schema, for which a generator would have to invent names.
    fn anonymous(schema: &Value, path: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    let nullable = value
                        .get("oneOf")
                        .and_then(Value::as_array)
                        .is_some_and(|either| either.len() == 2 && either.contains(&json!({ "type": "null" })));
                    let complex = ["properties", "oneOf", "anyOf", "allOf", "enum"];
                    if !nullable && key != "properties" && complex.iter().any(|word| value.get(word).is_some()) {
                        found.push(format!("{path}/{key}"));
                    }
                    anonymous(value, &format!("{path}/{key}"), found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| anonymous(item, path, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_has_a_name_of_its_own() {
        let document = asyncapi(&PublicUrl::default());
        let mut found = Vec::new();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            anonymous(schema, name, &mut found);
        }
        assert_eq!(found, Vec::<String>::new());
        let messages = document["components"]["messages"].as_object().unwrap();
        let payloads: BTreeSet<_> = messages.values().map(|message| message["payload"]["$ref"].as_str()).collect();
        assert_eq!(payloads.len(), messages.len(), "each frame has a schema");
        assert!(payloads.iter().all(Option::is_some));
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (key, frame) in [("message.sent", "MessageSentEvent"), ("client.typing.start", "TypingStartCommand")] {
            assert_eq!(messages[key]["payload"], schema_reference(frame));
            let name = messages[key]["name"].as_str().unwrap();
            assert_eq!(schemas[frame]["properties"]["type"]["const"], name, "no other type has this name");
        }
        for name in payloads.iter().flatten().map(|name| name.rsplit('/').next().unwrap()) {
            assert!(schemas[name]["properties"]["type"]["const"].is_string(), "{name} is the schema of a frame");
        }
    }

    #[test]
    fn a_close_says_whether_to_come_again() {
        let document = asyncapi(&PublicUrl::default());
        for row in document["channels"]["socket"]["x-close-codes"].as_array().unwrap() {
            assert!(["yes", "no", "when"].contains(&row["reconnect"].as_str().unwrap()), "{row}");
            assert!(row["what_to_do"].as_str().is_some_and(|words| !words.is_empty()), "{row}");
        }
    }
}
