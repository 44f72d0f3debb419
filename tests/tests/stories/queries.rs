//! Query parameters: empty values are invalid, a cursor is valid for the filters it was created with, and pages of
//! lists whose items move can be read meanwhile.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clowder_tests::{
    Answer, User, World,
    client::form,
    documents::OpenApi,
    on_both,
    things::{Stage, Things, is_of_nothing},
    world::each,
};
use serde_json::{Value, json};

on_both!(shared; nothing_is_given_empty, cursors_are_bound_to_filters, chats_that_move, chats_that_move_all_the_time);

/// Credentials and cursors in the live channel: an empty one is treated like any other invalid one, not like an invalid
/// field.
const ANSWERED_ELSEWHERE: &[(&str, &str)] = &[
    ("/api/ws", "ticket"),
    ("/api/ws", "cursor"),
    ("/ws", "ticket"),
    ("/ws", "cursor"),
    ("/api/stream", "ticket"),
    ("/api/stream", "cursor"),
    ("/api/journal", "cursor"),
    (DOWNLOAD, "token"),
    ("/api/files/{file_id}/download", "token"),
];
const UPLOAD: &str = "/api/files/upload";
const DOWNLOAD: &str = "/api/exports/{export_id}/download";

/// A valid value for a parameter with this name and schema.
fn value(name: &str, schema: &Value, document: &Value) -> String {
    let schema = schema["$ref"].as_str().and_then(|target| document.pointer(&target[1..])).unwrap_or(schema);
    if let Some(word) = schema["enum"].as_array().and_then(|words| words[0].as_str()) {
        return word.to_owned();
    }
    match (name, schema["type"].as_str().unwrap_or_default()) {
        ("actor", _) => "user".to_owned(),
        ("action" | "type", _) => "session.opened".to_owned(),
        ("emoji", _) => "👍".to_owned(),
        ("target", _) => "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10".to_owned(),
        (_, "integer") => "1".to_owned(),
        (_, "boolean") => "true".to_owned(),
        _ if schema["format"] == "date-time" => "2001-01-01T00:00:00Z".to_owned(),
        _ if schema["format"] == "uuid" => "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10".to_owned(),
        _ => "x".to_owned(),
    }
}

/// Method, path, the query parameters by name, with their schemas, and the operation.
type Query = (String, String, Vec<(String, Value)>, Value);

/// The parameters in the document.
fn queries(api: &OpenApi) -> Vec<Query> {
    let operations = api.operations().into_iter().map(|(method, path, operation)| {
        let asked = operation["parameters"].as_array().cloned().unwrap_or_default().into_iter();
        let asked = asked.filter(|parameter| parameter["in"] == "query");
        let asked = asked.map(|asked| (asked["name"].as_str().unwrap().to_owned(), asked["schema"].clone()));
        (method.to_owned(), path.to_owned(), asked.collect::<Vec<_>>(), operation.clone())
    });
    operations.filter(|(_, _, asked, _)| !asked.is_empty()).collect()
}

async fn nothing_is_given_empty(world: World) {
    let (root, bob) = (world.staff("rita", "admin").await, world.user("bob").await);
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let stage = Stage { world: &world, owner: &root, friend: &bob };
    let mut tried = 0;
    for (method, template, asked, operation) in queries(&api) {
        let path = Things::of(stage, [&*template]).await.fill(&template);
        for (name, _) in asked {
            if ANSWERED_ELSEWHERE.contains(&(&template, &name)) {
                continue;
            }
            let needed = OpenApi::needed(&operation, &root.id, &name);
            for query in [format!("{needed}{name}="), format!("{needed}{name}")] {
                let request = root.request(&method, &format!("{path}?{query}"));
                // Without a form it would be refused before.
                let request = if template == UPLOAD { form(request, &json!({"file": "x"})) } else { request };
                let answer = Answer::to(request).await;
                assert_eq!(answer.wrong_fields(), [format!("?{name}")], "{method} {path}?{query}");
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "{tried}");
    let answer = root.get("/api/chats?cursor=").await.expect(422);
    assert_eq!(answer["errors"][0]["code"], "cursor");
    // What nobody knows is named with all other faults, everywhere but on pages and for probes.
    assert_eq!(root.get("/api/chats?nobody_asks=&limit=0").await.wrong_fields(), ["?nobody_asks", "?limit"]);
    let found = root.get("/api/users/search?search=ada").await.refused(422, "input.invalid");
    assert_eq!((&found["errors"][0]["code"], &found["errors"][0]["pointer"]), (&json!("unknown"), &json!("?search")));
    assert!(found["errors"][0]["message"].as_str().unwrap().ends_with("did you mean q?"), "{found}");
    assert_eq!(root.get("/api/auth/me?x=1").await.wrong_fields(), ["?x"], "a route without any");
    assert_eq!(root.post("/api/chats?x=1", json!({})).await.wrong_fields(), ["?x"]);
    world.nobody().get("/api/auth/me?x=1").await.refused(401, "token.missing");
    for path in ["/api/health/live?x=1", "/account?utm_source=mail", "/api/swagger?x=1", "/api/problems?x=1"] {
        assert_eq!(world.nobody().get(path).await.status, 200, "{path}");
    }
    let ids = |count: usize| vec![root.id.as_str(); count].join(",");
    root.get(&format!("/api/relationships?ids={}", ids(100))).await.expect(200);
    let twice = root.get(&format!("/api/relationships?ids={}&ids={}", ids(2), ids(3))).await.expect(200);
    assert_eq!(twice["items"].as_array().unwrap().len(), 5, "joined");
    let many = root.get(&format!("/api/relationships?ids={}", ids(101))).await.refused(422, "input.invalid");
    assert_eq!(many["errors"][0]["message"], "must have at most 100 ids");
    assert_eq!(root.get("/api/relationships").await.wrong_fields(), ["?ids"]);
    // Over the live channel an invalid cursor is answered with `reset`, and so is an empty one.
    let mut socket = root.knock(Some("")).await;
    assert_eq!(socket.hello().await["resumed"], false);
    assert_eq!(socket.until("reset").await["data"]["reason"], "unknown");
    world.nobody().get("/api/exports/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10/download?token=").await.expect(404);
}

async fn cursors_are_bound_to_filters(world: World) {
    let (root, bob) = (world.staff("rita", "admin").await, world.user("bob").await);
    for title in ["one", "two", "three"] {
        root.group(title, &[&bob]).await;
    }
    let chat = root.group("four", &[]).await;
    let message = root.says(&chat, "hello").await["id"].as_str().unwrap().to_owned();
    for more in ["again", "and again"] {
        root.says(&chat, more).await;
        root.patch(&format!("/api/messages/{message}"), json!({"content": more})).await.expect(200);
    }
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let stage = Stage { world: &world, owner: &root, friend: &bob };
    let mut bound = 0;
    for (_, template, asked, operation) in queries(&api).into_iter().filter(|(method, ..)| method == "GET") {
        let is_filter = |name: &str| name != "cursor" && name != "limit";
        if asked.iter().filter(|(name, _)| !is_filter(name)).count() < 2 {
            continue;
        }
        let things = Things::of(stage, [&*template]).await;
        // The one with several versions, and the chat with several messages.
        let path = things.with("chat_id", &chat).with("message_id", &message).fill(&template);
        let path = format!("{path}?{}limit=1", OpenApi::needed(&operation, &root.id, ""));
        let first = root.get(&path).await;
        if first.body["code"].as_str().is_some_and(is_of_nothing) {
            continue;
        }
        let first = first.expect(200);
        let Some(cursor) = first["next_cursor"].as_str() else { continue };
        for (name, schema) in asked.iter().filter(|(name, _)| is_filter(name)) {
            let value = value(name, schema, &api.0);
            root.get(&format!("{path}&{name}={value}")).await.expect(200);
            let answer = root.get(&format!("{path}&cursor={cursor}&{name}={value}")).await;
            assert_eq!(answer.wrong_fields(), ["?cursor"], "{path}: {name}");
            bound += 1;
        }
    }
    assert!(bound >= 12, "{bound}");

    let first = root.get("/api/chats?type=group&unread=false&limit=1").await;
    let link = first.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let cursor = first.body["next_cursor"].as_str().unwrap().to_owned();
    let good = [
        "type=group&unread=false&limit=1",
        "unread=false&type=group",
        "limit=200&type=group&unread=false",
        "type=group&type=private&unread=false",
    ];
    for query in good {
        root.get(&format!("/api/chats?{query}&cursor={cursor}")).await.expect(200);
    }
    root.get(&link).await.expect(200);
    for query in ["", "type=group", "unread=false", "type=private&unread=false", "type=group&unread=true"] {
        let answer = root.get(&format!("/api/chats?{query}&cursor={cursor}")).await;
        assert_eq!(answer.wrong_fields(), ["?cursor"], "{query}");
    }
}

/// A page, and the cursor of the next one.
async fn page(user: &User, cursor: Option<&str>) -> (Vec<Value>, Option<String>) {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let page = user.get(&format!("/api/chats?limit=2{cursor}")).await.expect(200);
    (each(page["items"].as_array().unwrap(), "id"), page["next_cursor"].as_str().map(str::to_owned))
}

async fn chats_that_move(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut chats = Vec::new();
    for title in ["1", "2", "3", "4", "5", "6"] {
        chats.push(Value::from(ada.group(title, &[&bob]).await));
    }
    let mut socket = ada.socket().await;
    chats.reverse();
    let (first, cursor) = page(&ada, None).await;
    assert_eq!(first, chats[..2]);
    bob.says(chats[5].as_str().unwrap(), "up").await;
    let (second, cursor) = page(&ada, cursor.as_deref()).await;
    assert_eq!(second, chats[2..4]);
    let (third, cursor) = page(&ada, cursor.as_deref()).await;
    assert_eq!((third, cursor), (chats[4..5].to_vec(), None), "nothing that stayed is missed or repeated");
    assert_eq!(socket.until("message.sent").await["data"]["chat_id"], chats[5], "its event says that it moved");
    let (again, _) = page(&ada, None).await;
    assert_eq!(again, [chats[5].clone(), chats[0].clone()], "and the first page has it");
}

async fn chats_that_move_all_the_time(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (mut still, mut moving) = (BTreeSet::new(), Vec::new());
    for number in 0..12 {
        let chat = ada.group(&number.to_string(), &[&bob]).await;
        if number % 2 == 0 {
            still.insert(chat);
        } else {
            moving.push(chat);
        }
    }
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|first| {
            let (bob, over) = (bob.clone(), Arc::clone(&over));
            let mine: Vec<_> = moving.iter().skip(first).step_by(2).cloned().collect();
            tokio::spawn(async move {
                for chat in mine.iter().cycle() {
                    bob.says(chat, "up").await;
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let (items, next) = page(&ada, cursor.as_deref()).await;
            seen.extend(items.iter().map(|id| id.as_str().unwrap().to_owned()));
            let Some(next) = next else { break };
            cursor = Some(next);
        }
        let stayed: Vec<_> = seen.iter().filter(|chat| still.contains(*chat)).collect();
        assert_eq!(stayed.len(), still.len(), "each that stayed is found once: {seen:?}");
        assert_eq!(stayed.into_iter().collect::<BTreeSet<_>>(), still.iter().collect());
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    // Reading from the start again finds the items that moved, before all others.
    for chat in &moving {
        bob.says(chat, "last").await;
    }
    let top = ada.get(&format!("/api/chats?limit={}", moving.len())).await.expect(200);
    let top: Vec<_> = each(top["items"].as_array().unwrap(), "id");
    assert_eq!(top, moving.iter().rev().map(|chat| json!(chat)).collect::<Vec<_>>());
}
