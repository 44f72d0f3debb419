//! What becomes of a group and of messages in it when people join and leave.

use clowder_accounts::model::Fate;
use clowder_core::UserId;
use clowder_messaging::Window;

use super::{contradictions, make, owner, role};
use crate::{
    exports::fetch,
    privacy::{export, system, work},
    world::{Person, World, code, on_both},
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

    /// Somebody who is suspended could neither run it nor hand it on.
    async fn a_suspended_person_becomes_the_owner_only_if_there_is_nobody_else(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "public").await.id;
        for person in [&bob, &cem] {
            groups.join(&world.ctx(person), group).await.unwrap();
        }
        groups.set_role(&world.ctx(&ada), group, bob.id, role("admin")).await.unwrap();
        world.meddle("UPDATE users SET suspension_reason = 'spam' WHERE username = 'bob'").unwrap();
        assert_eq!(code(groups.transfer(&world.ctx(&ada), group, owner(bob.id)).await), "group.member_unknown");
        let nobody = UserId::new(world.now());
        assert_eq!(code(groups.transfer(&world.ctx(&ada), group, owner(nobody)).await), "group.member_unknown");
        let erase = async |person: &Person| {
            world.store.privacy.erase_user(&system(&world), person.id, None).await.unwrap();
            work(&world, &world.store).await;
        };
        erase(&ada).await;
        assert_eq!(groups.group(&world.ctx(&cem), group).await.unwrap().owner_id, Some(cem.id), "before the admin");
        erase(&cem).await;
        world.meddle("UPDATE users SET suspension_reason = NULL WHERE username = 'bob'").unwrap();
        assert_eq!(groups.group(&world.ctx(&bob), group).await.unwrap().owner_id, Some(bob.id));
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }
}
