//! Notifications that nobody has read arrive by mail, through a real SMTP server and as another program reads them, and end
//! with one click.

use clowder_tests::{Answer, Database, Mailbox, Post, User, World, within};
use serde_json::{Value, json};

const WITHIN: std::time::Duration = clowder_tests::PATIENCE;

/// A server that sends through this one, at once.
async fn world(database: Database, post: &Post) -> World {
    let url = post.url();
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("MAIL_DELAY_SECONDS", "0"),
        ("MAIL_FROM", "The Cats <cats@chat.example>"),
        ("MAIL_OPEN_URL", "https://app.example/open"),
    ];
    World::with(database, &settings).await
}

/// Somebody who has confirmed the address.
async fn confirmed(world: &World, post: &Post, name: &str) -> User {
    let user = world.user(name).await;
    let email = post.mailbox.next(&format!("{name}@example.org")).await;
    world.nobody().post("/api/auth/verify-email", json!({"token": email.token("verify")})).await.expect(204);
    user
}

async fn ask(who: &User, whom: &User) {
    who.post("/api/friends/request", json!({"user_id": whom.id, "message": "Hello <i>there</i>\u{202e}!"}))
        .await
        .expect(201);
}

fn header(parsed: &Value, name: &str) -> String {
    let headers = parsed["headers"].as_array().unwrap();
    let found: Vec<_> =
        headers.iter().filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name)).collect();
    assert!(found.len() < 2, "{name} twice: {parsed}");
    found.first().map(|header| header[1].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// What has arrived for somebody beside the confirmation, once there is so much.
async fn told(mailbox: &Mailbox, to: &str, count: usize) -> Vec<Value> {
    let told = || {
        let mut all = mailbox.parsed(to);
        all.retain(|email| !header(email, "List-Id").is_empty());
        all
    };
    within(WITHIN, &format!("{count} emails to {to}"), async || told().len() >= count).await;
    told()
}

/// The path of a link to this server.
fn path(url: &str) -> String {
    url[url.find("/api/").unwrap()..].to_owned()
}

#[tokio::test]
async fn a_request_arrives_by_mail_and_one_click_ends_such_emails() {
    for database in [Database::sqlite(), Database::postgres()] {
        let post = Post::start(&[]).await;
        let world = world(database, &post).await;
        let ada = confirmed(&world, &post, "ada").await;
        ada.patch("/api/users/me/settings", json!({"language": "de-AT", "time_zone": "Europe/Berlin"}))
            .await
            .expect(200);
        let bob = world.user("bob").await;
        let name = "Bob <script>alert(1)</script>, \u{5d1}\u{5d5}\u{5d1}";
        bob.patch("/api/users/me", json!({"display_name": name})).await.expect(200);
        ask(&bob, &ada).await;
        let email = told(&post.mailbox, "ada@example.org", 1).await.remove(0);
        assert_eq!(email["defects"], json!([]), "{email}");
        assert_eq!(email["parts"], json!(["multipart/alternative", "text/plain", "text/html"]));
        assert!(header(&email, "Subject").contains("Bob <script>"), "{email}");
        assert_eq!(header(&email, "List-Id"), "<friend-request.chat.example>");
        assert_eq!(header(&email, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        assert_eq!(header(&email, "Auto-Submitted"), "auto-generated");
        assert_eq!((header(&email, "Precedence"), header(&email, "Bcc")), (String::new(), String::new()));
        assert!(header(&email, "Message-ID").ends_with("@chat.example>"), "{email}");
        assert_eq!(header(&email, "References"), header(&email, "In-Reply-To"));
        let (plain, html) = (email["plain"].as_str().unwrap(), email["html"].as_str().unwrap());
        assert!(plain.starts_with("Hallo ada,") && html.contains("lang=\"de\""), "{plain}");
        assert!(!html.contains("<script") && !html.contains("<i>") && !plain.contains('\u{202e}'), "{html}");
        let link = header(&email, "List-Unsubscribe").trim_matches(['<', '>']).to_owned();
        for text in [plain, html] {
            assert!(text.contains(&link) && text.contains("https://app.example/open#friend_request="), "{text}");
        }

        // A look ends nothing; the page has a button and no script.
        let nobody = world.nobody();
        let page = nobody.get(&path(&link)).await;
        assert_eq!(
            (page.status, page.header("cache-control"), page.header("referrer-policy")),
            (200, "no-store", "no-referrer")
        );
        assert!(
            page.text.contains("Freundschaftsanfragen") && !page.text.contains("ada") && !page.text.contains("<script")
        );
        let mails = async || {
            let preferences = ada.get("/api/notifications/preferences").await.expect(200);
            preferences["channels"]["friend.request"]["mail"].as_bool().unwrap()
        };
        assert!(mails().await);
        for _ in 0..2 {
            let click = nobody.request("POST", &path(&link));
            let click =
                click.header("content-type", "application/x-www-form-urlencoded").body("List-Unsubscribe=One-Click");
            let ended = Answer::to(click).await;
            assert_eq!(ended.status, 200, "{}", ended.text);
            assert!(!mails().await);
        }
        for method in ["GET", "POST"] {
            let wrong = Answer::to(nobody.request(method, &format!("{}x", path(&link)))).await;
            wrong.refused(404, "unsubscribe.unknown");
        }
        // It stays in the inbox, and nothing more comes by mail.
        let eve = world.user("eve").await;
        ask(&eve, &ada).await;
        let dan = confirmed(&world, &post, "dan").await;
        ask(&eve, &dan).await;
        told(&post.mailbox, "dan@example.org", 1).await;
        assert_eq!(told(&post.mailbox, "ada@example.org", 1).await.len(), 1);
    }
}

#[tokio::test]
async fn an_address_that_refuses_three_is_left_alone_until_somebody_reads_there_again() {
    let mut post = Post::start(&[]).await;
    let world = world(Database::sqlite(), &post).await;
    let ada = confirmed(&world, &post, "ada").await;
    post.stop().await;
    post.again(&["--refuse", "ada"]).await;
    let status = async || ada.get("/api/notices/status").await.expect(200)["undeliverable_since"].clone();
    for name in ["bob", "eve", "dan"] {
        assert!(status().await.is_null());
        let user = world.user(name).await;
        ask(&user, &ada).await;
        let refused = "clowder_notice_mails_total{outcome=\"refused\"}";
        let count = ["bob", "eve", "dan"].iter().position(|known| *known == name).unwrap() + 1;
        within(WITHIN, "the refusal", async || {
            let metrics = world.nobody().get("/metrics").await.text;
            metrics.lines().any(|line| line == format!("{refused} {count}"))
        })
        .await;
    }
    within(WITHIN, "the dead address", async || !status().await.is_null()).await;
    within(WITHIN, "the notice", async || {
        let list = ada.get("/api/notifications?type=account.security").await.expect(200);
        list["items"].as_array().unwrap().iter().any(|item| item["title"].as_str().unwrap().contains("come back"))
    })
    .await;
    // Whoever chooses a new password by email reads emails again.
    post.stop().await;
    post.again(&[]).await;
    let nobody = world.nobody();
    nobody.post("/api/auth/password/forgot", json!({"email": "ada@example.org"})).await.expect(204);
    let email = post.mailbox.next("ada@example.org").await;
    let password = "staple battery horse";
    nobody
        .post("/api/auth/password/reset", json!({"token": email.token("reset"), "new_password": password}))
        .await
        .expect(204);
    let login = nobody.post("/api/auth/login", json!({"username": "ada", "password": password})).await.expect(200);
    let again = nobody.with(login["access"].as_str().unwrap());
    assert!(again.get("/api/notices/status").await.expect(200)["undeliverable_since"].is_null());
}
