//! The table of rules, held against changes as they are in the journal.

use std::sync::Arc;

use clowder_core::{Follow, Timestamp, Topic, TopicKind, follow::Step};
use serde_json::{json, value::to_raw_value};

use super::*;

const ADA: &str = "018f0000-0000-7000-8000-00000000000a";
const BOB: &str = "018f0000-0000-7000-8000-00000000000b";
const THING: &str = "018f0000-0000-7000-8000-0000000000ff";

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

fn thing<T>() -> Id<T> {
    THING.parse().unwrap()
}

fn change(name: &str, topic: Topic, follow: Option<Follow>, data: &Value) -> Recorded {
    Recorded {
        stream: 0,
        position: 1,
        topic,
        name: name.into(),
        actor: None,
        subject: Some(user(BOB).uuid()),
        follow,
        seq: None,
        at: Timestamp::from_micros(0),
        data: Arc::from(to_raw_value(data).unwrap()),
    }
}

/// As what and of whom somebody is told.
fn told(name: &str, to: &str, data: &Value) -> Vec<(NotificationType, Option<UserId>)> {
    let rules = about(name).filter_map(|rule| match rule.who {
        Who::Told(read) => read(user(to), data, Timestamp::from_micros(0)).map(|about| (rule.kind, about.actor)),
        _ => None,
    });
    rules.collect()
}

#[test]
fn who_is_told_of_what() {
    use NotificationType as T;
    let request = |status: &str| json!({"id": THING, "from": {"id": ADA}, "to": {"id": BOB}, "status": status});
    let invited = |thing: &str| json!({thing: THING, "user_id": BOB, "invited_by": ADA, "expires_at": "2026-12-01T00:00:00.000Z"});
    let asked = |thing: &str| json!({thing: THING, "user_id": BOB});
    for (name, to, data, expected) in [
        ("friend_request", BOB, request("pending"), vec![(T::FriendRequest, Some(user(ADA)))]),
        ("friend_request", ADA, request("pending"), vec![]),
        ("friend_request", ADA, request("accepted"), vec![(T::FriendAccepted, Some(user(BOB)))]),
        ("friend_request", BOB, request("accepted"), vec![]),
        ("friend_request", ADA, request("rejected"), vec![]),
        ("friend_request", BOB, json!(null), vec![]),
        ("chat.invited", BOB, invited("chat_id"), vec![(T::ChatInvited, Some(user(ADA)))]),
        ("chat.invited", ADA, invited("chat_id"), vec![]),
        ("chat.requested", ADA, asked("chat_id"), vec![(T::ChatRequest, Some(user(BOB)))]),
        ("group.invited", BOB, invited("group_id"), vec![(T::GroupInvited, Some(user(ADA)))]),
        ("group.requested", ADA, asked("group_id"), vec![(T::GroupRequest, Some(user(BOB)))]),
        ("report.decided", ADA, json!({"report_id": THING}), vec![(T::ReportDecided, None)]),
        ("statement.issued", ADA, json!({"statement_id": THING}), vec![(T::ReportDecided, None)]),
        ("webhook.updated", ADA, json!({"webhook_id": THING, "disabled_reason": "gone"}), vec![(T::System, None)]),
        ("webhook.updated", ADA, json!({"webhook_id": THING, "disabled_reason": "owner"}), vec![]),
        ("webhook.updated", ADA, json!({"webhook_id": THING, "disabled_reason": null}), vec![]),
        ("chat.updated", ADA, json!({"id": THING}), vec![]),
    ] {
        assert_eq!(told(name, to, &data), expected, "{name} to {to}: {data}");
    }
}

#[test]
fn what_ends_what() {
    let (ada, bob) = (user(ADA), user(BOB));
    let own = Topic::user(ada);
    let chat = Topic::new(TopicKind::new("chat"), thing::<()>());
    let step = |step| Some(Follow { user: ada, topic: chat, step });
    let request = |status: &str| json!({"id": THING, "status": status});
    let asked = Ended::Source { user: ada, kind: NotificationType::FriendRequest, source: thing() };
    let read = json!({"chat_id": THING, "user_id": ADA, "seq": 7});
    let invited = Ended::Target { user: ada, kind: NotificationType::ChatInvited, target: thing(), actor: None };
    let wanted = Ended::Target { user: ada, kind: NotificationType::ChatRequest, target: thing(), actor: Some(bob) };
    for (name, topic, follow, data, expected) in [
        ("message.deleted", chat, None, json!({"message_id": THING}), Some((Ended::Message(thing()), How::Gone))),
        ("message.read", chat, None, read, Some((Ended::Read { user: ada, chat: thing(), seq: 7 }, How::Read))),
        ("friend_request", own, None, request("pending"), None),
        ("friend_request", own, None, request("accepted"), Some((asked.clone(), How::Read))),
        ("friend_request", own, None, request("cancelled"), Some((asked, How::Gone))),
        ("chat.created", own, step(Step::Enter), json!({}), Some((invited.clone(), How::Read))),
        ("chat.uninvited", own, None, json!({"chat_id": THING, "user_id": ADA}), Some((invited, How::Gone))),
        ("chat.uninvited", own, None, json!({"chat_id": THING, "user_id": BOB}), None),
        ("chat.decided", own, None, json!({"chat_id": THING, "user_id": BOB}), Some((wanted, How::Gone))),
        (
            "chat.deleted",
            own,
            step(Step::Leave),
            json!({}),
            Some((Ended::Chat { user: ada, chat: thing() }, How::Gone)),
        ),
        ("block.added", own, None, json!({}), Some((Ended::Between(ada, bob), How::Gone))),
        ("message.sent", chat, None, json!({"id": THING}), None),
    ] {
        assert_eq!(ended(&change(name, topic, follow, &data), &data), expected, "{name}: {data}");
    }
}

#[test]
fn what_happens_again_is_told_again() {
    let at = |time: &str| at_time(Uuid::nil(), user(ADA), &json!(time));
    assert_eq!(at("2026-12-01T00:00:00.000Z"), at("2026-12-01T00:00:00.000Z"));
    assert_ne!(at("2026-12-01T00:00:00.000Z"), at("2026-12-01T00:00:00.001Z"));
}

#[test]
fn what_is_gathered() {
    use NotificationType as T;
    let about = About { source: thing(), actor: None, target: (TargetType::Message, thing()), chat: Some(user_id()) };
    let message: MessageId = BOB.parse().unwrap();
    for (kind, message, chat, key) in [
        (T::MessageMention, Some(message), true, format!("message.mention:{ADA}")),
        (T::MessageReaction, Some(message), true, format!("message.reaction:{BOB}")),
        (T::FriendRequest, None, false, format!("friend.request:{THING}")),
        (T::GroupRequest, None, false, format!("group.request:{THING}")),
    ] {
        let about = About { chat: about.chat.filter(|_| chat), ..about };
        assert_eq!(group_key(kind, &about, message), key);
    }
}

fn user_id<T>() -> Id<T> {
    ADA.parse().unwrap()
}
