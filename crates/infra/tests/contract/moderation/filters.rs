//! Word filters, of chats and of the server, and what is decided about what they catch.

use std::time::Duration;

use clowder_core::{ChatId, Error, PageRequest, Topic};
use clowder_messaging::{
    CHAT,
    chats::ChatPatch,
    moderation::{MOST_FLAGGED, NewFilter, NewReviewVerdict, NewSlowMode, Review, ReviewType, SanctionType},
    refusals::MESSAGE_SLOW,
};
use clowder_social::groups::{GroupPatch, NewGroup};
use serde_json::{Value, json};

use crate::{
    reports::domain::moderator,
    stress::of,
    world::{Person, World, code, on_both},
};

pub fn catching(words: &[&str], action: &str) -> NewFilter {
    of(json!({"words": words, "action": action, "reason": "advertising"}))
}

pub fn verdict(action: &str) -> NewReviewVerdict {
    of(json!({"action": action, "reason": "zqreason"}))
}

pub async fn listed(world: &World, who: &Person, chat: Option<ChatId>) -> Vec<Review> {
    world.store.moderation.reviews(&world.ctx(who), chat, PageRequest::default()).await.unwrap().items
}

pub async fn set(world: &World, who: &Person, chat: ChatId, words: &[&str], action: &str) {
    world.store.moderation.set_filter(&world.ctx(who), chat, catching(words, action)).await.unwrap();
}

on_both! {
    async fn titles_and_descriptions_say_nothing_that_a_message_could_not(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let chats = &world.store.chats;
        let edit = async |who: &Person, patch: Value| {
            chats.edit_chat(&world.ctx(who), chat, None, of::<ChatPatch>(patch)).await
        };
        edit(&ada, json!({"rights": {"edit": true}})).await.unwrap();
        for action in ["block", "hold"] {
            set(&world, &ada, chat, &["casino"], action).await;
            for patch in [json!({"title": "The CASINO"}), json!({"description": "c a s i n o"})] {
                assert_eq!(code(edit(&bob, patch).await), "message.filtered", "{action}");
            }
        }
        edit(&ada, json!({"title": "Owners may say casino"})).await.unwrap();
        let boss = moderator(&world, "boss").await;
        world.store.moderation.set_server_filter(&world.ctx(&boss), catching(&["roulette"], "block")).await.unwrap();
        assert_eq!(code(edit(&ada, json!({"title": "Roulette!"})).await), "message.filtered");
        let new = json!({"type": "channel", "title": "Luck", "description": "roulette", "visibility": "public"});
        assert_eq!(code(world.store.messaging.create_chat(&world.ctx(&ada), of(new)).await), "message.filtered");
        let kept = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!((kept.title.as_deref(), kept.description), (Some("Owners may say casino"), None));
        edit(&bob, json!({"title": "Lunch"})).await.unwrap();
        let mute = of(json!({"user_id": bob.id, "reason": "zqreason"}));
        world.store.moderation.sanction(&world.ctx(&ada), chat, SanctionType::Mute, mute).await.unwrap();
        assert_eq!(code(edit(&bob, json!({"title": "Said all the same"})).await), "chat.muted");
        world.changes().await;
    }

    async fn in_slow_mode_a_title_is_as_slow_as_a_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let edit = async |who: &Person, patch: Value| {
            world.store.chats.edit_chat(&world.ctx(who), chat, None, of::<ChatPatch>(patch)).await
        };
        edit(&ada, json!({"rights": {"edit": true}})).await.unwrap();
        let slow = of::<NewSlowMode>(json!({"seconds": 30, "reason": "zqreason"}));
        world.store.moderation.slow_down(&world.ctx(&ada), chat, slow).await.unwrap();
        edit(&bob, json!({"title": "One"})).await.unwrap();
        for refused in [
            edit(&bob, json!({"title": "Two"})).await.map(drop),
            edit(&bob, json!({"description": "Two"})).await.map(drop),
            world.try_say(&bob, chat, "two", None).await.map(drop),
        ] {
            assert!(matches!(refused, Err(Error::TooEarly { refusal: MESSAGE_SLOW, .. })), "{refused:?}");
        }
        edit(&ada, json!({"title": "Whoever runs it does not wait"})).await.unwrap();
        world.wait(Duration::from_secs(30));
        edit(&bob, json!({"title": "Two"})).await.unwrap();
        world.changes().await;
    }

    async fn the_filter_of_the_server_reads_names_of_groups(world: World) {
        let [ada] = world.people(["ada"]).await;
        let groups = &world.store.groups;
        let make = async |new: Value| groups.create(&world.ctx(&ada), of::<NewGroup>(new)).await;
        let boss = moderator(&world, "boss").await;
        let group = make(json!({"name": "Gardeners", "description": "roulette"})).await.unwrap();
        for action in ["block", "hold"] {
            let filter = catching(&["roulette"], action);
            world.store.moderation.set_server_filter(&world.ctx(&boss), filter).await.unwrap();
            for new in [json!({"name": "R o u l e t t e"}), json!({"name": "x", "description": "Roulette!"})] {
                assert_eq!(code(make(new.clone()).await), "group.filtered", "{action}");
                let edited = groups.edit(&world.ctx(&ada), group.id, None, of::<GroupPatch>(new)).await;
                assert_eq!(code(edited), "group.filtered", "{action}");
            }
        }
        // What was there before keeps nobody from changing something else.
        groups.edit(&world.ctx(&ada), group.id, None, of(json!({"visibility": "secret"}))).await.unwrap();
        groups.edit(&world.ctx(&ada), group.id, None, of(json!({"name": "x", "description": null}))).await.unwrap();
        world.changes().await;
    }

    async fn a_filter_blocks_words_however_they_are_disguised(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let early = world.say(&bob, chat, "lunch?").await;
        world.names().await;
        set(&world, &ada, chat, &["casino", "cheap lunch"], "block").await;
        assert!(world.names().await.is_empty());
        for text in [
            "The CASINO!", "c\u{200b}asіno", "c a s i n o", "cheap  lunch", "caˢino", "casinᵒ", "c\u{489}asi\u{20dd}no", "ᴄᴀꜱɪɴᴏ",
            "ƈasįŋo", "ⓒⓐⓢⓘⓝⓞ", "🅲🅰🆂🅸🅽🅾", "🇨🇦🇸🇮🇳🇴",
        ] {
            assert_eq!(code(world.try_say(&bob, chat, text, Some("1")).await), "message.filtered", "{text}");
        }
        let patch = of(json!({"content": "casino?"}));
        assert_eq!(code(world.store.messaging.edit(&world.ctx(&bob), early.id, None, patch).await), "message.filtered");
        assert!(world.names().await.is_empty());
        world.try_say(&bob, chat, "casinos are something else", Some("1")).await.unwrap();
        world.say(&ada, chat, "owners may say casino").await;
        let rules = world.store.moderation.rules(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!(rules.filter.words, ["casino", "cheap lunch"]);
        // Another node knows the next version at once.
        let node = world.another_node().await;
        let say = async |text: &str| node.messaging.send(&world.ctx(&bob), chat, of(json!({"content": text}))).await;
        assert_eq!(code(say("casino").await), "message.filtered");
        set(&world, &ada, chat, &["roulette"], "block").await;
        say("casino").await.unwrap();
        assert_eq!(code(say("roulette").await), "message.filtered");
        set(&world, &ada, chat, &[], "block").await;
        say("roulette").await.unwrap();
        world.changes().await;
    }

    async fn a_held_message_is_sent_when_it_is_approved(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        world.names().await;
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        for _ in 0..2 {
            assert_eq!(code(world.try_say(&bob, chat, "a zqcasino", Some("7")).await), "message.held");
        }
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        assert_eq!(told, [("chat.review", Topic::user(ada.id))], "nobody else is told, and once");
        assert!(!changes[0].data.get().contains("zq"), "{changes:?}");
        assert_eq!(world.store.messaging.chat(&world.ctx(&eve), chat).await.unwrap().last_seq, 0);
        let waiting = listed(&world, &ada, Some(chat)).await;
        assert_eq!(waiting.len(), 1, "the same one is kept once");
        assert_eq!((waiting[0].kind, waiting[0].content.as_deref(), waiting[0].sender.id), (ReviewType::Held, Some("a zqcasino"), bob.id));
        world.say(&eve, chat, "meanwhile").await;
        world.names().await;
        let moderation = &world.store.moderation;
        let decided = moderation.decide_review(&world.ctx(&eve), Some(chat), waiting[0].id, None, verdict("approve")).await;
        assert_eq!(code(decided), "chat.forbidden");
        moderation.decide_review(&world.ctx(&ada), Some(chat), waiting[0].id, None, verdict("approve")).await.unwrap();
        let changes = world.changes().await;
        assert_eq!(changes.iter().map(|change| (&*change.name, change.topic)).collect::<Vec<_>>(), [("message.sent", Topic::new(CHAT, chat))]);
        let again = world.try_say(&bob, chat, "a zqcasino", Some("7")).await.unwrap().into_inner();
        assert_eq!((again.seq, again.sender.id), (2, bob.id), "the same client id finds it");
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().unread_count, 1, "only hers");
        let decided = moderation.decide_review(&world.ctx(&ada), Some(chat), waiting[0].id, None, verdict("approve")).await;
        assert_eq!(code(decided), "message.review_unknown");
        world.changes().await;
    }

    async fn a_rejected_message_is_gone_and_its_sender_learns_why(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.names().await;
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        assert_eq!(code(world.try_say(&bob, chat, "my zqcasino zqsecret", None).await), "message.held");
        let moderation = &world.store.moderation;
        let waiting = listed(&world, &ada, Some(chat)).await;
        moderation.decide_review(&world.ctx(&ada), Some(chat), waiting[0].id, None, verdict("reject")).await.unwrap();
        assert_eq!(world.names().await, ["chat.review", "chat.sanctioned"]);
        let own = moderation.own_sanctions(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        assert_eq!((own[0].reason.as_str(), own[0].until), ("zqreason", None));
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        let said = world.say(&bob, chat, "your zqcasino zqsecret").await;
        assert_eq!(world.names().await, ["message.sent", "chat.review"]);
        let flagged = listed(&world, &ada, Some(chat)).await;
        assert_eq!((flagged[0].kind, flagged[0].message_id, flagged[0].seq), (ReviewType::Flagged, Some(said.id), Some(1)));
        moderation.decide_review(&world.ctx(&ada), Some(chat), flagged[0].id, None, verdict("reject")).await.unwrap();
        assert_eq!(world.names().await, ["message.deleted", "chat.sanctioned"]);
        world.gone(b"zqsecret").await;
        assert!(listed(&world, &ada, Some(chat)).await.is_empty());
        world.changes().await;
    }

    async fn so_many_messages_of_a_person_wait_and_no_more(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        set(&world, &ada, chat, &["casino"], "hold").await;
        for n in 0..clowder_messaging::moderation::MOST_HELD {
            assert_eq!(code(world.try_say(&bob, chat, &format!("casino {n}"), None).await), "message.held");
        }
        assert_eq!(code(world.try_say(&bob, chat, "one more casino", None).await), "message.reviews");
        assert_eq!(code(world.try_say(&bob, chat, "casino 0", None).await), "message.held", "that one waits");
        world.say(&bob, chat, "other words").await;
        world.changes().await;
    }

    async fn a_chat_approves_nothing_that_the_server_would_not_let_through(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = moderator(&world, "boss").await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let moderation = &world.store.moderation;
        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        let server = async |action: &str| {
            let new = catching(&["zqvirus"], action);
            moderation.set_server_filter(&world.ctx(&boss), new).await.unwrap();
        };
        let approve = async |waiting: &Review| {
            moderation.decide_review(&world.ctx(&ada), Some(chat), waiting.id, None, verdict("approve")).await
        };
        server("flag").await;
        for n in 0..2 {
            assert_eq!(code(world.try_say(&bob, chat, &format!("{n} zqcasino zqvirus"), None).await), "message.held");
        }
        assert!(listed(&world, &boss, None).await.is_empty());
        let waiting = listed(&world, &ada, Some(chat)).await;
        world.names().await;
        approve(&waiting[0]).await.unwrap();
        assert_eq!(world.names().await, ["message.sent"]);
        assert_eq!(listed(&world, &boss, None).await[0].kind, ReviewType::Flagged, "the server lists it, too");
        server("block").await;
        assert_eq!(code(approve(&waiting[1]).await), "message.unsendable");
        assert_eq!(listed(&world, &ada, Some(chat)).await.len(), 1, "it still waits");
        // Another node has not looked for the words yet.
        server("hold").await;
        let node = world.another_node().await;
        let decided = node.moderation.decide_review(&world.ctx(&ada), Some(chat), waiting[1].id, None, verdict("approve")).await;
        assert_eq!(code(decided), "message.unsendable");
        assert!(listed(&world, &ada, Some(chat)).await.is_empty(), "now the server decides");
        assert!(world.names().await.is_empty());
        let held = listed(&world, &boss, None).await.into_iter().find(|review| review.kind == ReviewType::Held).unwrap();
        assert_eq!(held.id, waiting[1].id);
        moderation.decide_review(&world.ctx(&boss), None, held.id, None, verdict("approve")).await.unwrap();
        assert_eq!(world.names().await, ["message.sent"]);
        world.changes().await;
    }

    async fn what_a_chat_lists_keeps_nothing_from_the_server(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = moderator(&world, "boss").await;
        let chat = world.group(&ada, &[&bob]).await.id;
        set(&world, &ada, chat, &["lunch"], "flag").await;
        for _ in 0..MOST_FLAGGED {
            world.say(&bob, chat, "lunch").await;
        }
        let last = world.say(&bob, chat, "dinner").await;
        let server = catching(&["zqvirus"], "flag");
        world.store.moderation.set_server_filter(&world.ctx(&boss), server).await.unwrap();
        let said = world.say(&bob, chat, "zqvirus").await;
        assert_eq!(listed(&world, &boss, None).await.iter().map(|review| review.message_id).collect::<Vec<_>>(), [Some(said.id)]);
        // One that the chat has listed already.
        world.meddle("DELETE FROM message_reviews").unwrap();
        for (text, chats, servers) in [("lunch", 1, 0), ("lunch, zqvirus", 0, 1)] {
            let patch = of(json!({"content": text}));
            world.store.messaging.edit(&world.ctx(&bob), last.id, None, patch).await.unwrap();
            let of_chat = world.store.moderation.reviews(&world.ctx(&ada), Some(chat), PageRequest::default()).await.unwrap();
            assert_eq!((of_chat.items.len(), listed(&world, &boss, None).await.len()), (chats, servers), "{text}");
        }
        world.changes().await;
    }

    async fn the_server_catches_words_in_all_chats_and_its_staff_decides(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = moderator(&world, "boss").await;
        let new = of(json!({"type": "private", "participant_ids": [bob.id]}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let group = world.group(&ada, &[&bob]).await.id;
        world.names().await;
        let moderation = &world.store.moderation;
        let set = async |words: &[&str], action: &str| {
            moderation.set_server_filter(&world.ctx(&boss), catching(words, action)).await.unwrap()
        };
        assert_eq!(set(&["zqvirus"], "hold").await.words, ["zqvirus"]);
        assert_eq!(code(world.try_say(&ada, chat, "a zqvirus", None).await), "message.held");
        assert_eq!(code(world.try_say(&ada, group, "a zqvirus", None).await), "message.held", "owners, too");
        assert!(listed(&world, &ada, Some(group)).await.is_empty(), "the chat does not decide");
        let waiting = listed(&world, &boss, None).await;
        assert_eq!((waiting.len(), waiting[0].chat_id, waiting[0].content.as_deref()), (2, chat, None));
        let examined = moderation.examine_review(&world.ctx(&boss), waiting[0].id).await.unwrap();
        assert_eq!(examined.content.as_deref(), Some("a zqvirus"));
        moderation.decide_review(&world.ctx(&boss), None, waiting[0].id, None, verdict("approve")).await.unwrap();
        assert_eq!(world.names().await, ["message.sent"]);
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_seq, 1);
        moderation.decide_review(&world.ctx(&boss), None, waiting[1].id, None, verdict("reject")).await.unwrap();
        assert_eq!(world.names().await, ["chat.sanctioned"]);
        set(&["zqvirus"], "block").await;
        assert_eq!(code(world.try_say(&bob, chat, "zqvirus", None).await), "message.filtered");
        set(&[], "block").await;
        world.say(&bob, chat, "zqvirus").await;
        assert!(moderation.server_filter(&world.ctx(&boss)).await.unwrap().words.is_empty());
        world.changes().await;
    }
}
