//! Guessing gets slower, and what is known of a password gets better with each sign-in.

use std::time::Duration;

use clowder_accounts::{
    Login, RefreshToken,
    model::{ChangePassword, NewImport},
};
use clowder_core::{Ctx, Input};
use clowder_infra::{DatabaseUrl, Options, Store};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text};
use serde_json::json;

use crate::{
    credentials::{DAY, NEW, OLD, change_email, change_password, letters, login, login_as, wait_of},
    world::{World, code, on_both},
};

/// Somebody at an address.
fn from(world: &World, address: &str) -> Ctx {
    let mut ctx = world.nobody();
    ctx.origin.address = Some(address.parse().unwrap());
    ctx
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    password: String,
}

fn stored_password(world: &World) -> String {
    let query = sql_query("SELECT password FROM users");
    let rows: Vec<Stored> = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.load(&mut PgConnection::establish(url).unwrap()).unwrap(),
        DatabaseUrl::Sqlite(path) => {
            query.load(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap()).unwrap()
        }
    };
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().unwrap().password
}

on_both! {
    async fn guessing_gets_slower_and_is_forgotten(world: World) {
        world.register("ada").await;
        let guess = async |from_: &str| login_as(&world, &from(&world, from_), "ada", "wrong horse").await;
        let right = async |from_: &str| login_as(&world, &from(&world, from_), "ada", OLD).await;
        for _ in 0..5 {
            assert_eq!(code(guess("192.0.2.1").await), "credentials.invalid");
        }
        for wait in [1, 2, 4, 8, 16] {
            assert_eq!(wait_of(guess("192.0.2.1").await), wait);
            assert_eq!(wait_of(right("192.0.2.1").await), wait, "the right one has to wait as well");
            world.wait(Duration::from_secs(wait));
            assert_eq!(code(guess("192.0.2.1").await), "credentials.invalid");
        }
        right("192.0.2.2").await.unwrap();
        world.wait(Duration::from_secs(3600));
        assert_eq!(code(guess("192.0.2.1").await), "credentials.invalid", "an hour later it begins anew");
        right("192.0.2.1").await.unwrap();
    }

    async fn a_success_clears_the_failures_of_the_account(world: World) {
        world.register("ada").await;
        for _ in 0..3 {
            for _ in 0..5 {
                assert_eq!(code(login(&world, "ada", "wrong horse").await), "credentials.invalid");
            }
            world.wait(Duration::from_secs(1));
            login(&world, "ada", OLD).await.unwrap();
        }
    }

    async fn strangers_do_not_lock_the_owner_out(world: World) {
        world.register("ada").await;
        login_as(&world, &from(&world, "192.0.2.1"), "ada", OLD).await.unwrap();
        for guesser in 1..=25 {
            let ctx = from(&world, &format!("198.51.100.{guesser}"));
            let _ = login_as(&world, &ctx, "ada", "wrong horse").await;
        }
        assert!(wait_of(login_as(&world, &from(&world, "203.0.113.9"), "ada", OLD).await) >= 1, "a strange address waits");
        login_as(&world, &from(&world, "192.0.2.1"), "ada", OLD).await.unwrap();
    }

    async fn guessing_at_many_accounts_from_one_address_gets_slower_too(world: World) {
        world.register("ada").await;
        for i in 0..50 {
            let guess = login_as(&world, &from(&world, "192.0.2.1"), &format!("user{i}"), "wrong horse").await;
            assert_eq!(code(guess), "credentials.invalid");
        }
        let own = login_as(&world, &from(&world, "192.0.2.1"), "ada", OLD).await;
        assert_eq!(wait_of(own), 1);
        login_as(&world, &from(&world, "192.0.2.2"), "ada", OLD).await.unwrap();
    }

    async fn the_present_password_is_not_guessed_through_the_back_door(world: World) {
        let ada = world.person("ada").await;
        for _ in 0..5 {
            assert_eq!(code(change_password(&world, &ada, "wrong horse", NEW).await), "password.wrong");
        }
        assert_eq!(wait_of(change_password(&world, &ada, OLD, NEW).await), 1);
        assert_eq!(wait_of(change_email(&world, &ada, "ada@new.example", OLD).await), 1);
        world.wait(Duration::from_secs(1));
        change_password(&world, &ada, OLD, NEW).await.unwrap();
        assert_eq!(code(change_password(&world, &ada, OLD, NEW).await), "password.wrong", "the success cleared them");
    }

    async fn guesses_that_come_at_once_count_for_the_one_that_is_right(world: World) {
        let ada = world.person("ada").await;
        letters(&world).await;
        let tries: Vec<_> = (0..40)
            .map(|i| {
                let (world, ctx) = (world.clone(), world.ctx(&ada));
                let password = if i == 39 { OLD.to_owned() } else { format!("wrong horse {i}") };
                let change = json!({"current_password": password, "new_password": NEW});
                let change = ChangePassword::from_json(change).unwrap();
                tokio::spawn(async move { world.store.credentials.change_password(&ctx, change).await })
            })
            .collect();
        for tried in tries {
            assert!(tried.await.unwrap().is_err());
        }
    }

    async fn no_session_lasts_for_ever(world: World) {
        let mut signed_in = world.register("ada").await;
        let refresh = async |token: &str| {
            world.store.accounts.refresh(&world.nobody(), RefreshToken::new(token.to_owned())).await
        };
        for _ in 0..8 {
            world.wait(20 * DAY);
            signed_in = refresh(&signed_in.refresh).await.unwrap();
        }
        world.wait(19 * DAY);
        let last = refresh(&signed_in.refresh).await.unwrap();
        world.wait(2 * DAY);
        assert_eq!(code(refresh(&last.refresh).await), "token.expired", "180 days after it began");
        let idle = login(&world, "ada", OLD).await.unwrap();
        world.wait(31 * DAY);
        assert_eq!(code(refresh(&idle.refresh).await), "token.expired", "30 days without use");
    }

    async fn old_hashes_are_made_anew_at_login(world: World) {
        world.register("ada").await;
        let before = stored_password(&world);
        login(&world, "ada", OLD).await.unwrap();
        assert_eq!(stored_password(&world), before, "what is fresh stays");
        let options = Options { bcrypt_cost: 5, ..world.options.clone() };
        let dearer = Store::open(options, world.now()).await.unwrap();
        let login_there = async |password: &str| {
            let login = Login::from_json(json!({"username": "ada", "password": password})).unwrap();
            dearer.accounts.login(&world.nobody(), login).await
        };
        assert_eq!(code(login_there("wrong horse").await), "credentials.invalid");
        assert_eq!(stored_password(&world), before, "who guesses changes nothing");
        login_there(OLD).await.unwrap();
        let after = stored_password(&world);
        assert!(after.starts_with("$2b$05$"), "{after}");
        login_there(OLD).await.unwrap();
        assert_eq!(stored_password(&world), after);
    }

    async fn who_comes_from_another_system_keeps_the_password(world: World) {
        let django = "pbkdf2_sha256$1000$seasalt2$CyPDFwPidlBqxNgJJqNSMGuJ5rsdFklnTF1oObL5ZzA=";
        let new = json!({"username": "ada", "email": "ada@example.org", "password_hash": django});
        world.store.sign_ups.import(&world.nobody(), vec![NewImport::from_json(new).unwrap()]).await.unwrap();
        assert_eq!(stored_password(&world), django);
        assert_eq!(code(login(&world, "ada", "correct horse bettery").await), "credentials.invalid");
        login(&world, "ada", "correct horse béttery").await.unwrap();
        assert!(stored_password(&world).starts_with("$2b$04$"));
        login(&world, "ada", "correct horse béttery").await.unwrap();
        assert_eq!(code(login(&world, "ada", "correct horse bettery").await), "credentials.invalid");
    }
}
