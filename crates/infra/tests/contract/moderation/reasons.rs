//! Whoever loses messages, or is taken out of a chat, learns why.

use clowder_core::{Error, FieldError, MessageId, PageRequest, Topic};
use clowder_messaging::{
    ChatRole,
    keeping::NewDeletion,
    moderation::{
        NewNotice, Reason, Sanction, SanctionType,
        log::{LogEntry, LogType},
    },
};
use serde_json::json;

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

fn because(text: &str) -> Reason {
    of::<NewNotice>(json!({"reason": text})).reason.unwrap()
}

fn deletion(ids: &[MessageId], reason: Option<&str>) -> NewDeletion {
    of::<NewDeletion>(json!({"message_ids": ids, "reason": reason}))
}

/// What was done to somebody, the last first: what it was, why, and how many messages it took.
async fn done_to(world: &World, person: &Person) -> Vec<(SanctionType, String, Option<i64>)> {
    let own = world.store.moderation.own_sanctions(&world.ctx(person), PageRequest::default()).await.unwrap();
    assert!(own.items.iter().all(|sanction| sanction.by.is_none()), "who did it is not told");
    let told = |Sanction { kind, reason, message_count, .. }| (kind, reason, message_count);
    own.items.into_iter().map(told).collect()
}

/// How many entries of the audit log are of this kind.
fn audited(world: &World, action: &str) -> i64 {
    let among = |table: &str| format!("(SELECT count(*) FROM {table} WHERE action = '{action}')");
    world.number(&format!("SELECT {} + {}", among("audit"), among("audit_pending")))
}

on_both! {
    async fn authors_learn_why_their_messages_are_deleted(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let mut said = Vec::new();
        for who in [&bob, &bob, &eve, &ada, &bob, &bob] {
            said.push(world.say(who, chat, "something").await.id);
        }
        world.names().await;
        let (keeping, moderation) = (&world.store.keeping, &world.store.moderation);
        let refused = keeping.delete_messages(&world.ctx(&ada), chat, deletion(&said[..4], None)).await;
        let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
        let FieldError { pointer, code: why, .. } = &errors[0];
        assert_eq!((&**pointer, &**why, errors.len()), ("/reason", "required", 1));
        assert!(world.names().await.is_empty(), "nothing is deleted then");

        keeping.delete_messages(&world.ctx(&ada), chat, deletion(&said[..4], Some("zqadvertising"))).await.unwrap();
        let told: Vec<_> = world.changes().await.into_iter().filter(|change| &*change.name == "chat.sanctioned").collect();
        let mut topics: Vec<_> = told.iter().map(|change| change.topic).collect();
        topics.sort_by_key(|topic| topic.id);
        let mut expected = [bob.id, eve.id].map(Topic::user);
        expected.sort_by_key(|topic| topic.id);
        assert_eq!(topics, expected, "each author once, and not who deletes them");
        assert_eq!(done_to(&world, &bob).await, [(SanctionType::Deletion, "zqadvertising".to_owned(), Some(2))]);
        assert_eq!(done_to(&world, &eve).await, [(SanctionType::Deletion, "zqadvertising".to_owned(), Some(1))]);
        assert_eq!(audited(&world, "chat.messages_deleted"), 1);

        moderation.delete_message(&world.ctx(&ada), said[4], None, because("zqrude")).await.unwrap();
        assert_eq!(world.names().await, ["message.deleted", "chat.sanctioned"]);
        assert_eq!(done_to(&world, &bob).await[0], (SanctionType::Deletion, "zqrude".to_owned(), Some(1)));
        assert_eq!(audited(&world, "chat.messages_deleted"), 2);
        assert_eq!(code(moderation.delete_message(&world.ctx(&eve), said[5], None, because("no")).await), "message.forbidden");
        // Of their own, nobody is told, and no reason is needed.
        moderation.delete_message(&world.ctx(&bob), said[5], None, because("mine")).await.unwrap();
        let own = world.say(&ada, chat, "mine").await.id;
        world.names().await;
        keeping.delete_messages(&world.ctx(&ada), chat, deletion(&[own], None)).await.unwrap();
        assert_eq!(world.names().await, ["message.deleted"]);
        assert_eq!(done_to(&world, &bob).await.len(), 2);
    }

    async fn owners_and_admins_read_what_was_done(world: World) {
        let [ada, bob, eve, kim] = world.people(["ada", "bob", "eve", "kim"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let other = world.group(&ada, &[&eve]).await.id;
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, of(json!({"role": "admin"}))).await.unwrap();
        let rights = of(json!({"rights": {"pin": true}}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, rights).await.unwrap();
        let moderation = &world.store.moderation;
        let said = [world.say(&eve, chat, "one").await.id, world.say(&eve, chat, "two").await.id];
        let until = world.now().plus(std::time::Duration::from_secs(3600));
        let mute = of(json!({"user_id": eve.id, "reason": "zqloud", "until": until}));
        moderation.sanction(&world.ctx(&bob), chat, SanctionType::Mute, mute).await.unwrap();
        let lift = of(json!({"user_id": eve.id, "reason": "zqcalm"}));
        moderation.lift(&world.ctx(&ada), chat, SanctionType::Mute, lift).await.unwrap();
        let words = of(json!({"words": ["zqbad"], "action": "hold", "reason": "zqwords"}));
        moderation.set_filter(&world.ctx(&bob), chat, words).await.unwrap();
        assert_eq!(code(world.try_say(&eve, chat, "a zqbad word", None).await), "message.held");
        let review = moderation.reviews(&world.ctx(&bob), Some(chat), PageRequest::default()).await.unwrap().items.remove(0);
        let reject = of(json!({"action": "reject", "reason": "zqno"}));
        moderation.decide_review(&world.ctx(&bob), Some(chat), review.id, None, reject).await.unwrap();
        moderation.slow_down(&world.ctx(&bob), chat, of(json!({"seconds": 5, "reason": "zqslow"}))).await.unwrap();
        let keeping = &world.store.keeping;
        keeping.delete_messages(&world.ctx(&bob), chat, deletion(&said, Some("zqspam"))).await.unwrap();
        let purge = of(json!({"user_id": eve.id, "reason": "zqall", "until": world.now()}));
        moderation.purge(&world.ctx(&bob), chat, purge).await.unwrap();
        moderation.take_out(&world.ctx(&ada), chat, eve.id, because("zqout")).await.unwrap();
        let ban = of(json!({"user_id": kim.id, "reason": "zqnever"}));
        moderation.sanction(&world.ctx(&ada), chat, SanctionType::Ban, ban).await.unwrap();
        // Elsewhere, and nothing of moderation.
        moderation.slow_down(&world.ctx(&ada), other, of(json!({"seconds": 5, "reason": "zqother"}))).await.unwrap();
        world.store.chat_exports.export_chat(&world.ctx(&ada), chat, of(json!({}))).await.unwrap();

        let ctx = world.ctx(&bob);
        let log = moderation.log(&ctx, chat, PageRequest::default()).await.unwrap();
        let shown = |entry: &LogEntry| (entry.kind, entry.by.as_ref().unwrap().id, entry.user.as_ref().map(|user| user.id));
        let done = [
            (LogType::Ban, ada.id, Some(kim.id)),
            (LogType::Removal, ada.id, Some(eve.id)),
            (LogType::Purge, bob.id, Some(eve.id)),
            (LogType::Deletion, bob.id, None),
            (LogType::SlowMode, bob.id, None),
            (LogType::Rejection, bob.id, Some(eve.id)),
            (LogType::Filter, bob.id, None),
            (LogType::Unmute, ada.id, Some(eve.id)),
            (LogType::Mute, bob.id, Some(eve.id)),
            (LogType::Rights, ada.id, None),
            (LogType::Role, ada.id, Some(bob.id)),
        ];
        assert_eq!(log.items.iter().map(shown).collect::<Vec<_>>(), done);
        let reasons: Vec<_> = log.items.iter().filter_map(|entry| entry.reason.as_deref()).collect();
        assert_eq!(log.items.iter().filter_map(|entry| entry.role).collect::<Vec<_>>(), [ChatRole::Admin]);
        assert_eq!(reasons, ["zqnever", "zqout", "zqall", "zqspam", "zqslow", "zqno", "zqwords", "zqcalm", "zqloud"]);
        let counts: Vec<_> = log.items.iter().filter_map(|entry| entry.message_count).collect();
        let ends: Vec<_> = log.items.iter().filter_map(|entry| entry.until).collect();
        assert_eq!((counts, ends), (vec![2], vec![until]));
        let (mut cursor, mut pages) = (None, Vec::new());
        loop {
            let page = moderation.log(&ctx, chat, PageRequest { limit: 4, cursor }).await.unwrap();
            pages.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, log.items);
        // Whoever has a chat handed over to them has another role, too.
        let handed = world.store.chats.transfer(&world.ctx(&ada), other, of(json!({"user_id": eve.id}))).await;
        assert_eq!(handed.unwrap().my_role, ChatRole::Admin);
        let log_of_other = moderation.log(&world.ctx(&ada), other, PageRequest::default()).await.unwrap();
        let last = &log_of_other.items[0];
        assert_eq!((last.kind, last.role, last.user.as_ref().unwrap().id), (LogType::Role, Some(ChatRole::Owner), eve.id));
        // Members, strangers, and whoever is no admin any more.
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, of(json!({"role": "member"}))).await.unwrap();
        for (who, refusal) in [(&bob, "chat.forbidden"), (&eve, "chat.unknown"), (&kim, "chat.unknown")] {
            assert_eq!(code(moderation.log(&world.ctx(who), chat, PageRequest::default()).await), refusal);
        }
        // What was said of somebody who is erased is not said any more.
        world.store.privacy.erase_user(&system(&world), eve.id, None).await.unwrap();
        work(&world, &world.store).await;
        let log = moderation.log(&world.ctx(&ada), chat, PageRequest::default()).await.unwrap();
        let of_eve: Vec<_> = log.items.iter().filter(|entry| entry.user.as_ref().is_some_and(|user| user.id == eve.id)).collect();
        assert!(of_eve.len() == 5 && of_eve.iter().all(|entry| entry.reason.is_none()), "{of_eve:?}");
        assert!(of_eve.iter().all(|entry| entry.user.as_ref().unwrap().username != "eve"));
    }

    async fn whoever_is_taken_out_learns_why(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        world.names().await;
        let (moderation, people) = (&world.store.moderation, &world.store.participants);
        assert_eq!(code(moderation.take_out(&world.ctx(&eve), chat, bob.id, because("no")).await), "chat.forbidden");
        moderation.take_out(&world.ctx(&ada), chat, bob.id, because("zqadvertising")).await.unwrap();
        let told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
        assert_eq!(told.last(), Some(&("chat.sanctioned".to_owned(), Topic::user(bob.id))));
        assert_eq!(done_to(&world, &bob).await, [(SanctionType::Removal, "zqadvertising".to_owned(), None)]);
        assert_eq!(audited(&world, "participant.removed"), 1);
        // Without a reason it is in the audit log all the same, and leaving is not.
        people.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        assert_eq!(audited(&world, "participant.removed"), 2);
        assert!(done_to(&world, &eve).await.is_empty());
        let other = world.group(&ada, &[&bob]).await.id;
        people.remove(&world.ctx(&bob), other, bob.id).await.unwrap();
        moderation.take_out(&world.ctx(&ada), other, ada.id, because("no")).await.unwrap_err();
        assert_eq!(audited(&world, "participant.removed"), 2);
    }
}
