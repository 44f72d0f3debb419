//! Guessing gets slower, and the stored hash of a password is upgraded at sign-in.

use std::time::Duration;

use clowder_accounts::{
    Login, NewAccount, RefreshToken,
    model::{ChangePassword, NewImport, NewInvite, Proof},
    sign_up::{Mode, Rules},
};
use clowder_core::{Ctx, Error, Input, PageRequest};
use clowder_infra::DatabaseUrl;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;

use crate::{
    credentials::{DAY, NEW, OLD, change_email, change_password, login, login_as, wait_of},
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
    let passwords = stored_passwords(world);
    assert_eq!(passwords.len(), 1);
    passwords.into_iter().next().unwrap()
}

fn stored_passwords(world: &World) -> Vec<String> {
    let query = sql_query("SELECT password FROM users");
    let rows: Vec<Stored> = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.load(&mut PgConnection::establish(url).unwrap()).unwrap(),
        DatabaseUrl::Sqlite(path) => {
            query.load(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap()).unwrap()
        }
    };
    rows.into_iter().map(|row| row.password).collect()
}

on_both! {
    async fn guessing_gets_slower_and_is_forgotten(world: World) {
        world.register("ada").await;
        let guess = async |from_: &str| login_as(&world, &from(&world, from_), "ada", "wrong horse").await;
        let right = async |from_: &str| login_as(&world, &from(&world, from_), "ada", OLD).await;
        right("192.0.2.2").await.unwrap();
        for _ in 0..5 {
            assert_eq!(code(guess("192.0.2.1").await), "credentials.invalid");
        }
        for wait in [1, 2, 4, 8, 16] {
            assert_eq!(wait_of(guess("192.0.2.1").await), wait);
            assert_eq!(wait_of(right("192.0.2.1").await), wait, "the right one has to wait as well");
            world.wait(Duration::from_secs(wait));
            assert_eq!(code(guess("192.0.2.1").await), "credentials.invalid");
        }
        for _ in 0..3 {
            assert!(guess("192.0.2.1").await.is_err());
            world.wait(Duration::from_secs(60));
        }
        assert_eq!(code(guess("192.0.2.1").await), "credentials.invalid");
        assert_eq!(wait_of(guess("192.0.2.1").await), 60, "never longer than a minute");
        right("192.0.2.2").await.expect("an address that is known is not held up by others");
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
        for name in ["ada", "bob"] {
            world.register(name).await;
        }
        login_as(&world, &from(&world, "192.0.2.1"), "bob", OLD).await.unwrap();
        for i in 0..5 {
            let guess = login_as(&world, &from(&world, "192.0.2.1"), &format!("user{i}"), "wrong horse").await;
            assert_eq!(code(guess), "credentials.invalid");
        }
        let own = login_as(&world, &from(&world, "192.0.2.1"), "ada", OLD).await;
        assert_eq!(wait_of(own), 1);
        login_as(&world, &from(&world, "192.0.2.2"), "ada", OLD).await.unwrap();
        login_as(&world, &from(&world, "192.0.2.1"), "bob", OLD).await.expect("whoever shares the address is not held up");
    }

    async fn a_network_is_one_place(world: World) {
        world.register("ada").await;
        login_as(&world, &from(&world, "2001:db8:0:1::1"), "ada", OLD).await.unwrap();
        for host in 1..=5 {
            let guess = login_as(&world, &from(&world, &format!("2001:db8::{host}")), "ada", "wrong horse").await;
            assert_eq!(code(guess), "credentials.invalid");
        }
        assert_eq!(wait_of(login_as(&world, &from(&world, "2001:db8::6"), "ada", OLD).await), 1);
        login_as(&world, &from(&world, "2001:db8:0:1::1"), "ada", OLD).await.unwrap();
        // A device that moves within its network still counts as known.
        for guesser in 1..=25 {
            let _ = login_as(&world, &from(&world, &format!("198.51.100.{guesser}")), "ada", "wrong horse").await;
        }
        login_as(&world, &from(&world, "2001:db8:0:1::2"), "ada", OLD).await.unwrap();
    }

    async fn one_count_for_all_doors_and_spellings(world: World) {
        let ada = world.person("ada").await;
        let here = || from(&world, "192.0.2.1");
        for spelled in ["ada", "ADA", "\u{430}d\u{430}", "Ada@Example.org"] {
            let guess = login_as(&world, &here(), spelled, "wrong horse").await;
            assert_eq!(code(guess), "credentials.invalid", "{spelled}");
        }
        let signed_in = Ctx { actor: ada.actor, ..here() };
        let change = json!({"current_password": "wrong horse", "new_password": NEW});
        let change = ChangePassword::from_json(change).unwrap();
        assert_eq!(code(world.store.credentials.change_password(&signed_in, change).await), "password.wrong");
        for spelled in ["ada", "ADA", "ada@example.org"] {
            assert_eq!(wait_of(login_as(&world, &here(), spelled, OLD).await), 1, "{spelled}");
        }
        // Unknown names have a count, too, and get the same answers.
        for _ in 0..5 {
            let guess = login_as(&world, &from(&world, "192.0.2.9"), "nobody", "wrong horse").await;
            assert_eq!(code(guess), "credentials.invalid");
        }
        assert_eq!(wait_of(login_as(&world, &from(&world, "192.0.2.8"), "NOBODY", OLD).await), 1);
    }

    async fn who_guesses_does_not_hide_behind_a_token(world: World) {
        world.register("ada").await;
        let eve = world.person("eve").await;
        let ctx = Ctx { actor: eve.actor, ..from(&world, "192.0.2.66") };
        assert_eq!(code(login_as(&world, &ctx, "ada", "wrong horse").await), "credentials.invalid");
        let ada = login(&world, "ada", OLD).await.unwrap();
        let seen = world.store.audit.security(&world.by(&ada.access), PageRequest::default()).await.unwrap();
        let guess = seen.items.iter().find(|event| event.action == "session.refused").unwrap();
        assert_eq!(guess.address.as_deref(), Some("192.0.2.66"));
    }

    async fn a_password_that_was_changed_meanwhile_opens_nothing(world: World) {
        let store = world.node_with(|options| options.hasher.cost = 8).await;
        let ada = world.person("ada").await;
        let sign_in = || {
            let (store, ctx) = (store.clone(), world.nobody());
            let login = Login::from_json(json!({"username": "ada", "password": OLD})).unwrap();
            tokio::spawn(async move { store.accounts.login(&ctx, login).await })
        };
        let before: Vec<_> = (0..10).map(|_| sign_in()).collect();
        let change = json!({"current_password": OLD, "new_password": NEW});
        let change = ChangePassword::from_json(change).unwrap();
        let (store_, ctx) = (store.clone(), world.ctx(&ada));
        let changing = tokio::spawn(async move { store_.credentials.change_password(&ctx, change).await });
        let during: Vec<_> = (0..20).map(|_| sign_in()).collect();
        // Signing in replaces old hashes, so the change may find another hash than it verified.
        let changed = changing.await.unwrap().is_ok();
        for tried in before.into_iter().chain(during) {
            match tried.await.unwrap() {
                Ok(signed_in) if changed => {
                    let identity = store.accounts.identify(&signed_in.access, world.now());
                    assert_eq!(code(identity), "session.ended", "it was opened with the old password");
                }
                Ok(_) => {}
                Err(error) => assert!(changed, "{error:?}"),
            }
        }
        // Those that came too late failed, and the next one has to wait.
        world.wait(Duration::from_secs(61));
        let (right, wrong) = if changed { (NEW, OLD) } else { (OLD, NEW) };
        login(&world, "ada", right).await.unwrap();
        assert_eq!(code(login(&world, "ada", wrong).await), "credentials.invalid", "the old one did not come back");
    }

    async fn a_hundred_sessions_and_then_the_idlest_ends(world: World) {
        let first = world.register("ada").await;
        for _ in 0..99 {
            login(&world, "ada", OLD).await.unwrap();
        }
        let all = PageRequest { limit: 200, cursor: None };
        let open = async || world.store.accounts.sessions(&world.by(&first.access), all.clone()).await;
        assert_eq!(open().await.unwrap().items.len(), 100);
        world.names().await;
        let last = login(&world, "ada", OLD).await.unwrap();
        assert_eq!(world.names().await, ["session.ended"]);
        let left = world.store.accounts.sessions(&world.by(&last.access), all).await.unwrap().items;
        assert_eq!(left.len(), 100);
        let refreshed = world.store.accounts.refresh(&world.nobody(), RefreshToken::new(first.refresh)).await;
        assert_eq!(code(refreshed), "session.ended");
        world.store.accounts.logout_all(&world.by(&last.access), false).await.unwrap();
    }

    async fn changing_a_password_cannot_be_used_to_guess_it(world: World) {
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

    async fn of_two_hundred_guesses_at_once_five_are_looked_at(world: World) {
        world.register("ada").await;
        let nodes = [world.store.clone(), world.another_node().await];
        let guess = |index: usize, password: String| {
            let (store, ctx) = (nodes[index % 2].clone(), from(&world, "192.0.2.1"));
            let login = Login::from_json(json!({"username": "ada", "password": password})).unwrap();
            tokio::spawn(async move { store.accounts.login(&ctx, login).await })
        };
        let typed = |index| if index == 150 { OLD.to_owned() } else { format!("wrong horse {index}") };
        let guesses: Vec<_> = (0..200).map(|index| guess(index, typed(index))).collect();
        let (mut looked_at, mut was_right) = (0, false);
        for guess in guesses {
            match guess.await.unwrap() {
                Err(Error::TooMany { retry_after, .. }) => assert!(retry_after <= Duration::from_secs(1)),
                Ok(_) => was_right = true,
                refused => {
                    assert_eq!(code(refused), "credentials.invalid");
                    looked_at += 1;
                }
            }
        }
        // Only if the right one happens to be among the first is it found, and then the count starts again.
        assert!(if was_right { (5..=9).contains(&looked_at) } else { looked_at == 5 }, "{looked_at} {was_right}");
        let (right, wrong) = (guess(0, OLD.to_owned()).await.unwrap(), guess(1, "wrong".to_owned()).await.unwrap());
        assert_eq!((wait_of(right), wait_of(wrong)), (1, 1), "the right one is answered like the others");
        world.wait(Duration::from_secs(1));
        guess(0, OLD.to_owned()).await.unwrap().unwrap();
    }

    async fn right_passwords_that_come_at_once_are_no_guesses(world: World) {
        let ada = world.person("ada").await;
        let tries: Vec<_> = (0..40)
            .map(|index| {
                let (world, ctx) = (world.clone(), from(&world, "192.0.2.1"));
                let signed_in = Ctx { actor: ada.actor, ..ctx.clone() };
                tokio::spawn(async move {
                    if index % 2 == 0 {
                        return login_as(&world, &ctx, "ada", OLD).await.map(|_| ());
                    }
                    let again = json!({"password": OLD});
                    let again = clowder_accounts::two_factor::Reauthentication::from_json(again).unwrap();
                    world.store.two_factor.reauthenticate(&signed_in, again).await
                })
            })
            .collect();
        for tried in tries {
            tried.await.unwrap().unwrap();
        }
    }

    async fn the_present_password_is_not_guessed_many_at_a_time(world: World) {
        let ada = world.person("ada").await;
        let tries: Vec<_> = (0..40)
            .map(|index| {
                let (world, ctx) = (world.clone(), world.ctx(&ada));
                let change = json!({"current_password": format!("wrong horse {index}"), "new_password": NEW});
                let change = ChangePassword::from_json(change).unwrap();
                tokio::spawn(async move { world.store.credentials.change_password(&ctx, change).await })
            })
            .collect();
        let mut looked_at = 0;
        for tried in tries {
            let tried = tried.await.unwrap();
            looked_at += usize::from(!matches!(tried, Err(Error::TooMany { .. })));
            assert!(tried.is_err());
        }
        assert_eq!(looked_at, 5);
    }

    async fn secrets_are_not_guessed_many_at_a_time(world: World) {
        let ada = world.register("ada").await;
        let mail = crate::credentials::emails(&world).await;
        let (_, emailed) = mail[0].text.split_once("#verify=").unwrap();
        let emailed = emailed.split_whitespace().next().unwrap();
        let sign_up = Rules { mode: Mode::Invite, reveal_taken: true };
        let store = world.node_with(|options| options.sign_ups = sign_up).await;
        let invite = NewInvite::from_json(json!({})).unwrap();
        let invite = store.sign_ups.invite(&world.by(&ada.access), invite).await.unwrap().code;
        let ticket = store.accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap().ticket;
        for (kind, right, refusal) in
            [("invitation", &*invite, "invite.gone"), ("ticket", &*ticket, "ticket.invalid"), ("emailed", emailed, "link.gone")]
        {
            let address = format!("192.0.2.{}", kind.len());
            let attempt = |secret: &str| {
                let (store, ctx, secret) = (store.clone(), from(&world, &address), secret.to_owned());
                async move {
                    match kind {
                        "invitation" => {
                            let new = json!({"username": "bob", "email": "bob@example.org", "password": OLD, "invite": secret});
                            store.accounts.register(&ctx, NewAccount::from_json(new).unwrap()).await.map(|_| ())
                        }
                        "ticket" => store.accounts.redeem(&ctx, &secret).await.map(|_| ()),
                        _ => {
                            let proof = Proof::from_json(json!({"token": secret})).unwrap();
                            store.credentials.verify_email(&ctx, proof).await
                        }
                    }
                }
            };
            let mut guesses: FuturesUnordered<_> = (0..40).map(|index| attempt(&format!("guess {index}"))).collect();
            let (mut said, mut failed) = (Vec::new(), 0);
            while failed < 5 {
                let answer = guesses.next().await.unwrap();
                failed += u32::from(!matches!(answer, Err(Error::TooMany { .. })));
                said.push(answer);
            }
            // The right one comes while the others are being tried.
            let (answer, others) = tokio::join!(attempt(right), guesses.collect::<Vec<_>>());
            assert_eq!(wait_of(answer), 1, "{kind}: the right one waits like the others");
            let mut looked_at = 0;
            for said in said.into_iter().chain(others) {
                match said {
                    Err(Error::TooMany { retry_after, .. }) => assert!(retry_after <= Duration::from_secs(1), "{kind}"),
                    refused => {
                        assert_eq!(code(refused), refusal, "{kind}");
                        looked_at += 1;
                    }
                }
            }
            assert_eq!(looked_at, 5, "{kind}");
            // A right attempt is not counted: the sixth failure waits no longer than without it.
            world.wait(Duration::from_secs(1));
            attempt(right).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(code(attempt("wrong").await), refusal, "{kind}");
            assert_eq!(wait_of(attempt("wrong").await), 2, "{kind}");
        }
    }

    async fn right_tickets_that_come_at_once_are_no_guesses(world: World) {
        let ada = world.register("ada").await;
        let nodes = [world.store.clone(), world.another_node().await];
        let mut tickets = Vec::new();
        for index in 0..20 {
            let ticket = world.store.accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap().ticket;
            tickets.push((nodes[index % 2].clone(), from(&world, "192.0.2.1"), ticket));
        }
        let redeemed = tickets.into_iter().map(|(store, ctx, ticket)| {
            tokio::spawn(async move { store.accounts.redeem(&ctx, &ticket).await })
        });
        for redeemed in redeemed.collect::<Vec<_>>() {
            redeemed.await.unwrap().unwrap();
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
        let dearer = world.node_with(|options| options.hasher.cost = 5).await;
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

    async fn imported_accounts_keep_their_password(world: World) {
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

    async fn a_decomposed_password_comes_over_as_well(world: World) {
        // Of `correct horse béttery` with a combining accent, as some devices type it.
        let django = "pbkdf2_sha256$1000$seasalt2$4+TazuiNnOkCm9YEm7APHFy75KAaXsvY57MShiyVIQg=";
        for (name, typed) in [("ada", "correct horse b\u{e9}ttery"), ("bob", "correct horse be\u{301}ttery")] {
            let new = json!({"username": name, "email": format!("{name}@example.org"), "password_hash": django});
            world.store.sign_ups.import(&world.nobody(), vec![NewImport::from_json(new).unwrap()]).await.unwrap();
            login(&world, name, typed).await.unwrap();
            // Now it is one of our own hashes.
            login(&world, name, "correct horse b\u{e9}ttery").await.unwrap();
            login(&world, name, "correct horse be\u{301}ttery").await.unwrap();
        }
        assert!(stored_passwords(&world).iter().all(|hash| hash.starts_with("$2b$04$")));
    }
}
