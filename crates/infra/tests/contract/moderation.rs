//! The guarantees of `Moderation`.

pub mod domain;
pub mod filters;
mod floods;
mod purges;
mod reasons;
mod reviews;

use std::{sync::Arc, time::Duration};

use clowder_core::{ChatId, Error, Limit, PageRequest, Topic};
use clowder_messaging::{
    CHAT, Emoji, NewChat,
    invitations::{NewInvite, Standing, port::Came},
    moderation::{NewBrake, NewLifting, NewSanction, NewSlowMode, SanctionType, pace::Rate},
    participants::{NewParticipants, RolePatch},
};
use clowder_social::groups::NewGroup;
use serde_json::{Value, json};

use crate::{
    stress::of,
    world::{Person, World, code, on_both},
};

fn about(person: &Person, reason: &str) -> NewSanction {
    of(json!({"user_id": person.id, "reason": reason}))
}

fn lifting(person: &Person) -> NewLifting {
    of(json!({"user_id": person.id, "reason": "has apologized"}))
}

async fn public(world: &World, owner: &Person) -> ChatId {
    let new = of::<NewChat>(json!({"type": "group", "title": "Lunch", "visibility": "public"}));
    let chat = world.store.messaging.create_chat(&world.ctx(owner), new).await.unwrap().into_inner();
    world.changes().await;
    chat.id
}

on_both! {
    async fn whoever_is_muted_reads_and_does_not_write(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        crate::friends::befriend(&world, &ada, &bob).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = world.say(&bob, chat, "hello").await;
        world.names().await;
        let moderation = &world.store.moderation;
        let mute = moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, about(&bob, "zqtoo loud")).await.unwrap();
        assert_eq!((mute.user.id, mute.reason.as_str(), mute.by, mute.until), (bob.id, "zqtoo loud", Some(ada.id), None));
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        assert_eq!(told, [("chat.sanctioned", Topic::user(bob.id))], "nobody else is told");
        assert!(!changes[0].data.get().contains("zqtoo"));
        assert_eq!(code(world.try_say(&bob, chat, "but", None).await), "chat.muted");
        let patch = of(json!({"content": "but"}));
        assert_eq!(code(world.store.messaging.edit(&world.ctx(&bob), said.id, None, patch).await), "chat.muted");
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_seq, 1);
        assert!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().silent_until.is_some());
        world.say(&eve, chat, "others can").await;

        // It stays when somebody leaves and comes back.
        let people = &world.store.participants;
        people.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        let again = of::<NewParticipants>(json!({"user_ids": [bob.id]}));
        people.add(&world.ctx(&ada), chat, again).await.unwrap();
        assert_eq!(code(world.try_say(&bob, chat, "again", None).await), "chat.muted");
        let list = moderation.sanctions(&world.ctx(&ada), chat, SanctionType::Mute, PageRequest::default()).await.unwrap();
        assert_eq!(list.items.iter().map(|one| one.user.id).collect::<Vec<_>>(), [bob.id]);
        let own = moderation.own_sanctions(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        assert_eq!((own.len(), own[0].reason.as_str(), own[0].by), (1, "zqtoo loud", None));
        world.names().await;

        moderation.lift(&world.ctx(&ada), chat, SanctionType::Mute, lifting(&bob)).await.unwrap();
        assert_eq!(world.names().await, ["chat.sanctioned"]);
        world.say(&bob, chat, "thank you").await;
        moderation.lift(&world.ctx(&ada), chat, SanctionType::Mute, lifting(&bob)).await.unwrap();
        assert_eq!(world.names().await, ["message.sent"], "there is nothing to lift");
        let own = moderation.own_sanctions(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        assert_eq!((own[0].lift_reason.as_deref(), own[0].lifted_at.is_some()), (Some("has apologized"), true));
    }

    async fn a_chat_is_deleted_and_whoever_was_told_why_keeps_that(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let sanction = about(&bob, "Advertising, again and again");
        world.store.moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, sanction).await.unwrap();
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
    }

    async fn a_mute_ends_with_its_time_and_its_refusal_says_when(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let until = world.now().plus(Duration::from_secs(60));
        let mute = of::<NewSanction>(json!({"user_id": bob.id, "reason": "for a minute", "until": until}));
        let moderation = &world.store.moderation;
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, mute).await.unwrap();
        match world.try_say(&bob, chat, "but", None).await {
            Err(Error::TooEarly { until: told, .. }) => assert_eq!(told.as_micros() / 1_000, until.as_micros() / 1_000),
            other => panic!("{other:?}"),
        }
        world.wait(Duration::from_secs(61));
        world.say(&bob, chat, "a minute later").await;
        let list = moderation.sanctions(&world.ctx(&ada), chat, SanctionType::Mute, PageRequest::default()).await.unwrap();
        assert!(list.items.is_empty(), "it is over");
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, about(&bob, "again")).await.unwrap();
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, about(&bob, "and why")).await.unwrap();
        let list = moderation.sanctions(&world.ctx(&ada), chat, SanctionType::Mute, PageRequest::default()).await.unwrap();
        assert_eq!(list.items.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>(), ["and why"]);
        world.changes().await;
    }

    async fn whoever_is_banned_is_out_and_comes_in_by_no_way(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = public(&world, &ada).await;
        let (people, invitations, moderation) =
            (&world.store.participants, &world.store.invitations, &world.store.moderation);
        people.join(&world.ctx(&bob), chat).await.unwrap();
        let link = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({}))).await.unwrap().code.unwrap();
        world.names().await;
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Ban, about(&bob, "advertising")).await.unwrap();
        assert_eq!(world.names().await, ["message.sent", "participant.removed", "chat.sanctioned"]);
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&bob), chat).await), "chat.unknown");
        assert_eq!(code(people.join(&world.ctx(&bob), chat).await), "chat.banned");
        let code_of = || clowder_core::link::Code::new(link.clone());
        assert_eq!(code(invitations.come(&world.ctx(&bob), code_of()).await), "chat.banned");
        assert_eq!(code(invitations.preview(&world.ctx(&bob), code_of()).await), "chat.banned");
        assert!(!invitations.preview(&world.ctx(&eve), code_of()).await.unwrap().joined);
        let wrong = |result: Result<(), Error>| match result {
            Err(Error::Invalid(errors)) => errors[0].code.to_string(),
            other => panic!("{other:?}"),
        };
        let both = json!({"user_ids": [bob.id, eve.id]});
        let added = people.add(&world.ctx(&ada), chat, of::<NewParticipants>(both.clone())).await;
        assert_eq!(wrong(added.map(drop)), "banned");
        let invited = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(both)).await;
        assert_eq!(wrong(invited.map(drop)), "banned");
        assert!(world.names().await.is_empty());

        // Somebody who never was in it.
        invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({"user_ids": [eve.id]}))).await.unwrap();
        world.names().await;
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Ban, about(&eve, "known elsewhere")).await.unwrap();
        assert_eq!(world.names().await, ["chat.uninvited", "chat.uninvited", "chat.sanctioned"]);
        assert_eq!(code(people.join(&world.ctx(&eve), chat).await), "chat.banned");
        let page = PageRequest { limit: 1, cursor: None };
        let list = moderation.sanctions(&world.ctx(&ada), chat, SanctionType::Ban, page).await.unwrap();
        assert_eq!((list.items[0].user.id, list.next_cursor.is_some()), (eve.id, true), "the last first");

        moderation.lift(&world.ctx(&ada), chat, SanctionType::Ban, lifting(&bob)).await.unwrap();
        assert!(matches!(people.join(&world.ctx(&bob), chat).await, Ok(Came::In(_))));
        world.changes().await;
    }

    async fn only_those_with_a_higher_role_moderate(world: World) {
        let [ada, bob, eve, cem] = world.people(["ada", "bob", "eve", "cem"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let admin = of::<RolePatch>(json!({"role": "admin"}));
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, admin).await.unwrap();
        world.names().await;
        let moderation = &world.store.moderation;
        let mute = async |who: &Person, whom: &Person| {
            code(moderation.sanction(&world.ctx(who), chat, SanctionType::Mute, about(whom, "why")).await)
        };
        assert_eq!(mute(&bob, &ada).await, "chat.forbidden");
        assert_eq!(mute(&eve, &bob).await, "chat.forbidden");
        assert_eq!(mute(&ada, &cem).await, "chat.participant_unknown");
        assert_eq!(mute(&cem, &eve).await, "chat.unknown");
        assert_eq!(code(moderation.rules(&world.ctx(&eve), chat).await), "chat.forbidden");
        let page = PageRequest::default;
        assert_eq!(code(moderation.reviews(&world.ctx(&eve), Some(chat), page()).await), "chat.forbidden");
        assert_eq!(code(moderation.sanctions(&world.ctx(&cem), chat, SanctionType::Ban, page()).await), "chat.unknown");
        assert!(world.names().await.is_empty());
        // An admin who is muted does not lift it.
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, about(&bob, "why")).await.unwrap();
        assert_eq!(code(moderation.lift(&world.ctx(&bob), chat, SanctionType::Mute, lifting(&bob)).await), "chat.forbidden");
        // The chat of a group follows its group.
        let group = world.store.groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Gardeners"}))).await.unwrap();
        world.store.groups.join(&world.ctx(&bob), group.id).await.unwrap();
        let chat = group.chat_id.unwrap();
        let ban = moderation.sanction(&world.ctx(&ada), chat, SanctionType::Ban, about(&bob, "why")).await;
        assert_eq!(code(ban), "chat.of_group");
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, about(&bob, "why")).await.unwrap();
        assert_eq!(code(world.try_say(&bob, chat, "but", None).await), "chat.muted");
        let brake = of::<NewBrake>(json!({"reason": "why"}));
        assert_eq!(code(moderation.set_brake(&world.ctx(&ada), chat, brake).await), "chat.of_group");
        world.changes().await;
    }

    async fn whoever_has_nothing_to_do_with_a_chat_is_told_nothing(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&eve]).await.id;
        world.names().await;
        let moderation = &world.store.moderation;
        let own = async |person: &Person| {
            moderation.own_sanctions(&world.ctx(person), PageRequest::default()).await.unwrap().items
        };
        let ban = async |person: &Person, reason: &str| {
            moderation.sanction(&world.ctx(&ada), chat, SanctionType::Ban, about(person, reason)).await.unwrap();
        };
        for reason in ["zqabuse", "zqmore abuse"] {
            ban(&bob, reason).await;
            assert!(world.names().await.is_empty());
        }
        moderation.lift(&world.ctx(&ada), chat, SanctionType::Ban, lifting(&bob)).await.unwrap();
        assert!(world.names().await.is_empty());
        assert!(own(&bob).await.is_empty(), "nobody can write to strangers in this way");
        // Whoever was there is told, though not again and again.
        world.say(&eve, chat, "hello").await;
        world.names().await;
        for _ in 0..8 {
            ban(&eve, "rude").await;
        }
        let told = world.names().await.into_iter().filter(|name| name == "chat.sanctioned").count();
        assert_eq!((told, own(&eve).await.len()), (5, 5));
        let listed = moderation.sanctions(&world.ctx(&ada), chat, SanctionType::Ban, PageRequest::default()).await.unwrap();
        assert_eq!(listed.items.len(), 1);
        // Of one person, a chat keeps so many that are over.
        for _ in 0..60 {
            ban(&eve, "rude").await;
        }
        world.meddle("UPDATE chat_sanctions SET told = TRUE").unwrap();
        let page = PageRequest { limit: 200, cursor: None };
        assert_eq!(moderation.own_sanctions(&world.ctx(&eve), page).await.unwrap().items.len(), 51);
        world.changes().await;
    }

    async fn in_slow_mode_members_wait_and_are_told_until_when(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        crate::friends::befriend(&world, &ada, &bob).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.names().await;
        let moderation = &world.store.moderation;
        let slow = |seconds: u32| of::<NewSlowMode>(json!({"seconds": seconds, "reason": "too much at once"}));
        let said = world.say(&bob, chat, "one").await;
        world.names().await;
        let rules = moderation.slow_down(&world.ctx(&ada), chat, slow(30)).await.unwrap();
        assert_eq!(rules.slow_seconds, 30);
        let changes = world.changes().await;
        assert_eq!(changes.iter().map(|change| (&*change.name, change.topic)).collect::<Vec<_>>(), [("chat.updated", Topic::new(CHAT, chat))]);
        let seen = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!((seen.slow_seconds, seen.version), (30, 2));
        match world.try_say(&bob, chat, "two", None).await {
            Err(Error::TooEarly { refusal, until }) => {
                assert_eq!((refusal.code, until), ("message.slow", said.created_at.plus(Duration::from_secs(30))));
            }
            other => panic!("{other:?}"),
        }
        for _ in 0..3 {
            world.say(&ada, chat, "owners do not wait").await;
        }
        world.wait(Duration::from_secs(30));
        world.say(&bob, chat, "two").await;
        // What is sent at once is decided one after the other.
        let bob = Arc::new(bob);
        world.wait(Duration::from_secs(30));
        let sends = (0..8).map(|_| {
            let (world, bob) = (Arc::clone(&world), Arc::clone(&bob));
            tokio::spawn(async move { world.try_say(&bob, chat, "three", None).await.is_ok() })
        });
        let mut sent = 0;
        for send in sends.collect::<Vec<_>>() {
            sent += usize::from(send.await.unwrap());
        }
        assert_eq!(sent, 1);
        // The pause goes on for whoever leaves and comes back.
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        let again = of::<NewParticipants>(json!({"user_ids": [bob.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, again).await.unwrap();
        assert_eq!(code(world.try_say(&bob, chat, "four", None).await), "message.slow");
        world.names().await;
        moderation.slow_down(&world.ctx(&ada), chat, slow(30)).await.unwrap();
        assert!(world.names().await.is_empty(), "nothing has changed");
        moderation.slow_down(&world.ctx(&ada), chat, slow(0)).await.unwrap();
        world.say(&bob, chat, "four").await;
        world.changes().await;
    }

    async fn when_many_come_at_once_the_rest_wait_until_they_are_let_in(world: World) {
        let [ada, bob, eve, cem, dan] = world.people(["ada", "bob", "eve", "cem", "dan"]).await;
        let chat = public(&world, &ada).await;
        let (people, invitations) = (&world.store.participants, &world.store.invitations);
        let link = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({"max_uses": 2}))).await.unwrap();
        let link = || clowder_core::link::Code::new(link.code.clone().unwrap());
        let limits = json!({"joins": 2, "seconds": 60, "hold_seconds": 600});
        let brake = of::<NewBrake>(json!({"limits": limits, "reason": "raids"}));
        world.store.moderation.set_brake(&world.ctx(&ada), chat, brake.clone()).await.unwrap();
        assert!(world.names().await.is_empty());
        for one in [&bob, &eve] {
            assert!(matches!(people.join(&world.ctx(one), chat).await, Ok(Came::In(_))));
        }
        world.names().await;
        assert!(matches!(people.join(&world.ctx(&cem), chat).await, Ok(Came::Asked(asked)) if asked == chat));
        assert_eq!(world.names().await, ["chat.braked", "chat.requested"]);
        assert!(matches!(people.join(&world.ctx(&cem), chat).await, Ok(Came::Asked(_))), "they wait already");
        for _ in 0..2 {
            assert!(matches!(invitations.come(&world.ctx(&dan), link()).await, Ok(Came::Asked(_))), "by links, too");
        }
        assert_eq!(world.names().await, ["chat.requested"]);
        let links = invitations.links(&world.ctx(&ada), chat, PageRequest::default()).await.unwrap();
        assert_eq!(links.items[0].uses, 1, "whoever waits uses no more");
        let waiting = invitations.guests(&world.ctx(&ada), chat, Standing::Pending, PageRequest::default()).await.unwrap();
        assert_eq!(waiting.items.iter().map(|guest| guest.user.id).collect::<Vec<_>>(), [cem.id, dan.id]);
        let rules = world.store.moderation.rules(&world.ctx(&ada), chat).await.unwrap();
        assert!(rules.brake.unwrap().held_until.is_some());
        // Whoever is invited has been let in.
        let fay = world.person("fay").await;
        invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({"user_ids": [fay.id]}))).await.unwrap();
        assert!(matches!(people.join(&world.ctx(&fay), chat).await, Ok(Came::In(_))));
        let verdict = || of(json!({"action": "approve"}));
        invitations.decide(&world.ctx(&ada), chat, cem.id, verdict()).await.unwrap();
        assert!(matches!(people.join(&world.ctx(&cem), chat).await, Ok(Came::Already(_))));
        world.store.moderation.set_brake(&world.ctx(&ada), chat, brake).await.unwrap();
        assert!(matches!(people.join(&world.ctx(&dan), chat).await, Ok(Came::In(_))), "it is released");
        world.changes().await;
    }

    async fn whoever_may_not_ask_makes_the_brake_go_on_nevertheless(world: World) {
        let [ada, bob, eve, cem] = world.people(["ada", "bob", "eve", "cem"]).await;
        let (people, invitations) = (&world.store.participants, &world.store.invitations);
        for by_link in [false, true] {
            let chat = public(&world, &ada).await;
            let link = async |new: Value| {
                let made = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(new)).await.unwrap();
                clowder_core::link::Code::new(made.code.unwrap())
            };
            let (open, asking) = (link(json!({})).await, link(json!({"approval": true})).await);
            invitations.come(&world.ctx(&eve), asking).await.unwrap();
            invitations.decide(&world.ctx(&ada), chat, eve.id, of(json!({"action": "reject"}))).await.unwrap();
            let brake = json!({"limits": {"joins": 1, "seconds": 60, "hold_seconds": 600}, "reason": "raids"});
            world.store.moderation.set_brake(&world.ctx(&ada), chat, of::<NewBrake>(brake)).await.unwrap();
            assert!(matches!(people.join(&world.ctx(&bob), chat).await, Ok(Came::In(_))));
            world.names().await;
            for told in [&["chat.braked"][..], &[]] {
                let refused = if by_link {
                    invitations.come(&world.ctx(&eve), open.clone()).await
                } else {
                    people.join(&world.ctx(&eve), chat).await
                };
                assert_eq!(code(refused), "chat.too_soon");
                assert_eq!(world.names().await, told);
            }
            assert!(matches!(people.join(&world.ctx(&cem), chat).await, Ok(Came::Asked(_))));
            world.changes().await;
        }
    }

    async fn who_sends_too_much_writes_nothing_and_is_told_for_how_long(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        world.names().await;
        let rate = Rate { interval: Duration::from_secs(10), burst: 10 };
        let node = world.node_with(|options| options.messaging.pace = Some(rate)).await;
        let send = async |who: &Person, chat: ChatId| {
            let new = of(json!({"content": "spam"}));
            node.messaging.send(&world.ctx(who), chat, new).await.map(drop)
        };
        let mut waits = Vec::new();
        for _ in 0..1_000 {
            match send(&bob, chat).await {
                Ok(()) => {}
                Err(Error::TooMany { retry_after, .. }) => waits.push(retry_after),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(waits.len(), 990);
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(10)), "a moment");
        assert_eq!(world.names().await.len(), 10, "the others wrote nothing");
        send(&ada, chat).await.unwrap();
        send(&bob, other).await.unwrap();
        world.wait(waits[989]);
        send(&bob, chat).await.unwrap();
        assert!(send(&bob, chat).await.is_err());
        world.changes().await;
    }

    async fn who_reacts_and_votes_too_often_writes_nothing_and_is_told_for_how_long(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        let poll = json!({"content": "What?", "type": "poll", "poll": {"options": ["This", "That"]}});
        let poll = world.store.messaging.send(&world.ctx(&ada), chat, of(poll)).await.unwrap().into_inner().id;
        let rate = Rate { interval: Duration::from_secs(10), burst: 4 };
        let node = world.node_with(|options| options.messaging.pace = Some(rate)).await;
        world.names().await;
        let react = async |who: &Person, on: bool| {
            let (ctx, emoji) = (world.ctx(who), Emoji::from_text("👍").unwrap());
            match on {
                true => node.messaging.react(&ctx, message, emoji).await.map(drop),
                false => node.messaging.unreact(&ctx, message, emoji).await.map(drop),
            }
        };
        let vote = async |option: i64| node.polls.vote(&world.ctx(&bob), poll, of(json!({"options": [option]}))).await;
        react(&bob, true).await.unwrap();
        for _ in 0..20 {
            react(&bob, true).await.expect("it changes nothing, so it costs nothing");
        }
        react(&bob, false).await.unwrap();
        vote(0).await.unwrap();
        vote(1).await.unwrap();
        let told = ["reaction.added", "reaction.removed", "poll.voted", "poll.voted"];
        assert_eq!(world.names().await, told);
        for refused in [react(&bob, true).await, vote(0).await.map(drop)] {
            let Err(Error::TooMany { limit: Limit::Gestures, retry_after }) = refused else { panic!("{refused:?}") };
            assert!(retry_after > Duration::from_secs(1) && retry_after <= Duration::from_secs(10), "{retry_after:?}");
        }
        assert!(world.names().await.is_empty(), "nothing was written");
        node.messaging.send(&world.ctx(&bob), chat, of(json!({"content": "messages count apart"}))).await.unwrap();
        react(&ada, true).await.expect("others react on");
        world.wait(Duration::from_secs(10));
        react(&bob, true).await.unwrap();
        assert!(vote(0).await.is_err());
        world.changes().await;
    }
}
