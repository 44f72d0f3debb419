//! The owner of a chat sees what happens in it, in numbers.

use clowder_tests::{User, World, answer, on_both};
use serde_json::{Value, json};

on_both!(shared; counting, in_time_zones, refused);

/// Once everything up to this message is counted.
async fn counted(user: &User, chat: &str, seq: i64, query: &str) -> Value {
    let path = format!("/api/chats/{chat}/analytics{query}");
    answer("the numbers", async || Some(user.get(&path).await.expect(200)).filter(|it| it["counted_seq"] == seq)).await
}

async fn counting(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let said = ada.says(&chat, "hello").await;
    bob.says(&chat, "hello").await;
    let gone = ada.says(&chat, "not for long").await;
    let message = |said: &Value| format!("/api/messages/{}", said["id"].as_str().unwrap());
    bob.put(&format!("{}/reactions/👍", message(&said)), json!({})).await.expect(200);
    counted(&ada, &chat, 3, "").await;
    ada.delete(&message(&gone)).await.expect(204);
    let deleted = async || {
        Some(ada.get(&format!("/api/chats/{chat}/analytics")).await.expect(200)).filter(|it| it["messages"] == 2)
    };
    let told = answer("the numbers without it", deleted).await;
    assert_eq!((&told["people"], told["days"].as_array().unwrap().len()), (&json!(2), 30));
    assert_eq!(told["top_reactions"], json!([{"emoji": "👍", "count": 1}]));
    assert_eq!((&told["response_time"]["answers"], told["hours"].as_array().unwrap().len()), (&json!(1), 24));
}

async fn in_time_zones(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Alone", &[]).await;
    let said = ada.says(&chat, "hello").await;
    let at: jiff::Timestamp = said["created_at"].as_str().unwrap().parse().unwrap();
    for (zone, hours) in [("%2B14:00", 14), ("-12:00", -12), ("Z", 0)] {
        let here = at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(hours)));
        let day = here.date().to_string();
        let told = counted(&ada, &chat, 1, &format!("?from={day}&to={day}&utc_offset={zone}")).await;
        assert_eq!((&told["messages"], &told["days"]), (&json!(1), &json!([{"day": day, "messages": 1, "people": 1}])));
        assert_eq!(told["busiest_hours"], json!([here.hour()]), "{zone}");
    }
}

async fn refused(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let path = format!("/api/chats/{chat}/analytics");
    bob.get(&path).await.refused(403, "chat.forbidden");
    eve.get(&path).await.refused(404, "chat.unknown");
    let private = ada.private_chat(&bob).await;
    ada.get(&format!("/api/chats/{private}/analytics")).await.refused(409, "chat.private");
    for (query, wrong) in [
        ("?from=yesterday", "?from"),
        ("?from=2026-02-30", "?from"),
        ("?from=2026-02-02&to=2026-02-01", "?to"),
        ("?from=2020-01-01&to=2026-01-01", "?to"),
        ("?utc_offset=Europe/Berlin", "?utc_offset"),
        ("?utc_offset=-13:00", "?utc_offset"),
        ("?hour=1", "?hour"),
    ] {
        assert_eq!(ada.get(&format!("{path}{query}")).await.wrong_fields(), [wrong], "{query}");
    }
}
