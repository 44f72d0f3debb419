//! However many files arrive at once, little of each is in memory.

use std::{fs, sync::Arc};

use clowder_tests::{Database, User, World, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Barrier,
};

const MIB: usize = 1 << 20;
const SIZE: usize = 4 * MIB;
const FEW: usize = 10;
const MANY: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_keeps_little() {
    let world = World::with(Database::sqlite(), &[("UPLOADS_AT_ONCE", "100")]).await;
    let ada = world.user("ada").await;
    // Code, threads and connections that stay.
    at_once(&world, &ada, FEW).await;
    let few = world.server.peak_memory();
    at_once(&world, &ada, MANY).await;
    let many = world.server.peak_memory();
    let each = (many - few) / (MANY - FEW);
    println!("{} MiB with {FEW}, {} MiB with {MANY}: {} KiB each", few >> 20, many >> 20, each >> 10);
    // With the threads that hash and write meanwhile, and what these keep for themselves.
    assert!(each <= MIB + MIB / 2, "{} KiB for each upload", each >> 10);
}

/// Uploads so many files, each of which has come halfway before any of them goes on.
async fn at_once(world: &World, who: &User, count: usize) {
    let halfway = Arc::new(Barrier::new(count + 1));
    let uploads: Vec<_> = (0..count)
        .map(|number| {
            let (who, address, halfway) = (who.clone(), world.server.address.clone(), Arc::clone(&halfway));
            tokio::spawn(async move { upload(&who, &address, number, &halfway).await })
        })
        .collect();
    let begun = world.database.folder.path().join("media/.begun");
    let arrived = || {
        let sizes = fs::read_dir(&begun).unwrap().map(|file| file.unwrap().metadata().map_or(0, |file| file.len()));
        sizes.filter(|size| *size as usize + MIB >= SIZE / 2).count()
    };
    until("all of them have come halfway", async || arrived() == count).await;
    halfway.wait().await;
    for upload in uploads {
        upload.await.unwrap();
    }
}

async fn upload(who: &User, address: &str, number: usize, halfway: &Barrier) {
    let head = "--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let end = "\r\n--bound--\r\n";
    let length = head.len() + SIZE + end.len();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /api/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=bound\r\nContent-Length: {length}\r\n\r\n{head}",
        who.token()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // No two files have the same content, and none has a type that is looked into.
    let piece: Vec<u8> = (0..MIB / 16).map(|at| ((at * 31 + number * 7) % 251) as u8).collect();
    for half in 0..2 {
        for _ in 0..SIZE / 2 / piece.len() {
            stream.write_all(&piece).await.unwrap();
        }
        if half == 0 {
            halfway.wait().await;
        }
    }
    stream.write_all(end.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}
