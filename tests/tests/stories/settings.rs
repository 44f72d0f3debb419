//! Users' settings are stored, versioned, and sent to all their devices.

use clowder_tests::{Answer, World, on_both};
use serde_json::json;

on_both!(shared; settings, devices_hear, wrong_settings);

async fn settings(world: World) {
    let ada = world.user("ada").await;
    let first = ada.get("/api/users/me/settings").await;
    assert_eq!((first.header("etag"), first.body["language"].as_str()), ("\"1\"", Some("en")));
    let patch = json!({"language": "de", "privacy": {"read_receipts": false}});
    let request = ada.request("PATCH", "/api/users/me/settings").header("if-match", "\"1\"").json(&patch);
    let changed = Answer::to(request).await.expect(200);
    assert_eq!((&changed["language"], &changed["privacy"]["read_receipts"]), (&json!("de"), &json!(false)));
    assert_eq!(changed["privacy"]["last_seen"], "everyone", "what is absent stays");
    let request =
        ada.request("PUT", "/api/users/me/settings").header("if-match", "\"1\"").json(&json!({"theme": "dark"}));
    Answer::to(request).await.refused(412, "settings.stale");
    let known = ada.request("GET", "/api/users/me/settings").header("if-none-match", "\"2\"");
    assert_eq!(Answer::to(known).await.status, 304);
    // The whole object can be sent back.
    ada.patch("/api/users/me/settings", changed).await.expect(200);
}

async fn devices_hear(world: World) {
    let ada = world.user("ada").await;
    let mut socket = world.login("ada").await.socket().await;
    let settings = ada.patch("/api/users/me/settings", json!({"theme": "dark"})).await.expect(200);
    assert_eq!(socket.until("settings.updated").await["data"], settings);
}

async fn wrong_settings(world: World) {
    let ada = world.user("ada").await;
    for (patch, fields) in [
        (json!({"colour": "red", "theme": "dark"}), vec!["/colour"]),
        (json!({"privacy": {"lastseen": "nobody"}}), vec!["/privacy/lastseen"]),
        (json!({"time_zone": "Mars/Olympus", "language": "de\u{0}"}), vec!["/language", "/time_zone"]),
        (json!({"notifications": "all"}), vec!["/notifications"]),
        (json!([]), vec![""]),
    ] {
        assert_eq!(ada.patch("/api/users/me/settings", patch.clone()).await.wrong_fields(), fields, "{patch}");
    }
    assert_eq!(ada.get("/api/users/me/settings").await.expect(200)["version"], 1);
}
