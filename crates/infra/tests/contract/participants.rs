//! The guarantees of `Participants`.

pub mod domain;

use std::sync::Arc;

use clowder_accounts::model::SettingsPatch;
use clowder_core::{ChatId, Input, PageRequest, Topic, UserId};
use clowder_messaging::{
    CHAT, ChatRole, NewChat,
    invitations::port::Came,
    participants::{NewParticipants, PeopleFilter, RolePatch},
};
use clowder_social::{NewBlock, groups::NewGroup};
use serde_json::json;

use crate::{
    stress::of,
    world::{Person, World, code, on_both},
};

fn adding(people: &[&Person]) -> NewParticipants {
    let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
    of::<NewParticipants>(json!({"user_ids": ids}))
}

fn role(role: &str) -> RolePatch {
    of::<RolePatch>(json!({"role": role}))
}

async fn names(world: &World, who: &Person, chat: ChatId, filter: PeopleFilter, limit: u32) -> Vec<String> {
    let mut page = PageRequest { limit, cursor: None };
    let mut names = Vec::new();
    loop {
        let found = world.store.participants.participants(&world.ctx(who), chat, filter.clone(), page).await.unwrap();
        names.extend(found.items.into_iter().map(|participant| participant.user.username));
        match found.next_cursor {
            Some(cursor) => page = PageRequest { limit, cursor: Some(cursor) },
            None => return names,
        }
    }
}

async fn channel(world: &World, owner: &Person, others: &[&Person], visibility: &str) -> ChatId {
    let ids: Vec<UserId> = others.iter().map(|person| person.id).collect();
    let new = json!({"type": "channel", "title": "News", "participant_ids": ids, "visibility": visibility});
    let chat = world.store.messaging.create_chat(&world.ctx(owner), of::<NewChat>(new)).await.unwrap().into_inner();
    world.changes().await;
    chat.id
}

on_both! {
    async fn whoever_is_added_is_told_of_the_chat_and_the_others_of_them(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&ada, chat, "before").await;
        world.names().await;
        let people = &world.store.participants;
        let added = people.add(&world.ctx(&bob), chat, adding(&[&eve, &ada])).await.unwrap();
        assert_eq!(added.iter().map(|one| (one.user.id, one.role)).collect::<Vec<_>>(), [(eve.id, ChatRole::Member), (ada.id, ChatRole::Owner)]);
        let told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
        let topic = Topic::new(CHAT, chat);
        assert_eq!(told, [
            ("chat.created".to_owned(), Topic::user(eve.id)),
            ("participant.added".to_owned(), topic),
            ("message.sent".to_owned(), topic),
        ]);
        let seen = world.store.messaging.chat(&world.ctx(&eve), chat).await.unwrap();
        assert_eq!((seen.participant_count, seen.unread_count, seen.read_seq, seen.last_seq), (3, 0, 1, 2));
        people.add(&world.ctx(&ada), chat, adding(&[&eve])).await.unwrap();
        assert!(world.names().await.is_empty(), "she is in it already");
    }

    async fn nobody_is_added_who_is_hidden_blocked_or_unwilling(world: World) {
        let [ada, bob, eve, cem] = world.people(["ada", "bob", "eve", "cem"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let people = &world.store.participants;
        world.store.blocks.block(&world.ctx(&eve), ada.id, NewBlock::default()).await.unwrap();
        let shy = SettingsPatch::from_json(json!({"privacy": {"messages_from": "nobody"}})).unwrap();
        world.store.preferences.edit_settings(&world.ctx(&cem), None, shy).await.unwrap();
        world.names().await;
        let refused = people.add(&world.ctx(&ada), chat, adding(&[&eve])).await;
        assert!(matches!(&refused, Err(clowder_core::Error::Invalid(errors)) if errors[0].code == "user.unknown"), "{refused:?}");
        assert_eq!(code(people.add(&world.ctx(&ada), chat, adding(&[&cem])).await), "chat.not_wanted");
        assert_eq!(code(people.add(&world.ctx(&eve), chat, adding(&[&cem])).await), "chat.unknown");
        let small = world.node_with(|options| options.messaging.people_per_group = 2).await;
        let dan = world.person("dan").await;
        assert_eq!(code(small.participants.add(&world.ctx(&ada), chat, adding(&[&dan])).await), "chat.full");
        let busy = world.node_with(|options| options.messaging.memberships = 1).await;
        world.group(&dan, &[]).await;
        assert_eq!(code(busy.participants.add(&world.ctx(&ada), chat, adding(&[&dan])).await), "chat.memberships");
        assert!(world.names().await.is_empty());
    }

    async fn roles_change_and_people_go(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let people = &world.store.participants;
        let admin = people.set_role(&world.ctx(&ada), chat, bob.id, role("admin")).await.unwrap();
        assert_eq!((admin.user.id, admin.role), (bob.id, ChatRole::Admin));
        assert_eq!(world.names().await, ["participant.updated"]);
        people.set_role(&world.ctx(&ada), chat, bob.id, role("admin")).await.unwrap();
        assert!(world.names().await.is_empty());
        assert_eq!(code(people.remove(&world.ctx(&bob), chat, ada.id).await), "chat.forbidden");
        assert_eq!(code(people.set_role(&world.ctx(&eve), chat, bob.id, role("member")).await), "chat.forbidden");
        people.remove(&world.ctx(&bob), chat, eve.id).await.unwrap();
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        assert_eq!(told, [("message.sent", Topic::new(CHAT, chat)), ("participant.removed", Topic::new(CHAT, chat))]);
        assert_eq!(code(people.remove(&world.ctx(&bob), chat, eve.id).await), "chat.participant_unknown");
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&eve), chat).await), "chat.unknown");
        people.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        assert_eq!(world.names().await, ["message.sent", "participant.removed"]);
        assert_eq!(world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().participant_count, 1);
    }

    async fn the_last_owner_stays_whatever_happens_at_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (ada, bob) = (Arc::new(ada), Arc::new(bob));
        for _ in 0..5 {
            let chat = world.group(&ada, &[&bob]).await.id;
            world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, role("owner")).await.unwrap();
            let leaving = [&ada, &bob].map(|who| {
                let (world, who) = (world.clone(), Arc::clone(who));
                tokio::spawn(async move { world.store.participants.remove(&world.ctx(&who), chat, who.id).await.is_ok() })
            });
            let mut left = 0;
            for one in leaving {
                left += usize::from(one.await.unwrap());
            }
            assert_eq!(left, 1, "one of the two stays");
        }
        world.changes().await;
    }

    async fn the_people_of_a_chat_are_listed_by_role_and_name(world: World) {
        let [zoe, ada, bob, cem] = world.people(["zoe", "ada", "bob", "cem"]).await;
        let chat = world.group(&zoe, &[&cem, &bob, &ada]).await.id;
        world.store.participants.set_role(&world.ctx(&zoe), chat, cem.id, role("admin")).await.unwrap();
        for limit in [1, 2, 9] {
            assert_eq!(names(&world, &bob, chat, PeopleFilter::default(), limit).await, ["zoe", "cem", "ada", "bob"]);
        }
        let members = PeopleFilter { role: Some(ChatRole::Member), search: None };
        assert_eq!(names(&world, &bob, chat, members, 1).await, ["ada", "bob"]);
        let search = |text: &str| PeopleFilter { role: None, search: Some(text.to_owned()) };
        assert_eq!(names(&world, &bob, chat, search("B"), 9).await, ["bob"]);
        assert!(names(&world, &bob, chat, search("!"), 9).await.is_empty());
        let eve = world.person("eve").await;
        let page = PageRequest::default();
        assert_eq!(code(world.store.participants.participants(&world.ctx(&eve), chat, PeopleFilter::default(), page).await), "chat.unknown");
        let wrong = PageRequest { limit: 2, cursor: Some("x".to_owned()) };
        assert!(world.store.participants.participants(&world.ctx(&bob), chat, PeopleFilter::default(), wrong).await.is_err());
        world.changes().await;
    }

    async fn in_a_channel_few_write_and_anybody_subscribes(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = channel(&world, &ada, &[&bob], "public").await;
        let people = &world.store.participants;
        let Came::In(joined) = people.join(&world.ctx(&eve), chat).await.unwrap() else { panic!("she is new") };
        assert_eq!((joined.my_role, joined.writable), (ChatRole::Subscriber, false));
        assert_eq!(world.names().await, ["chat.created"], "nobody else hears of a subscriber");
        assert!(matches!(people.join(&world.ctx(&eve), chat).await.unwrap(), Came::Already(_)));
        assert_eq!(code(world.try_say(&eve, chat, "may I?", None).await), "chat.forbidden");
        let page = PageRequest::default();
        assert_eq!(code(people.participants(&world.ctx(&eve), chat, PeopleFilter::default(), page).await), "chat.forbidden");
        assert_eq!(names(&world, &ada, chat, PeopleFilter::default(), 1).await, ["ada", "bob", "eve"]);
        people.set_role(&world.ctx(&ada), chat, eve.id, role("member")).await.unwrap();
        let said = world.say(&eve, chat, "thank you").await;
        world.changes().await;
        world.store.messaging.read(&world.ctx(&bob), chat, of(json!({"seq": said.seq}))).await.unwrap();
        let told = world.changes().await;
        assert!(told.iter().all(|change| [bob.id, eve.id].map(Topic::user).contains(&change.topic)), "{told:?}");
        people.set_role(&world.ctx(&eve), chat, eve.id, role("subscriber")).await.unwrap();
        assert_eq!(code(world.try_say(&eve, chat, "again", None).await), "chat.forbidden");
        world.changes().await;
    }

    async fn the_chat_of_a_group_follows_its_group(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let group = world.store.groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Gardeners"}))).await.unwrap();
        let chat = group.chat_id.unwrap();
        world.names().await;
        let people = &world.store.participants;
        let (ctx, chats) = (world.ctx(&ada), &world.store.chats);
        assert!(world.store.messaging.chat(&ctx, chat).await.unwrap().group_id.is_some());
        assert_eq!(code(people.add(&ctx, chat, adding(&[&bob])).await), "chat.of_group");
        assert_eq!(code(people.remove(&ctx, chat, ada.id).await), "chat.of_group");
        assert_eq!(code(people.set_role(&ctx, chat, ada.id, role("member")).await), "chat.of_group");
        assert_eq!(code(people.join(&world.ctx(&bob), chat).await), "chat.unknown");
        assert_eq!(code(chats.edit_chat(&ctx, chat, None, of(json!({"title": "x"}))).await), "chat.of_group");
        assert_eq!(code(chats.delete_chat(&ctx, chat, None).await), "chat.of_group");
        assert_eq!(code(chats.transfer(&ctx, chat, of(json!({"user_id": ada.id}))).await), "chat.of_group");
        assert_eq!(names(&world, &ada, chat, PeopleFilter::default(), 9).await, ["ada"]);
        assert!(world.names().await.is_empty());
    }
}
