//! An upgrade keeps what was written before it: the latest migrations are undone beneath rows and done again.

use std::path::Path;

use clowder_core::{Input, PageRequest};
use clowder_infra::Store;
use clowder_messaging::{MessagePatch, Window};
use serde_json::json;

use crate::world::{World, on_both};

/// The first of the migrations that are undone: those before it forget what they say that they forget.
const SINCE: &str = "2026-11-26-099000";

/// Undoes the migrations since, the latest first, as an older build left the database.
fn undo(world: &World) {
    let kind = if world.is_postgres() { "postgres" } else { "sqlite" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(kind);
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    let names = names.iter().map(|name| name.to_str().unwrap()).filter(|name| *name >= SINCE);
    let names: Vec<_> = names.collect();
    assert!(!names.is_empty());
    for name in names.into_iter().rev() {
        let down = std::fs::read_to_string(folder.join(name).join("down.sql")).unwrap();
        let version = name.split('_').next().unwrap().replace('-', "");
        let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
        world.batch(&format!("BEGIN; {down}; {forget}; COMMIT"));
    }
}

on_both! {
    async fn an_upgrade_keeps_messages_edits_and_client_ids(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats = Vec::new();
        for _ in 0..3 {
            chats.push(world.group(&ada, &[&bob]).await.id);
        }
        let mut said = Vec::new();
        for n in 0..30_usize {
            let client_id = (n % 2 == 0).then(|| format!("phone-{n}"));
            let made = world.try_say(&ada, chats[n % 3], &format!("said {n}"), client_id.as_deref()).await.unwrap();
            said.push(made.into_inner());
        }
        for (n, message) in said.iter().enumerate().filter(|(n, _)| n % 5 == 0) {
            for edit in 0..3 {
                let patch = MessagePatch::from_json(json!({"content": format!("edit {edit} of {n}")})).unwrap();
                world.store.messaging.edit(&world.ctx(&ada), message.id, None, patch).await.unwrap();
            }
        }
        world.store.messaging.delete(&world.ctx(&ada), said[1].id, None).await.unwrap();
        let seen = async |store: &Store| {
            let (ctx, mut seen) = (world.ctx(&bob), Vec::new());
            for chat in &chats {
                seen.push(json!(store.messaging.chat(&ctx, *chat).await.unwrap()));
                let page = store.messaging.messages(&ctx, *chat, Window::After(0), 200).await.unwrap();
                for message in page.items {
                    let history = store.messaging.history(&ctx, message.id, PageRequest::default()).await.unwrap();
                    seen.push(json!([message, history.items]));
                }
            }
            seen
        };
        let before = seen(&world.store).await;
        undo(&world);
        let ran = Store::migrate(&world.options.url).unwrap();
        assert_eq!(ran[0], SINCE.replace('-', ""));
        let upgraded = world.another_node().await;
        assert_eq!(seen(&upgraded).await, before);
        // A client id of before still names its message.
        let new = json!({"content": "said 4", "client_id": "phone-4"});
        let again = upgraded.messaging.send(&world.ctx(&ada), chats[1], Input::from_json(new).unwrap()).await.unwrap();
        assert_eq!(again.into_inner().id, said[4].id);
    }
}
