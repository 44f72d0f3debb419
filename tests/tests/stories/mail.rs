//! Mail is sent through a real SMTP server; failures delay it, but lose nothing.

use std::{collections::BTreeSet, process::Command};

use clowder_tests::{Database, JobProcess, PATIENCE, Post, World, mail::Certificate, world::PASSWORD};
use futures_util::{StreamExt, stream};
use serde_json::json;

/// A server that sends through this URL.
async fn world(url: &str, settings: &[(&str, &str)]) -> World {
    World::with(Database::sqlite(), &[&[("SMTP_URL", url)], settings].concat()).await
}

async fn register(world: &World, name: &str, email: &str, display_name: &str) {
    let new = json!({"username": name, "email": email, "password": PASSWORD, "display_name": display_name});
    world.nobody().post("/api/auth/register", new).await.expect(201);
}

/// The lines of `clowder jobs list` about emails, once one contains this.
async fn listed(world: &World, state: &str, says: &str) -> Vec<String> {
    let lines = async {
        loop {
            let said = world.command(&["jobs", "list", "--state", state], &[]);
            assert!(said.well, "{}", said.text);
            let lines: Vec<_> =
                said.text.lines().filter(|line| line.contains("mail.send")).map(str::to_owned).collect();
            if lines.iter().any(|line| line.contains(says)) {
                return lines;
            }
            tokio::task::yield_now().await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, lines).await;
    said.unwrap_or_else(|_| panic!("nobody says {says:?}: {}", world.command(&["jobs", "list"], &[]).text))
}

/// The id that a line begins with.
fn id(line: &str) -> &str {
    line.split_whitespace().next().unwrap()
}

fn retry(world: &World, what: &str) -> String {
    let said = world.command(&["jobs", "retry", what], &[]);
    assert!(said.well, "{}", said.text);
    said.text
}

#[tokio::test]
async fn a_email_as_it_arrives() {
    let post = Post::start(&[]).await;
    let world =
        world(&post.url(), &[("PUBLIC_URL", "https://chat.example"), ("MAIL_FROM", "The Cats <cats@chat.example>")])
            .await;
    let name = r#"Ada "the <script>alert(1)</script>" & co, Ünï"#;
    register(&world, "ada", "ada@bücher.example", name).await;
    let email = post.mailbox.next("ada@xn--bcher-kva.example").await;
    assert_eq!((email.to_name.as_str(), email.from.as_str()), ("ada", "cats@chat.example"));
    assert_eq!((email.header("X-Arrived"), email.header("X-Rcpt")), ("plain", "ada@xn--bcher-kva.example"));
    assert_eq!(email.subject, "Confirm your address");
    assert!(email.id.ends_with("@chat.example"), "{}", email.id);
    assert_eq!(email.header("Auto-Submitted"), "auto-generated");
    assert!(email.date.starts_with("20"), "{}", email.date);
    let link = format!("https://chat.example/account#verify={}", email.token("verify"));
    assert!(email.text.contains(&link) && email.html.contains(&link));
    assert!(email.text.contains("Hello ada,"), "a stranger may read it: {}", email.text);
    assert!(email.text.trim_end().ends_with("The Cats"), "{}", email.text);
    world.nobody().post("/api/auth/verify-email", json!({"token": email.token("verify")})).await.expect(204);
    // The owner of the address is addressed by name.
    world.nobody().post("/api/auth/password/forgot", json!({"email": "ada@bücher.example"})).await.expect(204);
    let email = post.mailbox.next("ada@xn--bcher-kva.example").await;
    assert_eq!((email.to_name.as_str(), email.subject.as_str()), (name, "Choose a new password"));
    assert!(email.text.contains(&format!("Hello {name},")), "{}", email.text);
    assert!(!email.html.contains("<script>"), "{}", email.html);
    // A name that would begin another header is refused earlier.
    let new = json!({"username": "eve", "email": "eve@example.org", "password": PASSWORD, "display_name": "Eve\r\nBcc: x@y.example"});
    assert_eq!(world.nobody().post("/api/auth/register", new).await.wrong_fields(), ["/display_name"]);
}

#[tokio::test]
async fn with_tls_from_the_start_and_a_login() {
    let certificate = Certificate::new();
    let post = Post::with_tls("implicit", &certificate, &["--login", "cats@chat.example:p@ss/word"]).await;
    let url = format!("smtps://cats%40chat.example:p%40ss%2Fword@localhost:{}", post.port);
    let world = world(&url, &[("SSL_CERT_FILE", &certificate.file())]).await;
    world.user("ada").await;
    assert_eq!(post.mailbox.next("ada@example.org").await.header("X-Arrived"), "tls authenticated");
}

#[tokio::test]
async fn with_starttls_and_a_login() {
    let certificate = Certificate::new();
    let post = Post::with_tls("starttls", &certificate, &["--login", "cats:meow"]).await;
    let url = format!("smtp://cats:meow@localhost:{}?tls=required", post.port);
    let world = world(&url, &[("SSL_CERT_FILE", &certificate.file())]).await;
    world.user("ada").await;
    assert_eq!(post.mailbox.next("ada@example.org").await.header("X-Arrived"), "tls authenticated");
}

#[tokio::test]
async fn what_was_to_be_secret_is_not_sent_in_the_open() {
    let certificate = Certificate::new();
    let plain = Post::start(&[]).await;
    let stranger = Post::with_tls("implicit", &certificate, &[]).await;
    for (url, says) in [
        (format!("smtp://localhost:{}?tls=required", plain.port), "STARTTLS"),
        (format!("smtps://localhost:{}", stranger.port), "certificate"),
    ] {
        let world = world(&url, &[]).await;
        world.user("ada").await;
        listed(&world, "waiting", says).await;
    }
    assert!(plain.mailbox.all().is_empty() && stranger.mailbox.all().is_empty());
}

#[tokio::test]
async fn a_wrong_password_delays_and_does_not_lose() {
    let post = Post::start(&["--login", "cats:meow"]).await;
    let url = |password: &str| format!("smtp://cats:{password}@localhost:{}", post.port);
    let world = world(&url("w00f"), &[("JOB_CONCURRENCY", "0")]).await;
    world.user("ada").await;
    let wrong = JobProcess::start(&world.database, &[("SMTP_URL", &url("w00f"))]).await;
    let lines = listed(&world, "waiting", "535").await;
    assert!(lines.iter().all(|line| !line.contains("w00f")), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("  mail     mail.send  ")), "{lines:?}");
    let shown = world.command(&["jobs", "list", "--json"], &[]).text;
    assert!(shown.contains(r#""queue":"mail""#) || shown.contains(r#""queue": "mail""#), "{shown}");
    assert_eq!(wrong.stop().await.code(), Some(0));
    retry(&world, id(&lines[0]));
    let right = JobProcess::start(&world.database, &[("SMTP_URL", &url("meow"))]).await;
    assert_eq!(post.mailbox.next("ada@example.org").await.header("X-Arrived"), "plain authenticated");
    assert_eq!(right.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_is_down_and_comes_back() {
    let mut post = Post::start(&[]).await;
    post.stop().await;
    let world = world(&post.url(), &[]).await;
    world.user("ada").await;
    let lines = listed(&world, "waiting", "mail server").await;
    assert!(lines[0].contains("try 1"), "{lines:?}");
    post.again(&[]).await;
    assert_eq!(retry(&world, id(&lines[0])).trim(), "the job will run again");
    let email = post.mailbox.next("ada@example.org").await;
    assert!(email.id.starts_with(id(&lines[0])), "the job makes the Message-ID: {}", email.id);
}

#[tokio::test]
async fn who_is_refused_for_good_becomes_a_dead_email() {
    let post = Post::start(&["--refuse", "nobody", "--defer", "later"]).await;
    let world = world(&post.url(), &[]).await;
    for name in ["nobody", "later", "ada"] {
        world.user(name).await;
    }
    post.mailbox.next("ada@example.org").await;
    let dead = listed(&world, "dead", "550").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    let waiting = listed(&world, "waiting", "451").await;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let metrics = world.nobody().get("/metrics").await.text;
    for (outcome, count) in [("done", 1), ("refused", 1)] {
        let line = metrics.lines().find(|line| line.contains("mail.send") && line.contains(outcome));
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {count}"))), "{outcome}: {line:?}");
    }
    // It is not a fault of this server.
    let log = world.server.log();
    let line = log.lines().find(|line| line.contains("the job was refused")).expect("it is logged");
    assert!(line.contains("WARN") && !log.contains("ERROR"), "{log}");
    let said = world.command(&["jobs", "retry", "--dead"], &[]);
    assert_eq!((said.well, said.text.trim()), (true, "1 jobs will run again"));
    listed(&world, "dead", "550").await;
    let dead = world.command(&["jobs", "list", "--state", "dead"], &[]).text;
    let dead = dead.split_whitespace().next().unwrap();
    assert!(world.command(&["jobs", "drop", dead], &[]).well);
    assert!(!world.command(&["jobs", "drop", dead], &[]).well, "it is gone");
    for wrong in ["nonsense", "019d0000-0000-7000-8000-000000000000"] {
        assert!(!world.command(&["jobs", "retry", wrong], &[]).well, "{wrong}");
    }
    assert!(!world.command(&["jobs", "list", "--state", "asleep"], &[]).well);
}

/// Registers this many users, who get as many emails.
async fn crowd(world: &World, count: usize) {
    let people = (0..count).map(async |i| world.user(&format!("person{i}")).await);
    // All of them come from one address and wait for each other where its emails are counted.
    stream::iter(people).buffer_unordered(8).collect::<Vec<_>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_workers_one_is_killed() {
    let post = Post::start(&["--slow", "0.1"]).await;
    let url = post.url();
    let world = World::with(Database::postgres(), &[("JOB_CONCURRENCY", "0")]).await;
    crowd(&world, 100).await;
    let settings = [("SMTP_URL", url.as_str()), ("JOB_LEASE_SECONDS", "2"), ("DATABASE_WRITE_CONNECTIONS", "4")];
    let (doomed, other) =
        (JobProcess::start(&world.database, &settings).await, JobProcess::start(&world.database, &settings).await);
    post.mailbox.count(40).await;
    doomed.kill().await;
    let all_are_there = async {
        let mut at_least = 100;
        loop {
            post.mailbox.count(at_least).await;
            let emails = post.mailbox.all();
            let ids: BTreeSet<_> = emails.iter().map(|email| email.id.as_str()).collect();
            let people: BTreeSet<_> = emails.iter().map(|email| email.to.as_str()).collect();
            if ids.len() == 100 {
                assert_eq!(people.len(), 100);
                return emails.len();
            }
            at_least = emails.len() + 1;
        }
    };
    let sent = tokio::time::timeout(PATIENCE * 2, all_are_there).await.expect("emails are missing");
    // Only what the killed process was sending can have been sent twice.
    assert!(sent <= 104, "{sent}");
    assert_eq!(other.stop().await.code(), Some(0));
    assert!(world.command(&["jobs", "list"], &[]).text.trim().ends_with("no jobs found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_to_stop_finishes_what_it_has_begun() {
    for database in [Database::sqlite(), Database::postgres()] {
        let post = Post::start(&["--slow", "0.5"]).await;
        let url = post.url();
        let world = World::with(database, &[("JOB_CONCURRENCY", "0")]).await;
        crowd(&world, 12).await;
        let settings = [("SMTP_URL", url.as_str()), ("JOB_CONCURRENCY", "2")];
        let first = JobProcess::start(&world.database, &settings).await;
        post.mailbox.count(2).await;
        assert_eq!(first.stop().await.code(), Some(0));
        let sent = post.mailbox.all().len();
        assert!((2..12).contains(&sent), "it stopped in the middle: {sent}");
        let left = world.command(&["jobs", "list", "--state", "waiting"], &[]).text.lines().count();
        assert_eq!(sent + left, 12, "nothing is held by somebody who is gone");
        let second = JobProcess::start(&world.database, &[("SMTP_URL", &url), ("JOB_CONCURRENCY", "12")]).await;
        post.mailbox.count(12).await;
        assert_eq!(second.stop().await.code(), Some(0));
        let ids: BTreeSet<_> = post.mailbox.all().into_iter().map(|email| email.id).collect();
        assert_eq!((ids.len(), post.mailbox.all().len()), (12, 12), "each once");
        assert!(world.command(&["jobs", "list"], &[]).text.trim().ends_with("no jobs found"));
    }
}

#[tokio::test]
async fn wrong_settings_of_mail_stop_the_start() {
    let database = Database::sqlite();
    let out = Command::new(clowder_tests::server::binary())
        .args(["config", "print"])
        .current_dir(database.folder.path())
        .env_clear()
        .env("DATA_DIR", database.folder.path())
        .env("SMTP_URL", "gopher://ada:s3cret@host")
        .env("MAIL_FROM", "nowhere")
        .env("JOB_LEASE_SECONDS", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success());
    for name in ["SMTP_URL", "MAIL_FROM", "JOB_LEASE_SECONDS"] {
        assert!(said.contains(name), "{said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
}
