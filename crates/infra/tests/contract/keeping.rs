//! The guarantees of `Keeping`: pins, saved messages, and deletions of many messages.

mod clearing;
pub mod domain;
mod removing;

use std::time::Duration;

use clowder_core::{ChatId, Error, MessageId, PageRequest, Topic};
use clowder_messaging::{
    Emoji, NewMessage, Pin, Saved,
    keeping::{NewDeletion, NewOrder, NewSave, Outcome},
    participants::{NewParticipants, RolePatch},
};
use serde_json::json;

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn pins(world: &World, who: &Person, chat: ChatId) -> Vec<MessageId> {
    let page = world.store.keeping.pins(&world.ctx(who), chat, PageRequest::default()).await.unwrap();
    page.items.iter().map(|pin| pin.message.id).collect()
}

async fn pin(world: &World, who: &Person, message: MessageId) -> Pin {
    world.store.keeping.pin(&world.ctx(who), message).await.unwrap()
}

async fn save(world: &World, who: &Person, message: MessageId, note: Option<&str>) -> Saved {
    let new = of::<NewSave>(json!({"note": note}));
    world.store.keeping.save(&world.ctx(who), message, new).await.unwrap()
}

async fn saved(world: &World, who: &Person) -> Vec<MessageId> {
    let page = world.store.keeping.saved(&world.ctx(who), None, PageRequest::default()).await.unwrap();
    page.items.iter().map(|saved| saved.message.id).collect()
}

async fn delete_all(world: &World, who: &Person, chat: ChatId, ids: &[MessageId]) -> Vec<Outcome> {
    let new = of::<NewDeletion>(json!({"message_ids": ids, "reason": "Advertising"}));
    world.store.keeping.delete_messages(&world.ctx(who), chat, new).await.unwrap()
}

fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    let code = |outcome: &'_ Outcome| assert_eq!(outcome.deleted_at.is_some(), outcome.problem.is_none());
    outcomes.iter().for_each(code);
    outcomes.iter().map(|outcome| outcome.problem.as_ref().map_or("", |problem| &problem.code)).collect()
}

/// So many more people have noted the same of each message that eve has saved.
fn more_save(world: &World, count: i64) {
    let (id, series) = if world.is_postgres() {
        ("gen_random_uuid()", format!("generate_series(1, {count}) AS s(n)"))
    } else {
        let series = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n <";
        ("randomblob(16)", format!("({series} {count}) SELECT n FROM t) s"))
    };
    world.batch(&format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role, \
         created_at, version) SELECT {id}, 'reader' || s.n, 'reader' || s.n, 'x', 'reader' || s.n, 'x', 'x', 'public', \
         'user', u.created_at, 1 FROM users u, {series} WHERE u.username = 'eve'; \
         INSERT INTO saved_messages (user_id, message_id, chat_id, saved_at, note) \
         SELECT r.id, s.message_id, s.chat_id, s.saved_at, s.note FROM saved_messages s, users e, users r \
         WHERE e.username = 'eve' AND s.user_id = e.id AND r.username LIKE 'reader%';"
    ));
}

on_both! {
    async fn pins_far_from_each_other_show_their_reactions(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let first = world.say(&bob, chat, "one").await.id;
        world.batch("UPDATE chats SET last_seq = 1000000");
        let last = world.say(&bob, chat, "a million").await.id;
        for message in [first, last] {
            let cat = Emoji::from_text("🐈").unwrap();
            world.store.messaging.react(&world.ctx(&ada), message, cat).await.unwrap();
            pin(&world, &ada, message).await;
        }
        let page = world.store.keeping.pins(&world.ctx(&ada), chat, PageRequest::default()).await.unwrap();
        let shown = page.items.iter().map(|pin| (pin.message.id, pin.message.reactions.len()));
        assert_eq!(shown.collect::<Vec<_>>(), [(last, 1), (first, 1)]);
        world.changes().await;
    }

    async fn pinned_messages_have_an_order(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut ids = Vec::new();
        for text in ["one", "two", "three"] {
            ids.push(world.say(&bob, chat, text).await.id);
        }
        let [one, two, three] = ids[..] else { panic!() };
        world.changes().await;
        let first = pin(&world, &ada, one).await;
        assert!(first.message.pinned && first.pinned_by == ada.id);
        let told = world.changes().await;
        let [pinned] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*pinned.name, pinned.topic), ("message.pinned", Topic::new(clowder_messaging::CHAT, chat)));
        assert!(!pinned.data.get().contains("\"one\""), "nothing of the text");
        assert_eq!(pin(&world, &ada, one).await.pinned_at, first.pinned_at);
        assert!(world.changes().await.is_empty(), "again writes nothing");
        pin(&world, &ada, two).await;
        pin(&world, &ada, three).await;
        assert_eq!(pins(&world, &bob, chat).await, [three, two, one]);
        let page = PageRequest { limit: 2, cursor: None };
        let page = world.store.keeping.pins(&world.ctx(&bob), chat, page).await.unwrap();
        let rest = PageRequest { limit: 2, cursor: page.next_cursor };
        let rest = world.store.keeping.pins(&world.ctx(&bob), chat, rest).await.unwrap();
        assert_eq!((page.items.len(), rest.items[0].message.id, rest.next_cursor), (2, one, None));
        world.changes().await;
        let order = |ids: &[MessageId]| of::<NewOrder>(json!({"message_ids": ids}));
        let ordered = world.store.keeping.order_pins(&world.ctx(&ada), chat, order(&[one])).await.unwrap();
        assert_eq!(ordered.items.iter().map(|pin| pin.message.id).collect::<Vec<_>>(), [one, three, two]);
        assert_eq!(world.names().await, ["chat.pins"]);
        world.store.keeping.order_pins(&world.ctx(&ada), chat, order(&[one])).await.unwrap();
        assert!(world.changes().await.is_empty());
        assert_eq!(code(world.store.keeping.order_pins(&world.ctx(&bob), chat, order(&[two])).await), "chat.forbidden");
        assert_eq!(code(world.store.keeping.pin(&world.ctx(&bob), one).await), "chat.forbidden");
        world.store.keeping.unpin(&world.ctx(&ada), three).await.unwrap();
        world.store.keeping.unpin(&world.ctx(&ada), three).await.unwrap();
        assert_eq!(world.names().await, ["message.unpinned"]);
        assert_eq!(pins(&world, &bob, chat).await, [one, two]);
        let seen = world.store.messaging.message(&world.ctx(&bob), three).await.unwrap();
        assert!(!seen.pinned);
        let chat = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert!(!chat.last_message.unwrap().pinned, "the cached summary knows");
    }

    async fn a_deleted_message_loses_its_pin(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let kept = world.say(&ada, chat, "kept").await.id;
        let single = world.say(&ada, chat, "single").await.id;
        let many = world.say(&ada, chat, "many").await.id;
        let brief = of::<NewMessage>(json!({"content": "brief", "lifetime": {"seconds": 5}}));
        let brief = world.store.messaging.send(&world.ctx(&ada), chat, brief).await.unwrap().into_inner().id;
        for message in [kept, single, many, brief] {
            pin(&world, &ada, message).await;
        }
        world.store.messaging.delete(&world.ctx(&ada), single, None).await.unwrap();
        delete_all(&world, &ada, chat, &[many]).await;
        world.wait(std::time::Duration::from_secs(6));
        assert_eq!(pins(&world, &bob, chat).await, [kept], "not shown before it is deleted");
        assert_eq!(code(world.store.keeping.pin(&world.ctx(&ada), brief).await), "message.deleted");
        world.store.lifetimes.expire(&system(&world)).await.unwrap();
        assert_eq!(world.meddle("UPDATE message_pins SET rank = rank").unwrap(), 1);
        assert_eq!(world.meddle("UPDATE messages SET version = version WHERE pinned").unwrap(), 1);
        assert_eq!(code(world.store.keeping.pin(&world.ctx(&ada), single).await), "message.deleted");
        for shown in world.everything().await.iter().filter(|recorded| &*recorded.name == "message.sent") {
            assert!(!shown.data.get().contains("pinned"), "{}", shown.data.get());
        }
    }

    async fn what_one_may_not_see_is_not_pinned_for_them(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let patch = of::<clowder_messaging::chats::ChatPatch>(json!({"history": "since_join", "rights": {"pin": true}}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch).await.unwrap();
        let early = world.say(&ada, chat, "early").await.id;
        pin(&world, &bob, early).await;
        save(&world, &bob, early, None).await;
        let new = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        let late = world.say(&ada, chat, "late").await.id;
        pin(&world, &eve, late).await;
        assert_eq!(pins(&world, &eve, chat).await, [late]);
        assert_eq!(pins(&world, &bob, chat).await, [late, early]);
        let keeping = &world.store.keeping;
        assert_eq!(code(keeping.pin(&world.ctx(&eve), early).await), "message.unknown");
        assert_eq!(code(keeping.unpin(&world.ctx(&eve), early).await), "message.unknown");
        assert_eq!(code(keeping.save(&world.ctx(&eve), early, NewSave::default()).await), "message.unknown");
        assert_eq!(codes(&delete_all(&world, &eve, chat, &[early, late]).await), ["message.unknown", "message.forbidden"]);
        let outsider = world.person("kim").await;
        assert_eq!(code(keeping.pin(&world.ctx(&outsider), early).await), "message.unknown");
        assert_eq!(code(keeping.pins(&world.ctx(&outsider), chat, PageRequest::default()).await), "chat.unknown");
        // Who has left sees nothing, and everything again when they come back.
        save(&world, &eve, late, Some("mine")).await;
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        assert_eq!(saved(&world, &bob).await, []);
        assert_eq!(saved(&world, &eve).await, [late]);
        let system_said = world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().last_message.unwrap();
        assert_eq!(code(keeping.pin(&world.ctx(&ada), system_said.id).await), "message.system");
    }

    async fn at_most_fifty_are_pinned_however_many_pin_at_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut ids = Vec::new();
        for _ in 0..54 {
            ids.push(world.say(&ada, chat, "x").await.id);
        }
        for id in &ids[..48] {
            pin(&world, &ada, *id).await;
        }
        let calls = ids[48..].iter().map(|id| {
            let (world, ctx, id) = (world.clone(), world.ctx(&ada), *id);
            tokio::spawn(async move { world.store.keeping.pin(&ctx, id).await })
        });
        let calls: Vec<_> = calls.collect();
        let mut refused = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => {}
                refusal => {
                    assert_eq!(code(refusal), "message.pins");
                    refused += 1;
                }
            }
        }
        assert_eq!((refused, pins(&world, &bob, chat).await.len()), (4, 50));
    }

    async fn pins_that_somebody_cannot_see_make_room(world: World) {
        let [ada, eve] = world.people(["ada", "eve"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let patch = of::<clowder_messaging::chats::ChatPatch>(json!({"history": "since_join", "rights": {"pin": true}}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch).await.unwrap();
        let mut early = Vec::new();
        for _ in 0..49 {
            early.push(world.say(&ada, chat, "early").await.id);
            pin(&world, &ada, early[early.len() - 1]).await;
        }
        let new = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        let seen = world.say(&ada, chat, "seen").await.id;
        pin(&world, &ada, seen).await;
        let late = world.say(&eve, chat, "late").await.id;
        assert_eq!(code(world.store.keeping.pin(&world.ctx(&ada), late).await), "message.pins", "she sees all of them");
        world.names().await;
        pin(&world, &eve, late).await;
        let told = world.changes().await;
        assert_eq!(told.iter().map(|change| &*change.name).collect::<Vec<_>>(), ["message.unpinned", "message.pinned"]);
        let unpinned: serde_json::Value = serde_json::from_str(told[0].data.get()).unwrap();
        assert_eq!((&unpinned["message_id"], &unpinned["unpinned_by"]), (&json!(early[0]), &json!(eve.id)));
        assert_eq!(pins(&world, &eve, chat).await, [late, seen]);
        let all = pins(&world, &ada, chat).await;
        assert_eq!((all.len(), all[0], all[49]), (50, late, early[1]), "the lowest one made room");
        assert!(!world.store.messaging.message(&world.ctx(&ada), early[0]).await.unwrap().pinned);
    }

    async fn pinning_beside_deleting_leaves_no_pin(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for _ in 0..10 {
            let message = world.say(&ada, chat, "x").await.id;
            let (first, second) = (world.ctx(&ada), world.ctx(&ada));
            let deletion = of::<NewDeletion>(json!({"message_ids": [message]}));
            let (pinned, deleted) = tokio::join!(
                world.store.keeping.pin(&first, message),
                world.store.keeping.delete_messages(&second, chat, deletion),
            );
            deleted.unwrap();
            if pinned.is_err() {
                assert_eq!(code(pinned), "message.deleted");
            }
        }
        assert_eq!(world.meddle("DELETE FROM message_pins").unwrap(), 0);
    }

    async fn saved_messages_are_ones_own(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (one, two) = (world.say(&ada, chat, "one").await.id, world.say(&bob, chat, "two").await.id);
        world.changes().await;
        let first = save(&world, &bob, one, Some("a note of mine")).await;
        assert_eq!((first.note.as_deref(), first.message.content.as_deref()), (Some("a note of mine"), Some("one")));
        let told = world.changes().await;
        let [only] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*only.name, only.topic), ("message.saved", Topic::user(bob.id)));
        assert!(!only.data.get().contains("note"));
        save(&world, &bob, one, Some("a note of mine")).await;
        assert!(world.changes().await.is_empty());
        assert_eq!(save(&world, &bob, one, Some("another")).await.saved_at, first.saved_at);
        save(&world, &bob, two, None).await;
        world.gone(b"a note of mine").await;
        assert_eq!(saved(&world, &bob).await, [two, one]);
        assert_eq!(saved(&world, &ada).await, []);
        let page = PageRequest { limit: 1, cursor: None };
        let page = world.store.keeping.saved(&world.ctx(&bob), Some(chat), page).await.unwrap();
        let rest = PageRequest { limit: 1, cursor: page.next_cursor };
        let rest = world.store.keeping.saved(&world.ctx(&bob), Some(chat), rest).await.unwrap();
        assert_eq!((rest.items[0].message.id, rest.next_cursor), (one, None));
        world.store.messaging.delete(&world.ctx(&ada), one, None).await.unwrap();
        assert_eq!(saved(&world, &bob).await, [two], "as it is now: gone");
        world.changes().await;
        world.store.keeping.unsave(&world.ctx(&bob), two).await.unwrap();
        world.store.keeping.unsave(&world.ctx(&bob), two).await.unwrap();
        assert_eq!(world.names().await, ["message.unsaved"]);
        save(&world, &bob, two, Some("to be erased")).await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(world.meddle("DELETE FROM saved_messages").unwrap(), 0);
        world.gone(b"to be erased").await;
    }

    async fn a_note_goes_with_its_message(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let noted = async |what: &str| {
            let said = world.say(&ada, chat, what).await.id;
            for who in [&bob, &eve] {
                save(&world, who, said, Some("a peculiar note")).await;
            }
            said
        };
        let is_gone = async || {
            assert_eq!(world.meddle("DELETE FROM saved_messages").unwrap(), 0);
            world.gone(b"a peculiar note").await;
        };
        let one = noted("deleted by its author").await;
        world.store.messaging.delete(&world.ctx(&ada), one, None).await.unwrap();
        is_gone().await;
        let (one, two) = (noted("one of many").await, noted("another").await);
        delete_all(&world, &ada, chat, &[one, two]).await;
        is_gone().await;
        let brief = of::<NewMessage>(json!({"content": "brief", "lifetime": {"seconds": 60}}));
        let brief = world.store.messaging.send(&world.ctx(&ada), chat, brief).await.unwrap().into_inner().id;
        save(&world, &bob, brief, Some("a peculiar note")).await;
        world.wait(Duration::from_secs(61));
        world.store.lifetimes.expire(&world.ctx(&ada)).await.unwrap();
        is_gone().await;
        // Of many people, at first only some, and the rest when it is swept.
        let one = noted("popular").await;
        more_save(&world, 1_200);
        world.store.messaging.delete(&world.ctx(&ada), one, None).await.unwrap();
        assert!(saved(&world, &bob).await.is_empty());
        world.store.upkeep.sweep(&system(&world), Duration::from_secs(3600)).await.unwrap();
        is_gone().await;
        noted("with its chat").await;
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        is_gone().await;
    }

    async fn moderators_delete_many_at_once(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let elsewhere = world.group(&ada, &[&bob]).await.id;
        let first = world.say(&bob, chat, "first advertisement").await.id;
        let second = world.say(&bob, chat, "second advertisement").await.id;
        let own = world.say(&eve, chat, "of eve").await.id;
        let other = world.say(&bob, elsewhere, "elsewhere").await.id;
        world.changes().await;
        assert_eq!(codes(&delete_all(&world, &eve, chat, &[first, own]).await), ["message.forbidden", ""]);
        let outcomes = delete_all(&world, &ada, chat, &[second, first, other, own, first]).await;
        assert_eq!(codes(&outcomes), ["", "", "message.unknown", ""]);
        let told = ["message.deleted", "message.deleted", "message.deleted", "chat.sanctioned"];
        assert_eq!(world.names().await, told, "of the two messages of bob he is told once");
        world.gone(b"advertisement").await;
        let chat_now = world.store.messaging.chat(&world.ctx(&eve), chat).await.unwrap();
        assert_eq!(chat_now.unread_count, 0, "deleted ones do not count");
        assert_eq!(code(world.store.keeping.delete_messages(
            &world.ctx(&world.person("kim").await), chat, of::<NewDeletion>(json!({"message_ids": [first]})),
        ).await), "chat.unknown");
        // Whoever has lost the role deletes only their own.
        let patch = |role: &str| of::<RolePatch>(json!({"role": role}));
        world.store.participants.set_role(&world.ctx(&ada), chat, eve.id, patch("admin")).await.unwrap();
        let third = world.say(&bob, chat, "third").await.id;
        world.store.participants.set_role(&world.ctx(&ada), chat, eve.id, patch("member")).await.unwrap();
        assert_eq!(codes(&delete_all(&world, &eve, chat, &[third]).await), ["message.forbidden"]);
    }

    async fn deleting_many_beside_senders_keeps_the_numbers(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for _ in 0..5 {
            let mut ids = Vec::new();
            for _ in 0..5 {
                ids.push(world.say(&bob, chat, "x").await.id);
            }
            let (outcomes, _) = tokio::join!(delete_all(&world, &ada, chat, &ids), world.say(&bob, chat, "stays"));
            assert_eq!(codes(&outcomes), [""; 5]);
        }
        let shown = world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!((shown.last_seq, shown.unread_count), (30, 5));
    }

    async fn closed_and_deleted_chats(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let private = of::<clowder_messaging::NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), private).await.unwrap().into_inner().id;
        let (one, two) = (world.say(&ada, chat, "one").await.id, world.say(&bob, chat, "two").await.id);
        pin(&world, &bob, one).await;
        world.store.blocks.block(&world.ctx(&ada), bob.id, clowder_social::NewBlock::default()).await.unwrap();
        let keeping = &world.store.keeping;
        assert_eq!(code(keeping.pin(&world.ctx(&bob), two).await), "chat.closed");
        assert_eq!(code(keeping.unpin(&world.ctx(&bob), one).await), "chat.closed");
        assert_eq!(pins(&world, &bob, chat).await, [one], "what was pinned stays");
        save(&world, &bob, one, None).await;
        assert_eq!(codes(&delete_all(&world, &bob, chat, &[one, two]).await), ["message.forbidden", ""]);
        let group = world.group(&ada, &[]).await.id;
        let said = world.say(&ada, group, "soon gone").await.id;
        pin(&world, &ada, said).await;
        save(&world, &ada, said, None).await;
        world.store.chats.delete_chat(&world.ctx(&ada), group, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(saved(&world, &ada).await, []);
        let gone = keeping.pin(&world.ctx(&ada), said).await;
        assert!(matches!(gone, Err(Error::Refused(refusal)) if refusal.code == "message.unknown"));
    }
}
