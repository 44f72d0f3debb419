//! People keep templates of chats, and administrators offer some to everybody.

use clowder_tests::{Answer, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(shared; own, of_the_server);

fn path(template: &Value) -> String {
    format!("/api/chat-templates/{}", template["id"].as_str().unwrap())
}

async fn own(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let new = json!({
        "name": "Project", "type": "channel", "history": "since_join", "rights": {"pin": true},
        "lifetime": {"seconds": 3600}, "slow_seconds": 30, "description": "What we do",
    });
    let request = |key: &str| ada.request("POST", "/api/chat-templates").json(&new).header("Idempotency-Key", key);
    let made = Answer::to(request("template-1")).await;
    assert_eq!(made.header("etag"), "\"1\"");
    let made = made.expect(201);
    assert_eq!(
        (&made["scope"], &made["rights"]["pin"], &made["visibility"]),
        (&json!("own"), &json!(true), &json!("private"))
    );
    assert_eq!(Answer::to(request("template-1")).await.expect(201)["id"], made["id"]);
    bob.get(&path(&made)).await.refused(404, "chat.template_unknown");
    bob.patch(&path(&made), json!({"name": "Mine"})).await.refused(404, "chat.template_unknown");
    bob.delete(&path(&made)).await.refused(404, "chat.template_unknown");
    let known = ada.request("GET", &path(&made)).header("If-None-Match", "\"1\"");
    assert_eq!(Answer::to(known).await.status, 304);
    assert_eq!(ada.get("/api/chat-templates?scope=own").await.expect(200)["items"], json!([made]));

    let chats = format!("{}/chats", path(&made));
    assert_eq!(ada.post(&chats, json!({})).await.wrong_fields(), ["/title"]);
    let body = json!({"title": "The website", "participant_ids": [bob.id]});
    let request = || ada.request("POST", &chats).json(&body).header("Idempotency-Key", "chat-1");
    let chat = Answer::to(request()).await.expect(201);
    for (member, value) in [
        ("type", json!("channel")),
        ("title", json!("The website")),
        ("description", json!("What we do")),
        ("history", json!("since_join")),
        ("slow_seconds", json!(30)),
        ("lifetime", json!({"seconds": 3600, "from": "sent"})),
        ("my_role", json!("owner")),
        ("participant_count", json!(2)),
    ] {
        assert_eq!(chat[member], value, "{member}");
    }
    assert_eq!(chat["rights"]["pin"], true);
    let seen = ada.chat(chat["id"].as_str().unwrap()).await;
    assert_eq!(
        (&seen["lifetime"], &seen["rights"], &seen["slow_seconds"]),
        (&chat["lifetime"], &chat["rights"], &chat["slow_seconds"])
    );
    let again = Answer::to(request()).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body["id"]), ("true", &chat["id"]));
    bob.post(&chats, json!({"title": "x"})).await.refused(404, "chat.template_unknown");

    let edited = ada.put(&path(&made), json!({"title": "Project", "lifetime": null})).await.expect(200);
    assert_eq!(
        (&edited["version"], &edited["title"], &edited["lifetime"]),
        (&json!(2), &json!("Project"), &json!(null))
    );
    assert_eq!(ada.post(&chats, json!({})).await.expect(201)["title"], "Project");
    let stale = ada.request("DELETE", &path(&made)).header("If-Match", "\"1\"");
    Answer::to(stale).await.refused(412, "chat.template_stale");
    ada.delete(&path(&made)).await.expect(204);
    ada.get(&path(&made)).await.refused(404, "chat.template_unknown");
    let wrong = ada.post("/api/chat-templates", json!({"type": "private", "slow_seconds": -1})).await;
    assert_eq!(wrong.wrong_fields(), ["/name", "/slow_seconds", "/type"]);
}

async fn of_the_server(world: World) {
    let (ada, root) = (world.user("ada").await, world.staff("root", "admin").await);
    let new = json!({"name": "Announcements", "type": "channel", "title": "News", "rights": {"post": false}});
    ada.post("/api/admin/chat-templates", new.clone()).await.refused(403, "permission.denied");
    let made = root.post("/api/admin/chat-templates", new).await.expect(201);
    assert_eq!(made["scope"], "server");
    let server = ada.get("/api/chat-templates?scope=server&limit=200").await.expect(200);
    assert!(each(server["items"].as_array().unwrap(), "id").contains(&made["id"]));
    assert_eq!(ada.get(&path(&made)).await.expect(200), made);
    ada.patch(&path(&made), json!({"name": "Mine"})).await.refused(404, "chat.template_unknown");
    let chat = ada.post(&format!("{}/chats", path(&made)), json!({})).await.expect(201);
    assert_eq!(
        (&chat["title"], &chat["rights"]["post"], &chat["my_role"]),
        (&json!("News"), &json!(false), &json!("owner"))
    );
    let own = format!("/api/admin/chat-templates/{}", made["id"].as_str().unwrap());
    assert_eq!(root.patch(&own, json!({"title": "Latest"})).await.expect(200)["version"], 2);
    assert_eq!(root.put(&own, json!({"title": "Latest"})).await.expect(200)["version"], 2);
    root.delete(&own).await.expect(204);
    root.delete(&own).await.refused(404, "chat.template_unknown");
    root.delete(&path(&made)).await.refused(404, "chat.template_unknown");
}
