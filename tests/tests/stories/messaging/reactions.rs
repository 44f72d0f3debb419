//! People react to messages, over REST and over sockets.

use clowder_tests::{User, World, on_both};
use serde_json::{Value, json};

on_both!(shared; reacting, live, what_is_no_emoji, blocked_people, strangers);

async fn said(world: &World) -> (User, User, String, String) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let message = ada.says(&chat, "hello").await["id"].as_str().unwrap().to_owned();
    (ada, bob, chat, message)
}

fn path(message: &str, emoji: &str) -> String {
    format!("/api/messages/{message}/reactions/{emoji}")
}

async fn reactions(user: &User, message: &str) -> Value {
    user.get(&format!("/api/messages/{message}")).await.expect(200)["reactions"].clone()
}

async fn reacting(world: World) {
    let (ada, bob, chat, message) = said(&world).await;
    let first = bob.put(&path(&message, "👍🏽"), json!({})).await.expect(200);
    assert_eq!((&first["emoji"], &first["count"], &first["user_id"]), (&json!("👍🏽"), &json!(1), &json!(bob.id)));
    assert_eq!(bob.put(&path(&message, "👍🏽"), json!({})).await.expect(200), first, "it can be repeated");
    // Percent-encoded, and without the selector that the second has.
    ada.put(&path(&message, "%E2%9D%A4"), json!({})).await.expect(200);
    bob.put(&path(&message, "❤\u{fe0f}"), json!({})).await.expect(200);
    let expected =
        json!([{"emoji": "👍🏽", "count": 1, "mine": false}, {"emoji": "❤\u{fe0f}", "count": 2, "mine": true}]);
    assert_eq!(reactions(&ada, &message).await, expected);
    assert_eq!(ada.messages(&chat).await[0]["reactions"], expected);
    assert_eq!(ada.chat(&chat).await["last_message"]["reactions"], expected);

    let all = ada.get(&format!("/api/messages/{message}/reactions")).await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let hearts = ada.get(&format!("/api/messages/{message}/reactions?emoji=%E2%9D%A4&limit=1")).await;
    assert_eq!(hearts.expect(200)["items"].as_array().unwrap().len(), 1);
    assert!(!all["items"][0]["at"].is_null() && all["items"][0]["user"]["username"].is_string());

    assert_eq!(bob.delete(&path(&message, "❤")).await.status, 204);
    assert_eq!(bob.delete(&path(&message, "❤")).await.status, 204);
    assert_eq!(reactions(&bob, &message).await[1], json!({"emoji": "❤\u{fe0f}", "count": 1, "mine": false}));
    ada.delete(&format!("/api/messages/{message}")).await;
    assert_eq!(reactions(&bob, &message).await, json!([]));
    bob.put(&path(&message, "👍"), json!({})).await.refused(410, "message.deleted");
}

async fn live(world: World) {
    let (ada, bob, chat, message) = said(&world).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let data = json!({"message_id": message, "emoji": "🍕"});
    let added = his.command("reaction.add", data.clone()).await.unwrap();
    assert_eq!((&added["count"], &added["chat_id"], &added["seq"]), (&json!(1), &json!(chat), &json!(1)));
    let told = hers.until("reaction.added").await;
    assert_eq!((&told["data"], told["cursor"].is_string()), (&added, true));
    let cursor = told["cursor"].as_str().unwrap().to_owned();
    drop(hers);
    assert_eq!(his.command("reaction.remove", data.clone()).await.unwrap()["count"], 0);
    assert_eq!(his.command("reaction.remove", data).await.unwrap()["count"], 0, "twice is fine");
    let mut hers = ada.knock(Some(&cursor)).await;
    let told = hers.until("reaction.removed").await;
    assert_eq!((&told["data"]["user_id"], &told["data"]["count"]), (&json!(bob.id), &json!(0)));
    assert_eq!(hers.until("resumed").await["data"]["count"], 1);
    let wrong = his.command("reaction.add", json!({"message_id": message, "emoji": "pizza"})).await.unwrap_err();
    assert_eq!((&wrong["code"], &wrong["errors"][0]["pointer"]), (&json!("input.invalid"), &json!("/emoji")));
}

async fn what_is_no_emoji(world: World) {
    let (ada, _, _, message) = said(&world).await;
    for wrong in [
        "a",
        "1",
        "👍👍",
        "%F0%9F%91%8Da",
        "❤%EF%B8%8E",
        "%00",
        "%20",
        "thumbsup",
        "🇮",
        "👍%E2%80%8D",
        "%E2%80%AE👍",
        "%FF",
    ] {
        let answer = ada.put(&path(&message, wrong), json!({})).await;
        assert_eq!(answer.wrong_fields(), ["{emoji}"], "{wrong}");
        assert_eq!(ada.delete(&path(&message, wrong)).await.status, 422, "{wrong}");
    }
    let family = "👩🏽%E2%80%8D❤%EF%B8%8F%E2%80%8D💋%E2%80%8D👨🏿";
    ada.put(&path(&message, family), json!({})).await.expect(200);
    for right in ["🇮🇹", "%31%E2%83%A3", "%23%EF%B8%8F%E2%83%A3", "🏳%E2%80%8D🌈", "©"] {
        ada.put(&path(&message, right), json!({})).await.expect(200);
    }
    assert_eq!(reactions(&ada, &message).await.as_array().unwrap().len(), 6);
    ada.get(&format!("/api/messages/{message}/reactions?emoji=x")).await.refused(422, "input.invalid");
}

async fn blocked_people(world: World) {
    let (ada, bob, _, message) = said(&world).await;
    let before = bob.put(&path(&message, "👍"), json!({})).await.expect(200);
    assert_eq!(bob.delete(&path(&message, "👍")).await.status, 204);
    ada.put(&format!("/api/users/{}/block", bob.id), json!({})).await.expect(200);
    let after = bob.put(&path(&message, "👍"), json!({})).await.expect(200);
    assert_eq!(before, after, "nothing tells of the block");
    assert_eq!(reactions(&bob, &message).await, json!([{"emoji": "👍", "count": 1, "mine": true}]));
    assert_eq!(reactions(&ada, &message).await, json!([]));
    let chat = world.user("cem").await.private_chat(&bob).await;
    bob.says(&chat, "elsewhere nothing changes").await;
}

async fn strangers(world: World) {
    let (_, bob, _, message) = said(&world).await;
    let eve = world.user("eve").await;
    eve.put(&path(&message, "👍"), json!({})).await.refused(404, "message.unknown");
    eve.delete(&path(&message, "👍")).await.refused(404, "message.unknown");
    eve.get(&format!("/api/messages/{message}/reactions")).await.refused(404, "message.unknown");
    bob.put(&path("01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10", "👍"), json!({})).await.refused(404, "message.unknown");
    bob.put(&path("nonsense", "👍"), json!({})).await.expect(404);
}
