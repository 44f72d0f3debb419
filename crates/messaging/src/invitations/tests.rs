//! Table tests of invitations.

use clowder_core::{Refusal, attempt::AGAIN_AFTER};
use serde_json::json;

use super::*;
use crate::Rights;

fn seat(kind: ChatType, role: ChatRole) -> Seat {
    Seat { kind, role, rights: Rights::of(kind), of_group: false }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => "fine",
        Err(
            Error::Refused(Refusal { code, .. })
            | Error::Explained { refusal: Refusal { code, .. }, .. }
            | Error::TooEarly { refusal: Refusal { code, .. }, .. },
        ) => code,
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
fn members_reach_what_they_have_made() {
    let may = Rights { invite: true, ..Rights::of(ChatType::Group) };
    let may_not = Rights { invite: false, ..may };
    for (role, rights, expected) in [
        (ChatRole::Owner, may_not, Ok(Reach::All)),
        (ChatRole::Admin, may_not, Ok(Reach::All)),
        (ChatRole::Member, may, Ok(Reach::Own)),
        (ChatRole::Member, may_not, Err("chat.forbidden")),
    ] {
        let found = reach(Seat { rights, ..seat(ChatType::Group, role) });
        let found = found.map_err(|error| code(Err::<(), _>(error)));
        assert_eq!(found, expected, "{role:?} {rights:?}");
    }
}

#[test]
fn invite_table() {
    let now = Timestamp::from_micros(0).plus(AGAIN_AFTER);
    let [me, ann, bob, cem, dan]: [UserId; 5] = std::array::from_fn(|_| Id::new(now));
    let standing = |standing| Known { standing: Some(standing), ..Known::default() };
    let people = vec![
        (me, Known::default()),
        (ann, Known::default()),
        (bob, standing(Standing::Invited)),
        (cem, standing(Standing::Pending)),
        (dan, Known::default()),
    ];
    let facts = InviteFacts { now, inviter: me, people, present: vec![dan], unwilling: vec![], invited: 0, today: 0 };
    let owner = seat(ChatType::Group, ChatRole::Owner);
    let named = |ids: &[UserId]| new(json!({"user_ids": ids}));
    assert_eq!(invite(owner, &named(&[dan, ann, bob, cem, ann]), &facts).unwrap().0, [ann, cem]);
    let rights = Rights { invite: true, ..Rights::of(ChatType::Group) };
    let member = Seat { rights, ..seat(ChatType::Group, ChatRole::Member) };
    assert_eq!(
        invite(member, &named(&[ann, cem]), &facts).unwrap().0,
        [ann],
        "a request stays for those who decide it"
    );
    assert_eq!(code(invite(owner, &named(&[Id::new(now)]), &facts)), "user.unknown");
    assert_eq!(code(invite(owner, &named(&[me]), &facts)), "self");
    let alone = InviteFacts { unwilling: vec![ann, cem, dan], ..facts.clone() };
    assert!(matches!(
        invite(owner, &named(&[ann]), &alone),
        Err(Error::Pointed { refusal: crate::refusals::CHAT_NOT_WANTED, .. })
    ));
    assert_eq!(invite(owner, &named(&[dan, cem]), &alone).unwrap().0, [cem], "who has asked to come wants it");
    for (declined, today, expected) in [(Some(1), 0, "too_soon"), (Some(0), 0, "fine"), (None, 5, "too_soon")] {
        let known = Known { declined_at: declined.map(Timestamp::from_micros), today, ..Known::default() };
        let facts = InviteFacts { people: vec![(ann, known)], ..facts.clone() };
        assert_eq!(code(invite(owner, &named(&[ann]), &facts)), expected, "{known:?}");
    }
    for (invited, today, expected) in [
        (MOST_INVITED, 0, "chat.invites"),
        (MOST_INVITED - 1, MOST_INVITES_A_DAY - 1, "fine"),
        (0, MOST_INVITES_A_DAY, "chat.invites_today"),
    ] {
        let full = InviteFacts { invited, today, ..facts.clone() };
        assert_eq!(code(invite(owner, &named(&[ann]), &full)), expected, "{invited} {today}");
        assert_eq!(code(invite(owner, &named(&[bob]), &full)), "fine", "nobody new");
    }
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
    for (facts, approval, waiting, expected) in [
        (open, false, None, Ok(Way::Enter)),
        (open, true, None, Ok(Way::Ask)),
        (open, true, Some(Standing::Invited), Ok(Way::Enter)),
        (open, true, Some(Standing::Pending), Ok(Way::Ask)),
        (gone, false, None, Err("chat.link_gone")),
        (gone, true, None, Err("chat.link_gone")),
        (gone, true, Some(Standing::Pending), Ok(Way::Ask)),
        (gone, false, Some(Standing::Pending), Err("chat.link_gone")),
    ] {
        let way = come(now, facts, approval, waiting).map_err(|error| code::<()>(Err(error)));
        assert_eq!(way, expected, "{facts:?} {approval} {waiting:?}");
    }
}

#[test]
fn may_ask_and_decide_tables() {
    let (now, free) = (Timestamp::from_micros(5), AskFacts::default());
    for (facts, expected) in [
        (free, "fine"),
        (AskFacts { waiting: MOST_REQUESTS, ..free }, "chat.requests"),
        (AskFacts { open: 50, ..free }, "chat.requests_open"),
        (AskFacts { here_today: 5, ..free }, "chat.requests_today"),
        (AskFacts { rejected_at: Some(now), ..free }, "chat.too_soon"),
    ] {
        let asked = may_ask(now, facts);
        assert_eq!(asked.as_ref().is_err_and(asks_too_much), expected != "fine", "{facts:?}");
        assert_eq!(code(asked), expected, "{facts:?}");
    }
    for (role, standing, expected) in [
        (ChatRole::Admin, Some(Standing::Pending), "fine"),
        (ChatRole::Admin, Some(Standing::Invited), "chat.request_unknown"),
        (ChatRole::Admin, None, "chat.request_unknown"),
        (ChatRole::Member, Some(Standing::Pending), "chat.forbidden"),
    ] {
        assert_eq!(code(may_decide(seat(ChatType::Group, role), standing)), expected, "{role:?} {standing:?}");
    }
}

#[test]
fn nobody_lets_others_in_with_more_than_they_may_give() {
    for (kind, role, asked, expected) in [
        (ChatType::Group, ChatRole::Admin, ChatRole::Member, ChatRole::Member),
        (ChatType::Group, ChatRole::Admin, ChatRole::Admin, ChatRole::Admin),
        (ChatType::Group, ChatRole::Admin, ChatRole::Owner, ChatRole::Member),
        (ChatType::Group, ChatRole::Member, ChatRole::Admin, ChatRole::Member),
        (ChatType::Channel, ChatRole::Member, ChatRole::Admin, ChatRole::Subscriber),
    ] {
        assert_eq!(admitted(seat(kind, role), asked), expected, "{kind:?} {role:?} {asked:?}");
    }
}
