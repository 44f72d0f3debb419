//! Many clients that hardly read: what waits for them is bounded, and in memory once for all of them.

use std::time::Duration;

use clowder_tests::{Database, PATIENCE, User, World};
use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::connections::handshake;

/// So many people with so many sockets each, which is as many as one may have.
const PEOPLE: usize = 6;
const EACH: usize = 50;
/// How much memory one of them may cost while it does not read. Up to 1 MiB waits for it.
const FOR_ONE: usize = 128 * 1_024;
/// What the server keeps of what is said, however many hear it.
const FOR_ALL: usize = 16 * 1_024 * 1_024;

/// A socket that has been greeted, over a connection in which little waits that is not read.
async fn greeted(address: &str, user: &User) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_tcp_mss(600).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(socket.into()).unwrap();
    stream.write_all(handshake(user.token()).as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !received.windows(7).any(|part| part == b"\"hello\"") {
        let read = timeout(PATIENCE, stream.read_buf(&mut received)).await.expect("no greeting").unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&received));
    }
    stream
}

/// An octet now and then, until the connection ends.
async fn drip(mut stream: TcpStream) {
    while stream.read_u8().await.is_ok() {
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_many_slow_readers_is_in_memory_once() {
    let world = World::with(Database::sqlite(), &[]).await;
    let (speaker, mut people) = (world.user("speaker").await, Vec::new());
    for number in 0..PEOPLE {
        people.push(world.user(&format!("slow{number}")).await);
    }
    let chat = speaker.group("Slow", &people.iter().collect::<Vec<_>>()).await;
    let mut readers = JoinSet::new();
    for person in &people {
        for _ in 0..EACH {
            readers.spawn(drip(greeted(&world.server.address, person).await));
        }
    }
    let text = "猫".repeat(8_000);
    // Whatever is made when something is said for the first time.
    speaker.says(&chat, &text).await;
    let before = world.server.memory();
    let too_slow = async || {
        let metrics = world.nobody().get("/metrics").await.text;
        let count = metrics.lines().find_map(|line| line.strip_prefix("clowder_sockets_too_slow_total "));
        count.map_or(0, |count| count.parse::<usize>().unwrap())
    };
    let (mut most, mut said) = (before, 0);
    // Until there was no more room for any of them.
    while too_slow().await < PEOPLE * EACH {
        assert!(said < 3_000, "not all of them are closed");
        join_all((0..16).map(|_| speaker.says(&chat, &text))).await;
        said += 16;
        most = most.max(world.server.memory());
    }
    let grown = most - before;
    println!("{} slow readers of {said} messages: {} KiB more", PEOPLE * EACH, grown / 1_024);
    assert!(grown < PEOPLE * EACH * FOR_ONE + FOR_ALL, "{} KiB more", grown / 1_024);
}
