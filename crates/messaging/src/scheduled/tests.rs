//! Table tests of messages that are sent later.

use serde_json::{Value, json};

use super::*;
use crate::{
    ChatType, MessageType,
    refusals::{CHAT_CLOSED, CHAT_MUTED},
    relations::Target,
};

const NOW: &str = "2026-11-28T09:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn new(body: Value) -> NewMessage {
    NewMessage::from_json(body).unwrap()
}

fn facts() -> ScheduleFacts {
    ScheduleFacts {
        role: Some(ChatRole::Member),
        rights: Rights::of(ChatType::Group),
        closed: false,
        earlier: None,
        fingerprint: [1; 16],
        used: false,
        waiting: 4,
        most: 5,
        near: 19,
        targets: Targets::default(),
        author: Id::from_uuid(uuid::Uuid::nil()),
        files: Files::new(),
    }
}

fn decided(new: NewMessage, facts: &ScheduleFacts) -> Result<Verdict> {
    let first = first(&new);
    decide(now(), new, first, facts)
}

fn told<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Refused(refusal) | Error::Stale { refusal, .. }) => refusal.code.to_owned(),
        Err(Error::Invalid(errors)) => format!("{} {}", errors[0].pointer, errors[0].code),
        Err(other) => panic!("{other:?}"),
        Ok(_) => String::new(),
    }
}

#[test]
fn decide_table() {
    let later = || json!({"content": "hi", "send_at": "2026-11-28T10:00:00Z"});
    let id = ScheduledId::new(now());
    for (facts, refused) in [
        (facts(), ""),
        (ScheduleFacts { role: None, ..facts() }, "chat.unknown"),
        (ScheduleFacts { role: None, earlier: Some((id, [1; 16])), ..facts() }, "chat.unknown"),
        (ScheduleFacts { role: Some(ChatRole::Subscriber), ..facts() }, "chat.forbidden"),
        (ScheduleFacts { rights: Rights::NONE, ..facts() }, "chat.forbidden"),
        (ScheduleFacts { closed: true, ..facts() }, "chat.closed"),
        (ScheduleFacts { waiting: 5, ..facts() }, "scheduled.limit"),
        (ScheduleFacts { near: 20, ..facts() }, "scheduled.crowded"),
        (ScheduleFacts { waiting: 5, earlier: Some((id, [1; 16])), ..facts() }, ""),
        (ScheduleFacts { earlier: Some((id, [2; 16])), ..facts() }, "client_id.mismatch"),
        (ScheduleFacts { used: true, ..facts() }, "client_id.mismatch"),
    ] {
        assert_eq!(told(decided(new(later()), &facts)), refused, "{facts:?}");
    }
    let again = decided(new(later()), &ScheduleFacts { earlier: Some((id, [1; 16])), ..facts() });
    assert_eq!(again.unwrap(), Verdict::Repeat(id));
}

#[test]
fn times_table() {
    for (body, expected) in [
        (json!({"send_at": "2026-11-28T09:00:01Z"}), Ok("2026-11-28T09:00:01Z")),
        (json!({"send_at": NOW}), Err("/send_at past")),
        (json!({"send_at": "2027-11-29T09:00:00Z"}), Ok("2027-11-29T09:00:00Z")),
        (json!({"send_at": "2027-11-29T09:00:01Z"}), Err("/send_at too_late")),
        (json!({"send_at": "2026-11-28T10:00:00Z", "repeat": "FREQ=WEEKLY;BYDAY=MO"}), Ok("2026-11-30T10:00:00Z")),
        (
            json!({"send_at": "2026-11-28T23:30:00Z", "repeat": "FREQ=WEEKLY;BYDAY=SU", "time_zone": "Europe/Berlin"}),
            Ok("2026-11-28T23:30:00Z"),
        ),
        (json!({"send_at": "2026-11-28T10:00:00Z", "repeat": "FREQ=DAILY;UNTIL=20261101"}), Err("/repeat never")),
    ] {
        let mut whole = json!({"content": "hi"});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let decided = decided(new(whole), &facts());
        let decided = match decided {
            Ok(Verdict::New(planned)) => Ok(planned.send_at),
            other => Err(told(other)),
        };
        assert_eq!(decided, expected.map(at).map_err(str::to_owned), "{body}");
    }
}

#[test]
fn members_that_go_together() {
    for (body, wrong) in [
        (json!({}), "/content required"),
        (json!({"type": "image"}), "/attachments required"),
        (json!({"type": "image", "content": "x"}), "/attachments required"),
        (json!({"content": "x", "repeat": "FREQ=DAILY"}), "/repeat unwanted"),
        (json!({"content": "x", "time_zone": "UTC"}), "/time_zone unwanted"),
        (json!({"content": "x", "send_at": "soon"}), "/send_at time"),
        (json!({"content": "x", "send_at": NOW, "repeat": "FREQ=HOURLY"}), "/repeat repeat"),
        (json!({"content": "x", "send_at": NOW, "repeat": "FREQ=DAILY", "client_id": "1"}), "/repeat unwanted"),
    ] {
        assert_eq!(told(NewMessage::from_json(body.clone())), wrong, "{body}");
    }
    let past = NewMessage::from_json_at(json!({"content": "x", "send_at": NOW}), now());
    assert_eq!(told(past), "", "a repeated call may come after its time, so that is decided later");
}

fn stored(status: ScheduledStatus) -> Stored {
    let plan = Plan {
        kind: SentType::Text,
        content: "hi".to_owned(),
        attachments: Vec::new(),
        poll: None,
        client_id: None,
        lifetime: None,
        mentions: Vec::new(),
        reply_to: None,
        thread_of: None,
        repeat: Some("FREQ=DAILY".to_owned()),
        time_zone: "UTC".to_owned(),
        start: at("2026-11-20T10:00:00Z"),
    };
    let (author, files) = (Id::from_uuid(uuid::Uuid::nil()), Files::new());
    Stored { status, version: 3, plan, send_at: at("2026-11-28T10:00:00Z"), author, files }
}

#[test]
fn edit_table() {
    let patch = |body: Value| ScheduledPatch::from_json(body).unwrap();
    let named =
        |body: Value, targets: Targets| edit(now(), None, patch(body), &stored(ScheduledStatus::Waiting), targets);
    let edited = |body: Value| named(body, Targets::default());
    assert_eq!(edited(json!({})).unwrap(), None);
    assert_eq!(edited(json!({"content": "hi"})).unwrap(), None);
    let after = edited(json!({"content": "ho"})).unwrap().unwrap();
    assert_eq!((after.plan.content.as_str(), after.send_at), ("ho", at("2026-11-28T10:00:00Z")));
    let after = edited(json!({"repeat": null})).unwrap().unwrap();
    assert_eq!((after.plan.repeat, after.send_at), (None, at("2026-11-28T10:00:00Z")));
    let after = edited(json!({"repeat": "FREQ=WEEKLY;BYDAY=MO"})).unwrap().unwrap();
    assert_eq!(after.send_at, at("2026-11-30T10:00:00Z"));
    let after = edited(json!({"send_at": "2026-12-01T12:00:00Z"})).unwrap().unwrap();
    assert_eq!((after.plan.start, after.send_at), (at("2026-12-01T12:00:00Z"), at("2026-12-01T12:00:00Z")));
    assert_eq!(told(edited(json!({"send_at": NOW}))), "/send_at past");
    for (status, version, refused) in [
        (ScheduledStatus::Waiting, Some(3), ""),
        (ScheduledStatus::Waiting, Some(2), "scheduled.stale"),
        (ScheduledStatus::Sent, None, "scheduled.over"),
        (ScheduledStatus::Refused, None, "scheduled.over"),
        (ScheduledStatus::Cancelled, Some(3), "scheduled.over"),
    ] {
        let version = version.map(Versions::from);
        let decided =
            edit(now(), version.as_ref(), patch(json!({"content": "ho"})), &stored(status), Targets::default());
        assert_eq!(told(decided), refused, "{status:?} {version:?}");
    }
}

#[test]
fn what_it_names_can_be_changed() {
    let (ada, id) = (UserId::new(now()), MessageId::new(now()));
    let card = clowder_core::Card::new(ada, "ada".into(), "Ada".into());
    let target = Target {
        id,
        seq: 4,
        kind: MessageType::Text,
        deleted: false,
        expires_at: None,
        in_thread: false,
        is_root: false,
        sender: card,
        hidden: false,
        content: None,
    };
    let edited = |body: Value, before: &Stored, targets: Targets| {
        edit(now(), None, ScheduledPatch::from_json(body).unwrap(), before, targets)
    };
    let before = stored(ScheduledStatus::Waiting);
    let there = Targets { reply_to: Some(target.clone()), thread_of: Some(target.clone()) };
    let all = json!({"mentions": [ada], "reply_to": id, "thread_of": id});
    let after = edited(all, &before, there).unwrap().unwrap();
    assert_eq!(after.send_at, before.send_at, "it is sent when it would have been");
    let names = |plan: &Plan| (plan.mentions.clone(), plan.reply_to, plan.thread_of);
    assert_eq!(names(&after.plan), (vec![ada], Some(id), Some(id)));
    let before = Stored { plan: after.plan, ..before };
    // What it named before may be gone: that is decided when it is sent.
    let after = edited(json!({"content": "ho"}), &before, Targets::default()).unwrap().unwrap();
    assert_eq!(names(&after.plan), (vec![ada], Some(id), Some(id)));
    let none = json!({"mentions": null, "reply_to": null, "thread_of": null});
    let after = edited(none, &before, Targets::default()).unwrap().unwrap();
    assert_eq!(names(&after.plan), (Vec::new(), None, None));
    let inner = Target { in_thread: true, ..target };
    for (body, targets, wrong) in [
        (json!({"reply_to": id}), Targets::default(), "/reply_to no_message"),
        (json!({"thread_of": id}), Targets { thread_of: Some(inner), reply_to: None }, "/thread_of no_root"),
    ] {
        assert_eq!(told(edited(body.clone(), &before, targets)), wrong, "{body}");
    }
    assert_eq!(told(ScheduledPatch::from_json(json!({"mentions": vec![ada; 51]}))), "/mentions too_many");
}

#[test]
fn a_poll_waits_as_it_would_be_asked() {
    let (open, closing) = (json!({"options": ["a", "b"]}), |at: &str| json!({"options": ["a", "b"], "closes_at": at}));
    let body = |poll: Value| json!({"content": "?", "type": "poll", "poll": poll, "send_at": "2026-11-28T10:00:00Z"});
    let decided = |body: Value| {
        let message = NewMessage::from_json(body)?;
        let first = first(&message);
        match decide(now(), message, first, &facts())? {
            Verdict::New(planned) => Ok(planned.plan),
            other => panic!("{other:?}"),
        }
    };
    let plan = decided(body(closing("2026-11-28T11:00:00Z"))).unwrap();
    let message = plan.message().unwrap();
    assert_eq!((message.kind, message.poll.unwrap().options.len()), (Some(SentType::Poll), 2));
    for at in ["2026-11-28T09:30:00Z", "2026-11-28T10:00:00Z"] {
        assert_eq!(
            told(decided(body(closing(at)))),
            "/poll/closes_at past",
            "{at}: when it is sent, it would be closed"
        );
    }
    let mut daily = body(closing("2026-11-28T11:00:00Z"));
    daily["repeat"] = json!("FREQ=DAILY");
    assert_eq!(told(decided(daily.clone())), "/repeat unwanted");
    daily["poll"] = open.clone();
    assert!(decided(daily).is_ok());

    let before = Stored { version: 1, plan, ..stored(ScheduledStatus::Waiting) };
    let edited = |body: Value, before: &Stored| {
        edit(now(), None, ScheduledPatch::from_json(body).unwrap(), before, Targets::default())
    };
    for (patch, wrong) in [
        (json!({"mentions": [UserId::new(now())]}), "/mentions unwanted"),
        (json!({"content": "?".repeat(301)}), "/content too_long"),
        (json!({"repeat": "FREQ=DAILY"}), "/repeat unwanted"),
        (json!({"send_at": "2026-11-28T11:00:00Z"}), "/send_at too_late"),
        (json!({"poll": closing("2026-11-28T10:00:00Z")}), "/poll/closes_at past"),
        (json!({"poll": open, "content": "!", "send_at": "2026-11-28T11:00:00Z"}), ""),
    ] {
        assert_eq!(told(edited(patch.clone(), &before)), wrong, "{patch}");
    }
    let text = stored(ScheduledStatus::Waiting);
    assert_eq!(told(edited(json!({"poll": open}), &text)), "/poll unwanted");
    let late = Error::field("/poll/closes_at", "past", "must be in the future");
    let once = Plan { repeat: None, ..before.plan };
    assert_eq!(outcome(now(), &once, Err(late)).unwrap(), Outcome::Refused(POLL_CLOSED));
}

#[test]
fn a_rule_costs_more_than_a_message() {
    let patch = |body: Value| ScheduledPatch::from_json(body).unwrap().rows();
    let rule = json!({"content": "hi", "send_at": NOW, "repeat": "FREQ=DAILY"});
    assert_eq!((new(rule.clone()).rows(), patch(rule)), (100, 100));
    assert_eq!((new(json!({"content": "hi", "send_at": NOW})).rows(), patch(json!({"repeat": null}))), (1, 1));
}

#[test]
fn may_cancel_table() {
    for (status, version, expected) in [
        (ScheduledStatus::Waiting, None, Ok(true)),
        (ScheduledStatus::Waiting, Some(2), Err("scheduled.stale")),
        (ScheduledStatus::Cancelled, Some(2), Ok(false)),
        (ScheduledStatus::Sent, None, Err("scheduled.over")),
        (ScheduledStatus::Refused, None, Err("scheduled.over")),
    ] {
        let version = version.map(Versions::from);
        let decided = may_cancel(version.as_ref(), status, 3);
        assert_eq!(decided.map_err(|error| told::<()>(Err(error))), expected.map_err(str::to_owned), "{status:?}");
    }
}

#[test]
fn outcome_table() {
    let message = MessageId::new(now());
    let daily = stored(ScheduledStatus::Waiting).plan;
    let once = Plan { repeat: None, ..daily.clone() };
    let last = Plan { repeat: Some("FREQ=DAILY;COUNT=9".to_owned()), ..daily.clone() };
    let sent = |next: Option<&str>| Outcome::Sent(message, next.map(at));
    for (plan, now, expected) in [
        (&once, "2026-11-28T10:00:00Z", sent(None)),
        (&daily, "2026-11-28T10:00:00Z", sent(Some("2026-11-29T10:00:00Z"))),
        // No server ran for three days.
        (&daily, "2026-12-01T11:00:00Z", sent(Some("2026-12-02T10:00:00Z"))),
        (&last, "2026-11-27T10:00:00Z", sent(Some("2026-11-28T10:00:00Z"))),
        (&last, "2026-11-28T10:00:00Z", sent(None)),
    ] {
        assert_eq!(outcome(at(now), plan, Ok(message)).unwrap(), expected, "{plan:?} {now}");
    }
    let refused = outcome(now(), &once, Err(CHAT_CLOSED.into())).unwrap();
    assert_eq!(refused, Outcome::Refused(CHAT_CLOSED));
    let until = at("2026-11-28T09:05:00Z");
    let early = |refusal| outcome(now(), &daily, Err(Error::TooEarly { refusal, until })).unwrap();
    assert_eq!(early(MESSAGE_SLOW), Outcome::Later(until), "slow mode only delays it");
    let next = at("2026-11-28T10:00:00Z");
    assert_eq!(early(CHAT_MUTED), Outcome::Skipped(CHAT_MUTED, next), "the next time it may be possible");
    for (plan, refusal, expected) in [
        (&daily, CHAT_CLOSED, Outcome::Skipped(CHAT_CLOSED, next)),
        (&daily, CHAT_UNKNOWN, Outcome::Refused(CHAT_UNKNOWN)),
        (&once, CHAT_MUTED, Outcome::Refused(CHAT_MUTED)),
        (
            &Plan { repeat: Some("FREQ=DAILY;COUNT=1".to_owned()), ..daily.clone() },
            CHAT_CLOSED,
            Outcome::Refused(CHAT_CLOSED),
        ),
    ] {
        assert_eq!(outcome(now(), plan, Err(refusal.into())).unwrap(), expected, "{plan:?} {refusal:?}");
    }
    assert!(outcome(now(), &once, Err(Error::unavailable("busy"))).is_err(), "it is tried again");
    let body = Plan { client_id: Some("phone-1".to_owned()), ..once }.message().unwrap();
    assert_eq!((body.content.as_str(), body.client_id.unwrap().as_str()), ("hi", "phone-1"));
    assert_eq!(body.send_at, None);
}

#[test]
fn everybody_takes_turns() {
    let ([ada, bob], chat) = (std::array::from_fn(|_| UserId::new(now())), ChatId::new(now()));
    let (until, pause) = (at("2026-11-28T09:05:00Z"), Duration::from_secs(60));
    let mut turns = Turns::default();
    for (author, expected) in [
        (ada, "2026-11-28T09:05:00Z"),
        (ada, "2026-11-28T09:06:00Z"),
        (bob, "2026-11-28T09:05:00Z"),
        (ada, "2026-11-28T09:07:00Z"),
    ] {
        assert_eq!(turns.next(chat, author, until, pause), at(expected));
    }
    assert_eq!(turns.next(ChatId::new(now()), ada, until, pause), until, "each chat has its own");
}

#[test]
fn problems_have_the_titles_of_refusals() {
    assert_eq!(Problem::of("chat.closed".to_owned()).title, CHAT_CLOSED.title);
    for refusal in [refusals::OF_SCHEDULED, refusals::OF_EXPORTS, refusals::OF_IMPORTS].into_iter().flatten() {
        assert_eq!(Problem::of(refusal.code.to_owned()).title, refusal.title);
    }
    assert_eq!(Problem::of("chat.from_tomorrow".to_owned()).title, "");
}
