//! A frame of a client: `{"id", "type", "data"}`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{parse, problem::Problem, refusals};

/// A frame that can be answered.
#[derive(Debug)]
pub struct Request {
    pub id: CommandId,
    /// The command, if there is one of that name.
    pub name: String,
    pub data: Data,
}

/// The `data` of a command. It is not parsed before the command has been charged for.
#[derive(Debug)]
pub struct Data {
    raw: Option<Box<RawValue>>,
    /// The size of the whole frame.
    octets: usize,
}

/// Each unit of the rate limit pays for so many octets of a frame.
const OCTETS_PER_UNIT: usize = 16 << 10;

impl Data {
    /// How many units the frame costs.
    pub fn units(&self) -> u32 {
        u32::try_from(self.octets.div_ceil(OCTETS_PER_UNIT)).unwrap_or(u32::MAX).max(1)
    }

    /// What it says. A frame without data has an empty object.
    pub async fn parse(self) -> Result<Value, Problem> {
        let Some(raw) = self.raw else { return Ok(Value::Object(Map::new())) };
        let text: Box<str> = raw.into();
        let parsed = parse::json(Octets(text)).await;
        parsed.map_err(|error| unparsable(format!("`data` contains something that cannot be decoded: {error}")))
    }
}

fn unparsable(detail: String) -> Problem {
    Problem::new(refusals::FRAME_UNPARSABLE).because(detail)
}

struct Octets(Box<str>);

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
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

    fn read(raw: Option<&RawValue>) -> Result<Self, Problem> {
        let Some(raw) = raw else { return Ok(Self::none()) };
        let text = raw.get();
        let fits = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(text).is_ok_and(|id| id.chars().count() <= MAX_ID),
            Some(b'-' | b'0'..=b'9') => text.len() <= MAX_ID,
            _ => text == "null",
        };
        if fits { Ok(Self(raw.to_owned())) } else { Err(Problem::new(refusals::FRAME_ID)) }
    }
}

/// The members of a frame.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(rename = "type")]
    name: String,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// `null` is not the same as nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The maximum length of a command's id, in characters.
const MAX_ID: usize = 128;

impl Request {
    /// Fails for text that is not the JSON of a command, or whose id is too long. What its `data` says is not looked at.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        // serde would also accept an array of the members, but we don't.
        if !text.trim_start().starts_with('{') {
            return Err(Problem::new(refusals::FRAME_UNPARSABLE));
        }
        let members = serde_json::from_str(text);
        let members = members.map_err(|error| unparsable(format!("The frame is not a command: {error}")));
        let Members { id, name, data } = members?;
        let data = Data { raw: data.map(ToOwned::to_owned), octets: text.len() };
        Ok(Self { id: CommandId::read(id)?, name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::problem::Occasion;

    /// The code and the detail.
    fn told(problem: &Problem) -> (String, String) {
        let body = problem.body(Occasion { base: "", path: "/api/ws", request_id: "" });
        (body.code.to_owned(), body.detail.into_owned())
    }

    fn code(text: &str) -> String {
        match Request::parse(text) {
            Err(problem) => told(&problem).0,
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

    /// What is wrong with it, of which the title says nothing.
    #[tokio::test]
    async fn the_detail_says_what_is_wrong() {
        for (text, expected) in [
            (r#"{"id":9,"id":10,"type":"ping"}"#, "duplicate field `id`"),
            (r#"{"id":3,"type":"message.send","data":{"chat_id":}}"#, "expected value"),
            (r#"{"id":3}"#, "missing field `type`"),
        ] {
            let (code, detail) = told(&Request::parse(text).unwrap_err());
            assert!(code == "frame.unparsable" && detail.contains(expected), "{text}: {code}, {detail}");
        }
        let request = Request::parse(r#"{"id":3,"type":"ping","data":{"text":"\ud800"}}"#).unwrap();
        let (_, detail) = told(&request.data.parse().await.unwrap_err());
        assert!(detail.starts_with("`data` contains"), "{detail}");
    }

    #[tokio::test]
    async fn data_is_parsed_when_it_is_its_turn() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        for (data, expected) in [
            ("", Ok("{}")),
            (r#","data":null"#, Ok("null")),
            (r#","data":[1]"#, Ok("[1]")),
            (r#","data":{"seq": 5}"#, Ok(r#"{"seq":5}"#)),
            (r#","data":{"seq":0.1e-400}"#, Err("frame.unparsable")),
            (r#","data":{"seq":1e400}"#, Err("frame.unparsable")),
            (r#","data":{"text":"\ud800"}"#, Err("frame.unparsable")),
            (&format!(r#","data":{deep}"#), Err("frame.unparsable")),
        ] {
            let request = Request::parse(&format!(r#"{{"type":"ping"{data}}}"#)).unwrap();
            let parsed = request.data.parse().await.map(|data| data.to_string()).map_err(|problem| told(&problem).0);
            assert_eq!(parsed, expected.map(str::to_owned).map_err(str::to_owned), "{data}");
        }
    }

    #[test]
    fn a_frame_costs_as_much_as_it_is_large() {
        for (octets, units) in [(22, 1), (16_384, 1), (16_385, 2), (131_072, 8)] {
            let text = format!(r#"{{"type":"p","data":"{}"}}"#, "x".repeat(octets - 22));
            let request = Request::parse(&text).unwrap();
            assert_eq!((text.len(), request.data.units()), (octets, units));
        }
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
