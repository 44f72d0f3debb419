//! What the tests of all domains need to know about webhooks.

use std::time::Duration;

use clowder_core::{Ctx, IdempotencyKey, Result, Timestamp};
use clowder_infra::Store;
use clowder_notifications::webhooks::{
    Answered, NewRecovery, NewWebhook, Problem, WebhookId, WebhookPatch,
    port::{Done, LEASE, Turn},
    schedule::LONGEST_WAIT,
};
use serde_json::json;

use crate::{
    activity::edit,
    copies::once,
    domains::Domain,
    privacy::system,
    readers::read_all,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World, code},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Webhooks::create",
        "Webhooks::edit",
        "Webhooks::delete",
        "Webhooks::rotate",
        "Webhooks::test",
        "Webhooks::resend",
        "Webhooks::recover",
        "Webhooks::hear",
        "Webhooks::take",
        "Webhooks::settle",
    ],
    reads: &[
        "Webhooks::webhooks",
        "Webhooks::webhook",
        "Webhooks::deliveries",
        "Webhooks::delivery",
        // It waits.
        "Webhooks::stirred",
    ],
    perform,
    ahead,
    keeps,
    repeats,
    lasts: &[
        ("webhook_deliveries.next_at", |_| LONGEST_PAUSE),
        ("webhook_queues.due_at", |_| LONGEST_PAUSE),
        ("webhook_queues.lease_until", |_| LEASE),
        ("webhook_queues.paused_until", |_| LONGEST_WAIT),
        ("webhooks.former_keys_until", |_| Duration::from_secs(24 * 3_600)),
    ],
    ids: &[
        "webhook_deliveries.id",
        "webhook_deliveries.webhook_id",
        "webhook_queues.holder",
        "webhook_topics.topic_id",
        "webhooks.epoch",
        "webhooks.id",
    ],
    never: &[
        (
            "a queue that does not know how many deliveries wait",
            "webhook_queues q WHERE q.waiting <> (SELECT count(*) FROM webhook_deliveries d
               WHERE d.webhook_id = q.webhook_id AND d.next_at IS NOT NULL)",
        ),
        (
            "a queue that does not know how many others are kept",
            "webhook_queues q WHERE q.kept <> (SELECT count(*) FROM webhook_deliveries d
               WHERE d.webhook_id = q.webhook_id AND d.next_at IS NULL)",
        ),
        (
            "a delivery that waits for nothing",
            "webhook_deliveries d WHERE (d.status = 'pending') <> (d.next_at IS NOT NULL)",
        ),
        (
            "what waits for an active endpoint without a time when it is due",
            "webhook_queues q JOIN webhooks w ON w.id = q.webhook_id
               WHERE w.disabled_reason IS NULL AND q.waiting > 0 AND q.due_at IS NULL",
        ),
        ("an endpoint without keys", "webhooks w WHERE (w.keys IS NULL) <> (w.deleted_at IS NOT NULL)"),
    ],
    ..Domain::NONE
};

/// The longest pause of the schedule, with what chance adds.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600 * 11 / 10);

pub fn new(event_types: &[&str]) -> NewWebhook {
    of(json!({
        "url": "https://hook.example/a", "event_types": event_types, "description": "a peculiar hook",
        "asymmetric": true,
    }))
}

/// What a receiver answered.
pub fn answered(status: u16) -> Answered {
    Answered::of_status(status, None, Duration::from_millis(5))
}

pub fn done(turn: &Turn, at: Timestamp, answered: Answered) -> Done {
    let calls = turn.parcels.iter().map(|parcel| (parcel.delivery, at, answered)).collect();
    Done { webhook: turn.webhook, lease: turn.lease, calls }
}

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let hooks = &world.store.webhooks;
        let hal = world.person("hal").await;
        let fails = hooks.create(&world.ctx(&hal), new(&["settings.updated"])).await?.webhook.id;
        hooks.rotate(&world.ctx(&hal), fails).await?;
        edit(world, &hal, "dark").await;
        read_all(&world.store, world).await;
        for turn in hooks.take(&system(world), 10).await? {
            let timeout = Answered::of_problem(Problem::Timeout, Duration::from_secs(15));
            hooks.settle(&system(world), vec![done(&turn, world.now(), timeout)]).await?;
        }
        let held = hooks.create(&world.ctx(&hal), new(&["*"])).await?.webhook.id;
        hooks.test(&world.ctx(&hal), held).await?;
        assert_eq!(hooks.take(&system(world), 10).await?.len(), 1);
        let gone = hooks.create(&world.ctx(&hal), new(&["*"])).await?.webhook.id;
        hooks.delete(&world.ctx(&hal), gone).await
    })
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let made = world.store.webhooks.create(&world.ctx(ada), new(&["*"])).await?;
        world.store.webhooks.test(&world.ctx(ada), made.webhook.id).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let hooks = &world.store.webhooks;
        let made = hooks.create(&once(world.ctx(ada), "hook"), new(&["*"])).await?;
        let patch = of::<WebhookPatch>(json!({"description": null}));
        hooks.edit(&world.ctx(ada), made.webhook.id, None, patch).await?;
        let again = hooks.create(&once(world.ctx(ada), "hook"), new(&["*"])).await?;
        assert_eq!((again.webhook.id, again.secret, again.webhook.description), (made.webhook.id, None, None));
        hooks.delete(&world.ctx(ada), made.webhook.id).await?;
        let gone = hooks.create(&once(world.ctx(ada), "hook"), new(&["*"])).await;
        assert_eq!(code(gone), "webhook.unknown");
        Ok(())
    })
}

/// One of the caller's endpoints, or a new one.
async fn one(store: &Store, ctx: &Ctx) -> Result<WebhookId> {
    let own = store.webhooks.webhooks(ctx, Default::default()).await?.items;
    match own.first() {
        Some(webhook) => Ok(webhook.id),
        None => Ok(store.webhooks.create(ctx, new(&["*"])).await?.webhook.id),
    }
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, world, store, ctx, dice, .. } = scene;
        let hooks = &store.webhooks;
        match write {
            "Webhooks::create" => {
                let key = Some(IdempotencyKey::new(stage.fresh("k"), [1; 32]));
                let wants = [&["*"][..], &["message.*", "settings.updated"]][dice.below(2)];
                hooks.create(&Ctx { idempotency_key: key, ..ctx }, new(wants)).await.map(drop)
            }
            "Webhooks::edit" => {
                let status = ["active", "active", "disabled"][dice.below(3)];
                let patch = json!({"status": status, "description": stage.fresh("hook ")});
                hooks.edit(&ctx, one(store, &ctx).await?, None, of(patch)).await.map(drop)
            }
            "Webhooks::delete" => hooks.delete(&ctx, one(store, &ctx).await?).await,
            "Webhooks::rotate" => hooks.rotate(&ctx, one(store, &ctx).await?).await.map(drop),
            "Webhooks::test" => hooks.test(&ctx, one(store, &ctx).await?).await.map(drop),
            "Webhooks::resend" => {
                let webhook = one(store, &ctx).await?;
                let some = hooks.deliveries(&ctx, webhook, Default::default(), Default::default()).await?.items;
                let one = some.get(dice.below(some.len().max(1))).ok_or(NOTHING_TO_DO)?;
                hooks.resend(&ctx, webhook, one.id).await.map(drop)
            }
            "Webhooks::recover" => {
                let since = ctx.now.minus(Duration::from_secs(3_600));
                hooks.recover(&ctx, one(store, &ctx).await?, NewRecovery { since }).await.map(drop)
            }
            "Webhooks::hear" => hooks.hear(&stage.system()).await.map(drop),
            "Webhooks::take" => {
                // What is taken and not settled waits until the lease is over; so some of it is given back.
                let turns = hooks.take(&stage.system(), 3).await?;
                let back =
                    turns.iter().map(|turn| Done { webhook: turn.webhook, lease: turn.lease, calls: Vec::new() });
                hooks.settle(&stage.system(), back.collect()).await
            }
            "Webhooks::settle" => {
                let turns = hooks.take(&stage.system(), 3).await?;
                let status = [200, 200, 200, 500, 429, 410][dice.below(6)];
                let all = turns.iter().map(|turn| done(turn, world.now(), answered(status)));
                hooks.settle(&stage.system(), all.collect()).await
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
