//! People see each other as far as they want to be seen, and find each other by name.

use clowder_tests::{
    Answer, Client, World, answer, on_both, until,
    web_pages::{ALLOWED, WebPages},
};
use serde_json::{Value, json};

on_both!(with [super::ALLOWED, ("PROFILE_URL", "https://chat.example/u/{username}")]; verified_links);
on_both!(shared; seen_by_others, edited, suggested, suggested_hashtags, found_by_name, bad_input);

async fn seen_by_others(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let path = format!("/api/users/{}", ada.id);
    ada.patch("/api/users/me", json!({"display_name": "Ada Lovelace", "bio": "Counting."})).await.expect(200);
    let seen = bob.get(&path).await;
    let etag = seen.header("etag").to_owned();
    assert_eq!((&seen.body["bio"], &seen.body["email"]), (&json!("Counting."), &json!(null)));
    assert_eq!(seen.body["friendship"], "none");
    let again = Answer::to(bob.request("GET", &path).header("if-none-match", &etag)).await;
    assert_eq!(again.status, 304);
    let own = ada.get(&path).await.expect(200);
    assert_eq!(own["email"], *world.email("ada"));
    let me = ada.get("/api/users/me").await.header("etag").to_owned();
    let again = Answer::to(ada.request("GET", "/api/users/me").header("if-none-match", &me)).await;
    assert_eq!(again.status, 304);
    let public = ada.get(&format!("{path}?as=public")).await.expect(200);
    assert_eq!(public, bob.get(&path).await.expect(200));
    assert_eq!(ada.get("/api/users/me?as=public").await.expect(200), public);
    assert_eq!(ada.get("/api/users/me?as=nobody").await.wrong_fields(), ["?as"]);
    ada.post("/api/pets", json!({"name": "Minka", "species": "cat", "visibility": "private"})).await.expect(201);
    for list in ["friends", "pets"] {
        let list = format!("{path}/{list}");
        let public = ada.get(&format!("{list}?as=public")).await.expect(200);
        assert_eq!(public["items"], bob.get(&list).await.expect(200)["items"], "{list}");
        assert_eq!(ada.get(&format!("{list}?as=nobody")).await.wrong_fields(), ["?as"]);
    }
    assert_eq!(ada.get(&format!("{path}/pets")).await.expect(200)["items"].as_array().unwrap().len(), 1);

    ada.patch("/api/users/me/settings", json!({"privacy": {"bio": "nobody"}})).await.expect(200);
    let hidden = Answer::to(bob.request("GET", &path).header("if-none-match", &etag)).await.expect(200);
    assert_eq!(hidden["bio"], json!(null));
    ada.patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    let mut answers = Vec::new();
    for id in [ada.id.as_str(), "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"] {
        let mut problem = bob.get(&format!("/api/users/{id}")).await.refused(404, "user.unknown");
        for member in ["request_id", "instance"] {
            problem[member].take();
        }
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1], "who is hidden does not exist");
    for list in ["", "/friends", "/pets"] {
        ada.get(&format!("{path}{list}?as=friend")).await.refused(404, "user.unknown");
    }
    ada.get("/api/users/me?as=friend").await.refused(404, "user.unknown");
    let listed = bob.get(&format!("/api/users?search={}", ada.name)).await.expect(200);
    assert_eq!(listed["items"], json!([]));
}

async fn verified_links(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let pages = WebPages::start().await;
    let page = format!("<link rel=me href='https://chat.example/u/{}'>", ada.name);
    let (garden, other) = (pages.put("/garden", page), pages.put("/other", "hello"));
    let links = [("My garden", &garden), ("Other", &other)].map(|(label, url)| json!({"label": label, "url": url}));
    let mut socket = ada.socket().await;
    let edited = ada.patch("/api/users/me", json!({"links": links})).await.expect(200);
    assert_eq!(edited["links"][0]["verified"], false);
    let verified =
        |body: &Value| [&body["links"][0]["verified"], &body["links"][1]["verified"]] == [&json!(true), &json!(false)];
    assert!(!verified(&socket.until("user.updated").await["data"]));
    assert!(verified(&socket.until("user.updated").await["data"]));
    let path = format!("/api/users/{}", ada.id);
    until("others see it", async || verified(&bob.get(&path).await.expect(200))).await;
}

async fn edited(world: World) {
    let (ada, bob, root) = (world.user("ada").await, world.user("bob").await, world.staff("rita", "admin").await);
    let path = format!("/api/users/{}", ada.id);
    let etag = ada.get(&path).await.header("etag").to_owned();
    let edited = ada.request("PATCH", &path).header("if-match", &etag).json(&json!({"bio": "mine"}));
    assert_eq!(Answer::to(edited).await.expect(200)["bio"], "mine");
    let stale = ada.request("PUT", &path).header("if-match", &etag).json(&json!({"bio": "again"}));
    let stale = Answer::to(stale).await.refused(412, "user.stale");
    for call in ["GET /api/users/me", "GET /api/users/{user_id}"] {
        assert!(stale["detail"].as_str().unwrap().contains(call), "{stale}");
    }
    // With one's own id, the tags of both calls count, and also the one that a refusal tells.
    for read in [&*path, "/api/users/me"] {
        let etag = ada.get(read).await.header("etag").to_owned();
        let edited = ada.request("PATCH", &path).header("if-match", &etag).json(&json!({"bio": read}));
        let edited = Answer::to(edited).await;
        assert_eq!(edited.header("etag"), ada.get(&path).await.header("etag"), "{read}");
        assert_eq!(edited.expect(200)["bio"], *read);
        let stale = ada.request("PATCH", &path).header("if-match", &etag).json(&json!({"bio": "again"}));
        let stale = Answer::to(stale).await;
        let current = stale.header("etag").to_owned();
        stale.refused(412, "user.stale");
        let edited = ada.request("PATCH", &path).header("if-match", &current).json(&json!({"bio": "mine"}));
        Answer::to(edited).await.expect(200);
    }
    bob.patch(&path, json!({"bio": "not mine"})).await.refused(403, "permission.denied");
    let nobody = "/api/users/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
    bob.patch(nobody, json!({"bio": "not mine"})).await.refused(404, "user.unknown");
    assert_eq!(root.patch(&path, json!({"bio": "without a reason"})).await.expect(200)["bio"], "without a reason");
    let entries = root.get(&format!("/api/admin/audit?action=profile.edited&target={}", ada.id)).await.expect(200);
    assert_eq!(entries["items"][0]["after"]["reason"], json!(null));
    let mut socket = ada.socket().await;
    root.patch(&path, json!({"bio": null, "reason": "advertising"})).await.expect(200);
    assert_eq!(socket.until("user.updated").await["data"]["bio"], json!(null));
    let entries = root.get(&format!("/api/admin/audit?action=profile.edited&target={}", ada.id)).await.expect(200);
    assert_eq!(entries["items"][0]["after"]["reason"], "advertising");
}

/// People first, then the groups that one may see, then one's own chats.
async fn suggested(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let word = format!("Qu{}", clowder_tests::unique());
    ada.patch("/api/users/me", json!({"display_name": format!("Zoë {word}")})).await.expect(200);
    for visibility in ["public", "secret"] {
        let new = json!({"name": format!("{visibility} {word}"), "visibility": visibility});
        ada.post("/api/groups", new).await.expect(201);
    }
    let chat = ada.group(&format!("Plans of {word}"), &[]).await;
    let seen = async |who: &Client, query: &str| {
        let found = who.get(&format!("/api/search/suggestions?q={query}")).await.expect(200);
        let items = found["items"].as_array().unwrap().iter();
        let told = |item: &Value| json!([item["kind"], item["text"].as_str().unwrap().replace(&word, "*")]);
        (items.map(told).collect::<Vec<_>>(), found["next_cursor"].clone())
    };
    let (found, next) = seen(&ada, &word.to_lowercase()).await;
    let person = json!(["user", "Zoë *"]);
    let groups = [json!(["group", "secret *"]), json!(["group", "public *"])];
    let chats = [json!(["chat", "Plans of *"]), json!(["chat", "secret *"]), json!(["chat", "public *"])];
    assert!([&person].into_iter().chain(&groups).chain(&chats).all(|item| found.contains(item)), "{found:?}");
    let order: Vec<_> = found.iter().map(|item| item[0].as_str().unwrap()).collect();
    assert_eq!(order, ["user", "group", "group", "chat", "chat", "chat"]);
    assert_eq!(next, Value::Null);
    assert_eq!(seen(&bob, &word).await.0, [person.clone(), json!(["group", "public *"])]);
    assert_eq!(seen(&ada, &format!("plans+{word}")).await.0, [json!(["chat", "Plans of *"])]);
    // The pages go through all kinds.
    let (first, next) = seen(&ada, &format!("{word}&limit=4")).await;
    let (rest, end) = seen(&ada, &format!("{word}&limit=4&cursor={}", next.as_str().unwrap())).await;
    assert_eq!(([first, rest].concat(), end), (found, Value::Null));
    let key = json!({"name": "bot", "scopes": ["users:read", "chats:read"]});
    let key = ada.post("/api/api-keys", key).await.expect(201);
    let bot = world.nobody().with_key(key["key"].as_str().unwrap());
    let kinds: Vec<_> = seen(&bot, &word).await.0.iter().map(|item| item[0].clone()).collect();
    assert_eq!(kinds, ["user", "chat", "chat", "chat"]);
    let found = ada.get(&format!("/api/search/suggestions?q=plans+{word}")).await.expect(200);
    assert_eq!(found["items"][0]["id"], json!(chat));
}

/// Hashtags of what one sees, the most used first.
async fn suggested_hashtags(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let tag = format!("qu{}", clowder_tests::unique());
    let (chat, alone) = (ada.group("Plans", &[&bob]).await, ada.group("Alone", &[]).await);
    ada.says(&chat, &format!("#{tag}_late or #{tag}_soon? not {tag}_here")).await;
    ada.says(&chat, &format!("#{}_SOON it is, #other", tag.to_uppercase())).await;
    ada.says(&alone, &format!("#{tag}_secret")).await;
    let seen = async |who: &Client, query: &str| {
        let found = who.get(&format!("/api/search/suggestions?q={query}")).await.expect(200);
        let items = found["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "hashtag");
        let told = |item: &Value| {
            assert_eq!(item["id"], Value::Null);
            item["text"].as_str().unwrap().replace(&tag, "*")
        };
        items.map(told).collect::<Vec<_>>()
    };
    let typed = format!("%23{tag}");
    let look = async || Some(seen(&ada, &typed).await).filter(|tags| tags.len() == 3);
    assert_eq!(answer("the hashtags", look).await, ["#*_soon", "#*_secret", "#*_late"]);
    assert_eq!(seen(&bob, &typed).await, ["#*_soon", "#*_late"]);
    assert_eq!(seen(&bob, &format!("{typed}_s")).await, ["#*_soon"]);
    assert_eq!(seen(&bob, &tag).await, [""; 0], "without the sign");
    let key = json!({"name": "bot", "scopes": ["users:read", "chats:read"]});
    let key = bob.post("/api/api-keys", key).await.expect(201);
    let bot = world.nobody().with_key(key["key"].as_str().unwrap());
    assert_eq!(seen(&bot, &typed).await, [""; 0]);
}

async fn found_by_name(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let family = format!("Qu{}", clowder_tests::unique());
    ada.patch("/api/users/me", json!({"display_name": format!("Zoë {family}")})).await.expect(200);
    for sought in [format!("zoe {family}").to_lowercase(), family.clone(), family[1..].to_owned(), ada.name.clone()] {
        let page = bob.get(&format!("/api/users/search?q={}", sought.replace(' ', "%20"))).await.expect(200);
        assert_eq!(page["items"][0]["id"], *ada.id, "{sought}");
        assert!(page["items"][0]["score"].as_f64().unwrap() > 0.0);
    }
    let suggested = bob.get(&format!("/api/search/suggestions?q={family}")).await.expect(200);
    assert_eq!(suggested["items"], json!([{"kind": "user", "id": ada.id, "text": format!("Zoë {family}")}]));
    let listed = bob.get(&format!("/api/users?search={family}&sort=name")).await.expect(200);
    assert_eq!(listed["items"][0]["username"], *ada.name);
}

async fn bad_input(world: World) {
    let ada = world.user("ada").await;
    for (path, fields) in [
        (format!("/api/users/search?q={}", "x".repeat(101)), "?q"),
        ("/api/users/search?q=".to_owned(), "?q"),
        ("/api/users/search?q=a%00b".to_owned(), "?q"),
        (format!("/api/users?search={}", "x".repeat(201)), "?search"),
        ("/api/users?sort=age".to_owned(), "?sort"),
        (format!("/api/users/{}?as=enemy", ada.id), "?as"),
    ] {
        assert_eq!(ada.get(&path).await.wrong_fields(), [fields], "{path}");
    }
    for odd in ["%F0%9F%94%A5", "%E2%80%AE", "%25", "_", "%5C", "'", "..."] {
        ada.get(&format!("/api/users/search?q={odd}")).await.expect(200);
        ada.get(&format!("/api/users?search={odd}")).await.expect(200);
    }
    ada.get("/api/users/nobody").await.refused(404, "id.invalid");
    let link = |url: &str| json!({"label": "x", "url": url});
    for (links, fields) in [
        (json!([link("javascript:alert(1)")]), vec!["/links/0/url"]),
        (json!([link("https://a.example"), {"label": ""}]), vec!["/links/1/label", "/links/1/url"]),
        (json!(vec![link("https://a.example"); 6]), vec!["/links"]),
        (json!("https://a.example"), vec!["/links"]),
    ] {
        assert_eq!(ada.patch("/api/users/me", json!({"links": links})).await.wrong_fields(), fields, "{links}");
    }
    let long = json!({"bio": "x".repeat(1001), "display_name": "\u{202e}", "reason": ""});
    let mut wrong = ada.patch(&format!("/api/users/{}", ada.id), long).await.wrong_fields();
    wrong.sort();
    assert_eq!(wrong, ["/bio", "/display_name", "/reason"]);
}
