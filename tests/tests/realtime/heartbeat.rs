//! A client that receives nothing cannot tell a quiet connection from a dead one, so the server sends heartbeats.

use std::time::Duration;

use clowder_tests::{World, on_both};
use serde_json::json;

on_both!(shared with [("HEARTBEAT_SECONDS", "1")]; a_quiet_socket_hears_heartbeats, a_busy_one_hears_none);

async fn a_quiet_socket_hears_heartbeats(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.knock(None).await;
    let hello = socket.hello().await;
    assert_eq!(hello["heartbeat_ms"], 1000);
    let mut pings = 0;
    for _ in 0..3 {
        let frame = socket.after_registering().await;
        assert_eq!((&frame["type"], &frame["data"]), (&json!("heartbeat"), &json!({})), "{frame}");
        assert!(frame["at"].is_string() && frame["cursor"].is_null(), "it is no place to resume from: {frame}");
        pings = socket.pings();
    }
    assert!(pings >= 2, "programs are pinged, too: {pings}");
}

/// Events and answers count as signs of life, too.
async fn a_busy_one_hears_none(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..12 {
        tick.tick().await;
        socket.say(json!({"id": "p", "type": "ping", "data": {}})).await;
        let frame = socket.after_registering().await;
        assert_eq!(frame["type"], "ack", "{frame}");
    }
}
