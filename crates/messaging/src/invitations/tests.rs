use clowder_core::Refusal;
use serde_json::json;

use super::*;
use crate::Rights;

fn seat(kind: ChatType, role: ChatRole) -> Seat {
    Seat { kind, role, rights: Rights::of(kind), of_group: false }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => "fine",
        Err(Error::Refused(Refusal { code, .. })) => code,
        Err(Error::Invalid(errors)) => match errors[0].code {
            std::borrow::Cow::Borrowed(code) => code,
            std::borrow::Cow::Owned(_) => panic!("{errors:?}"),
        },
        Err(other) => panic!("{other:?}"),
    }
}

fn new(value: serde_json::Value) -> NewInvite {
    NewInvite::from_json(value).unwrap()
}

#[test]
fn invite_table() {
    let now = Timestamp::from_micros(0).plus(PAUSE);
    let [ann, bob, cem, dan]: [UserId; 4] = std::array::from_fn(|_| Id::new(now));
    let facts = InviteFacts {
        now,
        people: vec![(ann, None), (bob, Some((Standing::Invited, now))), (cem, Some((Standing::Pending, now)))],
        present: vec![dan],
        invited: 0,
    };
    let owner = seat(ChatType::Group, ChatRole::Owner);
    let named = |ids: &[UserId]| new(json!({"user_ids": ids}));
    assert_eq!(invite(owner, &named(&[dan, ann, bob, cem, ann]), &facts).unwrap().0, [ann, cem]);
    assert_eq!(code(invite(owner, &named(&[Id::new(now)]), &facts)), "user.unknown");
    let early = Timestamp::from_micros(1);
    for (since, expected) in [(early, "too_soon"), (Timestamp::from_micros(0), "fine")] {
        let facts = InviteFacts { people: vec![(ann, Some((Standing::Declined, since)))], ..facts.clone() };
        assert_eq!(code(invite(owner, &named(&[ann]), &facts)), expected, "{since:?}");
    }
    let full = InviteFacts { invited: MOST_INVITED, ..facts.clone() };
    assert_eq!(
        (code(invite(owner, &named(&[ann]), &full)), code(invite(owner, &named(&[bob]), &full))),
        ("chat.invites", "fine")
    );
    for (kind, role, given, expected) in [
        (ChatType::Group, ChatRole::Member, None, "chat.forbidden"),
        (ChatType::Group, ChatRole::Admin, Some("admin"), "fine"),
        (ChatType::Group, ChatRole::Owner, Some("owner"), "unwanted"),
        (ChatType::Group, ChatRole::Owner, Some("subscriber"), "unwanted"),
        (ChatType::Channel, ChatRole::Owner, Some("subscriber"), "fine"),
        (ChatType::Private, ChatRole::Member, None, "chat.private"),
    ] {
        let new = new(json!({"user_ids": [ann], "role": given}));
        assert_eq!(code(invite(seat(kind, role), &new, &facts)), expected, "{kind:?} {role:?} {given:?}");
    }
}

#[test]
fn link_and_come_tables() {
    let (now, owner) = (Timestamp::from_micros(5), seat(ChatType::Channel, ChatRole::Owner));
    assert_eq!(link(owner, now, &new(json!({})), 0).unwrap(), ChatRole::Subscriber);
    assert_eq!(code(link(owner, now, &new(json!({})), MOST_LINKS)), "chat.invites");
    assert_eq!(code(link(owner, now, &new(json!({"expires_at": "1970-01-01T00:00:00Z"})), 0)), "past");
    let open = LinkFacts { revoked: false, expires_at: None, max_uses: None, uses: 0 };
    let gone = LinkFacts { revoked: true, ..open };
    for (facts, approval, waiting, requests, expected) in [
        (open, false, None, 0, Ok(Way::Enter)),
        (open, true, None, 0, Ok(Way::Ask)),
        (open, true, Some(Standing::Invited), 0, Ok(Way::Enter)),
        (open, true, Some(Standing::Declined), 0, Ok(Way::Ask)),
        (open, true, None, MOST_REQUESTS, Err("chat.requests")),
        (open, true, Some(Standing::Pending), MOST_REQUESTS, Ok(Way::Ask)),
        (gone, false, None, 0, Err("chat.link_gone")),
    ] {
        let way = come(now, facts, approval, waiting, requests).map_err(|error| code::<()>(Err(error)));
        assert_eq!(way, expected, "{facts:?} {approval} {waiting:?} {requests}");
    }
}

#[test]
fn is_open_and_decide_tables() {
    let now = Timestamp::from_micros(5);
    for (standing, expires_at, open) in [
        (Some(Standing::Invited), Some(Timestamp::from_micros(6)), true),
        (Some(Standing::Invited), Some(now), false),
        (Some(Standing::Declined), None, false),
        (None, None, false),
    ] {
        assert_eq!(is_open(now, standing, expires_at), open, "{standing:?} {expires_at:?}");
    }
    for (role, standing, expected) in [
        (ChatRole::Admin, Some(Standing::Pending), "fine"),
        (ChatRole::Admin, Some(Standing::Invited), "chat.request_unknown"),
        (ChatRole::Admin, None, "chat.request_unknown"),
        (ChatRole::Member, Some(Standing::Pending), "chat.forbidden"),
    ] {
        assert_eq!(code(decide(seat(ChatType::Group, role), standing)), expected, "{role:?} {standing:?}");
    }
}
