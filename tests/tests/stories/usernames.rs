//! People change their usernames and are still found by the ones before; administrators put badges on profiles.

use clowder_tests::{Answer, World, on_both, world::PASSWORD};
use serde_json::json;

on_both!(shared; changed, refused, badges);

async fn changed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (before, after) = (ada.name.clone(), world.name("countess"));
    let by_name = |name: &str| format!("/api/usernames/{name}");
    let etag = bob.get(&by_name(&before)).await.header("etag").to_owned();
    let mut socket = ada.socket().await;
    let renamed = ada.patch("/api/users/me", json!({"username": after})).await.expect(200);
    assert_eq!(renamed["username"], *after);
    assert_eq!(socket.until("user.updated").await["data"]["username"], *after);
    for name in [&before, &after, &before.to_uppercase()] {
        let found = bob.request("GET", &by_name(name)).header("if-none-match", &etag);
        let found = Answer::to(found).await.expect(200);
        assert_eq!((&found["id"], &found["username"]), (&json!(ada.id), &json!(after)));
    }
    let seen = bob.get(&by_name(&after)).await;
    let again = bob.request("GET", &by_name(&after)).header("if-none-match", seen.header("etag"));
    assert_eq!(Answer::to(again).await.status, 304);
    let login = |name: &str| json!({"username": name, "password": PASSWORD});
    world.nobody().post("/api/auth/login", login(&after)).await.expect(200);
    world.nobody().post("/api/auth/login", login(&before)).await.refused(401, "credentials.invalid");
    bob.patch("/api/auth/me", json!({"username": before})).await.refused(409, "username.taken");
    let security = ada.get("/api/users/me/security").await.expect(200);
    let events = security["items"].as_array().unwrap();
    let event = events.iter().find(|event| event["action"] == "username.changed").unwrap();
    assert_eq!((&event["before"], &event["after"]), (&json!({"username": before}), &json!({"username": after})));
    let soon = ada.patch("/api/users/me", json!({"username": before})).await.refused(409, "username.too_soon");
    assert!(soon["detail"].as_str().unwrap().contains("20"), "says when: {soon}");

    // Who is hidden is not found by either, as a name that nobody has.
    ada.patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    let mut answers = Vec::new();
    for name in [&before, &after, &world.name("nobody"), "a", "%20", "x%2Fy", &"x".repeat(150)] {
        let mut problem = bob.get(&by_name(name)).await.refused(404, "user.unknown");
        for member in ["request_id", "instance"] {
            problem[member].take();
        }
        answers.push(problem);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    ada.get(&by_name(&before)).await.expect(200);
}

async fn refused(world: World) {
    let (ada, root) = (world.user("ada").await, world.staff("rita", "admin").await);
    for wrong in [json!("ab"), json!("x".repeat(31)), json!("-ada"), json!("a b c"), json!(7)] {
        assert_eq!(
            ada.patch("/api/users/me", json!({"username": wrong})).await.wrong_fields(),
            ["/username"],
            "{wrong}"
        );
    }
    ada.patch("/api/users/me", json!({"username": "Support"})).await.refused(409, "username.reserved");
    let path = format!("/api/users/{}", ada.id);
    let name = world.name("renamed");
    let too_long = json!({"username": name, "reason": "x".repeat(501)});
    assert_eq!(root.patch(&path, too_long).await.wrong_fields(), ["/reason"]);
    let change = json!({"username": name, "reason": "an impersonation"});
    assert_eq!(root.patch(&path, change).await.expect(200)["username"], *name);
    let change = json!({"username": ada.name, "reason": "it was not"});
    root.patch(&path, change).await.expect(200);
    let entries = root.get(&format!("/api/admin/audit?action=username.changed&target={}", ada.id)).await.expect(200);
    assert_eq!(entries["items"][0]["after"], json!({"username": ada.name, "reason": "it was not"}));
}

async fn badges(world: World) {
    let (ada, bob, root) = (world.user("ada").await, world.user("bob").await, world.staff("rita", "admin").await);
    let badge = |badge: &str| format!("/api/admin/users/{}/badges/{badge}", ada.id);
    let path = format!("/api/users/{}", ada.id);
    let etag = bob.get(&path).await.header("etag").to_owned();
    bob.put(&badge("founder"), json!({})).await.refused(403, "permission.denied");
    let mut socket = ada.socket().await;
    assert_eq!(root.put(&badge("founder"), json!({})).await.expect(200)["badges"], json!(["founder"]));
    assert_eq!(socket.until("user.updated").await["data"]["badges"], json!(["founder"]));
    root.put(&badge("founder"), json!({})).await.expect(200);
    let seen = bob.request("GET", &path).header("if-none-match", &etag);
    assert_eq!(Answer::to(seen).await.expect(200)["badges"], json!(["founder"]));
    for wrong in ["Founder", "a_b", "%C3%A4", &"x".repeat(31)] {
        assert_eq!(root.put(&badge(wrong), json!({})).await.wrong_fields(), ["badge"], "{wrong}");
    }
    for n in 1..10 {
        root.put(&badge(&format!("b{n}")), json!({})).await.expect(200);
    }
    root.put(&badge("more"), json!({})).await.refused(409, "badge.limit");
    root.delete(&badge("founder")).await.expect(204);
    root.delete(&badge("founder")).await.expect(204);
    assert_eq!(bob.get(&path).await.expect(200)["badges"].as_array().unwrap().len(), 9);
    let nobody = "/api/admin/users/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10/badges/founder";
    root.put(nobody, json!({})).await.refused(404, "user.unknown");
}
