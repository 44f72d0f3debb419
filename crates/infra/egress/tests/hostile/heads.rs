//! Heads of answers that are too long, too slow, broken, or never come.

use std::time::{Duration, Instant};

use clowder_egress::{Call, Failure};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::server::{closed, egress, get, head, says, serve, short};

#[tokio::test]
async fn who_never_answers_is_left_and_disconnected() {
    let (told, mut gone) = mpsc::channel(1);
    let server = serve(move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            closed(stream).await;
            let _ = told.send(()).await;
        }
    })
    .await;
    let egress = egress();
    let began = Instant::now();
    assert_eq!(egress.call(Call::get(server.url("/"), short())).await.unwrap_err(), Failure::Time);
    assert!(began.elapsed() < Duration::from_secs(2));
    timeout(Duration::from_secs(2), gone.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn slow_heads_run_out_of_time() {
    let server = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(egress().call(Call::get(server.url("/"), short())).await.unwrap_err(), Failure::Time);
}

#[tokio::test]
async fn long_heads_are_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(100_000));
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    for answer in [many, long] {
        let server = says(answer).await;
        assert_eq!(egress().call(get(server.url("/"))).await.unwrap_err(), Failure::TooLarge);
    }
    let endless = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
        while stream.write_all(&[b'y'; 4096]).await.is_ok() {}
    })
    .await;
    assert_eq!(egress().call(get(endless.url("/"))).await.unwrap_err(), Failure::TooLarge);
}

#[tokio::test]
async fn interim_answers_without_end_run_out_of_time() {
    let server = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let failed = egress().call(Call::get(server.url("/"), short())).await.unwrap_err();
    assert!([Failure::Time, Failure::Protocol].contains(&failed), "{failed}");
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let table: &[&[u8]] = &[
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        b"\0\x01\x02\xff\xfe",
    ];
    for answer in table {
        let server = says(*answer).await;
        let failed = egress().call(Call::get(server.url("/"), short())).await.unwrap_err();
        assert_eq!(failed, Failure::Protocol, "{:?}", String::from_utf8_lossy(answer));
    }
}
