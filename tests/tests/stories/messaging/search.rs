//! What was said is found within seconds, by those who may see it, and no longer once it is gone.

use std::time::{Duration, Instant};

use clowder_tests::{Answer, User, World, client::form, on_both, until, world::each};
use serde_json::{Value, json};

on_both!(shared; finding, deleting, wrong_searches, chats_and_people, rebuilding);

async fn found(user: &User, query: &str) -> Vec<Value> {
    let page = user.get(&format!("/api/search/messages?{query}")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn finding(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let said = Instant::now();
    let message = bob.says(&chat, "Treffen im <Café> am Zoo").await;
    until("it is found", async || !found(&ada, "q=cafe").await.is_empty()).await;
    assert!(said.elapsed() < Duration::from_secs(3), "{:?}", said.elapsed());
    let hits = found(&ada, "q=zoo%20caf%C3%A9&sort=newest").await;
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0]["message"]["id"], message["id"]);
    assert_eq!(hits[0]["highlight"], "Treffen im &lt;<mark>Café</mark>&gt; am <mark>Zoo</mark>");
    assert!(hits[0]["score"].as_f64().is_some_and(|score| (0.0..=1.0).contains(&score)));
    let later = bob.says(&chat, "東京のカフェ https://example.com").await;
    until("it is found", async || !found(&ada, "q=%E3%82%AB%E3%83%95").await.is_empty()).await;
    let of_bob = found(&ada, &format!("q=https&has=link&type=text&from={}&in={chat}", bob.id)).await;
    assert_eq!(each(&of_bob, "message")[0]["id"], later["id"]);
    let (at, by) = (later["created_at"].as_str().unwrap(), world.name("bob"));
    assert_eq!(found(&ada, &format!("q=caf*&from={by}&before={at}")).await.len(), 1);
    assert_eq!(found(&ada, &format!("q=example&after={at}")).await.len(), 1);
    assert_eq!(found(&ada, &format!("q=example&from={}", ada.id)).await.len(), 0);
    assert_eq!(found(&bob, "q=example&from=me&mentions=all").await.len(), 0);
    assert_eq!(found(&bob, "q=example&from=me&has=link").await.len(), 1);
    let named = bob.says(&chat, &format!("dinner with @{}?", world.name("ada"))).await;
    until("it is found", async || !found(&ada, "q=dinner&mentions=me").await.is_empty()).await;
    let me = world.name("ada");
    for query in
        ["has=mention".to_owned(), format!("mentions={}", ada.id), format!("mentions=@{me}"), format!("from=@{by}")]
    {
        assert_eq!(found(&ada, &format!("q=dinn&{query}")).await.len(), 1, "{query}");
    }
    for query in ["has=pin", "has=reaction", "mentions=all", "from=me", "from=nobody-at-all", "mentions=no%20name"] {
        assert_eq!(found(&ada, &format!("q=dinn&{query}")).await.len(), 0, "{query}");
    }
    let form = form(bob.request("POST", "/api/files/upload"), &json!({"file": "what there is for dinner"}));
    let file = Answer::to(form).await.expect(201)["id"].clone();
    let menu = json!({"content": "dinner menu", "attachments": [file]});
    let menu = bob.post(&format!("/api/chats/{chat}/messages"), menu).await.expect(201);
    until("it is found", async || !found(&ada, "q=dinner&has=file").await.is_empty()).await;
    for query in
        ["q=dinn&has=file", "has=file", "has=file&type=file&from=@", &format!("has=file&in={chat}&sort=oldest")]
    {
        let query = query.replace("from=@", &format!("from=@{by}"));
        assert_eq!(each(&found(&ada, &query).await, "message")[0]["id"], menu["id"], "{query}");
    }
    assert_eq!(found(&ada, "has=file&type=image").await.len(), 0);
    assert_eq!(found(&eve, "has=file").await.len(), 0);
    ada.put(&format!("/api/messages/{}/pin", named["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(found(&bob, "q=dinner&has=pin").await.len(), 1);
    let here = ada.get(&format!("/api/chats/{chat}/search?q=%22am%20zoo%22&sort=oldest")).await.expect(200);
    assert_eq!(here["items"].as_array().unwrap().len(), 1);
    assert_eq!(found(&eve, "q=cafe").await.len(), 0);
    eve.get(&format!("/api/chats/{chat}/search?q=cafe")).await.refused(404, "chat.unknown");
    eve.get(&format!("/api/search/messages?q=cafe&in={chat}")).await.refused(404, "chat.unknown");
    // In pages.
    for n in 0..5 {
        bob.says(&chat, &format!("seite {n}")).await;
    }
    until("all are found", async || found(&ada, "q=seite").await.len() == 5).await;
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = ada.get(&format!("/api/search/messages?q=seite&limit=2{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|hit| hit["message"]["seq"].as_i64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort_unstable();
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
}

async fn deleting(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let message = bob.says(&chat, "zqbanana first").await;
    until("it is found", async || !found(&ada, "q=zqbanana").await.is_empty()).await;
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    bob.patch(&path, json!({"content": "zqapple second"})).await.expect(200);
    assert_eq!(found(&ada, "q=zqbanana").await.len(), 0, "at once");
    assert_eq!(found(&ada, "q=zqapple").await.len(), 1, "at once");
    assert_eq!(bob.delete(&path).await.status, 204);
    assert_eq!(found(&ada, "q=zqapple").await.len(), 0, "at once");
}

async fn wrong_searches(world: World) {
    let ada = world.user("ada").await;
    for (query, field) in [
        ("", "?q"),
        ("q=", "?q"),
        ("q=%20", "?q"),
        ("q=!!!", "?q"),
        ("q=-lunch", "?q"),
        ("q=%22%22", "?q"),
        ("q=x&sort=best", "?sort"),
        ("has=link", "?q"),
        ("q=&has=file", "?q"),
        ("q=x&has=everything", "?has"),
        ("q=x&type=text2", "?type"),
        ("q=x&before=yesterday", "?before"),
        ("q=x&in=lunch", "?in"),
        ("q=x&from=", "?from"),
        ("q=x&mentions=", "?mentions"),
        ("q=x&cursor=1", "?cursor"),
        ("q=x&limit=0", "?limit"),
    ] {
        assert_eq!(ada.get(&format!("/api/search/messages?{query}")).await.wrong_fields(), [field], "{query}");
    }
    let long = "x".repeat(201);
    assert_eq!(ada.get(&format!("/api/search/messages?q={long}")).await.wrong_fields(), ["?q"]);
    for list in ["chats", "users", "messages"] {
        for query in ["", "?q=", &format!("?q={long}")] {
            assert_eq!(ada.get(&format!("/api/search/{list}{query}")).await.wrong_fields(), ["?q"], "{list}{query}");
        }
    }
    assert_eq!(ada.get("/api/search/chats?q=-x").await.wrong_fields(), ["?q"]);
    // Nothing that is typed is a mistake.
    for odd in [
        "%22",
        "%22lunch",
        "lunch%22",
        "-%22lunch",
        "a%20OR%20b",
        "(a",
        "a%27b",
        "a%5C",
        "NEAR(a%20b)",
        "a%3A*%20%26%20!b",
        "%25_",
        "-a%20b",
    ] {
        let at = format!("/api/search/messages?q={odd}%20x");
        ada.get(&at).await.expect(200);
    }
}

async fn chats_and_people(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mine = ada.group("Quokka friends", &[&bob]).await;
    let new = json!({"type": "group", "title": "Quokka & co", "visibility": "public"});
    let public = bob.post("/api/chats", new).await.expect(201)["id"].clone();
    let page = ada.get("/api/search/chats?q=quokka").await.expect(200);
    let ids: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|hit| &hit["chat"]["id"]).collect();
    assert!(ids[0] == &json!(mine) && ids.contains(&&public), "{page}");
    let other = page["items"].as_array().unwrap().iter().find(|hit| hit["chat"]["id"] == public).unwrap();
    assert_eq!(other["highlight"], "<mark>Quokka</mark> &amp; co");
    let new = json!({"type": "group", "title": "東京都の会議", "visibility": "public"});
    let meeting = bob.post("/api/chats", new).await.expect(201)["id"].clone();
    for query in ["%E4%BA%AC%E9%83%BD", "%E4%BC%9A%E8%AD%B0"] {
        for person in [&ada, &bob] {
            let page = person.get(&format!("/api/search/chats?q={query}")).await.expect(200);
            let hit = page["items"].as_array().unwrap().iter().find(|hit| hit["chat"]["id"] == meeting).unwrap();
            assert!(hit["highlight"].as_str().unwrap().contains("<mark>"), "{hit}");
        }
    }
    let people = ada.get(&format!("/api/search/users?q={}", world.name("bob"))).await.expect(200);
    let hit = &people["items"][0];
    assert_eq!(hit["user"]["id"], json!(bob.id));
    assert!(hit["highlight"].as_str().unwrap().contains("<mark>") && hit["score"] == 1.0, "{hit}");
}

async fn rebuilding(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    ada.says(&chat, "zqrebuilt").await;
    let said = world.command(&["search", "rebuild", "--json"], &[]);
    assert!(said.well, "{said:?}");
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["running"], false);
    assert!(shown["done"].as_i64().unwrap() >= 1, "{shown}");
    assert_eq!(found(&ada, "q=zqrebuilt").await.len(), 1);
    let said = world.command(&["search", "status"], &[]);
    assert!(said.well && said.out.contains("complete"), "{said:?}");
}
