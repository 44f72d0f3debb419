//! Whoever loses messages, or is taken out of a chat, learns why.

use clowder_core::{Error, FieldError, MessageId, PageRequest, Topic};
use clowder_messaging::{
    keeping::NewDeletion,
    moderation::{NewNotice, Reason, Sanction, SanctionType},
};
use serde_json::json;

use crate::{
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
