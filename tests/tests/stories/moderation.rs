//! Owners and admins keep order in their chats, and staff on the server.

use clowder_tests::{Answer, User, World, on_both, until};
use serde_json::{Value, json};

on_both!(shared; muting, banning, slow_mode, filters, taking_back, brake, purging, reasons);
on_both!(with [("RATE_LIMIT_FACTOR", "1"), ("CHAT_MESSAGES_AT_ONCE", "3"), ("CHAT_MESSAGES_PER_MINUTE", "1"), ("CHAT_CHANGES_AT_ONCE", "2"), ("CHAT_CHANGES_PER_MINUTE", "1")]; pace);
// What the server filters, it filters in all chats.
on_both!(with [("CHAT_MESSAGES_AT_ONCE", "1000")]; filter_of_the_server);

fn of(chat: &str, what: &str) -> String {
    format!("/api/chats/{chat}/moderation{what}")
}

async fn say(user: &User, chat: &str, text: &str) -> clowder_tests::Answer {
    user.post(&format!("/api/chats/{chat}/messages"), json!({"content": text})).await
}

async fn muting(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut phone = bob.socket().await;
    let mute = json!({"user_id": bob.id, "reason": "Too loud"});
    bob.post(&of(&chat, "/mute"), json!({"user_id": ada.id, "reason": "x"})).await.refused(403, "chat.forbidden");
    assert_eq!(ada.post(&of(&chat, "/mute"), json!({"user_id": bob.id})).await.wrong_fields(), ["/reason"]);
    ada.post(&of(&chat, "/mute"), mute).await.expect(200);
    let told = phone.until("chat.sanctioned").await;
    assert_eq!((&told["data"]["type"], &told["data"]["lifted"]), (&json!("mute"), &json!(false)));
    say(&bob, &chat, "but").await.refused(403, "chat.muted");
    let refused = phone.command("message.send", json!({"chat_id": chat, "content": "but"})).await.unwrap_err();
    assert_eq!(refused["code"], "chat.muted");
    let typing = phone.command("typing.start", json!({"chat_id": chat})).await.unwrap_err();
    assert_eq!(typing["code"], "chat.muted");
    let own = bob.get("/api/chat-sanctions").await.expect(200);
    assert_eq!((&own["items"][0]["reason"], &own["items"][0]["by"]), (&json!("Too loud"), &Value::Null));
    let list = ada.get(&of(&chat, "/mutes")).await.expect(200);
    assert_eq!(list["items"][0]["user"]["id"], json!(bob.id));
    ada.post(&of(&chat, "/unmute"), json!({"user_id": bob.id, "reason": "Has apologized"})).await.expect(204);
    assert_eq!(phone.until("chat.sanctioned").await["data"]["lifted"], true);
    say(&bob, &chat, "thank you").await.expect(201);
    let log = ada.get(&of(&chat, "/log")).await.expect(200);
    let done: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|entry| (&entry["type"], &entry["reason"])).collect();
    assert_eq!(done, [(&json!("unmute"), &json!("Has apologized")), (&json!("mute"), &json!("Too loud"))]);
    assert_eq!((&log["items"][0]["by"]["id"], &log["items"][0]["user"]["id"]), (&json!(ada.id), &json!(bob.id)));
    bob.get(&of(&chat, "/log")).await.refused(403, "chat.forbidden");
}

async fn banning(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let new = json!({"type": "group", "title": "Lunch", "visibility": "public"});
    let chat = ada.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let join = format!("/api/chats/{chat}/join");
    bob.post(&join, json!({})).await.expect(201);
    let mut phone = bob.socket().await;
    ada.post(&of(&chat, "/ban"), json!({"user_id": bob.id, "reason": "Advertising"})).await.expect(200);
    phone.until("participant.removed").await;
    assert_eq!(phone.until("chat.sanctioned").await["data"]["type"], "ban");
    bob.post(&join, json!({})).await.refused(403, "chat.banned");
    let added = ada.post(&format!("/api/chats/{chat}/participants"), json!({"user_ids": [bob.id]})).await;
    assert_eq!(added.wrong_fields(), ["/user_ids/0"]);
    assert_eq!(ada.get(&of(&chat, "/bans")).await.expect(200)["items"][0]["reason"], "Advertising");
    ada.post(&of(&chat, "/unban"), json!({"user_id": bob.id, "reason": "Enough"})).await.expect(204);
    bob.post(&join, json!({})).await.expect(201);
}

/// `DELETE` with a body.
async fn delete(user: &User, path: &str, body: Value) -> Answer {
    Answer::to(user.request("DELETE", path).json(&body)).await
}

async fn reasons(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut said = Vec::new();
    for text in ["one", "two", "three", "four"] {
        said.push(bob.says(&chat, text).await["id"].as_str().unwrap().to_owned());
    }
    let mut phone = bob.socket().await;
    let path = format!("/api/chats/{chat}/messages/delete");
    assert_eq!(ada.post(&path, json!({"message_ids": said[..2]})).await.wrong_fields(), ["/reason"]);
    let many = json!({"message_ids": said[..2], "reason": "Advertising"});
    ada.post(&path, many).await.expect(200);
    assert_eq!(phone.until("chat.sanctioned").await["data"]["type"], "deletion");
    let one = format!("/api/messages/{}", said[2]);
    assert_eq!(delete(&bob, &format!("{one}?for=me"), json!({"reason": "x"})).await.wrong_fields(), ["/reason"]);
    assert_eq!(delete(&ada, &one, json!({"reason": ""})).await.wrong_fields(), ["/reason"]);
    delete(&ada, &one, json!({"reason": "Rude"})).await.expect(204);
    phone.until("chat.sanctioned").await;
    let mut desk = ada.socket().await;
    let four = json!({"message_id": said[3], "reason": "Still rude"});
    assert_eq!(desk.command("message.delete", four).await.unwrap()["deleted_by"], json!(ada.id));
    phone.until("chat.sanctioned").await;
    let gone = json!({"chat_id": chat, "user_id": bob.id, "reason": "For now"});
    assert_eq!(desk.command("participant.remove", gone).await.unwrap(), json!({}));
    assert_eq!(phone.until("chat.sanctioned").await["data"]["type"], "removal");
    let people = format!("/api/chats/{chat}/participants");
    ada.post(&people, json!({"user_ids": [bob.id]})).await.expect(200);
    let place = format!("{people}/{}", bob.id);
    delete(&ada, &place, json!({"reason": "Again and again"})).await.expect(204);
    phone.until("participant.removed").await;
    assert_eq!(phone.until("chat.sanctioned").await["data"]["type"], "removal");
    let own = bob.get("/api/chat-sanctions").await.expect(200);
    let told: Vec<_> = own["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["type"], &one["reason"], &one["message_count"]])
        .collect();
    let expected = [
        [json!("removal"), json!("Again and again"), Value::Null],
        [json!("removal"), json!("For now"), Value::Null],
        [json!("deletion"), json!("Still rude"), json!(1)],
        [json!("deletion"), json!("Rude"), json!(1)],
        [json!("deletion"), json!("Advertising"), json!(2)],
    ];
    assert_eq!(told, expected.each_ref().map(|[kind, reason, count]| [kind, reason, count]));
}

async fn slow_mode(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut phone = bob.socket().await;
    ada.post(&of(&chat, "/slow-mode"), json!({"seconds": 3600, "reason": "Too much"})).await.expect(200);
    assert_eq!(phone.until("chat.updated").await["data"]["slow_seconds"], 3600);
    say(&bob, &chat, "one").await.expect(201);
    let refused = say(&bob, &chat, "two").await;
    assert!(refused.refused(403, "message.slow")["until"].is_string());
    say(&ada, &chat, "three").await.expect(201);
    assert_eq!(bob.chat(&chat).await["slow_seconds"], 3600);
    ada.post(&of(&chat, "/slow-mode"), json!({"seconds": 0, "reason": "Enough"})).await.expect(200);
    say(&bob, &chat, "four").await.expect(201);
}

async fn filters(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let set = json!({"words": ["casino*"], "action": "hold", "reason": "Advertising"});
    let rules = ada.put(&of(&chat, "/filter"), set).await.expect(200);
    assert_eq!(rules["filter"], json!({"words": ["casino*"], "action": "hold"}));
    let wrong = json!({"words": ["fine", "..."], "reason": "x"});
    assert_eq!(ada.put(&of(&chat, "/filter"), wrong).await.wrong_fields(), ["/words/1"]);
    let mut phone = ada.socket().await;
    say(&bob, &chat, "to the CÁSINOS!").await.refused(403, "message.held");
    let told = phone.until("chat.review").await["data"].clone();
    let list = ada.get(&of(&chat, "/reviews")).await.expect(200);
    let listed = &list["items"][0];
    assert_eq!((&listed["content"], &listed["mentions"]), (&json!("to the CÁSINOS!"), &json!([])));
    assert_eq!((&told["review_id"], &told["type"]), (&listed["id"], &json!("held")));
    let review = of(&chat, &format!("/reviews/{}", list["items"][0]["id"].as_str().unwrap()));
    let decide = async |version: i64| {
        let body = json!({"action": "approve", "reason": "A joke"});
        let request = ada.request("PUT", &review).header("if-match", format!("\"{version}\"")).json(&body);
        clowder_tests::Answer::to(request).await
    };
    bob.put(&review, json!({"action": "approve", "reason": "x"})).await.refused(403, "chat.forbidden");
    decide(2).await.refused(412, "message.stale");
    decide(1).await.expect(204);
    let sent = phone.until("message.sent").await;
    assert_eq!((&sent["data"]["sender"]["id"], &sent["data"]["seq"]), (&json!(bob.id), &json!(1)));
    ada.put(&review, json!({"action": "approve", "reason": "A joke"})).await.refused(404, "message.review_unknown");
    bob.get("/api/admin/word-filter").await.refused(403, "permission.denied");
    bob.get("/api/admin/message-reviews").await.refused(403, "permission.denied");
}

async fn taking_back(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let set = json!({"words": ["casino"], "action": "hold", "reason": "Advertising"});
    ada.put(&of(&chat, "/filter"), set).await.expect(200);
    say(&bob, &chat, "a casino").await.refused(403, "message.held");
    let list = bob.get("/api/held-messages").await.expect(200);
    let [held] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&held["content"], &held["chat_id"], &held["type"]), (&json!("a casino"), &json!(chat), &json!("held")));
    assert_eq!(ada.get("/api/held-messages").await.expect(200)["items"], json!([]), "it is not hers");
    let path = format!("/api/held-messages/{}", held["id"].as_str().unwrap());
    ada.delete(&path).await.refused(404, "message.review_unknown");
    bob.delete(&path).await.expect(204);
    bob.delete(&path).await.refused(404, "message.review_unknown");
    assert_eq!(ada.get(&of(&chat, "/reviews")).await.expect(200)["items"], json!([]), "nothing waits");
}

async fn filter_of_the_server(world: World) {
    let (judge, boss) = (world.staff("judge", "moderator").await, world.staff("boss", "admin").await);
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let filter = json!({"words": ["casino"], "action": "flag", "reason": "Advertising"});
    boss.put("/api/admin/word-filter", filter).await.expect(200);
    let mut phone = ada.socket().await;
    say(&bob, &chat, "a casino").await.expect(201);
    let list = judge.get("/api/admin/message-reviews").await.expect(200);
    let [listed] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!(listed["content"], json!(null), "the text is shown only to whoever reads it on purpose");
    let review = format!("/api/admin/message-reviews/{}", listed["id"].as_str().unwrap());
    assert_eq!(judge.get(&review).await.expect(200)["content"], "a casino");
    judge.put(&review, json!({"action": "reject", "reason": "Advertising"})).await.expect(204);
    let deleted = phone.until("message.deleted").await;
    assert_eq!(deleted["data"]["deleted_by"], json!(bob.id), "the chat does not learn who decided");
    judge.get(&review).await.refused(404, "message.review_unknown");
}

async fn brake(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let new = json!({"type": "group", "title": "Lunch", "visibility": "public"});
    let chat = ada.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let limits = json!({"joins": 1, "seconds": 3600, "hold_seconds": 3600});
    ada.put(&of(&chat, "/brake"), json!({"limits": limits, "reason": "Raids"})).await.expect(200);
    let mut phone = ada.socket().await;
    let join = format!("/api/chats/{chat}/join");
    bob.post(&join, json!({})).await.expect(201);
    assert_eq!(eve.post(&join, json!({})).await.expect(202)["chat_id"], json!(chat));
    phone.until("chat.braked").await;
    assert_eq!(phone.until("chat.requested").await["data"]["user_id"], json!(eve.id));
    ada.put(&format!("/api/chats/{chat}/requests/{}", eve.id), json!({"action": "approve"})).await.expect(204);
    assert_eq!(eve.chat(&chat).await["participant_count"], 3);
}

async fn purging(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    for n in 0..3 {
        say(&bob, &chat, &format!("spam {n}")).await.expect(201);
    }
    say(&ada, &chat, "stays").await.expect(201);
    let times =
        json!({"user_id": bob.id, "reason": "x", "since": "2001-01-02T00:00:00Z", "until": "2001-01-01T00:00:00Z"});
    assert_eq!(ada.post(&of(&chat, "/purge"), times).await.wrong_fields(), ["/until"]);
    let purge = async || {
        let new = json!({"user_id": bob.id, "reason": "Advertising"});
        let request = ada.request("POST", &of(&chat, "/purge")).header("idempotency-key", "purge-1").json(&new);
        clowder_tests::Answer::to(request).await
    };
    let begun = purge().await;
    let status_at = begun.header("location").to_owned();
    let id = begun.expect(202)["id"].clone();
    assert_eq!(purge().await.expect(202)["id"], id, "the same key begins nothing again");
    until("everything is purged", async || ada.get(&status_at).await.expect(200)["status"] == "done").await;
    assert_eq!(ada.get(&status_at).await.expect(200)["deleted"], 3);
    let page = ada.get(&format!("/api/chats/{chat}/messages?after=0")).await.expect(200);
    let left: Vec<_> = page["items"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(left, [&Value::Null, &Value::Null, &Value::Null, &json!("stays")]);
}

/// Whoever writes too fast waits, in that chat only; others write on.
async fn pace(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (chat, other) = (ada.group("Lunch", &[&bob]).await, ada.group("Dinner", &[&bob]).await);
    let mut phone = bob.socket().await;
    for n in 0..3 {
        say(&bob, &chat, &format!("no. {n}")).await.expect(201);
    }
    let refused = say(&bob, &chat, "no. 3").await;
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u32>().unwrap()), "{}", refused.text);
    refused.refused(429, "rate.limited");
    let refused = phone.command("message.send", json!({"chat_id": chat, "content": "no. 3"})).await.unwrap_err();
    assert_eq!(refused["code"], "rate.limited");
    say(&bob, &other, "here I may").await.expect(201);
    say(&ada, &chat, "and I").await.expect(201);
    let path = format!("/api/chats/{chat}");
    for title in ["One", "Two"] {
        ada.patch(&path, json!({"title": title})).await.expect(200);
    }
    let refused = ada.patch(&path, json!({"title": "Three"})).await;
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u32>().unwrap()), "{}", refused.text);
    refused.refused(429, "rate.limited");
}
