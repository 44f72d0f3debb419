//! People create chats, send, edit and read messages; outsiders see nothing of it.

mod analytics;
mod attachments;
mod exports;
mod files;
mod hostile;
mod imports;
mod keeping;
mod mentions;
mod polls;
mod previews;
mod reactions;
mod receipts;
mod relations;
mod removing;
mod search;
mod templates;

use clowder_tests::{Answer, User, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(shared; private_chats, groups, sending, same_client_id, pages, editing, deleting, reading, list_of_chats, strangers);

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

async fn pair(world: &World) -> (User, User, String) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    (ada, bob, chat)
}

async fn private_chats(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    // Both create it at once, several times: there is one chat per pair.
    let open = |me: &User, other: &User| {
        let (me, other) = (me.clone(), other.clone());
        async move { me.post("/api/chats", json!({"type": "private", "participant_ids": [other.id]})).await }
    };
    let race = (0..8).map(|i| if i % 2 == 0 { open(&ada, &bob) } else { open(&bob, &ada) });
    let answers = futures_util::future::join_all(race).await;
    assert!(answers.iter().all(|answer| answer.body["id"] == answers[0].body["id"]), "{answers:?}");
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);

    let chat = ada.chat(id(&answers[0].body)).await;
    assert_eq!((&chat["type"], &chat["title"], &chat["last_message"]), (&json!("private"), &json!(null), &json!(null)));
    let new = |body: Value| async { ada.post("/api/chats", body).await };
    assert_eq!(new(json!({"type": "private"})).await.wrong_fields(), ["/participant_ids"]);
    let nobody = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
    assert!(matches!(new(json!({"type": "private", "participant_ids": [nobody]})).await.status, 404 | 422));
    assert_eq!(new(json!({"type": "private", "participant_ids": [ada.id]})).await.status, 422, "with oneself");
}

async fn groups(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    let group = json!({"type": "group", "title": "  Lunch ", "participant_ids": [bob.id, cem.id, bob.id]});
    let made = ada.post("/api/chats", group).await.expect(201);
    assert_eq!((&made["title"], &made["my_role"]), (&json!("Lunch"), &json!("owner")));
    assert_eq!(bob.chat(id(&made)).await["my_role"], "member");
    // `name` is accepted for `title`, and two groups may have the same title.
    let named = ada.post("/api/chats", json!({"type": "group", "name": "Lunch"})).await.expect(201);
    assert_ne!(named["id"], made["id"]);
    assert_eq!(named["title"], "Lunch");
    assert_eq!(ada.post("/api/chats", json!({"type": "group"})).await.wrong_fields(), ["/title"]);
    assert_eq!(ada.post("/api/chats", json!({"type": "crowd", "title": "x"})).await.wrong_fields(), ["/type"]);
    let odd = json!({"type": "group", "title": "x", "participant_ids": [bob.id, "nonsense"]});
    assert_eq!(ada.post("/api/chats", odd).await.wrong_fields(), ["/participant_ids/1"]);
}

async fn sending(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let path = format!("/api/chats/{chat}/messages");
    let first = ada.says(&chat, "hello").await;
    assert_eq!((&first["seq"], &first["type"], &first["status"]), (&json!(1), &json!("text"), &json!("sent")));
    assert_eq!((&first["chat_id"], &first["sender"]["id"]), (&json!(chat), &json!(ada.id)));
    assert_eq!((&first["edited_at"], &first["deleted_at"]), (&json!(null), &json!(null)));
    let at = first["created_at"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z'), "milliseconds and Z: {at}");
    assert_eq!(bob.says(&chat, "hi").await["seq"], 2);

    // Text comes back as it was sent, including line breaks and markup.
    for text in
        ["<b>&amp;</b>", "two\nlines\tand a tab", "  spaces  ", "👩‍👩‍👧 עברית \u{202b}", "'; DROP TABLE messages; --"]
    {
        let sent = ada.says(&chat, text).await;
        assert_eq!(sent["content"], text);
        assert_eq!(bob.get(&format!("/api/messages/{}", id(&sent))).await.expect(200)["content"], text);
    }
    assert_eq!(ada.says(&chat, &"é".repeat(8000)).await["content"], "é".repeat(8000), "counted in characters");
    for wrong in
        [json!(""), json!("   "), json!(null), json!(7), json!("x".repeat(8001)), json!("a\u{0}b"), json!("\u{7}")]
    {
        assert_eq!(ada.post(&path, json!({"content": wrong})).await.wrong_fields(), ["/content"], "{wrong}");
    }
    assert_eq!(ada.post(&path, json!({})).await.wrong_fields(), ["/content"]);
}

async fn same_client_id(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let path = format!("/api/chats/{chat}/messages");
    let send = |who: &User, content: &str| {
        let (who, path, body) = (who.clone(), path.clone(), json!({"content": content, "client_id": "phone-1"}));
        async move { who.post(&path, body).await }
    };
    let race = (0..8).map(|_| send(&ada, "once"));
    let answers = futures_util::future::join_all(race).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
    assert!(answers.iter().all(|answer| answer.body["id"] == answers[0].body["id"]));
    assert_eq!(ada.messages(&chat).await.len(), 1);

    send(&ada, "twice").await.refused(422, "client_id.mismatch");
    assert_eq!(send(&bob, "mine").await.status, 201, "a client_id belongs to its sender");
    let other = world.user("cem").await;
    let elsewhere = ada.private_chat(&other).await;
    let again = json!({"content": "once", "client_id": "phone-1"});
    ada.post(&format!("/api/chats/{elsewhere}/messages"), again).await.refused(422, "client_id.mismatch");

    // A refused send frees it; after a deletion the answer is the deleted message.
    let refused = ada.post(&path, json!({"content": "", "client_id": "phone-2"})).await;
    assert_eq!(refused.status, 422);
    let sent = ada.post(&path, json!({"content": "right", "client_id": "phone-2"})).await.expect(201);
    ada.delete(&format!("/api/messages/{}", id(&sent))).await.expect(204);
    let again = ada.post(&path, json!({"content": "right", "client_id": "phone-2"})).await.expect(200);
    assert_eq!((&again["id"], &again["content"]), (&sent["id"], &json!(null)));
}

async fn pages(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    for i in 1..=25 {
        (if i % 2 == 0 { &ada } else { &bob }).says(&chat, &format!("message {i}")).await;
    }
    let page = async |query: &str| {
        let answer = ada.get(&format!("/api/chats/{chat}/messages{query}")).await.expect(200);
        each(answer["items"].as_array().unwrap(), "seq").iter().map(|seq| seq.as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(page("").await, (1..=25).rev().collect::<Vec<_>>(), "newest first");
    assert_eq!(page("?limit=3").await, [25, 24, 23]);
    assert_eq!(page("?before=4").await, [3, 2, 1]);
    assert_eq!(page("?before=20&limit=2").await, [19, 18]);
    assert_eq!(page("?after=20").await, [21, 22, 23, 24, 25], "oldest first");
    assert_eq!(page("?after=20&limit=2").await, [21, 22]);
    assert!(page("?after=25").await.is_empty());
    let around = page("?around=10&limit=5").await;
    assert!(around.contains(&10) && around.len() == 5 && around.is_sorted(), "{around:?}");
    assert_eq!(page("?limit=5000").await.len(), 25, "more than 200 is 200");
    for (start, whole) in [("?limit=7", (1..=25).rev().collect::<Vec<_>>()), ("?after=3&limit=7", (4..=25).collect())] {
        let (mut seen, mut next) = (Vec::new(), start.to_owned());
        loop {
            let answer = ada.get(&format!("/api/chats/{chat}/messages{next}")).await.expect(200);
            seen.extend(each(answer["items"].as_array().unwrap(), "seq").iter().map(|seq| seq.as_i64().unwrap()));
            let Some(cursor) = answer["next_cursor"].as_str() else { break };
            next = format!("{start}&cursor={cursor}");
        }
        assert_eq!(seen, whole, "page by page from {start}");
    }
    for wrong in ["?before=x", "?after=-1", "?limit=0", "?limit=x", "?before=3&after=1"] {
        let answer = ada.get(&format!("/api/chats/{chat}/messages{wrong}")).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
    }
}

async fn editing(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let sent = ada.says(&chat, "helo").await;
    let path = format!("/api/messages/{}", id(&sent));
    // A created chat can be edited without being read again.
    let made = ada.post(&format!("/api/chats/{chat}/messages"), json!({"content": "x", "client_id": "tag"})).await;
    let again = ada.post(&format!("/api/chats/{chat}/messages"), json!({"content": "x", "client_id": "tag"})).await;
    assert_eq!((made.status, made.header("etag"), again.status, again.header("etag")), (201, "\"1\"", 200, "\"1\""));
    let group = ada.post("/api/chats", json!({"type": "group", "title": "Lunch"})).await;
    assert_eq!((group.status, group.header("etag")), (201, "\"1\""));
    let etag = ada.get(&path).await.header("etag").to_owned();
    for known in [path.clone(), format!("/api/chats/{chat}")] {
        let tag = ada.get(&known).await.header("etag").to_owned();
        let same = Answer::to(ada.request("GET", &known).header("if-none-match", tag)).await;
        assert_eq!((same.status, same.text.as_str()), (304, ""), "{known}");
    }
    let edit = async |etag: &str, content: &str| {
        let request = ada.request("PATCH", &path).header("if-match", etag);
        Answer::to(request.json(&json!({"content": content}))).await
    };
    let edited = edit(&etag, "hello").await.expect(200);
    assert_eq!((&edited["content"], &edited["seq"]), (&json!("hello"), &sent["seq"]));
    assert!(edited["edited_at"].is_string());
    edit(&etag, "hallo").await.refused(412, "message.stale");
    bob.patch(&path, json!({"content": "mine"})).await.refused(403, "message.forbidden");
    assert_eq!(ada.patch(&path, json!({"content": ""})).await.wrong_fields(), ["/content"]);
    let mut socket = ada.socket().await;
    for empty in [json!({}), json!({"content": null}), json!({"contents": "hallo"})] {
        for method in ["PATCH", "PUT"] {
            let refused = Answer::to(ada.request(method, &path).json(&empty)).await;
            assert_eq!(refused.body["errors"][0]["code"], "required", "{}", refused.text);
            let slip: &[&str] = if empty["contents"].is_null() { &[] } else { &["/contents"] };
            assert_eq!(refused.wrong_fields(), [&["/content"], slip].concat());
        }
        let mut command = empty;
        command["message_id"] = sent["id"].clone();
        let refused = socket.command("message.edit", command).await.unwrap_err();
        assert_eq!(refused["errors"][0]["pointer"], "/content", "{refused}");
    }
    assert_eq!(bob.get(&path).await.expect(200)["content"], "hello");
    let history = bob.get(&format!("{path}/history")).await.expect(200);
    assert!(history.to_string().contains("helo"), "{history}");
}

async fn deleting(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let sent = ada.says(&chat, "a secret").await;
    ada.says(&chat, "after").await;
    let path = format!("/api/messages/{}", id(&sent));
    bob.delete(&path).await.refused(403, "message.forbidden");
    let stale = Answer::to(ada.request("DELETE", &path).header("if-match", "\"99\"")).await;
    assert_eq!(stale.status, 412);
    ada.delete(&path).await.expect(204);
    let kept = bob.get(&path).await.expect(200);
    assert_eq!((&kept["content"], &kept["seq"]), (&json!(null), &json!(1)), "it stays in its place");
    assert!(kept["deleted_at"].is_string());
    assert_eq!(each(&bob.messages(&chat).await, "seq"), [1, 2]);
    ada.patch(&path, json!({"content": "back"})).await.refused(410, "message.deleted");
    for place in [format!("/api/chats/{chat}/messages"), format!("{path}/history"), "/api/chats".to_owned()] {
        assert!(!bob.get(&place).await.text.contains("a secret"), "its text is nowhere: {place}");
    }
    // In a group the owner may delete the messages of others.
    let group = ada.group("Lunch", &[&bob]).await;
    let said = bob.says(&group, "rude").await;
    ada.delete(&format!("/api/messages/{}", id(&said))).await.expect(204);
}

async fn reading(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    for i in 0..5 {
        ada.says(&chat, &format!("message {i}")).await;
    }
    let counts = async || {
        let chat = bob.chat(&chat).await;
        (chat["read_seq"].as_i64().unwrap(), chat["unread_count"].as_i64().unwrap())
    };
    let read = async |seq: Value| bob.post(&format!("/api/chats/{chat}/read"), json!({"seq": seq})).await;
    assert_eq!(counts().await, (0, 5));
    assert_eq!(ada.chat(&chat).await["unread_count"], 0, "what one says oneself is no news");
    assert_eq!(read(json!(3)).await.status / 100, 2);
    assert_eq!(counts().await, (3, 2));
    assert_eq!(read(json!(1)).await.status / 100, 2);
    assert_eq!(counts().await, (3, 2), "a mark never goes back");
    assert_eq!(read(json!(99)).await.status / 100, 2);
    assert_eq!(counts().await, (5, 0), "past the end is the end");
    assert_eq!(read(json!(-1)).await.wrong_fields(), ["/seq"]);
    let said = ada.says(&chat, "one more").await;
    assert_eq!(counts().await, (5, 1));
    ada.delete(&format!("/api/messages/{}", id(&said))).await.expect(204);
    assert_eq!(counts().await, (5, 0), "what was taken back is no news");
    let seen = &ada.messages(&chat).await[0];
    assert_eq!(seen["status"], "read", "everybody has read it");
}

async fn list_of_chats(world: World) {
    let (ada, bob, private) = pair(&world).await;
    let mut groups = Vec::new();
    for i in 0..5 {
        groups.push(ada.group(&format!("group {i}"), &[&bob]).await);
    }
    bob.says(&groups[2], "I am here").await;
    bob.says(&private, "and here").await;
    let list = ada.get("/api/chats").await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 6);
    assert_eq!((&items[0]["id"], &items[1]["id"]), (&json!(private), &json!(groups[2])), "newest activity first");
    assert_eq!(items[0]["last_message"]["content"], "and here");
    assert_eq!(items[0]["unread_count"], 1);

    // Over all pages nothing is repeated or missing.
    let (mut seen, mut path) = (Vec::new(), "/api/chats?limit=2".to_owned());
    loop {
        let answer = ada.get(&path).await;
        let link = answer.header("link").to_owned();
        let page = answer.expect(200);
        seen.extend(each(page["items"].as_array().unwrap(), "id"));
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert!(link.is_empty(), "{link}");
            break;
        };
        assert!(link.contains("rel=\"next\"") && link.contains("cursor="), "{link}");
        path = format!("/api/chats?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, each(items, "id"));
    let only = ada.get("/api/chats?type=private").await.expect(200);
    assert_eq!(each(only["items"].as_array().unwrap(), "id"), [json!(private)]);
    let unread = ada.get("/api/chats?unread=true").await.expect(200);
    assert_eq!(unread["items"].as_array().unwrap().len(), 2);
}

async fn strangers(world: World) {
    let (ada, _, chat) = pair(&world).await;
    let eve = world.user("eve").await;
    let sent = ada.says(&chat, "between us").await;
    let message = format!("/api/messages/{}", id(&sent));
    let content = || json!({"content": "hello"});
    for path in [format!("/api/chats/{chat}"), format!("/api/chats/{chat}/messages")] {
        eve.get(&path).await.refused(404, "chat.unknown");
    }
    eve.post(&format!("/api/chats/{chat}/messages"), content()).await.refused(404, "chat.unknown");
    eve.post(&format!("/api/chats/{chat}/read"), json!({"seq": 1})).await.refused(404, "chat.unknown");
    eve.get(&message).await.refused(404, "message.unknown");
    eve.get(&format!("{message}/history")).await.refused(404, "message.unknown");
    eve.patch(&message, content()).await.refused(404, "message.unknown");
    eve.delete(&message).await.refused(404, "message.unknown");
    assert_eq!(eve.get("/api/chats").await.expect(200)["items"], json!([]));
    // What does not exist looks the same as what may not be seen.
    let nowhere = "/api/chats/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
    let mut problems = [eve.get(nowhere).await.body, eve.get(&format!("/api/chats/{chat}")).await.body];
    for problem in &mut problems {
        problem["request_id"].take();
        problem["instance"].take();
    }
    assert_eq!(problems[0], problems[1]);
}
