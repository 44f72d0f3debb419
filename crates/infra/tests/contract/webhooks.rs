//! The guarantees of `Webhooks`.

mod calls;
pub mod domain;

use std::time::Duration;

use clowder_core::{Error, Input, PageRequest};
use clowder_notifications::webhooks::{
    DeliveryStatus, DisabledReason, IssuedWebhook, NewWebhook, WebhookId, WebhookPatch, WebhookStatus,
    policy::{BOTH_SIGN_FOR, MOST},
    port::Turn,
};
use serde_json::{Value, json};

use self::domain::{answered, done, new};
use crate::{
    activity::edit,
    privacy::{system, work},
    readers::read_all,
    stress::of,
    world::{Person, World, code, on_both},
};

/// An endpoint of somebody, from now on.
async fn hook(world: &World, owner: &Person, wants: &[&str]) -> IssuedWebhook {
    let made = world.store.webhooks.create(&world.ctx(owner), new(wants)).await.unwrap();
    world.changes().await;
    made
}

/// What is to be delivered now.
async fn taken(world: &World) -> Vec<Turn> {
    read_all(&world.store, world).await;
    world.store.webhooks.take(&system(world), 100).await.unwrap()
}

/// The bodies of all calls, in no order.
fn bodies(turns: &[Turn]) -> Vec<Value> {
    let parcels = turns.iter().flat_map(|turn| &turn.parcels);
    parcels.map(|parcel| serde_json::from_slice(&parcel.body).unwrap()).collect()
}

fn types(turns: &[Turn]) -> Vec<String> {
    let mut types: Vec<_> = bodies(turns).iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect();
    types.sort_unstable();
    types
}

/// Every call succeeds.
async fn succeed(world: &World, turns: &[Turn]) {
    let all = turns.iter().map(|turn| done(turn, world.now(), answered(204))).collect();
    world.store.webhooks.settle(&system(world), all).await.unwrap();
}

async fn statuses(world: &World, owner: &Person, webhook: WebhookId) -> Vec<DeliveryStatus> {
    let page = PageRequest { limit: 200, cursor: None };
    let all = world.store.webhooks.deliveries(&world.ctx(owner), webhook, Default::default(), page).await.unwrap();
    all.items.iter().map(|delivery| delivery.status).collect()
}

on_both! {
    async fn an_endpoint_gets_what_its_owner_hears(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        world.say(&bob, chat.id, "before").await;
        let made = hook(&world, &ada, &["message.sent", "settings.*"]).await;
        hook(&world, &eve, &["*"]).await;
        world.say(&bob, chat.id, "hello").await;
        world.say(&ada, chat.id, "hello yourself").await;
        edit(&world, &ada, "dark").await;
        let turns = taken(&world).await;
        assert_eq!(turns.len(), 1, "nothing happened to eve");
        assert_eq!(types(&turns), ["message.sent", "message.sent", "settings.updated"]);
        let said: Vec<_> = bodies(&turns).iter().filter_map(|body| body["data"]["content"].as_str().map(str::to_owned)).collect();
        assert!(said.contains(&"hello".to_owned()) && !said.contains(&"before".to_owned()), "{said:?}");
        assert!(taken(&world).await.is_empty(), "another node has it");
        succeed(&world, &turns).await;
        assert_eq!(statuses(&world, &ada, made.webhook.id).await, [DeliveryStatus::Delivered; 3]);
        assert!(taken(&world).await.is_empty());
    }

    async fn secrets_are_shown_once_and_others_see_nothing(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let hooks = &world.store.webhooks;
        let made = hooks.create(&world.ctx(&ada), new(&["*"])).await.unwrap();
        assert_eq!(world.names().await, ["webhook.created"]);
        let secret = made.secret.clone().unwrap();
        assert!(secret.starts_with("whsec_") && made.webhook.public_key.as_ref().unwrap().starts_with("whpk_"));
        let shown = hooks.webhook(&world.ctx(&ada), made.webhook.id).await.unwrap();
        assert_eq!(shown, made.webhook);
        assert!(!world.holds(&secret.as_bytes()[6..]), "it is stored encrypted");
        let id = made.webhook.id;
        let stranger = || world.ctx(&bob);
        assert!(hooks.webhooks(&stranger(), Default::default()).await.unwrap().items.is_empty());
        for refused in [
            code(hooks.webhook(&stranger(), id).await),
            code(hooks.edit(&stranger(), id, None, of(json!({}))).await),
            code(hooks.rotate(&stranger(), id).await),
            code(hooks.test(&stranger(), id).await),
            code(hooks.deliveries(&stranger(), id, Default::default(), Default::default()).await),
            code(hooks.delete(&stranger(), id).await),
        ] {
            assert_eq!(refused, "webhook.unknown");
        }
        hooks.test(&world.ctx(&ada), id).await.unwrap();
        let before = taken(&world).await.remove(0).keys;
        let rotated = hooks.rotate(&world.ctx(&ada), id).await.unwrap();
        assert_ne!(rotated.secret, secret);
        succeed(&world, &[]).await;
        world.wait(Duration::from_secs(61));
        let after = taken(&world).await.remove(0).keys;
        let now = world.now();
        let (old, both) = (before.sign(now, "id", b"{}").unwrap(), after.sign(now, "id", b"{}").unwrap());
        assert!(both.ends_with(&format!(" {old}")), "{both}");
        let later = now.plus(BOTH_SIGN_FOR);
        assert_eq!(after.sign(later, "id", b"{}").unwrap().split(' ').count(), 2);
    }

    async fn what_cannot_be_an_endpoint_is_refused(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        let wrong = async |new: Value| match hooks.create(&world.ctx(&ada), NewWebhook::from_json(new).unwrap()).await {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect(),
            Ok(_) => Vec::new(),
            Err(other) => panic!("{other}"),
        };
        for url in ["http://hook.example/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://0x7f000001/"] {
            assert_eq!(wrong(json!({"url": url, "event_types": ["*"]})).await, ["/url closed"], "{url}");
        }
        let on_server = json!({"url": "https://hook.example/", "event_types": ["server.*"]});
        assert_eq!(wrong(on_server.clone()).await, ["/event_types role"]);
        world.meddle("UPDATE users SET role = 'admin' WHERE username = 'ada'").unwrap();
        assert_eq!(wrong(on_server).await, Vec::<String>::new());
        for _ in 1..MOST {
            hook(&world, &ada, &["*"]).await;
        }
        assert_eq!(code(hooks.create(&world.ctx(&ada), new(&["*"])).await), "webhook.limit");
        world.wait(Duration::from_secs(3_600));
        assert_eq!(code(hooks.create(&world.ctx(&ada), new(&["*"])).await), "authentication.stale");
    }

    async fn of_endpoints_made_at_once_no_more_than_allowed_come_into_being(world: World) {
        let ada = world.person("ada").await;
        let tries = (0..MOST + 5).map(|_| {
            let (world, ctx) = (world.clone(), world.ctx(&ada));
            tokio::spawn(async move { world.store.webhooks.create(&ctx, new(&["*"])).await })
        });
        let mut made = 0;
        for result in tries.collect::<Vec<_>>() {
            match result.await.unwrap() {
                Ok(_) => made += 1,
                refused => assert_eq!(code(refused), "webhook.limit"),
            }
        }
        assert_eq!(made, MOST);
    }

    async fn who_has_left_hears_nothing_more(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let made = hook(&world, &bob, &["*"]).await;
        world.say(&ada, chat.id, "while bob was there").await;
        read_all(&world.store, &world).await;
        world.store.participants.remove(&world.ctx(&bob), chat.id, bob.id).await.unwrap();
        world.say(&ada, chat.id, "after that").await;
        let turns = taken(&world).await;
        assert_eq!(types(&turns), ["participant.removed"], "that he left, and nothing else");
        succeed(&world, &turns).await;
        assert_eq!(statuses(&world, &bob, made.webhook.id).await, [DeliveryStatus::Delivered], "nothing is left of the rest");
    }

    async fn a_deleted_text_is_gone_and_so_is_what_blocked_people_write(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        hook(&world, &ada, &["message.sent"]).await;
        let message = world.say(&bob, chat.id, "a peculiar text").await;
        read_all(&world.store, &world).await;
        world.store.messaging.delete(&world.ctx(&bob), message.id, None).await.unwrap();
        let turns = taken(&world).await;
        assert!(bodies(&turns).iter().all(|body| !body.to_string().contains("peculiar")), "{:?}", bodies(&turns));
        succeed(&world, &turns).await;
        world.say(&bob, chat.id, "something rude").await;
        read_all(&world.store, &world).await;
        let block = clowder_social::NewBlock { hide_messages: Some(true) };
        world.store.blocks.block(&world.ctx(&ada), bob.id, block).await.unwrap();
        assert_eq!(bodies(&taken(&world).await), Vec::<Value>::new());
    }

    async fn the_suspended_and_the_erased_hear_nothing(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for person in [&ada, &bob] {
            hook(&world, person, &["settings.updated"]).await;
            edit(&world, person, "dark").await;
        }
        read_all(&world.store, &world).await;
        world.meddle("UPDATE users SET suspension_reason = 'x' WHERE username = 'ada'").unwrap();
        world.meddle("UPDATE users SET deleted_at = created_at WHERE username = 'bob'").unwrap();
        assert!(taken(&world).await.is_empty());
    }

    async fn a_reader_that_goes_back_notes_nothing_twice(world: World) {
        let ada = world.person("ada").await;
        let made = hook(&world, &ada, &["settings.updated"]).await;
        edit(&world, &ada, "dark").await;
        let turns = taken(&world).await;
        succeed(&world, &turns).await;
        world.meddle("UPDATE reader_positions SET position = 0 WHERE reader = 'webhooks'").unwrap();
        assert!(taken(&world).await.is_empty());
        assert_eq!(statuses(&world, &ada, made.webhook.id).await.len(), 1);
    }

    async fn a_change_of_an_endpoint_counts_at_once(world: World) {
        let ada = world.person("ada").await;
        let hooks = &world.store.webhooks;
        let id = hook(&world, &ada, &["settings.updated"]).await.webhook.id;
        let patched = async |patch: Value| {
            let patch = WebhookPatch::from_json(patch).unwrap();
            hooks.edit(&world.ctx(&ada), id, None, patch).await
        };
        let disabled = patched(json!({"status": "disabled"})).await.unwrap();
        assert_eq!((disabled.status, disabled.disabled_reason), (WebhookStatus::Disabled, Some(DisabledReason::Owner)));
        assert_eq!(world.names().await, ["webhook.updated"]);
        edit(&world, &ada, "dark").await;
        assert!(taken(&world).await.is_empty());
        assert_eq!(code(hooks.test(&world.ctx(&ada), id).await), "webhook.disabled");
        let stale = hooks.edit(&world.ctx(&ada), id, Some(1.into()), of(json!({}))).await;
        assert!(matches!(stale, Err(Error::Stale { current: 2, .. })));
        patched(json!({"status": "active", "event_types": ["message.*"]})).await.unwrap();
        edit(&world, &ada, "light").await;
        assert!(taken(&world).await.is_empty(), "it wants something else now");
        world.wait(Duration::from_secs(3_600));
        assert_eq!(code(patched(json!({"url": "https://other.example/"})).await), "authentication.stale");
        assert!(patched(json!({"description": "the same"})).await.is_ok());
        hooks.delete(&world.ctx(&ada), id).await.unwrap();
        assert_eq!(code(patched(json!({})).await), "webhook.unknown");
    }

    async fn a_recovery_finds_what_was_missed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let hooks = &world.store.webhooks;
        let id = hook(&world, &ada, &["message.sent"]).await.webhook.id;
        let since = world.now();
        hooks.edit(&world.ctx(&ada), id, None, of(json!({"status": "disabled"}))).await.unwrap();
        world.say(&bob, chat.id, "missed").await;
        assert!(taken(&world).await.is_empty());
        hooks.edit(&world.ctx(&ada), id, None, of(json!({"status": "active"}))).await.unwrap();
        world.say(&bob, chat.id, "heard").await;
        let heard = taken(&world).await;
        assert_eq!(bodies(&heard)[0]["data"]["content"], "heard");
        succeed(&world, &heard).await;
        let recovery = of(json!({"since": since}));
        hooks.recover(&world.ctx(&ada), id, recovery).await.unwrap();
        work(&world, &world.store).await;
        let missed = taken(&world).await;
        assert_eq!(bodies(&missed).len(), 1, "and what was delivered is not delivered twice");
        assert_eq!(bodies(&missed)[0]["data"]["content"], "missed");
    }
}
