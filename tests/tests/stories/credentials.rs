//! Addresses are confirmed and changed, passwords reset and changed, with tokens from real emails.

use clowder_tests::{Answer, Client, Mailbox, World, on_both, world::PASSWORD};
use serde_json::{Value, json};

const NEW: &str = "staple battery horse";

// One at a time, so that an email that has arrived proves that earlier jobs are finished.
on_both!(shared with [("JOB_CONCURRENCY", "1")];
    confirming, resending, forgetting, resetting, resetting_at_once, changing, moving, unfit_input, the_page,
    emails_of_others,
);
on_both!(with [("JOB_CONCURRENCY", "1"), ("REVEAL_TAKEN", "false")]; registering_where_nothing_is_told);
on_both!(with [("JOB_CONCURRENCY", "1"), ("REQUIRE_VERIFIED_EMAIL", "true")]; only_confirmed_addresses_reach_others);

fn mailbox(world: &World) -> Mailbox {
    Mailbox::new(world.database.folder.path().join("mail"))
}

async fn verify(client: &Client, token: &str) -> Answer {
    client.post("/api/auth/verify-email", json!({"token": token})).await
}

async fn verify_with(client: &Client, token: &str, password: &str) -> Answer {
    client.post("/api/auth/verify-email", json!({"token": token, "password": password})).await
}

async fn forgot(world: &World, email: &str) -> Answer {
    world.nobody().post("/api/auth/password/forgot", json!({"email": email})).await
}

async fn reset(world: &World, token: &str, password: &str) -> Answer {
    let reset = json!({"token": token, "new_password": password});
    world.nobody().post("/api/auth/password/reset", reset).await
}

async fn login(world: &World, name: &str, password: &str) -> Answer {
    world.nobody().post("/api/auth/login", json!({"username": name, "password": password})).await
}

async fn change_email(client: &Client, email: &str, password: &str) -> Answer {
    client.post("/api/auth/email/change", json!({"email": email, "password": password})).await
}

async fn change_password(client: &Client, current: &str, new: &str) -> Answer {
    client.post("/api/auth/password/change", json!({"current_password": current, "new_password": new})).await
}

async fn confirming(world: World) {
    let mail = mailbox(&world);
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    assert_eq!(ada.get("/api/auth/me").await.expect(200)["email_verified"], false);
    let email = mail.next(&world.email("ada")).await;
    assert_eq!(email.subject, "Confirm your address");
    let token = email.token("verify");

    // The holder of the email need not be signed in.
    let answer = verify(world.nobody(), &token).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let updated = socket.until("user.updated").await;
    assert_eq!(updated["data"]["email_verified"], true);
    assert!(updated["cursor"].is_string());
    let me = ada.get("/api/auth/me").await;
    assert_eq!(me.header("etag"), "\"2\"");
    assert_eq!(me.expect(200)["email_verified"], true);
    verify(world.nobody(), &token).await.refused(410, "link.gone");
    ada.post("/api/auth/verify-email/resend", json!({})).await.refused(409, "email.verified");
}

async fn resending(world: World) {
    let mail = mailbox(&world);
    let ada = world.user("ada").await;
    mail.next(&world.email("ada")).await;
    let answer = ada.post("/api/auth/verify-email/resend", json!({})).await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    answer.refused(429, "rate.limited");
    world.nobody().post("/api/auth/verify-email/resend", json!({})).await.refused(401, "token.missing");

    let (path, nobody) = ("/api/auth/verify-email/request", world.nobody());
    // Nothing reveals whether somebody waits for an email.
    for address in [world.email("ada"), world.email("nobody")] {
        nobody.post(path, json!({"email": address})).await.expect(204);
    }
    for unfit in [json!({}), json!({"email": "nowhere"}), json!({"email": null})] {
        assert_eq!(nobody.post(path, unfit).await.wrong_fields(), ["/email"]);
    }
}

async fn only_confirmed_addresses_reach_others(world: World) {
    let mail = mailbox(&world);
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let email = mail.next("ada@example.org").await;
    verify(world.nobody(), &mail.next("bob@example.org").await.token("verify")).await.expect(204);
    world.until(&bob, |me| me["email_verified"] == true).await;
    let chat = bob.post("/api/chats", json!({"type": "private", "participant_ids": [ada.id]})).await.expect(201);
    let messages = format!("/api/chats/{}/messages", chat["id"].as_str().unwrap());
    bob.post(&messages, json!({"content": "welcome"})).await.expect(201);

    // Reading costs nothing.
    let refused = "email.unverified";
    let mut socket = ada.socket().await;
    assert_eq!(ada.get(&messages).await.expect(200)["items"][0]["content"], "welcome");
    let problem = ada.post(&messages, json!({"content": "hi"})).await.refused(403, refused);
    assert!(problem["title"].as_str().unwrap().contains("/api/auth/verify-email/resend"), "{problem}");
    ada.post("/api/chats", json!({"type": "group", "title": "Us"})).await.refused(403, refused);
    let key = json!({"name": "bot", "scopes": ["messages:write"]});
    ada.post("/api/api-keys", key).await.refused(403, refused);
    let said = socket.command("message.send", json!({"chat_id": chat["id"], "content": "hi"})).await;
    assert_eq!(said.unwrap_err()["code"], refused);

    verify(world.nobody(), &email.token("verify")).await.expect(204);
    socket.until("user.updated").await;
    ada.post(&messages, json!({"content": "hi"})).await.expect(201);
    socket.command("message.send", json!({"chat_id": chat["id"], "content": "hi again"})).await.unwrap();
}

async fn forgetting(world: World) {
    let mail = mailbox(&world);
    world.user("ada").await;
    mail.next(&world.email("ada")).await;
    let unknown = forgot(&world, &world.email("nobody")).await;
    let known = forgot(&world, &world.email("ADA")).await;
    for answer in [&unknown, &known] {
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "whoever asks learns nothing");
    }
    let email = mail.next(&world.email("ada")).await;
    assert_eq!(email.subject, "Choose a new password");
    assert!(mail.to(&world.email("nobody")).is_empty(), "and no email to the unknown one");
    // A second request at once gets the same answer, and no second email is sent.
    forgot(&world, &world.email("ada")).await.expect(204);
    reset(&world, &email.token("reset"), NEW).await.expect(204);
    mail.next(&world.email("ada")).await;
    let resets = mail.to(&world.email("ada")).into_iter().filter(|email| email.subject == "Choose a new password");
    assert_eq!(resets.count(), 1);
}

async fn resetting(world: World) {
    let mail = mailbox(&world);
    let ada = world.user("ada").await;
    let other = world.login("ada").await;
    let mut sockets = [ada.socket().await, other.socket().await];
    let confirm = mail.next(&world.email("ada")).await.token("verify");
    forgot(&world, &world.email("ada")).await.expect(204);
    let token = mail.next(&world.email("ada")).await.token("reset");

    // A token works for its purpose alone.
    verify(world.nobody(), &token).await.refused(410, "link.gone");
    reset(&world, &confirm, NEW).await.refused(410, "link.gone");
    for (unfit, code) in [("short", "too_short"), ("password123", "common"), ("aaaaaaaaaaaaaa", "common")] {
        let answer = reset(&world, &token, unfit).await;
        assert_eq!(answer.body["errors"][0]["code"], code, "{}", answer.text);
        assert_eq!(answer.wrong_fields(), ["/new_password"]);
    }
    reset(&world, &token, NEW).await.expect(204);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, 4003);
    }
    for device in [&ada, &other] {
        device.get("/api/auth/me").await.refused(401, "session.ended");
    }
    let refresh = json!({"refresh": ada.refresh});
    world.nobody().post("/api/auth/refresh", refresh).await.refused(401, "session.ended");
    login(&world, &ada.name, PASSWORD).await.refused(401, "credentials.invalid");
    let again = login(&world, &ada.name, NEW).await.expect(200);
    assert_eq!(again["user"]["email_verified"], true, "whoever got the email has the address");
    assert_eq!(mail.next(&world.email("ada")).await.subject, "Your password has been changed");
    reset(&world, &token, "another staple battery").await.refused(410, "link.gone");
}

async fn resetting_at_once(world: World) {
    let mail = mailbox(&world);
    let ada = world.user("ada").await;
    mail.next(&world.email("ada")).await;
    forgot(&world, &world.email("ada")).await.expect(204);
    let token = mail.next(&world.email("ada")).await.token("reset");
    let race = (0..16).map(|i| {
        let (world, token) = (&world, &token);
        async move { reset(world, token, &format!("{NEW} {i}")).await.status }
    });
    let statuses = futures_util::future::join_all(race).await;
    let won: Vec<_> = (0..16).filter(|i| statuses[*i] == 204).collect();
    assert_eq!(won.len(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 410).count(), 15, "{statuses:?}");
    login(&world, &ada.name, &format!("{NEW} {}", won[0])).await.expect(200);
}

async fn changing(world: World) {
    let mail = mailbox(&world);
    let ada = world.user("ada").await;
    mail.next(&world.email("ada")).await;
    let other = world.login("ada").await;
    let (mut mine, mut others) = (ada.socket().await, other.socket().await);
    change_password(&ada, "not the password", NEW).await.refused(403, "password.wrong");
    assert_eq!(change_password(&ada, PASSWORD, "short").await.wrong_fields(), ["/new_password"]);
    change_password(world.nobody(), PASSWORD, NEW).await.refused(401, "token.missing");
    change_password(&ada, PASSWORD, NEW).await.expect(204);
    assert_eq!(others.closed().await, 4003);
    mine.command("ping", json!({})).await.unwrap();
    ada.get("/api/auth/me").await.expect(200);
    other.get("/api/auth/me").await.refused(401, "session.ended");
    login(&world, &ada.name, PASSWORD).await.refused(401, "credentials.invalid");
    login(&world, &ada.name, NEW).await.expect(200);
    assert_eq!(mail.next(&world.email("ada")).await.subject, "Your password has been changed");
}

async fn moving(world: World) {
    let mail = mailbox(&world);
    let ada = world.user("ada").await;
    world.user("bob").await;
    let first = mail.next(&world.email("ada")).await.token("verify");
    mail.next(&world.email("bob")).await;
    let mut socket = ada.socket().await;
    let new = format!("{}+chat@new.example", ada.name);
    change_email(&ada, &new, "not the password").await.refused(403, "password.wrong");
    change_email(&ada, &world.email("Bob"), PASSWORD).await.refused(409, "email.taken");
    assert_eq!(change_email(&ada, "nowhere", PASSWORD).await.wrong_fields(), ["/email"]);
    change_email(&ada, &new, PASSWORD).await.expect(204);
    let notice = mail.next(&world.email("ada")).await;
    assert_eq!(notice.subject, "Your address is about to change");
    assert!(notice.text.contains(&new) && !notice.text.contains('#'), "{}", notice.text);
    let email = mail.next(&new).await;
    assert_eq!(ada.get("/api/auth/me").await.expect(200)["email"], world.email("ada"), "not before it is answered");
    // Another email can be requested only after a while.
    assert_eq!(change_email(&ada, &new.to_uppercase(), PASSWORD).await.status, 429);
    verify(world.nobody(), &email.token("verify")).await.expect(204);
    let updated = socket.until("user.updated").await;
    assert_eq!((&updated["data"]["email"], &updated["data"]["email_verified"]), (&json!(new), &json!(true)));
    verify(world.nobody(), &first).await.refused(410, "link.gone");
    login(&world, &world.email("ada"), PASSWORD).await.refused(401, "credentials.invalid");
    login(&world, &new, PASSWORD).await.expect(200);
    // The email to the former address is no longer valid.
    forgot(&world, &world.email("ada")).await.expect(204);
    forgot(&world, &new).await.expect(204);
    assert_eq!(mail.next(&new).await.subject, "Choose a new password");
    assert_eq!(mail.to(&world.email("ada")).len(), 2);
}

async fn emails_of_others(world: World) {
    let mail = mailbox(&world);
    let (ada, eve) = (world.user("ada").await, world.user("eve").await);
    mail.next(&world.email("ada")).await;
    mail.next(&world.email("eve")).await;
    // Eve knows Ada's password and has the address changed to her own; Ada chooses a new password.
    let trapped = format!("{}@evil.example", eve.name);
    change_email(&ada, &trapped, PASSWORD).await.expect(204);
    let trap = mail.next(&trapped).await.token("verify");
    assert_eq!(mail.next(&world.email("ada")).await.subject, "Your address is about to change");
    change_password(&ada, PASSWORD, NEW).await.expect(204);
    verify(&eve, &trap).await.refused(410, "link.gone");
    assert_eq!(ada.get("/api/auth/me").await.expect(200)["email"], world.email("ada"));
}

async fn unfit_input(world: World) {
    let ada = world.user("ada").await;
    let long = "x".repeat(300);
    let reset = "/api/auth/password/reset";
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("/api/auth/verify-email", json!({}), &["/token"]),
        ("/api/auth/verify-email", json!({"token": 7}), &["/token"]),
        ("/api/auth/verify-email", json!({"token": ""}), &["/token"]),
        ("/api/auth/verify-email", json!({"token": long}), &["/token"]),
        ("/api/auth/verify-email", json!([]), &[""]),
        ("/api/auth/password/forgot", json!({"email": null}), &["/email"]),
        ("/api/auth/password/forgot", json!({"email": ["ada@example.org"]}), &["/email"]),
        ("/api/auth/password/forgot", json!({"email": "ada@example.org\u{0}"}), &["/email"]),
        (reset, json!({}), &["/token", "/new_password"]),
        (reset, json!({"token": "x", "new_password": long}), &["/new_password"]),
        (reset, json!({"token": {}, "new_password": true}), &["/token", "/new_password"]),
        (
            "/api/auth/password/change",
            json!({"current_password": long, "new_password": long}),
            &["/current_password", "/new_password"],
        ),
        ("/api/auth/email/change", json!({"email": "a@b", "password": ""}), &["/email", "/password"]),
    ];
    for (path, body, wrong) in cases {
        let answer = ada.post(path, body.clone()).await;
        let mut fields = answer.wrong_fields();
        fields.sort();
        let mut wrong = wrong.to_vec();
        wrong.sort_unstable();
        assert_eq!(fields, wrong, "{path} {body}");
    }
    for foreign in ["nonsense", "a\u{0}b"] {
        verify(world.nobody(), foreign).await.refused(410, "link.gone");
        let answer = world.nobody().post(reset, json!({"token": foreign, "new_password": NEW})).await;
        answer.refused(410, "link.gone");
    }
    verify(world.nobody(), ada.token().get(..200).unwrap()).await.refused(410, "link.gone");
    // Those were five guesses from here: the next one waits, and so would a right one.
    verify(world.nobody(), "' OR 1=1 --").await.refused(429, "rate.limited");
    let whole = world.nobody().request("POST", reset).header("content-type", "application/json").body("{\"token\": ");
    assert_eq!(Answer::to(whole).await.status, 400);
    login(&world, &ada.name, PASSWORD).await.expect(200);
}

async fn the_page(world: World) {
    let page = world.nobody().get("/account").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(!page.text.contains("://"), "it asks no outside host");
    page.expect(200);
    for (part, kind) in [("account.js", "text/javascript"), ("account.css", "text/css")] {
        let answer = world.nobody().get(&format!("/account/{part}")).await;
        assert!(answer.header("content-type").starts_with(kind), "{part}");
        answer.expect(200);
    }
    world.nobody().get("/account/../main.rs").await.refused(404, "route.unknown");
    world.nobody().get("/account/other.js").await.refused(404, "route.unknown");
}

async fn registering_where_nothing_is_told(world: World) {
    let mail = mailbox(&world);
    let register = async |name: &str, email: &str| {
        let new =
            json!({"username": name, "email": email, "password": PASSWORD, "display_name": format!("Miss {name}")});
        world.nobody().post("/api/auth/register", new).await
    };
    let ada = register("ada", "ada@example.org").await;
    assert_eq!(ada.status, 202, "{}", ada.text);
    let token = mail.next("ada@example.org").await.token("verify");
    login(&world, "ada", PASSWORD).await.refused(401, "credentials.invalid");
    // Whoever confirms an address must also know the chosen password.
    assert_eq!(verify(world.nobody(), &token).await.wrong_fields(), ["/password"]);
    verify_with(world.nobody(), &token, "somebody else's").await.refused(403, "password.wrong");
    verify_with(world.nobody(), &token, PASSWORD).await.expect(204);
    let signed_in = login(&world, "ada", PASSWORD).await.expect(200);
    assert_eq!(signed_in["user"]["email_verified"], true);
    assert_eq!(signed_in["user"]["display_name"], "Miss ada");

    let free = register("eve", "eve@example.org").await;
    let taken = register("eve2", "Ada@Example.org").await;
    assert_eq!((free.status, taken.status), (202, 202));
    assert_eq!(free.body, taken.body, "nobody can tell the two apart");
    let email = mail.next("Ada@example.org").await;
    assert_eq!(email.subject, "You already have an account");
    assert!(email.text.starts_with("Hello Miss ada,") && !email.text.contains("eve2"), "{}", email.text);
    for name in ["ada", "ADA", "eve", "eve2"] {
        register(name, "fresh@example.org").await.refused(409, "username.taken");
    }
    login(&world, "eve2", PASSWORD).await.refused(401, "credentials.invalid");
    let token = mail.next("eve@example.org").await.token("verify");
    verify_with(world.nobody(), &token, PASSWORD).await.expect(204);
    login(&world, "eve", PASSWORD).await.expect(200);
    // The former endpoints of simplejwt protect the secret as well.
    let new = json!({"username": "mallory", "email": "ada@example.org", "password": PASSWORD});
    let answer = world.nobody().post("/api/register", new).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}
