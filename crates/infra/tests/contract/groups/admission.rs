//! What becomes of requests and invitations: refused, expired, ended by a block; and how many one person can make.

use std::time::Duration;

use clowder_core::{Error, Input, PageRequest, Topic, UserId};
use clowder_social::{
    NewBlock,
    groups::{
        Group, GroupFilter, GroupId, Joined, MemberFilter, Mine, MyRole, NewGroup, NewGroupBan, NewGroupInvite,
        Standing, model::Code,
    },
};
use serde_json::{Value, json};

use super::{contradictions, ids, make, owner, role, sorted, told, verdict};
use crate::{
    privacy::system,
    stress::of,
    world::{Person, World, code, on_both},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn invite(world: &World, by: &Person, group: GroupId, whom: &[&Person]) -> clowder_core::Result<Vec<UserId>> {
    let ids: Vec<UserId> = whom.iter().map(|person| person.id).collect();
    let new = NewGroupInvite::from_json(json!({"user_ids": ids}))?;
    Ok(world.store.groups.invite(&world.ctx(by), group, new).await?.user_ids)
}

/// The wrong fields, with their codes.
fn wrong<T: std::fmt::Debug>(result: clowder_core::Result<T>) -> Vec<(String, String)> {
    let Err(Error::Invalid(errors)) = result else { panic!("{result:?}") };
    errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect()
}

/// What is told of requests and invitations, to whom, and how they ended.
async fn ends(world: &World) -> Vec<(String, UserId, String)> {
    let changes = world.changes().await;
    let told =
        changes.iter().filter(|change| ["group.decided", "group.uninvited"].contains(&&*change.name)).map(|change| {
            let data: Value = serde_json::from_str(change.data.get()).unwrap();
            let how = data["action"].as_str().or(data["reason"].as_str()).unwrap().to_owned();
            (change.name.to_string(), change.topic.as_user().unwrap(), how)
        });
    sorted(told.collect())
}

fn each(name: &str, whom: &[&Person], how: &str) -> Vec<(String, UserId, String)> {
    sorted(whom.iter().map(|person| (name.to_owned(), person.id, how.to_owned())).collect())
}

async fn standing(world: &World, who: &Person, group: GroupId) -> MyRole {
    world.store.groups.group(&world.ctx(who), group).await.unwrap().my_role
}

async fn with_part(world: &World, who: &Person, part: Mine, search: Option<&str>) -> Vec<GroupId> {
    let filter = GroupFilter { search: search.map(str::to_owned), mine: false, my_role: Some(part) };
    let page = world.store.groups.groups(&world.ctx(who), filter, PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|group: Group| group.id).collect()
}

on_both! {
    async fn whoever_was_on_the_way_is_told_that_the_group_is_deleted(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let group = make(&world, &ada, "closed").await.id;
        invite(&world, &ada, group, &[&bob]).await.unwrap();
        world.store.groups.join(&world.ctx(&eve), group).await.unwrap();
        world.changes().await;
        world.store.groups.delete(&world.ctx(&ada), group, None).await.unwrap();
        let expected = [each("group.decided", &[&eve], "expire"), each("group.uninvited", &[&bob], "withdrawn")];
        assert_eq!(ends(&world).await, expected.concat());
    }

    async fn a_block_ends_invitations_between_the_two(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let (groups, blocks) = (&world.store.groups, &world.store.blocks);
        let group = make(&world, &ada, "public").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        groups.set_role(&world.ctx(&ada), group.id, bob.id, role("moderator")).await.unwrap();
        // Whoever blocks is the inviter, or the one who is invited.
        for (host, guest, blocker, blocked, how) in
            [(&ada, &cem, &ada, &cem, "withdrawn"), (&bob, &cem, &cem, &bob, "declined")]
        {
            invite(&world, host, group.id, &[guest]).await.unwrap();
            ends(&world).await;
            blocks.block(&world.ctx(blocker), blocked.id, NewBlock::default()).await.unwrap();
            assert_eq!(ends(&world).await, each("group.uninvited", &[&ada, &bob, &cem], how), "as without a block");
            assert_eq!(ids(&world, &ada, group.id, Standing::Invited, None).await, []);
            let unknown = vec![("/user_ids/0".to_owned(), "user.unknown".to_owned())];
            assert_eq!(wrong(invite(&world, host, group.id, &[guest]).await), unknown, "as for somebody who is not there");
            blocks.unblock(&world.ctx(blocker), blocked.id).await.unwrap();
            assert_eq!(standing(&world, &cem, group.id).await, MyRole::None, "it does not come back");
        }
        // An invitation by somebody else stays.
        world.wait(7 * DAY);
        invite(&world, &bob, group.id, &[&cem]).await.unwrap();
        blocks.block(&world.ctx(&ada), cem.id, NewBlock::default()).await.unwrap();
        assert!(ends(&world).await.is_empty());
        assert_eq!(standing(&world, &cem, group.id).await, MyRole::Invited);
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }

    async fn a_block_ends_requests_that_the_other_decides_as_the_owner(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let (groups, blocks) = (&world.store.groups, &world.store.blocks);
        let of_ada = make(&world, &ada, "closed").await;
        let of_bob = make(&world, &bob, "closed").await;
        invite(&world, &bob, of_bob.id, &[&ada]).await.unwrap();
        groups.join(&world.ctx(&ada), of_bob.id).await.unwrap();
        groups.set_role(&world.ctx(&bob), of_bob.id, ada.id, role("admin")).await.unwrap();
        for group in [of_ada.id, of_bob.id] {
            groups.join(&world.ctx(&cem), group).await.unwrap();
        }
        ends(&world).await;
        blocks.block(&world.ctx(&cem), ada.id, NewBlock::default()).await.unwrap();
        assert_eq!(ends(&world).await, each("group.decided", &[&ada, &cem], "cancel"), "as without a block");
        assert_eq!(standing(&world, &cem, of_ada.id).await, MyRole::None);
        assert_eq!(standing(&world, &cem, of_bob.id).await, MyRole::Pending, "the owner decides, too");
        // They can ask again; whoever has a block with them does not hear of it, and can decide.
        groups.leave(&world.ctx(&cem), of_bob.id).await.unwrap();
        world.changes().await;
        groups.join(&world.ctx(&cem), of_ada.id).await.unwrap();
        groups.join(&world.ctx(&cem), of_bob.id).await.unwrap();
        assert_eq!(told(&world).await, [("group.requested".to_owned(), Topic::user(bob.id))]);
        assert_eq!(ids(&world, &ada, of_ada.id, Standing::Pending, None).await, [cem.id]);
        groups.decide(&world.ctx(&ada), of_ada.id, cem.id, verdict("approve")).await.unwrap();
    }

    async fn a_block_by_the_owner_is_told_as_a_rejection(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (groups, blocks) = (&world.store.groups, &world.store.blocks);
        let group = make(&world, &ada, "closed").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        ends(&world).await;
        blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        assert_eq!(ends(&world).await, each("group.decided", &[&ada, &bob], "reject"));
        assert_eq!(code(groups.join(&world.ctx(&bob), group.id).await), "group.too_soon", "as after every rejection");
    }

    async fn who_was_refused_waits_for_a_week(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "closed").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        ends(&world).await;
        groups.decide(&world.ctx(&ada), group.id, bob.id, verdict("reject")).await.unwrap();
        assert_eq!(ends(&world).await, each("group.decided", &[&ada, &bob], "reject"));
        invite(&world, &ada, group.id, &[&cem]).await.unwrap();
        groups.leave(&world.ctx(&cem), group.id).await.unwrap();
        assert_eq!(ends(&world).await, each("group.uninvited", &[&ada, &cem], "declined"));
        let too_soon = vec![("/user_ids/0".to_owned(), "too_soon".to_owned())];
        world.wait(6 * DAY);
        for _ in 0..2 {
            assert_eq!(code(groups.join(&world.ctx(&bob), group.id).await), "group.too_soon");
            assert_eq!(wrong(invite(&world, &ada, group.id, &[&cem]).await), too_soon);
            world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        }
        // An invitation, a link, and a group that is open for all let in at once.
        let link = groups.invite(&world.ctx(&ada), group.id, NewGroupInvite::from_json(json!({})).unwrap()).await.unwrap();
        groups.join_by_code(&world.ctx(&bob), clowder_social::groups::model::Code::new(link.code.unwrap())).await.unwrap();
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        world.wait(DAY);
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::Asked(_)));
        assert_eq!(invite(&world, &ada, group.id, &[&cem]).await.unwrap(), [cem.id]);
        // Withdrawing is no refusal, and the invited are told.
        ends(&world).await;
        groups.remove(&world.ctx(&ada), group.id, cem.id).await.unwrap();
        assert_eq!(ends(&world).await, each("group.uninvited", &[&ada, &cem], "withdrawn"));
        assert_eq!(invite(&world, &ada, group.id, &[&cem]).await.unwrap(), [cem.id]);
        // Taking a request back is told, too, and no refusal.
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(ends(&world).await, each("group.decided", &[&ada, &bob], "cancel"));
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::Asked(_)));
    }

    async fn whoever_is_invited_learns_by_whom(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let own = async |limit: u32| {
            let (mut all, mut page) = (Vec::new(), PageRequest { limit, cursor: None });
            loop {
                let some = groups.invitations(&world.ctx(&cem), page.clone()).await.unwrap();
                all.extend(some.items);
                let Some(next) = some.next_cursor else { return all };
                page.cursor = Some(next);
            }
        };
        assert!(own(50).await.is_empty());
        let mut made = Vec::new();
        for inviter in [&ada, &bob, &ada] {
            let group = make(&world, inviter, "secret").await.id;
            invite(&world, inviter, group, &[&cem]).await.unwrap();
            made.push((group, inviter.id));
        }
        made.reverse();
        for limit in [1, 2, 50] {
            let all = own(limit).await;
            let told: Vec<_> = all.iter().map(|one| (one.group.id, one.invited_by.as_ref().unwrap().id)).collect();
            assert_eq!(told, made, "{limit}");
            assert!(all.iter().all(|one| one.group.my_role == MyRole::Invited && one.group.chat_id.is_none()));
        }
        let filter = MemberFilter { role: None, status: Standing::Invited };
        let seen = groups.members(&world.ctx(&bob), made[1].0, filter, PageRequest::default()).await.unwrap().items;
        assert_eq!((seen.len(), seen[0].invited_by.as_ref().map(|card| card.id)), (1, Some(bob.id)));
        // What is answered, or belongs to a group that is gone, is no invitation.
        groups.leave(&world.ctx(&cem), made[0].0).await.unwrap();
        groups.delete(&world.ctx(&bob), made[1].0, None).await.unwrap();
        let left: Vec<_> = own(50).await.into_iter().map(|one| one.group.id).collect();
        assert_eq!(left, [made[2].0]);
        world.wait(30 * DAY);
        assert!(own(50).await.is_empty(), "before the sweep notices");
    }

    async fn what_nobody_answers_expires(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "closed").await;
        let secret = make(&world, &ada, "secret").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        invite(&world, &ada, secret.id, &[&cem]).await.unwrap();
        world.wait(30 * DAY);
        world.changes().await;
        // Before the sweep notices.
        assert_eq!(standing(&world, &bob, group.id).await, MyRole::None);
        assert_eq!(code(groups.group(&world.ctx(&cem), secret.id).await), "group.unknown");
        assert_eq!(code(groups.join(&world.ctx(&cem), secret.id).await), "group.unknown");
        for (group, status) in [(group.id, Standing::Pending), (secret.id, Standing::Invited)] {
            assert_eq!(ids(&world, &ada, group, status, None).await, []);
        }
        for (person, part) in [(&bob, Mine::Pending), (&cem, Mine::Invited)] {
            assert_eq!(with_part(&world, person, part, None).await, []);
        }
        assert_eq!(code(groups.decide(&world.ctx(&ada), group.id, bob.id, verdict("approve")).await), "group.request_unknown");
        assert_eq!(code(groups.remove(&world.ctx(&ada), secret.id, cem.id).await), "group.member_unknown");
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        let expected = [each("group.decided", &[&ada, &bob], "expire"), each("group.uninvited", &[&ada, &cem], "expired")];
        assert_eq!(ends(&world).await, sorted(expected.concat()));
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert!(world.names().await.is_empty());
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::Asked(_)), "at once");
        world.wait(29 * DAY);
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert_eq!(standing(&world, &bob, group.id).await, MyRole::Pending);
        world.wait(12 * DAY);
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert_eq!(super::count(&world, "group_attempts"), 0);
    }

    async fn nobody_comes_and_goes_all_day(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let public = make(&world, &ada, "public").await.id;
        let link = groups.invite(&world.ctx(&ada), public, of(json!({}))).await.unwrap().code.unwrap();
        let comes = async |n: usize| match n % 2 {
            0 => groups.join(&world.ctx(&bob), public).await.map(drop),
            _ => groups.join_by_code(&world.ctx(&bob), Code::new(link.clone())).await.map(drop),
        };
        let goes = async |who: &Person| groups.leave(&world.ctx(who), public).await.unwrap();
        for n in 0..5 {
            comes(n).await.unwrap();
            // Being in it already is no attempt.
            comes(n).await.unwrap();
            goes(&bob).await;
        }
        for n in 0..2 {
            assert_eq!(code(comes(n).await), "group.requests_today");
        }
        // Others, and whoever is invited, come as before.
        groups.join(&world.ctx(&cem), public).await.unwrap();
        for _ in 0..2 {
            invite(&world, &ada, public, &[&bob]).await.unwrap();
            comes(0).await.unwrap();
            goes(&bob).await;
        }
        world.wait(DAY);
        comes(0).await.unwrap();
    }

    async fn nobody_floods_staff_or_a_person(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let closed = make(&world, &ada, "closed").await;
        let ask = async |group: GroupId| groups.join(&world.ctx(&bob), group).await.map(drop);
        for _ in 0..5 {
            ask(closed.id).await.unwrap();
            groups.leave(&world.ctx(&bob), closed.id).await.unwrap();
        }
        assert_eq!(code(ask(closed.id).await), "group.requests_today");
        // The same person, into five groups.
        let many = async |n: usize| {
            let mut made = Vec::new();
            for _ in 0..n {
                let new = of::<NewGroup>(json!({"name": "Garden Friends", "visibility": "closed"}));
                made.push(groups.create(&world.ctx(&ada), new).await.unwrap().id);
            }
            made
        };
        let made = many(49).await;
        for group in &made[..5] {
            assert_eq!(invite(&world, &ada, *group, &[&cem]).await.unwrap(), [cem.id]);
        }
        let too_soon = vec![("/user_ids/0".to_owned(), "too_soon".to_owned())];
        assert_eq!(wrong(invite(&world, &ada, made[5], &[&cem]).await), too_soon);
        world.wait(DAY);
        assert_eq!(invite(&world, &ada, made[5], &[&cem]).await.unwrap(), [cem.id]);
        // Open requests.
        for group in &made {
            ask(*group).await.unwrap();
        }
        ask(closed.id).await.unwrap();
        let one_more = make(&world, &cem, "closed").await;
        assert_eq!(code(ask(one_more.id).await), "group.requests_open");
        for group in &made[..1] {
            groups.leave(&world.ctx(&bob), *group).await.unwrap();
        }
        ask(one_more.id).await.unwrap();
        // The numbers of a day.
        let id = if world.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
        let fill = |kind: &str, name: &str, n: usize| {
            for _ in 0..n {
                world.batch(&format!(
                    "INSERT INTO group_attempts (id, kind, group_id, user_id, by_id, made_at)
                       SELECT {id}, '{kind}', g.id, u.id, u.id, (SELECT max(a.made_at) FROM group_attempts a)
                       FROM users u, (SELECT id FROM groups ORDER BY id LIMIT 1) g WHERE u.username = '{name}';"
                ));
            }
        };
        groups.leave(&world.ctx(&bob), made[1]).await.unwrap();
        fill("request", "bob", 49);
        assert_eq!(code(ask(made[1]).await), "group.requests_today");
        fill("invitation", "ada", 499);
        assert_eq!(code(invite(&world, &ada, made[6], &[&cem]).await), "group.invites_today");
    }

    async fn everybody_finds_their_own_requests_and_invitations(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let groups = &world.store.groups;
        let [asked, invited, joined, helped] = [
            make(&world, &ada, "closed").await.id,
            make(&world, &ada, "secret").await.id,
            make(&world, &ada, "public").await.id,
            make(&world, &ada, "public").await.id,
        ];
        for group in [asked, joined, helped] {
            groups.join(&world.ctx(&bob), group).await.unwrap();
        }
        groups.set_role(&world.ctx(&ada), helped, bob.id, role("moderator")).await.unwrap();
        invite(&world, &ada, invited, &[&bob]).await.unwrap();
        for search in [None, Some("garden")] {
            for (part, expected) in [
                (Mine::Pending, vec![asked]),
                (Mine::Invited, vec![invited]),
                (Mine::Member, vec![joined]),
                (Mine::Moderator, vec![helped]),
                (Mine::Admin, vec![]),
                (Mine::Owner, vec![]),
            ] {
                assert_eq!(with_part(&world, &bob, part, search).await, expected, "{part:?} {search:?}");
            }
            assert_eq!(with_part(&world, &ada, Mine::Owner, search).await.len(), 4);
        }
        // Whoever asked still sees it once it is secret.
        groups.edit(&world.ctx(&ada), asked, None, of(json!({"visibility": "secret"}))).await.unwrap();
        assert_eq!(with_part(&world, &bob, Mine::Pending, None).await, [asked]);
    }

    async fn a_ban_ends_a_request_and_keeps_its_reason(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "closed").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        invite(&world, &ada, group.id, &[&cem]).await.unwrap();
        ends(&world).await;
        let ban = |reason: &str| of::<NewGroupBan>(json!({"reason": reason}));
        groups.ban(&world.ctx(&ada), group.id, bob.id, ban("zqadvertising")).await.unwrap();
        assert_eq!(ends(&world).await, each("group.decided", &[&ada, &bob], "reject"));
        groups.ban(&world.ctx(&ada), group.id, cem.id, NewGroupBan::default()).await.unwrap();
        assert_eq!(ends(&world).await, each("group.uninvited", &[&ada, &cem], "withdrawn"));
        let reasons = async || {
            let filter = MemberFilter { status: Standing::Banned, role: None };
            let page = groups.members(&world.ctx(&ada), group.id, filter, PageRequest::default()).await.unwrap();
            page.items.into_iter().map(|member| member.reason).collect::<Vec<_>>()
        };
        assert_eq!(reasons().await, [Some("zqadvertising".to_owned()), None]);
        groups.ban(&world.ctx(&ada), group.id, bob.id, NewGroupBan::default()).await.unwrap();
        assert_eq!(reasons().await[0].as_deref(), Some("zqadvertising"), "none says nothing about it");
        groups.ban(&world.ctx(&ada), group.id, bob.id, ban("zqrudeness")).await.unwrap();
        assert_eq!(reasons().await[0].as_deref(), Some("zqrudeness"));
        world.gone(b"zqadvertising").await;
        groups.unban(&world.ctx(&ada), group.id, bob.id).await.unwrap();
        world.gone(b"zqrudeness").await;
    }

    async fn whoever_asked_and_is_invited_leaves_the_list_of_requests(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "closed").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        world.changes().await;
        invite(&world, &ada, group.id, &[&bob, &cem]).await.unwrap();
        let invited = |person: &Person| ("group.invited".to_owned(), Topic::user(person.id));
        assert_eq!(sorted(told(&world).await), sorted(vec![invited(&ada), invited(&bob), invited(&cem)]));
        assert_eq!(wrong(invite(&world, &ada, group.id, &[&ada]).await), [("/user_ids/0".to_owned(), "self".to_owned())]);
        let refused = groups.set_role(&world.ctx(&ada), group.id, bob.id, role("owner")).await;
        assert_eq!(code(refused), "group.member_unknown");
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(code(groups.set_role(&world.ctx(&ada), group.id, bob.id, role("owner")).await), "group.transfer");
        let forbidden = groups.transfer(&world.ctx(&bob), group.id, owner(bob.id)).await;
        assert!(
            matches!(&forbidden, Err(Error::Explained { detail, .. }) if detail.contains("owner of the group")),
            "{forbidden:?}"
        );
    }

    async fn a_link_shows_what_it_leads_to(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        let new = json!({"name": "Garden Friends", "description": "Seeds", "visibility": "secret"});
        let group = groups.create(&world.ctx(&ada), of(new)).await.unwrap();
        let link = groups.invite(&world.ctx(&ada), group.id, of(json!({"max_uses": 1}))).await.unwrap();
        let at = || clowder_social::groups::model::Code::new(link.code.clone().unwrap());
        let preview = groups.preview(&world.ctx(&bob), at()).await.unwrap();
        assert_eq!((preview.group_id, &*preview.name, preview.member_count), (group.id, "Garden Friends", 1));
        assert_eq!((preview.description.as_deref(), preview.my_role), (Some("Seeds"), MyRole::None));
        let unknown = groups.preview(&world.ctx(&bob), clowder_social::groups::model::Code::new("x".into())).await;
        assert_eq!(code(unknown), "group.invite_unknown");
        groups.ban(&world.ctx(&ada), group.id, eve.id, NewGroupBan::default()).await.unwrap();
        assert_eq!(code(groups.preview(&world.ctx(&eve), at()).await), "group.banned");
        groups.unban(&world.ctx(&ada), group.id, eve.id).await.unwrap();
        groups.join_by_code(&world.ctx(&bob), at()).await.unwrap();
        assert_eq!(groups.preview(&world.ctx(&bob), at()).await.unwrap().my_role, MyRole::Member);
        assert_eq!(code(groups.preview(&world.ctx(&eve), at()).await), "group.invite_gone");
        groups.delete(&world.ctx(&ada), group.id, None).await.unwrap();
        assert_eq!(code(groups.preview(&world.ctx(&bob), at()).await), "group.invite_unknown");
    }
}
