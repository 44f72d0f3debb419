//! People see what they did, in a log that is theirs alone.

use clowder_tests::{User, World, answer, on_both, until};
use serde_json::{Value, json};

on_both!(shared; a_log_of_ones_own, clearing, wrong_questions);

async fn items(user: &User, query: &str) -> Vec<Value> {
    let page = user.get(&format!("/api/users/me/activity{query}")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Waits for an item of this type.
async fn item(user: &User, kind: &str) -> Value {
    answer(kind, async || items(user, &format!("?type={kind}")).await.into_iter().next()).await
}

async fn a_log_of_ones_own(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    ada.says(&chat, "a peculiar text").await;
    ada.patch("/api/users/me/settings", json!({"theme": "dark"})).await.expect(200);
    let sent = item(&ada, "message.sent").await;
    assert_eq!((&sent["target"], &sent["data"]["count"]), (&json!({"type": "chat", "id": chat}), &json!(1)));
    let opened = item(&ada, "session.opened").await;
    assert_eq!(opened["target"]["type"], "session");
    for kind in ["account.created", "chat.created", "settings.changed"] {
        item(&ada, kind).await;
    }
    ada.says(&chat, "another peculiar text").await;
    until("the second message", async || item(&ada, "message.sent").await["data"]["count"] == 2).await;
    let all = items(&ada, "").await;
    assert!(!json!(all).to_string().contains("peculiar"));
    let times: Vec<_> = all.iter().map(|item| item["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    item(&bob, "account.created").await;
    assert!(items(&bob, "?type=message.sent").await.is_empty());
}

async fn clearing(world: World) {
    let ada = world.user("ada").await;
    item(&ada, "account.created").await;
    item(&ada, "session.opened").await;
    ada.delete("/api/users/me/activity").await.expect(204);
    assert!(items(&ada, "").await.is_empty());
    ada.patch("/api/users/me", json!({"bio": "hello"})).await.expect(200);
    item(&ada, "profile.changed").await;
    assert_eq!(items(&ada, "").await.len(), 1);
}

async fn wrong_questions(world: World) {
    let ada = world.user("ada").await;
    for wrong in ["type=", "type=Message.sent", "type=message", "type=a.b.c"] {
        assert_eq!(ada.get(&format!("/api/users/me/activity?{wrong}")).await.wrong_fields(), ["?type"], "{wrong}");
    }
    let answer = ada.get("/api/users/me/activity?type=x&cursor=x&limit=0").await;
    assert_eq!(answer.wrong_fields().len(), 3);
    assert!(items(&ada, "?type=no.such").await.is_empty());
    let key = json!({"name": "bot", "scopes": ["profile:read", "profile:write"]});
    let key = ada.post("/api/api-keys", key).await.expect(201);
    let bot = world.nobody().with_key(key["key"].as_str().unwrap());
    bot.get("/api/users/me/activity").await.refused(403, "scope.missing");
    bot.delete("/api/users/me/activity").await.refused(403, "scope.missing");
    world.nobody().get("/api/users/me/activity").await.refused(401, "token.missing");
}
