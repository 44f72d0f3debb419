//! Tables of how a file is taken apart, and of what is taken of it.

use clowder_core::UserId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

/// The parts of a document, whatever pieces it arrives in.
fn split(text: &[u8]) -> Result<Vec<Part>, Broken> {
    let whole = in_pieces(text, text.len().max(1));
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(in_pieces(text, size), whole, "in pieces of {size}");
    }
    whole
}

fn in_pieces(text: &[u8], size: usize) -> Result<Vec<Part>, Broken> {
    let (mut splitter, mut parts) = (Splitter::default(), Vec::new());
    for piece in text.chunks(size) {
        splitter.feed(piece, &mut parts)?;
    }
    splitter.end().map(|()| parts)
}

fn member(name: &str, value: &str) -> Part {
    Part::Member(name.to_owned(), value.as_bytes().to_vec())
}

fn item(value: &str) -> Part {
    Part::Message(Some(value.as_bytes().to_vec()))
}

#[test]
fn documents_are_taken_apart() {
    for (text, parts) in [
        ("{}", vec![]),
        (" {\n} \n", vec![]),
        (r#"{"a":1}"#, vec![member("a", "1")]),
        (r#"{"a" : -1.5e3 , "b":true}"#, vec![member("a", "-1.5e3"), member("b", "true")]),
        (r#"{"a":"x\"}],","b":null}"#, vec![member("a", r#""x\"}],""#), member("b", "null")]),
        (r#"{"a":"\\","b":{"c":[1,{"d":"]"}]}}"#, vec![member("a", r#""\\""#), member("b", r#"{"c":[1,{"d":"]"}]}"#)]),
        (r#"{"\u006dessages":[]}"#, vec![]),
        (r#"{"messages":[]}"#, vec![]),
        (r#"{"messages":[ ] , "a":1}"#, vec![member("a", "1")]),
        (
            r#"{"messages":[{"x":"🦀"},2,"three",[4],null]}"#,
            vec![item(r#"{"x":"🦀"}"#), item("2"), item(r#""three""#), item("[4]"), item("null")],
        ),
        ("{\"messages\":[\n{\"a\":[]},\n{}\n]}\n", vec![item(r#"{"a":[]}"#), item("{}")]),
        (r#"{"other":{"messages":[1]},"messages":[1]}"#, vec![member("other", r#"{"messages":[1]}"#), item("1")]),
    ] {
        assert_eq!(split(text.as_bytes()), Ok(parts), "{text}");
    }
}

#[test]
fn what_is_no_document_is_broken() {
    for text in [
        "",
        " ",
        "[",
        "[]",
        "1",
        "\"",
        "{",
        "{\"",
        r#"{"a""#,
        r#"{"a":"#,
        r#"{"a":1"#,
        r#"{"a":1,"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{"a":,}"#,
        r#"{"a":}"#,
        r#"{a:1}"#,
        r#"{"a" 1}"#,
        r#"{"a":1}}"#,
        r#"{"a":1}x"#,
        r#"{"a":1 2}"#,
        r#"{"messages":1}"#,
        r#"{"messages":{}}"#,
        r#"{"messages":[1,]}"#,
        r#"{"messages":[,1]}"#,
        r#"{"messages":[1 2]}"#,
        r#"{"messages":[1}"#,
        r#"{"messages":[{]}"#,
        r#"{"messages":["#,
        "\u{feff}{}",
        r#"{"\q":1}"#,
    ] {
        assert_eq!(split(text.as_bytes()), Err(Broken), "{text}");
    }
}

#[test]
fn long_parts_are_held_only_so_far() {
    let long = |octets: usize| format!("\"{}\"", "x".repeat(octets - 2));
    let fits = format!(r#"{{"messages":[{},1]}}"#, long(MOST_OF_MESSAGE));
    assert_eq!(in_pieces(fits.as_bytes(), 4_096).unwrap().len(), 2);
    let longer = format!(r#"{{"messages":[{},1]}}"#, long(MOST_OF_MESSAGE + 1));
    assert_eq!(in_pieces(longer.as_bytes(), 4_096), Ok(vec![Part::Message(None), item("1")]));
    let member = format!(r#"{{"a":{}}}"#, long(MOST_OF_MEMBER + 1));
    assert_eq!(in_pieces(member.as_bytes(), 4_096), Err(Broken));
    let name = format!(r#"{{"{}":1}}"#, "x".repeat(300));
    assert_eq!(in_pieces(name.as_bytes(), 4_096), Err(Broken));
    // Brackets cost nothing, however deep.
    let deep = format!(r#"{{"messages":[{}{}]}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(in_pieces(deep.as_bytes(), 4_096), Ok(vec![Part::Message(None)]));
}

fn line(more: Value) -> Value {
    let mut line = json!({
        "seq": 1, "type": "text", "sender": {"username": "ada", "display_name": "Ada"}, "content": "said",
        "created_at": "2026-09-20T12:00:00Z",
    });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

#[test]
fn messages_are_taken_skipped_or_refused() {
    let told = |value: &Value| match read(value.to_string().as_bytes()) {
        Read::Taken(line) => format!("{} {}", line.author.username, line.content),
        Read::Skipped => "skipped".to_owned(),
        Read::Refused(error) => format!("{} {}", error.pointer, error.code),
    };
    for (value, expected) in [
        (line(json!({})), "ada said"),
        (line(json!({"id": UserId::from_uuid(Uuid::nil()), "unknown": [1], "reactions": 7})), "ada said"),
        (line(json!({"type": "image"})), "ada said"),
        (
            line(json!({"type": "poll", "content": "When?", "poll": {
                "options": [{"text": "Now", "votes": 2}, {"text": "Never", "votes": 0}], "voters": 2, "closed_at": null
            }})),
            "ada When?\n• Now (2)\n• Never (0)",
        ),
        (line(json!({"poll": {"options": [{}]}})), "/poll type"),
        (line(json!({"type": "system", "content": "joined"})), "skipped"),
        (line(json!({"content": null})), "skipped"),
        (json!(7), " type"),
        (json!({}), "/seq required"),
        (line(json!({"seq": 0})), "/seq minimum"),
        (line(json!({"seq": "1"})), "/seq type"),
        (line(json!({"id": "x"})), "/id uuid"),
        (line(json!({"sender": null})), "/sender required"),
        (line(json!({"sender": {"username": "a\nb"}})), "/sender/username control_character"),
        (line(json!({"sender": {"display_name": "Ada"}})), "/sender/username required"),
        (line(json!({"content": "x".repeat(8_001)})), "/content too_long"),
        (line(json!({"content": "\u{0}"})), "/content control_character"),
        (line(json!({"content": " "})), "/content required"),
        (line(json!({"created_at": "yesterday"})), "/created_at time"),
        (line(json!({"created_at": null})), "/created_at required"),
        (line(json!({"reply_to": {"seq": "x"}})), "/reply_to/seq type"),
    ] {
        assert_eq!(told(&value), expected, "{value}");
    }
    assert!(matches!(read(b"{"), Read::Refused(error) if error.code == "json"));
    assert!(matches!(read(b"\"\xff\""), Read::Refused(error) if error.code == "json"));
    let Read::Taken(whole) = read(
        line(json!({
            "reply_to": {"seq": 3, "id": Uuid::nil()}, "thread_of": Uuid::nil(), "thread": {"count": 2},
            "sender": {"username": "bob"},
        }))
        .to_string()
        .as_bytes(),
    ) else {
        panic!("it is a message")
    };
    assert_eq!((whole.reply_to, whole.thread_of, whole.is_root), (Some(3), Some(Uuid::nil()), true));
    assert_eq!(whole.author.name, "bob", "without a name, the username");
}

fn file(more: Value, messages: &[Value]) -> Vec<u8> {
    let mut file = json!({
        "format": "clowder.chat", "version": 1, "chat": {"type": "group", "title": "Lunch"}, "messages": messages,
    });
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file.to_string().into_bytes()
}

fn checked(file: &[u8]) -> Result<Plan, Unusable> {
    let mut check = Check::default();
    check.feed(file)?;
    check.end()
}

#[test]
fn a_file_is_checked_as_a_whole() {
    let messages = [
        line(json!({})),
        line(json!({"seq": 2, "sender": {"username": "bob", "display_name": "Bob"}})),
        line(json!({"seq": 2})),
        json!(7),
        line(json!({"seq": 3, "content": null})),
        line(json!({"seq": 9, "sender": {"username": "ada", "display_name": "Ada Lovelace"}})),
    ];
    let plan = checked(&file(json!({}), &messages)).unwrap();
    assert_eq!((plan.items, plan.skipped, plan.title.as_str(), plan.kind), (6, 1, "Lunch", ChatType::Group));
    let refused: Vec<_> = plan.refused.iter().map(|it| (it.number, it.error.code.as_ref())).collect();
    assert_eq!(refused, [(3, "order"), (4, "type")]);
    let authors: Vec<_> = plan.authors.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
    assert_eq!(authors, [("ada", "Ada Lovelace"), ("bob", "Bob")], "as they were called last");
    for (more, kind, title) in [
        (json!({"chat": {"type": "channel", "title": "News"}}), ChatType::Channel, "News"),
        (json!({"chat": {"type": "private", "title": null}}), ChatType::Group, "Imported chat"),
        (json!({"chat": {"title": 7}}), ChatType::Group, "Imported chat"),
        (json!({"chat": {}}), ChatType::Group, "Imported chat"),
    ] {
        let plan = checked(&file(more, &[])).unwrap();
        assert_eq!((plan.kind, plan.title.as_str(), plan.items), (kind, title, 0));
    }
    for wrong in [
        json!({"format": "slack"}),
        json!({"version": 2}),
        json!({"version": "1"}),
        json!({"chat": []}),
        json!({"messages": 7}),
    ] {
        assert_eq!(checked(&file(wrong.clone(), &[])), Err(Unusable::Broken), "{wrong}");
    }
    assert_eq!(checked(b"{}"), Err(Unusable::Broken));
    assert_eq!(checked(b"not json"), Err(Unusable::Broken));
}

#[test]
fn what_is_too_much_is_refused_as_a_whole() {
    let repeated = |count: usize, message: &dyn Fn(usize) -> Value| {
        let messages: Vec<_> = (0..count).map(message).collect();
        checked(&file(json!({}), &messages)).map(drop)
    };
    let wrong = |_: usize| json!(7);
    assert_eq!(repeated(MOST_REFUSED, &wrong), Ok(()));
    assert_eq!(repeated(MOST_REFUSED + 1, &wrong), Err(Unusable::TooMuch(CHAT_IMPORT_REFUSED)));
    let of_another = |number: usize| line(json!({"seq": number + 1, "sender": {"username": format!("ada{number}")}}));
    assert_eq!(repeated(MOST_AUTHORS, &of_another), Ok(()));
    assert_eq!(repeated(MOST_AUTHORS + 1, &of_another), Err(Unusable::TooMuch(CHAT_IMPORT_AUTHORS)));
    assert!(may_begin(MOST_RUNNING - 1).is_ok() && may_begin(MOST_RUNNING).is_err());
}

#[test]
fn progress_table() {
    use ImportStatus::{Done, Queued, Running};
    for (status, checked, done, items, expected) in [
        (Queued, false, 0, 0, 0.0),
        (Running, false, 0, 0, 0.0),
        (Running, true, 0, 100, 0.2),
        (Running, true, 100, 100, 0.99),
        (Running, true, 0, 0, 0.2),
        (Done, true, 100, 100, 1.0),
    ] {
        assert!((progress(status, checked, done, items) - expected).abs() < 1e-9, "{status:?} {done}");
    }
}

/// What an export writes, an import takes.
#[test]
fn an_export_can_be_imported() {
    use crate::chat_exports::{
        ExportFormat, ExportedChat,
        page::{Head, begin, end, entry},
    };
    let at: Timestamp = "2026-09-20T12:00:00Z".parse().unwrap();
    let card = clowder_core::Card::new(UserId::from_uuid(Uuid::nil()), "ada".to_owned(), "Ada".to_owned());
    let chat = ExportedChat {
        id: Id::from_uuid(Uuid::nil()),
        kind: ChatType::Group,
        title: Some("Lunch".to_owned()),
        description: None,
        peer: None,
        created_at: at,
    };
    let head = Head { chat, exported_by: card.clone(), exported_at: at };
    let message: crate::Message = serde_json::from_value(json!({
        "id": Uuid::nil(), "chat_id": Uuid::nil(), "seq": 4, "type": "text", "sender": card, "content": "said\n🦀",
        "status": "sent", "client_id": null, "created_at": at, "edited_at": null, "deleted_at": null, "version": 1,
    }))
    .unwrap();
    let format = ExportFormat::Json;
    let text = [
        begin(format, &head).unwrap(),
        entry(format, 0, &message, &Default::default()).unwrap(),
        end(format).to_owned(),
    ]
    .concat();
    let plan = checked(text.as_bytes()).unwrap();
    assert_eq!((plan.items, plan.refused.len(), plan.authors.len()), (1, 0, 1));
}
