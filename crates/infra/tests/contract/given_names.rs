//! Which names accounts may get: none of pending sign-ups, and reserved ones only from the operator.

use std::time::Duration;

use clowder_accounts::{
    NewAccount,
    model::{Imported, NewImport},
    refusals::{USERNAME_AWAITED, USERNAME_RESERVED, USERNAME_TAKEN},
    sign_up::Mode,
};
use clowder_core::{Input, Role};
use serde_json::json;

use crate::{
    sign_ups::{new, node, register},
    world::{World, code, on_both},
};

on_both! {
    async fn a_name_that_somebody_waits_with_is_not_given_to_another(world: World) {
        let store = node(&world, Mode::Open, false).await;
        register(&world, &store, "Вob", None).await.unwrap();
        let hash = "pbkdf2_sha256$1000$seasalt2$CyPDFwPidlBqxNgJJqNSMGuJ5rsdFklnTF1oObL5ZzA=";
        let import = async |name: &str| {
            let new = json!({"username": name, "email": format!("{name}@old.example"), "password_hash": hash});
            let imported = store.sign_ups.import(&world.nobody(), vec![NewImport::from_json(new).unwrap()]).await;
            imported.unwrap()[0]
        };
        let create = async |name: &str| store.staff.create_account(&world.system(), new(name, None), Role::User).await;
        assert_eq!(code(create("bob").await), "username.awaited");
        assert_eq!(import("bob").await, Imported::Refused(USERNAME_AWAITED.title));
        world.wait(Duration::from_secs(24 * 3600 + 60));
        create("bob").await.unwrap();
        assert_eq!(import("b0b").await, Imported::Refused(USERNAME_TAKEN.title));
    }

    async fn reserved_names_are_the_operators_to_give(world: World) {
        for store in [node(&world, Mode::Open, true).await, node(&world, Mode::Open, false).await] {
            for name in ["Adm1n", "support", "deleted-3f0c8a8f2d10"] {
                assert_eq!(code(register(&world, &store, name, None).await), "username.reserved", "{name}");
            }
        }
        let create = async |name: &str| {
            let new = json!({"username": name, "email": format!("{name}@example.org"), "password": "correct horse"});
            let new = NewAccount::from_json(new).unwrap();
            world.store.staff.create_account(&world.system(), new, Role::User).await
        };
        create("support").await.unwrap();
        assert_eq!(code(create("deleted-3f0c8a8f2d10").await), "username.reserved");
        let import = |name: &str| {
            let hash = "pbkdf2_sha256$1000$seasalt2$CyPDFwPidlBqxNgJJqNSMGuJ5rsdFklnTF1oObL5ZzA=";
            let new = json!({"username": name, "email": format!("{name}@old.example"), "password_hash": hash});
            NewImport::from_json(new).unwrap()
        };
        let people = vec![import("help"), import("deleted-1")];
        let imported = world.store.sign_ups.import(&world.nobody(), people).await.unwrap();
        assert_eq!(imported, [Imported::Made, Imported::Refused(USERNAME_RESERVED.title)]);
    }

    async fn waiting_names_that_an_older_rule_claimed_are_claimed_anew(world: World) {
        let store = node(&world, Mode::Open, false).await;
        register(&world, &store, "idris", None).await.unwrap();
        world.meddle("DELETE FROM sign_up_claims").unwrap();
        world
            .meddle("INSERT INTO sign_up_claims (skeleton, sign_up_id) SELECT 'idris', id FROM sign_ups")
            .unwrap();
        let store = node(&world, Mode::Open, false).await;
        assert_eq!(code(register(&world, &store, "lDRlS", None).await), "username.taken");
    }
}
