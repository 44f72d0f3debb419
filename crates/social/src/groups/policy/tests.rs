//! The rules of groups as tables.

use clowder_core::{Id, Input};
use serde_json::json;

use super::*;
use GroupVisibility::*;

const OWNER: Place = Place::member(Role::Owner);
const ADMIN: Place = Place::member(Role::Admin);
const MODERATOR: Place = Place::member(Role::Moderator);
const MEMBER: Place = Place::member(Role::Member);
const PENDING: Place = Place::of(Standing::Pending);
const INVITED: Place = Place::of(Standing::Invited);
const BANNED: Place = Place::of(Standing::Banned);

fn code<T: std::fmt::Debug>(verdict: Result<T>) -> &'static str {
    match verdict {
        Ok(_) => "",
        Err(Error::Refused(refusal) | Error::Explained { refusal, .. } | Error::TooEarly { refusal, .. }) => {
            refusal.code
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn who_sees_a_group() {
    for place in [OWNER, ADMIN, MODERATOR, MEMBER, INVITED, PENDING, BANNED, Place::NONE] {
        assert!(may_see(Public, place) && may_see(Closed, place));
        let concerned = place.is_member() || place == INVITED || place == PENDING;
        assert_eq!(may_see(Secret, place), concerned, "{place:?}");
        let list = |visibility, status| may_list(visibility, place, status).is_ok();
        assert!(list(Public, Standing::Member));
        assert_eq!(list(Closed, Standing::Member), place.is_member());
        assert_eq!(list(Public, Standing::Banned), is_staff(place));
    }
}

#[test]
fn join_table() {
    let limits = Limits { owned: 1, memberships: 5, members: 10, ..Limits::default() };
    let room = Room { members: 3, memberships: 2, limits };
    for (visibility, place, link, expected) in [
        (Public, Place::NONE, false, Ok(Way::Enter)),
        (Public, PENDING, false, Ok(Way::Enter)),
        (Public, MEMBER, false, Ok(Way::Stay)),
        (Public, BANNED, false, Err("group.banned")),
        (Closed, Place::NONE, false, Ok(Way::Ask)),
        (Closed, PENDING, false, Ok(Way::Stay)),
        (Closed, PENDING, true, Ok(Way::Enter)),
        (Closed, INVITED, false, Ok(Way::Enter)),
        (Closed, BANNED, true, Err("group.banned")),
        (Secret, INVITED, false, Ok(Way::Enter)),
        (Secret, Place::NONE, true, Ok(Way::Enter)),
        (Secret, OWNER, true, Ok(Way::Stay)),
    ] {
        let joined = join(visibility, place, link, room);
        match expected {
            Ok(way) => assert_eq!(joined.unwrap(), way, "{visibility:?} {place:?}"),
            Err(refused) => assert_eq!(code(joined), refused),
        }
    }
    let full = Room { members: 10, ..room };
    let busy = Room { memberships: 5, ..room };
    assert_eq!(code(join(Public, Place::NONE, false, full)), "group.full");
    assert_eq!(code(join(Public, MEMBER, false, full)), "", "who is in it stays");
    assert_eq!(code(join(Closed, INVITED, true, busy)), "group.memberships");
}

const DAY: i64 = 24 * 3600 * 1_000_000;

fn day(number: i64) -> Timestamp {
    Timestamp::from_micros(number * DAY)
}

#[test]
fn ask_table() {
    let free = AskFacts::default();
    for (facts, expected) in [
        (free, ""),
        (AskFacts { waiting: MOST_REQUESTS - 1, open: 49, today: 99, here_today: 4, rejected_at: Some(day(93)) }, ""),
        (AskFacts { rejected_at: Some(day(94)), ..free }, "group.too_soon"),
        // A clock that was ahead.
        (AskFacts { rejected_at: Some(day(300)), ..free }, "group.too_soon"),
        (AskFacts { open: MOST_OPEN, today: 100, ..free }, "group.requests_open"),
        (AskFacts { today: MOST_REQUESTS_A_DAY, ..free }, "group.requests_today"),
        (AskFacts { here_today: MOST_A_DAY_EACH, waiting: MOST_REQUESTS, ..free }, "group.requests_today"),
        (AskFacts { waiting: MOST_REQUESTS, ..free }, "group.requests"),
    ] {
        assert_eq!(code(may_ask(day(100), facts)), expected, "{facts:?}");
    }
    assert!(is_over(day(100), day(70)) && !is_over(day(100), day(71)) && !is_over(day(100), day(300)));
}

#[test]
fn roles_table() {
    for (actor, target, role, expected) in [
        (OWNER, MEMBER, Role::Admin, ""),
        (OWNER, ADMIN, Role::Member, ""),
        (ADMIN, MEMBER, Role::Moderator, ""),
        (ADMIN, MODERATOR, Role::Member, ""),
        (ADMIN, MEMBER, Role::Admin, "group.forbidden"),
        (ADMIN, ADMIN, Role::Member, "group.forbidden"),
        (MODERATOR, MEMBER, Role::Moderator, "group.forbidden"),
        (Place::NONE, MEMBER, Role::Member, "group.forbidden"),
        (OWNER, PENDING, Role::Member, "group.member_unknown"),
        (OWNER, MEMBER, Role::Owner, "group.transfer"),
        (OWNER, OWNER, Role::Owner, ""),
        (ADMIN, OWNER, Role::Member, "group.owner"),
    ] {
        assert_eq!(code(may_set_role(actor, target, role)), expected, "{actor:?} {target:?} {role:?}");
    }
}

#[test]
fn remove_and_ban_table() {
    for (actor, target, removed, banned) in [
        (OWNER, ADMIN, "", ""),
        (ADMIN, ADMIN, "group.forbidden", "group.forbidden"),
        (ADMIN, MODERATOR, "", ""),
        (MODERATOR, MODERATOR, "group.forbidden", "group.forbidden"),
        (MODERATOR, MEMBER, "", ""),
        (MODERATOR, INVITED, "", ""),
        (MODERATOR, PENDING, "group.member_unknown", ""),
        (MODERATOR, BANNED, "group.member_unknown", ""),
        (MODERATOR, Place::NONE, "group.member_unknown", ""),
        (ADMIN, OWNER, "group.owner", "group.owner"),
        (MEMBER, MEMBER, "group.forbidden", "group.forbidden"),
    ] {
        assert_eq!(code(may_remove(actor, target)), removed, "{actor:?} {target:?}");
        assert_eq!(code(may_ban(actor, target, 0)), banned, "{actor:?} {target:?}");
    }
    assert_eq!(code(may_ban(OWNER, MEMBER, MOST_BANS)), "group.bans");
    assert_eq!(code(may_ban(OWNER, BANNED, MOST_BANS)), "");
}

#[test]
fn owning_table() {
    let limits = Limits { owned: 2, ..Limits::default() };
    for (actor, target, owned, expected) in [
        (OWNER, MEMBER, 1, ""),
        (OWNER, MEMBER, 2, "group.limit"),
        (OWNER, OWNER, 2, ""),
        (OWNER, INVITED, 0, "group.member_unknown"),
        (ADMIN, MEMBER, 0, "group.forbidden"),
    ] {
        assert_eq!(code(may_transfer(actor, target, owned, limits)), expected);
    }
    assert_eq!((code(may_leave(OWNER)), code(may_leave(ADMIN)), code(may_leave(Place::NONE))), ("group.owner", "", ""));
    assert_eq!(
        (code(may_edit(ADMIN)), code(may_edit(MODERATOR)), code(may_own(ADMIN))),
        ("", "group.forbidden", "group.forbidden")
    );
}

#[test]
fn invite_table() {
    let now = day(100);
    let [inviter, ada, bob, eve, dan]: [UserId; 5] = std::array::from_fn(|_| Id::new(now));
    let known = |place| Known { place, declined_at: None, today: 0 };
    let facts = InviteFacts {
        inviter,
        people: vec![(inviter, known(OWNER)), (ada, known(MEMBER)), (bob, known(Place::NONE)), (eve, known(BANNED))],
        invited: MOST_INVITED - 1,
        today: MOST_INVITES_A_DAY - 1,
    };
    assert_eq!(invite(now, &[ada, bob, bob], &facts).unwrap(), [bob]);
    let wrong = |wanted: &[UserId], facts: &InviteFacts| -> Vec<(String, String)> {
        let Err(Error::Invalid(errors)) = invite(now, wanted, facts) else { panic!("must be refused") };
        errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect()
    };
    let expected = [("/user_ids/0", "user.unknown"), ("/user_ids/2", "banned"), ("/user_ids/3", "self")];
    let expected = expected.map(|(at, code)| (at.to_owned(), code.to_owned()));
    assert_eq!(wrong(&[dan, ada, eve, inviter], &facts), expected);
    let of_bob = |known| InviteFacts { people: vec![(bob, known)], ..facts.clone() };
    let too_soon = [("/user_ids/0".to_owned(), "too_soon".to_owned())];
    for (place, declined_at, today, is_invited) in [
        (Place::NONE, Some(day(93)), 4, true),
        (PENDING, None, 0, true),
        (Place::NONE, Some(day(94)), 0, false),
        (PENDING, None, 5, false),
    ] {
        let facts = of_bob(Known { place, declined_at, today });
        match is_invited {
            true => assert_eq!(invite(now, &[bob], &facts).unwrap(), [bob]),
            false => assert_eq!(wrong(&[bob], &facts), too_soon),
        }
    }
    // Whoever is invited already is left alone.
    let again = of_bob(Known { place: INVITED, declined_at: None, today: 5 });
    assert_eq!(invite(now, &[bob], &again).unwrap(), []);
    let full = InviteFacts { invited: MOST_INVITED, ..facts.clone() };
    assert_eq!(code(invite(now, &[bob], &full)), "group.invites");
    assert_eq!(code(invite(now, &[ada], &full)), "");
    let busy = InviteFacts { today: MOST_INVITES_A_DAY, ..facts };
    assert_eq!(code(invite(now, &[bob], &busy)), "group.invites_today");
    let new = |body| NewGroupInvite::from_json(body);
    let open = LinkFacts { revoked: false, expires_at: None, max_uses: None, uses: 9 };
    for (link, expected) in [
        (open, ""),
        (LinkFacts { revoked: true, ..open }, "group.invite_gone"),
        (LinkFacts { max_uses: Some(9), ..open }, "group.invite_gone"),
        (LinkFacts { max_uses: Some(10), ..open }, ""),
        (LinkFacts { expires_at: Some(now), ..open }, "group.invite_gone"),
    ] {
        assert_eq!(code(is_open(now, link)), expected);
    }
    assert_eq!(code(may_link(now, &new(json!({})).unwrap(), MOST_LINKS)), "group.invites");
    for body in [json!({"user_ids": []}), json!({"user_ids": null}), json!({"user_ids": [bob], "max_uses": 3})] {
        assert!(matches!(new(body.clone()), Err(Error::Invalid(_))), "{body}");
    }
}
