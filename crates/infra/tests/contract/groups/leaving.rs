//! What becomes of messages around joining and leaving a group.

use clowder_accounts::model::Fate;
use clowder_messaging::Window;

use super::make;
use crate::{
    exports::fetch,
    privacy::{export, system, work},
    world::{World, on_both},
};

on_both! {
    async fn whoever_joins_late_keeps_no_text_that_is_deleted_later(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let group = make(&world, &ada, "public").await;
        let chat = group.chat_id.unwrap();
        let said = world.say(&ada, chat, "zqbeforehejoined").await;
        world.store.groups.join(&world.ctx(&bob), group.id).await.unwrap();
        world.store.messaging.delete(&world.ctx(&ada), said.id, None).await.unwrap();
        world.gone(b"zqbeforehejoined").await;
    }

    async fn what_somebody_wrote_before_they_left_is_exported_and_erased(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let group = make(&world, &ada, "public").await;
        let chat = group.chat_id.unwrap();
        for _ in 0..2 {
            world.store.groups.join(&world.ctx(&bob), group.id).await.unwrap();
            world.try_say(&bob, chat, "zqleftbehind", Some("zqclient")).await.unwrap();
            world.store.groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        }
        world.say(&ada, chat, "what others said").await;
        let files = fetch(&world, &export(&world, &bob).await).await;
        let messages = &files["messages.ndjson"];
        assert!(messages.contains("zqleftbehind") && !messages.contains("what others said"), "{messages}");

        world.store.privacy.erase_user(&system(&world), bob.id, Some(Fate::Delete)).await.unwrap();
        work(&world, &world.store).await;
        world.gone(b"zqleftbehind").await;
        world.gone(b"zqclient").await;
        let page = world.store.messaging.messages(&world.ctx(&ada), chat, Window::After(0), 9).await.unwrap();
        let said: Vec<_> = page.items.iter().map(|message| message.content.as_deref()).collect();
        // What they wrote, and what the system said of their coming and going, twice.
        assert_eq!(said, [None, None, None, None, None, Some("what others said")]);
    }
}
