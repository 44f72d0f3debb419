//! The guarantees of `SignUps`, and of registering when accounts have to wait.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{
    Login, NewAccount, Registration,
    model::{Imported, NewImport, NewInvite, NextStep, Proof, Rejection, Resend},
    sign_up::{Mode, Rules},
};
use clowder_core::{
    Error, Input, Mail, PageRequest, Result,
    job::{Verdict, Work},
};
use clowder_infra::Store;
use serde_json::{Value, json};

use crate::world::{World, code, on_both};

/// A node over the same database with other sign-up rules.
pub async fn node(world: &World, mode: Mode, reveal_taken: bool) -> Store {
    world.node_with(|options| options.sign_ups = Rules { mode, reveal_taken }).await
}

pub fn new(name: &str, invite: Option<&str>) -> NewAccount {
    let email = format!("{name}@example.org");
    let new = json!({"username": name, "email": email, "password": "correct horse", "invite": invite});
    NewAccount::from_json(new).unwrap()
}

pub async fn register(world: &World, store: &Store, name: &str, invite: Option<&str>) -> Result<Registration> {
    store.accounts.register(&world.nobody(), new(name, invite)).await
}

async fn login(world: &World, store: &Store, name: &str) -> Result<()> {
    let login = Login::from_json(json!({"username": name, "password": "correct horse"})).unwrap();
    store.accounts.login(&world.nobody(), login).await.map(|_| ())
}

/// The waiting emails, which this sends.
async fn emails(world: &World) -> Vec<Mail> {
    let ctx = world.nobody();
    let mut emails = Vec::new();
    for job in world.store.jobs.take(&ctx, vec![Mail::KIND], 100).await.unwrap() {
        emails.push(job.read().unwrap());
        world.store.jobs.settle(&ctx, &job, Verdict::Done).await.unwrap();
    }
    emails
}

fn token(mail: &Mail) -> Proof {
    let (_, token) = mail.text.split_once("#verify=").unwrap();
    let proof = json!({"token": token.split_whitespace().next().unwrap(), "password": "correct horse"});
    Proof::from_json(proof).unwrap()
}

fn next(registered: Result<Registration>) -> NextStep {
    match registered.unwrap() {
        Registration::Waiting(waiting) => waiting.next,
        Registration::SignedIn(_) => panic!("signed in"),
    }
}

fn everything() -> PageRequest {
    PageRequest::default()
}

on_both! {
    async fn where_nothing_is_told_an_account_begins_with_its_address(world: World) {
        world.register("ada").await;
        emails(&world).await;
        // Nobody gets two emails a minute.
        world.wait(Duration::from_secs(61));
        let store = node(&world, Mode::Open, false).await;
        let mut again = new("ada2", None);
        again.email = new("ada", None).email;
        // Only the email shows the difference.
        assert_eq!(next(store.accounts.register(&world.nobody(), again).await), NextStep::ConfirmEmail);
        assert_eq!(next(register(&world, &store, "bob", None).await), NextStep::ConfirmEmail);
        let mail = emails(&world).await;
        assert_eq!(mail.iter().map(|mail| (mail.address.as_str(), mail.subject.as_str())).collect::<Vec<_>>(), [
            ("ada@example.org", "You already have an account"),
            ("bob@example.org", "Confirm your address"),
        ]);
        for name in ["ada2", "bob"] {
            assert_eq!(code(login(&world, &store, name).await), "credentials.invalid", "{name}");
            assert_eq!(code(register(&world, &store, name, None).await), "username.taken", "{name}");
        }
        world.names().await;
        store.credentials.verify_email(&world.nobody(), token(&mail[1])).await.unwrap();
        assert_eq!(world.names().await, ["user.registered"]);
        login(&world, &store, "bob").await.unwrap();
        assert_eq!(code(store.credentials.verify_email(&world.nobody(), token(&mail[1])).await), "link.gone");
        // An unconfirmed sign-up expires after a day, and its name is free again.
        world.wait(Duration::from_secs(24 * 3600 + 60));
        assert_eq!(next(register(&world, &store, "ada2", None).await), NextStep::ConfirmEmail);
    }

    async fn a_lost_email_is_sent_again_to_each_who_waits(world: World) {
        let store = node(&world, Mode::Open, false).await;
        let address = new("ada", None).email;
        for name in ["ada", "eve"] {
            let account = NewAccount { email: address.clone(), ..new(name, None) };
            store.accounts.register(&world.nobody(), account).await.unwrap();
        }
        assert_eq!(crate::credentials::emails(&world).await.len(), 1, "one a minute");
        world.wait(Duration::from_secs(59));
        assert!(crate::credentials::emails(&world).await.is_empty());
        world.wait(Duration::from_secs(1));
        let mail = crate::credentials::emails(&world).await;
        assert!(mail.len() == 1 && mail[0].text.contains("for the account eve."), "the second came late, and came: {mail:?}");
        world.wait(Duration::from_secs(3600));
        let resend = async || {
            let resend = Resend::from_json(json!({"email": "ada@example.org"})).unwrap();
            store.credentials.resend_to(&world.nobody(), resend).await.unwrap();
            crate::credentials::emails(&world).await
        };
        let mail = resend().await;
        for (mail, name) in mail.iter().zip(["ada", "eve"]) {
            assert!(mail.text.contains(&format!("for the account {name}. The link is valid for 22 hours")), "{}", mail.text);
        }
        assert_eq!(mail.len(), 2, "nobody pushes in front of another");
        store.credentials.verify_email(&world.nobody(), token(&mail[0])).await.unwrap();
        assert!(login(&world, &store, "ada").await.is_ok());
        world.wait(Duration::from_secs(24 * 3600));
        assert!(resend().await.is_empty(), "what was not confirmed is forgotten");
    }

    async fn whoever_confirms_is_the_one_who_chose_the_password(world: World) {
        let store = node(&world, Mode::Open, false).await;
        // Eve signs up with Ada's address, and then Ada does so herself.
        let eve = json!({"username": "eve", "email": "ada@example.org", "password": "the plan of eve"});
        store.accounts.register(&world.nobody(), NewAccount::from_json(eve).unwrap()).await.unwrap();
        register(&world, &store, "ada", None).await.unwrap();
        world.wait(Duration::from_secs(61));
        let mail = crate::credentials::emails(&world).await;
        assert_eq!(mail.len(), 2);
        // Ada answers the first email she finds, with the password that she chose.
        let verify = async |proof: Proof| store.credentials.verify_email(&world.nobody(), proof).await;
        let missing = verify(Proof { password: None, ..token(&mail[0]) }).await;
        assert!(matches!(missing, Err(Error::Invalid(errors)) if errors[0].pointer == "/password"));
        for _ in 0..3 {
            assert_eq!(code(verify(token(&mail[0])).await), "password.wrong", "the token stays good");
        }
        for guess in ["one wrong guess", "another wrong one"] {
            let proof = json!({"token": token(&mail[0]).token.expose(), "password": guess});
            assert_eq!(code(verify(Proof::from_json(proof).unwrap()).await), "password.wrong");
        }
        assert_eq!(crate::credentials::wait_of(verify(token(&mail[0])).await), 1, "guesses make wait");
        verify(token(&mail[1])).await.unwrap();
        assert!(login(&world, &store, "ada").await.is_ok());
        world.wait(Duration::from_secs(60));
        let late = json!({"token": token(&mail[0]).token.expose(), "password": "the plan of eve"});
        assert_eq!(code(verify(Proof::from_json(late).unwrap()).await), "email.taken");
    }

    async fn where_sign_up_is_closed_nothing_is_hashed(world: World) {
        // There is no hashing thread, so anything that needs one would hang.
        for (mode, invite, refusal) in [
            (Mode::Closed, None, "sign_up.closed"),
            (Mode::Invite, None, "invite.required"),
            (Mode::Invite, Some("made up"), "invite.gone"),
        ] {
            let store = world.node_with(|options| {
                options.sign_ups = Rules { mode, reveal_taken: true };
                options.hasher.threads = 0;
            });
            let store = store.await;
            let refused = tokio::time::timeout(Duration::from_secs(20), register(&world, &store, "ada", invite));
            assert_eq!(code(refused.await.expect("it is hashed")), refusal);
        }
    }

    async fn emails_to_others_are_ten_an_hour_by_whoever_causes_them(world: World) {
        let store = node(&world, Mode::Open, false).await;
        let from = |address: &str| {
            let mut ctx = world.nobody();
            ctx.origin.address = Some(address.parse().unwrap());
            ctx
        };
        let forgot = async |from_: &str, number: usize| {
            let forgot = json!({"email": format!("somebody{number}@example.org")});
            let forgot = clowder_accounts::model::Forgot::from_json(forgot).unwrap();
            store.credentials.forgot(&from(from_), forgot).await
        };
        // The same whether or not there is such an account.
        world.register("somebody3").await;
        for number in 0..8 {
            forgot("192.0.2.1", number).await.unwrap();
        }
        store.accounts.register(&from("192.0.2.1"), new("ada", None)).await.unwrap();
        let taken = NewAccount { email: new("somebody3", None).email, ..new("bob", None) };
        store.accounts.register(&from("192.0.2.1"), taken).await.unwrap();
        crate::credentials::emails(&world).await;
        // The answer is the usual one, and nothing is sent.
        forgot("192.0.2.1", 3).await.unwrap();
        assert!(crate::credentials::emails(&world).await.is_empty());
        let refused = store.accounts.register(&from("192.0.2.1"), new("eve", None)).await.map(|_| ());
        assert!(crate::credentials::wait_of(refused) > 3590);
        forgot("192.0.2.2", 9).await.unwrap();
        // If an account can begin without an email, it begins all the same.
        let open = node(&world, Mode::Open, true).await;
        crate::credentials::emails(&world).await;
        assert!(open.accounts.register(&from("192.0.2.1"), new("dan", None)).await.unwrap().signed_in().is_some());
        assert!(crate::credentials::emails(&world).await.is_empty());
        world.wait(Duration::from_secs(3600));
        forgot("192.0.2.1", 9).await.unwrap();
    }

    async fn invitations_are_not_guessed_many_at_a_time(world: World) {
        let [admin] = world.people(["rita"]).await;
        let store = node(&world, Mode::Invite, true).await;
        let invite = NewInvite::from_json(json!({})).unwrap();
        let invite = store.sign_ups.invite(&world.ctx(&admin), invite).await.unwrap().code;
        let ctx = || {
            let mut ctx = world.nobody();
            ctx.origin.address = Some("192.0.2.1".parse().unwrap());
            ctx
        };
        let guesses: Vec<_> = (0..40)
            .map(|index| {
                let (store, ctx) = (store.clone(), ctx());
                let account = new(&format!("guest{index}"), Some(&format!("guess {index}")));
                tokio::spawn(async move { store.accounts.register(&ctx, account).await })
            })
            .collect();
        let mut told = 0;
        for guess in guesses {
            match guess.await.unwrap() {
                Err(Error::TooMany { .. }) => {}
                other => {
                    assert_eq!(code(other), "invite.gone");
                    told += 1;
                }
            }
        }
        assert_eq!(told, 5);
        let right = store.accounts.register(&ctx(), new("ada", Some(&invite))).await.map(|_| ());
        assert!(matches!(right, Err(Error::TooMany { .. })), "the right one waits as well");
        world.wait(Duration::from_secs(60));
        assert!(store.accounts.register(&ctx(), new("ada", Some(&invite))).await.is_ok());
    }

    async fn a_name_that_looks_like_that_of_somebody_who_waits_is_taken(world: World) {
        let [admin] = world.people(["rita"]).await;
        let (open, approval) = (node(&world, Mode::Open, false).await, node(&world, Mode::Approval, true).await);
        let count = std::sync::atomic::AtomicUsize::new(0);
        // Separate addresses, because the number of emails per address is tested elsewhere.
        let sign_up = async |store: &Store, name: &str| {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let email = format!("somebody{number}@example.org");
            let new = json!({"username": name, "email": email, "password": "correct horse"});
            let mut ctx = world.nobody();
            ctx.origin.address = Some(format!("192.0.2.{number}").parse().unwrap());
            store.accounts.register(&ctx, NewAccount::from_json(new).unwrap()).await
        };
        // A Cyrillic В, whose small letter looks like nothing Latin; and the other way round.
        for (first, second) in [("Вob", "Bob"), ("Hal", "Нal")] {
            sign_up(&open, first).await.unwrap();
            assert_eq!(code(sign_up(&open, second).await), "username.taken", "{first} waits");
        }
        // An unconfirmed name is free again, whether or not the sweep has run.
        world.wait(Duration::from_secs(24 * 3600 + 60));
        sign_up(&open, "Bob").await.unwrap();
        assert_eq!(code(sign_up(&open, "Вob").await), "username.taken");
        world.wait(Duration::from_secs(24 * 3600 + 60));
        world.store.upkeep.sweep(&world.nobody(), Duration::ZERO).await.unwrap();
        // A rejected sign-up releases the name, an approved one keeps it.
        let waits = async || approval.sign_ups.waiting(&world.ctx(&admin), everything()).await.unwrap().items;
        assert_eq!(next(sign_up(&approval, "Вob").await), NextStep::AwaitApproval);
        assert_eq!(code(sign_up(&approval, "Bob").await), "username.taken");
        let reason = Rejection::from_json(json!({})).unwrap();
        approval.sign_ups.reject(&world.ctx(&admin), waits().await[0].id, reason).await.unwrap();
        assert_eq!(next(sign_up(&approval, "Bob").await), NextStep::AwaitApproval);
        approval.sign_ups.approve(&world.ctx(&admin), waits().await[0].id).await.unwrap();
        assert_eq!(code(sign_up(&approval, "Вob").await), "username.taken");
        login(&world, &approval, "Bob").await.unwrap();
    }

    async fn of_look_alikes_that_sign_up_at_once_one_waits(world: World) {
        let store = node(&world, Mode::Open, false).await;
        let tries = ["alice", "aIice", "Alice", "AIice", "a1ice", "ALICE"].map(|name| {
            let (store, ctx) = (store.clone(), world.nobody());
            tokio::spawn(async move { store.accounts.register(&ctx, new(name, None)).await })
        });
        let mut waiting = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(_) => waiting += 1,
                refused => assert_eq!(code(refused), "username.taken"),
            }
        }
        assert_eq!(waiting, 1);
    }

    async fn of_two_who_wait_for_one_address_the_first_to_confirm_gets_it(world: World) {
        let store = node(&world, Mode::Open, false).await;
        let mut other = new("eve", None);
        other.email = new("ada", None).email;
        register(&world, &store, "ada", None).await.unwrap();
        world.wait(Duration::from_secs(61));
        store.accounts.register(&world.nobody(), other).await.unwrap();
        let mail = emails(&world).await;
        store.credentials.verify_email(&world.nobody(), token(&mail[1])).await.unwrap();
        assert_eq!(code(store.credentials.verify_email(&world.nobody(), token(&mail[0])).await), "email.taken");
        assert!(login(&world, &store, "eve").await.is_ok());
    }

    async fn whoever_needs_approval_waits_for_it(world: World) {
        let [admin] = world.people(["rita"]).await;
        emails(&world).await;
        let store = node(&world, Mode::Approval, true).await;
        for name in ["ada", "bob", "eve"] {
            assert_eq!(next(register(&world, &store, name, None).await), NextStep::AwaitApproval);
        }
        let ctx = world.ctx(&admin);
        let first = store.sign_ups.waiting(&ctx, PageRequest { limit: 2, cursor: None }).await.unwrap();
        let rest = PageRequest { limit: 2, cursor: first.next_cursor.clone() };
        let rest = store.sign_ups.waiting(&ctx, rest).await.unwrap();
        let waiting: Vec<_> = first.items.iter().chain(&rest.items).collect();
        assert_eq!(waiting.iter().map(|sign_up| sign_up.username.as_str()).collect::<Vec<_>>(), ["ada", "bob", "eve"]);
        assert!(rest.next_cursor.is_none());

        store.sign_ups.approve(&ctx, waiting[0].id).await.unwrap();
        let reason = Rejection::from_json(json!({"reason": "Not in the choir."})).unwrap();
        store.sign_ups.reject(&ctx, waiting[1].id, reason).await.unwrap();
        assert!(login(&world, &store, "ada").await.is_ok());
        assert_eq!(code(login(&world, &store, "bob").await), "credentials.invalid");
        let mail = emails(&world).await;
        assert_eq!(mail.iter().map(|mail| mail.subject.as_str()).collect::<Vec<_>>(), ["Your account is ready", "Confirm your address", "About your account"]);
        store.credentials.verify_email(&world.nobody(), token(&mail[1])).await.unwrap();
        assert!(mail[2].text.contains("Not in the choir."));
        for decided in &waiting[..2] {
            assert_eq!(code(store.sign_ups.approve(&ctx, decided.id).await), "sign_up.unknown");
            assert_eq!(code(store.sign_ups.reject(&ctx, decided.id, Rejection::default()).await), "sign_up.unknown");
        }
        // Bob may sign up again; Eve's sign-up expires after a month.
        assert!(register(&world, &store, "bob", None).await.is_ok());
        world.wait(Duration::from_secs(30 * 24 * 3600 + 60));
        assert_eq!(code(store.sign_ups.approve(&world.ctx(&admin), waiting[2].id).await), "sign_up.unknown");
        assert!(store.sign_ups.waiting(&world.ctx(&admin), everything()).await.unwrap().items.is_empty());
    }

    async fn approval_comes_after_the_address_where_both_are_asked_for(world: World) {
        let [admin] = world.people(["rita"]).await;
        emails(&world).await;
        let store = node(&world, Mode::Approval, false).await;
        assert_eq!(next(register(&world, &store, "ada", None).await), NextStep::ConfirmEmail);
        assert!(store.sign_ups.waiting(&world.ctx(&admin), everything()).await.unwrap().items.is_empty());
        let mail = emails(&world).await;
        store.credentials.verify_email(&world.nobody(), token(&mail[0])).await.unwrap();
        assert_eq!(code(login(&world, &store, "ada").await), "credentials.invalid");
        let waiting = store.sign_ups.waiting(&world.ctx(&admin), everything()).await.unwrap().items;
        // If several decide at once, one succeeds.
        let decide = |approve: bool| {
            let (store, ctx, id) = (store.clone(), world.ctx(&admin), waiting[0].id);
            tokio::spawn(async move {
                if approve { store.sign_ups.approve(&ctx, id).await } else { store.sign_ups.reject(&ctx, id, Rejection::default()).await }
            })
        };
        let decided = [decide(true), decide(false), decide(true), decide(false)];
        let mut done = 0;
        for decided in decided {
            done += usize::from(decided.await.unwrap().is_ok());
        }
        assert_eq!((done, emails(&world).await.len()), (1, 1));
    }

    async fn invitations_are_used_up_revoked_and_past(world: World) {
        let [admin] = world.people(["rita"]).await;
        let store = node(&world, Mode::Invite, true).await;
        let invite = async |new: Value| {
            store.sign_ups.invite(&world.ctx(&admin), NewInvite::from_json(new).unwrap()).await.unwrap()
        };
        let until = world.now().plus(Duration::from_secs(3600)).to_string();
        let (once, open) = (invite(json!({"max_uses": 1, "note": "one"})).await, invite(json!({"expires_at": until})).await);
        assert_eq!(code(register(&world, &store, "ada", None).await), "invite.required");
        assert_eq!(code(register(&world, &store, "ada", Some("made up")).await), "invite.gone");
        // If many use an invitation for one, one succeeds; a refused attempt uses nothing up.
        assert_eq!(code(register(&world, &store, "rita", Some(&once.code)).await), "username.taken");
        let tries: Vec<_> = (0..6).map(|index| {
            let (store, world, code) = (store.clone(), world.clone(), once.code.clone());
            tokio::spawn(async move { register(&world, &store, &format!("guest{index}"), Some(&code)).await })
        }).collect();
        let mut let_in = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(_) => let_in += 1,
                refused => assert_eq!(code(refused), "invite.gone"),
            }
        }
        assert_eq!(let_in, 1);
        assert!(register(&world, &store, "bob", Some(&open.code)).await.is_ok());
        let listed = store.sign_ups.invites(&world.ctx(&admin), everything()).await.unwrap().items;
        assert_eq!(listed.iter().map(|i| (i.note.as_deref(), i.uses)).collect::<Vec<_>>(), [(None, 1), (Some("one"), 1)]);
        store.sign_ups.revoke_invite(&world.ctx(&admin), open.invite.id).await.unwrap();
        assert_eq!(code(store.sign_ups.revoke_invite(&world.ctx(&admin), open.invite.id).await), "invite.unknown");
        assert_eq!(code(register(&world, &store, "eve", Some(&open.code)).await), "invite.gone");
        let short = invite(json!({"expires_at": world.now().plus(Duration::from_secs(60)).to_string()})).await;
        world.wait(Duration::from_secs(61));
        assert_eq!(code(register(&world, &store, "eve", Some(&short.code)).await), "invite.gone");
        let closed = node(&world, Mode::Closed, true).await;
        assert_eq!(code(register(&world, &closed, "eve", None).await), "sign_up.closed");
    }

    async fn an_invitation_is_used_by_accounts_and_held_by_those_who_wait(world: World) {
        let [admin] = world.people(["rita"]).await;
        emails(&world).await;
        let store = node(&world, Mode::Invite, false).await;
        let past = NewInvite::from_json(json!({"expires_at": world.now()})).unwrap();
        let refused = store.sign_ups.invite(&world.ctx(&admin), past).await;
        assert!(matches!(refused, Err(Error::Invalid(errors)) if errors[0].pointer == "/expires_at"));
        let once = NewInvite::from_json(json!({"max_uses": 1})).unwrap();
        let once = store.sign_ups.invite(&world.ctx(&admin), once).await.unwrap().code;
        let uses = async || store.sign_ups.invites(&world.ctx(&admin), everything()).await.unwrap().items[0].uses;
        let day = Duration::from_secs(24 * 3600);
        // A mistyped address, and one that has an account: both hold the invitation for a day, and neither uses it up.
        assert_eq!(next(register(&world, &store, "typo", Some(&once)).await), NextStep::ConfirmEmail);
        assert_eq!(code(register(&world, &store, "ada", Some(&once)).await), "invite.gone");
        world.wait(day);
        let pretended = NewAccount { email: new("rita", None).email, ..new("again", Some(&once)) };
        assert_eq!(next(store.accounts.register(&world.nobody(), pretended).await), NextStep::ConfirmEmail);
        assert_eq!(code(register(&world, &store, "ada", Some(&once)).await), "invite.gone", "it looks the same");
        world.wait(day);
        assert_eq!(uses().await, 0);
        // If several come at once, one waits, and gets the account.
        emails(&world).await;
        let tries: Vec<_> = (0..6).map(|index| {
            let (store, world, code) = (store.clone(), world.clone(), once.clone());
            tokio::spawn(async move { register(&world, &store, &format!("guest{index}"), Some(&code)).await })
        }).collect();
        let mut waiting = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(_) => waiting += 1,
                refused => assert_eq!(code(refused), "invite.gone"),
            }
        }
        assert_eq!(waiting, 1);
        let mail = emails(&world).await;
        store.credentials.verify_email(&world.nobody(), token(&mail[0])).await.unwrap();
        assert_eq!(uses().await, 1);
        world.wait(day);
        assert_eq!(code(register(&world, &store, "ada", Some(&once)).await), "invite.gone", "used up");
    }

    async fn people_are_brought_over_with_their_passwords(world: World) {
        world.register("ada").await;
        let import = |name: &str, email: &str, hash: &str| {
            let new = json!({"username": name, "email": email, "password_hash": hash, "email_verified": true});
            NewImport::from_json(new).unwrap()
        };
        let django = "pbkdf2_sha256$1000$seasalt2$CyPDFwPidlBqxNgJJqNSMGuJ5rsdFklnTF1oObL5ZzA=";
        let people = || vec![
            import("bob", "bob@example.org", django),
            import("ada", "ada@example.org", django),
            import("ADA", "ada@elsewhere.example", django),
            import("eve", "ada@example.org", django),
            import("eve", "eve@example.org", "plain text"),
            import("bob", "bob@example.org", django),
        ];
        world.names().await;
        let imported = world.store.sign_ups.import(&world.nobody(), people()).await.unwrap();
        use Imported::*;
        assert!(matches!(imported[..], [Made, WasHere, Refused(_), Refused(_), Refused(_), WasHere]), "{imported:?}");
        assert_eq!(world.names().await, ["user.registered"]);
        let again = world.store.sign_ups.import(&world.nobody(), people()).await.unwrap();
        assert!(matches!(again[..], [WasHere, WasHere, Refused(_), Refused(_), Refused(_), WasHere]), "{again:?}");
        let login = |password: &str| Login::from_json(json!({"username": "bob", "password": password})).unwrap();
        // The second time, one of our own hashes is verified.
        for _ in 0..2 {
            let accounts = &world.store.accounts;
            let bob = accounts.login(&world.nobody(), login("correct horse béttery")).await.unwrap().user;
            assert!(bob.email_verified);
            assert_eq!(code(accounts.login(&world.nobody(), login("correct horse bettery")).await), "credentials.invalid");
        }
    }
}
