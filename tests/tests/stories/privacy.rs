//! Somebody downloads an export of their data, and has their account erased.

use std::{
    fs,
    io::{Cursor, Read},
};

use clowder_tests::{Database, Mailbox, User, World, answer, on_both, world::PASSWORD, world::each};
use serde_json::{Value, json};

on_both!(shared; copy, second_thoughts);

async fn ready(user: &User, export: &Value) -> Value {
    let path = format!("/api/users/me/exports/{}", export["id"].as_str().unwrap());
    answer("the copy", async || Some(user.get(&path).await.expect(200)).filter(|export| export["status"] == "ready"))
        .await
}

/// The text of the email with this subject; earlier ones are skipped.
async fn email(world: &World, to: &str, subject: &str) -> String {
    let mailbox = Mailbox::new(world.database.folder.path().join("mail"));
    loop {
        let email = mailbox.next(to).await;
        if email.subject == subject {
            return email.text;
        }
    }
}

async fn copy(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    ada.says(&chat, "Grüße 🐈").await;
    bob.says(&chat, "between us").await;
    let confirm =
        Mailbox::new(world.database.folder.path().join("mail")).next(&world.email("ada")).await.token("verify");
    world.nobody().post("/api/auth/verify-email", json!({"token": confirm})).await.expect(204);
    bob.post("/api/users/me/export", json!({})).await.expect(202);
    let asked = ada.post("/api/users/me/export", json!({})).await.expect(202);
    assert_eq!(ada.post("/api/users/me/export", json!({})).await.expect(202)["id"], asked["id"], "one at a time");
    let export = ready(&ada, &asked).await;
    let listed = ada.get("/api/users/me/exports").await.expect(200);
    assert_eq!(each(listed["items"].as_array().unwrap(), "id"), [asked["id"].clone()]);
    let link = export["url"].as_str().unwrap();
    // An unconfirmed address gets no link.
    let told = email(&world, &world.email("bob"), "Your data is ready").await;
    assert!(!told.contains("token=") && told.contains("Sign in to download it"), "{told}");
    let told = email(&world, &world.email("ada"), "Your data is ready").await;
    let mailed = told.split_whitespace().find_map(|word| Some(&word[word.find("/api/exports/")?..])).unwrap();
    world.nobody().request("GET", mailed).send().await.unwrap().error_for_status().unwrap();

    // The holder of the link needs no token; without it nobody has access, not even the owner.
    let answer = world.nobody().request("GET", link).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-type"), header("cache-control")), ("application/zip".into(), "no-store".into()));
    assert_eq!(header("content-length"), export["size"].to_string());
    assert!(header("content-disposition").starts_with("attachment; filename=\"clowder-"));
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.bytes().await.unwrap())).unwrap();
    let mut read = |name: &str| {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    assert!(read("README.txt").contains("messages.ndjson"));
    let said: Value = serde_json::from_str(read("messages.ndjson").trim()).unwrap();
    assert_eq!((&said["content"], &said["chat_id"]), (&json!("Grüße 🐈"), &json!(chat)));
    let account: Value = serde_json::from_str(&read("account.json")).unwrap();
    assert_eq!(account["email"], world.email("ada"));
    assert!(!read("chats.json").contains("between us"));

    let path = link.split('?').next().unwrap();
    for token in ["", "?token=", "?token=nonsense"] {
        let answer = ada.get(&format!("{path}{token}")).await;
        assert_eq!(answer.body["title"], "The link is invalid", "{}", answer.text);
        answer.refused(404, "export.unknown");
    }
    for token in ["%00", &"A".repeat(5000)] {
        assert_eq!(ada.get(&format!("{path}?token={token}")).await.wrong_fields(), ["?token"]);
    }
    bob.get(&format!("/api/users/me/exports/{}", asked["id"].as_str().unwrap())).await.refused(404, "export.unknown");
    // The link outlives the session, but not the account: see below.
    world.nobody().request("GET", link).send().await.unwrap().error_for_status().unwrap();
}

async fn second_thoughts(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    for (body, fields) in
        [(json!({}), vec!["/password"]), (json!({"password": PASSWORD, "messages": "burn"}), vec!["/messages"])]
    {
        let request = ada.request("DELETE", "/api/users/me").json(&body);
        assert_eq!(clowder_tests::Answer::to(request).await.wrong_fields(), fields);
    }
    erase(&ada, json!({"password": "not the password"})).await.refused(403, "password.wrong");
    ada.delete("/api/users/me/erasure").await.refused(409, "erasure.none");
    let due = erase(&ada, json!({"password": PASSWORD})).await.expect(202)["erase_at"].clone();
    assert_eq!(socket.closed().await, 4003);
    ada.get("/api/auth/me").await.refused(401, "session.ended");
    let refresh = json!({"refresh": ada.refresh});
    assert_eq!(world.nobody().post("/api/auth/refresh", refresh).await.status, 401);
    assert!(email(&world, &world.email("ada"), "Your account will be erased").await.contains("will be erased on "));

    let back = world.login("ada").await;
    assert_eq!(back.get("/api/auth/me").await.expect(200)["erase_at"], due);
    back.delete("/api/users/me/erasure").await.expect(204);
    assert_eq!(back.get("/api/auth/me").await.expect(200)["erase_at"], json!(null));
    let seen = back.get("/api/users/me/security").await.expect(200);
    let actions = each(seen["items"].as_array().unwrap(), "action");
    assert!(actions.contains(&json!("erasure.requested")) && actions.contains(&json!("erasure.undone")), "{actions:?}");
}

async fn erase(user: &User, body: Value) -> clowder_tests::Answer {
    clowder_tests::Answer::to(user.request("DELETE", "/api/users/me").json(&body)).await
}

mod gone {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        gone(World::with(Database::sqlite(), &[("ERASURE_DAYS", "0")]).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        gone(World::with(Database::postgres(), &[("ERASURE_DAYS", "0")]).await).await;
    }

    async fn gone(world: World) {
        let (ada, bob) = (world.user("peculiar").await, world.user("bob").await);
        let chat = ada.private_chat(&bob).await;
        ada.says(&chat, "what stays").await;
        let asked = ada.post("/api/users/me/export", json!({})).await.expect(202);
        let link = ready(&ada, &asked).await["url"].as_str().unwrap().to_owned();
        let mut hers = ada.socket().await;
        let mut his = bob.socket().await;
        erase(&ada, json!({"password": PASSWORD})).await.expect(202);
        assert_eq!(hers.closed().await, 4003);
        let told = his.until("user.deleted").await;
        assert_eq!((&told["data"]["id"], &told["data"]["display_name"]), (&json!(ada.id), &json!("Deleted user")));
        let last = email(&world, "peculiar@example.org", "Your account has been erased").await;
        let receipt = last.split_whitespace().find(|word| word.starts_with("eyJ")).unwrap().to_owned();

        // Those who talked with her can still read their chats.
        let seen = bob.chat(&chat).await;
        assert_eq!(seen["peer"]["display_name"], "Deleted user");
        assert_eq!(seen["last_message"]["content"], "what stays");
        assert_eq!(bob.messages(&chat).await[0]["sender"]["display_name"], "Deleted user");
        assert!(!seen.to_string().contains("peculiar"));
        // She is a deleted user, and her export is gone.
        let login = json!({"username": "peculiar", "password": PASSWORD});
        world.nobody().post("/api/auth/login", login).await.refused(401, "credentials.invalid");
        assert_eq!(ada.get("/api/auth/me").await.status, 401);
        world.nobody().get(&link).await.refused(410, "export.gone");
        let new = json!({"type": "private", "participant_ids": [ada.id]});
        assert_eq!(bob.post("/api/chats", new).await.status, 422);
        // The name is free, and is somebody else's now.
        assert_ne!(world.user("peculiar").await.id, ada.id);

        let file = world.database.folder.path().join("receipt.txt");
        fs::write(&file, &receipt).unwrap();
        let verify =
            |settings: &[(&str, &str)]| world.command(&["users", "verify-receipt", file.to_str().unwrap()], settings);
        let said = verify(&[]);
        assert!(said.well && said.text.contains(&ada.id) && said.text.contains("\"sessions\""), "{said:?}");
        assert!(!verify(&[("SECRET_KEY", "another-secret-for-tests-0123456789abcdef")]).well);
        // The whole email works, nobody has to cut the receipt out of it.
        fs::write(&file, &last).unwrap();
        assert!(verify(&[]).well);
        fs::write(&file, receipt.replacen('e', "f", 3)).unwrap();
        assert!(!verify(&[]).well);
        let key = world.command(&["users", "receipt-key"], &[]);
        assert!(key.well && key.text.contains("Ed25519"), "{key:?}");
    }
}

#[tokio::test]
async fn links_expire_and_administrators_erase() {
    let world = World::new(Database::postgres()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let asked = ada.post("/api/users/me/export", json!({})).await.expect(202);
    let link = ready(&ada, &asked).await["url"].as_str().unwrap().to_owned();
    world.database.psql("UPDATE exports SET expires_at = now() - interval '1 second'");
    world.nobody().get(&link).await.refused(410, "export.gone");
    let past = ada.get(&format!("/api/users/me/exports/{}", asked["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&past["status"], &past["url"]), (&json!("expired"), &json!(null)));

    world.user("rita").await;
    world.database.psql("UPDATE users SET role = 'admin' WHERE username = 'rita'");
    let root = world.login("rita").await;
    let path = format!("/api/admin/users/{}", ada.id);
    bob.delete(&path).await.refused(403, "permission.denied");
    let mut socket = ada.socket().await;
    root.delete(&path).await.expect(202);
    assert_eq!(socket.closed().await, 4003);
    answer("the end", async || Some(root.delete(&path).await).filter(|answer| answer.status == 404))
        .await
        .refused(404, "user.unknown");
    root.delete(&format!("/api/admin/users/{}", root.id)).await.refused(409, "role.last_admin");
    assert_eq!(erase(&root, json!({"password": PASSWORD})).await.refused(409, "role.last_admin")["status"], 409);
    root.delete("/api/admin/users/nonsense").await.refused(404, "id.invalid");
    drop(socket);
    let mut socket = bob.socket().await;
    assert_eq!(socket.drain().await, Vec::<Value>::new(), "strangers hear nothing");
}
