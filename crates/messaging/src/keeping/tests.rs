//! Tables of who may keep and delete what.

use clowder_core::{Error, Id};
use serde_json::json;

use super::*;
use crate::{ChatRole, ChatType, Rights, policy::Cell};

fn code<T: std::fmt::Debug>(decided: Result<T>) -> String {
    match decided {
        Ok(value) => format!("{value:?}"),
        Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) => refusal.code.to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

fn seat(kind: ChatType, role: ChatRole, pin: bool) -> Seat {
    Seat { kind, role, rights: Rights { pin, ..Rights::NONE }, of_group: false }
}

fn owner() -> PinFacts {
    let seat = Some(seat(ChatType::Group, ChatRole::Owner, false));
    PinFacts { seat, closed: false, deleted: false, system: false, pinned: false, pins: 3, unseen: false }
}

#[test]
fn pin_tables() {
    let plain = owner();
    for (facts, pin, unpin) in [
        (plain, "Pin", "false"),
        (PinFacts { pinned: true, ..plain }, "Stay", "true"),
        (PinFacts { seat: None, ..plain }, "message.unknown", "message.unknown"),
        (PinFacts { seat: None, deleted: true, ..plain }, "message.unknown", "message.unknown"),
        (PinFacts { deleted: true, ..plain }, "message.deleted", "false"),
        (PinFacts { closed: true, ..plain }, "chat.closed", "chat.closed"),
        (PinFacts { system: true, ..plain }, "message.system", "false"),
        (PinFacts { pins: 49, unseen: true, ..plain }, "Pin", "false"),
        (PinFacts { pins: 50, ..plain }, "message.pins", "false"),
        (PinFacts { pins: 50, unseen: true, ..plain }, "Replace", "false"),
        (PinFacts { pins: 50, unseen: true, pinned: true, ..plain }, "Stay", "true"),
    ] {
        assert_eq!((code(decide_pin(facts)), code(decide_unpin(facts))), (pin.into(), unpin.into()), "{facts:?}");
    }
}

#[test]
fn who_may_pin_is_in_the_policy_table() {
    let roles = [ChatRole::Owner, ChatRole::Admin, ChatRole::Member, ChatRole::Subscriber];
    for kind in [ChatType::Private, ChatType::Group, ChatType::Channel] {
        for role in roles {
            for right in [false, true] {
                let expected = match policy::cell(kind, role, Action::Pin) {
                    Cell::Yes => "Pin",
                    Cell::Chosen if right => "Pin",
                    _ => "chat.forbidden",
                };
                let facts = PinFacts { seat: Some(seat(kind, role, right)), ..owner() };
                assert_eq!(code(decide_pin(facts)), expected, "{kind:?} {role:?} {right}");
            }
        }
    }
}

#[test]
fn orders() {
    let [a, b, c, other]: [MessageId; 4] = std::array::from_fn(|at| Id::new(Timestamp::from_micros(at as i64)));
    for (first, after) in [
        (vec![], None),
        (vec![a, b, c], None),
        (vec![a], None),
        (vec![c], Some(vec![c, a, b])),
        (vec![c, b], Some(vec![c, b, a])),
        (vec![c, c, other, b, a], Some(vec![c, b, a])),
        (vec![other], None),
    ] {
        assert_eq!(reorder(&[a, b, c], &first), after, "{first:?}");
    }
}

#[test]
fn save_table() {
    let some = Some(seat(ChatType::Channel, ChatRole::Subscriber, false));
    for (seat, deleted, saved, count, expected) in [
        (some, false, false, 0, "()"),
        (some, false, false, 9_999, "()"),
        (some, false, false, 10_000, "message.saves"),
        (some, false, true, 10_000, "()"),
        (some, true, true, 1, "message.deleted"),
        (None, true, true, 1, "message.unknown"),
    ] {
        assert_eq!(code(may_save(seat, deleted, saved, count)), expected);
    }
}

#[test]
fn remove_table() {
    for (removed, more, expected) in [
        (0, 1, "()"),
        (0, 100, "()"),
        (9_900, 100, "()"),
        (9_901, 100, "message.removals"),
        (10_000, 1, "message.removals"),
        (10_000, 0, "()"),
    ] {
        assert_eq!(code(may_remove(removed, more)), expected, "{removed} {more}");
    }
}

#[test]
fn what_somebody_has_removed_says_nothing() {
    let id = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";
    let card = json!({"id": id, "username": "ada", "display_name": "Ada", "avatar": null});
    let said = json!({
        "id": id, "chat_id": id, "seq": 3, "type": "poll", "sender": card, "content": "secret?", "status": "sent",
        "client_id": null, "reactions": [], "entities": [{"type": "hashtag", "offset": 0, "length": 6}], "mentions": [id],
        "reply_to": {"id": id, "seq": 1, "sender": card, "excerpt": "secret", "deleted": false}, "thread_of": id,
        "thread": null, "forwarded_from": {"chat_id": id, "sender": card}, "created_at": "2026-11-28T12:00:00.000Z",
        "edited_at": null, "deleted_at": null, "version": 1,
        "poll": {
            "options": [{"text": "secret", "votes": 2}, {"text": "secret, too", "votes": 0}], "voters": 2,
            "multiple": false, "most": 1, "anonymous": false, "closes_at": null, "closed_at": null
        }
    });
    let mut shown = said.clone();
    without_words(shown.as_object_mut().unwrap());
    assert!(!shown.to_string().contains("secret"), "{shown}");
    let read: Message = serde_json::from_value(shown.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap()["poll"]["options"], shown["poll"]["options"], "it can be read");
    let mut newer = said;
    (newer["type"], newer["shape"], newer["poll"]) = (json!("hologram"), json!({"corners": 8}), json!(["unknown"]));
    without_words(newer.as_object_mut().unwrap());
    assert_eq!(
        (&newer["type"], &newer["shape"], &newer["content"]),
        (&json!("hologram"), &json!({"corners": 8}), &json!(null))
    );
    for (member, expected) in [
        ("content", json!(null)),
        ("entities", json!([])),
        ("mentions", json!([])),
        ("forwarded_from", json!(null)),
        ("seq", json!(3)),
        ("type", json!("poll")),
        ("thread_of", json!(id)),
        ("deleted_at", json!(null)),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert_eq!((&shown["poll"]["voters"], &shown["reply_to"]["seq"]), (&json!(2), &json!(1)));
}

#[test]
fn for_whom_messages_are_deleted() {
    let id = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";
    let read = |body: serde_json::Value| match NewDeletion::from_json(body) {
        Ok(new) => format!("{:?} {}", new.whom, new.message_ids.len()),
        Err(Error::Invalid(errors)) => {
            errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect::<Vec<_>>().join(", ")
        }
        Err(other) => panic!("{other:?}"),
    };
    for (body, expected) in [
        (json!({"message_ids": [id]}), "All 1"),
        (json!({"message_ids": [id], "for": "all", "reason": "Advertising"}), "All 1"),
        (json!({"message_ids": [id], "for": "me"}), "Me 1"),
        (json!({"message_ids": [id], "for": "me", "reason": "Advertising"}), "/reason unwanted"),
        (json!({"message_ids": [], "for": "us"}), "/message_ids required, /for choice"),
    ] {
        assert_eq!(read(body.clone()), expected, "{body}");
    }
    let removal = |ids: serde_json::Value| NewRemoval::from_json(json!({"message_ids": ids}));
    assert_eq!(removal(json!([id, id])).unwrap().rows(), 2);
    assert!(removal(json!([])).is_err() && removal(json!(vec![id; 101])).is_err());
}
