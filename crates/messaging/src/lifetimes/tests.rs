//! Table tests of how long messages stay.

use clowder_core::{Card, Error, Id, Refusal, UserId};
use serde_json::json;

use super::*;
use crate::MessageType;
use crate::{
    ChatRole, ChatType, ChatVisibility, History, NewMessage, Rights, Status,
    refusals::{CHAT_CLOSED, CHAT_FORBIDDEN, CHAT_PRIVATE},
};

const fn sent(seconds: i64) -> Lifetime {
    Lifetime { seconds, from: LifetimeFrom::Sent }
}

const fn read(seconds: i64) -> Lifetime {
    Lifetime { seconds, from: LifetimeFrom::Read }
}

#[test]
fn whatever_ends_first_counts() {
    let stay = |lifetime: Lifetime| {
        let unread = (lifetime.from == LifetimeFrom::Read).then_some(lifetime.seconds + UNREAD);
        Stay { lifetime: Some(lifetime), at_most: unread }
    };
    for (own, chat, expected) in [
        (None, None, Stay::default()),
        (Some(sent(60)), None, stay(sent(60))),
        (Some(read(60)), None, stay(read(60))),
        (None, Some(sent(60)), stay(sent(60))),
        (Some(sent(30)), Some(sent(60)), stay(sent(30))),
        (Some(sent(90)), Some(sent(60)), stay(sent(60))),
        (Some(sent(30)), Some(read(60)), stay(sent(30))),
        (Some(sent(60)), Some(read(60)), stay(sent(60))),
        (Some(sent(90)), Some(read(60)), Stay { lifetime: Some(read(60)), at_most: Some(90) }),
        (Some(read(30)), Some(read(60)), stay(read(30))),
        (Some(read(90)), Some(read(60)), stay(read(60))),
        (Some(read(30)), Some(sent(60)), Stay { lifetime: Some(read(30)), at_most: Some(60) }),
        (Some(read(90)), Some(sent(60)), stay(sent(60))),
        (Some(read(60)), Some(sent(LONGEST)), stay(read(60))),
    ] {
        assert_eq!(of_message(own, chat), expected, "{own:?} {chat:?}");
    }
}

#[test]
fn the_end_when_a_message_is_sent() {
    let now = Timestamp::from_micros(5_000_000);
    let at = |seconds: i64| Some(Timestamp::from_micros(now.as_micros() + seconds * 1_000_000));
    for (own, chat, shown, expected) in [
        (None, None, true, None),
        (Some(sent(60)), None, true, at(60)),
        (Some(sent(60)), None, false, at(60)),
        (Some(read(60)), None, true, at(60 + UNREAD)),
        (Some(read(60)), None, false, at(60)),
        (Some(read(30)), Some(sent(60)), true, at(60)),
        (Some(read(30)), Some(sent(60)), false, at(30)),
    ] {
        assert_eq!(of_message(own, chat).end(now, shown), expected, "{own:?} {chat:?} {shown}");
    }
}

#[test]
fn a_lifetime_is_one_number() {
    for lifetime in [sent(SHORTEST), sent(LONGEST), read(SHORTEST), read(LONGEST)] {
        assert_eq!(Lifetime::from_number(lifetime.to_number()), lifetime);
    }
}

#[test]
fn bounds_are_told() {
    for (body, wrong) in [
        (json!({"content": "x", "lifetime": {"seconds": 5}}), None),
        (json!({"content": "x", "lifetime": {"seconds": 31_622_400, "from": "read"}}), None),
        (json!({"content": "x", "lifetime": null}), None),
        (json!({"content": "x", "lifetime": {"seconds": 4}}), Some("/lifetime/seconds")),
        (json!({"content": "x", "lifetime": {"seconds": 31_622_401}}), Some("/lifetime/seconds")),
        (json!({"content": "x", "lifetime": {}}), Some("/lifetime/seconds")),
        (json!({"content": "x", "lifetime": {"seconds": 9, "from": "seen"}}), Some("/lifetime/from")),
        (json!({"content": "x", "lifetime": 60}), Some("/lifetime")),
    ] {
        let told = match NewMessage::from_json(body.clone()) {
            Err(Error::Invalid(errors)) => errors.first().map(|error| error.pointer.clone()),
            Err(other) => panic!("{other:?}"),
            Ok(_) => None,
        };
        assert_eq!(told.as_deref(), wrong, "{body}");
    }
    assert!(NewLifetime::from_json(json!({})).is_err());
    assert_eq!(NewLifetime::from_json(json!({"lifetime": null})).unwrap().lifetime.0, None);
}

#[test]
fn set_table() {
    use ChatRole::{Admin, Member, Owner, Subscriber};
    let face = ChatFace {
        id: Id::new(Timestamp::from_micros(1)),
        kind: ChatType::Group,
        title: Some("Lunch".to_owned()),
        description: None,
        avatar: None,
        visibility: ChatVisibility::Private,
        history: History::All,
        rights: Rights::of(ChatType::Group),
        lifetime: Some(sent(60)),
        closed: false,
        slow_seconds: 0,
        participant_count: 3,
        version: 4,
    };
    let seat = |kind, role| Seat { kind, role, rights: Rights::of(kind), of_group: false };
    let day = || NewLifetime { lifetime: OptionalLifetime(Some(sent(86_400))) };
    for (seat, refused) in [
        (seat(ChatType::Private, Member), None),
        (seat(ChatType::Group, Owner), None),
        (seat(ChatType::Group, Admin), None),
        (Seat { of_group: true, ..seat(ChatType::Group, Admin) }, None),
        (seat(ChatType::Group, Member), Some(CHAT_FORBIDDEN)),
        (seat(ChatType::Channel, Admin), None),
        (seat(ChatType::Channel, Subscriber), Some(CHAT_FORBIDDEN)),
    ] {
        let closed = set(seat, None, day(), &ChatFace { closed: true, ..face.clone() });
        assert!(matches!(closed, Err(Error::Refused(CHAT_CLOSED) | Error::Explained { .. })), "{closed:?}");
        let decided = set(seat, None, day(), &face);
        let told: Option<Refusal> = match &decided {
            Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) => Some(*refusal),
            Err(other) => panic!("{other:?}"),
            Ok(after) => {
                let after = after.as_ref().unwrap();
                assert_eq!((after.lifetime, after.version), (Some(sent(86_400)), 5));
                None
            }
        };
        assert_eq!(told, refused, "{seat:?}");
        assert_ne!(told, Some(CHAT_PRIVATE));
    }
    let owner = seat(ChatType::Group, Owner);
    let same = NewLifetime { lifetime: OptionalLifetime(Some(sent(60))) };
    assert_eq!(set(owner, Some(&4.into()), same, &face).unwrap(), None, "nothing has changed");
    assert!(matches!(set(owner, Some(&3.into()), day(), &face), Err(Error::Stale { current: 4, .. })));
    let off = NewLifetime { lifetime: OptionalLifetime(None) };
    assert_eq!(set(owner, None, off, &face).unwrap().unwrap().lifetime, None);
}

#[test]
fn what_is_over_has_no_text() {
    let at = Timestamp::from_micros;
    let ada: UserId = Id::new(at(1));
    let message = |expires_at, deleted_at: Option<Timestamp>| Message {
        id: Id::new(at(1)),
        chat_id: Id::new(at(1)),
        seq: 1,
        kind: MessageType::Text,
        sender: Card::new(ada, "ada".into(), "Ada".into()),
        content: deleted_at.is_none().then(|| "secret".to_owned()),
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
        created_at: at(1),
        edited_at: None,
        deleted_at,
        version: 2,
        hidden: false,
        muted: false,
        pinned: false,
        attachments: Vec::new(),
        lifetime: Some(sent(5)),
        expires_at,
        system: None,
        poll: None,
    };
    let told = |message: &Message| match json!(message) {
        Value::Object(members) => members,
        other => panic!("{other}"),
    };
    for (expires_at, now, gone) in [(None, 9, false), (Some(at(9)), 8, false), (Some(at(9)), 9, true)] {
        let mut shown = message(expires_at, None);
        let mut told = told(&shown);
        conceal(&mut shown, at(now));
        if let Some(end) = expires_at.filter(|_| gone) {
            conceal_told(&mut told, end);
            assert_eq!(Value::Object(told), json!(shown), "as a change shows it");
        }
        assert_eq!((shown.content.is_none(), shown.deleted_at), (gone, expires_at.filter(|_| gone)), "{expires_at:?}");
        assert_eq!(shown.version, if gone { 3 } else { 2 }, "as it will be");
    }
    let mut deleted = message(Some(at(9)), Some(at(7)));
    let mut shown = told(&deleted);
    conceal(&mut deleted, at(10));
    conceal_told(&mut shown, at(9));
    assert_eq!(Value::Object(shown), json!(deleted));
    assert_eq!((deleted.deleted_at, deleted.version), (Some(at(7)), 2), "it was deleted before");
}

#[test]
fn begins_table() {
    let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| UserId::new(Timestamp::from_micros(0)));
    let begins = |person, theirs, others| Begins { person, theirs, others };
    const ALL: i64 = i64::MAX;
    for (marks, erased, expected) in [
        (&[] as &[_], &[] as &[_], begins(None, ALL, ALL)),
        (&[(ada, 3)], &[], begins(Some(ada), ALL, 3)),
        (&[(ada, 3), (bob, 5)], &[], begins(Some(ada), 5, 3)),
        (&[(ada, 3), (bob, 5)], &[ada], begins(Some(ada), 5, ALL)),
        (&[(ada, 3), (bob, 5)], &[bob], begins(Some(ada), ALL, 3)),
        (&[(ada, 3), (bob, 5)], &[ada, bob], begins(Some(ada), ALL, ALL)),
    ] {
        assert_eq!(Begins::of(Some(LowestReadMarks::of(marks)), erased), expected, "{marks:?} {erased:?}");
    }
    assert_eq!(Begins::of(None, &[]), begins(None, ALL, ALL));
}
