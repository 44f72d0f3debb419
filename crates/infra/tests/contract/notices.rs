//! The guarantees of `Notices`: what is told by mail, to whom, when, and how it ends.

pub mod domain;

use std::{sync::Arc, time::Duration};

use clowder_core::{
    Input, Mailer, PageRequest, Result,
    job::{Work, Worker, decide},
};
use clowder_infra::{
    Store,
    mail::{Route, mailer},
    notices::{Links, NoticeSender, Post as Sending},
};
use clowder_messaging::NewRead;
use clowder_notifications::{
    NotificationFilter, NotificationType, PreferencesPatch,
    mail::{Unsubscribe, unsubscribe::Link},
    wording::Language,
};
use clowder_social::NewFriendRequest;
use clowder_tests::{Mailbox, Post, ReceivedEmail};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    readers::read_all,
    world::{Person, World, code, on_both},
};

const DELAY: Duration = Duration::from_secs(300);

/// A world with a folder for emails.
struct Office {
    mailbox: Mailbox,
    mailer: Arc<dyn Mailer>,
    _folder: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mail = folder.path().join("mail");
        let mailer = mailer(&Route::Folder(mail.clone()), "Clowder <clowder@chat.example>").unwrap();
        Self { mailbox: Mailbox::new(mail), mailer, _folder: folder }
    }

    /// Everything that has happened is told, and what is due is sent.
    async fn deliver(&self, world: &World, store: &Store) {
        read_all(store, world).await;
        // What is due in a second is gathered at its end.
        world.wait(Duration::from_secs(1));
        work(world, store).await;
        send(world, store, &self.mailer).await;
    }

    fn to(&self, name: &str) -> Vec<ReceivedEmail> {
        self.mailbox.to(&format!("{name}@example.org"))
    }
}

/// Runs the jobs that send emails; returns the results.
async fn send(world: &World, store: &Store, mailer: &Arc<dyn Mailer>) -> Vec<Result<()>> {
    let worker = NoticeSender::new(Arc::clone(&store.notices), Arc::clone(mailer));
    let mut results = Vec::new();
    loop {
        let taken = store.jobs.take(&system(world), vec![Sending::KIND], 10).await.unwrap();
        if taken.is_empty() {
            return results;
        }
        for job in taken {
            let result = worker.work(&system(world), &job).await;
            let verdict = decide(world.now(), job.attempts, 0.5, &result);
            store.jobs.settle(&system(world), &job, verdict).await.unwrap();
            results.push(result);
        }
    }
}

fn confirm(world: &World) {
    world.meddle("UPDATE users SET email_verified_at = created_at").unwrap();
}

async fn prefer(world: &World, who: &Person, patch: Value) {
    let patch = PreferencesPatch::from_json(patch).unwrap();
    world.store.notifications.prefer(&world.ctx(who), None, patch).await.unwrap();
}

async fn ask(world: &World, who: &Person, whom: &Person) {
    let new = NewFriendRequest::from_json(json!({"user_id": whom.id, "message": "peculiar <b>words</b>"})).unwrap();
    world.store.friends.request(&world.ctx(who), new).await.unwrap();
}

async fn unread(world: &World, who: &Person) -> Vec<clowder_notifications::Notification> {
    let (filter, page) = (NotificationFilter::default(), PageRequest::default());
    world.store.notifications.list(&world.ctx(who), filter, page).await.unwrap().items
}

on_both! {
    async fn what_nobody_has_read_becomes_an_email(world: World) {
        let office = Office::open();
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        // Only to confirmed addresses.
        ask(&world, &bob, &eve).await;
        read_all(&world.store, &world).await;
        confirm(&world);
        ask(&world, &bob, &ada).await;
        office.deliver(&world, &world.store).await;
        assert!(office.to("ada").is_empty(), "it waits, in case it is read");
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        let emails = office.to("ada");
        assert_eq!((emails.len(), office.to("eve").len()), (1, 0));
        let email = &emails[0];
        assert_eq!(email.subject, "bob would like to be your friend");
        assert!(email.text.contains("peculiar <b>words</b>") && !email.html.contains("<b>words"), "{}", email.html);
        assert_eq!(email.header("List-Id"), "<friend-request.chat.example>");
        assert_eq!(email.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        assert_eq!(email.header("Auto-Submitted"), "auto-generated");
        assert_eq!(email.header("Precedence"), "");
        assert!(email.header("References").ends_with("@chat.example>") && email.header("References") == email.header("In-Reply-To"));
        // Nothing is told twice, whoever looks again.
        office.deliver(&world, &world.another_node().await).await;
        world.wait(Duration::from_secs(7200));
        office.deliver(&world, &world.store).await;
        assert_eq!(office.to("ada").len(), 1);
    }

    async fn what_is_read_meanwhile_is_not_told(world: World) {
        let office = Office::open();
        let [ada, bob, dan] = world.people(["ada", "bob", "dan"]).await;
        confirm(&world);
        ask(&world, &bob, &ada).await;
        read_all(&world.store, &world).await;
        let list = unread(&world, &ada).await;
        world.store.notifications.read(&world.ctx(&ada), list[0].id).await.unwrap();
        // A message that is read in its chat, and one that is not.
        prefer(&world, &dan, json!({"channels": {"message.mention": {"mail": true}}})).await;
        let chat = world.group(&bob, &[&dan]).await;
        world.say(&bob, chat.id, "hello @dan").await;
        read_all(&world.store, &world).await;
        let all = NewRead::from_json(json!({"seq": 99})).unwrap();
        world.store.messaging.read(&world.ctx(&dan), chat.id, all).await.unwrap();
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        assert_eq!((office.to("ada").len(), office.to("dan").len()), (0, 0));
        world.say(&bob, chat.id, "hello again @dan").await;
        read_all(&world.store, &world).await;
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        assert_eq!(office.to("dan").len(), 1);
    }

    async fn what_is_deleted_before_it_is_sent_is_in_no_email(world: World) {
        let office = Office::open();
        let [bob, dan] = world.people(["bob", "dan"]).await;
        confirm(&world);
        prefer(&world, &dan, json!({"channels": {"message.mention": {"mail": true}}})).await;
        let chat = world.group(&bob, &[&dan]).await;
        let said = world.say(&bob, chat.id, "a peculiar secret for @dan").await;
        read_all(&world.store, &world).await;
        world.wait(DELAY + Duration::from_secs(1));
        work(&world, &world.store).await;
        // The email is on its way, but the mail server is away.
        world.store.messaging.delete(&world.ctx(&bob), said.id, None).await.unwrap();
        read_all(&world.store, &world).await;
        send(&world, &world.store, &office.mailer).await;
        assert!(office.to("dan").is_empty());
    }

    async fn a_crowd_is_one_email(world: World) {
        let office = Office::open();
        let [bob, dan] = world.people(["bob", "dan"]).await;
        confirm(&world);
        prefer(&world, &dan, json!({"channels": {"message.mention": {"mail": true}}})).await;
        let chat = world.group(&bob, &[&dan]).await;
        for number in 0..210 {
            world.say(&bob, chat.id, &format!("{number} @dan")).await;
            world.wait(Duration::from_millis(500));
        }
        read_all(&world.store, &world).await;
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        let emails = office.to("dan");
        assert_eq!(emails.len(), 1);
        let email = &emails[0];
        // As many as a group of the list gathers.
        assert!(email.text.contains("100 mentions"), "{}", email.text);
        assert!(email.text.lines().count() < 40, "{}", email.text);
    }

    async fn one_person_gets_so_many_in_an_hour(world: World) {
        let office = Office::open();
        let [bob, dan] = world.people(["bob", "dan"]).await;
        confirm(&world);
        prefer(&world, &dan, json!({"channels": {"message.mention": {"mail": true}}})).await;
        let hasty = world.node_with(|options| {
            options.notifications.mail_delay = Duration::ZERO;
            options.notices.an_hour = 3;
        });
        let hasty = hasty.await;
        let chat = world.group(&bob, &[&dan]).await;
        for number in 0..6 {
            world.say(&bob, chat.id, &format!("{number} @dan")).await;
            office.deliver(&world, &hasty).await;
        }
        assert_eq!(office.to("dan").len(), 3);
        world.wait(Duration::from_secs(3_600));
        // Whoever else looks: the schedule finds it.
        let crons: Vec<_> = hasty.crons.iter().filter(|cron| cron.name == "notice.gather").cloned().collect();
        hasty.jobs.tick(&system(&world), &crons).await.unwrap();
        office.deliver(&world, &hasty).await;
        let emails = office.to("dan");
        assert_eq!(emails.len(), 4, "what waited is put together");
    }

    async fn a_digest_comes_once_in_a_morning(world: World) {
        let office = Office::open();
        let [ada, bob] = world.people(["ada", "bob"]).await;
        confirm(&world);
        prefer(&world, &ada, json!({"digest": "daily"})).await;
        ask(&world, &bob, &ada).await;
        read_all(&world.store, &world).await;
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        assert!(office.to("ada").is_empty(), "it waits for the morning");
        // 2026-09-21T14:13:20Z is when it begins; the morning is that of the time zone.
        let (one, other) = (world.another_node().await, world.another_node().await);
        world.wait(Duration::from_secs(18 * 3_600));
        let crons: Vec<_> = one.crons.iter().filter(|cron| cron.name == "notice.gather").cloned().collect();
        for _ in 0..3 {
            for store in [&one, &other, &world.store] {
                store.jobs.tick(&system(&world), &crons).await.unwrap();
                office.deliver(&world, store).await;
                world.wait(Duration::from_secs(61));
            }
        }
        let emails = office.to("ada");
        assert_eq!(emails.len(), 1);
        assert_eq!(emails[0].subject, "Your daily summary: 1 unread");
        assert_eq!(emails[0].header("List-Id"), "<digest.chat.example>");
        // On a morning without anything new there is none.
        world.wait(Duration::from_secs(24 * 3_600));
        for store in [&one, &other] {
            store.jobs.tick(&system(&world), &crons).await.unwrap();
            office.deliver(&world, store).await;
            world.wait(Duration::from_secs(61));
        }
        assert_eq!(office.to("ada").len(), 1);
    }

    async fn one_click_ends_what_an_email_came_by(world: World) {
        let office = Office::open();
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        confirm(&world);
        ask(&world, &bob, &ada).await;
        read_all(&world.store, &world).await;
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        let email = office.to("ada").remove(0);
        let link = email.header("List-Unsubscribe").trim_matches(['<', '>']).to_owned();
        let token = link.rsplit('/').next().unwrap();
        assert!(email.text.contains(&link) && email.html.contains(&link));
        let notices = &world.store.notices;
        let friends = Unsubscribe::of([NotificationType::FriendRequest]).unwrap();
        assert_eq!(notices.link(&world.nobody(), token).await.unwrap().what, friends);
        let channels = async || {
            let preferences = world.store.notifications.notification_preferences(&world.ctx(&ada)).await.unwrap();
            preferences.channels[&NotificationType::FriendRequest]
        };
        assert!(channels().await.mail, "a look ends nothing");
        for _ in 0..2 {
            assert_eq!(notices.unsubscribe(&world.nobody(), token).await.unwrap().what, friends);
        }
        let after = channels().await;
        assert!(!after.mail && after.inbox && after.push);
        ask(&world, &eve, &ada).await;
        read_all(&world.store, &world).await;
        world.wait(DELAY);
        office.deliver(&world, &world.store).await;
        assert_eq!(office.to("ada").len(), 1);
        // A link of nobody, and one of somebody who is gone.
        for wrong in ["", "x", &token[1..]] {
            assert_eq!(code(notices.unsubscribe(&world.nobody(), wrong).await), "unsubscribe.unknown");
        }
        let gone = Link { user: clowder_core::Id::new(world.now()), what: Unsubscribe::Digest, language: Language::De };
        let token = Links::new(&world.store.keys).token(&gone);
        assert_eq!(notices.unsubscribe(&world.nobody(), &token).await.unwrap().language, Language::De);
    }

    async fn an_address_from_which_three_come_back_is_dead(world: World) {
        let post = Post::start(&["--refuse", "ada"]).await;
        let mailer = mailer(&Route::Smtp(post.url()), "Clowder <clowder@chat.example>").unwrap();
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        confirm(&world);
        prefer(&world, &ada, json!({"channels": {"message.mention": {"mail": true}}})).await;
        let hasty = world.node_with(|options| options.notifications.mail_delay = Duration::ZERO).await;
        let chat = world.group(&bob, &[&ada]).await;
        let mut tried = 0;
        for number in 0..5 {
            world.say(&bob, chat.id, &format!("{number} @ada")).await;
            read_all(&hasty, &world).await;
            world.wait(Duration::from_secs(2));
            work(&world, &hasty).await;
            tried += send(&world, &hasty, &mailer).await.len();
        }
        assert_eq!(tried, 3, "nothing more is sent there");
        assert!(post.mailbox.all().is_empty());
        let status = async |who| world.store.notices.mail_status(&world.ctx(who)).await.unwrap();
        assert!(status(&ada).await.undeliverable_since.is_some() && status(&eve).await.undeliverable_since.is_none());
        read_all(&world.store, &world).await;
        let told = unread(&world, &ada).await;
        assert!(told.iter().any(|told| told.title.contains("come back")), "{told:?}");
        // Another address begins anew.
        world.meddle("UPDATE users SET email = 'lovelace@example.org' WHERE username = 'ada'").unwrap();
        assert!(status(&ada).await.undeliverable_since.is_none());
        world.say(&bob, chat.id, "welcome back @ada").await;
        read_all(&hasty, &world).await;
        world.wait(Duration::from_secs(2));
        work(&world, &hasty).await;
        send(&world, &hasty, &mailer).await;
        post.mailbox.next("lovelace@example.org").await;
    }

    async fn a_mail_server_that_is_away_delays_and_does_not_lose(world: World) {
        let mut post = Post::start(&[]).await;
        let mailer = mailer(&Route::Smtp(post.url()), "Clowder <clowder@chat.example>").unwrap();
        let [ada, bob] = world.people(["ada", "bob"]).await;
        confirm(&world);
        ask(&world, &bob, &ada).await;
        read_all(&world.store, &world).await;
        world.wait(DELAY + Duration::from_secs(1));
        work(&world, &world.store).await;
        post.stop().await;
        let results = send(&world, &world.store, &mailer).await;
        assert!(results.iter().all(|result| result.as_ref().is_err_and(clowder_core::Error::is_ours)), "{results:?}");
        assert_eq!(results.len(), 1);
        post.again(&[]).await;
        // The address has changed since.
        world.meddle("UPDATE users SET email = 'lovelace@example.org' WHERE username = 'ada'").unwrap();
        world.wait(Duration::from_secs(60));
        send(&world, &world.store, &mailer).await;
        post.mailbox.next("lovelace@example.org").await;
        assert_eq!(post.mailbox.all().len(), 1);
    }
}
