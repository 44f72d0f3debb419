//! The guarantees of field encryption: no secret in a dump, rotation without loss, permanent erasure.

pub mod domain;

use std::net::IpAddr;

use clowder_accounts::{AuditFilter, AuditRecord, Login, ProfilePatch};
use clowder_core::{Actor, Ctx, Id, Input, Origin, PageRequest, Role, Via};
use clowder_infra::{
    Store,
    seal::{USER_KEY, Under, columns},
};
use serde_json::json;

use crate::world::{World, account, code, on_both};

pub const OLD: &str = "2026-10/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub const NEW: &str = "2026-11/IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

fn from(ctx: Ctx, address: &str, agent: &str) -> Ctx {
    let address: IpAddr = address.parse().unwrap();
    Ctx { origin: Origin { address: Some(address), agent: Some(agent.into()) }, ..ctx }
}

/// Re-encrypts everything, in as many steps as it takes; returns how many values changed.
pub async fn rotate(store: &Store) -> usize {
    let mut resealed = 0;
    for column in columns().into_iter().filter(|column| column.under == Under::Ring) {
        let mut after = None;
        loop {
            let piece = store.sealing.rotate(column, after).await.unwrap();
            assert_eq!(piece.faults, Vec::<String>::new());
            resealed += piece.resealed;
            after = piece.next;
            if after.is_none() {
                break;
            }
        }
    }
    resealed
}

/// Key, count and number of undecryptable values under the ring.
async fn held(store: &Store) -> Vec<(String, u64, u64)> {
    let mut all = Vec::new();
    for column in columns().into_iter().filter(|column| column.under == Under::Ring) {
        let held = store.sealing.held(column).await.unwrap();
        all.extend(held.into_iter().map(|held| (held.key.unwrap(), held.count, held.lost)));
    }
    all
}

on_both! {
    async fn a_dump_shows_no_secret(world: World) {
        let ada = world.register("ada").await;
        let guess = Login::from_json(json!({"username": "ada", "password": "peculiar guess"})).unwrap();
        let nobody = from(world.nobody(), "203.0.113.77", "PeculiarAgent/1.0");
        assert_eq!(code(world.store.accounts.login(&nobody, guess).await), "credentials.invalid");
        let wrong = Login::from_json(json!({"username": "unheard-of", "password": "peculiar guess"})).unwrap();
        assert_eq!(code(world.store.accounts.login(&nobody, wrong).await), "credentials.invalid");
        let seen = world.store.audit.security(&world.by(&ada.access), PageRequest::default()).await.unwrap();
        assert_eq!((seen.items[0].address.as_deref(), seen.items[0].agent.as_deref()),
            (Some("203.0.113.77"), Some("PeculiarAgent/1.0")), "it is there, and can be opened");
        assert!(world.holds(b"ada@example.org"), "the dump shows what is not sealed");
        for secret in ["203.0.113.77", "PeculiarAgent/1.0", "peculiar guess", "credentials.invalid", "unheard-of", "correct horse"] {
            assert!(!world.holds(secret.as_bytes()), "{secret} stands in the database");
        }
    }

    async fn keys_rotate_beside_a_running_server(world: World) {
        for number in 0..450 {
            // Written straight to the log, because hashing that many passwords would be slow.
            let user = clowder_core::Id::new(world.now());
            let by = Actor::User { id: user, via: Via::Session(Id::new(world.now())), role: Role::User };
            let filter = AuditFilter { action: Some(format!("number.{number}")), ..AuditFilter::default() };
            world.store.audit.begin_export(&Ctx::new(by, world.now(), "test"), &filter).await.unwrap();
        }
        let before = held(&world.store).await;
        assert_eq!(before, [("secret-key".to_owned(), 450, 0)]);

        let rotating = world.node_with_keys(OLD).await;
        let (one, other) = tokio::join!(rotate(&rotating), rotate(&rotating));
        assert_eq!(one + other, 450, "each value once, also by two at a time");
        assert_eq!(held(&rotating).await, [("2026-10".to_owned(), 450, 0)]);
        assert_eq!(rotate(&rotating).await, 0, "a second run finds nothing to do");

        // A server that does not know the newest key yet continues with the older one meanwhile.
        let newest = world.node_with_keys(&format!("{NEW},{OLD}")).await;
        let writing = async {
            for number in 0..20 {
                let nobody = from(world.nobody(), "203.0.113.77", "x");
                rotating.accounts.register(&nobody, account(&format!("late{number}"))).await.unwrap();
            }
        };
        tokio::join!(writing, rotate(&newest));
        rotate(&newest).await;
        assert_eq!(held(&newest).await, [("2026-11".to_owned(), 470, 0)]);
        let all = newest.audit.export(&Default::default(), 0, 450, 1000).await.unwrap();
        let said = |record: &AuditRecord| record.after.as_ref().unwrap()["action"].clone();
        assert!(all.iter().enumerate().all(|(number, record)| said(record) == json!(format!("number.{number}"))));
    }

    async fn a_key_that_is_missing_is_told_and_nothing_is_lost(world: World) {
        let old = world.node_with_keys(OLD).await;
        let ada = old.accounts.register(&from(world.nobody(), "203.0.113.77", "x"), account("ada")).await.unwrap();
        let ada = ada.signed_in().unwrap();
        let ctx = world.by(&ada.access);
        // The ring of this node never had the key.
        assert_eq!(held(&world.store).await, [("2026-10".to_owned(), 1, 1)]);
        let events = world.store.audit.security(&ctx, PageRequest::default()).await.unwrap().items;
        assert!(events.len() == 2 && events.iter().all(|event| event.address.is_none()), "the rest is shown: {events:?}");
        let patch = ProfilePatch::from_json(json!({"bio": "hello"})).unwrap();
        let error = world.store.accounts.edit_me(&ctx, None, patch).await.unwrap_err().to_string();
        assert!(error.contains("`2026-10`") && error.contains("not in ENCRYPTION_KEYS"), "nothing is written unsealed: {error}");
        let piece = world.store.sealing.rotate(&USER_KEY, None).await.unwrap();
        assert_eq!((piece.resealed, piece.faults.len()), (0, 1), "rotation leaves it as it is, and says so");
        let other = world.node_with_keys(&OLD.replace("AAEC", "AAED")).await;
        assert_eq!(held(&other).await, [("2026-10".to_owned(), 1, 1)], "another key of that name");
        assert_eq!(old.audit.security(&ctx, PageRequest::default()).await.unwrap().items.len(), 2);
    }

    async fn a_shredded_key_takes_everything_with_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for person in [&ada, &bob] {
            let ctx = from(world.ctx(person), "203.0.113.77", "PeculiarAgent/1.0");
            let patch = ProfilePatch::from_json(json!({"bio": "hello"})).unwrap();
            world.store.accounts.edit_me(&ctx, None, patch).await.unwrap();
        }
        let shred = "DELETE FROM user_keys WHERE user_id IN (SELECT id FROM users WHERE username = 'ada')";
        assert_eq!(world.meddle(shred).unwrap(), 1);
        let newest = async |person| world.store.audit.security(&world.ctx(person), PageRequest::default()).await.unwrap().items.remove(0);
        let gone = newest(&ada).await;
        assert_eq!((gone.action.as_str(), gone.address, gone.agent, gone.before, gone.after),
            ("profile.changed", None, None, None, None));
        assert!(newest(&bob).await.address.is_some(), "others keep what is theirs");
        // A returning user gets another key, which does not decrypt the old values.
        let patch = ProfilePatch::from_json(json!({"bio": "back"})).unwrap();
        world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await.unwrap();
        let events = world.store.audit.security(&world.ctx(&ada), PageRequest::default()).await.unwrap().items;
        assert_eq!(events.iter().filter(|event| event.after.is_some()).count(), 1);
        assert!(held(&world.store).await.iter().all(|(.., lost)| *lost == 0));
        let head = world.store.audit.chain().await.unwrap().end;
        let walked = world.store.audit.verify(clowder_accounts::audit::Chained::start(), &head).await.unwrap();
        assert_ne!(walked, clowder_accounts::audit::Walked::Broken { position: 1 });
        crate::audit::whole(&world.store).await;
    }
}
