//! What is listed for review, for whom and how long, and what a decision depends on.

use std::time::Duration;

use clowder_core::{ChatId, PageRequest, Recorded, Topic, UserId};
use clowder_messaging::{
    Window,
    chats::ChatPatch,
    moderation::{MOST_FLAGGED, MOST_HELD_IN_CHAT, NewLifting, NewSanction, ReviewId, SanctionType},
    participants::{NewParticipants, RolePatch},
};
use clowder_social::NewBlock;
use serde_json::{Value, json};

use super::filters::{catching, listed, set, verdict};
use crate::{
    privacy::system,
    reports::domain::moderator,
    stress::of,
    world::{Person, World, code, on_both},
};

/// Decides about the first message that is listed for somebody.
async fn decide(world: &World, who: &Person, chat: Option<ChatId>, action: &str) -> clowder_core::Result<()> {
    let first = listed(world, who, chat).await.remove(0).id;
    world.store.moderation.decide_review(&world.ctx(who), chat, first, None, verdict(action)).await
}

/// How many messages the chat shows as waiting.
async fn waiting(world: &World, who: &Person, chat: ChatId) -> i64 {
    world.store.moderation.rules(&world.ctx(who), chat).await.unwrap().reviews
}

/// Who deleted a message, as the chat is told: in the event, and as its actor.
fn deleted_by(changes: &[Recorded]) -> (Value, Option<UserId>) {
    let deleted = changes.iter().find(|change| &*change.name == "message.deleted").unwrap();
    let data: Value = serde_json::from_str(deleted.data.get()).unwrap();
    (data["deleted_by"].clone(), deleted.actor)
}

on_both! {
    async fn the_chat_does_not_learn_who_decided_for_the_server(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = moderator(&world, "boss").await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&["zqvirus"], "flag")).await.unwrap();
        world.say(&bob, chat, "a zqvirus").await;
        world.names().await;
        decide(&world, &boss, None, "reject").await.unwrap();
        assert_eq!(deleted_by(&world.changes().await), (json!(bob.id), Some(bob.id)));
        // What the chat decides is no secret in it.
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&[], "flag")).await.unwrap();
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        world.say(&bob, chat, "a zqcasino").await;
        world.names().await;
        decide(&world, &ada, Some(chat), "reject").await.unwrap();
        assert_eq!(deleted_by(&world.changes().await), (json!(ada.id), Some(ada.id)));
    }

    async fn what_was_held_is_not_sent_into_a_chat_that_has_closed_since(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = moderator(&world, "boss").await;
        let new = of(json!({"type": "private", "participant_ids": [bob.id]}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&["zqvirus"], "hold")).await.unwrap();
        assert_eq!(code(world.try_say(&ada, chat, "a zqvirus", None).await), "message.held");
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        world.names().await;
        assert_eq!(code(decide(&world, &boss, None, "approve").await), "message.unsendable");
        assert!(world.names().await.is_empty());
        assert_eq!(listed(&world, &boss, None).await.len(), 1, "it still waits");
        world.store.blocks.unblock(&world.ctx(&bob), ada.id).await.unwrap();
        world.names().await;
        decide(&world, &boss, None, "approve").await.unwrap();
        assert_eq!(world.names().await, ["message.sent"]);
    }

    async fn what_was_held_still_names_what_it_named(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let messaging = &world.store.messaging;
        let (root, quoted) = (world.say(&ada, chat, "root").await.id, world.say(&ada, chat, "quoted").await.id);
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        let send = async |text: &str, more: Value| {
            let mut new = json!({"content": text});
            new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            messaging.send(&world.ctx(&bob), chat, of(new)).await
        };
        let names = json!({"reply_to": quoted, "thread_of": root});
        assert_eq!(code(send("a zqcasino", names.clone()).await), "message.held");
        let elsewhere = clowder_core::MessageId::new(world.now());
        let wrong = send("another zqcasino", json!({"reply_to": elsewhere})).await;
        assert!(matches!(wrong, Err(clowder_core::Error::Invalid(_))), "what is wrong is not kept");
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        let last = async || messaging.chat(&world.ctx(&ada), chat).await.unwrap().last_message.unwrap();
        let sent = last().await;
        assert_eq!((sent.thread_of, sent.reply_to.unwrap().excerpt.as_deref()), (Some(root), Some("quoted")));
        let thread = messaging.message(&world.ctx(&bob), root).await.unwrap().thread.unwrap();
        assert_eq!((thread.count, thread.following), (1, true));
        // What it replied to is gone by then.
        assert_eq!(code(send("a third zqcasino", names).await), "message.held");
        messaging.delete(&world.ctx(&ada), quoted, None).await.unwrap();
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        let sent = last().await;
        assert_eq!((sent.thread_of, sent.reply_to), (Some(root), None));
        // So is where it would be.
        let lonely = world.say(&ada, chat, "lonely").await.id;
        assert_eq!(code(send("a fourth zqcasino", json!({"thread_of": lonely})).await), "message.held");
        messaging.delete(&world.ctx(&ada), lonely, None).await.unwrap();
        assert_eq!(code(decide(&world, &ada, Some(chat), "approve").await), "message.unsendable");
        // Forwarded messages are held to the same.
        let said = world.say(&ada, chat, "about a zqcasino").await.id;
        let new = of(json!({"chat_ids": [chat]}));
        let done = world.store.relations.forward(&world.ctx(&bob), said, new).await.unwrap().into_inner();
        assert_eq!(done.items[0].problem.as_ref().unwrap().code, "message.held");
        decide(&world, &ada, Some(chat), "reject").await.unwrap();
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        assert_eq!(last().await.forwarded_from.unwrap().chat_id, Some(chat));
    }

    async fn what_was_held_is_sent_only_if_its_sender_could_send_it_now(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        let hold = async |text: &str| assert_eq!(code(world.try_say(&bob, chat, text, None).await), "message.held");
        let refused = async |expected: &str| {
            world.names().await;
            assert_eq!(code(decide(&world, &ada, Some(chat), "approve").await), expected);
            assert!(world.names().await.is_empty());
            assert_eq!(listed(&world, &ada, Some(chat)).await.len(), 1, "it still waits");
        };
        let moderation = &world.store.moderation;
        // Muted, and later no more.
        hold("one zqcasino").await;
        let until = world.now().plus(Duration::from_secs(60));
        let mute = of::<NewSanction>(json!({"user_id": bob.id, "reason": "too loud", "until": until}));
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, mute).await.unwrap();
        refused("message.unsendable").await;
        world.wait(Duration::from_secs(61));
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        assert_eq!(world.names().await, ["message.sent"]);
        // Without the right to write.
        hold("two zqcasino").await;
        let post = |post: bool| of::<ChatPatch>(json!({"rights": {"post": post}}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, post(false)).await.unwrap();
        refused("message.unsendable").await;
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, post(true)).await.unwrap();
        world.names().await;
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        assert_eq!(world.names().await, ["message.sent"]);
        // Suspended.
        hold("three zqcasino").await;
        let spam = of(json!({"reason": "spam"}));
        world.store.staff.suspend(&world.system(), bob.id, spam).await.unwrap();
        refused("message.unsendable").await;
        world.store.staff.lift(&world.system(), bob.id).await.unwrap();
        world.names().await;
        // Gone, with what was kept back.
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        assert!(listed(&world, &ada, Some(chat)).await.is_empty());
        world.gone(b"three zqcasino").await;
    }

    async fn an_approved_message_leaves_its_client_id_to_whoever_has_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        assert_eq!(code(world.try_say(&bob, chat, "a zqcasino", Some("7")).await), "message.held");
        let first = world.try_say(&bob, other, "other words", Some("7")).await.unwrap().into_inner();
        world.names().await;
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 9).await.unwrap();
        assert_eq!((page.items[0].content.as_deref(), &page.items[0].client_id), (Some("a zqcasino"), &None));
        let again = world.try_say(&bob, other, "other words", Some("7")).await.unwrap().into_inner();
        assert_eq!(again.id, first.id);
    }

    async fn whoever_came_later_decides_about_what_they_see(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = of(json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        world.say(&bob, chat, "an early zqcasino").await;
        let added = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, added).await.unwrap();
        let admin = of::<RolePatch>(json!({"role": "admin"}));
        world.store.participants.set_role(&world.ctx(&ada), chat, eve.id, admin).await.unwrap();
        let early = listed(&world, &ada, Some(chat)).await.remove(0).id;
        assert!(listed(&world, &eve, Some(chat)).await.is_empty());
        let decided = world.store.moderation.decide_review(&world.ctx(&eve), Some(chat), early, None, verdict("reject")).await;
        assert_eq!(code(decided), "message.review_unknown");
        world.say(&bob, chat, "a late zqcasino").await;
        let seen = listed(&world, &eve, Some(chat)).await;
        assert_eq!(seen.iter().map(|one| one.content.as_deref()).collect::<Vec<_>>(), [Some("a late zqcasino")]);
        assert_eq!((waiting(&world, &ada, chat).await, waiting(&world, &eve, chat).await), (2, 1));
        decide(&world, &eve, Some(chat), "reject").await.unwrap();
        decide(&world, &ada, Some(chat), "reject").await.unwrap();
        assert!(listed(&world, &ada, Some(chat)).await.is_empty());
        world.changes().await;
    }

    async fn those_who_decide_are_told_at_once_of_what_they_may_see(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let boss = moderator(&world, "boss").await;
        let new = of(json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let early = world.say(&bob, chat, "early").await.id;
        let added = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, added).await.unwrap();
        let admin = of::<RolePatch>(json!({"role": "admin"}));
        world.store.participants.set_role(&world.ctx(&ada), chat, eve.id, admin).await.unwrap();
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        world.changes().await;
        // To whom, and about which of the reviews that are listed.
        let told = async || {
            let changes = world.changes().await;
            let reviews = changes.iter().filter(|change| &*change.name == "chat.review");
            let review = |data: &str| serde_json::from_str::<Value>(data).unwrap()["review_id"].clone();
            reviews.map(|change| (change.topic, review(change.data.get()))).collect::<Vec<_>>()
        };
        let staff = [Topic::user(ada.id), Topic::user(eve.id)];
        world.say(&bob, chat, "a zqcasino").await;
        let last = json!(listed(&world, &eve, Some(chat)).await.last().unwrap().id);
        assert_eq!(told().await, staff.map(|to| (to, last.clone())));
        let edit = of(json!({"content": "an early zqcasino"}));
        world.store.messaging.edit(&world.ctx(&bob), early, None, edit).await.unwrap();
        let last = json!(listed(&world, &ada, Some(chat)).await.last().unwrap().id);
        assert_eq!(told().await, [(staff[0], last)], "eve does not see it");
        let again = of(json!({"content": "the same zqcasino"}));
        world.store.messaging.edit(&world.ctx(&bob), early, None, again).await.unwrap();
        assert!(told().await.is_empty(), "it is listed already");
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        assert_eq!(code(world.try_say(&bob, chat, "a held zqcasino", None).await), "message.held");
        let last = json!(listed(&world, &eve, Some(chat)).await.last().unwrap().id);
        assert_eq!(told().await, staff.map(|to| (to, last.clone())));
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&["zqvirus"], "hold")).await.unwrap();
        assert_eq!(code(world.try_say(&bob, chat, "a zqvirus", None).await), "message.held");
        assert!(told().await.is_empty(), "the chat does not decide about it");
    }

    async fn a_decision_is_about_what_was_read(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = moderator(&world, "boss").await;
        let chat = world.group(&ada, &[&bob]).await.id;
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&["zqvirus"], "flag")).await.unwrap();
        for (who, place, word) in [(&ada, Some(chat), "zqcasino"), (&boss, None, "zqvirus")] {
            let said = world.say(&bob, chat, word).await.id;
            let read = listed(&world, who, place).await.remove(0);
            assert_eq!(read.version, 1);
            let edit = of(json!({"content": format!("a worse {word}")}));
            world.store.messaging.edit(&world.ctx(&bob), said, None, edit).await.unwrap();
            let decide = async |version: i64, action: &str| {
                let (ctx, verdict) = (world.ctx(who), verdict(action));
                world.store.moderation.decide_review(&ctx, place, read.id, Some(version.into()), verdict).await
            };
            for action in ["approve", "reject"] {
                let stale = decide(1, action).await;
                assert!(matches!(stale, Err(clowder_core::Error::Stale { current: 2, .. })), "{stale:?}");
            }
            assert_eq!(listed(&world, who, place).await[0].version, 2);
            decide(2, "reject").await.unwrap();
            assert!(world.store.messaging.message(&world.ctx(&bob), said).await.unwrap().deleted_at.is_some());
        }
        // What is held cannot be edited.
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        assert_eq!(code(world.try_say(&bob, chat, "a zqcasino", None).await), "message.held");
        let read = listed(&world, &ada, Some(chat)).await.remove(0);
        let (ctx, version) = (world.ctx(&ada), Some(read.version.into()));
        world.store.moderation.decide_review(&ctx, Some(chat), read.id, version, verdict("approve")).await.unwrap();
        world.changes().await;
    }

    async fn a_review_shows_whom_a_message_mentions(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let boss = moderator(&world, "boss").await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&["zqvirus"], "flag")).await.unwrap();
        let send = async |text: &str| {
            let new = of(json!({"content": text, "mentions": [eve.id, ada.id], "lifetime": {"seconds": 60}}));
            world.store.messaging.send(&world.ctx(&bob), chat, new).await
        };
        let mentions = async || listed(&world, &ada, Some(chat)).await.remove(0).mentions;
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        assert_eq!(code(send("@ada a zqcasino").await), "message.held");
        assert_eq!(mentions().await, [eve.id, ada.id]);
        decide(&world, &ada, Some(chat), "approve").await.unwrap();
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        let said = send("@ada another zqcasino").await.unwrap().into_inner();
        assert_eq!(said.mentions, [ada.id, eve.id]);
        assert_eq!(mentions().await, [ada.id, eve.id]);
        send("a zqvirus").await.unwrap();
        let listed_for_server = listed(&world, &boss, None).await.remove(0);
        assert!(listed_for_server.mentions.is_empty() && listed_for_server.content.is_none());
        let read = world.store.moderation.examine_review(&world.ctx(&boss), listed_for_server.id).await.unwrap();
        assert_eq!(read.mentions, [eve.id, ada.id]);
        world.wait(Duration::from_secs(61));
        assert_eq!(mentions().await, [], "its time is over");
        world.changes().await;
    }

    async fn a_message_that_is_gone_is_not_listed_and_counts_no_more(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        let mut said = Vec::new();
        for n in 0..=MOST_FLAGGED {
            said.push(world.say(&bob, chat, &format!("zqcasino {n}")).await.id);
        }
        assert_eq!(waiting(&world, &ada, chat).await, MOST_FLAGGED, "one of them is not listed");
        // Deleted by its author …
        world.store.messaging.delete(&world.ctx(&bob), said[0], None).await.unwrap();
        assert_eq!(waiting(&world, &ada, chat).await, MOST_FLAGGED - 1);
        // … or at its end, with others of which none is listed.
        for n in 0..3 {
            let words = if n == 1 { "a short zqcasino" } else { "short" };
            let new = of(json!({"content": words, "lifetime": {"seconds": 60}}));
            world.store.messaging.send(&world.ctx(&bob), chat, new).await.unwrap();
        }
        assert_eq!(waiting(&world, &ada, chat).await, MOST_FLAGGED);
        world.wait(Duration::from_secs(61));
        world.store.lifetimes.expire(&system(&world)).await.unwrap();
        assert_eq!(waiting(&world, &ada, chat).await, MOST_FLAGGED - 1);
        world.say(&bob, chat, "one more zqcasino").await;
        assert_eq!(waiting(&world, &ada, chat).await, MOST_FLAGGED);
        world.changes().await;
    }

    async fn what_nobody_decides_about_has_an_end(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let day = Duration::from_secs(24 * 3600);
        let sweep = async || world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        set(&world, &ada, chat, &["zqheld"], "hold").await;
        assert_eq!(code(world.try_say(&bob, chat, "a zqheld secret", None).await), "message.held");
        set(&world, &ada, chat, &["zqflag"], "flag").await;
        let said = world.say(&bob, chat, "a zqflag").await;
        world.wait(29 * day);
        sweep().await;
        assert_eq!(listed(&world, &ada, Some(chat)).await.len(), 2);
        world.wait(2 * day);
        sweep().await;
        assert!(listed(&world, &ada, Some(chat)).await.is_empty());
        world.gone(b"a zqheld secret").await;
        let own = world.store.moderation.own_sanctions(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        assert!(own.is_empty(), "nobody has decided anything about them");
        let stays = world.store.messaging.message(&world.ctx(&bob), said.id).await.unwrap();
        assert_eq!(stays.content.as_deref(), Some("a zqflag"));
        set(&world, &ada, chat, &["zqheld"], "hold").await;
        assert_eq!(code(world.try_say(&bob, chat, "a zqheld secret", None).await), "message.held", "it is a new one");
        assert_eq!(listed(&world, &ada, Some(chat)).await.len(), 1);
        world.changes().await;
    }

    async fn so_many_messages_of_a_chat_wait_and_no_more(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        let [place, sender] = [world.literal(chat), world.literal(eve.id)];
        let mut rows = String::new();
        for _ in 1..MOST_HELD_IN_CHAT {
            let id = world.literal(ReviewId::new(world.now()));
            rows.push_str(&format!(
                "INSERT INTO message_reviews (id, chat_id, user_id, by_server, kind, content, created_at) \
                 SELECT {id}, {place}, {sender}, FALSE, 'held', 'x', created_at FROM chats WHERE id = {place};"
            ));
        }
        world.batch(&format!("BEGIN; {rows} COMMIT;"));
        assert_eq!(code(world.try_say(&bob, chat, "one zqcasino", None).await), "message.held");
        assert_eq!(code(world.try_say(&bob, chat, "two zqcasino", None).await), "message.reviews");
        assert_eq!(code(world.try_say(&bob, chat, "one zqcasino", None).await), "message.held", "that one waits");
        world.say(&bob, chat, "other words").await;
        decide(&world, &ada, Some(chat), "reject").await.unwrap();
        assert_eq!(code(world.try_say(&bob, chat, "two zqcasino", None).await), "message.held");
        world.changes().await;
    }

    async fn a_mute_that_is_over_does_not_hinder_another(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let moderation = &world.store.moderation;
        let until = world.now().plus(Duration::from_secs(60));
        let short = of::<NewSanction>(json!({"user_id": bob.id, "reason": "short", "until": until}));
        let first = moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, short).await.unwrap();
        world.wait(Duration::from_secs(61));
        let long = of::<NewSanction>(json!({"user_id": bob.id, "reason": "long"}));
        let second = moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, long).await.unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(code(world.try_say(&bob, chat, "but", None).await), "chat.muted");
        let lifting = of::<NewLifting>(json!({"user_id": bob.id, "reason": "has apologized"}));
        moderation.lift(&world.ctx(&ada), chat, SanctionType::Mute, lifting).await.unwrap();
        world.say(&bob, chat, "thank you").await;
        world.changes().await;
    }
}
