//! People reply, answer in threads and forward, over REST and over sockets.

use clowder_tests::{User, World, on_both};
use serde_json::{Value, json};

on_both!(shared; replying, answering, following_live, forwarding, forwarding_again, strangers);

const NOBODY: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";

async fn pair(world: &World) -> (User, User, String) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    (ada, bob, chat)
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

async fn sends(user: &User, chat: &str, new: Value) -> Value {
    user.post(&format!("/api/chats/{chat}/messages"), new).await.expect(201)
}

async fn replying(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let asked = ada.says(&chat, "Shall we have lunch?").await;
    assert_eq!(
        (&asked["reply_to"], &asked["thread"], &asked["forwarded_from"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let mut hers = ada.socket().await;
    let reply = sends(&bob, &chat, json!({"content": "At noon", "reply_to": asked["id"]})).await;
    let quote = &reply["reply_to"];
    assert_eq!((&quote["id"], &quote["seq"], &quote["deleted"]), (&asked["id"], &json!(1), &json!(false)));
    assert_eq!((&quote["excerpt"], &quote["sender"]["id"]), (&json!("Shall we have lunch?"), &json!(ada.id)));
    let told = hers.until("message.sent").await;
    let bare = json!({"id": asked["id"], "seq": 1, "sender": null, "excerpt": null, "deleted": false});
    assert_eq!((&told["data"]["id"], &told["data"]["reply_to"]), (&reply["id"], &bare));
    let data = json!({"chat_id": chat, "content": "Gladly", "reply_to": reply["id"]});
    let again = hers.command("message.send", data).await.unwrap();
    assert_eq!(again["reply_to"]["excerpt"], "At noon");
    ada.delete(&format!("/api/messages/{}", id(&asked))).await;
    let gone = json!({"id": asked["id"], "seq": 1, "sender": quote["sender"], "excerpt": null, "deleted": true});
    assert_eq!(ada.messages(&chat).await[1]["reply_to"], gone);
    let path = format!("/api/chats/{chat}/messages");
    for (new, pointers) in [
        (json!({"content": "x", "reply_to": asked["id"]}), vec!["/reply_to"]),
        (json!({"content": "x", "reply_to": NOBODY, "thread_of": NOBODY}), vec!["/reply_to", "/thread_of"]),
        (json!({"content": "x", "reply_to": "x", "thread_of": 7}), vec!["/reply_to", "/thread_of"]),
    ] {
        assert_eq!(bob.post(&path, new).await.wrong_fields(), pointers);
    }
}

async fn answering(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let root = id(&ada.says(&chat, "root").await);
    let first = sends(&bob, &chat, json!({"content": "first", "thread_of": root})).await;
    let second = sends(&bob, &chat, json!({"content": "second", "thread_of": root})).await;
    assert_eq!((&first["thread_of"], &first["seq"]), (&json!(root), &json!(2)));
    let thread = ada.get(&format!("/api/messages/{root}")).await.expect(200)["thread"].clone();
    assert_eq!(thread, json!({"count": 2, "last_reply_at": second["created_at"], "following": true}));
    let path = format!("/api/messages/{root}/thread");
    let page = ada.get(&format!("{path}?limit=1&after=0")).await.expect(200);
    assert_eq!(page["items"][0]["id"], first["id"]);
    let next = page["next_cursor"].as_str().unwrap();
    let page = ada.get(&format!("{path}?limit=1&after=0&cursor={next}")).await.expect(200);
    assert_eq!((&page["items"][0]["id"], &page["next_cursor"]), (&second["id"], &json!(null)));
    assert_eq!(ada.get(&format!("{path}?before=3")).await.expect(200)["items"].as_array().unwrap().len(), 1);
    ada.get(&format!("{path}?before=3&after=1")).await.refused(422, "input.invalid");
    ada.get(&format!("{path}?around=3")).await.refused(422, "input.invalid");

    let threads = ada.get("/api/threads?unread=true").await.expect(200)["items"].clone();
    let shown = (&threads[0]["root"]["id"], &threads[0]["unread_count"], &threads[0]["read_seq"]);
    assert_eq!(shown, (&json!(root), &json!(2), &json!(1)));
    let state = ada.post(&format!("{path}/read"), json!({"seq": 2})).await.expect(200);
    let expected = json!({"chat_id": chat, "message_id": root, "following": true, "read_seq": 2, "unread_count": 1});
    assert_eq!(state, expected);
    assert_eq!(ada.post(&format!("{path}/read"), json!({"seq": 1})).await.expect(200), expected, "never back");
    assert_eq!(ada.post(&format!("{path}/read"), json!({"seq": -1})).await.wrong_fields(), ["/seq"]);
    assert_eq!(ada.delete(&format!("{path}/follow")).await.status, 204);
    assert_eq!(ada.get("/api/threads").await.expect(200)["items"], json!([]));
    let state = ada.put(&format!("{path}/follow"), json!({})).await.expect(200);
    assert_eq!((&state["following"], &state["unread_count"]), (&json!(true), &json!(0)));
    let within = format!("/api/messages/{}/thread/follow", id(&first));
    ada.put(&within, json!({})).await.refused(409, "message.no_thread");
}

async fn following_live(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let root = id(&ada.says(&chat, "root").await);
    let (mut his, mut other) = (bob.socket().await, bob.socket().await);
    let state = his.command("thread.follow", json!({"message_id": root})).await.unwrap();
    assert_eq!((&state["following"], &state["read_seq"]), (&json!(true), &json!(1)));
    let told = other.until("thread.updated").await;
    assert_eq!((&told["data"], told["cursor"].is_string()), (&state, true));
    let answered = sends(&ada, &chat, json!({"content": "by the way", "thread_of": root})).await;
    assert_eq!(other.until("message.sent").await["data"]["thread_of"], json!(root));
    assert_eq!(bob.get("/api/threads").await.expect(200)["items"][0]["unread_count"], 1);
    let data = json!({"message_id": root, "seq": answered["seq"]});
    assert_eq!(his.command("thread.read", data).await.unwrap()["unread_count"], 0);
    assert_eq!(other.until("thread.updated").await["data"]["read_seq"], answered["seq"]);
    let state = his.command("thread.unfollow", json!({"message_id": root})).await.unwrap();
    assert_eq!(state["following"], false);
    assert_eq!(other.until("thread.updated").await["data"]["following"], false);
    let wrong = his.command("thread.follow", json!({"message_id": NOBODY})).await.unwrap_err();
    assert_eq!(wrong["code"], "message.unknown");
}

async fn forwarding(world: World) {
    let (ada, bob, chat) = pair(&world).await;
    let eve = world.user("eve").await;
    let said = id(&ada.says(&chat, "pass it on").await);
    let target = bob.group("Tea", &[&eve]).await;
    let foreign = eve.group("Hers", &[]).await;
    let mut hers = eve.socket().await;
    let path = format!("/api/messages/{said}/forward");
    let done = bob.post(&path, json!({"chat_ids": [target, foreign]})).await.expect(201);
    let (sent, refused) = (&done["items"][0], &done["items"][1]);
    assert_eq!((&sent["chat_id"], &sent["problem"]), (&json!(target), &json!(null)));
    assert_eq!(sent["message"]["forwarded_from"]["chat_id"], json!(chat));
    assert_eq!(sent["message"]["forwarded_from"]["sender"]["id"], json!(ada.id));
    assert_eq!((&refused["message"], &refused["problem"]["code"]), (&json!(null), &json!("chat.unknown")));
    let told = hers.until("message.sent").await["data"].clone();
    let nowhere = json!({"chat_id": null, "sender": null});
    assert_eq!((&told["content"], &told["forwarded_from"]), (&json!("pass it on"), &nowhere));
    assert_eq!(eve.messages(&target).await[0]["forwarded_from"], nowhere);
    let (mut his, data) = (bob.socket().await, json!({"message_id": said, "chat_ids": [target], "client_id": "c1"}));
    let first = his.command("message.forward", data.clone()).await.unwrap();
    assert_eq!(his.command("message.forward", data).await.unwrap(), first, "it can be repeated");
    assert_eq!(eve.messages(&target).await.len(), 2);
    let twice = json!({"chat_ids": [target, target]});
    assert_eq!(bob.post(&path, twice).await.wrong_fields(), ["/chat_ids"]);
    assert_eq!(bob.post(&path, json!({"chat_ids": []})).await.wrong_fields(), ["/chat_ids"]);
    ada.delete(&format!("/api/messages/{said}")).await;
    bob.post(&path, json!({"chat_ids": [target]})).await.refused(409, "message.not_forwardable");
}

async fn forwarding_again(world: World) {
    let (ada, _, chat) = pair(&world).await;
    let said = id(&ada.says(&chat, "once").await);
    let path = format!("/api/messages/{said}/forward");
    let new = json!({"chat_ids": [chat], "client_id": "phone-9"});
    let first = ada.post(&path, new.clone()).await.expect(201);
    assert_eq!(ada.post(&path, new).await.expect(200), first);
    let keyed = async || {
        let request =
            ada.request("POST", &path).header("idempotency-key", "again-1").json(&json!({"chat_ids": [chat]}));
        clowder_tests::Answer::to(request).await
    };
    let first = keyed().await.expect(201);
    let again = keyed().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(201), first);
    let other = json!({"chat_ids": [chat, NOBODY], "client_id": "phone-9"});
    ada.post(&path, other).await.refused(422, "idempotency.mismatch");
    assert_eq!(ada.messages(&chat).await.len(), 3);
}

async fn strangers(world: World) {
    let (ada, _, chat) = pair(&world).await;
    let eve = world.user("eve").await;
    let said = id(&ada.says(&chat, "among us").await);
    let hers = eve.group("Hers", &[]).await;
    let path = format!("/api/messages/{said}");
    eve.get(&format!("{path}/thread")).await.refused(404, "message.unknown");
    eve.put(&format!("{path}/thread/follow"), json!({})).await.refused(404, "message.unknown");
    eve.delete(&format!("{path}/thread/follow")).await.refused(404, "message.unknown");
    eve.post(&format!("{path}/thread/read"), json!({"seq": 1})).await.refused(404, "message.unknown");
    eve.post(&format!("{path}/forward"), json!({"chat_ids": [hers]})).await.refused(404, "message.unknown");
    let answer = eve.post(&format!("/api/chats/{hers}/messages"), json!({"content": "x", "reply_to": said})).await;
    assert_eq!(answer.wrong_fields(), ["/reply_to"]);
}
