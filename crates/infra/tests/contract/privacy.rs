//! The guarantees of `Privacy` about the end of an account: it leaves nothing behind. Those about exports are in
//! `exports.rs`.

pub mod domain;
mod gone;
mod journal;

use std::time::Duration;

use clowder_accounts::{
    Login,
    model::{Erasure, Export, Fate, Forgot, ProfilePatch, Receipt},
    privacy::tombstone,
};
use clowder_core::{
    Actor, ChatId, Ctx, IdempotencyKey, Input, Mail, Origin, PageRequest, Positions, Role, Topic, UserId, Via,
    job::Work, journal::Chunk,
};
use clowder_infra::{Store, receipts};
use clowder_messaging::{MessagePatch, NewChat, NewMessage, Window};
use serde_json::{Value, json};

use crate::{
    api_keys::secret,
    domains::DOMAINS,
    world::{Person, World, account, code, on_both},
};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn system(world: &World) -> Ctx {
    Ctx::new(Actor::System, world.now(), "job")
}

fn from(ctx: Ctx) -> Ctx {
    let origin = Origin { address: Some("203.0.113.77".parse().unwrap()), agent: Some("PeculiarAgent/1.0".into()) };
    Ctx { origin, ..ctx }
}

/// Runs due jobs except emails; returns how many there were.
pub async fn work(world: &World, store: &Store) -> usize {
    world.catch_up();
    let kinds: Vec<_> = store.workers.iter().map(|worker| worker.kind()).collect();
    let mut done = 0;
    loop {
        let taken = store.jobs.take(&system(world), kinds.clone(), 10).await.unwrap();
        if taken.is_empty() {
            return done;
        }
        for job in taken {
            let worker = store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
            let outcome = worker.work(&system(world), &job).await;
            outcome.as_ref().unwrap();
            store
                .jobs
                .settle(&system(world), &job, clowder_core::job::decide(world.now(), 1, 0.5, &outcome))
                .await
                .unwrap();
            done += 1;
        }
    }
}

/// The waiting emails, which this sends.
pub async fn emails(world: &World) -> Vec<Mail> {
    let mut mails = Vec::new();
    for job in world.store.jobs.take(&system(world), vec![Mail::KIND], 100).await.unwrap() {
        mails.push(job.read::<Mail>().unwrap());
        world.store.jobs.settle(&system(world), &job, clowder_core::job::Verdict::Done).await.unwrap();
    }
    mails
}

fn erasure(fields: Value) -> Erasure {
    let mut all = json!({"password": "correct horse"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Erasure::from_json(all).unwrap()
}

pub async fn export(world: &World, person: &Person) -> Export {
    let export = world.store.privacy.export(&world.ctx(person)).await.unwrap();
    work(world, &world.store).await;
    world.store.privacy.one_export(&world.ctx(person), export.id).await.unwrap()
}

/// The same as if nobody had exported anything before, and everybody had just signed in.
pub async fn export_anew(world: &World, person: &Person) -> Export {
    let micros = world.now().as_micros();
    let now = if world.is_postgres() { format!("to_timestamp({micros} / 1000000.0)") } else { micros.to_string() };
    let statements =
        format!("DELETE FROM export_chunks; DELETE FROM exports; UPDATE sessions SET authenticated_at = {now}");
    world.batch(&statements);
    export(world, person).await
}

/// A user with data in every table, and a friend who talked with them.
pub async fn known(world: &World) -> (Person, Person, ChatId) {
    let [bob] = world.people(["bob"]).await;
    let signed_in = world.store.accounts.register(&from(world.nobody()), account("peculiar")).await.unwrap();
    let signed_in = signed_in.signed_in().unwrap();
    let ada = Person { id: signed_in.user.id, actor: world.by(&signed_in.access).actor };
    let patch = json!({"display_name": "Countess Peculiar", "bio": "a peculiar life", "status_text": "peculiar today"});
    world.store.accounts.edit_me(&from(world.ctx(&ada)), None, ProfilePatch::from_json(patch).unwrap()).await.unwrap();
    let new = NewChat::from_json(json!({"type": "private", "participant_ids": [ada.id]})).unwrap();
    let chat = world.store.messaging.create_chat(&world.ctx(&bob), new).await.unwrap().into_inner();
    let first = world.say(&ada, chat.id, "what I frist said").await;
    world.say(&bob, chat.id, "a secret of bob").await;
    let patch = MessagePatch::from_json(json!({"content": "what I first said"})).unwrap();
    world.store.messaging.edit(&world.ctx(&ada), first.id, None, patch).await.unwrap();
    world.group(&ada, &[&bob]).await;
    for domain in DOMAINS {
        (domain.keeps)(world, &ada).await.unwrap();
    }
    world.changes().await;
    (ada, bob, chat.id)
}

const TRACES: &[&str] =
    &["peculiar@example.org", "peculiar", "Countess", "a peculiar life", "203.0.113.77", "PeculiarAgent"];

async fn history(world: &World, chat: ChatId, reader: &Person) -> Vec<clowder_messaging::Message> {
    world.store.messaging.messages(&world.ctx(reader), chat, Window::After(0), 100).await.unwrap().items
}

on_both! {
    async fn nothing_is_left_of_somebody_who_was_erased(world: World) {
        let (ada, bob, chat) = known(&world).await;
        export(&world, &ada).await;
        let guess = Login::from_json(json!({"username": "peculiar", "password": "not the one"})).unwrap();
        assert_eq!(code(world.store.accounts.login(&from(world.nobody()), guess).await), "credentials.invalid");
        for trace in TRACES {
            let sealed = ["203.0.113.77", "PeculiarAgent"].contains(trace);
            assert!(sealed || world.holds(trace.as_bytes()), "{trace} is there before");
        }
        let due = world.store.privacy.erase(&from(world.ctx(&ada)), erasure(json!({}))).await.unwrap();
        world.wait(30 * DAY);
        assert!(due.erase_at <= world.now());
        world.changes().await;
        assert!(work(&world, &world.store).await >= 1);

        let mut mails = emails(&world).await;
        mails.retain(|mail| mail.address == "peculiar@example.org");
        let [last] = mails.as_slice() else { panic!("emails on their way were not taken back: {mails:?}") };
        let receipt = last.text.split_whitespace().find(|word| word.starts_with("eyJ")).unwrap();
        let receipt: Receipt = receipts::verify(&world.store.keys, receipt).unwrap();
        assert_eq!((receipt.user_id, receipt.erased_at >= due.erase_at), (ada.id, true));
        let rows = |name: &str| receipt.parts.iter().find(|part| part.name == name).unwrap().rows;
        assert_eq!((rows("account"), rows("chats"), rows("sessions"), rows("key")), (1, 7, 1, 1));
        assert!(rows("journal") > 4 && rows("exports") >= 2 && rows("audit") > 3, "{receipt:?}");

        for trace in TRACES {
            world.gone(trace.as_bytes()).await;
        }
        assert!(world.holds(b"what I first said"), "what was said to others stays");

        // Others see a deleted user, now and when they resume.
        let card = tombstone(ada.id);
        let messages = history(&world, chat, &bob).await;
        assert_eq!((&messages[0].sender, messages[0].content.as_deref()), (&card, Some("what I first said")));
        let seen = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!(seen.peer.as_ref(), Some(&card));
        let told = world.changes().await;
        let told: Vec<_> = told.iter().filter(|change| &*change.name == "user.deleted").map(|change| change.topic).collect();
        assert!(told.contains(&Topic::new(clowder_messaging::CHAT, chat)) && told.contains(&Topic::user(ada.id)), "{told:?}");
        let extent = world.store.journal.extent().await.unwrap();
        let (followed, from) = ([Topic::new(clowder_messaging::CHAT, chat).into()], Positions::new(vec![0; extent.heads.as_slice().len()]));
        let mut all = world.store.journal.replay(bob.id, followed.into(), from, extent.heads);
        let all = all.next(Chunk::rows(1000)).await.unwrap().unwrap();
        assert!(all.changes.iter().any(|change| &*change.name == "message.sent" && change.data.get().contains("Deleted user")));

        // They have no access, get no emails, and cannot be added to chats; the audit log stays valid.
        let login = Login::from_json(json!({"username": "peculiar", "password": "correct horse"})).unwrap();
        assert_eq!(code(world.store.accounts.login(&world.nobody(), login).await), "credentials.invalid");
        let forgot = Forgot::from_json(json!({"email": "peculiar@example.org"})).unwrap();
        world.store.credentials.forgot(&world.nobody(), forgot).await.unwrap();
        work(&world, &world.store).await;
        assert!(emails(&world).await.is_empty());
        let new = NewChat::from_json(json!({"type": "group", "title": "x", "participant_ids": [ada.id]})).unwrap();
        assert!(world.store.messaging.create_chat(&world.ctx(&bob), new).await.is_err());
        assert_eq!(code(world.store.accounts.me(&world.ctx(&ada)).await), "session.ended");
        assert_eq!(code(world.store.privacy.export(&world.ctx(&ada)).await), "session.ended");
        crate::audit::whole(&world.store).await;
        let records = world.store.audit.records(&system(&world), Default::default(), PageRequest::default()).await.unwrap().items;
        assert!(records.iter().any(|record| record.action == "user.erased"));
        assert!(records.iter().filter(|record| record.subject_id == Some(ada.id)).all(|record| record.after.is_none()));
        // The name is free again, and its next owner is somebody else.
        let next = world.register("peculiar").await;
        assert_ne!(next.user.id, ada.id);
    }

    async fn a_node_that_hears_of_it_late_honours_nothing_of_theirs(world: World) {
        let [root, ada] = world.people(["rita", "ada"]).await;
        world.meddle("UPDATE users SET role = 'admin' WHERE username = 'rita'").unwrap();
        world.store.staff.set_role(&world.ctx(&root), ada.id, Role::Moderator).await.unwrap();
        let new = json!({"name": "bot", "scopes": ["messages:write"]});
        let new = clowder_accounts::NewApiKey::from_json(new).unwrap();
        let issued = world.store.api_keys.create_key(&world.ctx(&ada), new).await.unwrap();
        let login = Login::from_json(json!({"username": "ada", "password": "correct horse"})).unwrap();
        let access = world.store.accounts.login(&world.nobody(), login).await.unwrap().access;
        let other = world.another_node().await;
        let mut there = other.follow().await.unwrap();
        other.api_keys.check_key(secret(&issued), world.now()).await.unwrap();
        let role = |access: &str| match other.accounts.identify(access, world.now()).unwrap().actor {
            Actor::User { role, .. } => role,
            other => panic!("{other:?}"),
        };
        assert_eq!(role(&access), Role::Moderator);

        world.store.staff.set_role(&world.ctx(&root), ada.id, Role::User).await.unwrap();
        world.store.privacy.erase_user(&world.ctx(&root), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let heads = world.store.journal.extent().await.unwrap().heads;
        while *there.known() != heads {
            there.next().await.unwrap();
        }
        let now = world.now();
        assert_eq!(code(other.api_keys.check_key(secret(&issued), now).await), "api_key.invalid");
        assert_eq!(code(other.accounts.identify(&access, now)), "session.ended");
    }

    async fn an_erasure_leaves_no_copy_in_answers_links_or_jobs(world: World) {
        let once = Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.nobody() };
        let ada = world.store.accounts.register(&once, account("peculiar")).await.unwrap().signed_in().unwrap();
        let bob = world.register("bob").await;
        let elsewhere = json!({"email": "elsewhere@example.org", "password": "correct horse"});
        let change = Input::from_json(elsewhere).unwrap();
        world.store.credentials.change_email(&world.by(&ada.access), change).await.unwrap();
        let forgot = Forgot::from_json(json!({"email": "peculiar@example.org"})).unwrap();
        world.store.credentials.forgot(&world.nobody(), forgot).await.unwrap();
        // Nothing is sent: all jobs stay, and are dead in the end.
        world.meddle("UPDATE jobs SET dead_at = created_at, key = NULL").unwrap();
        let lying = world.store.jobs.list(&system(&world), None, PageRequest::default()).await.unwrap().items.len();
        assert!(lying >= 4, "to confirm, for two people; to confirm another address; to reset");
        world.store.privacy.erase_user(&system(&world), ada.user.id, None).await.unwrap();
        let mut kinds = vec!["account.erase"];
        for job in world.store.jobs.take(&system(&world), kinds.clone(), 1).await.unwrap() {
            let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
            worker.work(&system(&world), &job).await.unwrap();
            world.store.jobs.settle(&system(&world), &job, clowder_core::job::Verdict::Done).await.unwrap();
        }
        world.store.jobs.retry_dead(&system(&world)).await.unwrap();
        kinds = vec!["mail.send", "account.email"];
        let left = world.store.jobs.take(&system(&world), kinds, 100).await.unwrap();
        let left: Vec<_> = left.iter().map(|job| (job.kind.as_str(), String::from_utf8_lossy(&job.payload))).collect();
        let to = |address: &str| left.iter().filter(|(_, payload)| payload.contains(address)).count();
        assert_eq!((to("elsewhere@example.org"), to("account.email")), (0, 0), "{left:?}");
        assert_eq!((to("peculiar@example.org"), to(&bob.user.email)), (1, 1), "the receipt, and what is not theirs: {left:?}");
        assert!(left.iter().all(|(kind, _)| *kind == "mail.send"), "{left:?}");
        // A repeated call with the same key creates a separate account.
        let once = Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.nobody() };
        let again = world.store.accounts.register(&once, account("peculiar")).await.unwrap().signed_in().unwrap();
        assert_ne!(again.user.id, ada.user.id);
    }

    async fn there_are_thirty_days_to_think_twice(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        emails(&world).await;
        let privacy = &world.store.privacy;
        assert_eq!(code(privacy.undo_erasure(&world.ctx(&ada)).await), "erasure.none");
        let wrong = Erasure::from_json(json!({"password": "another one"})).unwrap();
        assert_eq!(code(privacy.erase(&world.ctx(&ada), wrong).await), "password.wrong");
        world.changes().await;
        let due = privacy.erase(&world.ctx(&ada), erasure(json!({}))).await.unwrap();
        assert_eq!(world.names().await, ["session.ended", "user.updated"]);
        let Actor::User { via: Via::Session(session), .. } = ada.actor else { panic!("a user") };
        assert!(world.store.accounts.is_ended(session));
        assert!(emails(&world).await[0].text.contains("will be erased on "));

        world.wait(29 * DAY);
        assert_eq!(work(&world, &world.store).await, 0);
        let login = || Login::from_json(json!({"username": "ada", "password": "correct horse"})).unwrap();
        let back = world.store.accounts.login(&world.nobody(), login()).await.unwrap();
        assert_eq!(back.user.erase_at, Some(due.erase_at), "the own user says so");
        let ctx = || world.by(&back.access);
        let later = privacy.erase(&ctx(), erasure(json!({}))).await.unwrap();
        assert_eq!(later.erase_at, due.erase_at, "asked again, the date stays");
        let back = world.store.accounts.login(&world.nobody(), login()).await.unwrap();
        let ctx = || world.by(&back.access);
        world.meddle("UPDATE users SET email_verified_at = created_at").unwrap();
        privacy.undo_erasure(&ctx()).await.unwrap();
        assert_eq!(code(privacy.undo_erasure(&ctx()).await), "erasure.none");
        assert_eq!(world.store.accounts.me(&ctx()).await.unwrap().erase_at, None);
        assert!(emails(&world).await.iter().any(|mail| mail.subject == "Your account stays"));
        world.wait(2 * DAY);
        work(&world, &world.store).await;
        world.store.accounts.login(&world.nobody(), login()).await.unwrap();

        let signed_in = world.store.accounts.login(&world.nobody(), login()).await.unwrap();
        privacy.erase(&world.by(&signed_in.access), erasure(json!({}))).await.unwrap();
        world.wait(30 * DAY);
        // The job was lost: the sweep enqueues it again.
        world.meddle("DELETE FROM jobs").unwrap();
        world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(code(world.store.accounts.login(&world.nobody(), login()).await), "credentials.invalid");
        assert!(world.store.accounts.me(&world.ctx(&bob)).await.is_ok());
    }

    async fn an_erasure_does_not_run_before_it_is_due(world: World) {
        let [ada] = world.people(["ada"]).await;
        world.store.privacy.erase(&world.ctx(&ada), erasure(json!({}))).await.unwrap();
        for job in world.store.jobs.list(&system(&world), None, PageRequest::default()).await.unwrap().items {
            let retried = world.store.jobs.retry(&system(&world), job.id).await;
            match job.kind.as_str() {
                "account.erase" => assert_eq!(code(retried), "job.not_due"),
                _ => retried.unwrap(),
            }
        }
        assert_eq!(work(&world, &world.store).await, 0);
        // However it came to run early, it finds that the account is not due, and does nothing.
        world.meddle("UPDATE jobs SET run_at = created_at WHERE kind = 'account.erase'").unwrap();
        assert!(work(&world, &world.store).await > 0);
        let login = Login::from_json(json!({"username": "ada", "password": "correct horse"})).unwrap();
        world.store.accounts.login(&world.nobody(), login).await.unwrap();
        world.wait(30 * DAY);
        world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap();
        assert!(work(&world, &world.store).await > 0, "and it is not forgotten for that");
        let login = Login::from_json(json!({"username": "ada", "password": "correct horse"})).unwrap();
        assert_eq!(code(world.store.accounts.login(&world.nobody(), login).await), "credentials.invalid");
    }

    async fn messages_are_deleted_on_request_each_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chats = [world.group(&ada, &[&bob]).await.id, world.group(&bob, &[&ada]).await.id];
        for number in 0..180 {
            let chat = chats[number % 2];
            world.say(&ada, chat, &format!("peculiar words {number}")).await;
            world.say(&bob, chat, "stays").await;
        }
        world.store.privacy.erase(&world.ctx(&ada), erasure(json!({"messages": "delete"}))).await.unwrap();
        emails(&world).await;
        world.wait(30 * DAY);
        world.changes().await;
        let job = world.store.jobs.take(&system(&world), vec!["account.erase"], 1).await.unwrap().pop().unwrap();
        // Workers die between the pieces, and two work at the same time.
        let other = world.another_node().await;
        let one = async |store: &Store, mut patience: Duration| {
            let worker = store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
            let mut deaths = 0;
            while tokio::time::timeout(patience, worker.work(&system(&world), &job)).await.map(|done| done.unwrap()).is_err() {
                deaths += 1;
                patience += Duration::from_millis(10);
            }
            deaths
        };
        let (deaths, _) = tokio::join!(one(&world.store, Duration::from_millis(5)), one(&other, Duration::from_millis(7)));
        assert!(deaths > 0, "a worker died on the way");
        let names = world.names().await;
        assert_eq!(names.iter().filter(|name| *name == "message.deleted").count(), 180);
        assert_eq!(names.iter().filter(|name| *name == "user.deleted").count(), 3);
        world.gone(b"peculiar words").await;
        for chat in chats {
            let messages = history(&world, chat, &bob).await;
            assert!(messages.iter().all(|message| message.deleted_at.is_some() == (message.sender.id == ada.id)));
            assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().unread_count, 0);
        }
        let last = emails(&world).await;
        assert_eq!(last.len(), 1, "one receipt");
        let receipt = last[0].text.split_whitespace().find(|word| word.starts_with("eyJ")).unwrap();
        let receipt = receipts::verify(&world.store.keys, receipt).unwrap();
        let rows: Vec<_> = receipt.parts.iter().filter(|part| part.name == "messages").map(|part| part.rows).collect();
        assert_eq!(rows, [180], "counted once, whoever did it");
    }

    async fn a_chat_goes_with_the_last_person_in_it(world: World) {
        let [ada, bob, carol] = world.people(["ada", "bob", "carol"]).await;
        let group = async |title: &str, others: &[&Person]| {
            let ids: Vec<UserId> = others.iter().map(|person| person.id).collect();
            let new = json!({"type": "group", "title": title, "description": format!("about {title}"), "participant_ids": ids});
            let chat = world.store.messaging.create_chat(&world.ctx(&ada), NewChat::from_json(new).unwrap()).await.unwrap().into_inner().id;
            // More than fits into one piece.
            for i in 0..201 {
                let new = NewMessage::from_json(json!({"content": format!("{title} {i}")})).unwrap();
                world.store.messaging.send(&world.ctx(&ada), chat, new).await.unwrap();
            }
            let message = world.say(&ada, chat, "with a mistkae").await;
            let patch = MessagePatch::from_json(json!({"content": format!("{title} corrected")})).unwrap();
            world.store.messaging.edit(&world.ctx(&ada), message.id, None, patch).await.unwrap();
            chat
        };
        group("alonechat", &[]).await;
        group("twochat", &[&bob]).await;
        let three = group("threechat", &[&bob, &carol]).await;
        world.changes().await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        for title in ["alonechat", "twochat", "threechat"] {
            assert!(world.holds(title.as_bytes()), "{title}: she is still there");
        }
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        for title in ["alonechat", "twochat"] {
            world.gone(title.as_bytes()).await;
        }
        assert_eq!(history(&world, three, &carol).await.len(), 100, "what belongs to the living stays");
        assert_eq!(world.store.messaging.chat(&world.ctx(&carol), three).await.unwrap().title.as_deref(), Some("threechat"));
        world.store.privacy.erase_user(&system(&world), carol.id, None).await.unwrap();
        work(&world, &world.store).await;
        world.gone(b"threechat").await;
        world.gone(b"mistkae").await;
    }

    async fn an_erasure_ends_though_its_key_is_gone(world: World) {
        let [ada] = world.people(["ada"]).await;
        world.store.privacy.erase(&world.ctx(&ada), erasure(json!({}))).await.unwrap();
        emails(&world).await;
        let account_is_done = r#"[{"name":"account","rows":1,"done":true,"mark":null}]"#;
        let recipient = "recipient = (SELECT key FROM user_keys WHERE user_id = erasures.user_id)";
        assert_eq!(world.meddle(&format!("UPDATE erasures SET state = '{account_is_done}', {recipient}")).unwrap(), 1);
        world.meddle("DELETE FROM user_keys").unwrap();
        world.wait(30 * DAY);
        assert_eq!(work(&world, &world.store).await, 1);
        let filter = clowder_accounts::AuditFilter { action: Some("user.erased".to_owned()), ..Default::default() };
        let done = world.store.audit.records(&system(&world), filter, PageRequest::default()).await.unwrap().items;
        assert_eq!((done.len(), emails(&world).await.len()), (1, 0), "signed for, and nobody to send it to");
    }

    async fn administrators_erase_those_below_at_once(world: World) {
        let [root, chief, ada, bob] = world.people(["rita", "chief", "ada", "bob"]).await;
        let privacy = &world.store.privacy;
        world.meddle("UPDATE users SET role = 'admin' WHERE username IN ('rita', 'chief')").unwrap();
        let erase = async |by: &Person, whom: UserId| privacy.erase_user(&world.ctx(by), whom, None).await;
        erase(&root, ada.id).await.unwrap();
        let Actor::User { via: Via::Session(session), .. } = ada.actor else { panic!("a user") };
        assert!(world.store.accounts.is_ended(session), "at once");
        work(&world, &world.store).await;
        assert_eq!(code(erase(&root, ada.id).await), "user.unknown");
        assert_eq!(code(erase(&root, UserId::new(world.now())).await), "user.unknown");
        assert_eq!(code(world.store.staff.account(&world.ctx(&root), ada.id).await), "user.unknown");

        // The role in the database counts; accounts with an equal role cannot be erased.
        assert_eq!(code(erase(&bob, root.id).await), "user.outranked");
        assert_eq!(code(erase(&root, chief.id).await), "user.outranked");
        world.wait(Duration::from_secs(11 * 60));
        assert_eq!(code(erase(&root, bob.id).await), "authentication.stale");
    }

    async fn of_administrators_who_go_at_once_one_stays(world: World) {
        let [root, chief] = world.people(["rita", "chief"]).await;
        let privacy = &world.store.privacy;
        world.meddle("UPDATE users SET role = 'admin'").unwrap();
        let (root_ctx, chief_ctx) = (world.ctx(&root), world.ctx(&chief));
        let (one, other) = tokio::join!(
            privacy.erase_user(&root_ctx, root.id, None),
            privacy.erase(&chief_ctx, erasure(json!({})))
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
        let (left, refused) = if one.is_ok() { (&chief, other) } else { (&root, one) };
        assert_eq!(code(refused), "role.last_admin");
        // An administrator whose erasure is scheduled does not count as one who stays.
        let step_down = world.store.staff.set_role(&world.ctx(left), left.id, Role::User).await;
        assert_eq!(code(step_down), "role.last_admin");
    }

    async fn a_pending_erasure_gives_way_to_one_at_once(world: World) {
        let [root, ada, bob] = world.people(["rita", "ada", "bob"]).await;
        world.meddle("UPDATE users SET role = 'admin' WHERE username = 'rita'").unwrap();
        let privacy = &world.store.privacy;
        privacy.erase(&world.ctx(&ada), erasure(json!({"messages": "delete"}))).await.unwrap();
        let due = privacy.erase_user(&world.ctx(&root), ada.id, None).await.unwrap();
        assert!(due.erase_at <= world.now());
        let login = Login::from_json(json!({"username": "ada", "password": "correct horse"})).unwrap();
        let back = world.store.accounts.login(&world.nobody(), login).await.unwrap();
        assert_eq!(code(privacy.undo_erasure(&world.by(&back.access)).await), "erasure.none", "not theirs to undo");
        work(&world, &world.store).await;
        let mails = emails(&world).await;
        let receipts: Vec<_> = mails.iter().flat_map(|mail| mail.text.split_whitespace()).filter(|word| word.starts_with("eyJ")).collect();
        assert_eq!(receipts.len(), 1);
        let receipt = receipts::verify(&world.store.keys, receipts[0]).unwrap();
        assert_eq!(receipt.messages, Fate::Delete, "what was wished for the messages holds");
        let chat = world.group(&root, &[&bob]).await;
        let said = world.say(&bob, chat.id, "a secret").await;
        privacy.erase_user(&world.ctx(&root), bob.id, Some(Fate::Delete)).await.unwrap();
        work(&world, &world.store).await;
        let left = world.store.messaging.message(&world.ctx(&root), said.id).await.unwrap();
        assert_eq!(left.content, None, "what an administrator says of them holds, too");
        world.wait(31 * DAY);
        assert_eq!(work(&world, &world.store).await, 0, "the earlier jobs are gone");
    }
}
