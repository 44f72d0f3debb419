//! What becomes of deliveries and endpoints after their calls.

use std::time::Duration;

use clowder_core::PageRequest;
use clowder_notifications::webhooks::{
    Answered, DeliveryStatus, DisabledReason, Problem, WebhookDelivery, WebhookId, WebhookStatus,
    policy::{KEPT_FOR, MOST_WAITING},
    port::LEASE,
    schedule::{ATTEMPTS, PATIENCE, PAUSES},
};
use serde_json::json;

use super::{bodies, hook, succeed, taken};
use crate::{
    activity::edit,
    credentials::emails,
    privacy::system,
    readers::read_all,
    stress::of,
    webhooks::domain::{answered, done},
    world::{Person, World, code, on_both},
};

async fn deliveries(world: &World, owner: &Person, webhook: WebhookId) -> Vec<WebhookDelivery> {
    let page = PageRequest { limit: 200, cursor: None };
    world.store.webhooks.deliveries(&world.ctx(owner), webhook, Default::default(), page).await.unwrap().items
}

fn timeout() -> Answered {
    Answered::of_problem(Problem::Timeout, Duration::from_secs(15))
}

on_both! {
    async fn a_delivery_is_repeated_by_the_schedule_with_one_id(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        let id = hook(&world, &ada, &["settings.updated"]).await.webhook.id;
        edit(&world, &ada, "dark").await;
        let first = taken(&world).await.remove(0);
        let mut turn = first.clone();
        for pause in PAUSES {
            let at = world.now();
            hooks.settle(&system(&world), vec![done(&turn, at, timeout())]).await.unwrap();
            let shown = deliveries(&world, &ada, id).await.remove(0);
            let wait = shown.next_at.unwrap().since(at);
            assert!(wait >= pause.mul_f64(0.89) && wait <= pause.mul_f64(1.11), "{wait:?} for {pause:?}");
            assert!(taken(&world).await.is_empty(), "not before its time");
            world.wait(pause.mul_f64(1.2).max(Duration::from_secs(400)));
            turn = taken(&world).await.remove(0);
            assert_eq!((turn.parcels[0].delivery, &turn.parcels[0].body), (first.parcels[0].delivery, &first.parcels[0].body));
        }
        hooks.settle(&system(&world), vec![done(&turn, world.now(), answered(500))]).await.unwrap();
        let shown = deliveries(&world, &ada, id).await.remove(0);
        assert_eq!((shown.status, shown.attempts.len(), shown.next_at), (DeliveryStatus::Failed, ATTEMPTS, None));
        assert_eq!((shown.attempts[0].error, shown.attempts[9].status), (Some(Problem::Timeout), Some(500)));
        assert_eq!(hooks.webhook(&world.ctx(&ada), id).await.unwrap().status, WebhookStatus::Failing);
        let again = hooks.resend(&world.ctx(&ada), id, shown.id).await.unwrap();
        assert_eq!(again.status, DeliveryStatus::Pending);
        let turns = taken(&world).await;
        succeed(&world, &turns).await;
        assert_eq!(hooks.delivery(&world.ctx(&ada), id, shown.id).await.unwrap().status, DeliveryStatus::Delivered);
        assert_eq!(hooks.webhook(&world.ctx(&ada), id).await.unwrap().status, WebhookStatus::Active);
    }

    async fn an_endpoint_that_is_gone_or_fails_for_days_is_disabled(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        emails(&world).await;
        let id = hook(&world, &ada, &["settings.updated"]).await.webhook.id;
        let mut themes = ["dark", "light"].into_iter().cycle();
        let mut fails = async |with: Answered| {
            edit(&world, &ada, themes.next().unwrap()).await;
            let turns = taken(&world).await;
            let all: Vec<_> = turns.iter().map(|turn| done(turn, world.now(), with)).collect();
            hooks.settle(&system(&world), all).await.unwrap();
            hooks.webhook(&world.ctx(&ada), id).await.unwrap()
        };
        assert_eq!(fails(timeout()).await.status, WebhookStatus::Active);
        world.wait(PATIENCE);
        world.changes().await;
        let shown = fails(timeout()).await;
        assert_eq!((shown.status, shown.disabled_reason), (WebhookStatus::Disabled, Some(DisabledReason::Failing)));
        assert!(world.names().await.contains(&"webhook.updated".to_owned()));
        let told = emails(&world).await;
        assert!(told.iter().any(|mail| mail.subject == "Your webhook was disabled" && mail.text.contains("hook.example")));
        hooks.edit(&world.ctx(&ada), id, None, of(json!({"status": "active"}))).await.unwrap();
        world.wait(PAUSES[1] * 2);
        let turns = taken(&world).await;
        assert!(!turns.is_empty(), "what waited goes on");
        succeed(&world, &turns).await;
        let shown = fails(answered(410)).await;
        assert_eq!(shown.disabled_reason, Some(DisabledReason::Gone));
    }

    async fn whoever_asks_to_wait_is_not_called(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        hook(&world, &ada, &["settings.updated"]).await;
        edit(&world, &ada, "dark").await;
        let turn = taken(&world).await.remove(0);
        let asked = Answered::of_status(429, Some(Duration::from_secs(600)), Duration::from_millis(1));
        hooks.settle(&system(&world), vec![done(&turn, world.now(), asked)]).await.unwrap();
        edit(&world, &ada, "light").await;
        world.wait(Duration::from_secs(590));
        assert!(taken(&world).await.is_empty(), "new events wait, too");
        world.wait(Duration::from_secs(20));
        assert_eq!(bodies(&taken(&world).await).len(), 2);
    }

    async fn of_several_nodes_one_calls_and_another_goes_on_when_it_dies(world: World) {
        let ada = world.person("ada").await;
        let other = world.another_node().await;
        for _ in 0..5 {
            hook(&world, &ada, &["settings.updated"]).await;
        }
        edit(&world, &ada, "dark").await;
        read_all(&world.store, &world).await;
        let (here, there) = (system(&world), system(&world));
        let (here, there) = tokio::join!(world.store.webhooks.take(&here, 3), other.webhooks.take(&there, 10));
        let (here, there) = (here.unwrap(), there.unwrap());
        let mut all: Vec<_> = here.iter().chain(&there).map(|turn| turn.webhook).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), here.len() + there.len(), "each is called by one node");
        // Both die.
        world.wait(LEASE + Duration::from_secs(1));
        let again = world.store.webhooks.take(&system(&world), 10).await.unwrap();
        assert_eq!(again.len(), 5);
        let mut known: Vec<_> = here.iter().chain(&there).flat_map(|turn| &turn.parcels).map(|parcel| parcel.delivery).collect();
        let mut now: Vec<_> = again.iter().flat_map(|turn| &turn.parcels).map(|parcel| parcel.delivery).collect();
        known.sort_unstable();
        now.sort_unstable();
        assert!(known.iter().all(|delivery| now.contains(delivery)), "with the same ids");
        succeed(&world, &again).await;
        // What the first ones come to, late, changes nothing.
        let late: Vec<_> = here.iter().map(|turn| done(turn, world.now(), timeout())).collect();
        world.store.webhooks.settle(&system(&world), late).await.unwrap();
        assert!(world.store.webhooks.take(&system(&world), 10).await.unwrap().is_empty());
    }

    async fn a_test_is_called_once(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        let id = hook(&world, &ada, &["message.sent"]).await.webhook.id;
        let ping = hooks.test(&world.ctx(&ada), id).await.unwrap();
        let turn = taken(&world).await.remove(0);
        assert_eq!(bodies(std::slice::from_ref(&turn))[0]["data"], json!({"webhook_id": id}));
        hooks.settle(&system(&world), vec![done(&turn, world.now(), answered(404))]).await.unwrap();
        let shown = hooks.delivery(&world.ctx(&ada), id, ping.id).await.unwrap();
        assert_eq!((shown.status, shown.attempts[0].status), (DeliveryStatus::Failed, Some(404)));
    }

    async fn what_waits_is_bounded_and_what_is_old_goes(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        let id = hook(&world, &ada, &["settings.updated"]).await.webhook.id;
        world.meddle(&format!("UPDATE webhook_queues SET waiting = {}", MOST_WAITING - 1)).unwrap();
        for theme in ["dark", "light", "dark"] {
            edit(&world, &ada, theme).await;
        }
        read_all(&world.store, &world).await;
        assert_eq!(deliveries(&world, &ada, id).await.len(), 1);
        assert_eq!(code(hooks.test(&world.ctx(&ada), id).await), "webhook.backlog");
        world.meddle("UPDATE webhook_queues SET waiting = 1").unwrap();
        let old = deliveries(&world, &ada, id).await.remove(0);
        world.wait(KEPT_FOR);
        assert_eq!(code(hooks.delivery(&world.ctx(&ada), id, old.id).await), "delivery.unknown");
        while world.store.upkeep.sweep(&system(&world), Duration::from_secs(30 * 24 * 3_600)).await.unwrap() > 0 {}
        let left = "UPDATE webhook_deliveries SET tries = tries";
        assert_eq!(world.meddle(left).unwrap(), 0);
        assert_eq!(world.meddle("UPDATE webhook_queues SET kept = kept WHERE waiting = 0").unwrap(), 1);
        hooks.delete(&world.ctx(&ada), id).await.unwrap();
        world.wait(Duration::from_secs(120));
        while world.store.upkeep.sweep(&system(&world), Duration::from_secs(30 * 24 * 3_600)).await.unwrap() > 0 {}
        assert_eq!(world.meddle("UPDATE webhooks SET version = version").unwrap(), 0);
    }
}
