//! Kill -9 while many upload: what was acknowledged is there, what is ready can be read, and nothing else is left.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clowder_tests::{
    Answer, PATIENCE, Server, User, World, database::walk, on_both, recorded::png, until, wait::within,
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle};

/// What is begun lasts twelve hours longer than a resumable upload.
const CLOCK: &[(&str, &str)] = &[("DEBUG", "true"), ("TEST_CLOCK_FILE", "clock"), ("RESUMABLE_SECONDS", "600")];
/// Later than the lease of an upload, and than what is begun may last; and earlier than files go to which nothing is attached,
/// and than what was uploaded of a picture.
const LATER: &str = "46800";

on_both!(with [("DEBUG", "true"), ("TEST_CLOCK_FILE", "clock"), ("RESUMABLE_SECONDS", "600")]; killed);

/// An acknowledged file and its content.
type Uploaded = Vec<(Value, Vec<u8>)>;

/// Uploads one file after the other until the server is gone.
fn upload_without_end(who: User, acknowledged: Arc<AtomicUsize>) -> JoinHandle<Uploaded> {
    tokio::spawn(async move {
        let mut uploaded = Vec::new();
        for number in 0_u32.. {
            // Texts of all sizes, and a picture now and then, which is examined.
            let content = match number % 4 {
                3 => png(40 + number, 30, &who.name),
                _ => format!("{} {number} ", who.name).repeat(1 << (number * 7 % 15)).into_bytes(),
            };
            let head = b"--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
            let request = who.may_fail().request("POST", "/api/files/upload");
            let request = request.header("content-type", "multipart/form-data; boundary=bound");
            let body = [head.as_slice(), &content, b"\r\n--bound--\r\n"].concat();
            let Ok(answer) = Answer::try_to(request.body(body)).await else { break };
            assert!(matches!(answer.status, 201 | 202), "{}", answer.text);
            uploaded.push((answer.body, content));
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        uploaded
    })
}

/// An upload that has come halfway.
async fn halfway(world: &World, who: &User) -> TcpStream {
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    let head = format!(
        "POST /api/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=bound\r\nContent-Length: 5000000\r\n\r\n\
         --bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"half\"\r\n\r\n",
        who.token()
    );
    stream.write_all(&[head.as_bytes(), &vec![b'h'; 1 << 20]].concat()).await.unwrap();
    stream
}

async fn all(who: &User) -> Vec<Value> {
    let (mut all, mut path) = (Vec::new(), "/api/files?limit=200".to_owned());
    loop {
        let page = who.get(&path).await.expect(200);
        all.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/files?limit=200&cursor={cursor}"),
            None => return all,
        }
    }
}

fn count(folder: &Path) -> usize {
    walk(folder).len()
}

async fn killed(world: World) {
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(world.user(&format!("ada{number}")).await);
    }
    let begun = world.database.folder.path().join("media/.begun");
    let half = halfway(&world, &people[0]).await;
    until("half of it has arrived", async || count(&begun) > 0).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let uploads: Vec<_> = people.iter().map(|who| upload_without_end(who.clone(), Arc::clone(&acknowledged))).collect();
    let enough = async {
        while acknowledged.load(Ordering::Relaxed) < 60 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, enough).await.expect("uploading does not go on");

    let World { server, database, .. } = world;
    Server::kill(server).await;
    drop(half);
    assert!(count(&begun) > 0, "what had come halfway is still there");
    let mut uploaded = Vec::new();
    for upload in uploads {
        uploaded.push(upload.await.unwrap());
    }

    // As if the next process came half a day later.
    let world = if database.is_sqlite() {
        fs::write(database.folder.path().join("clock"), LATER).unwrap();
        World::with_wrong_clock(database, CLOCK).await
    } else {
        // A node whose clock is not that of PostgreSQL leaves what is done every few minutes to others. So everything becomes
        // older, and a command does that at once.
        for (table, column) in [("file_objects", "arriving_until"), ("jobs", "lease_until")] {
            database.psql(&format!("UPDATE {table} SET {column} = {column} - interval '{LATER} seconds'"));
        }
        let earlier = Duration::from_secs(LATER.parse().unwrap());
        for file in walk(&begun) {
            let file = fs::File::options().write(true).open(file).unwrap();
            file.set_modified(file.metadata().unwrap().modified().unwrap() - earlier).unwrap();
        }
        let world = World::with(database, &CLOCK[2..]).await;
        let said = world.command(&["files", "clean"], &CLOCK[2..]);
        assert!(said.well, "{}", said.text);
        world
    };
    let mut had = 0;
    for (person, uploaded) in people.iter().zip(uploaded) {
        let who = world.login(&person.name).await;
        let settled = async || {
            let files = all(&who).await;
            files.iter().all(|file| !matches!(file["status"].as_str(), Some("uploading" | "scanning")))
        };
        // Each picture is looked into by a process of its own, and other tests keep the processors busy.
        within(PATIENCE * 4, "whatever was going on has ended", settled).await;
        let files = all(&who).await;
        for (file, content) in uploaded {
            let now = files.iter().find(|now| now["id"] == file["id"]).unwrap_or_else(|| panic!("lost: {file}"));
            assert_eq!(now["status"], "ready", "{now}");
            if file["type"] == "text/plain" {
                let read = who.get(&super::path(now, "/content")).await;
                assert_eq!((read.status, read.text.as_bytes()), (200, content.as_slice()), "{now}");
            }
        }
        // Some were kept whose acknowledgement did not arrive. They are as good as the others.
        for file in &files {
            assert_eq!((&file["status"], file["size"].as_u64() > Some(0)), (&json!("ready"), true), "{file}");
            let read = Answer::to(who.request("HEAD", &super::path(file, "/content"))).await;
            assert_eq!((read.status, read.header("content-length")), (200, &*file["size"].to_string()), "{file}");
        }
        had += files.len();
    }
    // What was uploaded of a picture stays for a day beside the copy without metadata, which is elsewhere.
    let kept = world.database.folder.path().join("media/files");
    until("only what files have is in the store", async || count(&kept) == had && count(&begun) == 0).await;
}
