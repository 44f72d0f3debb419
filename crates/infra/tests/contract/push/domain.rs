//! What the tests of all domains need to know about push.

use clowder_core::{Ctx, IdempotencyKey};
use serde_json::json;

use super::{browser, phone, subscribe};
use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World, code},
};

pub const DOMAIN: Domain = Domain {
    writes: &["PushSubscriptions::subscribe", "PushSubscriptions::unsubscribe", "PushSubscriptions::push_key"],
    reads: &["PushSubscriptions::push_subscriptions"],
    perform,
    keeps,
    repeats,
    ids: &[
        "push_keys.id",
        "push_subscriptions.id",
        "pushes.chat_id",
        "pushes.id",
        "pushes.message_id",
        "pushes.notification_id",
        "pushes.revision",
        "pushes.source_id",
        "pushes.target_id",
    ],
    never: &[
        (
            "a push of one person to a device of another",
            "pushes p JOIN push_subscriptions s ON s.id = p.subscription_id WHERE s.user_id <> p.user_id",
        ),
        (
            "a subscription in a session of somebody else",
            "push_subscriptions p JOIN sessions s ON s.id = p.session_id WHERE s.user_id <> p.user_id",
        ),
        ("two keys for push", "push_keys k JOIN push_keys l ON l.id > k.id"),
    ],
    met: &[("something that waits for a device", "pushes")],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move { subscribe(world, &world.store, ada, browser("peculiar")).await.map(drop) })
}

/// A subscription that is ended in between is unknown.
fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let push = &world.store.push;
        let first = push.subscribe(&once(world.ctx(ada), "push"), of(phone("one"))).await?;
        let again = push.subscribe(&once(world.ctx(ada), "push"), of(phone("one"))).await?;
        assert_eq!(again.id, first.id);
        push.unsubscribe(&world.ctx(ada), first.id).await?;
        let again = push.subscribe(&once(world.ctx(ada), "push"), of(phone("one"))).await;
        assert_eq!(code(again), "push.unknown");
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, ctx, dice, .. } = scene;
        match write {
            "PushSubscriptions::subscribe" => {
                // Of a few devices, on which one after another is signed in.
                let device = browser(&format!("shared-{}", dice.below(6)));
                let key = Some(IdempotencyKey::new(stage.fresh("k"), [1; 32]));
                store.push.subscribe(&Ctx { idempotency_key: key, ..ctx }, of(device)).await.map(drop)
            }
            "PushSubscriptions::unsubscribe" => {
                let new = json!({"kind": "fcm", "token": stage.fresh("token")});
                let _ = store.push.subscribe(&ctx, of(new)).await;
                let own = store.push.push_subscriptions(&ctx, Default::default()).await?.items;
                let any = own.get(dice.below(own.len().max(1))).ok_or(NOTHING_TO_DO)?;
                store.push.unsubscribe(&ctx, any.id).await
            }
            "PushSubscriptions::push_key" => store.push.push_key(&ctx).await.map(drop),
            other => panic!("nobody performs {other}"),
        }
    })
}
