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
        Err(Error::Refused(refusal)) => refusal.code,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn who_sees_a_group() {
    for place in [OWNER, ADMIN, MODERATOR, MEMBER, INVITED, PENDING, BANNED, Place::NONE] {
        assert!(may_see(Public, place) && may_see(Closed, place));
        let concerned = place.is_member() || place == INVITED;
        assert_eq!(may_see(Secret, place), concerned, "{place:?}");
        let list = |visibility, status| may_list(visibility, place, status).is_ok();
        assert!(list(Public, Standing::Member));
        assert_eq!(list(Closed, Standing::Member), place.is_member());
        assert_eq!(list(Public, Standing::Banned), is_staff(place));
    }
}

#[test]
fn join_table() {
    let limits = Limits { owned: 1, memberships: 5, members: 10 };
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
        let joined = join(visibility, place, link, room, 0);
        match expected {
            Ok(way) => assert_eq!(joined.unwrap(), way, "{visibility:?} {place:?}"),
            Err(refused) => assert_eq!(code(joined), refused),
        }
    }
    let full = Room { members: 10, ..room };
    let busy = Room { memberships: 5, ..room };
    assert_eq!(code(join(Public, Place::NONE, false, full, 0)), "group.full");
    assert_eq!(code(join(Public, MEMBER, false, full, 0)), "", "who is in it stays");
    assert_eq!(code(join(Closed, INVITED, true, busy, 0)), "group.memberships");
    assert_eq!(code(join(Closed, Place::NONE, false, room, MOST_REQUESTS)), "group.requests");
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
        (OWNER, MEMBER, Role::Owner, "group.owner"),
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
    let now = Timestamp::from_micros(1_000_000);
    let [ada, bob, eve, dan]: [UserId; 4] = std::array::from_fn(|_| Id::new(now));
    let facts =
        InviteFacts { people: vec![(ada, MEMBER), (bob, Place::NONE), (eve, BANNED)], invited: MOST_INVITED - 1 };
    let new = |ids: &[UserId]| NewGroupInvite::from_json(json!({"user_ids": ids})).unwrap();
    assert_eq!(invite(&new(&[ada, bob, bob]), &facts).unwrap(), [bob]);
    let Err(Error::Invalid(errors)) = invite(&new(&[dan, ada, eve]), &facts) else { panic!("must be refused") };
    assert_eq!(errors.iter().map(|e| e.pointer.as_str()).collect::<Vec<_>>(), ["/user_ids/0", "/user_ids/2"]);
    let full = InviteFacts { invited: MOST_INVITED, ..facts };
    assert_eq!(code(invite(&new(&[bob]), &full)), "group.invites");
    assert_eq!(code(invite(&new(&[ada]), &full)), "");
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
    assert_eq!(code(may_link(now, &new(&[]), MOST_LINKS)), "group.invites");
}
