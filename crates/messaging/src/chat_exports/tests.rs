//! Tables of who gets another export, and what it shows.

use std::collections::HashMap;

use clowder_core::Error;
use serde_json::{Value, json};

use super::{
    page::{self, FORMAT, Head, POLICY, VERSION, begin, end, entry, shown},
    *,
};
use crate::{
    Attachment, AttachmentStatus, Message, MessageType, Reacted, Status, SystemAction, SystemNote,
    entities::{Entity, EntityType},
    lifetimes::Lifetime,
    polls::{Poll, PollOption},
    relations::{ReplyTo, Thread},
};
use ExportStatus::{Expired, Failed, Queued, Ready, Running};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn ago(hours: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(hours * 3600))
}

fn id<T>(number: usize) -> Id<T> {
    Id::from_uuid(uuid::Uuid::from_u128(number as u128))
}

/// In a chat of its own.
fn known(number: usize, status: ExportStatus, hours: u64) -> Known {
    Known {
        id: id(number),
        chat: id(100 + number),
        format: ExportFormat::Json,
        status,
        created_at: ago(hours),
        expires_at: (status == Ready).then(|| ago(hours).plus(READY_FOR)),
        member: true,
    }
}

#[test]
fn an_export_ends_with_the_membership() {
    for (status, hours, member, expected) in [
        (Queued, 0, true, Queued),
        (Queued, 0, false, Failed),
        (Running, 1, false, Failed),
        (Running, 48, true, Failed),
        (Ready, 1, true, Ready),
        (Ready, 1, false, Expired),
        (Ready, 72, true, Expired),
        (Failed, 1, false, Failed),
        (Expired, 1, true, Expired),
    ] {
        let export = Known { member, ..known(1, status, hours) };
        assert_eq!(export.status(NOW), expected, "{status:?} {hours} {member}");
    }
}

#[test]
fn decide_table() {
    let chat: ChatId = id(101);
    let of_chat = |status| known(1, status, 1);
    let others =
        |count: usize, status, hours| (2..2 + count).map(|number| known(number, status, hours)).collect::<Vec<_>>();
    let full = [others(4, Ready, 1), vec![of_chat(Ready)]].concat();
    let (again, new) = (Ok(Wish::Again(id(1))), Ok(Wish::New));
    for (known, verdict) in [
        (vec![], new),
        (vec![of_chat(Queued)], again),
        (vec![of_chat(Running)], again),
        (vec![of_chat(Ready)], new),
        (vec![of_chat(Failed)], new),
        (vec![Known { format: ExportFormat::Html, ..of_chat(Running) }], new),
        (vec![Known { member: false, ..of_chat(Running) }], new),
        (others(1, Running, 1), new),
        (others(2, Running, 1), Err("chat.exports")),
        ([others(2, Running, 1), vec![of_chat(Running)]].concat(), again),
        (others(4, Ready, 1), new),
        (full.clone(), Err("chat.exports")),
        (others(5, Ready, 72), new),
        (full.iter().map(|export| Known { member: false, ..*export }).collect(), new),
        (others(19, Expired, 23), new),
        (others(20, Expired, 23), Err("chat.exports_today")),
        (others(20, Failed, 23), Err("chat.exports_today")),
        (others(20, Expired, 24), new),
    ] {
        let decided = decide(NOW, chat, ExportFormat::Json, &known).map_err(|error| match error {
            Error::Refused(refusal) => refusal.code,
            other => panic!("{other}"),
        });
        assert_eq!(decided, verdict, "{known:?}");
    }
}

#[test]
fn progress_table() {
    for (status, from, seq, last, expected) in [
        (Queued, 0, 0, 99, 0.0),
        (Running, 0, 50, 99, 0.5),
        (Running, 0, 1_000, 1_000, 0.99),
        (Running, 0, 0, 0, 0.0),
        (Running, 50, 75, 99, 0.5),
        (Running, 50, 50, 20, 0.0),
        (Ready, 0, 99, 99, 1.0),
    ] {
        assert!((progress(status, from, seq, last) - expected).abs() < 1e-9, "{status:?} {from} {seq} {last}");
    }
}

fn card(name: &str) -> Card {
    Card::new(id(7), "ada".to_owned(), name.to_owned())
}

fn message(content: &str) -> Message {
    Message {
        id: id(3),
        chat_id: id(1),
        seq: 3,
        kind: MessageType::Text,
        sender: card("Ada"),
        content: Some(content.to_owned()),
        status: Status::Sent,
        client_id: None,
        reactions: Vec::new(),
        entities: Vec::new(),
        mentions: Vec::new(),
        previews: Vec::new(),
        reply_to: None,
        thread_of: None,
        thread: None,
        forwarded_from: None,
        created_at: ago(1),
        edited_at: None,
        deleted_at: None,
        version: 1,
        hidden: false,
        muted: false,
        pinned: false,
        attachments: Vec::new(),
        lifetime: None,
        expires_at: None,
        system: None,
        poll: None,
    }
}

/// Something that can be chosen.
fn poll(text: &str) -> Option<Box<Poll>> {
    let options = vec![PollOption { text: text.to_owned(), votes: 2, mine: None }];
    let (closes_at, closed_at) = (None, None);
    Some(Box::new(Poll { options, voters: 2, multiple: false, most: 1, anonymous: false, closes_at, closed_at }))
}

fn quoting(quote: ReplyTo) -> Message {
    Message { reply_to: Some(Box::new(quote)), poll: poll("said"), ..message("said") }
}

/// The head of an export of a chat with this title.
fn head(title: &str) -> Head {
    let chat = ExportedChat {
        id: id(1),
        kind: ChatType::Group,
        title: Some(title.to_owned()),
        description: Some(title.to_owned()),
        peer: None,
        created_at: ago(9),
    };
    Head { chat, exported_by: card(title), exported_at: NOW }
}

fn file(format: ExportFormat, title: &str, messages: &[Message]) -> String {
    let entries = messages
        .iter()
        .enumerate()
        .map(|(before, message)| entry(format, before as i64, message, &HashMap::new()).unwrap());
    let entries: String = entries.collect();
    format!("{}{entries}{}", begin(format, &head(title)).unwrap(), end(format))
}

#[test]
fn what_its_reader_does_not_see_is_not_in_it() {
    let bare: ReplyTo = ReplyTo::bare(id(2), 2);
    let quote = || ReplyTo { sender: Some(card("Bob")), excerpt: Some("quoted".to_owned()), ..bare.clone() };
    let lifetime = Some(Lifetime::from_number(60));
    for (message, text, quoted) in [
        (message("said"), true, false),
        (quoting(quote()), true, true),
        (Message { hidden: true, ..quoting(quote()) }, false, false),
        (Message { lifetime, expires_at: Some(NOW.plus(Duration::from_secs(60))), ..quoting(quote()) }, false, false),
        (Message { lifetime, ..quoting(quote()) }, false, false),
        (Message { expires_at: Some(NOW), ..quoting(quote()) }, false, false),
        (quoting(ReplyTo { hidden: true, ..quote() }), true, false),
        (quoting(ReplyTo { expires_at: Some(NOW.plus(Duration::from_secs(60))), ..quote() }), true, false),
    ] {
        let shown = shown(message.clone(), NOW);
        assert_eq!((shown.seq, shown.hidden), (message.seq, message.hidden), "its place stays");
        for format in [ExportFormat::Json, ExportFormat::Html] {
            let written = file(format, "Lunch", std::slice::from_ref(&shown));
            assert_eq!(
                (written.contains("said"), written.contains("quoted")),
                (text, quoted),
                "{format:?} {message:?}"
            );
        }
    }
}

#[test]
fn json_has_one_message_on_each_line() {
    for count in 0..3 {
        let messages: Vec<_> = (0..count).map(|_| message("two\nlines \u{2028} \"quoted\"")).collect();
        let text = file(ExportFormat::Json, "Lunch", &messages);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["format"], &value["version"]), (&json!(FORMAT), &json!(VERSION)));
        assert_eq!((&value["chat"]["title"], &value["exported_by"]["username"]), (&json!("Lunch"), &json!("ada")));
        assert_eq!(value["messages"], json!(messages));
        assert_eq!(text.lines().count(), 2 + count.max(1), "{text}");
    }
}

/// Everything that people write, and may try to break out of.
#[test]
fn a_page_has_no_markup_but_its_own() {
    let attacks = [
        "<script>alert(1)</script>",
        "</title></style></p><img src=x onerror=alert(1)>",
        "\" onmouseover=\"alert(1)",
        "' autofocus onfocus='alert(1)",
        "&lt;script&gt;",
        "<!-- --><![CDATA[",
        "javascript:alert(1)",
        "\u{202e}\u{0}\u{1b}",
    ];
    let plain = file(ExportFormat::Html, "x", &[every_part("x")]);
    let tags = |page: &str| page.matches('<').count();
    for attack in attacks {
        let page = file(ExportFormat::Html, attack, &[every_part(attack)]);
        assert_eq!(tags(&page), tags(&plain), "{attack}");
        assert_eq!(page.matches('"').count(), plain.matches('"').count(), "{attack}");
        assert_eq!(page.matches('\'').count(), plain.matches('\'').count(), "{attack}");
        let mut text = attack.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text = text.replace('"', "&quot;").replace('\'', "&#39;");
        assert!(page.contains(&text) || attack.contains('\0'), "{attack}: it is shown as it was written");
        assert!(page.chars().all(|c| !c.is_control() || c == '\n'), "{attack}");
        assert!(page.contains(&format!("content=\"{POLICY}\"")));
    }
    for forbidden in ["<script", "<img", "http://", "https://", "url("] {
        assert!(!plain.contains(forbidden), "{forbidden}");
    }
}

/// A message in which each text that somebody can write is this one.
fn every_part(text: &str) -> Message {
    let sender = Card::new(id(7), text.to_owned(), text.to_owned());
    let quote = ReplyTo { sender: Some(sender.clone()), excerpt: Some(text.to_owned()), ..ReplyTo::bare(id(2), 2) };
    let from = crate::relations::ForwardedFrom { chat_id: Some(id(9)), sender: Some(sender.clone()) };
    Message {
        sender,
        reply_to: Some(Box::new(quote)),
        forwarded_from: Some(Box::new(from)),
        reactions: vec![Reacted { emoji: text.to_owned(), count: 2, mine: None }],
        edited_at: Some(NOW),
        attachments: vec![Attachment {
            name: Some(text.to_owned()),
            kind: Some(text.to_owned()),
            size: Some(5),
            status: AttachmentStatus::Ready,
            ..Attachment::deleted(id(12))
        }],
        poll: poll(text),
        ..message(text)
    }
}

#[test]
fn a_page_says_why_a_text_is_missing() {
    let gone = |message: Message| entry(ExportFormat::Html, 0, &shown(message, NOW), &HashMap::new()).unwrap();
    let deleted = Message { content: None, deleted_at: Some(NOW), ..message("") };
    assert!(gone(deleted).contains("was deleted"));
    assert!(gone(Message { hidden: true, ..message("said") }).contains("You hide"));
    assert!(gone(Message { lifetime: Some(Lifetime::from_number(60)), ..message("said") }).contains("disappear"));
    let note = SystemNote { action: SystemAction::Joined, user_ids: vec![], title: None, role: None };
    let system = Message { kind: MessageType::System, system: Some(Box::new(note)), ..message("joined") };
    assert!(gone(system).contains("class=\"system\""));
}

#[test]
fn formats_are_read_by_their_names() {
    for (body, expected) in [
        (json!({}), Some(ExportFormat::Json)),
        (json!({"format": null}), Some(ExportFormat::Json)),
        (json!({"format": "html"}), Some(ExportFormat::Html)),
        (json!({"format": "pdf"}), None),
        (json!({"format": 1}), None),
    ] {
        assert_eq!(NewExport::from_json(body.clone()).ok().map(|new| new.format), expected, "{body}");
    }
}

/// A link over the characters from a first one, which leads there.
fn link(offset: u32, length: u32, url: &str) -> Entity {
    Entity { kind: EntityType::Link, offset, length, user_id: None, url: Some(url.to_owned()), tag: None }
}

#[test]
fn a_page_has_links_to_the_web_alone() {
    let of = |text: &str, entities: Vec<Entity>| {
        entry(ExportFormat::Html, 0, &Message { entities, ..message(text) }, &HashMap::new()).unwrap()
    };
    let page = of("é <b> https://example.org/?a=\"&b", vec![link(6, 26, "https://example.org/?a=\"&b")]);
    let there = "https://example.org/?a=&quot;&amp;b";
    let expected = format!("é &lt;b&gt; <a href=\"{there}\" rel=\"noopener noreferrer nofollow\">{there}</a></p>");
    assert!(page.contains(&expected), "{page}");
    for wrong in [link(0, 5, "javascript:alert(1)"), link(0, 5, "data:text/html,x"), link(3, 99, "https://example.org")]
    {
        let page = of("hello", vec![wrong]);
        assert!(page.contains("<p dir=\"auto\">hello</p>") && !page.contains("rel="), "{page}");
    }
}

#[test]
fn a_page_shows_threads_and_whom_the_system_means() {
    let thread = Thread { count: 2, last_reply_at: NOW, following: false };
    let root = Message { thread: Some(thread), ..message("root") };
    let (place, leads) = (format!("<span id=\"t{}\">", root.id), format!("href=\"#t{}\"", root.id));
    let reply = Message { id: id(77), thread_of: Some(root.id), ..message("reply") };
    let page = file(ExportFormat::Html, "Lunch", &[root, reply]);
    assert_eq!((page.matches(&place).count(), page.matches(&leads).count()), (1, 1), "{page}");

    let named = HashMap::from([(id(8), Card::new(id(8), "bob".to_owned(), "Bob <b>".to_owned()))]);
    let note = |action, user_ids, title: Option<&str>| {
        let note = SystemNote { action, user_ids, title: title.map(str::to_owned), role: None };
        let content = Some(note.text());
        Message { kind: MessageType::System, content, system: Some(Box::new(note)), ..message("") }
    };
    let added = note(SystemAction::Added, vec![id(8), id(9)], None);
    assert_eq!(page::named(ExportFormat::Html, &added), [id(8), id(9)]);
    assert!(page::named(ExportFormat::Json, &added).is_empty());
    let shown = entry(ExportFormat::Html, 0, &added, &named).unwrap();
    assert!(shown.contains("added 2 people: <bdi>Bob &lt;b&gt; (@bob)</bdi></p>"), "{shown}");
    let retitled = note(SystemAction::Retitled, vec![], Some("<i>"));
    let shown = entry(ExportFormat::Html, 0, &retitled, &named).unwrap();
    assert!(shown.contains("changed the title: <bdi>&lt;i&gt;</bdi></p>"), "{shown}");
}
