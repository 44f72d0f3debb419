//! Table tests of who comes, who goes, and who does what.

use clowder_core::{Id, Refusal, Timestamp};
use serde_json::json;

use super::*;
use crate::Rights;

const ROOM: Room = Room { people: 3, staff: 1, most: 10 };

fn seat(kind: ChatType, role: ChatRole) -> Seat {
    Seat { kind, role, rights: Rights::of(kind), of_group: false }
}

fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Option<Refusal> {
    match result {
        Err(Error::Refused(refusal) | Error::Explained { refusal, .. } | Error::Pointed { refusal, .. }) => {
            Some(refusal)
        }
        Err(Error::Invalid(_)) => Some(Refusal::new(clowder_core::Kind::Invalid, "invalid", "")),
        Err(other) => panic!("{other:?}"),
        Ok(_) => None,
    }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    refusal(result).map_or("fine", |refusal| refusal.code)
}

#[test]
fn add_table() {
    let now = Timestamp::from_micros(1);
    let [bob, cem, eve]: [UserId; 3] = std::array::from_fn(|_| Id::new(now));
    let facts = AddFacts {
        visible: vec![bob, cem],
        unwilling: vec![],
        banned: vec![],
        present: vec![],
        room: ROOM,
        busy: vec![],
        declined: vec![],
        left: vec![],
        strangers: Strangers::default(),
    };
    let new = |ids: &[UserId], role: Option<&str>| {
        NewParticipants::from_json(json!({"user_ids": ids, "role": role})).unwrap()
    };
    use ChatRole::{Admin, Member, Owner, Subscriber};
    use ChatType::{Channel, Group, Private};
    for (kind, own, role, expected) in [
        (Group, Owner, None, "fine"),
        (Group, Member, None, "fine"),
        (Group, Member, Some("admin"), "chat.forbidden"),
        (Group, Admin, Some("admin"), "fine"),
        (Group, Admin, Some("owner"), "chat.forbidden"),
        (Group, Owner, Some("owner"), "invalid"),
        (Group, Owner, Some("subscriber"), "invalid"),
        (Channel, Owner, Some("subscriber"), "fine"),
        (Channel, Admin, Some("member"), "fine"),
        (Channel, Member, None, "chat.forbidden"),
        (Channel, Subscriber, None, "chat.forbidden"),
        (Private, Member, None, "chat.private"),
    ] {
        assert_eq!(code(add(seat(kind, own), &new(&[bob], role), &facts)), expected, "{kind:?} {own:?} {role:?}");
    }
    let rights = Rights { add: true, invite: true, ..Rights::of(Channel) };
    let writer = Seat { rights, ..seat(Channel, Member) };
    for (role, expected) in [(None, "fine"), (Some("subscriber"), "fine"), (Some("member"), "chat.forbidden")] {
        assert_eq!(code(add(writer, &new(&[bob], role), &facts)), expected, "a member of a channel adds readers only");
    }
    let owner = seat(Group, Owner);
    let added = |ids: &[UserId], facts: &AddFacts| add(owner, &new(ids, None), facts).map(|(added, _)| added);
    assert_eq!(added(&[cem, bob, cem], &facts).unwrap(), [cem, bob]);
    assert_eq!(code(added(&[bob, eve], &facts)), "invalid");
    let there = AddFacts { present: vec![bob], visible: vec![cem], unwilling: vec![bob], ..facts.clone() };
    assert_eq!(added(&[bob, cem], &there).unwrap(), [cem], "who is there already is not decided about");
    assert_eq!(code(added(&[bob], &AddFacts { unwilling: vec![bob], ..facts.clone() })), "chat.not_wanted");
    let banned = AddFacts { banned: vec![bob], ..facts.clone() };
    assert!(matches!(added(&[bob], &banned), Err(Error::Invalid(errors)) if errors[0].code == "banned"));
    assert_eq!(code(added(&[bob], &AddFacts { busy: vec![bob], ..facts.clone() })), "chat.memberships");
    assert_eq!(code(added(&[bob], &AddFacts { declined: vec![bob], ..facts.clone() })), "invalid");
    let left = AddFacts { left: vec![bob], ..facts.clone() };
    assert_eq!(added(&[bob], &left).unwrap(), [bob], "friends can add them again");
    let unknown = Strangers { people: vec![bob, cem], today: 0, most: 2, often: vec![] };
    assert_eq!(code(added(&[bob], &AddFacts { strangers: unknown.clone(), ..left })), "invalid");
    for (strangers, expected) in [
        (unknown.clone(), "fine"),
        (Strangers { today: 1, ..unknown.clone() }, "chat.strangers_today"),
        (Strangers { people: vec![bob], today: 1, ..unknown.clone() }, "fine"),
        (Strangers { often: vec![cem], ..unknown }, "invalid"),
    ] {
        assert_eq!(code(added(&[bob, cem], &AddFacts { strangers, ..facts.clone() })), expected);
    }
    let full = AddFacts { room: Room { people: 9, ..ROOM }, ..facts.clone() };
    assert_eq!((code(added(&[bob], &full)), code(added(&[bob, cem], &full))), ("fine", "chat.full"));
    assert_eq!(code(add(seat(Channel, Owner), &new(&[bob, cem], None), &full)), "fine", "channels have room");
    let staffed = AddFacts { room: Room { staff: MOST_STAFF, ..ROOM }, ..facts };
    assert_eq!(code(add(owner, &new(&[bob], Some("admin")), &staffed)), "chat.full");
    assert_eq!(add(seat(Channel, Owner), &new(&[bob], None), &staffed).unwrap().1, Subscriber);
}

#[test]
fn add_wants_somebody_and_not_too_many() {
    let now = Timestamp::from_micros(1);
    let ids: Vec<UserId> = (0..=MOST_ADDED).map(|_| Id::new(now)).collect();
    for (count, expected) in [(0, false), (1, true), (MOST_ADDED, true), (MOST_ADDED + 1, false)] {
        assert_eq!(NewParticipants::from_json(json!({"user_ids": ids[..count]})).is_ok(), expected, "{count}");
    }
}

#[test]
fn set_role_table() {
    use ChatRole::{Admin, Member, Owner, Subscriber};
    use ChatType::{Channel, Group, Private};
    let facts = |held, own, owners| RoleFacts { held, own, owners, room: ROOM };
    for (kind, actor, held, own, owners, role, expected) in [
        (Group, Owner, Some(Member), false, 1, Admin, "true"),
        (Group, Owner, Some(Member), false, 1, Owner, "true"),
        (Group, Owner, Some(Admin), false, 1, Member, "true"),
        (Group, Owner, Some(Owner), false, 2, Member, "true"),
        (Group, Owner, Some(Owner), true, 1, Member, "chat.owner"),
        (Group, Owner, Some(Owner), true, 2, Member, "true"),
        (Group, Owner, Some(Member), false, 1, Member, "false"),
        (Group, Owner, None, false, 1, Member, "chat.participant_unknown"),
        (Group, Owner, Some(Member), false, 1, Subscriber, "invalid"),
        (Group, Admin, Some(Member), false, 1, Admin, "true"),
        (Group, Admin, Some(Member), false, 1, Owner, "chat.forbidden"),
        (Group, Admin, Some(Admin), false, 1, Member, "chat.forbidden"),
        (Group, Admin, Some(Owner), false, 2, Member, "chat.forbidden"),
        (Group, Admin, Some(Admin), true, 1, Member, "true"),
        (Group, Admin, Some(Admin), true, 1, Owner, "chat.forbidden"),
        (Group, Member, Some(Member), false, 1, Admin, "chat.forbidden"),
        (Group, Member, Some(Member), true, 1, Admin, "chat.forbidden"),
        (Group, Member, Some(Member), true, 1, Subscriber, "invalid"),
        (Channel, Admin, Some(Subscriber), false, 1, Member, "true"),
        (Channel, Member, Some(Member), true, 1, Subscriber, "true"),
        (Private, Member, Some(Member), true, 0, Subscriber, "chat.private"),
    ] {
        let decided = set_role(seat(kind, actor), role, facts(held, own, owners));
        let shown = decided.as_ref().ok().map_or_else(|| "", |changes| if *changes { "true" } else { "false" });
        let shown = if shown.is_empty() { code(decided) } else { shown };
        assert_eq!(shown, expected, "{kind:?} {actor:?} {held:?} {own} {owners} {role:?}");
    }
    let full = RoleFacts { room: Room { staff: MOST_STAFF, ..ROOM }, ..facts(Some(Member), false, 1) };
    assert_eq!(code(set_role(seat(Group, Owner), Admin, full)), "chat.full");
    let of_group = Seat { of_group: true, ..seat(Group, Admin) };
    assert_eq!(code(set_role(of_group, Member, facts(Some(Admin), true, 1))), "chat.of_group");
}

#[test]
fn may_remove_table() {
    use ChatRole::{Admin, Member, Owner, Subscriber};
    for (actor, held, owners, expected) in [
        (Owner, Some(Admin), 1, "fine"),
        (Owner, Some(Owner), 2, "fine"),
        (Owner, Some(Owner), 1, "chat.owner"),
        (Owner, None, 1, "chat.participant_unknown"),
        (Admin, Some(Admin), 1, "chat.forbidden"),
        (Admin, Some(Owner), 2, "chat.forbidden"),
        (Admin, Some(Member), 1, "fine"),
        (Member, Some(Member), 1, "chat.forbidden"),
    ] {
        assert_eq!(code(may_remove(seat(ChatType::Group, actor), held, owners)), expected, "{actor:?} {held:?}");
    }
    assert_eq!(code(may_remove(seat(ChatType::Channel, Admin), Some(Subscriber), 1)), "fine");
}

#[test]
fn join_tables() {
    for (visibility, of_group, joins) in [
        (ChatVisibility::Public, false, true),
        (ChatVisibility::Private, false, false),
        (ChatVisibility::Public, true, false),
    ] {
        assert_eq!(may_join(visibility, of_group).is_ok(), joins, "{visibility:?} {of_group}");
    }
    let full = Room { people: 10, ..ROOM };
    for (kind, room, memberships, expected) in [
        (ChatType::Group, ROOM, 0, "fine"),
        (ChatType::Group, full, 0, "chat.full"),
        (ChatType::Channel, full, 0, "fine"),
        (ChatType::Channel, full, 5, "chat.memberships"),
    ] {
        assert_eq!(code(join(kind, ChatRole::of_newcomers(kind), room, memberships, 5)), expected, "{kind:?}");
    }
}
