//! The guarantees of `ApiKeys`.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{ApiKeys, IssuedKey, NewApiKey, api_keys::MOST};
use clowder_core::{Actor, Ctx, Error, Id, IdempotencyKey, Input, PageRequest, Role, Timestamp, Via};
use clowder_messaging::scopes::{CHATS_READ, CHATS_WRITE};
use serde_json::json;

use crate::world::{World, code, on_both};

fn bot(expires_at: Option<Timestamp>) -> NewApiKey {
    let new = json!({"name": "bot", "scopes": ["chats:read", "messages:write"], "expires_at": expires_at});
    NewApiKey::from_json(new).unwrap()
}

pub fn secret(issued: &IssuedKey) -> &str {
    issued.key.as_deref().unwrap()
}

async fn check(keys: &dyn ApiKeys, key: &str, now: Timestamp) -> &'static str {
    match keys.check_key(key, now).await {
        Ok(_) => "ok",
        refused => code(refused),
    }
}

on_both! {
    async fn a_key_proves_its_owner_and_is_shown_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let keys = &world.store.api_keys;
        let issued = keys.create_key(&world.ctx(&ada), bot(None)).await.unwrap();
        let changes = world.changes().await;
        assert_eq!(&*changes[0].name, "api_key.created");
        let hidden = &secret(&issued)[issued.api_key.prefix.len()..];
        assert!(!changes[0].data.get().contains(hidden), "the journal does not know it");
        let identity = keys.check_key(secret(&issued), world.now()).await.unwrap();
        assert_eq!(identity.actor, Actor::User { id: ada.id, via: Via::Key(issued.api_key.id), role: Role::User });
        assert!(identity.opens(Some(CHATS_READ)) && !identity.opens(Some(CHATS_WRITE)));
        assert!(!identity.opens(None), "what no scope opens is for people");
        let own = keys.keys(&world.ctx(&ada), PageRequest::default()).await.unwrap().items;
        assert_eq!((own.len(), own[0].id), (1, issued.api_key.id));
        assert!(!serde_json::to_string(&own).unwrap().contains(hidden));
        assert!(keys.keys(&world.ctx(&bob), PageRequest::default()).await.unwrap().items.is_empty());
        assert_eq!(code(keys.key(&world.ctx(&bob), issued.api_key.id).await), "api_key.unknown");
        assert_eq!(code(keys.revoke_key(&world.ctx(&bob), issued.api_key.id).await), "api_key.unknown");
        assert_eq!(keys.key(&world.ctx(&ada), issued.api_key.id).await.unwrap().prefix, issued.api_key.prefix);
    }

    async fn what_is_no_good_key_is_refused(world: World) {
        let ada = world.person("ada").await;
        let keys = &*world.store.api_keys;
        let expires_at = world.now().plus(Duration::from_secs(60));
        let issued = keys.create_key(&world.ctx(&ada), bot(Some(expires_at))).await.unwrap();
        let other = keys.create_key(&world.ctx(&ada), bot(None)).await.unwrap();
        assert_eq!(check(keys, secret(&issued), world.now()).await, "ok");
        for wrong in ["", "clw_", &issued.api_key.prefix, &secret(&issued)[1..], &secret(&issued)[..75]] {
            assert_eq!(check(keys, wrong, world.now()).await, "api_key.invalid", "{wrong}");
        }
        // A well-formed key that never existed.
        let (never, _) = clowder_infra::api_keys::mint(Id::new(world.now())).unwrap();
        assert_eq!(check(keys, &never, world.now()).await, "api_key.invalid");
        // An existing key with another one's secret.
        let (forged, _) = clowder_infra::api_keys::mint(other.api_key.id).unwrap();
        assert_eq!(check(keys, &forged, world.now()).await, "api_key.invalid");
        world.wait(Duration::from_secs(60));
        assert_eq!(check(keys, secret(&issued), world.now()).await, "api_key.expired");
        assert_eq!(check(keys, secret(&other), world.now()).await, "ok");
        let past = keys.create_key(&world.ctx(&ada), bot(Some(expires_at))).await;
        assert!(matches!(past, Err(Error::Invalid(errors)) if errors[0].pointer == "/expires_at"));
    }

    async fn a_revoked_key_is_worth_nothing_on_any_node(world: World) {
        let ada = world.person("ada").await;
        let other = world.another_node().await;
        let (_here, mut there) = (world.store.follow().await.unwrap(), other.follow().await.unwrap());
        let issued = world.store.api_keys.create_key(&world.ctx(&ada), bot(None)).await.unwrap();
        assert_eq!(&*there.next().await.unwrap().name, "api_key.created");
        for store in [&world.store, &other] {
            assert!(store.api_keys.recall_key(secret(&issued), world.now()).is_none(), "not asked for yet");
            assert_eq!(check(&*store.api_keys, secret(&issued), world.now()).await, "ok");
            assert!(store.api_keys.recall_key(secret(&issued), world.now()).is_some_and(|known| known.is_ok()));
        }
        world.names().await;
        world.store.api_keys.revoke_key(&world.ctx(&ada), issued.api_key.id).await.unwrap();
        assert_eq!(world.names().await, ["api_key.revoked"]);
        assert_eq!(check(&*world.store.api_keys, secret(&issued), world.now()).await, "api_key.invalid");
        assert_eq!(&*there.next().await.unwrap().name, "api_key.revoked");
        assert!(other.api_keys.is_revoked(issued.api_key.id));
        assert_eq!(check(&*other.api_keys, secret(&issued), world.now()).await, "api_key.invalid");
        let restarted = world.another_node().await;
        assert_eq!(check(&*restarted.api_keys, secret(&issued), world.now()).await, "api_key.invalid");
        let again = world.store.api_keys.revoke_key(&world.ctx(&ada), issued.api_key.id).await;
        assert_eq!(code(again), "api_key.unknown");
    }

    async fn only_whoever_is_still_here_makes_one(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let other = world.another_node().await;
        world.store.accounts.logout(&world.ctx(&ada)).await.unwrap();
        let by_an_ended_session = other.api_keys.create_key(&world.ctx(&ada), bot(None)).await;
        assert_eq!(code(by_an_ended_session), "session.ended", "though this node has not heard of it");
        let again = Input::from_json(json!({"password": "correct horse"})).unwrap();
        assert_eq!(code(other.two_factor.reauthenticate(&world.ctx(&ada), again).await), "session.ended");
        world.meddle("UPDATE users SET deleted_at = created_at WHERE username = 'bob'").unwrap();
        assert_eq!(code(other.api_keys.create_key(&world.ctx(&bob), bot(None)).await), "session.ended");
    }

    async fn nothing_is_kept_while_nobody_follows(world: World) {
        let ada = world.person("ada").await;
        let keys = &*world.store.api_keys;
        let issued = keys.create_key(&world.ctx(&ada), bot(None)).await.unwrap();
        assert_eq!(check(keys, secret(&issued), world.now()).await, "ok");
        assert!(keys.recall_key(secret(&issued), world.now()).is_none());
        let following = world.store.follow().await.unwrap();
        assert_eq!(check(keys, secret(&issued), world.now()).await, "ok");
        assert!(keys.recall_key(secret(&issued), world.now()).is_some());
        drop(following);
        assert!(keys.recall_key(secret(&issued), world.now()).is_none());
    }

    async fn of_keys_made_at_once_no_more_than_allowed_come_into_being(world: World) {
        let ada = world.person("ada").await;
        let tries = (0..MOST + 6).map(|_| {
            let (world, ctx) = (world.clone(), world.ctx(&ada));
            tokio::spawn(async move { world.store.api_keys.create_key(&ctx, bot(None)).await })
        });
        let mut made = 0;
        for result in tries.collect::<Vec<_>>() {
            match result.await.unwrap() {
                Ok(_) => made += 1,
                refused => assert_eq!(code(refused), "api_key.limit"),
            }
        }
        assert_eq!(made, MOST);
        assert_eq!(world.store.api_keys.keys(&world.ctx(&ada), PageRequest::default()).await.unwrap().items.len() as i64, MOST);
    }

    async fn a_repeated_creation_makes_no_other_key_and_shows_none(world: World) {
        let ada = world.person("ada").await;
        let call = || Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.ctx(&ada) };
        let first = world.store.api_keys.create_key(&call(), bot(None)).await.unwrap();
        let second = world.store.api_keys.create_key(&call(), bot(None)).await.unwrap();
        assert_eq!(first.api_key.id, second.api_key.id);
        assert_eq!((first.key.is_some(), second.key), (true, None), "nobody kept it");
        assert_eq!(world.store.api_keys.keys(&world.ctx(&ada), PageRequest::default()).await.unwrap().items.len(), 1);
    }

    async fn its_use_is_noted_to_the_minute(world: World) {
        let ada = world.person("ada").await;
        let other = world.another_node().await;
        let keys = &*world.store.api_keys;
        let issued = keys.create_key(&world.ctx(&ada), bot(None)).await.unwrap();
        let noted = async || keys.key(&world.ctx(&ada), issued.api_key.id).await.unwrap().last_used_at;
        // It is recorded after the answer, by a task that nobody can wait for.
        let noted_at = async |at: Timestamp| {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            for _ in 0..2_000 {
                if noted().await == Some(at) {
                    return;
                }
                tick.tick().await;
            }
            panic!("never noted");
        };
        assert_eq!(noted().await, None);
        let first = world.now();
        keys.check_key(secret(&issued), first).await.unwrap();
        noted_at(first).await;
        other.api_keys.check_key(secret(&issued), world.now()).await.unwrap();
        world.wait(Duration::from_secs(60));
        let second = world.now();
        keys.check_key(secret(&issued), second).await.unwrap();
        noted_at(second).await;
    }

    async fn a_key_has_the_role_of_its_owner_and_no_more(world: World) {
        let ada = world.person("ada").await;
        let staff = json!({"name": "bot", "scopes": ["admin:read"]});
        let new = || NewApiKey::from_json(staff.clone()).unwrap();
        let keys = &world.store.api_keys;
        let refused = keys.create_key(&world.ctx(&ada), new()).await;
        assert!(matches!(refused, Err(Error::Invalid(errors)) if errors[0].pointer == "/scopes"));
        let system = || Ctx::new(Actor::System, world.now(), "test");
        world.store.staff.set_role(&system(), ada.id, Role::Moderator).await.unwrap();
        let issued = keys.create_key(&world.ctx(&ada), new()).await.unwrap();
        let role = async || match keys.check_key(secret(&issued), world.now()).await.unwrap().actor {
            Actor::User { role, .. } => role,
            other => panic!("{other:?}"),
        };
        assert_eq!(role().await, Role::Moderator);
        world.store.staff.set_role(&system(), ada.id, Role::User).await.unwrap();
        assert_eq!(role().await, Role::User);
    }
}
