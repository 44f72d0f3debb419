//! A clock that is a month ahead for a moment of a day's use, and then right: nothing waits or lives for a month.

use std::fs;

use clowder_tests::{Answer, Client, Database, Mailbox, Post, World, until, world::PASSWORD};
use serde_json::{Value, json};

const MONTH: i64 = 30 * 24 * 3600;

/// A world whose clock the story moves.
struct Moved(World);

impl Moved {
    async fn new(database: Database) -> Self {
        Self::with(database, &[]).await
    }

    async fn with(database: Database, settings: &[(&str, &str)]) -> Self {
        let file = database.folder.path().join("clock").display().to_string();
        let moved = [("DEBUG", "true"), ("TEST_CLOCK_FILE", &file), ("JOB_CONCURRENCY", "1")];
        Self(World::with_wrong_clock(database, &[&moved[..], settings].concat()).await)
    }

    fn ahead(&self, seconds: i64) {
        let (draft, file) = (self.0.database.folder.path().join("draft"), self.0.database.folder.path().join("clock"));
        fs::write(&draft, seconds.to_string()).unwrap();
        fs::rename(draft, file).unwrap();
    }

    /// Another server on the same data, whose clock is this far ahead at the start.
    async fn restart(self, seconds: i64, settings: &[(&str, &str)]) -> Self {
        let World { server, database, .. } = self.0;
        assert!(server.stop().await.success());
        fs::write(database.folder.path().join("clock"), seconds.to_string()).unwrap();
        Self::with(database, settings).await
    }

    async fn login(&self, name: &str, password: &str) -> Answer {
        self.0.nobody().post("/api/auth/login", json!({"username": name, "password": password})).await
    }

    async fn refresh(&self, token: &Value) -> Answer {
        self.0.nobody().post("/api/auth/refresh", json!({"refresh": token})).await
    }

    async fn forgot(&self, name: &str) {
        let forgot = json!({"email": format!("{name}@example.org")});
        self.0.nobody().post("/api/auth/password/forgot", forgot).await.expect(204);
    }

    /// Waits until the server has noticed.
    async fn noticed(&self, what: &str) {
        until(what, async || self.0.server.log().contains(what)).await;
    }
}

async fn a_month_ahead_for_a_moment(database: Database) {
    let story = Moved::new(database).await;
    let world = &story.0;
    let mail = Mailbox::new(world.database.folder.path().join("mail"));
    let ada = world.user("ada").await;
    world.user("bob").await;
    for name in ["ada", "bob"] {
        mail.next(&format!("{name}@example.org")).await;
    }

    story.ahead(MONTH);
    for _ in 0..5 {
        story.login("ada", "not the password").await.refused(401, "credentials.invalid");
    }
    let bob = story.login("bob", PASSWORD).await.expect(200);
    let next = story.refresh(&bob["refresh"]).await.expect(200);
    story.forgot("bob").await;
    assert_eq!(mail.next("bob@example.org").await.subject, "Choose a new password");
    let client = world.nobody().with(next["access"].as_str().unwrap());
    client.get("/api/auth/sessions").await.expect(200);
    let chat = json!({"type": "group", "title": "Tomorrow"});
    let create = async |client: &Client| {
        Answer::to(client.request("POST", "/api/chats").header("idempotency-key", "month").json(&chat)).await
    };
    let created = create(&client).await.expect(201);

    story.ahead(0);
    story.noticed("the times it wrote have been corrected").await;
    // Nobody waits for longer than a minute, and earlier sessions continue.
    let held = story.login("ada", PASSWORD).await;
    assert!(held.status == 200 || held.header("retry-after").parse::<u32>().unwrap() <= 60, "{}", held.text);
    ada.get("/api/auth/me").await.expect(200);
    // A token issued while ahead does not live for a month; a new pair does.
    client.get("/api/auth/me").await.refused(401, "token.expired");
    let repeated = story.refresh(&bob["refresh"]).await.expect(200);
    assert_eq!(repeated["refresh"], next["refresh"], "within its grace, which runs from now on");
    let client = world.nobody().with(repeated["access"].as_str().unwrap());
    let again = create(&client).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{}", again.text);
    assert_eq!(again.body["id"], created["id"]);
    let sessions = client.get("/api/auth/sessions").await.expect(200);
    let now = client.get("/api/auth/me").await;
    let server = jiff::fmt::rfc2822::parse(now.header("date")).unwrap().timestamp();
    for session in sessions["items"].as_array().unwrap() {
        let used: jiff::Timestamp = session["last_used_at"].as_str().unwrap().parse().unwrap();
        assert!(used <= server + jiff::SignedDuration::from_secs(2), "{used} {server}");
    }

    // A minute later everything is as usual.
    story.ahead(61);
    story.login("ada", PASSWORD).await.expect(200);
    story.forgot("bob").await;
    assert_eq!(mail.next("bob@example.org").await.subject, "Choose a new password", "emails go out again");
    for _ in 0..2 {
        story.refresh(&bob["refresh"]).await.expect(200);
    }
    story.refresh(&bob["refresh"]).await.refused(401, "token.reused");
}

/// For a clock that is behind, all correct times lie in the future. They must not be changed.
async fn two_months_behind_for_a_moment(database: Database) {
    let story = Moved::new(database).await;
    let world = &story.0;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let erasing = world.nobody().with(bob.token()).request("DELETE", "/api/users/me");
    let erasing = Answer::to(erasing.json(&json!({"password": PASSWORD}))).await.expect(202);
    let chat = json!({"type": "group", "title": "Today"});
    let create =
        async || Answer::to(ada.request("POST", "/api/chats").header("idempotency-key", "behind").json(&chat)).await;
    let created = create().await.expect(201);

    story.ahead(-2 * MONTH);
    story.noticed("the clock went back").await;
    story.ahead(0);
    let Moved(world) = story;
    // As stored in the database, and as seen by a process that starts with a right clock.
    let world = world
        .restart(async |server| {
            server.stop().await;
        })
        .await;
    let again = world.nobody().with(ada.token()).request("POST", "/api/chats");
    let again = Answer::to(again.header("idempotency-key", "behind").json(&chat)).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{}", again.text);
    assert_eq!(again.body["id"], created["id"]);
    let refreshed = world.nobody().post("/api/auth/refresh", json!({"refresh": ada.refresh})).await;
    refreshed.expect(200);
    let bob = world.login("bob").await;
    assert_eq!(bob.get("/api/auth/me").await.expect(200)["erase_at"], erasing["erase_at"], "nobody is erased early");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_on_sqlite() {
    two_months_behind_for_a_moment(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_on_postgres() {
    two_months_behind_for_a_moment(Database::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    a_month_ahead_for_a_moment(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    a_month_ahead_for_a_moment(Database::postgres()).await;
}

async fn theft(database: Database) {
    let story = Moved::new(database).await;
    let world = &story.0;
    let (phone, laptop) = (world.user("ada").await, world.login("ada").await);
    let mut socket = phone.socket().await;
    let first = json!(phone.refresh);
    let second = story.refresh(&first).await.expect(200);
    let third = story.refresh(&second["refresh"]).await.expect(200);
    story.ahead(21);
    // The successor of the first token was used, too: after the grace period no honest client presents the first one.
    story.refresh(&first).await.refused(401, "token.reused");
    assert_eq!(socket.closed().await, 4003);
    for token in [&second, &third] {
        assert_eq!(story.refresh(&token["refresh"]).await.status, 401, "the family has ended");
        let access = world.nobody().with(token["access"].as_str().unwrap());
        assert_eq!(access.get("/api/auth/me").await.status, 401, "with its access tokens");
    }
    laptop.get("/api/auth/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn theft_on_sqlite() {
    theft(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn theft_on_postgres() {
    theft(Database::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_email_can_be_requested_a_minute_later() {
    let story = Moved::new(Database::sqlite()).await;
    let world = &story.0;
    let mail = Mailbox::new(world.database.folder.path().join("mail"));
    let ada = world.user("ada").await;
    let first = mail.next("ada@example.org").await.token("verify");
    let resend = async || ada.post("/api/auth/verify-email/resend", json!({})).await;
    resend().await.refused(429, "rate.limited");
    story.ahead(61);
    resend().await.expect(204);
    let second = mail.next("ada@example.org").await.token("verify");
    assert_ne!(first, second);
    world.nobody().post("/api/auth/verify-email", json!({"token": second})).await.expect(204);
}

/// By that clock an email has expired, so it is postponed, but not for longer than its link is valid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_email_that_waits_outlives_a_clock_that_is_ahead() {
    let mut post = Post::start(&[]).await;
    let story = Moved::with(Database::sqlite(), &[("SMTP_URL", post.url().as_str())]).await;
    let world = &story.0;
    world.user("bob").await;
    post.mailbox.next("bob@example.org").await;
    post.stop().await;
    story.forgot("bob").await;
    story.noticed("the job failed and will be retried").await;
    story.ahead(MONTH);
    story.noticed("the clock has jumped ahead, and this job cannot be undone").await;
    post.again(&[]).await;
    story.ahead(0);
    let email = post.mailbox.next("bob@example.org").await;
    assert_eq!(email.subject, "Choose a new password");
    let reset = json!({"token": email.token("reset"), "new_password": "a fresh horse staple"});
    world.nobody().post("/api/auth/password/reset", reset).await.expect(204);
    assert!(!world.server.log().contains("an email was dropped"), "{}", world.server.log());
}

/// The process that saw its clock ahead ends before the clock is right. The next one starts after that, or before.
async fn restarted_while_ahead(database: Database, next_starts: i64) {
    let mut post = Post::start(&[]).await;
    let url = post.url();
    let settings = [("SMTP_URL", url.as_str())];
    let story = Moved::with(database, &settings).await;
    story.0.user("bob").await;
    post.mailbox.next("bob@example.org").await;

    story.ahead(MONTH);
    let first = story.login("bob", PASSWORD).await.expect(200);
    let second = story.refresh(&first["refresh"]).await.expect(200);
    let client = story.0.nobody().with(second["access"].as_str().unwrap());
    let copy = client.post("/api/users/me/export", json!({})).await.expect(202);
    let path = format!("/api/users/me/exports/{}", copy["id"].as_str().unwrap());
    until("a copy is made by any clock", async || client.get(&path).await.body["status"] == "ready").await;
    post.mailbox.next("bob@example.org").await;
    post.stop().await;
    story.forgot("bob").await;
    story.noticed("the job failed and will be retried").await;

    let story = story.restart(next_starts, &settings).await;
    post.again(&[]).await;
    story.ahead(0);
    story.noticed("the clock was ahead; the times it wrote have been corrected").await;
    let email = post.mailbox.next("bob@example.org").await;
    assert_eq!(email.subject, "Choose a new password", "the email is not put off for a month");
    let third = story.refresh(&second["refresh"]).await.expect(200);
    let fourth = story.refresh(&third["refresh"]).await.expect(200);
    let client = story.0.nobody().with(fourth["access"].as_str().unwrap());
    let copy = client.get(&path).await;
    let server = jiff::fmt::rfc2822::parse(copy.header("date")).unwrap().timestamp();
    let expires: jiff::Timestamp = copy.body["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires <= server + jiff::SignedDuration::from_secs(7 * 24 * 3600 + 2), "{expires} {server}");
    // Half a minute later a used token with a used successor counts as stolen.
    story.ahead(30);
    story.refresh(&first["refresh"]).await.refused(401, "token.reused");
    story.refresh(&fourth["refresh"]).await.refused(401, "session.ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_when_right_on_sqlite() {
    restarted_while_ahead(Database::sqlite(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_when_right_on_postgres() {
    restarted_while_ahead(Database::postgres(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_while_still_ahead_on_sqlite() {
    restarted_while_ahead(Database::sqlite(), MONTH).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_while_still_ahead_on_postgres() {
    restarted_while_ahead(Database::postgres(), MONTH).await;
}

/// Nobody saw the clock before: it was ahead when the process started. Dangerous times are corrected all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_ahead_and_then_right() {
    let mut post = Post::start(&[]).await;
    let url = post.url();
    let settings = [("SMTP_URL", url.as_str())];
    let database = Database::sqlite();
    fs::write(database.folder.path().join("clock"), MONTH.to_string()).unwrap();
    let story = Moved::with(database, &settings).await;
    let bob = story.0.user("bob").await;
    post.mailbox.next("bob@example.org").await;
    let first = json!(bob.refresh);
    let second = story.refresh(&first).await.expect(200);
    let third = story.refresh(&second["refresh"]).await.expect(200);
    post.stop().await;
    story.forgot("bob").await;
    story.noticed("the job failed and will be retried").await;
    post.again(&[]).await;
    story.ahead(0);
    story.noticed("times in the future were set to now").await;
    assert_eq!(post.mailbox.next("bob@example.org").await.subject, "Choose a new password");
    story.ahead(30);
    story.refresh(&first).await.refused(401, "token.reused");
    story.refresh(&third["refresh"]).await.refused(401, "session.ended");
}

/// The setting that moves the clock is for tests: a server without debug mode does not start with it.
#[tokio::test]
async fn production_refuses_a_moved_clock() {
    let world = World::new(Database::sqlite()).await;
    let said = world.command(&["config", "print"], &[("TEST_CLOCK_FILE", "/tmp/clock")]);
    assert!(!said.well && said.text.contains("TEST_CLOCK_FILE"), "{}", said.text);
}
