//! What the tests of all domains need to know about messages that are sent later.

use std::time::Duration;

use clowder_core::{Actor, Ctx, IdempotencyKey, PageRequest};
use clowder_infra::Store;
use clowder_messaging::{
    NewMessage,
    scheduled::{ScheduledFilter, ScheduledId, ScheduledPatch},
};
use serde_json::json;

use crate::{
    chats::domain::writer,
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "ScheduledMessages::schedule",
        "ScheduledMessages::edit_scheduled",
        "ScheduledMessages::cancel_scheduled",
        "ScheduledMessages::send_due",
    ],
    reads: &["ScheduledMessages::scheduled", "ScheduledMessages::scheduled_message"],
    perform,
    keeps,
    repeats,
    ids: &["scheduled_messages.chat_id", "scheduled_messages.id", "scheduled_messages.message_id"],
    never: &[
        (
            "a scheduled message that is over and waits, or the other way round",
            "scheduled_messages s WHERE (s.status = 'waiting') <> (s.finished_at IS NULL)",
        ),
        (
            "a message that was sent without being there",
            "scheduled_messages s JOIN chats c ON c.id = s.chat_id AND c.deleted_at IS NULL \
             LEFT JOIN messages m ON m.id = s.message_id AND m.chat_id = s.chat_id \
             WHERE s.status = 'sent' AND m.id IS NULL",
        ),
        (
            "two scheduled messages that were sent as one",
            "scheduled_messages a JOIN scheduled_messages b ON b.message_id = a.message_id AND b.id <> a.id",
        ),
        (
            "a refusal without its reason",
            "scheduled_messages s WHERE (s.status = 'refused' AND s.problem IS NULL) OR (s.status = 'sent' AND s.problem IS NOT NULL)",
        ),
    ],
    met: &[("scheduled message that was sent", "scheduled_messages s WHERE s.status = 'sent'")],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let chat = world.group(ada, &[]).await.id;
        let ctx = world.ctx(ada);
        let at = ctx.now.plus(Duration::from_secs(3600));
        let new = of::<NewMessage>(json!({"content": "Later", "send_at": at}));
        world.store.scheduled.schedule(&ctx, chat, new).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let scheduled = &world.store.scheduled;
        let chat = world.group(ada, &[]).await.id;
        let at = world.now().plus(Duration::from_secs(3600));
        let new = || of::<NewMessage>(json!({"content": "regretted later", "send_at": at}));
        let made = scheduled.schedule(&once(world.ctx(ada), "later"), chat, new()).await?;
        scheduled.cancel_scheduled(&world.ctx(ada), made.id, None).await?;
        let again = scheduled.schedule(&once(world.ctx(ada), "later"), chat, new()).await?;
        assert_eq!((again.id, again.content, again.version), (made.id, None, 2));
        Ok(())
    })
}

/// One of the caller's messages that wait.
async fn waiting(store: &Store, ctx: &Ctx) -> clowder_core::Result<ScheduledId> {
    let page = PageRequest { limit: 9, cursor: None };
    let page = store.scheduled.scheduled(ctx, ScheduledFilter::default(), page).await?;
    Ok(page.items.last().map(|last| last.id).ok_or(NOTHING_TO_DO)?)
}

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let (who, chat) =
            if write == "ScheduledMessages::schedule" { writer(&mut scene).await? } else { (scene.who, scene.chat) };
        let Scene { stage, store, dice, .. } = scene;
        let ctx = stage.ctx(who);
        let scheduled = &store.scheduled;
        let hour = Duration::from_secs(3600);
        match write {
            "ScheduledMessages::schedule" => {
                let key = (dice.below(3) == 0).then(|| IdempotencyKey::new(stage.fresh("k"), [1; 32]));
                let (client, repeat) = match dice.below(3) {
                    0 => (Some(stage.fresh("c")), None),
                    1 => (None, Some("FREQ=DAILY;COUNT=2")),
                    _ => (None, None),
                };
                let new = json!({
                    "content": stage.fresh("later "), "client_id": client, "send_at": ctx.now.plus(hour), "repeat": repeat
                });
                let new = of::<NewMessage>(new);
                scheduled.schedule(&Ctx { idempotency_key: key, ..ctx }, chat, new).await.map(drop)
            }
            "ScheduledMessages::edit_scheduled" => {
                let id = waiting(store, &ctx).await?;
                let patch = of::<ScheduledPatch>(json!({"content": stage.fresh("much later ")}));
                scheduled.edit_scheduled(&ctx, id, None, patch).await.map(drop)
            }
            "ScheduledMessages::cancel_scheduled" => {
                let id = waiting(store, &ctx).await?;
                scheduled.cancel_scheduled(&ctx, id, None).await.map(drop)
            }
            "ScheduledMessages::send_due" => {
                let ctx = Ctx::new(Actor::System, ctx.now.plus(2 * hour), "timers");
                scheduled.send_due(&ctx).await.map(drop)
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
