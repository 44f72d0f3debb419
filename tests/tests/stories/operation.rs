//! What operators see of a server: metrics and logs.

use std::{collections::BTreeSet, fs, io::pipe, process::Stdio};

use clowder_tests::{Client, Database, PATIENCE, Relay, World, answer, command::clowder, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

/// The count proves it.
#[tokio::test]
async fn checking_a_token_asks_no_database() {
    const TIMES: usize = 1_000;
    let world = World::new(Database::postgres()).await;
    let ada = world.user("ada").await;
    let key = json!({"name": "bot", "scopes": ["profile:read"]});
    let key = ada.post("/api/api-keys", key).await.expect(201)["key"].as_str().unwrap().to_owned();
    let asked = async || -> usize {
        let measured = world.nobody().get("/metrics").await.text;
        let counts = measured.lines().filter(|line| line.starts_with("clowder_pool_wait_seconds_count"));
        counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()).sum()
    };
    let access = ada.get("/api/auth/me").await.expect(200);
    assert_eq!(access["username"], "ada");
    let by_key = || world.nobody().request("GET", "/api/auth/me").header("X-API-Key", &key);
    assert_eq!(by_key().send().await.unwrap().status(), 200);
    let (before, begun) = (asked().await, std::time::Instant::now());
    for _ in 0..TIMES / 2 {
        assert_eq!(ada.get("/api/auth/me").await.status, 200);
        assert_eq!(by_key().send().await.unwrap().status(), 200);
    }
    // The rest comes from the background: jobs, and changes of other nodes.
    let calls = asked().await - before;
    let background = 150 + 30 * begun.elapsed().as_secs() as usize;
    assert!(calls < background.min(TIMES / 2), "{calls} calls of the database for {TIMES} tokens");
}

/// A log that nobody reads any more does not end the server.
#[tokio::test]
async fn whoever_reads_the_log_may_go_away() {
    let database = Database::sqlite();
    let [(_, output), (_, errors)] = [pipe().unwrap(), pipe().unwrap()];
    let command = clowder(&database, &["serve"], &[("LOG", "debug")]);
    let mut command = tokio::process::Command::from(command);
    let mut server = command.stdout(output).stderr(errors).kill_on_drop(true).spawn().unwrap();
    let address = answer("it serves", async || {
        let names = fs::read_dir(database.folder.path()).unwrap().flatten();
        let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find_map(|name| name.strip_prefix("serving-").map(str::to_owned))
    })
    .await;
    let nobody = Client::new(&address);
    for _ in 0..50 {
        nobody.get("/api/health/live").await.expect(200);
    }
    assert!(server.try_wait().unwrap().is_none(), "it has ended");
}

/// A bug is an error, an outage is a warning, and callers' mistakes are neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_whose_fault_it_was() {
    let mut database = Database::postgres();
    let (relay, direct) = (Relay::to(&database.url).await, database.url.clone());
    database.url = relay.through(&database.url);
    let settings = [
        ("LOG", "debug"),
        ("LOG_FORMAT", "json"),
        ("DATABASE_STATEMENT_SECONDS", "1"),
        ("DATABASE_WAIT_SECONDS", "1"),
        ("DATABASE_CONNECT_SECONDS", "1"),
        ("JOB_CONCURRENCY", "0"),
    ];
    let world = World::with(database, &settings).await;
    let ada = world.user("ada").await;
    let lines =
        || -> Vec<Value> { world.server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect() };
    // The levels of the log lines about a finished call.
    let levels = async |problem: &Value| -> BTreeSet<String> {
        let of = |line: &&Value| line["span"]["id"] == problem["request_id"];
        until("the call is logged", async || lines().iter().filter(of).any(|line| line["message"] == "answered")).await;
        lines().iter().filter(of).map(|line| line["level"].as_str().unwrap().to_owned()).collect()
    };
    let has = |levels: &BTreeSet<String>| ["ERROR", "WARN"].map(|level| levels.contains(level));

    let theirs = ada.post("/api/chats", json!({"type": 7})).await.expect(422);
    assert_eq!(has(&levels(&theirs).await), [false, false]);
    clowder_tests::database::psql(&direct, "ALTER TABLE preferences RENAME TO lost");
    let ours = ada.may_fail().get("/api/users/me/settings").await.refused(500, "internal");
    assert_eq!(has(&levels(&ours).await), [true, false]);
    clowder_tests::database::psql(&direct, "ALTER TABLE lost RENAME TO preferences");

    let errors = || lines().iter().filter(|line| line["level"] == "ERROR").count();
    let before = errors();
    relay.silence();
    let away = ada.may_fail().get("/api/users/me/settings").await.refused(503, "unavailable");
    assert_eq!(has(&levels(&away).await), [false, true]);
    assert_eq!(errors(), before, "a database that is away is nobody's fault here: {}", world.server.log());
}

/// The two lines printed at the start, pasted into a shell.
#[tokio::test]
async fn the_lines_of_the_start_work_as_pasted() {
    let world = World::new(Database::sqlite()).await;
    let log = world.server.log();
    let pasted: Vec<_> = log.lines().filter(|line| line.starts_with("NAME=") || line.starts_with("curl ")).collect();
    assert_eq!(pasted.len(), 2, "{log}");
    let mut shell = tokio::process::Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(format!("{}\n", pasted.join("\n")).as_bytes()).await.unwrap();
    let (mut said, mut octets) = (shell.stdout.take().unwrap(), Vec::new());
    let greeted = async {
        while !String::from_utf8_lossy(&octets).contains(r#""type":"hello""#) {
            assert_ne!(said.read_buf(&mut octets).await.unwrap(), 0, "it ended: {}", octets.escape_ascii());
        }
    };
    tokio::time::timeout(PATIENCE, greeted).await.expect("nobody was greeted");
}
