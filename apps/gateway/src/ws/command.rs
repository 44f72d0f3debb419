//! What clients say over a socket: `{"id", "type", "data"}`. The same inputs, port methods and refusals as over REST.

use clowder_accounts::Scope;
use clowder_core::{ChatId, Fields, Input, MessageId, input::Opaque};
use clowder_messaging::{MessagePatch, NewMessage, NewRead};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    problem::Problem,
    refusals::{self, Failure},
};

/// A frame that can be answered.
#[derive(Debug)]
pub struct Request {
    pub id: CommandId,
    pub command: Result<Command, Problem>,
}

/// Comes back in the answer, octet for octet: a string or a number of the client's choice, or `null`.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct CommandId(Box<RawValue>);

impl CommandId {
    /// Of what names no command.
    pub fn none() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    fn read(raw: Option<&RawValue>) -> Result<Self, Failure> {
        let Some(raw) = raw else { return Ok(Self::none()) };
        let text = raw.get();
        let fits = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(text).is_ok_and(|id| id.chars().count() <= MAX_ID),
            Some(b'-' | b'0'..=b'9') => text.len() <= MAX_ID,
            _ => text == "null",
        };
        if fits { Ok(Self(raw.to_owned())) } else { Err(refusals::FRAME_ID) }
    }
}

/// The members of a frame.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default = "no_data")]
    data: Value,
}

fn no_data() -> Value {
    Value::Object(Map::new())
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

/// The longest id of a command, in characters.
const MAX_ID: usize = 128;

impl Request {
    /// Fails for text that is not the JSON of a command, or whose id cannot be given back.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        // An array of the members would do for the reader, but not for us.
        let is_object = text.trim_start().starts_with('{');
        let members = serde_json::from_str(text).ok().filter(|_| is_object);
        let Members { id, kind, data } = members.ok_or(refusals::FRAME_UNPARSABLE)?;
        Ok(Self { id: CommandId::read(id)?, command: Command::parse(&kind, data) })
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
        let access = fields.required::<Opaque>("access");
        let cursor = fields.optional::<Opaque>("cursor");
        Some(Self { access: access?.0, cursor: cursor?.map(|cursor| cursor.0) })
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
    pub of: OfVersion,
    pub patch: MessagePatch,
}

/// Names a message, and perhaps which version of it.
#[derive(Debug, utoipa::ToSchema)]
pub struct OfVersion {
    pub message_id: MessageId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `message.stale`.
    #[schema(minimum = 1)]
    pub version: Option<i64>,
}

impl Input for Edit {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_id = fields.required("message_id");
        let patch = MessagePatch::read(fields);
        let version = fields.optional("version");
        Some(Self { of: OfVersion { message_id: message_id?, version: version? }, patch: patch? })
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
        fields.required("access").map(|Opaque(access)| Self { access })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> String {
        match Request::parse(text) {
            Err(failure) => failure.code.into(),
            Ok(Request { id, command: Ok(_) }) => format!("ok {}", id.0),
            Ok(Request { id, command: Err(problem) }) => format!("{} {}", problem.code, id.0),
        }
    }

    #[test]
    fn frames_are_commands_or_refused() {
        let id = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
        for (text, expected) in [
            ("", "frame.unparsable"),
            ("[]", "frame.unparsable"),
            (r#"["a","ping",{}]"#, "frame.unparsable"),
            ("{}", "frame.unparsable"),
            (r#"{"type":7}"#, "frame.unparsable"),
            (r#"{"type":"ping","id":{}}"#, "frame.id"),
            (r#"{"type":"ping","id":[1]}"#, "frame.id"),
            (r#"{"type":"ping","id":true}"#, "frame.id"),
            (r#"{"type":"ping","id":"\ud800"}"#, "frame.id"),
            (r#"{"type":"ping","id":null}"#, "ok null"),
            // What comes back is what was sent, however it would be read.
            (r#"{"id":18446744073709551617,"type":"ping"}"#, "ok 18446744073709551617"),
            (r#"{"type":"ping","id":-0.10e+2}"#, "ok -0.10e+2"),
            (r#"{"type":"ping","id":"\u00e4/\/"}"#, r#"ok "\u00e4/\/""#),
            (&format!(r#"{{"type":"ping","id":"{}"}}"#, "ä".repeat(128)), &format!("ok \"{}\"", "ä".repeat(128))),
            (&format!(r#"{{"type":"ping","id":"{}"}}"#, "a".repeat(129)), "frame.id"),
            (&format!(r#"{{"type":"ping","id":{}}}"#, "1".repeat(129)), "frame.id"),
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
        assert_eq!(code(&format!("{}1{}", "[".repeat(500), "]".repeat(500))), "frame.unparsable");
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
