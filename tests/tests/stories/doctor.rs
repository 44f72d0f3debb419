//! `clowder doctor` finds what would keep a server from running, recognises its own running server, and changes
//! nothing.

use std::{fs, net::TcpListener, process::Command};

use clowder_tests::{
    Database, World,
    command::{Said, clowder, run},
    on_both, setting, until,
};

on_both!(a_server_at_work, what_is_wrong);

/// Status and detail of one finding.
fn finding(said: &Said, name: &str) -> (String, String) {
    let report = said.json();
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["name"] == name).cloned();
    let found = found.unwrap_or_else(|| panic!("{name} in {report:#}"));
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    (text("status"), text("detail"))
}

async fn a_server_at_work(world: World) {
    let address = world.server.address.clone();
    let here = [("BIND", address.as_str())];
    let said = world.command(&["doctor"], &here);
    assert_eq!(said.code, Some(0), "{}", said.text);
    assert!(said.out.contains(&format!("ok   port: {address} is in use by this server itself")), "{}", said.out);
    let said = world.command(&["doctor", "--json"], &here);
    assert!(said.well, "{}", said.text);
    assert!(said.json()["status"] != "failed", "{}", said.out);
    for name in [
        "settings",
        "data folder",
        "permissions",
        "mail",
        "file sandbox",
        "schema",
        "database",
        "clock",
        "encryption keys",
    ] {
        let (status, detail) = finding(&said, name);
        assert_eq!(status, "ok", "{name}: {detail}");
    }
    let nobody = world.nobody();
    until("the server has tried its sandbox", async || {
        nobody.get("/metrics").await.text.lines().any(|line| line == "clowder_inspection_contained 1")
    })
    .await;
    let World { server, database, .. } = world;
    assert!(server.stop().await.success());
    let said = run(clowder(&database, &["doctor", "--json"], &here), b"");
    assert_eq!(finding(&said, "port"), ("ok".to_owned(), format!("{address} is free")));
}

async fn what_is_wrong(world: World) {
    let doctor = |settings: &[(&str, &str)]| {
        let said = world.command(&["doctor", "--json"], settings);
        assert_eq!(said.code, Some(1), "{}", said.text);
        assert_eq!(said.json()["status"], "failed", "{}", said.out);
        said
    };
    let failed = |settings: &[(&str, &str)], name: &str, says: &str| {
        let (status, detail) = finding(&doctor(settings), name);
        assert!(status == "failed" && detail.contains(says), "{name}: {detail}");
    };
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    failed(&[("BIND", &taken)], "port", "is in use by another program");
    failed(&[("SMTP_URL", "smtp://127.0.0.1:1")], "mail", "mail server 127.0.0.1:1");
    failed(&[("SMTP_URL", "smtp://127.0.0.1:1")], "mail", "check SMTP_URL");
    let unreachable = doctor(&[("DATABASE_URL", "postgres://ada:s3cret@127.0.0.1:1/clowder")]);
    let (status, detail) = finding(&unreachable, "database");
    assert!(status == "failed" && detail.starts_with("127.0.0.1:1/clowder: cannot connect: "), "{detail}");
    assert!(detail.ends_with("that it accepts connections from this machine"), "{detail}");
    assert!(!unreachable.text.contains("s3cret") && !unreachable.out.contains("\"schema\""), "{}", unreachable.out);
    failed(&[("BIND", "203.0.113.1:80")], "port", "203.0.113.1:80");
    failed(&[("BCRYPT_COST", "3")], "settings", "BCRYPT_COST: `3` must be");
    failed(&[("MEDIA_ROOT", "/proc/media")], "media folder", "/proc");
    if world.database.url.starts_with("postgres") {
        let (server, _) = world.database.url.rsplit_once('/').unwrap();
        failed(&[("DATABASE_URL", &format!("{server}/nowhere"))], "database", "nowhere");
        world.database.psql("DELETE FROM __diesel_schema_migrations WHERE version IN (SELECT max(version) FROM __diesel_schema_migrations)");
        failed(&[], "schema", "run `clowder migrate`");
    } else {
        failed(&[("SECRET_KEY", "")], "secret", "secret.key is missing");
    }
}

#[test]
fn looking_changes_nothing() {
    let database = Database::sqlite();
    let folder = database.folder.path();
    let said = run(clowder(&database, &["doctor", "--json"], &[("DATA_DIR", "data"), ("SECRET_KEY", "")]), b"");
    assert_eq!(said.code, Some(1), "{}", said.text);
    let (status, detail) = finding(&said, "database");
    assert!(status == "failed" && detail.contains("clowder.db is missing"), "{}", said.out);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "something was created");
    // A database of an earlier version is not migrated.
    fs::write(folder.join("clowder.db"), "").unwrap();
    let said = run(clowder(&database, &["doctor", "--json"], &[]), b"");
    assert!(finding(&said, "schema").1.contains("migrations will run at the next start"), "{}", said.out);
    assert!(run(clowder(&database, &["migrate"], &[]), b"").well);
    let said = run(clowder(&database, &["doctor", "--json"], &[]), b"");
    assert!(said.well && finding(&said, "schema").1 == "is up to date", "{}", said.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_does_not_answer_is_told() {
    let world = World::new(Database::postgres()).await;
    let redis = setting("TEST_REDIS_URL").expect("TEST_REDIS_URL");
    for (url, status, says) in
        [(redis.as_str(), "ok", "answers"), ("redis://127.0.0.1:1", "warning", "cannot be reached"), ("", "", "")]
    {
        let said = world.command(&["doctor", "--json"], &[("REDIS_URL", url), ("PORT", "0")]);
        assert_eq!(said.code, Some(0), "a node works without Redis: {}", said.text);
        if status.is_empty() {
            assert!(!said.out.contains("Redis"), "{}", said.out);
        } else {
            let (found, detail) = finding(&said, "Redis");
            assert_eq!(found, status, "{detail}");
            assert!(detail.contains(says), "{detail}");
        }
    }
}

/// The process that looks at files starts the program as it would for a video.
#[test]
fn an_ffmpeg_that_cannot_run_is_told() {
    let database = Database::sqlite();
    let said = run(clowder(&database, &["doctor", "--json"], &[("FFMPEG", "/nowhere/ffmpeg")]), b"");
    let (status, detail) = finding(&said, "file sandbox");
    assert!(status == "warning" && detail.ends_with("it cannot start ffmpeg"), "{detail}");
}

/// Each connection is an open file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_low_limit_of_open_files_is_told() {
    let world = World::new(Database::sqlite()).await;
    let plain = clowder(&world.database, &["doctor", "--json"], &[("PORT", "0")]);
    for (limit, status) in [("1024", "warning"), ("20000", "ok")] {
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -n {limit} && exec \"$@\""), "sh"]).arg(plain.get_program());
        limited.args(plain.get_args()).current_dir(world.database.folder.path()).env_clear();
        limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = run(limited, b"");
        let (found, detail) = finding(&said, "open files");
        assert_eq!(found, status, "{detail}");
        assert!(detail.contains("room for"), "{detail}");
    }
}
