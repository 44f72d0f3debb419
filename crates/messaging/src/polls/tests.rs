//! The tables of the rules of polls.

use clowder_core::{Actor, Field, Id, Input, Role, Via};
use serde_json::{Value, json};

use super::*;
use crate::{
    Message, NewMessage, Rights, Status,
    mentions::Marks,
    policy::Seat,
    relations::{forwarded, may_forward},
};

const AT: Timestamp = Timestamp::from_micros(3);

fn wrong<I: Input + std::fmt::Debug>(body: Value) -> Vec<String> {
    match I::from_json(body) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(faults)) => faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_can_be_asked() {
    let many = |count: usize| (0..count).map(|n| format!("option {n}")).collect::<Vec<_>>();
    for (poll, expected) in [
        (json!({"options": ["a", "b"]}), vec![]),
        (json!({"options": many(12), "multiple": true, "most": 12}), vec![]),
        (json!({"options": ["a", "b"], "multiple": true, "most": 1, "anonymous": true}), vec![]),
        (json!({"options": ["a", "A"], "multiple": null, "most": null}), vec![]),
        (json!({}), vec!["/options required"]),
        (json!({"options": []}), vec!["/options too_few"]),
        (json!({"options": ["a"]}), vec!["/options too_few"]),
        (json!({"options": many(13)}), vec!["/options too_many"]),
        (json!({"options": ["a", "b", "a"]}), vec!["/options/2 distinct"]),
        (json!({"options": ["a", " a "]}), vec!["/options/1 distinct"]),
        (json!({"options": ["\u{e9}", "e\u{301}"]}), vec!["/options/1 distinct"]),
        (json!({"options": ["a", ""]}), vec!["/options/1 required"]),
        (json!({"options": ["a", "\u{200b}"]}), vec!["/options/1 required"]),
        (json!({"options": ["a", "b\nc"]}), vec!["/options/1 control_character"]),
        (json!({"options": ["a", "x".repeat(101)]}), vec!["/options/1 too_long"]),
        (json!({"options": ["a", "b"], "most": 1}), vec!["/most unwanted"]),
        (json!({"options": ["a", "b"], "multiple": true, "most": 0}), vec!["/most range"]),
        (json!({"options": ["a", "b"], "multiple": true, "most": 3}), vec!["/most range"]),
    ] {
        assert_eq!(wrong::<NewPoll>(poll.clone()), expected, "{poll}");
    }
    let two = || json!({"options": ["a", "b"]});
    for (message, expected) in [
        (json!({"content": "?", "type": "poll", "poll": two()}), vec![]),
        (json!({"content": "?", "type": "text"}), vec![]),
        (json!({"content": "?", "type": "system"}), vec!["/type choice"]),
        (json!({"content": "?", "type": "voice", "attachments": ["x"]}), vec!["/attachments/0 uuid"]),
        (json!({"content": "?", "attachments": []}), vec![]),
        (json!({"content": "?", "attachments": null}), vec![]),
        (json!({"content": "?", "type": "poll"}), vec!["/poll required"]),
        (json!({"content": "?", "type": "text", "poll": two()}), vec!["/poll unwanted"]),
        (json!({"content": "?", "poll": two()}), vec!["/poll unwanted"]),
        (json!({"content": "?".repeat(300), "type": "poll", "poll": two()}), vec![]),
        (json!({"content": "?".repeat(301), "type": "poll", "poll": two()}), vec!["/content too_long"]),
        (json!({"content": "?", "type": "poll", "poll": {"options": ["a"]}}), vec!["/poll/options too_few"]),
        (json!({"content": "?", "type": "poll", "poll": two(), "send_at": "2027-01-01T00:00:00Z"}), vec![]),
        (
            json!({"content": "?", "type": "poll", "poll": two(), "mentions": [UserId::new(AT)]}),
            vec!["/mentions unwanted"],
        ),
        (json!({"type": "poll", "poll": two()}), vec!["/content required"]),
    ] {
        assert_eq!(wrong::<NewMessage>(message.clone()), expected, "{message}");
    }
    for (vote, expected) in [
        (json!({"options": []}), vec![]),
        (json!({"options": [0, 11, 0]}), vec![]),
        (json!({"options": [12]}), vec!["/options/0 range"]),
        (json!({"options": [0, -1]}), vec!["/options/1 range"]),
        (json!({"options": ["a"]}), vec!["/options/0 type"]),
        (json!({}), vec!["/options required"]),
    ] {
        assert_eq!(wrong::<NewVote>(vote.clone()), expected, "{vote}");
    }
}

#[test]
fn filters_see_all_that_is_asked() {
    let new = json!({"content": "a?", "type": "poll", "poll": {"options": ["b", "c"]}});
    assert_eq!(NewMessage::from_json(new).unwrap().said(), "a?\nb\nc");
    assert_eq!(NewMessage::from_json(json!({"content": "a"})).unwrap().said(), "a");
}

fn poll(multiple: bool, most: Option<i64>, closes_at: Option<i64>) -> Result<Box<Poll>> {
    let options = ["a", "b", "c"].map(|text| OptionText::parse(json!(text)).unwrap()).to_vec();
    let closes_at = closes_at.map(Timestamp::from_micros);
    ask(Timestamp::from_micros(5), NewPoll { options, multiple, most, anonymous: false, closes_at })
}

#[test]
fn how_many_can_be_chosen_and_until_when() {
    for (multiple, most, expected) in [(false, None, 1), (true, None, 3), (true, Some(2), 2), (true, Some(1), 1)] {
        assert_eq!(poll(multiple, most, None).unwrap().most, expected);
    }
    let year = 366 * 24 * 3600 * 1_000_000;
    for (at, expected) in [(4, "past"), (5, "past"), (6, ""), (5 + year, ""), (6 + year, "too_late")] {
        let code = match poll(false, None, Some(at)) {
            Ok(_) => String::new(),
            Err(Error::Invalid(faults)) => faults[0].code.to_string(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(code, expected, "{at}");
    }
    let mut asked = poll(false, None, Some(9)).unwrap();
    asked.end(Timestamp::from_micros(8));
    assert_eq!(asked.closed_at, None);
    asked.end(Timestamp::from_micros(9));
    assert_eq!(asked.closed_at, asked.closes_at, "it is closed from that moment on");
    asked.closed_at = Some(Timestamp::from_micros(7));
    asked.end(Timestamp::from_micros(20));
    assert_eq!(asked.closed_at, Some(Timestamp::from_micros(7)), "closed by hand before");
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(found) => format!("{found:?}"),
        Err(Error::Refused(refusal)) => refusal.code.to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn choices_of_a_ballot() {
    let ballot = Ballot::from(&*poll(true, Some(2), None).unwrap());
    for (options, expected) in [
        (&[][..], "[]"),
        (&[0], "[0]"),
        (&[2, 0], "[0, 2]"),
        (&[1, 1], "[1]"),
        (&[0, 1, 2], "poll.choices"),
        (&[3], "poll.choices"),
        (&[11], "poll.choices"),
    ] {
        assert_eq!(code(ballot.choices(options).map(Choices::indexes)), expected, "{options:?}");
    }
    let single = Ballot::from(&*poll(false, None, None).unwrap());
    assert_eq!(code(single.choices(&[0, 1])), "poll.choices");
    assert_eq!(code(single.choices(&[1]).map(Choices::indexes)), "[1]");
}

#[test]
fn votes_are_counted() {
    let mut tally = Tally { votes: vec![0, 0, 0], ..Tally::default() };
    let of = Choices::of;
    for (before, after, votes, voters) in [
        (of(&[]), of(&[0, 2]), [1, 0, 1], 1),
        (of(&[]), of(&[0]), [2, 0, 1], 2),
        (of(&[0, 2]), of(&[1, 2]), [1, 1, 1], 2),
        (of(&[0]), of(&[]), [0, 1, 1], 1),
        (of(&[1, 2]), of(&[]), [0, 0, 0], 0),
    ] {
        tally.change(before, after);
        assert_eq!((tally.votes.as_slice(), tally.voters), (&votes[..], voters));
    }
}

#[test]
fn decide_table() {
    let none = Choices::NONE;
    let (one, other) = (Choices::of(&[0]), Choices::of(&[1]));
    let plain =
        VoteFacts { role: Some(ChatRole::Subscriber), closed: false, deleted: false, ended: false, before: none };
    let voted = VoteFacts { before: one, ..plain };
    for (facts, vote, change, back) in [
        (plain, "true", "true", "false"),
        (voted, "false", "true", "true"),
        (VoteFacts { role: None, ..plain }, "message.unknown", "message.unknown", "message.unknown"),
        (VoteFacts { role: None, deleted: true, ..plain }, "message.unknown", "message.unknown", "message.unknown"),
        (VoteFacts { deleted: true, ..voted }, "message.deleted", "message.deleted", "message.deleted"),
        (VoteFacts { ended: true, ..plain }, "poll.closed", "poll.closed", "false"),
        (VoteFacts { ended: true, ..voted }, "false", "poll.closed", "poll.closed"),
        (VoteFacts { closed: true, ..plain }, "chat.closed", "chat.closed", "false"),
        (VoteFacts { closed: true, ..voted }, "false", "chat.closed", "true"),
    ] {
        let decided = [one, other, none].map(|after| code(decide(facts, after)));
        assert_eq!(decided, [vote, change, back], "{facts:?}");
    }
}

fn message(sender: UserId, kind: MessageType, poll: Option<Box<Poll>>) -> Message {
    Message {
        id: Id::new(AT),
        chat_id: Id::new(AT),
        seq: 1,
        kind,
        sender: Card::new(sender, "ada".into(), "Ada".into()),
        content: Some("?".into()),
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
        created_at: AT,
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
        poll,
    }
}

#[test]
fn who_closes() {
    let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(AT));
    let ctx = |id| Ctx::new(Actor::User { id, via: Via::Session(Id::new(AT)), role: Role::User }, AT, "test");
    let seat = |kind, role| Some(Seat { kind, role, rights: Rights::of(kind), of_group: false });
    let message = |kind, poll| message(ada, kind, poll);
    let facts = |seat, message, closed| EditFacts {
        message,
        seat,
        closed,
        marks: Marks::default(),
        files: crate::attachments::Files::new(),
    };
    let (group, channel) = (ChatType::Group, ChatType::Channel);
    let asked = || Some(poll(false, None, None).unwrap());
    let over = || {
        asked().map(|mut poll| {
            poll.closed_at = Some(AT);
            poll
        })
    };
    let poll = MessageType::Poll;
    for (caller, seat, kind, shown, expected) in [
        (ada, seat(group, ChatRole::Member), poll, asked(), "None"),
        (bob, seat(group, ChatRole::Member), poll, asked(), "poll.forbidden"),
        (bob, seat(group, ChatRole::Admin), poll, asked(), "None"),
        (bob, seat(channel, ChatRole::Owner), poll, asked(), "None"),
        (bob, seat(channel, ChatRole::Subscriber), poll, asked(), "poll.forbidden"),
        (ada, None, poll, asked(), "message.unknown"),
        (ada, seat(group, ChatRole::Member), MessageType::Text, None, "poll.unknown"),
        (ada, seat(group, ChatRole::Member), poll, None, "message.deleted"),
    ] {
        assert_eq!(code(decide_close(&ctx(caller), &facts(seat, message(kind, shown), false))), expected);
    }
    let own = seat(group, ChatRole::Member);
    let again = decide_close(&ctx(ada), &facts(own, message(poll, over()), false));
    assert_eq!(again.unwrap(), Some(AT), "twice is fine");
    let private = seat(ChatType::Private, ChatRole::Member);
    let blocked = |poll| facts(private, message(MessageType::Poll, poll), true);
    assert_eq!(code(decide_close(&ctx(ada), &blocked(asked()))), "chat.closed");
    assert_eq!(decide_close(&ctx(ada), &blocked(over())).unwrap(), Some(AT));
}

#[test]
fn an_open_poll_is_forwarded_without_its_votes() {
    let now = Timestamp::from_micros(5_000);
    for (multiple, most) in [(false, None), (true, None), (true, Some(2))] {
        let asked = poll(multiple, most, Some(9_000)).unwrap();
        let mut voted = asked.clone();
        voted.count(&Tally { votes: vec![2, 1, 0], voters: 2, closed_at: None });
        voted.mark(Choices::of(&[1]));
        let message = message(Id::new(AT), MessageType::Poll, Some(voted));
        may_forward(&message, now).unwrap();
        let new = forwarded(&message).unwrap();
        assert_eq!((new.kind, new.content.as_str()), (Some(SentType::Poll), "?"));
        assert_eq!(ask(now, *new.poll.unwrap()).unwrap(), asked, "the same question");
    }
    let by_hand = || {
        let mut poll = poll(false, None, None).unwrap();
        poll.closed_at = Some(AT);
        poll
    };
    for over in [poll(false, None, Some(6_000)).unwrap(), by_hand()] {
        let message = message(Id::new(AT), MessageType::Poll, Some(over));
        assert_eq!(code(may_forward(&message, Timestamp::from_micros(6_000))), "message.not_forwardable");
    }
}

#[test]
fn who_is_told_of_whom() {
    let voted = Voted {
        chat_id: Id::new(AT),
        message_id: Id::new(AT),
        seq: 1,
        votes: vec![1, 0],
        voters: 1,
        user_id: Some(Id::new(AT)),
        options: Some(vec![0]),
    };
    for (kind, anonymous, expected) in [
        (ChatType::Group, false, vec![(Audience::Chat, true)]),
        (ChatType::Private, false, vec![(Audience::Chat, true)]),
        (ChatType::Channel, false, vec![(Audience::Chat, false), (Audience::Own, true)]),
        (ChatType::Group, true, vec![(Audience::Chat, false)]),
        (ChatType::Channel, true, vec![(Audience::Chat, false)]),
    ] {
        let told = voted.clone().told(kind, anonymous);
        assert!(told.iter().all(|(voted, _)| voted.user_id.is_some() == voted.options.is_some()));
        let told: Vec<_> = told.into_iter().map(|(voted, to)| (to, voted.user_id.is_some())).collect();
        assert_eq!(told, expected, "{kind:?} {anonymous}");
    }
}
