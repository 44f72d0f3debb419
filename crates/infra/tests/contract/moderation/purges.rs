//! Deleting what somebody wrote.

use std::time::Duration;

use clowder_core::{Error, Input, PageRequest, UserId, deletion::DeletionStatus};
use clowder_messaging::{moderation::NewPurge, participants::RolePatch};
use serde_json::json;

use crate::{
    privacy::{system, work},
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn what_somebody_wrote_is_deleted_in_pieces(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        for n in 0..120 {
            world.say(&bob, chat, &format!("zqspam {n}")).await;
        }
        world.say(&eve, chat, "stays").await;
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        world.names().await;
        let moderation = &world.store.moderation;
        let new = |user| of::<NewPurge>(json!({"user_id": user, "reason": "advertising"}));
        assert_eq!(code(moderation.purge(&world.ctx(&eve), chat, new(bob.id)).await), "chat.forbidden");
        let purge = moderation.purge(&world.ctx(&ada), chat, new(bob.id)).await.unwrap();
        assert_eq!((purge.status, purge.deleted), (DeletionStatus::Running, 0));
        assert_eq!(world.names().await, ["chat.sanctioned"]);
        let again = moderation.purge(&world.ctx(&ada), chat, new(bob.id)).await.unwrap();
        assert_eq!(again.id, purge.id, "it is being done already");
        assert!(world.names().await.is_empty());
        world.say(&eve, chat, "meanwhile").await;
        work(&world, &world.store).await;
        let done = moderation.purge_progress(&world.ctx(&ada), chat, purge.id).await.unwrap();
        assert_eq!((done.status, done.deleted), (DeletionStatus::Done, 120));
        let names = world.names().await;
        assert_eq!(names.iter().filter(|name| *name == "message.deleted").count(), 120);
        world.gone(b"zqspam").await;
        let page = world.store.messaging.messages(&world.ctx(&eve), chat, clowder_messaging::Window::NEWEST, 200).await.unwrap();
        let left: Vec<_> = page.items.iter().filter_map(|message| message.content.as_deref()).collect();
        assert_eq!(left, ["meanwhile", "left", "stays"], "and what the server said");
        let own = moderation.own_sanctions(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        assert_eq!(own[0].reason, "advertising", "also to somebody who has left");
        let other = world.group(&ada, &[]).await.id;
        assert_eq!(code(moderation.purge_progress(&world.ctx(&ada), other, purge.id).await), "chat.purge_unknown");
        assert_eq!(code(moderation.purge(&world.ctx(&ada), other, new(bob.id)).await), "chat.participant_unknown");
        world.changes().await;
    }

    async fn what_somebody_with_a_higher_role_wrote_stays(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        for person in [&ada, &bob, &eve] {
            let admin = of::<RolePatch>(json!({"role": "admin"}));
            if person.id != ada.id {
                world.store.participants.set_role(&world.ctx(&ada), chat, person.id, admin).await.unwrap();
            }
            world.say(person, chat, "stays").await;
        }
        world.names().await;
        let purge = async |user: UserId| {
            let new = of::<NewPurge>(json!({"user_id": user, "reason": "why"}));
            world.store.moderation.purge(&world.ctx(&bob), chat, new).await
        };
        for other in [ada.id, eve.id] {
            assert_eq!(code(purge(other).await), "chat.forbidden");
        }
        assert!(world.names().await.is_empty());
        purge(bob.id).await.unwrap();
        // Whoever has left has no role any more.
        world.store.participants.remove(&world.ctx(&eve), chat, eve.id).await.unwrap();
        purge(eve.id).await.unwrap();
        world.changes().await;
    }

    async fn a_purge_goes_on_when_the_account_of_whoever_began_it_is_erased(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = world.say(&eve, chat, "zqspam").await;
        let new = of::<NewPurge>(json!({"user_id": eve.id, "reason": "advertising"}));
        let purge = world.store.moderation.purge(&world.ctx(&ada), chat, new).await.unwrap();
        // The erasure comes first.
        let hour = if world.is_postgres() { "interval '1 hour'" } else { "3600000000" };
        world.meddle(&format!("UPDATE jobs SET run_at = run_at + {hour} WHERE kind = 'chat.purge'")).unwrap();
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let before = world.store.messaging.message(&world.ctx(&bob), said.id).await.unwrap();
        assert_eq!(before.content.as_deref(), Some("zqspam"));
        world.changes().await;
        world.wait(Duration::from_secs(2 * 3600));
        work(&world, &world.store).await;
        let changes = world.changes().await;
        let deleted = changes.iter().find(|change| &*change.name == "message.deleted").unwrap();
        let data: serde_json::Value = serde_json::from_str(deleted.data.get()).unwrap();
        assert_eq!((&data["deleted_by"], deleted.actor), (&json!(eve.id), Some(eve.id)));
        // The chat has another owner by now.
        let done = world.store.moderation.purge_progress(&world.ctx(&bob), chat, purge.id).await.unwrap();
        assert_eq!((done.status, done.deleted), (DeletionStatus::Done, 1));
        world.gone(b"zqspam").await;
    }

    async fn a_purge_keeps_to_its_time(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut times = Vec::new();
        for n in 0..3 {
            times.push(world.say(&bob, chat, &format!("number {n}")).await.created_at);
            world.wait(Duration::from_secs(10));
        }
        let wrong = json!({"user_id": bob.id, "reason": "then", "since": times[2], "until": times[1]});
        match NewPurge::from_json(wrong) {
            Err(Error::Invalid(errors)) => assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/until", "range")),
            other => panic!("{other:?}"),
        }
        let new = json!({"user_id": bob.id, "reason": "then", "since": times[1], "until": times[2]});
        world.store.moderation.purge(&world.ctx(&ada), chat, of::<NewPurge>(new)).await.unwrap();
        work(&world, &world.store).await;
        let page = world.store.messaging.messages(&world.ctx(&ada), chat, clowder_messaging::Window::After(0), 9).await.unwrap();
        let left: Vec<_> = page.items.iter().map(|message| message.content.as_deref()).collect();
        assert_eq!(left, [Some("number 0"), None, Some("number 2")]);
        world.changes().await;
    }
}
