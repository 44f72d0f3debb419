//! People block and mute each other, and take notes: what ends, what closes, and what nobody can tell.

use clowder_tests::{User, World, on_both};
use serde_json::json;

on_both!(shared; blocking, lists_of_the_blocked, muting, notes, writing_first, own_devices);

async fn befriend(one: &User, other: &User) {
    one.post("/api/friends/request", json!({"user_id": other.id})).await.expect(201);
    other.post("/api/friends/request", json!({"user_id": one.id})).await.expect(200);
}

async fn blocking(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    befriend(&ada, &bob).await;
    let chat = ada.private_chat(&bob).await;
    let messages = format!("/api/chats/{chat}/messages");
    let said = bob.says(&chat, "before").await;
    let mut phone = bob.socket().await;

    let block = ada.put(&format!("/api/users/{}/block", bob.id), json!({})).await.expect(200);
    assert_eq!((&block["user"]["id"], &block["hide_messages"]), (&json!(bob.id), &json!(false)));
    assert_eq!(phone.until("friend.removed").await["data"]["user_id"], json!(ada.id));
    assert_eq!(phone.until("chat.updated").await["data"]["closed"], true);
    for (person, other) in [(&ada, &bob), (&bob, &ada)] {
        person.post(&messages, json!({"content": "after"})).await.refused(403, "chat.closed");
        assert_eq!(person.chat(&chat).await["writable"], false);
        assert_eq!(person.messages(&chat).await.len(), 1, "what was written stays");
        let friends = person.get("/api/friends").await.expect(200);
        assert_eq!(friends["items"], json!([]));
        person.post("/api/friends/request", json!({"user_id": other.id})).await.refused(404, "user.unknown");
    }
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    bob.patch(&path, json!({"content": "edited"})).await.refused(403, "chat.closed");
    bob.delete(&path).await.expect(204);

    // What the blocked one gets is what everybody gets about somebody who does not exist.
    let nobody = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
    for path in ["", "/friends"] {
        let blocked = bob.get(&format!("/api/users/{}{path}", ada.id)).await.refused(404, "user.unknown");
        let unknown = bob.get(&format!("/api/users/{nobody}{path}")).await.refused(404, "user.unknown");
        for member in ["type", "title", "detail", "code", "errors"] {
            assert_eq!(blocked[member], unknown[member], "{path} {member}");
        }
    }
    let relationships = bob.get(&format!("/api/relationships?ids={},{nobody}", ada.id)).await.expect(200);
    let items = relationships["items"].as_array().unwrap();
    for member in ["friendship", "blocked", "muted", "mutual_friends"] {
        assert_eq!(items[0][member], items[1][member], "{member}");
    }
    let mine = ada.get(&format!("/api/relationships?ids={}", bob.id)).await.expect(200);
    assert_eq!((&mine["items"][0]["blocked"], &mine["items"][0]["friendship"]), (&json!(true), &json!("none")));

    ada.delete(&format!("/api/users/{}/block", bob.id)).await.expect(204);
    ada.delete(&format!("/api/users/{}/block", bob.id)).await.expect(204);
    assert_eq!(phone.until("chat.updated").await["data"]["closed"], false);
    bob.says(&chat, "again").await;
    bob.get(&format!("/api/users/{}", ada.id)).await.expect(200);
}

async fn lists_of_the_blocked(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    for (person, hide) in [(&bob, true), (&cem, false)] {
        let path = format!("/api/users/{}/block", person.id);
        ada.put(&path, json!({"hide_messages": hide})).await.expect(200);
    }
    let blocks = ada.get("/api/blocks").await.expect(200);
    let shown: Vec<_> = blocks["items"].as_array().unwrap().iter().map(|block| block["user"]["id"].clone()).collect();
    assert_eq!(shown, [json!(cem.id), json!(bob.id)]);
    assert_eq!(bob.get("/api/blocks").await.expect(200)["items"], json!([]));
    ada.put(&format!("/api/users/{}/block", ada.id), json!({})).await.refused(422, "input.invalid");
    let path = format!("/api/users/{}/block", bob.id);
    for wrong in [json!({"hide_messages": "yes"}), json!({"hide_messages": 1})] {
        assert_eq!(ada.put(&path, wrong).await.wrong_fields(), ["/hide_messages"]);
    }
}

async fn muting(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let path = format!("/api/users/{}/mute", bob.id);
    let mute = ada.put(&path, json!({})).await.expect(200);
    assert_eq!(mute["until"], json!(null));
    let relationships = format!("/api/relationships?ids={}", bob.id);
    assert_eq!(ada.get(&relationships).await.expect(200)["items"][0]["muted"], true);
    for wrong in [json!("2020-01-01T00:00:00Z"), json!("tomorrow"), json!(7)] {
        assert_eq!(ada.put(&path, json!({"until": wrong})).await.wrong_fields(), ["/until"], "{wrong}");
    }
    assert_eq!(ada.get("/api/mutes").await.expect(200)["items"].as_array().unwrap().len(), 1);
    let chat = bob.private_chat(&ada).await;
    bob.says(&chat, "hello").await;
    assert_eq!(ada.chat(&chat).await["last_message"]["muted"], true);
    ada.delete(&path).await.expect(204);
    assert_eq!(ada.get("/api/mutes").await.expect(200)["items"], json!([]));
    assert_eq!(ada.chat(&chat).await["last_message"]["muted"], json!(null));
    assert_eq!(ada.get(&relationships).await.expect(200)["items"][0]["muted"], false);
}

async fn notes(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let path = format!("/api/users/{}/note", bob.id);
    ada.get(&path).await.refused(404, "note.unknown");
    for wrong in [json!(null), json!(""), json!("  "), json!(7), json!("x".repeat(1001)), json!("a\u{0}b")] {
        assert_eq!(ada.put(&path, json!({"text": wrong})).await.wrong_fields(), ["/text"], "{wrong}");
    }
    for text in ["first\nline", "é".repeat(1000).as_str()] {
        ada.put(&path, json!({"text": text})).await.expect(200);
        assert_eq!(ada.get(&path).await.expect(200)["text"], text);
    }
    bob.get(&format!("/api/users/{}/note", ada.id)).await.refused(404, "note.unknown");
    ada.delete(&path).await.expect(204);
    ada.get(&path).await.refused(404, "note.unknown");
}

async fn writing_first(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    befriend(&ada, &bob).await;
    ada.patch("/api/users/me/settings", json!({"privacy": {"messages_from": "friends"}})).await.expect(200);
    let new = json!({"type": "private", "participant_ids": [ada.id]});
    cem.post("/api/chats", new.clone()).await.refused(403, "chat.not_wanted");
    let group = json!({"type": "group", "title": "x", "participant_ids": [bob.id, ada.id]});
    let refused = cem.post("/api/chats", group).await.refused(403, "chat.not_wanted");
    assert_eq!((&refused["errors"][0]["pointer"], &refused["errors"][1]), (&json!("/participant_ids/1"), &json!(null)));
    bob.post("/api/chats", new).await.expect(201);
    // A request to be friends is no way around it.
    let ask = json!({"user_id": ada.id, "message": "hello"});
    let refused = cem.post("/api/friends/request", ask).await.refused(403, "chat.not_wanted");
    assert!(refused["detail"].as_str().unwrap().contains("without a message"), "{refused}");
    cem.post("/api/friends/request", json!({"user_id": ada.id})).await.expect(201);
    // Who asks for nobody still writes to others, who then answer.
    let chat = ada.private_chat(&cem).await;
    cem.says(&chat, "hello").await;
}

async fn own_devices(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut phone = ada.socket().await;
    for (what, added, removed) in [("mute", "mute.added", "mute.removed"), ("block", "block.added", "block.removed")] {
        let path = format!("/api/users/{}/{what}", bob.id);
        ada.put(&path, json!({})).await.expect(200);
        assert_eq!(phone.until(added).await["data"]["user"]["id"], bob.id);
        ada.delete(&path).await.expect(204);
        assert_eq!(phone.until(removed).await["data"]["user_id"], bob.id);
    }
}
