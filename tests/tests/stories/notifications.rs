//! People are told what others do, on all devices, in their language, and as they like it.

use clowder_tests::{Server, User, World, answer, on_both, until};
use serde_json::{Value, json};

on_both!(shared; mentions, requests, gathering, deleted_texts, devices, preferences, wrong_questions);
on_both!(rewinding, killed);

async fn items(user: &User, query: &str) -> Vec<Value> {
    let page = user.get(&format!("/api/notifications{query}")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Waits for a notification of this type.
async fn told(user: &User, kind: &str) -> Value {
    answer(kind, async || items(user, &format!("?type={kind}")).await.into_iter().next()).await
}

async fn unread(user: &User) -> i64 {
    user.get("/api/notifications/unread-count").await.expect(200)["unread_count"].as_i64().unwrap()
}

async fn mentions(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut phone = ada.socket().await;
    let said = bob.says(&chat, &format!("@{} are you coming?", ada.name)).await;
    let live = phone.until("notification").await;
    let listed = told(&ada, "message.mention").await;
    for one in [&live["data"], &listed] {
        assert_eq!(one["target"], json!({"type": "message", "id": said["id"]}));
        assert_eq!((&one["actor"]["id"], &one["data"]["chat_id"]), (&json!(bob.id), &json!(chat)));
        assert!(one["title"].as_str().unwrap().contains("Lunch"), "{one}");
        assert_eq!(one["body"], said["content"]);
        assert!(one["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert_eq!((&one["read_at"], &one["count"]), (&Value::Null, &json!(1)));
    }
    assert!(items(&bob, "?type=message.mention").await.is_empty(), "one's own acts notify nobody");
    ada.post(&format!("/api/chats/{chat}/read"), json!({"seq": said["seq"]})).await.expect(200);
    assert_eq!(phone.until("notification.read").await["data"]["unread_count"], 0);
    assert_eq!(unread(&ada).await, 0, "reading the chat reads them");
}

async fn requests(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let request = ada.post("/api/friends/request", json!({"user_id": bob.id, "message": "hello"})).await.expect(201);
    let asked = told(&bob, "friend.request").await;
    assert_eq!((&asked["target"]["id"], &asked["body"]), (&request["id"], &json!("hello")));
    let path = format!("/api/friends/request/{}", request["id"].as_str().unwrap());
    bob.put(&path, json!({"action": "accept"})).await.expect(200);
    assert_eq!(told(&ada, "friend.accepted").await["actor"]["id"], json!(bob.id));
    until("what is answered is read", async || !told(&bob, "friend.request").await["read_at"].is_null()).await;
    let cem = world.user("cem").await;
    let request = cem.post("/api/friends/request", json!({"user_id": ada.id})).await.expect(201);
    told(&ada, "friend.request").await;
    let path = format!("/api/friends/request/{}", request["id"].as_str().unwrap());
    cem.put(&path, json!({"action": "cancel"})).await.expect(200);
    until("what is withdrawn is gone", async || items(&ada, "?type=friend.request").await.is_empty()).await;
    until("and not counted", async || unread(&ada).await == 1).await;
}

async fn gathering(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    for _ in 0..3 {
        bob.says(&chat, &format!("@{} again", ada.name)).await;
    }
    until("three mentions", async || unread(&ada).await == 3).await;
    let gathered = items(&ada, "?unread=true").await;
    assert_eq!((gathered.len(), &gathered[0]["count"]), (1, &json!(3)));
    let single = items(&ada, "?grouped=false").await;
    assert_eq!(single.len(), 3);
    assert!(single.iter().all(|one| one["group_key"] == gathered[0]["group_key"]));
    let path = format!("/api/notifications/{}", gathered[0]["id"].as_str().unwrap());
    bob.put(&format!("{path}/read"), json!({})).await.refused(404, "notification.unknown");
    bob.delete(&path).await.refused(404, "notification.unknown");
    assert_eq!(ada.put(&format!("{path}/read"), json!({})).await.expect(200), json!({"unread_count": 0}));
    ada.delete(&path).await.expect(204);
    ada.delete(&path).await.refused(404, "notification.unknown");
    assert!(items(&ada, "").await.is_empty());
}

async fn deleted_texts(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let cursor = ada.socket().await.cursor.clone();
    let said = bob.says(&chat, &format!("@{} a peculiar secret", ada.name)).await;
    told(&ada, "message.mention").await;
    bob.delete(&format!("/api/messages/{}", said["id"].as_str().unwrap())).await.expect(204);
    until("it is gone", async || items(&ada, "").await.is_empty() && unread(&ada).await == 0).await;
    let missed = ada.knock(cursor.as_deref()).await.drain().await;
    assert!(!json!(missed).to_string().contains("peculiar"), "a replay does not bring it back");
    assert!(missed.iter().all(|frame| frame["type"] != "notification"));
}

async fn devices(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    ada.post("/api/friends/request", json!({"user_id": bob.id})).await.expect(201);
    told(&bob, "friend.request").await;
    let mut phone = bob.socket().await;
    bob.put("/api/notifications/seen", json!({})).await.expect(204);
    let seen = told(&bob, "friend.request").await;
    assert!(!seen["seen_at"].is_null() && seen["read_at"].is_null());
    assert_eq!(bob.put("/api/notifications/read-all", json!({})).await.expect(200)["unread_count"], 0);
    let read = phone.until("notification.read").await;
    assert_eq!((&read["data"]["unread_count"], &read["data"]["ids"]), (&json!(0), &json!([])));
    let id = seen["id"].as_str().unwrap();
    bob.delete(&format!("/api/notifications/{id}")).await.expect(204);
    assert_eq!(phone.until("notification.removed").await["data"]["ids"], json!([id]));
}

async fn preferences(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let path = "/api/notifications/preferences";
    let first = ada.get(path).await;
    let tag = first.header("etag").to_owned();
    let known = ada.request("GET", path).header("if-none-match", &tag);
    assert_eq!(clowder_tests::Answer::to(known).await.status, 304);
    let first = first.expect(200);
    assert_eq!(first["channels"]["message.direct"], json!({"inbox": false, "push": true, "mail": false}));
    assert_eq!((&first["quiet_hours"], &first["digest"]), (&Value::Null, &json!("off")));
    let patch = json!({"channels": {"message.direct": {"inbox": true}}, "digest": "daily",
        "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin"}});
    let after = ada.put(path, patch).await.expect(200);
    assert_eq!((&after["version"], &after["quiet_hours"]["from"]), (&json!(2), &json!("22:00")));
    let stale = ada.request("PUT", path).header("If-Match", tag).json(&json!({"digest": "off"}));
    clowder_tests::Answer::to(stale).await.refused(412, "notification.preferences_stale");
    assert_eq!(ada.put(path, after.clone()).await.expect(200)["channels"], after["channels"]);
    bob.says(&chat, "hello").await;
    assert_eq!(told(&ada, "message.direct").await["body"], "hello");
    ada.put(&format!("/api/chats/{chat}/preferences"), json!({"notify": "none"})).await.expect(200);
    bob.says(&chat, "unheard").await;
    ada.patch("/api/users/me/settings", json!({"language": "de"})).await.expect(200);
    bob.post("/api/friends/request", json!({"user_id": ada.id})).await.expect(201);
    let asked = told(&ada, "friend.request").await;
    assert!(asked["title"].as_str().unwrap().contains("befreundet"), "{asked}");
    assert_eq!(items(&ada, "?type=message.direct&grouped=false").await.len(), 1, "the level of the chat counts");
    let wrong = json!({"channels": {"message.smell": {}, "system": {"inbox": 1}}, "quiet_hours": {"from": "24:00"}});
    let mut fields = ada.put(path, wrong).await.wrong_fields();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "/channels/message.smell",
            "/channels/system/inbox",
            "/quiet_hours/from",
            "/quiet_hours/time_zone",
            "/quiet_hours/to"
        ]
    );
}

async fn wrong_questions(world: World) {
    let ada = world.user("ada").await;
    for (query, field) in [
        ("unread=maybe", "?unread"),
        ("type=message.smell", "?type"),
        ("grouped=1", "?grouped"),
        ("cursor=x", "?cursor"),
    ] {
        assert_eq!(ada.get(&format!("/api/notifications?{query}")).await.wrong_fields(), [field], "{query}");
    }
    assert_eq!(ada.put("/api/notifications/read-all", json!({"before": "soon"})).await.wrong_fields(), ["/before"]);
    let key = json!({"name": "bot", "scopes": ["notifications:read"]});
    let key = ada.post("/api/api-keys", key).await.expect(201);
    let bot = world.nobody().with_key(key["key"].as_str().unwrap());
    bot.get("/api/notifications").await.expect(200);
    bot.put("/api/notifications/read-all", json!({})).await.refused(403, "scope.missing");
    world.nobody().get("/api/notifications").await.refused(401, "token.missing");
}

async fn rewinding(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    ada.post("/api/friends/request", json!({"user_id": bob.id})).await.expect(201);
    told(&bob, "friend.request").await;
    let listed = world.command(&["readers", "list", "--json"], &[]).json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|reader| reader["name"].clone()).collect();
    assert!(names.contains(&json!("notifications")), "{names:?}");
    let again = world.command(&["readers", "rewind", "notifications", "--to", "0", "--json"], &[]).json();
    assert!(again["again"].as_i64().unwrap() > 0);
    ada.patch("/api/users/me", json!({"bio": "later"})).await.expect(200);
    until("it has read everything again", async || {
        let listed = world.command(&["readers", "list", "--json"], &[]).json();
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|reader| reader["name"] == "notifications" && reader["changes"] == 0)
    })
    .await;
    assert_eq!((items(&bob, "?grouped=false").await.len(), unread(&bob).await), (1, 1), "nothing is told twice");
}

async fn killed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut said = Vec::new();
    for number in 0..30 {
        said.push(bob.says(&chat, &format!("@{} number {number}", ada.name)).await["id"].clone());
    }
    // Somewhere in the middle of telling her.
    let world = world.restart(Server::kill).await;
    let ada = world.login(&ada.name).await;
    let single = "?type=message.mention&grouped=false&limit=200";
    until("all of them", async || items(&ada, single).await.len() >= said.len()).await;
    let told: Vec<Value> = items(&ada, single).await.iter().rev().map(|one| one["target"]["id"].clone()).collect();
    let sorted = |mut ids: Vec<Value>| {
        ids.sort_by_key(Value::to_string);
        ids
    };
    assert_eq!(sorted(told), sorted(said.clone()), "nothing is lost, and nothing is told twice");
    let mentions = items(&ada, "?type=message.mention&unread=true").await;
    assert_eq!(mentions.iter().map(|one| one["count"].as_u64().unwrap()).sum::<u64>(), said.len() as u64);
}
