//! What the tests of all domains need to know about api keys.

use std::time::Duration;

use clowder_accounts::NewApiKey;
use clowder_core::{Ctx, IdempotencyKey};
use serde_json::json;

use crate::{
    clock::latest,
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, Stage, of},
    world::{Person, World, code},
};

pub const DOMAIN: Domain = Domain {
    writes: &["ApiKeys::create_key", "ApiKeys::revoke_key", "ApiKeys::check_key"],
    reads: &["ApiKeys::is_revoked", "ApiKeys::key", "ApiKeys::keys", "ApiKeys::recall_key"],
    perform,
    ids: &["api_keys.id"],
    ahead,
    keeps,
    repeats,
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        // The key of a user who stays.
        let kay = world.register("kay").await;
        let new = of::<NewApiKey>(json!({"name": "bot", "scopes": ["chats:read"]}));
        let key = world.store.api_keys.create_key(&world.by(&kay.access), new).await?.key.unwrap();
        world.store.api_keys.check_key(&key, world.now()).await?;
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while latest(world, "api_keys.last_used_at").is_none() {
            tick.tick().await;
        }
        Ok(())
    })
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let new = of::<NewApiKey>(json!({"name": "a peculiar bot", "scopes": ["chats:read"]}));
        world.store.api_keys.create_key(&world.ctx(ada), new).await.map(drop)
    })
}

/// A key that is revoked in between is unknown.
fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let new = || of::<NewApiKey>(json!({"name": "bot", "scopes": ["messages:read"]}));
        let issued = world.store.api_keys.create_key(&once(world.ctx(ada), "key"), new()).await?;
        let again = world.store.api_keys.create_key(&once(world.ctx(ada), "key"), new()).await?;
        assert_eq!((again.api_key.id, again.key), (issued.api_key.id, None));
        world.store.api_keys.revoke_key(&world.ctx(ada), issued.api_key.id).await?;
        let again = world.store.api_keys.create_key(&once(world.ctx(ada), "key"), new()).await;
        assert_eq!(code(again), "api_key.unknown");
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, world, store, who, ctx, .. } = scene;
        match write {
            "ApiKeys::create_key" => {
                let new = of::<NewApiKey>(json!({"name": "bot", "scopes": ["messages:read"]}));
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(stage.fresh("k"), [1; 32])), ..ctx };
                let issued = store.api_keys.create_key(&ctx, new).await?;
                stage.api_keys.lock().unwrap().push((who, issued.api_key.id));
            }
            "ApiKeys::revoke_key" => {
                let (who, key) = Stage::take(&stage.api_keys).ok_or(NOTHING_TO_DO)?;
                store.api_keys.revoke_key(&stage.ctx(who), key).await?;
            }
            "ApiKeys::check_key" => {
                let new = of::<NewApiKey>(json!({"name": "bot", "scopes": ["messages:read"]}));
                let issued = store.api_keys.create_key(&ctx, new).await?;
                let key = issued.key.unwrap_or_default();
                store.api_keys.check_key(&key, world.now().plus(Duration::from_secs(120))).await?;
                stage.api_keys.lock().unwrap().push((who, issued.api_key.id));
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
