//! Links into groups end with the part of whoever made them, and those that are over do not pile up.

use clowder_core::{Ctx, IdempotencyKey, Input, PageRequest, UserId};
use clowder_social::groups::{
    Group, Joined, NewGroupBan, NewGroupInvite,
    model::{Code, MyRole},
    policy::MOST_LINKS,
};
use serde_json::{Value, json};

use super::{make, role};
use crate::world::{Person, World, code, on_both};

fn new(value: Value) -> NewGroupInvite {
    NewGroupInvite::from_json(value).unwrap()
}

/// Who made the links of a group, and whether they are revoked.
async fn makers(world: &World, staff: &Person, group: &Group) -> Vec<(UserId, bool)> {
    let links = world.store.groups.invites(&world.ctx(staff), group.id, PageRequest::default()).await.unwrap();
    links.items.into_iter().map(|link| (link.created_by, link.revoked_at.is_some())).collect()
}

on_both! {
    async fn links_end_with_the_part_of_their_maker(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        for way in ["leave", "remove", "ban", "demote"] {
            let group = make(&world, &ada, "secret").await;
            groups.invite(&world.ctx(&ada), group.id, new(json!({"user_ids": [bob.id]}))).await.unwrap();
            groups.join(&world.ctx(&bob), group.id).await.unwrap();
            groups.set_role(&world.ctx(&ada), group.id, bob.id, role("moderator")).await.unwrap();
            groups.invite(&world.ctx(&ada), group.id, new(json!({}))).await.unwrap();
            let link = groups.invite(&world.ctx(&bob), group.id, new(json!({}))).await.unwrap();
            match way {
                "leave" => groups.leave(&world.ctx(&bob), group.id).await.unwrap(),
                "remove" => groups.remove(&world.ctx(&ada), group.id, bob.id).await.unwrap(),
                "ban" => groups.ban(&world.ctx(&ada), group.id, bob.id, NewGroupBan::default()).await.unwrap(),
                _ => drop(groups.set_role(&world.ctx(&ada), group.id, bob.id, role("member")).await.unwrap()),
            }
            let link = Code::new(link.code.unwrap());
            assert_eq!(code(groups.join_by_code(&world.ctx(&eve), link).await), "group.invite_gone", "{way}");
            assert_eq!(makers(&world, &ada, &group).await, [(bob.id, true), (ada.id, false)], "{way}");
        }
    }

    async fn links_that_are_over_do_not_pile_up(world: World) {
        let [ada] = world.people(["ada"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "public").await;
        for _ in 0..MOST_LINKS + 5 {
            let made = groups.invite(&world.ctx(&ada), group.id, new(json!({}))).await.unwrap();
            groups.revoke(&world.ctx(&ada), group.id, made.link.unwrap().id).await.unwrap();
        }
        let last = groups.invite(&world.ctx(&ada), group.id, new(json!({}))).await.unwrap();
        let mut left = Vec::new();
        let mut page = PageRequest::default();
        loop {
            let some = groups.invites(&world.ctx(&ada), group.id, page.clone()).await.unwrap();
            left.extend(some.items);
            let Some(next) = some.next_cursor else { break };
            page.cursor = Some(next);
        }
        assert_eq!(left.len() as i64, MOST_LINKS + 1);
        assert_eq!(left[0].id, last.link.unwrap().id, "the newest are kept");
    }

    async fn links_that_are_used_up_leave_room_for_others(world: World) {
        let [ada] = world.people(["ada"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "public").await;
        for number in 0..MOST_LINKS + 2 {
            let made = groups.invite(&world.ctx(&ada), group.id, new(json!({"max_uses": 1}))).await.unwrap();
            let name = format!("guest{number}");
            let [guest] = world.people([name.as_str()]).await;
            groups.join_by_code(&world.ctx(&guest), Code::new(made.code.unwrap())).await.unwrap();
        }
    }

    async fn whoever_may_not_invite_any_more_gets_no_link_again(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "public").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        groups.set_role(&world.ctx(&ada), group.id, bob.id, role("moderator")).await.unwrap();
        let call = || Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.ctx(&bob) };
        let made = groups.invite(&call(), group.id, new(json!({}))).await.unwrap();
        assert_eq!(groups.invite(&call(), group.id, new(json!({}))).await.unwrap().code, made.code);
        groups.set_role(&world.ctx(&ada), group.id, bob.id, role("member")).await.unwrap();
        assert_eq!(code(groups.invite(&call(), group.id, new(json!({}))).await), "group.forbidden");
    }

    /// With a key, joining again is the first answer, and no link is used twice.
    async fn joining_can_be_repeated(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let call = |who: &Person, key: &str| {
            Ctx { idempotency_key: Some(IdempotencyKey::new(key, [1; 32])), ..world.ctx(who) }
        };
        let [open, closed] = [make(&world, &ada, "public").await, make(&world, &ada, "closed").await];
        let made = groups.invite(&world.ctx(&ada), closed.id, new(json!({"max_uses": 1}))).await.unwrap();
        let by_code = || Code::new(made.code.clone().unwrap());
        world.names().await;
        for time in ["first", "again"] {
            let joined = groups.join(&call(&bob, "open"), open.id).await.unwrap();
            assert!(matches!(&joined, Joined::New(group) if group.id == open.id), "{time}: {joined:?}");
            let asked = groups.join(&call(&cem, "closed"), closed.id).await.unwrap();
            assert!(matches!(&asked, Joined::Asked(group) if group.my_role == MyRole::Pending), "{time}: {asked:?}");
            let came = groups.join_by_code(&call(&bob, "code"), by_code()).await.unwrap();
            assert!(matches!(&came, Joined::New(group) if group.chat_id.is_some()), "{time}: {came:?}");
            assert_eq!(world.names().await.is_empty(), time == "again", "{time}");
        }
        assert_eq!(code(groups.join_by_code(&call(&cem, "code"), by_code()).await), "group.invite_gone");
        let found = groups.join(&call(&bob, "found"), open.id).await.unwrap();
        assert!(matches!(found, Joined::Already(_)), "another key is another call: {found:?}");
        // The answer shows the group as it is now, to whoever may still see it.
        groups.edit(&world.ctx(&ada), open.id, None, crate::stress::of(json!({"visibility": "secret"}))).await.unwrap();
        groups.leave(&world.ctx(&bob), open.id).await.unwrap();
        assert_eq!(code(groups.join(&call(&bob, "open"), open.id).await), "group.unknown");
    }

    async fn whoever_asked_can_take_it_back_after_the_group_became_secret(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "closed").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        let secret = crate::stress::of(json!({"visibility": "secret"}));
        groups.edit(&world.ctx(&ada), group.id, None, secret).await.unwrap();
        assert_eq!(code(groups.group(&world.ctx(&eve), group.id).await), "group.unknown");
        groups.group(&world.ctx(&bob), group.id).await.unwrap();
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(code(groups.group(&world.ctx(&bob), group.id).await), "group.unknown");
    }
}
