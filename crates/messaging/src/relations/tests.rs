//! Table tests of quotes, threads and forwarding.

use clowder_core::{Card, Error, Id, Input, Timestamp, UserId};
use serde_json::json;

use super::*;
use crate::MessageType;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn target(id: MessageId) -> Target {
    Target {
        id,
        seq: 3,
        kind: MessageType::Text,
        deleted: false,
        expires_at: None,
        in_thread: false,
        is_root: false,
        sender: Card::new(UserId::new(NOW), "ada".into(), "Ada".into()),
        hidden: false,
        content: Some("hello".into()),
    }
}

#[test]
fn what_can_be_named() {
    let id: MessageId = Id::new(NOW);
    let over = Some(NOW);
    for (found, quote, root) in [
        (Some(target(id)), true, true),
        (None, false, false),
        (Some(Target { kind: MessageType::System, ..target(id) }), false, false),
        (Some(Target { deleted: true, ..target(id) }), false, false),
        (Some(Target { expires_at: over, ..target(id) }), false, false),
        (Some(Target { expires_at: Some(Timestamp::from_micros(1_001)), ..target(id) }), true, true),
        (Some(Target { in_thread: true, ..target(id) }), true, false),
        (Some(Target { is_root: true, ..target(id) }), true, true),
        (Some(Target { is_root: true, deleted: true, ..target(id) }), false, true),
        (Some(Target { is_root: true, expires_at: over, ..target(id) }), false, true),
    ] {
        let code = |decided: clowder_core::Result<Related>| match decided {
            Ok(_) => None,
            Err(Error::Invalid(errors)) => {
                let mut errors = errors.into_iter();
                let first = errors.next().map(|error| (error.pointer, error.code.into_owned()));
                assert!(errors.next().is_none());
                first
            }
            Err(other) => panic!("{other:?}"),
        };
        let targets = Targets { reply_to: found.clone(), thread_of: None };
        let refused = Some(("/reply_to".to_owned(), "no_message".to_owned())).filter(|_| !quote);
        assert_eq!(code(relate(NOW, (Some(id), None), targets.clone(), false)), refused, "{found:?}");
        let lenient = relate(NOW, (Some(id), None), targets, true).unwrap();
        assert_eq!(lenient.reply_to.map(|quoted| quoted.id), Some(id).filter(|_| quote), "{found:?}");
        let targets = Targets { reply_to: None, thread_of: found.clone() };
        let refused = Some(("/thread_of".to_owned(), "no_root".to_owned())).filter(|_| !root);
        for lenient in [false, true] {
            assert_eq!(code(relate(NOW, (None, Some(id)), targets.clone(), lenient)), refused, "{found:?}");
        }
    }
    let Err(Error::Invalid(both)) = relate(NOW, (Some(id), Some(id)), Targets::default(), false) else {
        panic!("both are wrong")
    };
    assert_eq!(both.len(), 2);
    assert_eq!(relate(NOW, (None, None), Targets::default(), false).unwrap(), Related::default());
}

#[test]
fn a_quote_ends_with_a_whole_character() {
    let family = "👨‍👩‍👧‍👦";
    let length = family.chars().count();
    for (text, expected) in [
        ("hello".to_owned(), "hello".to_owned()),
        ("é".repeat(100), "é".repeat(100)),
        ("é".repeat(101), "é".repeat(100)),
        (format!("{}{family}", "x".repeat(100 - length)), format!("{}{family}", "x".repeat(100 - length))),
        (format!("{}{family}y", "x".repeat(101 - length)), "x".repeat(101 - length)),
        ("e\u{301}".repeat(60), "e\u{301}".repeat(50)),
        (format!("e{}", "\u{301}".repeat(300)), format!("e{}", "\u{301}".repeat(99))),
    ] {
        assert_eq!(excerpt(&text), expected, "{text}");
    }
}

#[test]
fn a_mark_moves_forward_only_and_not_past_the_end() {
    for (read, wanted, last, expected) in
        [(0, 5, 9, Some(5)), (5, 5, 9, None), (6, 5, 9, None), (5, 99, 9, Some(9)), (9, 99, 9, None), (3, 9, 2, None)]
    {
        assert_eq!(moved(read, wanted, last), expected, "{read} {wanted} {last}");
    }
}

#[test]
fn a_forward_names_one_to_ten_different_chats() {
    let ids: Vec<ChatId> = (0..11).map(|_| Id::new(NOW)).collect();
    for (chats, fine) in [
        (json!(ids[..1]), true),
        (json!(ids[..10]), true),
        (json!(ids), false),
        (json!([]), false),
        (json!([ids[0], ids[1], ids[0]]), false),
        (json!("x"), false),
    ] {
        assert_eq!(NewForward::from_json(json!({"chat_ids": chats})).is_ok(), fine, "{chats}");
    }
    assert!(NewForward::from_json(json!({})).is_err());
}

#[test]
fn a_quote_is_gone_when_its_time_is_over() {
    let quote = || ReplyTo { excerpt: Some("hello".into()), expires_at: Some(NOW), ..ReplyTo::bare(Id::new(NOW), 1) };
    let (mut before, mut after) = (quote(), quote());
    before.conceal(Timestamp::from_micros(999));
    after.conceal(NOW);
    assert_eq!((before.excerpt.as_deref(), before.deleted), (Some("hello"), false));
    assert_eq!((after.excerpt, after.deleted), (None, true));
}
