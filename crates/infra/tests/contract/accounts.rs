//! The guarantees of `Accounts`.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{Login, ProfilePatch, RefreshToken, SessionPatch};
use clowder_core::{Ctx, IdempotencyKey, Input, Origin, PageRequest};
use clowder_infra::Store;
use serde_json::json;

use crate::world::{PASSWORD, World, account, account_called, code, on_both};

fn login(name: &str, password: &str) -> Login {
    Login::from_json(json!({"username": name, "password": password, "device_name": "phone"})).unwrap()
}

fn token(refresh: &str) -> RefreshToken {
    RefreshToken::new(refresh.to_owned())
}

on_both! {
    async fn where_it_is_demanded_only_confirmed_addresses_reach_others(world: World) {
        let ada = world.person("ada").await;
        let may = async |store: &Store| store.accounts.may_reach_others(&world.ctx(&ada)).await;
        may(&world.store).await.unwrap();
        let strict = world.node_with(|options| options.accounts.verified_to_reach_others = true).await;
        assert_eq!(code(may(&strict).await), "email.unverified");
        world.meddle("UPDATE users SET email_verified_at = created_at").unwrap();
        may(&strict).await.unwrap();
    }

    async fn registering_makes_one_account_per_name_and_address(world: World) {
        let ada = world.register("ada").await;
        assert_eq!((ada.user.username.as_str(), ada.user.version), ("ada", 1));
        assert_eq!(world.names().await, ["user.registered"]);
        let accounts = &world.store.accounts;
        assert_eq!(code(accounts.register(&world.nobody(), account("ADA")).await), "username.taken");
        assert_eq!(code(accounts.register(&world.nobody(), account("аdа")).await), "username.taken");
        let mut same_address = account("bob");
        same_address.email = account("Ada").email;
        assert_eq!(code(accounts.register(&world.nobody(), same_address).await), "email.taken");
        assert!(world.names().await.is_empty(), "a refusal writes nothing");
    }

    async fn a_name_that_looks_like_anothers_is_taken_whatever_the_case(world: World) {
        let accounts = &world.store.accounts;
        for (name, alike) in [
            ("alice", "aIice"),
            ("HELEN", "НELEN"),
            ("Bob", "Вob"),
            ("Tom", "Τom"),
            ("хау", "XAY"),
            ("हिन्दी", "हिन्दी"),
            ("bill", "BlLL"),
            ("idris7", "ldris7"),
            ("kim", "КlM"),
            ("clow", "ϲlow"),
            ("office", "oſſice"),
            ("rho", "ϱho"),
            ("kap", "ϰap"),
            ("istan", "i\u{307}stan"),
        ] {
            world.store.accounts.register(&world.nobody(), account_called(name)).await.unwrap();
            let refused = accounts.register(&world.nobody(), account_called(alike)).await;
            assert_eq!(code(refused), "username.taken", "{alike} after {name}");
        }
        // The other way around, too: the name that came first is protected from look-alikes.
        accounts.register(&world.nobody(), account_called("ΤIM")).await.unwrap();
        assert_eq!(code(accounts.register(&world.nobody(), account_called("tlm")).await), "username.taken");
        accounts.register(&world.nobody(), account_called("timo")).await.unwrap();
        accounts.login(&world.nobody(), login("alice", PASSWORD)).await.unwrap();
        assert_eq!(code(accounts.login(&world.nobody(), login("aIice", PASSWORD)).await), "credentials.invalid");
    }

    async fn of_look_alikes_that_race_for_a_name_one_wins(world: World) {
        let tries = ["alice", "aIice", "Alice", "AIice", "a1ice", "ALICE"].map(|name| {
            let world = world.clone();
            tokio::spawn(async move { world.store.accounts.register(&world.nobody(), account_called(name)).await })
        });
        let mut won = 0;
        for result in tries {
            match result.await.unwrap() {
                Ok(_) => won += 1,
                refused => assert_eq!(code(refused), "username.taken"),
            }
        }
        assert_eq!(won, 1);
    }

    async fn names_of_older_accounts_are_claimed_when_the_store_opens(world: World) {
        let [_, bob, imp] = world.people(["alice", "bob", "imp"]).await;
        // As before names were claimed: nobody has a claim, and a look-alike exists.
        world.meddle("DELETE FROM username_claims").unwrap();
        world.meddle("UPDATE users SET username = 'aIice', username_key = 'aiice' WHERE username = 'imp'").unwrap();
        assert!(world.store.accounts.register(&world.nobody(), account_called("ВOB")).await.is_ok(), "that was the fault");
        world.meddle("DELETE FROM username_claims").unwrap();
        let store = world.another_node().await;
        for taken in ["AIice", "Вob", "aiice"] {
            let refused = store.accounts.register(&world.nobody(), account_called(taken)).await;
            assert_eq!(code(refused), "username.taken", "{taken}");
        }
        // Existing look-alikes keep their names.
        for person in [&bob, &imp] {
            store.accounts.me(&world.ctx(person)).await.unwrap();
        }
        store.accounts.login(&world.nobody(), login("aIice", PASSWORD)).await.unwrap();
    }

    async fn names_that_an_older_rule_claimed_are_claimed_anew(world: World) {
        let [idris, _, kap] = world.people(["idris", "young", "kap"]).await;
        // As an older rule left them: a younger account claims a name that now belongs to the older one.
        world.meddle("UPDATE users SET username = 'ldris', username_key = 'ldris' WHERE username = 'young'").unwrap();
        world.meddle("DELETE FROM username_claims").unwrap();
        for (skeleton, owner) in [("idris", "idris"), ("ldrls", "ldris"), ("kap", "kap"), ("past", "kap")] {
            let claim = "INSERT INTO username_claims (skeleton, user_id) SELECT";
            world.meddle(&format!("{claim} '{skeleton}', id FROM users WHERE username = '{owner}'")).unwrap();
        }
        for _ in 0..2 {
            let store = world.another_node().await;
            for taken in ["idris", "lDRlS", "ldris", "kap", "ϰap"] {
                let refused = store.accounts.register(&world.nobody(), account_called(taken)).await;
                assert_eq!(code(refused), "username.taken", "{taken}");
            }
        }
        let owned = |skeleton: &str, owner| {
            let by = format!("skeleton = '{skeleton}' AND user_id = (SELECT id FROM users WHERE username = '{owner}')");
            world.meddle(&format!("UPDATE username_claims SET version = version WHERE {by}")).unwrap()
        };
        assert_eq!((owned("ldrls", "idris"), owned("ldrls", "ldris")), (1, 0), "the elder has the claim");
        assert_eq!(owned("past", "kap"), 0, "what the rule claims no more is free");
        world.store.accounts.register(&world.nobody(), account_called("past")).await.unwrap();
        for person in [&idris, &kap] {
            world.store.accounts.me(&world.ctx(person)).await.unwrap();
        }
        world.store.accounts.login(&world.nobody(), login("ldris", PASSWORD)).await.unwrap();
    }

    async fn of_many_that_race_for_a_name_one_wins(world: World) {
        let tries = (0..8).map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.store.accounts.register(&world.nobody(), account("ada")).await })
        });
        let mut won = 0;
        for result in tries.collect::<Vec<_>>() {
            match result.await.unwrap() {
                Ok(_) => won += 1,
                refused => assert_eq!(code(refused), "username.taken"),
            }
        }
        assert_eq!(won, 1);
    }

    async fn a_call_that_comes_twice_at_once_on_two_nodes_is_one(world: World) {
        let other = world.another_node().await;
        for round in 0..5 {
            let call = |store: &Store| {
                let (store, name) = (store.clone(), format!("ada{round}"));
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(name.clone(), [0; 32])), ..world.nobody() };
                tokio::spawn(async move { store.accounts.register(&ctx, account(&name)).await.unwrap().signed_in().unwrap() })
            };
            let (one, two) = (call(&world.store), call(&other));
            let (one, two) = (one.await.unwrap(), two.await.unwrap());
            assert_eq!((one.user.id, one.refresh), (two.user.id, two.refresh), "one account, one session");
        }
    }

    async fn a_repeated_registration_with_a_key_answers_the_same(world: World) {
        let call = |key: &str, print: u8| Ctx { idempotency_key: Some(IdempotencyKey::new(key, [print; 32])), ..world.nobody() };
        let accounts = &world.store.accounts;
        let first = accounts.register(&call("k", 1), account("ada")).await.unwrap().signed_in().unwrap();
        let again = call("k", 1);
        let second = accounts.register(&again, account("ada")).await.unwrap().signed_in().unwrap();
        assert!(again.idempotency_key.unwrap().was_replayed());
        assert_eq!((first.refresh, first.user), (second.refresh, second.user));
        assert_eq!(code(accounts.register(&call("k", 2), account("bob")).await), "idempotency.mismatch");
        assert_eq!(code(accounts.register(&call("l", 1), account("ada")).await), "username.taken");
        assert!(accounts.register(&call("l", 2), account("bob")).await.is_ok(), "a refused attempt frees its key");
        world.wait(Duration::from_secs(24 * 3600));
        assert!(accounts.register(&call("k", 3), account("eve")).await.is_ok(), "a day later the key is free");
    }

    async fn logging_in_by_name_or_address(world: World) {
        world.register("ada").await;
        let accounts = &world.store.accounts;
        for name in ["ada", "ADA", " ada ", "ada@example.org", "Ada@Example.org"] {
            let signed_in = accounts.login(&world.nobody(), login(name, "correct horse")).await.unwrap();
            assert_eq!(accounts.me(&world.by(&signed_in.access)).await.unwrap().username, "ada");
        }
        for (name, password) in [("ada", "wrong horse"), ("bob", "correct horse"), ("@", "x")] {
            assert_eq!(code(accounts.login(&world.nobody(), login(name, password)).await), "credentials.invalid");
        }
    }

    async fn a_refresh_token_has_one_successor_and_a_grace(world: World) {
        let first = world.register("ada").await;
        let accounts = &world.store.accounts;
        let both = {
            let call = || {
                let (world, refresh) = (world.clone(), first.refresh.clone());
                tokio::spawn(async move { world.store.accounts.refresh(&world.nobody(), token(&refresh)).await })
            };
            let (a, b) = (call(), call());
            (a.await.unwrap().unwrap(), b.await.unwrap().unwrap())
        };
        assert_eq!(both.0.refresh, both.1.refresh, "two tabs at once get the same successor");
        world.wait(Duration::from_secs(19));
        assert_eq!(accounts.refresh(&world.nobody(), token(&first.refresh)).await.unwrap().refresh, both.0.refresh);
        world.wait(Duration::from_secs(2));
        for _ in 0..2 {
            let late = accounts.refresh(&world.nobody(), token(&first.refresh)).await.unwrap();
            assert_eq!(late.refresh, both.0.refresh, "a client that was offline never got the answer");
            world.wait(Duration::from_secs(60));
        }
        world.names().await;
        assert_eq!(code(accounts.refresh(&world.nobody(), token(&first.refresh)).await), "token.reused");
        assert_eq!(world.names().await, ["session.ended"]);
        assert_eq!(code(accounts.refresh(&world.nobody(), token(&both.0.refresh)).await), "session.ended");
        assert_eq!(code(accounts.identify(&both.0.access, world.now())), "session.ended");
        assert_eq!(code(accounts.refresh(&world.nobody(), token("unheard of")).await), "token.invalid");
    }

    async fn a_session_that_moves_keeps_the_last_address_only(world: World) {
        let from = |address: &str| {
            let origin = Origin { address: Some(address.parse().unwrap()), agent: None };
            Ctx { origin, ..world.nobody() }
        };
        world.register("ada").await;
        let accounts = &world.store.accounts;
        let mut held = accounts.login(&from("2001:db8::1"), login("ada", PASSWORD)).await.unwrap();
        // In debug builds, SQLite fails a write that deletes a text without having its files cleaned.
        for address in ["2001:db8:1::1", "2001:db8:2::1"] {
            held = accounts.refresh(&from(address), token(&held.refresh)).await.unwrap();
        }
        let open = accounts.sessions(&world.by(&held.access), PageRequest::default()).await.unwrap();
        let addresses: Vec<_> = open.items.iter().filter_map(|session| session.address.as_deref()).collect();
        assert_eq!(addresses, ["2001:db8:2::1"]);
    }

    async fn a_tab_that_lags_by_a_rotation_has_the_same_grace(world: World) {
        let first = world.register("ada").await;
        let accounts = &world.store.accounts;
        let second = accounts.refresh(&world.nobody(), token(&first.refresh)).await.unwrap();
        let third = accounts.refresh(&world.nobody(), token(&second.refresh)).await.unwrap();
        world.wait(Duration::from_secs(19));
        let again = accounts.refresh(&world.nobody(), token(&first.refresh)).await.unwrap();
        assert_eq!(again.refresh, second.refresh, "the same successor, though it was used");
        let next = accounts.refresh(&world.nobody(), token(&again.refresh)).await.unwrap();
        assert_eq!(next.refresh, third.refresh, "which leads to where the other tab is");
        accounts.refresh(&world.nobody(), token(&third.refresh)).await.expect("the session goes on");
    }

    async fn a_successor_that_was_used_leaves_nothing_after_the_grace(world: World) {
        let first = world.register("ada").await;
        let accounts = &world.store.accounts;
        let second = accounts.refresh(&world.nobody(), token(&first.refresh)).await.unwrap();
        accounts.refresh(&world.nobody(), token(&second.refresh)).await.unwrap();
        world.wait(Duration::from_secs(21));
        assert_eq!(code(accounts.refresh(&world.nobody(), token(&first.refresh)).await), "token.reused");
    }

    async fn a_lost_answer_of_a_refresh_is_had_again_on_any_node(world: World) {
        let other = world.another_node().await;
        let refresh = async |store: &Store, presented: &str| {
            store.accounts.refresh(&world.nobody(), token(presented)).await.map(|signed_in| signed_in.refresh)
        };
        let first = world.register("ada").await.refresh;
        let second = refresh(&world.store, &first).await.unwrap();
        world.wait(Duration::from_secs(21));
        // Both refresh at once, long after the grace period: they get one and the same successor.
        let (here, there) = tokio::join!(refresh(&world.store, &first), refresh(&other, &first));
        assert_eq!((here.unwrap(), there.unwrap()), (second.clone(), second.clone()));
        let third = refresh(&other, &second).await.unwrap();
        assert_eq!(code(refresh(&world.store, &first).await), "token.reused", "the successor was used");
        assert_eq!(code(refresh(&world.store, &third).await), "session.ended");
    }

    async fn three_generations_in_a_row_that_lose_their_answer_are_too_many(world: World) {
        let refresh = async |presented: &str| {
            world.store.accounts.refresh(&world.nobody(), token(presented)).await.map(|signed_in| signed_in.refresh)
        };
        let lose = async |presented: &str| {
            let successor = refresh(presented).await.unwrap();
            world.wait(Duration::from_secs(60));
            (successor, refresh(presented).await)
        };
        let mut held = world.register("ada").await.refresh;
        // Two in a row, one lost answer that arrives, and two again: fine.
        for generation in [true, true, false, true, true] {
            let next = if generation {
                let (successor, again) = lose(&held).await;
                assert_eq!(again.unwrap(), successor);
                successor
            } else {
                refresh(&held).await.unwrap()
            };
            held = next;
        }
        let (successor, again) = lose(&held).await;
        assert_eq!(code(again), "token.reused", "the third in a row");
        assert_eq!(code(refresh(&successor).await), "session.ended");
    }

    async fn an_end_is_an_end_for_tickets_and_keys_that_are_just_being_made(world: World) {
        let ada = world.register("ada").await;
        let other = world.another_node().await;
        let ticket = other.accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap().ticket;
        let caller = world.by(&ada.access);
        world.store.accounts.logout_all(&caller, true).await.unwrap();
        // The other node does not know yet, because nothing follows the journal there.
        assert!(other.accounts.identify(&ada.access, world.now()).is_ok());
        assert_eq!(code(other.accounts.redeem(&world.nobody(), &ticket).await), "session.ended");
        let key = clowder_accounts::NewApiKey::from_json(json!({"name": "bot", "scopes": ["chats:read"]})).unwrap();
        assert_eq!(code(other.api_keys.create_key(&caller, key).await), "session.ended");
        let enable = clowder_accounts::two_factor::Enabling::from_json(json!({"otp": "123456"})).unwrap();
        assert_eq!(code(other.two_factor.enable(&caller, enable).await), "session.ended");
        let change = json!({"current_password": "correct horse", "new_password": "staple battery"});
        let change = clowder_accounts::model::ChangePassword::from_json(change).unwrap();
        assert_eq!(code(other.credentials.change_password(&caller, change).await), "session.ended");
    }

    async fn sessions_are_listed_named_and_ended(world: World) {
        let first = world.register("ada").await;
        let accounts = &world.store.accounts;
        let second = accounts.login(&world.nobody(), login("ada", "correct horse")).await.unwrap();
        let stranger = world.register("bob").await;
        let listed = accounts.sessions(&world.by(&first.access), PageRequest::default()).await.unwrap().items;
        assert_eq!(listed.iter().map(|s| (s.name.as_deref(), s.current)).collect::<Vec<_>>(),
            [(Some("phone"), false), (None, true)]);
        let (phone, own) = (listed[0].id, listed[1].id);
        let patch = || SessionPatch::from_json(json!({"name": "tablet"})).unwrap();
        let named = accounts.name_session(&world.by(&first.access), phone, patch()).await.unwrap();
        assert_eq!(named.name.as_deref(), Some("tablet"));
        let bob = world.by(&stranger.access);
        assert_eq!(code(accounts.name_session(&bob, phone, patch()).await), "session.unknown");
        assert_eq!(code(accounts.end_session(&bob, phone).await), "session.unknown");
        world.names().await;
        accounts.end_session(&world.by(&first.access), phone).await.unwrap();
        assert_eq!(world.names().await, ["session.ended"]);
        assert_eq!(code(accounts.identify(&second.access, world.now())), "session.ended");
        assert_eq!(code(accounts.end_session(&world.by(&first.access), phone).await), "session.unknown");
        assert_eq!(accounts.sessions(&world.by(&first.access), PageRequest::default()).await.unwrap().items.len(), 1);
        let third = accounts.login(&world.nobody(), login("ada", "correct horse")).await.unwrap();
        accounts.logout(&world.by(&first.access)).await.unwrap();
        assert_eq!(code(accounts.identify(&first.access, world.now())), "session.ended");
        assert_ne!(own, phone);
        accounts.logout_all(&world.by(&third.access), false).await.unwrap();
        assert_eq!(code(accounts.identify(&third.access, world.now())), "session.ended");
        assert!(accounts.identify(&stranger.access, world.now()).is_ok());
    }

    async fn an_ended_session_is_refused_by_other_nodes_and_after_a_restart(world: World) {
        let ada = world.register("ada").await;
        let other = world.another_node().await;
        let mut followed = other.follow().await.unwrap();
        world.store.accounts.logout(&world.by(&ada.access)).await.unwrap();
        assert_eq!(&*followed.next().await.unwrap().name, "session.ended");
        assert_eq!(code(other.accounts.identify(&ada.access, world.now())), "session.ended");
        let restarted = world.another_node().await;
        assert_eq!(code(restarted.accounts.identify(&ada.access, world.now())), "session.ended");
    }

    async fn a_ticket_opens_one_socket(world: World) {
        let ada = world.register("ada").await;
        let accounts = &world.store.accounts;
        let ticket = accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap().ticket;
        let other = world.another_node().await;
        let identity = other.accounts.redeem(&world.nobody(), &ticket).await.unwrap();
        // The ticket proves what the token does, for as long: requesting tickets extends nobody's access.
        assert_eq!(identity, accounts.identify(&ada.access, world.now()).unwrap());
        assert_eq!(code(accounts.redeem(&world.nobody(), &ticket).await), "ticket.invalid");
        let late = accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap().ticket;
        world.wait(Duration::from_secs(31));
        assert_eq!(code(accounts.redeem(&world.nobody(), &late).await), "ticket.invalid");
        assert_eq!(code(accounts.redeem(&world.nobody(), "x").await), "ticket.invalid");
        world.wait(identity.expires_at.since(world.now()) - Duration::from_secs(5));
        let last = accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap();
        assert!(last.expires_in <= 5, "not longer than the token: {last:?}");
        world.wait(Duration::from_secs(6));
        assert_eq!(code(accounts.redeem(&world.nobody(), &last.ticket).await), "ticket.invalid");
        assert_eq!(code(accounts.ticket(&world.nobody(), &ada.access).await), "token.expired");
        let ada = world.register("bob").await;
        let ended = accounts.ticket(&world.by(&ada.access), &ada.access).await.unwrap().ticket;
        accounts.logout(&world.by(&ada.access)).await.unwrap();
        assert_eq!(code(accounts.redeem(&world.nobody(), &ended).await), "session.ended");
    }

    async fn editing_oneself(world: World) {
        let ada = world.register("ada").await;
        world.names().await;
        let accounts = &world.store.accounts;
        let patch = |value| ProfilePatch::from_json(value).unwrap();
        let edited = accounts
            .edit_me(&world.by(&ada.access), Some(1.into()), patch(json!({"display_name": "Ada L.", "bio": "counts"})))
            .await
            .unwrap();
        assert_eq!((edited.version, edited.display_name.as_str(), edited.bio.as_deref()), (2, "Ada L.", Some("counts")));
        assert_eq!(world.names().await, ["user.updated"]);
        let whole = json!({"display_name": "Ada L.", "bio": "counts", "status_text": null, "visibility": edited.visibility});
        for same in [json!({}), json!({"bio": "counts"}), json!({"status_text": ""}), whole] {
            let same = accounts.edit_me(&world.by(&ada.access), Some(edited.version.into()), patch(same)).await.unwrap();
            assert_eq!(same, edited);
        }
        assert!(world.names().await.is_empty(), "what changes nothing is no change");
        let stale = accounts.edit_me(&world.by(&ada.access), Some(1.into()), patch(json!({"bio": null}))).await;
        assert_eq!(code(stale), "user.stale");
        let cleared = accounts.edit_me(&world.by(&ada.access), None, patch(json!({"bio": null}))).await.unwrap();
        assert_eq!((cleared.version, cleared.bio, cleared.display_name.as_str()), (3, None, "Ada L."));
    }

    async fn the_own_profile_is_fresh_on_every_node(world: World) {
        let ada = world.register("ada").await;
        let other = world.another_node().await;
        let (mut here, mut there) = (world.store.follow().await.unwrap(), other.follow().await.unwrap());
        let me = async |store: &clowder_infra::Store| {
            let own = store.accounts.me(&world.by(&ada.access)).await.unwrap();
            (own.version, own.display_name)
        };
        let edit = async |store: &clowder_infra::Store, name: &str| {
            let patch = ProfilePatch::from_json(json!({"display_name": name})).unwrap();
            store.accounts.edit_me(&world.by(&ada.access), None, patch).await.unwrap();
        };
        assert_eq!((me(&world.store).await, me(&other).await), ((1, "ada".into()), (1, "ada".into())));
        edit(&world.store, "two").await;
        assert_eq!(me(&world.store).await, (2, "two".into()), "the own edit at once");
        assert_eq!(&*there.next().await.unwrap().name, "user.updated");
        assert_eq!(me(&other).await, (2, "two".into()), "another's when the journal tells");
        edit(&other, "three").await;
        assert_eq!(&*here.next().await.unwrap().name, "user.updated");
        assert_eq!(&*here.next().await.unwrap().name, "user.updated");
        assert_eq!(me(&world.store).await, (3, "three".into()));
        drop((here, there));
        edit(&other, "four").await;
        assert_eq!(me(&world.store).await, (4, "four".into()), "nothing is kept while nobody follows");
    }
}
