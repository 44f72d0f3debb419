//! What clients say over a socket: `{"id", "type", "data"}`. The same inputs, port methods and refusals as over REST.

use clowder_accounts::Scope;
use clowder_core::{ChatId, Fields, Input, MessageId};
use clowder_messaging::{MessagePatch, NewMessage, NewRead};
use serde_json::{Map, Value};

use crate::{problem::Problem, refusals};

/// A frame that can be answered.
#[derive(Debug)]
pub struct Request {
    /// Comes back in the answer: a string or a number of the client's choice, or `null`.
    pub id: Value,
    pub command: Result<Command, Problem>,
}

#[derive(Debug)]
pub enum Command {
    Auth(Auth),
    Send(Send),
    Edit(Edit),
    Delete(OfMessage),
    Read(Read),
    TypingStart(InChat),
    TypingStop(InChat),
    Renew(Renew),
    Ping,
}

/// The longest id of a command.
const MAX_ID: usize = 128;

impl Request {
    /// `None` for text that is not the JSON of a command.
    pub fn parse(text: &str) -> Option<Self> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(text) else { return None };
        let id = members.remove("id").unwrap_or_default();
        match &id {
            Value::Null | Value::Number(_) => {}
            Value::String(id) if id.len() <= MAX_ID => {}
            _ => return None,
        }
        let Some(Value::String(kind)) = members.remove("type") else { return None };
        let data = members.remove("data").unwrap_or(Value::Object(Map::new()));
        Some(Self { id, command: Command::parse(&kind, data) })
    }
}

/// Which scope opens which command to API keys.
pub const COMMAND_SCOPES: &[(&str, Scope)] = &[
    ("message.send", Scope::MessagesWrite),
    ("message.edit", Scope::MessagesWrite),
    ("message.delete", Scope::MessagesWrite),
    ("message.read", Scope::MessagesWrite),
    ("typing.start", Scope::MessagesWrite),
    ("typing.stop", Scope::MessagesWrite),
];

impl Command {
    const fn name(&self) -> &'static str {
        match self {
            Self::Auth(_) => "auth",
            Self::Send(_) => "message.send",
            Self::Edit(_) => "message.edit",
            Self::Delete(_) => "message.delete",
            Self::Read(_) => "message.read",
            Self::TypingStart(_) => "typing.start",
            Self::TypingStop(_) => "typing.stop",
            Self::Renew(_) => "token.renew",
            Self::Ping => "ping",
        }
    }

    /// What opens it to API keys; commands about the socket itself need nothing.
    pub fn scope(&self) -> Option<Scope> {
        COMMAND_SCOPES.iter().find(|(name, _)| *name == self.name()).map(|(_, scope)| *scope)
    }

    fn parse(kind: &str, data: Value) -> Result<Self, Problem> {
        Ok(match kind {
            "auth" => Self::Auth(Auth::from_json(data)?),
            "message.send" => Self::Send(Send::from_json(data)?),
            "message.edit" => Self::Edit(Edit::from_json(data)?),
            "message.delete" => Self::Delete(OfMessage::from_json(data)?),
            "message.read" => Self::Read(Read::from_json(data)?),
            "typing.start" => Self::TypingStart(InChat::from_json(data)?),
            "typing.stop" => Self::TypingStop(InChat::from_json(data)?),
            "token.renew" => Self::Renew(Renew::from_json(data)?),
            "ping" => Self::Ping,
            _ => return Err(Problem::new(refusals::FRAME_UNKNOWN)),
        })
    }
}

/// The first frame of a connection that was opened without a token.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = AuthCommand)]
pub struct Auth {
    pub access: String,
    /// Resumes from here.
    pub cursor: Option<String>,
}

impl Input for Auth {
    fn read(fields: &mut Fields) -> Option<Self> {
        let access = fields.required("access");
        let cursor = fields.optional("cursor");
        Some(Self { access: access?, cursor: cursor? })
    }
}

#[derive(Debug)]
pub struct Send {
    pub chat_id: ChatId,
    pub new: NewMessage,
}

impl Input for Send {
    fn read(fields: &mut Fields) -> Option<Self> {
        let chat_id = fields.required("chat_id");
        let new = NewMessage::read(fields);
        Some(Self { chat_id: chat_id?, new: new? })
    }
}

#[derive(Debug)]
pub struct Edit {
    pub message_id: MessageId,
    pub patch: MessagePatch,
    /// Like `If-Match`: the version that was seen.
    pub version: Option<i64>,
}

impl Input for Edit {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_id = fields.required("message_id");
        let patch = MessagePatch::read(fields);
        let version = fields.optional("version");
        Some(Self { message_id: message_id?, patch: patch?, version: version? })
    }
}

/// Names a message.
#[derive(Debug, utoipa::ToSchema)]
pub struct OfMessage {
    pub message_id: MessageId,
}

impl Input for OfMessage {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("message_id").map(|message_id| Self { message_id })
    }
}

#[derive(Debug)]
pub struct Read {
    pub chat_id: ChatId,
    pub new: NewRead,
}

impl Input for Read {
    fn read(fields: &mut Fields) -> Option<Self> {
        let chat_id = fields.required("chat_id");
        let new = NewRead::read(fields);
        Some(Self { chat_id: chat_id?, new: new? })
    }
}

/// Names a chat.
#[derive(Debug, utoipa::ToSchema)]
pub struct InChat {
    pub chat_id: ChatId,
}

impl Input for InChat {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("chat_id").map(|chat_id| Self { chat_id })
    }
}

/// A fresh access token of the same session, before the old one expires.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = RenewCommand)]
pub struct Renew {
    pub access: String,
}

impl Input for Renew {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("access").map(|access| Self { access })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> String {
        match Request::parse(text) {
            None => "not a command".into(),
            Some(Request { id, command: Ok(_) }) => format!("ok {id}"),
            Some(Request { id, command: Err(problem) }) => format!("{} {id}", problem.code),
        }
    }

    #[test]
    fn frames_are_commands_or_refused() {
        let id = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
        for (text, expected) in [
            ("", "not a command"),
            ("[]", "not a command"),
            ("{}", "not a command"),
            (r#"{"type":7}"#, "not a command"),
            (r#"{"type":"ping","id":{}}"#, "not a command"),
            (r#"{"type":"ping"}"#, "ok null"),
            (r#"{"type":"ping","id":7}"#, "ok 7"),
            (r#"{"type":"ping","id":"a","data":null}"#, "ok \"a\""),
            (r#"{"type":"dance","id":"a"}"#, "frame.unknown \"a\""),
            (r#"{"type":"message.send","id":"a"}"#, "input.invalid \"a\""),
            (r#"{"type":"message.send","id":"a","data":[]}"#, "input.invalid \"a\""),
            (&format!(r#"{{"type":"message.send","id":"a","data":{{"chat_id":"{id}","content":"hi"}}}}"#), "ok \"a\""),
            (
                &format!(r#"{{"type":"message.read","id":"a","data":{{"chat_id":"{id}","seq":-1}}}}"#),
                "input.invalid \"a\"",
            ),
            (&format!(r#"{{"type":"message.edit","data":{{"message_id":"{id}","content":"x"}}}}"#), "ok null"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code(&format!("{}1{}", "[".repeat(500), "]".repeat(500))), "not a command");
    }

    /// Something like JSON: the decoder must survive it and everything near it.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just(r#"{"type":"message.send","id":"#.to_owned()),
            Just(r#""data":{"chat_id":"01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10","content":"#.to_owned()),
            Just("{\"".to_owned()),
            Just("}".to_owned()),
            Just("[".to_owned()),
            Just(",".to_owned()),
            Just(":".to_owned()),
            Just("\"type\"".to_owned()),
            Just("\\u0000".to_owned()),
            Just("1e999".to_owned()),
            any::<String>(),
            any::<i64>().prop_map(|n| n.to_string()),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_text_makes_the_decoder_panic(text in nearly_json()) {
            let _ = Request::parse(&text);
        }

        #[test]
        fn no_octets_make_the_decoder_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::parse(&String::from_utf8_lossy(&octets));
        }
    }
}
