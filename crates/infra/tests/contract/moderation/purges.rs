//! Deleting what somebody wrote.

use std::time::Duration;

use clowder_core::{PageRequest, deletion::DeletionStatus};
use clowder_messaging::moderation::NewPurge;
use serde_json::json;

use crate::{
    privacy::work,
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

    async fn a_purge_keeps_to_its_time(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut times = Vec::new();
        for n in 0..3 {
            times.push(world.say(&bob, chat, &format!("number {n}")).await.created_at);
            world.wait(Duration::from_secs(10));
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
