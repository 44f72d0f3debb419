//! The guarantees of `Credentials`.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{
    Login, RefreshToken, SignedIn,
    model::{ChangeEmail, ChangePassword, EmailLink, Forgot, LinkPurpose, LinkToken, Proof, Resend, ResetPassword},
};
use clowder_core::{
    Ctx, Error, Input, Mail, Origin, Result,
    job::{Verdict, Work},
};
use serde_json::json;

use crate::world::{Person, World, account, code, on_both};

pub const OLD: &str = "correct horse";
pub const NEW: &str = "staple battery";
const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// Runs due jobs, and returns the emails that resulted.
pub async fn emails(world: &World) -> Vec<Mail> {
    let jobs = &world.store.jobs;
    for worker in world.store.workers.iter().filter(|worker| worker.kind() != "store.sweep") {
        for job in jobs.take(&world.nobody(), vec![worker.kind()], 100).await.unwrap() {
            worker.work(&world.nobody(), &job).await.unwrap();
            jobs.settle(&world.nobody(), &job, Verdict::Done).await.unwrap();
        }
    }
    let mut emails = Vec::new();
    for job in jobs.take(&world.nobody(), vec![Mail::KIND], 100).await.unwrap() {
        emails.push(job.read().unwrap());
        jobs.settle(&world.nobody(), &job, Verdict::Done).await.unwrap();
    }
    emails
}

async fn email(world: &World) -> Mail {
    let mut emails = emails(world).await;
    assert_eq!(emails.len(), 1, "{emails:?}");
    emails.remove(0)
}

/// Recipients and subjects.
fn heads(emails: &[Mail]) -> Vec<(&str, &str)> {
    emails.iter().map(|mail| (mail.address.as_str(), mail.subject.as_str())).collect()
}

/// The token after `#verify=` or `#reset=`.
fn token(mail: &Mail, purpose: &str) -> String {
    let (_, rest) = mail.text.split_once(&format!("#{purpose}=")).unwrap_or_else(|| panic!("{}", mail.text));
    rest.split_whitespace().next().unwrap().to_owned()
}

async fn read_link(world: &World, token: &str) -> Result<EmailLink> {
    let link = LinkToken::from_json(json!({"token": token})).unwrap();
    world.store.credentials.email_link(&world.nobody(), link).await
}

async fn verify(world: &World, token: &str) -> Result<()> {
    let proof = Proof::from_json(json!({"token": token})).unwrap();
    world.store.credentials.verify_email(&world.nobody(), proof).await
}

async fn forgot(world: &World, address: &str) {
    let forgot = Forgot::from_json(json!({"email": address})).unwrap();
    world.store.credentials.forgot(&world.nobody(), forgot).await.unwrap();
}

async fn reset(world: &World, token: &str, password: &str) -> Result<()> {
    let reset = ResetPassword::from_json(json!({"token": token, "new_password": password})).unwrap();
    world.store.credentials.reset(&world.nobody(), reset).await
}

pub async fn change_email(world: &World, who: &Person, address: &str, password: &str) -> Result<()> {
    let change = ChangeEmail::from_json(json!({"email": address, "password": password})).unwrap();
    world.store.credentials.change_email(&world.ctx(who), change).await
}

pub async fn change_password(world: &World, who: &Person, current: &str, new: &str) -> Result<()> {
    let change = ChangePassword::from_json(json!({"current_password": current, "new_password": new})).unwrap();
    world.store.credentials.change_password(&world.ctx(who), change).await
}

pub async fn login_as(world: &World, ctx: &Ctx, name: &str, password: &str) -> Result<SignedIn> {
    let login = Login::from_json(json!({"username": name, "password": password})).unwrap();
    world.store.accounts.login(ctx, login).await
}

pub async fn login(world: &World, name: &str, password: &str) -> Result<SignedIn> {
    login_as(world, &world.nobody(), name, password).await
}

/// How long somebody who is too fast has to wait, in seconds, rounded up.
#[track_caller]
pub fn wait_of<T: std::fmt::Debug>(result: Result<T>) -> u64 {
    match result {
        Err(Error::TooMany { retry_after, .. }) => retry_after.as_millis().div_ceil(1000) as u64,
        other => panic!("not told to wait: {other:?}"),
    }
}

on_both! {
    async fn a_link_says_what_it_is_for(world: World) {
        world.person("ada").await;
        let asked = token(&email(&world).await, "verify");
        for _ in 0..2 {
            let link = read_link(&world, &asked).await.unwrap();
            let seen = (link.purpose, link.email.as_str(), link.needs_password);
            assert_eq!(seen, (LinkPurpose::Verify, "ada@example.org", false));
            let end = world.now().plus(DAY);
            assert!((end.minus(MINUTE)..=end).contains(&link.expires_at), "{link:?}");
        }
        verify(&world, &asked).await.unwrap();
        assert_eq!(code(read_link(&world, &asked).await), "link.gone");
        emails(&world).await;
        forgot(&world, "ADA@example.org").await;
        let asked = token(&email(&world).await, "reset");
        let link = read_link(&world, &asked).await.unwrap();
        assert_eq!((link.purpose, link.email.as_str(), link.needs_password), (LinkPurpose::Reset, "ada@example.org", false));
        world.wait(31 * MINUTE);
        assert_eq!(code(read_link(&world, &asked).await), "link.gone");
        assert_eq!(code(read_link(&world, "no such token").await), "link.gone");
    }

    async fn an_address_is_confirmed_once_and_within_a_day(world: World) {
        let ada = world.person("ada").await;
        let asked = email(&world).await;
        assert_eq!(heads(std::slice::from_ref(&asked)), [("ada@example.org", "Confirm your address")]);
        world.names().await;
        world.wait(DAY - MINUTE);
        verify(&world, &token(&asked, "verify")).await.unwrap();
        assert_eq!(world.names().await, ["user.updated"]);
        let own = world.store.accounts.me(&world.ctx(&ada)).await.unwrap();
        assert!(own.email_verified);
        assert_eq!(own.version, 2);
        assert_eq!(code(verify(&world, &token(&asked, "verify")).await), "link.gone");
        assert_eq!(code(verify(&world, "unheard of").await), "link.gone");
        assert_eq!(code(world.store.credentials.resend(&world.ctx(&ada)).await), "email.verified");

        world.register("bob").await;
        let late = email(&world).await;
        world.wait(DAY + MINUTE);
        assert_eq!(code(verify(&world, &token(&late, "verify")).await), "link.gone");
    }

    async fn of_several_emails_one_is_answered(world: World) {
        let ada = world.person("ada").await;
        let first = email(&world).await;
        world.wait(MINUTE);
        world.store.credentials.resend(&world.ctx(&ada)).await.unwrap();
        let second = email(&world).await;
        assert_ne!(token(&first, "verify"), token(&second, "verify"));
        verify(&world, &token(&first, "verify")).await.unwrap();
        assert_eq!(code(verify(&world, &token(&second, "verify")).await), "link.gone");
    }

    async fn emails_come_one_a_minute_and_five_an_hour(world: World) {
        let ada = world.person("ada").await;
        let resend = async || world.store.credentials.resend(&world.ctx(&ada)).await;
        assert_eq!(wait_of(resend().await), 60, "registering sent one");
        for _ in 0..3 {
            world.wait(MINUTE);
            resend().await.unwrap();
            assert_eq!(wait_of(resend().await), 60);
        }
        world.wait(MINUTE);
        resend().await.unwrap();
        let wait = wait_of(resend().await);
        assert_eq!(wait, 56 * 60, "until the first is an hour old");
        world.wait(Duration::from_secs(wait));
        resend().await.unwrap();
        assert_eq!(emails(&world).await.len(), 6);
    }

    async fn an_address_that_nobody_confirmed_gets_no_flood(world: World) {
        let eve = world.person("eve").await;
        emails(&world).await;
        for n in 0..5 {
            change_email(&world, &eve, &format!("eve{n}@junk.example"), OLD).await.unwrap();
        }
        let mail = emails(&world).await;
        let victim: Vec<_> = mail.iter().filter(|mail| mail.address == "eve@example.org").collect();
        assert_eq!(victim.len(), 1, "one a minute");
        assert!(victim[0].text.starts_with("Hello eve,"), "{}", victim[0].text);

        // All plus-addresses arrive in one mailbox.
        world.wait(2 * MINUTE);
        change_email(&world, &eve, "mallory+1@junk.example", OLD).await.unwrap();
        assert_eq!(wait_of(change_email(&world, &eve, "mallory+2@junk.example", OLD).await), 60);
    }

    async fn whoever_is_not_signed_in_asks_by_address(world: World) {
        world.register("ada").await;
        emails(&world).await;
        let resend = async |address: &str| {
            let resend = Resend::from_json(json!({"email": address})).unwrap();
            world.store.credentials.resend_to(&world.nobody(), resend).await.unwrap();
            emails(&world).await
        };
        assert!(resend("Ada@example.org").await.is_empty(), "one a minute");
        world.wait(MINUTE);
        assert!(resend("nobody@example.org").await.is_empty());
        let mail = resend("Ada@example.org").await;
        assert_eq!(heads(&mail), [("Ada@example.org", "Confirm your address")]);
        verify(&world, &token(&mail[0], "verify")).await.unwrap();
        world.wait(MINUTE);
        assert!(resend("ada@example.org").await.is_empty(), "it is confirmed");
    }

    async fn of_many_that_ask_for_a_email_at_once_one_gets_it(world: World) {
        let ada = world.person("ada").await;
        emails(&world).await;
        world.wait(MINUTE);
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (world, ctx) = (world.clone(), world.ctx(&ada));
                tokio::spawn(async move { world.store.credentials.resend(&ctx).await })
            })
            .collect();
        let mut sent = 0;
        for tried in tries {
            sent += usize::from(tried.await.unwrap().is_ok());
        }
        assert_eq!((sent, emails(&world).await.len()), (1, 1));
    }

    async fn an_address_changes_when_the_new_one_answers(world: World) {
        let ada = world.person("ada").await;
        let first = email(&world).await;
        let me = async || world.store.accounts.me(&world.ctx(&ada)).await.unwrap();
        assert_eq!(code(change_email(&world, &ada, "ada@new.example", "wrong horse").await), "password.wrong");
        assert!(emails(&world).await.is_empty());
        change_email(&world, &ada, "Ada@New.example", OLD).await.unwrap();
        let mail = emails(&world).await;
        assert_eq!(heads(&mail), [
            ("Ada@new.example", "Confirm your address"),
            ("ada@example.org", "Your address is about to change"),
        ]);
        assert!(mail[1].text.contains("Ada@new.example"));
        assert_eq!((me().await.email, me().await.email_verified), ("ada@example.org".to_owned(), false));
        world.names().await;
        verify(&world, &token(&mail[0], "verify")).await.unwrap();
        assert_eq!(world.names().await, ["user.updated"]);
        assert_eq!((me().await.email, me().await.email_verified), ("Ada@new.example".to_owned(), true));
        assert_eq!(code(verify(&world, &token(&first, "verify")).await), "link.gone", "the old address does not come back");
        login(&world, "ada@new.example", OLD).await.unwrap();
        assert_eq!(code(login(&world, "ada@example.org", OLD).await), "credentials.invalid");
        assert_eq!(code(change_email(&world, &ada, "Ada@new.example", OLD).await), "email.verified");
    }

    async fn an_address_that_is_taken_is_not_given_twice(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        emails(&world).await;
        assert_eq!(code(change_email(&world, &ada, "Bob@example.org", OLD).await), "email.taken");
        // Both request the same address; whoever answers first gets it.
        change_email(&world, &ada, "shared@example.org", OLD).await.unwrap();
        assert_eq!(wait_of(change_email(&world, &bob, "shared@example.org", OLD).await), 60);
        world.wait(MINUTE);
        change_email(&world, &bob, "shared@example.org", OLD).await.unwrap();
        let mail = emails(&world).await;
        let asked: Vec<_> = mail.iter().filter(|mail| mail.address == "shared@example.org").collect();
        let answers: Vec<_> = asked
            .iter()
            .map(|mail| {
                let (world, token) = (world.clone(), token(mail, "verify"));
                tokio::spawn(async move { verify(&world, &token).await })
            })
            .collect();
        let mut refused = Vec::new();
        for answer in answers {
            refused.extend(answer.await.unwrap().err());
        }
        assert_eq!(refused.len(), 1);
        assert_eq!(code(Err::<(), _>(refused.remove(0))), "email.taken");
    }

    async fn where_nothing_is_told_only_the_owner_of_an_address_learns_that_it_is_taken(world: World) {
        let [ada, _bob] = world.people(["ada", "bob"]).await;
        emails(&world).await;
        let silent = world.node_with(|options| options.sign_ups.reveal_taken = false).await;
        let change = ChangeEmail::from_json(json!({"email": "bob@example.org", "password": OLD})).unwrap();
        silent.credentials.change_email(&world.ctx(&ada), change).await.unwrap();
        let mail = emails(&world).await;
        assert_eq!(heads(&mail)[0], ("bob@example.org", "You already have an account"));
        assert!(mail[0].text.starts_with("Hello bob,"), "by the name of the account: {}", mail[0].text);

        // Text typed by somebody else never reaches the owner.
        let mut new = account("eve");
        new.email = account("bob").email;
        new.display_name = Some(clowder_core::Field::parse(json!("Win at evil.example")).unwrap());
        world.wait(MINUTE);
        silent.accounts.register(&world.nobody(), new).await.unwrap();
        let mail = email(&world).await;
        assert!(mail.text.starts_with("Hello bob,") && !mail.text.contains("evil"), "{}", mail.text);
    }

    async fn a_forgotten_password_is_chosen_anew(world: World) {
        let ada = world.register("ada").await;
        let (phone, laptop) = (world.by(&ada.access), login(&world, "ada", OLD).await.unwrap());
        emails(&world).await;
        world.names().await;
        forgot(&world, "nobody@example.org").await;
        assert!(emails(&world).await.is_empty());
        forgot(&world, "ADA@example.org").await;
        let asked = email(&world).await;
        assert_eq!(heads(std::slice::from_ref(&asked)), [("ada@example.org", "Choose a new password")], "as its owner wrote it");
        let reset_token = token(&asked, "reset");
        assert_eq!(code(verify(&world, &reset_token).await), "link.gone", "it is good for one purpose");
        for unfit in ["password123", "ada"] {
            let tried = ResetPassword::from_json(json!({"token": reset_token, "new_password": unfit}));
            assert!(matches!(tried, Err(Error::Invalid(_))), "{unfit}");
        }
        reset(&world, &reset_token, NEW).await.unwrap();
        assert_eq!(world.names().await, ["session.ended", "session.ended", "user.updated"]);
        assert_eq!(code(world.store.accounts.identify(&ada.access, world.now())), "session.ended");
        assert_eq!(code(world.store.accounts.identify(&laptop.access, world.now())), "session.ended");
        let notice = email(&world).await;
        assert_eq!(heads(&[notice]), [("ada@example.org", "Your password has been changed")]);
        assert_eq!(code(login(&world, "ada", OLD).await), "credentials.invalid");
        let again = login(&world, "ada", NEW).await.unwrap();
        assert!(again.user.email_verified, "who reads the mail has proved the address");
        assert_eq!(code(reset(&world, &reset_token, "another battery").await), "link.gone");
        assert!(phone.user().is_ok());
    }

    async fn a_reset_is_seen_in_the_own_profile_at_once(world: World) {
        let ada = world.register("ada").await;
        let _followed = world.store.follow().await.unwrap();
        emails(&world).await;
        let me = async |access: &str| world.store.accounts.me(&world.by(access)).await.unwrap();
        assert!(!me(&ada.access).await.email_verified, "now it is in memory");
        forgot(&world, "ada@example.org").await;
        reset(&world, &token(&email(&world).await, "reset"), NEW).await.unwrap();
        let again = login(&world, "ada", NEW).await.unwrap();
        assert!(me(&again.access).await.email_verified);
    }

    async fn a_email_for_a_new_password_is_good_for_half_an_hour(world: World) {
        world.register("ada").await;
        emails(&world).await;
        forgot(&world, "ada@example.org").await;
        let first = email(&world).await;
        forgot(&world, "ada@example.org").await;
        assert!(emails(&world).await.is_empty(), "one a minute");
        world.wait(Duration::from_secs(30 * 60));
        assert_eq!(code(reset(&world, &token(&first, "reset"), NEW).await), "link.gone");
        for _ in 0..2 {
            forgot(&world, "ada@example.org").await;
            world.wait(MINUTE);
        }
        let mail = emails(&world).await;
        // Both were postponed, and the second job found that an email had just been sent.
        assert_eq!(mail.len(), 1);
        reset(&world, &token(&mail[0], "reset"), NEW).await.unwrap();
    }

    async fn too_many_emails_change_no_answer(world: World) {
        let ada = world.person("ada").await;
        verify(&world, &token(&email(&world).await, "verify")).await.unwrap();
        assert!(world.store.accounts.me(&world.ctx(&ada)).await.unwrap().email_verified);
        world.person("bob").await;
        emails(&world).await;
        let somewhere = || {
            let origin = Origin { address: Some("203.0.113.9".parse().unwrap()), agent: None };
            Ctx { origin, ..world.nobody() }
        };
        let forgot = async |address: &str| {
            let forgot = Forgot::from_json(json!({"email": address})).unwrap();
            world.store.credentials.forgot(&somewhere(), forgot).await
        };
        for over in [false, true] {
            world.wait(2 * 60 * MINUTE);
            if over {
                for i in 0..world.options.credentials.emails_an_hour {
                    forgot(&format!("nobody{i}@example.org")).await.unwrap();
                }
            }
            // Confirmed, unconfirmed, unknown: how many emails to choose a new password, and to confirm the address.
            for (name, resets, asks) in [("ada", 1, 0), ("bob", 1, 1), ("nobody", 0, 0)] {
                let address = format!("{name}@example.org");
                forgot(&address).await.expect("always the same answer");
                let resend = Resend::from_json(json!({"email": address})).unwrap();
                world.store.credentials.resend_to(&somewhere(), resend).await.expect("always the same answer");
                let sent = emails(&world).await;
                let expected = if over { 0 } else { resets + asks };
                assert_eq!(sent.len(), expected, "{name}, over the quota: {over}: {sent:?}");
            }
        }
    }

    async fn a_new_password_makes_all_other_emails_worthless(world: World) {
        let ada = world.person("ada").await;
        emails(&world).await;
        // Somebody who knows the old password requests an address of their own, and waits.
        change_email(&world, &ada, "thief@evil.example", OLD).await.unwrap();
        let thief = emails(&world).await.remove(0);
        assert_eq!(thief.address, "thief@evil.example");
        forgot(&world, "ada@example.org").await;
        let first = email(&world).await;
        world.wait(MINUTE);
        forgot(&world, "ada@example.org").await;
        let second = email(&world).await;
        reset(&world, &token(&second, "reset"), NEW).await.unwrap();
        assert_eq!(code(reset(&world, &token(&first, "reset"), "another battery").await), "link.gone");
        assert_eq!(code(verify(&world, &token(&thief, "verify")).await), "link.gone", "the account stays with its owner");
        assert_eq!(login(&world, "ada", NEW).await.unwrap().user.email, "ada@example.org");
    }

    async fn an_address_that_was_left_opens_nothing(world: World) {
        let ada = world.person("ada").await;
        emails(&world).await;
        forgot(&world, "ada@example.org").await;
        let old = email(&world).await;
        change_email(&world, &ada, "ada@new.example", OLD).await.unwrap();
        let asked = emails(&world).await.remove(0);
        verify(&world, &token(&asked, "verify")).await.unwrap();
        assert_eq!(code(reset(&world, &token(&old, "reset"), NEW).await), "link.gone");
    }

    async fn of_many_that_use_one_email_one_does(world: World) {
        world.register("ada").await;
        emails(&world).await;
        forgot(&world, "ada@example.org").await;
        let token = token(&email(&world).await, "reset");
        let tries: Vec<_> = (0..8)
            .map(|i| {
                let (world, token) = (world.clone(), token.clone());
                tokio::spawn(async move { (i, reset(&world, &token, &format!("staple battery {i}")).await) })
            })
            .collect();
        let mut won = Vec::new();
        for tried in tries {
            let (i, result) = tried.await.unwrap();
            match result {
                Ok(()) => won.push(i),
                refused => assert_eq!(code(refused), "link.gone"),
            }
        }
        assert_eq!(won.len(), 1);
        login(&world, "ada", &format!("staple battery {}", won[0])).await.unwrap();
    }

    async fn changing_the_password_ends_the_other_sessions(world: World) {
        let here = world.register("ada").await;
        let ada = Person { id: here.user.id, actor: world.by(&here.access).actor };
        let there = login(&world, "ada", OLD).await.unwrap();
        emails(&world).await;
        world.names().await;
        assert_eq!(code(change_password(&world, &ada, "wrong horse", NEW).await), "password.wrong");
        let unfit = change_password(&world, &ada, OLD, "Adalovelace").await;
        assert!(unfit.is_ok(), "it is not the username");
        world.wait(Duration::from_secs(1));
        assert_eq!(world.names().await, ["session.ended"]);
        assert!(world.store.accounts.identify(&here.access, world.now()).is_ok(), "the own one stays");
        assert_eq!(code(world.store.accounts.identify(&there.access, world.now())), "session.ended");
        let refreshed = world.store.accounts.refresh(&world.nobody(), RefreshToken::new(there.refresh)).await;
        assert_eq!(code(refreshed), "session.ended");
        world.store.accounts.refresh(&world.nobody(), RefreshToken::new(here.refresh)).await.unwrap();
        assert_eq!(heads(&[email(&world).await]), [("ada@example.org", "Your password has been changed")]);
        login(&world, "ada", "Adalovelace").await.unwrap();
    }

    async fn a_new_password_is_not_the_username(world: World) {
        let long = world.person("ada.lovelace").await;
        emails(&world).await;
        let Err(Error::Invalid(errors)) = change_password(&world, &long, OLD, "Ada.Lovelace").await else { panic!() };
        assert_eq!((errors[0].pointer.as_str(), &*errors[0].code), ("/new_password", "username"));
        forgot(&world, "ada.lovelace@example.org").await;
        let token = token(&email(&world).await, "reset");
        assert!(matches!(reset(&world, &token, "ADA.lovelace").await, Err(Error::Invalid(_))));
        reset(&world, &token, NEW).await.unwrap();
    }
}
