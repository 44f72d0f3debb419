//! The guarantees of `Profiles`, `Accounts` and `Staff` about changed usernames and about badges.

use std::time::Duration;

use clowder_accounts::{
    AuditFilter, AuditRecord, Login, Username,
    badges::{Badge, BadgeStep},
    model::{Imported, NewImport},
    profiles::{Shown, UserPatch},
    usernames::{AGAIN_AFTER, KEPT_FOR},
};
use clowder_core::{Error, Field, Input, PageRequest, Result, Role};
use serde_json::{Value, json};

use super::{edit, found};
use crate::world::{PASSWORD, Person, World, account_called, code, on_both};

fn username(name: &str) -> Username {
    Username::parse(json!(name)).unwrap()
}

async fn rename(world: &World, person: &Person, to: &str) -> Result<Shown> {
    let patch = UserPatch::from_json(json!({"username": to})).unwrap();
    world.store.profiles.edit_user(&world.ctx(person), person.id, None, patch).await
}

/// The present username of whoever is found by this one.
async fn named(world: &World, viewer: &Person, name: &str) -> Result<String> {
    Ok(world.store.profiles.user_named(&world.ctx(viewer), &username(name)).await?.user.username)
}

async fn register(world: &World, name: &str) -> Result<()> {
    world.store.accounts.register(&world.nobody(), account_called(name)).await.map(drop)
}

/// What the audit log says of an action, the newest first.
pub async fn audited(world: &World, action: &str) -> Vec<AuditRecord> {
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    world.store.audit.records(&world.system(), filter, PageRequest::default()).await.unwrap().items
}

on_both! {
    async fn a_username_changes_and_the_one_before_is_kept(world: World) {
        let [ada, bob] = world.people(["ada.l", "bob"]).await;
        let before = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap();
        let after = rename(&world, &ada, "Countess").await.unwrap();
        assert_eq!((after.user.username.as_str(), after.user.display_name.as_str()), ("Countess", "ada.l"));
        assert_eq!(world.names().await, ["user.updated"]);
        let seen = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap();
        assert_ne!(seen.tag(), before.tag(), "who has it gets it anew");
        let told = audited(&world, "username.changed").await;
        assert_eq!(told[0].before, Some(json!({"username": "ada.l"})));
        assert_eq!(told[0].after, Some(json!({"username": "Countess"})));
        assert!(audited(&world, "profile.changed").await.is_empty(), "nothing else was changed");
        rename(&world, &ada, "Countess").await.unwrap();
        assert!(world.names().await.is_empty(), "what changes nothing is no change");

        // She signs in with the new name only, and is found by both.
        let login = |name: &str| Login::from_json(json!({"username": name, "password": PASSWORD})).unwrap();
        world.store.accounts.login(&world.nobody(), login("countess")).await.unwrap();
        assert_eq!(code(world.store.accounts.login(&world.nobody(), login("ada.l")).await), "credentials.invalid");
        for name in ["Countess", "countess", "ada.l", "ADA.L"] {
            assert_eq!(named(&world, &bob, name).await.unwrap(), "Countess", "{name}");
        }
        assert_eq!(found(&world, &bob, "countess").await, ["Countess"]);
        // What only looks like the name before leads to nobody.
        for name in ["аda.l", "ada.1", "adа.l"] {
            assert_eq!(code(named(&world, &bob, name).await), "user.unknown", "{name}");
        }
        // Nobody else gets either of them, or what looks like them.
        for name in ["ada.l", "ADA.L", "аda.l", "countess", "Сountess"] {
            assert_eq!(code(register(&world, name).await), "username.taken", "{name}");
            assert_eq!(code(rename(&world, &bob, name).await), "username.taken", "{name}");
        }
        assert_eq!(code(rename(&world, &bob, "Admin").await), "username.reserved");
        assert_eq!(code(named(&world, &bob, "nobody").await), "user.unknown");

        world.wait(KEPT_FOR - Duration::from_secs(1));
        assert_eq!(code(register(&world, "ada.l").await), "username.taken");
        world.wait(Duration::from_secs(1));
        assert_eq!(code(named(&world, &bob, "ada.l").await), "user.unknown");
        rename(&world, &bob, "ada.l").await.unwrap();
        assert_eq!(named(&world, &ada, "ada.l").await.unwrap(), "ada.l");
        assert_eq!(named(&world, &ada, "bob").await.unwrap(), "ada.l", "his own name before");
    }

    async fn a_username_changes_once_in_a_while(world: World) {
        let [ada, bob] = world.people(["adal", "bob"]).await;
        let before = world.now();
        rename(&world, &ada, "countess").await.unwrap();
        let changed = before..world.now();
        world.names().await;
        world.wait(AGAIN_AFTER - Duration::from_secs(1));
        match rename(&world, &ada, "lovelace").await {
            Err(Error::TooEarly { refusal, until }) => {
                assert_eq!(refusal.code, "username.too_soon");
                assert!(changed.contains(&until.minus(AGAIN_AFTER)), "{until:?}");
            }
            other => panic!("{other:?}"),
        }
        assert!(world.names().await.is_empty(), "a refusal writes nothing");
        edit(&world, &ada, json!({"username": "countess", "bio": "me"})).await;
        assert_eq!(world.names().await, ["user.updated"], "the same name is none that is changed");
        world.wait(Duration::from_secs(1));
        rename(&world, &ada, "Countess").await.unwrap();
        assert_eq!(code(rename(&world, &ada, "countess").await), "username.too_soon", "case counts");
        assert_eq!(code(named(&world, &bob, "adal").await), "user.unknown");
        // Back to what nobody has taken since.
        world.wait(AGAIN_AFTER);
        rename(&world, &ada, "adal").await.unwrap();
        assert_eq!(named(&world, &bob, "countess").await.unwrap(), "adal");
        world.wait(AGAIN_AFTER - Duration::from_secs(60));
        assert_eq!(named(&world, &bob, "countess").await.unwrap(), "adal");
    }

    async fn who_returns_to_a_kept_name_has_it_for_good(world: World) {
        let [ada, bob] = world.people(["adal", "bob"]).await;
        let root = world.with_role("rita", Role::Admin).await;
        for name in ["countess", "adal"] {
            let patch = UserPatch::from_json(json!({"username": name, "reason": "asked for it"})).unwrap();
            world.store.profiles.edit_user(&world.ctx(&root), ada.id, None, patch).await.unwrap();
        }
        world.wait(KEPT_FOR);
        assert_eq!(code(rename(&world, &bob, "adal").await), "username.taken");
        rename(&world, &bob, "countess").await.unwrap();
        assert_eq!(named(&world, &bob, "adal").await.unwrap(), "adal");
    }

    async fn administrators_change_names_with_a_reason_and_without_a_pause(world: World) {
        let [ada, bob] = world.people(["adal", "bob"]).await;
        let root = world.with_role("rita", Role::Admin).await;
        let by = async |person: &Person, patch: Value| {
            let patch = UserPatch::from_json(patch).unwrap();
            world.store.profiles.edit_user(&world.ctx(person), ada.id, None, patch).await
        };
        assert_eq!(code(by(&bob, json!({"username": "mine", "reason": "x"})).await), "permission.denied");
        for name in ["renamed-one", "renamed-two"] {
            let patch = json!({"username": name, "bio": name, "reason": "an insult"});
            assert_eq!(by(&root, patch).await.unwrap().user.username, name);
            assert_eq!(world.names().await, ["user.updated"]);
        }
        let told = audited(&world, "username.changed").await;
        assert_eq!(told[0].after, Some(json!({"username": "renamed-two", "reason": "an insult"})));
        let edited = audited(&world, "profile.edited").await;
        assert_eq!(edited[0].after.as_ref().unwrap()["profile"]["username"], Value::Null, "told once");
        assert_eq!(code(by(&root, json!({"username": "bob", "reason": "x"})).await), "username.taken");
        by(&root, json!({"username": "renamed"})).await.unwrap();
        let told = audited(&world, "username.changed").await;
        assert_eq!(told[0].after, Some(json!({"username": "renamed"})), "there is an entry without a reason, too");
        // She cannot take the name back at once.
        assert_eq!(code(rename(&world, &ada, "adal").await), "username.too_soon");
    }

    async fn a_name_shows_nothing_that_its_owner_hides(world: World) {
        let [ada, bob] = world.people(["adal", "bob"]).await;
        rename(&world, &ada, "countess").await.unwrap();
        edit(&world, &ada, json!({"visibility": "friends", "bio": "hidden"})).await;
        for name in ["adal", "countess"] {
            let shown = world.store.profiles.user_named(&world.ctx(&bob), &username(name)).await.unwrap();
            assert_eq!((shown.user.username.as_str(), shown.user.bio), ("countess", None));
        }
        edit(&world, &ada, json!({"visibility": "private"})).await;
        for name in ["adal", "countess", "made-up"] {
            assert_eq!(code(named(&world, &bob, name).await), "user.unknown", "{name}");
        }
        assert_eq!(named(&world, &ada, "adal").await.unwrap(), "countess");
    }

    async fn the_journal_forgets_the_name_before(world: World) {
        let ada = world.person("adal").await;
        edit(&world, &ada, json!({"bio": "me"})).await;
        rename(&world, &ada, "countess").await.unwrap();
        let updates = world.everything().await.into_iter().filter(|change| &*change.name == "user.updated");
        let updates: Vec<_> = updates.map(|change| change.data.get().to_owned()).collect();
        assert_eq!(updates.len(), 2);
        assert!(updates.iter().all(|told| told.contains("\"countess\"")), "{updates:?}");
    }

    async fn of_many_that_want_a_name_one_gets_it(world: World) {
        let people = world.people(["ann", "ben", "cem", "dia"]).await;
        let tries = people.into_iter().zip(["alice", "aIice", "Alice", "a1ice"]).map(|(person, name)| {
            let world = world.clone();
            tokio::spawn(async move { rename(&world, &person, name).await.map(drop) })
        });
        let registering = ["ALICE", "alice"].map(|name| {
            let world = world.clone();
            tokio::spawn(async move { register(&world, name).await })
        });
        let mut won = 0;
        for result in tries.chain(registering).collect::<Vec<_>>() {
            match result.await.unwrap() {
                Ok(()) => won += 1,
                refused => assert_eq!(code(refused), "username.taken"),
            }
        }
        assert_eq!(won, 1);
    }

    /// A node that opens the database renews claims, but not those of names that are only kept.
    async fn a_kept_name_ends_after_a_restart_too(world: World) {
        let [ada, bob] = world.people(["adal", "bob"]).await;
        rename(&world, &ada, "countess").await.unwrap();
        world.meddle("UPDATE username_claims SET version = 1").unwrap();
        drop(world.another_node().await);
        assert_eq!(code(rename(&world, &bob, "adal").await), "username.taken");
        world.wait(KEPT_FOR);
        assert_eq!(code(rename(&world, &bob, "countess").await), "username.taken");
        rename(&world, &bob, "adal").await.unwrap();
    }

    async fn a_second_import_finds_who_has_changed_since(world: World) {
        let import = async |name: &str, email: &str| {
            let hash = "pbkdf2_sha256$1000$seasalt2$CyPDFwPidlBqxNgJJqNSMGuJ5rsdFklnTF1oObL5ZzA=";
            let new = json!({"username": name, "email": email, "password_hash": hash});
            let imported = world.store.sign_ups.import(&world.nobody(), vec![NewImport::from_json(new).unwrap()]).await;
            imported.unwrap().remove(0)
        };
        assert!(matches!(import("adal", "ada@example.org").await, Imported::Made));
        let root = world.with_role("rita", Role::Admin).await;
        let ada = world.store.profiles.user_named(&world.ctx(&root), &username("adal")).await.unwrap().user.id;
        let patch = UserPatch::from_json(json!({"username": "countess", "reason": "asked for it"})).unwrap();
        world.store.profiles.edit_user(&world.ctx(&root), ada, None, patch).await.unwrap();
        for wait in [Duration::ZERO, KEPT_FOR] {
            world.wait(wait);
            assert!(matches!(import("adal", "ADA@example.org").await, Imported::WasHere));
        }
        world.meddle("UPDATE users SET email = 'a@b.example', email_key = 'a@b.example' WHERE username = 'countess'").unwrap();
        assert!(matches!(import("adal", "ada@example.org").await, Imported::WasHere), "with another address, too");
        assert!(matches!(import("countess", "ada@example.org").await, Imported::Refused(_)), "that is somebody else");
        assert!(matches!(import("adal", "other@example.org").await, Imported::Made), "and so is this");
    }

    async fn badges_are_given_and_taken(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let root = world.with_role("rita", Role::Admin).await;
        let set = async |by: &Person, whom: &Person, step, badge: &str| {
            let badge = Badge::parse(json!(badge)).unwrap();
            world.store.staff.set_badge(&world.ctx(by), whom.id, step, badge).await.map(|account| account.badges)
        };
        let before = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap();
        assert_eq!(before.user.badges, Some(Vec::new()));
        assert_eq!(set(&root, &ada, BadgeStep::Give, "founder").await.unwrap(), ["founder"]);
        assert_eq!(world.names().await, ["user.updated"]);
        assert_eq!(set(&root, &ada, BadgeStep::Give, "founder").await.unwrap(), ["founder"]);
        assert!(world.names().await.is_empty(), "the same again changes nothing");
        let seen = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap();
        assert_eq!(seen.user.badges, Some(vec!["founder".to_owned()]));
        assert_ne!(seen.tag(), before.tag());
        assert_eq!(code(set(&root, &root, BadgeStep::Give, "founder").await), "user.outranked");
        assert_eq!(code(set(&bob, &ada, BadgeStep::Give, "friend").await), "user.outranked");
        for n in 1..10 {
            set(&root, &ada, BadgeStep::Give, &format!("b{n}")).await.unwrap();
        }
        assert_eq!(code(set(&root, &ada, BadgeStep::Give, "one-more").await), "badge.limit");
        set(&root, &ada, BadgeStep::Take, "founder").await.unwrap();
        let told = audited(&world, "badge.taken").await;
        assert_eq!(told[0].after.as_ref().unwrap()["badges"].as_array().unwrap().len(), 9);
        edit(&world, &ada, json!({"visibility": "friends"})).await;
        let card = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap();
        assert_eq!(card.user.badges, None, "no part of the card");
    }
}

/// Only PostgreSQL has several writers at a time.
mod postgres_alone {
    use clowder_accounts::sign_up::Mode;

    use super::*;
    use crate::sign_ups;

    /// A sign-up that waits, and somebody who changes their name, want the same one at the same instant.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_name_is_given_or_reserved_but_not_both() {
        let world = World::postgres().await;
        let bob = world.person("bob").await;
        let node = sign_ups::node(&world, Mode::Approval, true).await;
        let mut other = world.transaction();
        // The sign-up has looked whether the name is free, and has not reserved it yet.
        other.run("LOCK TABLE sign_up_claims IN SHARE MODE");
        let waiting = {
            let world = world.clone();
            tokio::spawn(async move { sign_ups::register(&world, &node, "alice", None).await.map(drop) })
        };
        world.until_somebody_waits().await;
        let renaming = {
            let world = world.clone();
            tokio::spawn(async move { rename(&world, &bob, "aIice").await.map(drop) })
        };
        let waits = "SELECT count(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while !renaming.is_finished() && world.number(waits) < 2 {
            tick.tick().await;
        }
        drop(other);
        waiting.await.unwrap().unwrap();
        assert_eq!(code(renaming.await.unwrap()), "username.taken");
    }
}
