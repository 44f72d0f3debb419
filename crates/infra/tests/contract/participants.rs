//! The guarantees of `Participants`.

pub mod domain;
mod strangers;

use std::sync::Arc;

use clowder_accounts::model::SettingsPatch;
use clowder_core::{ChatId, Input, PageRequest, Topic, UserId, follow::Step};
use clowder_messaging::{
    CHAT, ChatRole, Message, NewChat, SystemAction, Window,
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
        let changes = world.changes().await;
        assert_eq!(changes.iter().map(|change| &*change.name).collect::<Vec<_>>(), ["participant.updated", "message.sent"]);
        let said: Message = serde_json::from_str(changes[1].data.get()).unwrap();
        let note = said.system.unwrap();
        assert_eq!((note.action, note.role, note.user_ids), (SystemAction::RoleChanged, Some(ChatRole::Admin), vec![bob.id]));
        assert_eq!(said.content.as_deref(), Some("made 1 person admin"));
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
        let told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
        let for_the_owner = ("participant.added".to_owned(), Topic::user(ada.id));
        assert_eq!(told, [("chat.created".to_owned(), Topic::user(eve.id)), for_the_owner], "no subscriber hears of another");
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

    async fn those_who_run_a_channel_learn_who_comes_and_goes(world: World) {
        let [ada, bob, eve, cem] = world.people(["ada", "bob", "eve", "cem"]).await;
        let chat = channel(&world, &ada, &[&bob, &eve], "public").await;
        let people = &world.store.participants;
        let told = async || {
            let mut told: Vec<_> =
                world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
            told.sort_by_key(|(name, topic)| (name.clone(), topic.id));
            told
        };
        let of = |name: &str, people: &[&Person]| {
            let mut of: Vec<_> = people.iter().map(|person| (name.to_owned(), Topic::user(person.id))).collect();
            of.sort_by_key(|(_, topic)| topic.id);
            of
        };
        people.set_role(&world.ctx(&ada), chat, bob.id, role("admin")).await.unwrap();
        assert_eq!(told().await, of("participant.updated", &[&ada, &bob]));
        people.join(&world.ctx(&cem), chat).await.unwrap();
        assert_eq!(told().await, [of("chat.created", &[&cem]), of("participant.added", &[&ada, &bob])].concat());
        people.remove(&world.ctx(&cem), chat, cem.id).await.unwrap();
        assert_eq!(told().await, of("participant.removed", &[&ada, &bob, &cem]));
        let left = world.everything().await.into_iter().filter_map(|change| change.follow);
        let left = left.filter(|follow| follow.topic == Topic::new(CHAT, chat) && follow.step == Step::Leave);
        assert_eq!(left.map(|follow| follow.user).collect::<Vec<_>>(), [cem.id], "what the others receive are copies");
    }

    async fn the_chat_of_a_group_says_who_comes_and_goes(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        let group = groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Gardeners"}))).await.unwrap();
        let chat = group.chat_id.unwrap();
        let newest = async || {
            let page = world.store.messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 1).await.unwrap();
            let said = page.items.into_iter().next();
            said.map(|said| {
                let note = said.system.unwrap();
                (said.sender.id, note.action, note.user_ids, note.title, note.role)
            })
        };
        assert_eq!(newest().await, None, "nothing is said of whoever creates it");
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(newest().await, Some((bob.id, SystemAction::Joined, vec![], None, None)));
        groups.set_role(&world.ctx(&ada), group.id, bob.id, of(json!({"role": "moderator"}))).await.unwrap();
        let made = (ada.id, SystemAction::RoleChanged, vec![bob.id], None, Some(ChatRole::Admin));
        assert_eq!(newest().await, Some(made.clone()));
        groups.set_role(&world.ctx(&ada), group.id, bob.id, of(json!({"role": "admin"}))).await.unwrap();
        assert_eq!(newest().await, Some(made), "in the chat it is the same role");
        groups.edit(&world.ctx(&ada), group.id, None, of(json!({"name": "Growers"}))).await.unwrap();
        let title = Some("Growers".to_owned());
        assert_eq!(newest().await, Some((ada.id, SystemAction::Retitled, vec![], title, None)));
        groups.join(&world.ctx(&eve), group.id).await.unwrap();
        groups.remove(&world.ctx(&bob), group.id, eve.id).await.unwrap();
        assert_eq!(newest().await, Some((bob.id, SystemAction::Removed, vec![eve.id], None, None)));
        groups.transfer(&world.ctx(&ada), group.id, of(json!({"user_id": bob.id}))).await.unwrap();
        assert_eq!(newest().await, Some((ada.id, SystemAction::OwnerChanged, vec![bob.id], None, None)));
        groups.leave(&world.ctx(&bob), group.id).await.unwrap_err();
        groups.transfer(&world.ctx(&bob), group.id, of(json!({"user_id": ada.id}))).await.unwrap();
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(newest().await, Some((bob.id, SystemAction::Left, vec![], None, None)));
        assert_eq!(world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().unread_count, 0);
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
