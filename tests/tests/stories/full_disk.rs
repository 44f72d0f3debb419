//! A full disk: nothing acknowledged is lost, the error says what is wrong, and the server recovers by itself.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clowder_tests::{Answer, Client, Database, Server, SmallPostgres, World, answer, client::form, database::psql};
use serde_json::{Value, json};

/// Fills the disk; frees the space when it is dropped.
struct Filler(PathBuf);

impl Filler {
    fn new(folder: &Path) -> Self {
        let path = folder.join("filler");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for piece in [vec![0; 64 * 1024], vec![0; 1024], vec![0; 1]] {
            let full = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Registers somebody; calls in their name.
async fn user(server: &Server, name: &str) -> Client {
    let new = json!({"username": name, "email": format!("{name}@example.org"), "password": "correct horse battery"});
    let nobody = Client::new(&server.address);
    let answer = nobody.may_fail().post("/api/auth/register", new).await.expect(201);
    nobody.with(answer["access"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_has_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = Database::sqlite();
    database.url = format!("sqlite:{}", folder.path().join("clowder.db").display());
    // The log fills the same disk.
    let log = folder.path().join("clowder.log");
    let settings = [("CLOWDER__LOG__FILE", log.to_str().unwrap())];
    let server = Server::start_on_small_disk(&database, &settings, folder.path()).await;
    let (ada, bob) = (user(&server, "ada").await, user(&server, "bob").await);
    let bob = bob.may_fail().get("/api/auth/me").await.expect(200)["id"].clone();
    let new = json!({"type": "private", "participant_ids": [bob]});
    let chat = ada.may_fail().post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/chats/{chat}/messages");
    let send =
        async |i: usize| ada.may_fail().post(&path, json!({"content": format!("{i} {}", "x".repeat(2000))})).await;
    let mut acknowledged = Vec::<Value>::new();
    for i in 0..20 {
        acknowledged.push(send(i).await.expect(201));
    }

    let filler = Filler::new(&server.inside(folder.path()));
    let mut refused = Vec::<Answer>::new();
    for i in 20..200 {
        match send(i).await {
            answer if answer.status == 201 => acknowledged.push(answer.body),
            answer => refused.push(answer),
        }
        if refused.len() == 10 {
            break;
        }
    }
    assert_eq!(refused.len(), 10, "there is room for {}", acknowledged.len());
    for answer in refused {
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
        answer.refused(507, "storage.full");
    }
    let nobody = Client::new(&server.address);
    let ready = answer("not ready", async || {
        Some(nobody.may_fail().get("/api/health/ready").await).filter(|ready| ready.status == 503)
    })
    .await;
    assert!(ready.text.contains("the disk is full"), "{}", ready.text);
    assert_eq!(nobody.may_fail().get("/api/health/live").await.status, 200);
    ada.may_fail().get("/api/chats").await.expect(200);

    drop(filler);
    let next = answer("writes do not go on", async || Some(send(999).await).filter(|sent| sent.status == 201)).await;
    acknowledged.push(next.body);
    answer("not ready again", async || {
        Some(nobody.may_fail().get("/api/health/ready").await).filter(|r| r.status == 200)
    })
    .await;
    let mut there = Vec::<Value>::new();
    loop {
        let after = there.last().map_or(0, |message| message["seq"].as_i64().unwrap());
        let page = ada.may_fail().get(&format!("{path}?after={after}&limit=200")).await.expect(200);
        match page["items"].as_array().unwrap().as_slice() {
            [] => break,
            items => there.extend_from_slice(items),
        }
    }
    for (i, message) in there.iter().enumerate() {
        assert_eq!(message["seq"], i as i64 + 1, "no gaps");
    }
    for ack in &acknowledged {
        assert!(there.iter().any(|message| message["id"] == ack["id"]), "lost: {ack}");
    }
    assert_eq!(server.stop().await.code(), Some(0));
}

/// In PostgreSQL, transactions that need no space still succeed, and say nothing about others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_has_no_room() {
    let postgres = SmallPostgres::start();
    let world = World::new(Database::at(postgres.url.clone())).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let path = format!("/api/chats/{chat}/messages");
    let send =
        async |i: usize| ada.may_fail().post(&path, json!({"content": format!("{i} {}", "x".repeat(2000))})).await;
    let ready = async || world.nobody().may_fail().get("/api/health/ready").await;
    let mut acknowledged = vec![send(0).await.expect(201)];
    ready().await.expect(200);

    // What follows fits into one segment of the write-ahead log: PostgreSQL stops if it cannot begin another one. The
    // checkpoint is the first to write into the new one.
    psql(&postgres.url, "SELECT pg_switch_wal()");
    psql(&postgres.url, "CHECKPOINT");
    let filler = Filler::new(&postgres.disk());
    let mut sent = 0;
    answer("there is room", async || {
        sent += 1;
        let answer = send(sent).await;
        if answer.status == 201 {
            acknowledged.push(answer.body);
            return None;
        }
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
        answer.refused(507, "storage.full");
        Some(())
    })
    .await;
    answer("ready", async || Some(ready().await).filter(|ready| ready.status == 503)).await;
    // As long as there is no space, whether or not other writes still succeed.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        let edited = ada.may_fail().patch("/api/auth/me", json!({"bio": format!("{:?}", since.elapsed())})).await;
        assert!(matches!(edited.status, 200 | 507), "{}", edited.text);
        let ready = ready().await;
        assert!(ready.text.contains("the disk is full"), "{}", ready.text);
        ready.refused(503, "not_ready");
    }
    ada.may_fail().get("/api/chats").await.expect(200);

    drop(filler);
    let next = answer("writes do not go on", async || Some(send(999).await).filter(|sent| sent.status == 201)).await;
    acknowledged.push(next.body);
    answer("not ready again", async || Some(ready().await).filter(|ready| ready.status == 200)).await;
    let there = ada.messages(&chat).await;
    for ack in &acknowledged {
        assert!(there.iter().any(|message| message["id"] == ack["id"]), "lost: {ack}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_folder_has_no_room() {
    let database = Database::sqlite();
    let folder = database.folder.path().join("mail");
    fs::create_dir(&folder).unwrap();
    let server = Server::start_on_small_disk(&database, &[], &folder).await;
    let inside = server.inside(&folder);
    let filler = Filler::new(&inside);
    user(&server, "ada").await;
    let nobody = Client::new(&server.address);
    let failed = r#"clowder_jobs_total{kind="mail.send",queue="mail",outcome="again"}"#;
    answer("the mail is not tried", async || {
        nobody.may_fail().get("/metrics").await.text.contains(failed).then_some(())
    })
    .await;
    let names = || fs::read_dir(&inside).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names().collect::<Vec<_>>(), ["filler"], "nothing half-written stays");
    drop(filler);
    answer("the mail is lost", async || names().find(|name| name.ends_with(".eml"))).await;
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_of_files_has_no_room() {
    let database = Database::sqlite();
    let folder = database.folder.path().join("media");
    fs::create_dir(&folder).unwrap();
    let server = Server::start_on_small_disk(&database, &[], &folder).await;
    let (ada, nobody) = (user(&server, "ada").await, Client::new(&server.address).may_fail());
    let upload = async |content: &str| {
        let request = ada.may_fail().request("POST", "/api/files/upload");
        Answer::to(form(request, &json!({"file": content}))).await
    };
    let files = async |path: &str| {
        let checks = nobody.get(path).await.expect(200)["checks"].clone();
        checks.as_array().unwrap().iter().find(|check| check["name"] == "files").unwrap()["detail"].clone()
    };
    let kept = upload("kept").await.expect(201);

    let filler = Filler::new(&server.inside(&folder));
    let full = upload(&"x".repeat(100_000)).await;
    assert!(full.header("retry-after").parse::<u32>().is_ok());
    full.refused(507, "storage.full");
    // All else still works, so the node stays ready.
    answer("nobody is told", async || (files("/api/health/ready").await == "folder: the disk is full").then_some(()))
        .await;
    let path = format!("/api/files/{}/content", kept["id"].as_str().unwrap());
    assert_eq!(ada.may_fail().get(&path).await.text, "kept");
    assert_eq!(
        ada.may_fail().get("/api/files").await.expect(200)["items"],
        json!([kept]),
        "nothing half-written stays"
    );

    drop(filler);
    upload(&"x".repeat(100_000)).await.expect(201);
    answer("still full", async || (files("/api/health").await == "folder: can be read and written").then_some(()))
        .await;
    assert_eq!(server.stop().await.code(), Some(0));
}
