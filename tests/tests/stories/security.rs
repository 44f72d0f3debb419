//! What is recorded about an account, who may read it, and the keys that encrypt it.

use clowder_tests::{
    Answer, Client, Database, World,
    command::{clowder, run},
    database::psql,
    on_both, until,
    world::each,
};
use serde_json::{Value, json};

on_both!(shared; own_timeline);
on_both!(chain_and_keys, other_keys);

const OLD: &str = "2026-10/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "2026-11/IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

async fn own_timeline(world: World) {
    let ada = world.user("ada").await;
    let guess = json!({"username": ada.name, "password": "not the password"});
    let knock = world.nobody().request("POST", "/api/auth/login").header("user-agent", "=cmd|' /C calc'!A0");
    Answer::to(knock.json(&guess)).await.refused(401, "credentials.invalid");
    ada.patch("/api/auth/me", json!({"bio": "counts"})).await.expect(200);
    let phone = world.login("ada").await;
    phone.post("/api/auth/logout", json!({})).await.expect(204);

    let seen = ada.get("/api/users/me/security").await.expect(200);
    let seen = seen["items"].as_array().unwrap();
    assert_eq!(
        each(seen, "action"),
        ["session.ended", "session.opened", "profile.changed", "session.refused", "session.opened", "user.registered"]
    );
    assert_eq!(each(seen, "by"), ["you", "you", "you", "nobody", "you", "nobody"]);
    assert_eq!((&seen[2]["before"]["bio"], &seen[2]["after"]["bio"]), (&json!(null), &json!("counts")));
    assert_eq!(seen[3]["agent"], "=cmd|' /C calc'!A0");
    assert_eq!(seen[3]["address"], world.nobody().place().unwrap());
    assert!(seen.iter().all(|event| !event.to_string().contains("not the password")));

    let mut read = Vec::new();
    let mut path = "/api/users/me/security?limit=4".to_owned();
    loop {
        let page = ada.get(&path).await.expect(200);
        read.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/users/me/security?limit=4&cursor={cursor}");
    }
    assert_eq!(read, *seen, "pages are the whole");
    assert_eq!(ada.get("/api/users/me/security?cursor=x").await.wrong_fields(), ["?cursor"]);

    let bob = world.user("bob").await;
    assert_eq!(bob.get("/api/users/me/security").await.expect(200)["items"].as_array().unwrap().len(), 2);
    for path in ["/api/admin/audit", "/api/admin/audit/export?format=csv"] {
        bob.get(path).await.refused(403, "permission.denied");
        world.nobody().get(path).await.refused(401, "token.missing");
    }
}

async fn chain_and_keys(world: World) {
    let people = [world.user("ada").await, world.user("bob").await];
    let verify = |arguments: &[&str]| world.command(&[&["audit", "verify"], arguments].concat(), &[]);
    let said = verify(&[]);
    assert!(said.well && said.text.contains("4 entries, the chain is intact"), "{said:?}");
    let end = said.text.lines().find_map(|line| line.strip_prefix("end: ")).unwrap().to_owned();
    people[0].patch("/api/auth/me", json!({"bio": "counts"})).await.expect(200);
    assert!(verify(&["--noted", &end]).well, "what was noted is still there");
    let forged = end.replace(char::is_numeric, "0").replacen('0', "4", 1);
    let said = verify(&["--noted", &forged]);
    assert!(!said.well && said.text.contains("BROKEN at position"), "{said:?}");
    assert!(!verify(&["--noted", "nonsense"]).well);

    // The server continues with its derived key, while others are added.
    let keys = |command: &str, keys: &str| world.command(&["keys", command], &[("ENCRYPTION_KEYS", keys)]);
    assert!(keys("status", "").text.contains("user_keys.key: 2 under `secret-key`"));
    let said = keys("rotate", OLD);
    assert!(said.well && said.text.contains("user_keys.key: 2 checked, 2 re-encrypted"), "{said:?}");
    assert!(keys("rotate", OLD).text.contains("2 checked, 0 re-encrypted"));
    let said = keys("status", OLD);
    assert!(said.well && said.text.contains("user_keys.key: 2 under `2026-10`"), "{said:?}");
    assert!(said.text.contains("audit.address: 5 under user keys"), "{said:?}");

    let said = keys("status", NEW);
    assert!(!said.well && said.text.contains("2 of them do not decrypt"), "{said:?}");
    let doctor = |keys: &str| world.command(&["doctor"], &[("ENCRYPTION_KEYS", keys), ("PORT", "0")]);
    assert!(doctor(OLD).text.contains("ok   encryption keys: `2026-10` is active"), "{:?}", doctor(OLD));
    let said = doctor(NEW);
    let fault =
        "FAIL encryption keys: 2 values of user_keys.key need the key `2026-10`, which is not in ENCRYPTION_KEYS";
    assert!(!said.well && said.text.contains(fault), "{said:?}");
    // Neither command shows a key.
    for text in [keys("status", OLD).text, doctor(NEW).text, keys("rotate", &format!("{NEW},{OLD}")).text] {
        assert!(!text.contains("AAECAwQF") && !text.contains("IB8eHRwb"), "{text}");
    }
    let said = keys("status", "broken");
    assert!(!said.well && said.text.contains("ENCRYPTION_KEYS: key 1 must be id/base64"), "{said:?}");
}

/// A server that cannot decrypt its data would answer every login with 500.
async fn other_keys(world: World) {
    for number in 0..30 {
        world.user(&format!("person{number}")).await;
    }
    let World { server, database, .. } = world;
    assert!(server.stop().await.success());
    let wrong = [("SECRET_KEY", "another-secret-for-tests-0123456789abcdef")];
    for arguments in [&["serve"][..], &["jobs", "run"]] {
        let said = run(clowder(&database, arguments, &wrong), b"");
        assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.text);
        assert!(said.err.contains("SECRET_KEY or ENCRYPTION_KEYS has changed"), "{arguments:?}: {}", said.text);
    }
    // A database that was restored without the file of its secret gets no new one, however often it is started.
    for _ in 0..2 {
        let said = run(clowder(&database, &["serve"], &[("SECRET_KEY", "")]), b"");
        let says = if database.is_sqlite() { "secret.key is missing; restore it" } else { "SECRET_KEY: is missing" };
        assert!(said.code != Some(0) && said.err.contains(says), "{}", said.text);
    }
    // However many do not decrypt, there is one line per column and key.
    for arguments in [&["keys", "status"][..], &["doctor"]] {
        let said = run(clowder(&database, arguments, &wrong), b"");
        assert!(said.code == Some(1) && said.text.contains("not decrypt"), "{arguments:?}: {}", said.text);
        assert!(said.text.lines().count() < 25, "{arguments:?}: {}", said.text);
    }
    let said = run(clowder(&database, &["keys", "rotate"], &[wrong[0], ("ENCRYPTION_KEYS", OLD)]), b"");
    assert!(said.code == Some(1) && said.err.contains("and 10 more\n"), "{}", said.text);
    // A single corrupt value does not keep the server from starting.
    database.run(
        "UPDATE user_keys SET key = (SELECT key FROM user_keys ORDER BY user_id DESC LIMIT 1)
         WHERE user_id = (SELECT user_id FROM user_keys ORDER BY user_id LIMIT 1)",
    );
    let world = World::new(database).await;
    world.login("person9").await;
}

/// The whole export, however long it takes.
async fn export(admin: &Client, query: &str) -> Answer {
    Answer::to(admin.request("GET", &format!("/api/admin/audit/export?{query}"))).await
}

/// Every read of the log chains what is pending first, so only the table shows that the server does it by itself.
#[tokio::test]
async fn entries_are_chained_without_a_reader() {
    let world = World::new(Database::postgres()).await;
    world.user("ada").await;
    let count = |table: &str| psql(&world.database.url, &format!("SELECT count(*) FROM {table}"));
    until("all entries are chained", async || count("audit_pending") == "0" && count("audit") != "0").await;
}

#[tokio::test]
async fn administrators_search_and_export() {
    let world = World::new(Database::postgres()).await;
    let ada = world.user("ada").await;
    let guess = json!({"username": "ada", "password": "not the password"});
    world.nobody().post("/api/auth/login", guess).await.refused(401, "credentials.invalid");
    for start in (0..700).step_by(10) {
        let edits = (start..start + 10).map(|number| {
            let edit = ada.request("PATCH", "/api/auth/me").header("user-agent", "=1+1,\"x\"");
            Answer::to(edit.json(&json!({"bio": number.to_string()})))
        });
        futures_util::future::join_all(edits).await.into_iter().for_each(|edited| drop(edited.expect(200)));
    }
    world.user("rita").await;
    world.database.psql("UPDATE users SET role = 'admin' WHERE username = 'rita'");
    let root = world.login("rita").await;

    let page = root.get("/api/admin/audit?action=profile.changed&limit=3").await;
    assert!(page.header("link").contains("action=profile.changed"));
    let page = page.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    assert_eq!(page["items"][0]["target"], json!({"type": "user", "id": ada.id}));
    assert_eq!(page["items"][0]["actor"], json!({"type": "user", "id": ada.id, "owner_id": null}));
    assert!(page["items"].as_array().unwrap().iter().all(|item| item["request_id"].as_str().unwrap().len() > 10));
    let guesses = root.get(&format!("/api/admin/audit?actor=nobody&target=user:{}", ada.id)).await.expect(200);
    assert_eq!(each(guesses["items"].as_array().unwrap(), "action"), ["session.refused", "user.registered"]);
    let of_ada = root.get(&format!("/api/admin/audit?actor={}&action=session.*", ada.id)).await.expect(200);
    assert_eq!(each(of_ada["items"].as_array().unwrap(), "action"), ["session.opened"]);
    let none = root.get("/api/admin/audit?to=2020-01-01T00:00:00Z").await.expect(200);
    assert_eq!(none["items"], json!([]));
    let wrong = root.get("/api/admin/audit?actor=x&action=%25&target=1&from=now&to=1&cursor=1").await;
    assert_eq!(wrong.wrong_fields(), ["?actor", "?action", "?target", "?from", "?to", "?cursor"]);
    // Text that PostgreSQL cannot store is the caller's mistake.
    let wrong =
        root.get("/api/admin/audit?target=%00:x&from=-009999-01-02T00:00:00Z&to=%2B010000-01-01T00:00:00Z").await;
    assert_eq!(wrong.wrong_fields(), ["?target", "?from", "?to"]);
    assert_eq!(root.get("/api/admin/users?q=a%00b").await.wrong_fields(), ["?q"]);
    for expires_at in ["2020-01-01T00:00:00Z", "-009999-01-02T00:00:00Z"] {
        let invite = root.post("/api/admin/invites", json!({"expires_at": expires_at})).await;
        assert_eq!(invite.wrong_fields(), ["/expires_at"], "{expires_at}");
    }
    assert_eq!(export(&root, "format=xml").await.wrong_fields(), ["?format"]);

    let all: Vec<Value> = serde_json::from_value(export(&root, "").await.expect(200)).unwrap();
    let positions: Vec<_> = all.iter().map(|record| record["position"].as_i64().unwrap()).collect();
    assert_eq!(positions, (1..=707).collect::<Vec<_>>(), "oldest first, itself included");
    assert_eq!(all.last().unwrap()["action"], "audit.exported");

    let csv = export(&root, "format=csv&action=profile.changed").await;
    assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").contains("audit.csv"));
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines.len(), 701);
    assert!(lines[0].starts_with("position,id,at,actor_type,actor_id,"));
    assert!(lines[1..].iter().all(|line| line.contains(",\"'=1+1,\"\"x\"\"\",")), "{}", lines[1]);
}
