//! The guarantees of `TwoFactor`: codes are accepted once, guessing gets slower, and a stale session may do nothing
//! sensitive.

pub mod domain;

use std::{sync::Arc, time::Duration};

use clowder_accounts::{
    Login, SignedIn,
    model::ChangeEmail,
    two_factor::{Disabling, Enabling, Reauthentication, STEP},
};
use clowder_core::{Actor, Ctx, Error, Input, PageRequest, Result};
use clowder_infra::totp;
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};

use crate::world::{World, code, on_both};

/// Somebody with an authenticator.
struct Ada {
    actor: Actor,
    signed_in: SignedIn,
    secret: Vec<u8>,
    codes: Vec<String>,
}

/// The secret as typed in.
pub fn octets(text: &str) -> Vec<u8> {
    BASE32_NOPAD.decode(text.as_bytes()).unwrap()
}

impl Ada {
    async fn new(world: &World) -> Self {
        let signed_in = world.register("ada").await;
        let made = world.store.two_factor.setup(&world.by(&signed_in.access)).await.unwrap();
        let actor = world.by(&signed_in.access).actor;
        let mut ada = Self { actor, signed_in, secret: octets(&made.secret), codes: Vec::new() };
        let enabling = Enabling::from_json(json!({"otp": ada.code(world, 0)})).unwrap();
        ada.codes = world.store.two_factor.enable(&ada.ctx(world), enabling).await.unwrap().recovery_codes;
        world.wait(Duration::from_secs(60));
        ada
    }

    /// The token may expire; the session goes on.
    fn ctx(&self, world: &World) -> Ctx {
        Ctx::new(self.actor, world.now(), "test")
    }

    /// The code of the authenticator this many steps from now.
    fn code(&self, world: &World, steps: i64) -> String {
        totp::code(&self.secret, world.now().as_seconds() / STEP + steps)
    }
}

fn login(otp: impl Into<Value>) -> Login {
    Login::from_json(json!({"username": "ada", "password": "correct horse", "otp": otp.into()})).unwrap()
}

fn proof(password: &str, otp: &str) -> Disabling {
    Disabling::from_json(json!({"password": password, "otp": otp})).unwrap()
}

fn again(password: &str, otp: Option<&str>) -> Reauthentication {
    Reauthentication::from_json(json!({"password": password, "otp": otp})).unwrap()
}

/// The code of a refusal, or how many seconds to wait.
fn refused<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::TooMany { retry_after, .. }) => format!("wait {}", retry_after.as_secs_f64().ceil()),
        other => code(other).to_owned(),
    }
}

async fn actions(world: &World, ctx: &Ctx) -> Vec<String> {
    let page = world.store.audit.security(ctx, PageRequest::default()).await.unwrap();
    page.items.into_iter().rev().map(|event| event.action).collect()
}

on_both! {
    async fn signing_in_takes_both_factors(world: World) {
        let ada = Ada::new(&world).await;
        let accounts = &world.store.accounts;
        assert!(accounts.me(&ada.ctx(&world)).await.unwrap().two_factor);
        assert_eq!(code(accounts.login(&world.nobody(), login(Value::Null)).await), "otp.required");
        for steps in [-1, 0, 1] {
            accounts.login(&world.nobody(), login(ada.code(&world, steps))).await.unwrap();
            let same = login(ada.code(&world, steps));
            assert_eq!(code(accounts.login(&world.nobody(), same).await), "otp.invalid", "a code is taken once");
        }
        world.wait(Duration::from_secs(120));
        for steps in [-2, 2] {
            assert_eq!(code(accounts.login(&world.nobody(), login(ada.code(&world, steps))).await), "otp.invalid");
            world.wait(Duration::from_secs(900));
        }
        let wrong = Login::from_json(json!({"username": "ada", "password": "wrong horse", "otp": ada.code(&world, 0)}));
        assert_eq!(code(accounts.login(&world.nobody(), wrong.unwrap()).await), "credentials.invalid");
        accounts.login(&world.nobody(), login(ada.code(&world, 0))).await.unwrap();
        // Users without a second factor, whatever they send.
        world.register("bob").await;
        let bob = Login::from_json(json!({"username": "bob", "password": "correct horse", "otp": "123456"})).unwrap();
        accounts.login(&world.nobody(), bob).await.unwrap();
    }

    async fn of_one_code_that_comes_many_times_one_is_taken(world: World) {
        let ada = Ada::new(&world).await;
        let other = world.another_node().await;
        for otp in [ada.code(&world, 0), ada.codes[0].clone()] {
            let tries = (0..8).map(|number| {
                let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
                let (ctx, otp) = (world.nobody(), otp.clone());
                tokio::spawn(async move { store.accounts.login(&ctx, login(otp)).await })
            });
            let mut right = 0;
            for result in tries.collect::<Vec<_>>() {
                match result.await.unwrap() {
                    Ok(_) => right += 1,
                    // After some failures, the throttle answers instead.
                    Err(Error::TooMany { .. }) => {}
                    other => assert_eq!(code(other), "otp.invalid"),
                }
            }
            assert_eq!(right, 1);
            world.wait(Duration::from_secs(600));
        }
    }

    async fn recovery_codes_are_good_once_each(world: World) {
        let ada = Ada::new(&world).await;
        assert_eq!(ada.codes.len(), 10);
        let accounts = &world.store.accounts;
        for typed in [ada.codes[0].clone(), ada.codes[1].to_uppercase(), ada.codes[2].replace('-', " "),
            ada.codes[4].replace('-', "\u{2011}"), ada.codes[5].replace('-', "\u{2013}")] {
            accounts.login(&world.nobody(), login(typed.clone())).await.unwrap();
            assert_eq!(code(accounts.login(&world.nobody(), login(typed)).await), "otp.invalid");
        }
        for recovery in &ada.codes {
            assert!(!world.holds(recovery.as_bytes()) && !world.holds(recovery.replace('-', "").as_bytes()));
        }
        let fresh = world.store.two_factor.renew_codes(&ada.ctx(&world)).await.unwrap().recovery_codes;
        assert_eq!(code(accounts.login(&world.nobody(), login(ada.codes[3].clone())).await), "otp.invalid", "the old set is void");
        accounts.login(&world.nobody(), login(fresh[3].clone())).await.unwrap();
        assert!(actions(&world, &ada.ctx(&world)).await.iter().filter(|action| *action == "recovery_code.used").count() == 6);
    }

    async fn guesses_get_slower(world: World) {
        let ada = Ada::new(&world).await;
        let guess = async || refused(world.store.accounts.login(&world.nobody(), login("000000")).await);
        let wrong = [-1, 0, 1].iter().all(|steps| ada.code(&world, *steps) != "000000");
        assert!(wrong, "the one guess in 300,000 that is right: run the test again");
        for _ in 0..5 {
            assert_eq!(guess().await, "otp.invalid");
        }
        assert_eq!(guess().await, "wait 1");
        // The right code waits, too: the answer tells a guesser nothing.
        assert_eq!(refused(world.store.accounts.login(&world.nobody(), login(ada.code(&world, 0))).await), "wait 1");
        for pause in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            world.wait(Duration::from_secs(pause));
            assert_eq!(guess().await, "otp.invalid");
            assert!(guess().await.starts_with("wait"));
        }
        // The same count delays the other calls of a signed-in user that check a code.
        let ctx = ada.ctx(&world);
        assert!(refused(world.store.two_factor.disable(&ctx, proof("correct horse", "000000")).await).starts_with("wait"));
        assert!(refused(world.store.two_factor.reauthenticate(&ctx, again("correct horse", Some("000000"))).await).starts_with("wait"));
        world.wait(Duration::from_secs(60));
        world.store.accounts.login(&world.nobody(), login(ada.code(&world, 0))).await.unwrap();
        world.wait(Duration::from_secs(30));
        assert_eq!(guess().await, "otp.invalid", "a right code clears the count");
        let told = actions(&world, &ctx).await;
        assert_eq!(told.iter().filter(|action| *action == "otp.refused").count(), 1, "the first of an hour: {told:?}");
        world.wait(Duration::from_secs(3600));
        world.store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap();
        let page = world.store.audit.security(&ctx, PageRequest::default()).await.unwrap();
        let newest = &page.items[0];
        assert_eq!((newest.action.as_str(), &newest.after.as_ref().unwrap()["count"]), ("otp.refused", &json!(15)));
    }

    async fn of_many_codes_at_once_five_are_looked_at(world: World) {
        let ada = Ada::new(&world).await;
        let nodes = [world.store.clone(), world.another_node().await];
        let guesses: Vec<_> = (0..60)
            .map(|index| {
                let (store, ctx) = (nodes[index % 2].clone(), world.nobody());
                let otp = if index == 40 { ada.codes[0].clone() } else { format!("zzzzz-zz{index:03}") };
                tokio::spawn(async move { store.accounts.login(&ctx, login(otp)).await })
            })
            .collect();
        let (mut looked_at, mut was_right) = (0, false);
        for guess in guesses {
            match guess.await.unwrap() {
                Err(Error::TooMany { .. }) => {}
                Ok(_) => was_right = true,
                refused => {
                    assert_eq!(code(refused), "otp.invalid");
                    looked_at += 1;
                }
            }
        }
        assert!(if was_right { (5..=9).contains(&looked_at) } else { looked_at == 5 }, "{looked_at} {was_right}");
    }

    async fn setting_up_and_taking_away(world: World) {
        let signed_in = world.register("ada").await;
        let factor = &world.store.two_factor;
        let ctx = || world.by(&signed_in.access);
        let enabling = |otp: &str| Enabling::from_json(json!({"otp": otp})).unwrap();
        assert_eq!(code(factor.enable(&ctx(), enabling("123456")).await), "two_factor.off", "nothing is set up");
        assert_eq!(code(factor.renew_codes(&ctx()).await), "two_factor.off");
        assert_eq!(code(factor.disable(&ctx(), proof("correct horse", "123456")).await), "two_factor.off");
        let first = factor.setup(&ctx()).await.unwrap();
        let second = factor.setup(&ctx()).await.unwrap();
        assert_ne!(first.secret, second.secret);
        assert!(second.otpauth_url.starts_with("otpauth://totp/Clowder:ada?secret="));
        let now = |secret: &str| totp::code(&octets(secret), world.now().as_seconds() / STEP);
        assert_eq!(code(factor.enable(&ctx(), enabling(&now(&first.secret))).await), "otp.wrong", "the second replaced it");
        let plain = Login::from_json(json!({"username": "ada", "password": "correct horse"})).unwrap();
        world.store.accounts.login(&world.nobody(), plain.clone()).await.unwrap();
        world.names().await;
        let codes = factor.enable(&ctx(), enabling(&now(&second.secret))).await.unwrap().recovery_codes;
        assert_eq!(world.names().await, ["user.updated"]);
        assert_eq!(code(factor.setup(&ctx()).await), "two_factor.on");
        assert_eq!(code(factor.enable(&ctx(), enabling(&now(&second.secret))).await), "two_factor.on");
        assert!(!world.holds(&octets(&second.secret)) && !world.holds(second.secret.as_bytes()), "the secret is sealed");

        assert_eq!(code(factor.disable(&ctx(), proof("wrong horse", &codes[0])).await), "password.wrong");
        assert_eq!(code(factor.disable(&ctx(), proof("correct horse", "aaaaa-aaaaa")).await), "otp.wrong");
        factor.disable(&ctx(), proof("correct horse", &codes[0])).await.unwrap();
        assert!(!world.store.accounts.me(&ctx()).await.unwrap().two_factor);
        world.store.accounts.login(&world.nobody(), plain).await.unwrap();
        let told = actions(&world, &ctx()).await;
        for action in ["two_factor.prepared", "otp.refused", "two_factor.enabled", "password.refused", "two_factor.disabled"] {
            assert!(told.iter().any(|seen| seen == action), "{action} in {told:?}");
        }
        crate::audit::whole(&world.store).await;
    }

    async fn a_stale_session_must_show_itself_again(world: World) {
        let ada = Ada::new(&world).await;
        let factor = Arc::clone(&world.store.two_factor);
        world.store.two_factor.renew_codes(&ada.ctx(&world)).await.unwrap();
        let stale = ada.ctx(&world);
        let later = |seconds| {
            world.wait(Duration::from_secs(seconds));
            Ctx { now: world.now(), ..stale.clone() }
        };
        assert_eq!(code(factor.renew_codes(&later(600)).await), "authentication.stale");
        let moving = json!({"email": "ada@new.example", "password": "correct horse"});
        let moving = async || {
            let change = ChangeEmail::from_json(moving.clone()).unwrap();
            world.store.credentials.change_email(&later(0), change).await
        };
        assert_eq!(code(moving().await), "authentication.stale", "whoever gets the address gets the account");
        assert_eq!(code(factor.reauthenticate(&later(0), again("wrong horse", None)).await), "password.wrong");
        let missing = factor.reauthenticate(&later(0), again("correct horse", None)).await;
        assert!(matches!(missing, Err(Error::Invalid(errors)) if errors[0].pointer == "/otp"));
        assert_eq!(code(factor.reauthenticate(&later(0), again("correct horse", Some("aaaaa-aaaaa"))).await), "otp.wrong");
        assert_eq!(code(factor.renew_codes(&later(0)).await), "authentication.stale", "none of these made it fresh");
        let otp = ada.code(&world, 0);
        factor.reauthenticate(&later(0), again("correct horse", Some(&otp))).await.unwrap();
        moving().await.unwrap();
        factor.renew_codes(&later(590)).await.unwrap();
        assert_eq!(code(factor.renew_codes(&later(10)).await), "authentication.stale");
        // Using a refresh token is no authentication.
        let token = clowder_accounts::RefreshToken::new(ada.signed_in.refresh.clone());
        let next = world.store.accounts.refresh(&world.nobody(), token).await.unwrap();
        assert_eq!(code(factor.renew_codes(&world.by(&next.access)).await), "authentication.stale");
        assert_eq!(code(factor.setup(&world.by(&next.access)).await), "authentication.stale");
        let told = actions(&world, &later(0)).await;
        assert!(told.ends_with(&["otp.refused", "session.reauthenticated", "email.change_asked", "recovery_codes.renewed"].map(str::to_owned)), "{told:?}");
        assert_eq!(code(factor.renew_codes(&world.nobody()).await), "token.missing");
    }
}
