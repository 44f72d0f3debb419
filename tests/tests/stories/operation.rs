//! What whoever runs a server sees of it: measurements and log.

use std::fs;

use clowder_tests::{Client, Database, World};

#[tokio::test]
async fn measurements_can_be_moved_to_an_address_of_their_own() {
    let world = World::with(Database::sqlite(), &[("METRICS_BIND", "127.0.0.1:0")]).await;
    let log = world.server.log();
    let (_, rest) = log.split_once("; metrics: http://").expect("it says where");
    let (address, _) = rest.split_once("/metrics").unwrap();
    world.user("ada").await.get("/api/auth/me").await.expect(200);
    let measured = Client::new(address).request("GET", "/metrics").send().await.unwrap();
    assert_eq!(measured.status(), 200);
    assert!(measured.text().await.unwrap().contains("route=\"/api/auth/me\",method=\"GET\",status=\"200\""));
    world.nobody().get("/metrics").await.refused(404, "route.unknown");
    assert_eq!(Client::new(address).request("GET", "/api/auth/me").send().await.unwrap().status(), 404);
}

/// One file per hour or day, none lost at the end.
#[tokio::test]
async fn lines_go_into_a_file_and_are_all_there_at_the_end() {
    let logs = tempfile::tempdir().unwrap();
    let file = logs.path().join("below/clowder.log");
    let settings = [("CLOWDER__LOG__FILE", file.to_str().unwrap()), ("LOG_FORMAT", "json")];
    let world = World::with(Database::sqlite(), &settings).await;
    let id = world.nobody().get("/api/auth/me").await.refused(401, "token.missing")["request_id"].clone();
    let World { server, database, .. } = world;
    assert_eq!(server.stop().await.code(), Some(0));
    drop(database);
    let mut lines = Vec::new();
    for file in fs::read_dir(logs.path().join("below")).unwrap() {
        let file = file.unwrap();
        assert!(file.file_name().to_str().unwrap().starts_with("clowder.log."), "the day is in its name");
        lines.extend(fs::read_to_string(file.path()).unwrap().lines().map(str::to_owned));
    }
    let lines: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "answered" && line["span"]["id"] == id), "{lines:?}");
    assert!(lines.iter().any(|line| line["message"] == "stopped"), "{lines:?}");
}
