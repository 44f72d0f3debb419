//! What a newer version wrote, with kinds and members that this one does not know, is replayed all the same, without what
//! somebody may no longer see. What cannot be read at all is left out.

use std::time::Duration;

use clowder_core::{ChatId, Input, Recorded, UserId, journal::Chunk};
use clowder_messaging::{Message, NewMessage, keeping::NewRemoval};
use clowder_social::{NewBlock, NewFriendRequest};
use serde_json::{Value, json};

use super::{heads, missed};
use crate::{
    stress::of,
    world::{Person, World, on_both},
};

/// Rewrites the changes of this name as if another version had written them.
fn rewrite(world: &World, name: &str, expression: &str) {
    let statement = format!("UPDATE journal SET data = {expression} WHERE name = '{name}'");
    assert!(world.meddle(&statement).unwrap() > 0, "{statement}");
}

fn said(changes: &[Recorded], name: &str) -> Vec<Value> {
    let these = changes.iter().filter(|change| &*change.name == name);
    these.map(|change| serde_json::from_str(change.data.get()).unwrap()).collect()
}

async fn say(world: &World, who: &Person, chat: ChatId, body: Value) -> Message {
    world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(body)).await.unwrap().into_inner()
}

fn shapes(messages: &[Value]) -> Vec<(&Value, &Value, Option<&str>)> {
    messages.iter().map(|message| (&message["type"], &message["shape"], message["content"].as_str())).collect()
}

on_both! {
    async fn messages_of_an_unknown_kind_are_replayed_without_what_is_gone(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let from = heads(&world).await;
        let removed = world.say(&ada, chat, "zqremoved").await;
        say(&world, &ada, chat, json!({"content": "zqgone", "lifetime": {"seconds": 10}})).await;
        world.say(&ada, chat, "stays").await;
        rewrite(
            &world,
            "message.sent",
            "replace(replace(data, '\"type\":\"text\"', '\"type\":\"hologram\"'), \
             '\"content\":', '\"shape\":{\"corners\":8},\"content\":')",
        );
        let removal = of::<NewRemoval>(json!({"message_ids": [removed.id]}));
        world.store.keeping.remove_messages(&world.ctx(&bob), chat, removal).await.unwrap();
        world.wait(Duration::from_secs(11));
        let node = world.another_node().await;
        let (kind, shape) = (json!("hologram"), json!({"corners": 8}));
        let shown = async |who: UserId| said(&missed(&node, who, &[chat], &from, Chunk::rows(100)).await, "message.sent");
        for (who, first) in [(bob.id, None), (ada.id, Some("zqremoved"))] {
            let told = shown(who).await;
            assert_eq!(shapes(&told), [first, None, Some("stays")].map(|text| (&kind, &shape, text)));
            assert!(told[1]["deleted_at"].is_string() && told[2]["deleted_at"].is_null());
        }

        // Nobody can tell what the next ones show; the others come all the same.
        rewrite(&world, "message.sent", "CASE WHEN data LIKE '%stays%' THEN data ELSE '[]' END");
        for who in [bob.id, ada.id] {
            assert_eq!(shapes(&shown(who).await), [(&kind, &shape, Some("stays"))]);
        }
    }

    async fn requests_of_an_unknown_kind_are_replayed_without_whom_one_does_not_know(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let from = heads(&world).await;
        let new = NewFriendRequest::from_json(json!({"user_id": ada.id, "message": "zqhello"})).unwrap();
        world.store.friends.request(&world.ctx(&bob), new).await.unwrap();
        rewrite(
            &world,
            "friend_request",
            "replace(replace(data, '\"status\":\"pending\"', '\"status\":\"dreaming\"'), \
             '\"username\":', '\"species\":\"cat\",\"username\":')",
        );
        let shown = async || said(&missed(&world.store, ada.id, &[], &from, Chunk::rows(100)).await, "friend_request");
        let told = shown().await;
        assert_eq!((&told[0]["message"], &told[0]["from"]["username"]), (&json!("zqhello"), &json!("bob")));
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        // The block has written the change anew, in the kind that it knows.
        rewrite(
            &world,
            "friend_request",
            "replace(replace(data, '\"status\":\"pending\"', '\"status\":\"dreaming\"'), \
             '\"message\":null', '\"message\":\"zqhello\"')",
        );
        let told = shown().await;
        assert_eq!((&told[0]["message"], &told[0]["status"]), (&json!(null), &json!("dreaming")));
        assert_eq!(told[0]["from"]["id"], json!(bob.id));
        assert!(!json!(told).to_string().contains("\"bob\""), "{told:?}");
        rewrite(&world, "friend_request", "'{\"from\":7}'");
        assert!(shown().await.is_empty());
    }
}
