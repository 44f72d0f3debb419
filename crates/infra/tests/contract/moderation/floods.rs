//! Nobody floods others with what they change: in chats, in groups, with pets, or by blocking.

use std::time::Duration;

use clowder_core::{Error, Limit, PageRequest, Topic};
use clowder_messaging::moderation::{NewBrake, NewSlowMode, SanctionType, pace::Rate};
use clowder_social::{NewBlock, groups::NewGroup};
use serde_json::json;

use super::{
    about,
    filters::{catching, listed, set, verdict},
    lifting,
};
use crate::{
    stress::of,
    world::{World, code, on_both},
};

fn is_paced<T>(result: clowder_core::Result<T>) -> bool {
    matches!(result, Err(Error::TooMany { limit: Limit::Changes, .. }))
}

on_both! {
    async fn whoever_is_muted_again_and_again_is_told_only_so_often(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let moderation = &world.store.moderation;
        let mute = async || {
            moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, about(&bob, "zqletter")).await.unwrap();
        };
        // More often than what is over is kept.
        for _ in 0..60 {
            mute().await;
            moderation.lift(&world.ctx(&ada), chat, SanctionType::Mute, lifting(&bob)).await.unwrap();
        }
        mute().await;
        let told = world.changes().await.into_iter().filter(|change| change.topic == Topic::user(bob.id)).count();
        assert_eq!(told, 10, "five times of a mute, and of its end");
        let own = moderation.own_sanctions(&world.ctx(&bob), PageRequest::default()).await.unwrap();
        assert_eq!(own.items.len(), 6, "five that he was told of, and the one that lasts");
        assert!(own.items[0].lifted_at.is_none() && own.items[1..].iter().all(|one| one.lifted_at.is_some()));
        assert_eq!(code(world.try_say(&bob, chat, "but", None).await), "chat.muted", "it holds all the same");
        world.wait(Duration::from_secs(24 * 3600));
        mute().await;
        assert_eq!(world.names().await, ["chat.sanctioned"]);
    }

    async fn all_changes_of_a_chat_have_one_pace(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        let message = world.say(&bob, chat, "hello").await.id;
        let pinned = world.say(&bob, chat, "hello again").await.id;
        world.store.keeping.pin(&world.ctx(&ada), message).await.unwrap();
        world.store.keeping.pin(&world.ctx(&ada), pinned).await.unwrap();
        let rate = Rate { interval: Duration::from_secs(10), burst: 4 };
        let node = world.node_with(|options| options.messaging.changes = Some(rate)).await;
        let ctx = || world.ctx(&ada);
        let retitle = async |chat, title: &str| {
            node.chats.edit_chat(&ctx(), chat, None, of(json!({"title": title}))).await.map(drop)
        };
        retitle(chat, "One").await.unwrap();
        for _ in 0..20 {
            retitle(chat, "One").await.expect("it changes nothing, so it costs nothing");
        }
        node.lifetimes.set_lifetime(&ctx(), chat, None, of(json!({"lifetime": {"seconds": 600}}))).await.unwrap();
        node.participants.set_role(&ctx(), chat, bob.id, of(json!({"role": "admin"}))).await.unwrap();
        node.participants.set_role(&ctx(), chat, bob.id, of(json!({"role": "member"}))).await.unwrap();
        world.changes().await;
        let moderation = &node.moderation;
        let slow = of::<NewSlowMode>(json!({"seconds": 5, "reason": "x"}));
        let brake = of::<NewBrake>(json!({"reason": "x"}));
        for (what, paced) in [
            ("title", is_paced(retitle(chat, "Two").await)),
            ("lifetime", is_paced(node.lifetimes.set_lifetime(&ctx(), chat, None, of(json!({"lifetime": null}))).await)),
            ("role", is_paced(node.participants.set_role(&ctx(), chat, bob.id, of(json!({"role": "admin"}))).await)),
            ("owner", is_paced(node.chats.transfer(&ctx(), chat, of(json!({"user_id": bob.id}))).await)),
            ("adding", is_paced(node.participants.add(&ctx(), chat, of(json!({"user_ids": [eve.id]}))).await)),
            ("removing", is_paced(node.participants.remove(&ctx(), chat, bob.id).await)),
            ("pin", is_paced(node.keeping.unpin(&ctx(), message).await)),
            ("order", is_paced(node.keeping.order_pins(&ctx(), chat, of(json!({"message_ids": [message, pinned]}))).await)),
            ("mute", is_paced(moderation.sanction(&ctx(), chat, SanctionType::Mute, about(&bob, "x")).await)),
            ("ban", is_paced(moderation.sanction(&ctx(), chat, SanctionType::Ban, about(&bob, "x")).await)),
            ("slow mode", is_paced(moderation.slow_down(&ctx(), chat, slow).await)),
            ("filter", is_paced(moderation.set_filter(&ctx(), chat, catching(&["x"], "hold")).await)),
            ("brake", is_paced(moderation.set_brake(&ctx(), chat, brake).await)),
            ("purge", is_paced(moderation.purge(&ctx(), chat, of(json!({"user_id": bob.id, "reason": "x"}))).await)),
        ] {
            assert!(paced, "{what}");
        }
        assert!(world.names().await.is_empty(), "nothing was written");
        retitle(other, "Two").await.expect("other chats have a pace of their own");
        node.participants.remove(&world.ctx(&bob), chat, bob.id).await.expect("anybody can leave");
        world.wait(Duration::from_secs(10));
        retitle(chat, "Two").await.expect("after some time");
        assert!(is_paced(retitle(chat, "Three").await));
        world.changes().await;
    }

    async fn groups_pets_and_blocks_have_the_same_pace(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let rate = Rate { interval: Duration::from_secs(10), burst: 2 };
        let node = world.node_with(|options| options.messaging.changes = Some(rate)).await;
        let ctx = || world.ctx(&ada);
        let group = node.groups.create(&ctx(), of::<NewGroup>(json!({"name": "Gardeners"}))).await.unwrap().id;
        node.groups.join(&world.ctx(&bob), group).await.unwrap();
        let rename = async |name: &str| node.groups.edit(&ctx(), group, None, of(json!({"name": name}))).await.map(drop);
        rename("One").await.unwrap();
        rename("One").await.expect("it changes nothing, so it costs nothing");
        node.groups.set_role(&ctx(), group, bob.id, of(json!({"role": "admin"}))).await.unwrap();
        world.changes().await;
        for (what, paced) in [
            ("name", is_paced(rename("Two").await)),
            ("role", is_paced(node.groups.set_role(&ctx(), group, bob.id, of(json!({"role": "member"}))).await)),
            ("owner", is_paced(node.groups.transfer(&ctx(), group, of(json!({"user_id": bob.id}))).await)),
            ("removing", is_paced(node.groups.remove(&ctx(), group, bob.id).await)),
            ("ban", is_paced(node.groups.ban(&ctx(), group, bob.id, of(json!({}))).await)),
        ] {
            assert!(paced, "{what}");
        }
        let pet = crate::pets::make(&world, &ada, json!({})).await.id;
        let call = async |name: &str| node.pets.edit(&ctx(), pet, None, of(json!({"name": name}))).await.map(drop);
        call("One").await.unwrap();
        call("Two").await.unwrap();
        assert!(is_paced(call("Three").await));
        // The private chat of the two opens and closes with each block.
        let private = of(json!({"type": "private", "participant_ids": [bob.id]}));
        world.store.messaging.create_chat(&ctx(), private).await.unwrap();
        world.changes().await;
        node.blocks.block(&ctx(), bob.id, NewBlock::default()).await.unwrap();
        node.blocks.unblock(&ctx(), bob.id).await.unwrap();
        world.changes().await;
        assert!(is_paced(node.blocks.block(&ctx(), bob.id, NewBlock::default()).await));
        assert!(world.names().await.is_empty());
        node.groups.leave(&world.ctx(&bob), group).await.expect("anybody can leave");
        world.changes().await;
    }

    async fn whoever_is_muted_in_the_chat_of_a_group_does_not_rename_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let groups = &world.store.groups;
        let group = groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Gardeners"}))).await.unwrap();
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        groups.set_role(&world.ctx(&ada), group.id, bob.id, of(json!({"role": "admin"}))).await.unwrap();
        let (chat, moderation) = (group.chat_id.unwrap(), &world.store.moderation);
        let until = world.now().plus(Duration::from_secs(60));
        let mute = of(json!({"user_id": bob.id, "reason": "x", "until": until}));
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, mute).await.unwrap();
        world.changes().await;
        for patch in [json!({"name": "Bob was here"}), json!({"description": "Bob"}), json!({"rules": "Bob"})] {
            assert_eq!(code(groups.edit(&world.ctx(&bob), group.id, None, of(patch)).await), "group.muted");
        }
        assert!(world.names().await.is_empty());
        groups.edit(&world.ctx(&bob), group.id, None, of(json!({"visibility": "closed"}))).await.expect("it says nothing");
        world.wait(Duration::from_secs(60));
        groups.edit(&world.ctx(&bob), group.id, None, of(json!({"name": "Bob is here"}))).await.unwrap();
        world.changes().await;
    }

    async fn authors_take_back_what_waits(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (chat, moderation) = (world.group(&ada, &[&bob, &eve]).await.id, &world.store.moderation);
        set(&world, &ada, chat, &["casino"], "hold").await;
        for text in ["a zqfirst casino", "a second casino"] {
            assert_eq!(code(world.try_say(&bob, chat, text, None).await), "message.held");
        }
        assert_eq!(code(world.try_say(&eve, chat, "her casino", None).await), "message.held");
        world.changes().await;
        let own = async || moderation.held_messages(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        let held = own().await;
        assert_eq!(held.iter().map(|one| one.content.as_deref()).collect::<Vec<_>>(), [Some("a zqfirst casino"), Some("a second casino")]);
        let page = PageRequest { limit: 1, cursor: None };
        let first = moderation.held_messages(&world.ctx(&bob), page).await.unwrap();
        let page = PageRequest { limit: 1, cursor: first.next_cursor };
        assert_eq!(moderation.held_messages(&world.ctx(&bob), page).await.unwrap().items[0].id, held[1].id);
        for other in [&ada, &eve] {
            assert_eq!(code(moderation.withdraw_held(&world.ctx(other), held[0].id).await), "message.review_unknown");
        }
        moderation.withdraw_held(&world.ctx(&bob), held[0].id).await.unwrap();
        assert!(world.names().await.is_empty(), "nobody is told");
        assert_eq!(code(moderation.withdraw_held(&world.ctx(&bob), held[0].id).await), "message.review_unknown");
        assert_eq!(own().await.len(), 1);
        assert_eq!(listed(&world, &ada, Some(chat)).await.len(), 2);
        let decided = moderation.decide_review(&world.ctx(&ada), Some(chat), held[0].id, None, verdict("approve")).await;
        assert_eq!(code(decided), "message.review_unknown");
        world.gone(b"zqfirst").await;
        // What was sent and is listed is not to be taken back like this.
        set(&world, &ada, chat, &["casino"], "flag").await;
        world.say(&bob, chat, "a third casino").await;
        assert_eq!(own().await.len(), 1);
        world.changes().await;
    }
}
