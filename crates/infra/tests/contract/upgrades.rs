//! An upgrade keeps what was written before it: the latest migrations are reverted under existing rows and run again.

use std::path::Path;

use clowder_core::{Input, PageRequest};
use clowder_infra::Store;
use clowder_messaging::{MessagePatch, Window};
use serde_json::json;

use crate::world::{World, code, on_both};

/// The first migration to revert: earlier ones delete data on purpose.
const SINCE: &str = "2026-11-26-099000";

/// Reverts the migrations since then, the latest first, as an older build left the database.
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
        // A client id from before still finds its message.
        let new = json!({"content": "said 4", "client_id": "phone-4"});
        let again = upgraded.messaging.send(&world.ctx(&ada), chats[1], Input::from_json(new).unwrap()).await.unwrap();
        assert_eq!(again.into_inner().id, said[4].id);
    }

    async fn an_upgrade_keeps_people_signed_in(world: World) {
        let [live, idle] = [world.register("ada").await, world.register("bob").await];
        let used = world.register("eve").await;
        undo(&world);
        // What the older build stored of a token: its hash.
        let blob = |hash: &str| if world.is_postgres() { format!("decode('{hash}', 'hex')") } else { format!("x'{hash}'") };
        let sha = |token: &str| data_encoding::HEXLOWER.encode(&clowder_infra::keys::sha256(token.as_bytes()));
        for (name, token, used_at) in
            [("ada", "token of ada", false), ("bob", "token of bob", false), ("eve", "used", true), ("eve", "token of eve", false)]
        {
            let used_at = if used_at { "(SELECT created_at FROM users WHERE username = 'eve')" } else { "NULL" };
            world.batch(&format!(
                "INSERT INTO refresh_tokens (hash, session_id, expires_at, used_at) SELECT {}, s.id, s.expires_at, {used_at} \
                 FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = '{name}'",
                blob(&sha(token)),
            ));
        }
        Store::migrate(&world.options.url).unwrap();
        let upgraded = world.another_node().await;
        let refresh = async |token: &str| {
            let token = clowder_accounts::RefreshToken::new(token.to_owned());
            upgraded.accounts.refresh(&world.nobody(), token).await.map(|signed_in| signed_in.refresh)
        };
        let second = refresh("token of ada").await.unwrap();
        assert_eq!(refresh("token of ada").await.unwrap(), second, "a lost answer");
        let third = refresh(&second).await.unwrap();
        world.wait(std::time::Duration::from_secs(21));
        // A token from before also ends its session when it is used again.
        assert_eq!(code(refresh("token of ada").await), "token.reused");
        assert_eq!(code(refresh(&third).await), "session.ended");
        world.wait(std::time::Duration::from_secs(24 * 3600));
        let bob = refresh("token of bob").await.unwrap();
        world.wait(std::time::Duration::from_secs(21));
        assert_eq!(refresh("token of bob").await.unwrap(), bob, "an answer that was lost for longer");
        assert_eq!(code(refresh("used").await), "token.invalid", "what was used before is forgotten");
        refresh("token of eve").await.unwrap();
        drop((live, idle, used));
    }
}
