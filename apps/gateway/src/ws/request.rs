//! A frame of a client: `{"id", "type", "data"}`.

use clowder_core::input::has_vanishing_number;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::refusals::{self, Failure};

/// A frame that can be answered.
#[derive(Debug)]
pub struct Request {
    pub id: CommandId,
    /// The command, if there is one of that name.
    pub name: String,
    pub data: Value,
}

/// Returned in the answer, octet for octet: a string or number chosen by the client, or `null`.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct CommandId(Box<RawValue>);

impl CommandId {
    /// The id of a frame that names no command.
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
    name: String,
    #[serde(default = "no_data")]
    data: Value,
}

fn no_data() -> Value {
    Value::Object(Map::new())
}

/// The maximum length of a command's id, in characters.
const MAX_ID: usize = 128;

impl Request {
    /// Fails for text that is not the JSON of a command, or whose id is too long.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        // serde would also accept an array of the members, but we don't.
        let is_object = text.trim_start().starts_with('{');
        let members = serde_json::from_str(text).ok().filter(|_| is_object && !has_vanishing_number(text));
        let Members { id, name, data } = members.ok_or(refusals::FRAME_UNPARSABLE)?;
        Ok(Self { id: CommandId::read(id)?, name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> String {
        match Request::parse(text) {
            Err(failure) => failure.code.into(),
            Ok(Request { id, name, .. }) => format!("{name} {}", id.0),
        }
    }

    #[test]
    fn frames_are_commands_or_refused() {
        for (text, expected) in [
            ("", "frame.unparsable"),
            ("[]", "frame.unparsable"),
            (r#"["a","ping",{}]"#, "frame.unparsable"),
            ("{}", "frame.unparsable"),
            (r#"{"type":7}"#, "frame.unparsable"),
            (r#"{"type":"ping","id":{}}"#, "frame.id"),
            (r#"{"type":"ping","id":[1]}"#, "frame.id"),
            (r#"{"type":"ping","id":true}"#, "frame.id"),
            (r#"{"type":"ping","data":{"seq":0.1e-400}}"#, "frame.unparsable"),
            (r#"{"type":"ping","id":"\ud800"}"#, "frame.id"),
            (r#"{"type":"ping","id":null}"#, "ping null"),
            // The id is returned as it was sent, whatever its value.
            (r#"{"id":18446744073709551617,"type":"ping"}"#, "ping 18446744073709551617"),
            (r#"{"type":"ping","id":-0.10e+2}"#, "ping -0.10e+2"),
            (r#"{"type":"ping","id":"\u00e4/\/"}"#, r#"ping "\u00e4/\/""#),
            (&format!(r#"{{"type":"ping","id":"{}"}}"#, "ä".repeat(128)), &format!("ping \"{}\"", "ä".repeat(128))),
            (&format!(r#"{{"type":"ping","id":"{}"}}"#, "a".repeat(129)), "frame.id"),
            (&format!(r#"{{"type":"ping","id":{}}}"#, "1".repeat(129)), "frame.id"),
            (r#"{"type":"ping"}"#, "ping null"),
            (r#"{"type":"ping","id":7}"#, "ping 7"),
            (r#"{"type":"ping","id":"a","data":null}"#, "ping \"a\""),
            // Whether the command exists, and its data, are checked later: the frame itself is valid.
            (r#"{"type":"dance","id":"a","data":[]}"#, "dance \"a\""),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code(&format!("{}1{}", "[".repeat(500), "]".repeat(500))), "frame.unparsable");
    }

    /// Almost JSON: the decoder must survive it and any variation of it.
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
