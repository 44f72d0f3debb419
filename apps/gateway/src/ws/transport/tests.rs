//! Over real connections, with the buffers of the system.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
};

use super::*;

/// A text with a mask that changes nothing.
fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

/// A transport, and its client with so small a buffer for what it receives.
async fn connected(receives: u32) -> (Transport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(receives).unwrap();
    let (client, accepted) = tokio::join!(client.connect(listener.local_addr().unwrap()), listener.accept());
    let (server, _) = accepted.unwrap();
    socket2::SockRef::from(&server).set_send_buffer_size(4_096).unwrap();
    (Transport::new(server, &text("first"), Reader::default()), client.unwrap())
}

/// The payload of the next frame, after its first octet.
async fn frame(client: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = client.read_u8().await.unwrap();
    let length = match client.read_u8().await.unwrap() {
        126 => client.read_u16().await.unwrap().into(),
        127 => client.read_u64().await.unwrap() as usize,
        length => length.into(),
    };
    let mut payload = vec![0; length];
    client.read_exact(&mut payload).await.unwrap();
    (first, payload)
}

#[tokio::test]
async fn a_narrow_client_gets_every_octet_in_order() {
    let (mut transport, mut client) = connected(16_384).await;
    let texts: Vec<_> = (0..40).map(|number| format!("{number} {}", "x".repeat(number * 1_800))).collect();
    for text in &texts {
        transport.say(text.clone().into());
    }
    assert!(transport.is_full());
    // A flush that is given up is taken up again by the next.
    for _ in 0..3 {
        let in_vain = timeout(Duration::from_millis(1), transport.flush()).await;
        assert!(in_vain.is_err() && !transport.is_flushed(), "the system has room for all of it");
    }
    let read = async {
        for text in &texts {
            let (first, payload) = frame(&mut client).await;
            assert!(first == 0x81 && payload == text.as_bytes(), "{} octets", payload.len());
        }
    };
    let (flushed, ()) = tokio::join!(transport.flush(), read);
    flushed.unwrap();
    assert!(transport.is_flushed());
}

#[tokio::test]
async fn a_message_may_come_octet_by_octet() {
    let (mut transport, mut client) = connected(65_536).await;
    client.set_nodelay(true).unwrap();
    assert_eq!(transport.next().await, Ok(Message::Text("first".into())), "it came with the handshake");
    for octet in text("second") {
        // Waiting that is given up loses nothing.
        assert!(timeout(Duration::from_micros(100), transport.next()).await.is_err());
        client.write_all(&[octet]).await.unwrap();
    }
    assert_eq!(transport.next().await, Ok(Message::Text("second".into())));
    client.write_all(&text("last")).await.unwrap();
    drop(client);
    assert_eq!(transport.next().await, Ok(Message::Text("last".into())));
    assert_eq!(transport.next().await, Err(Close::Goodbye));
}

#[tokio::test]
async fn who_still_sends_learns_why_it_ends() {
    for (sends, says_goodbye) in [(text("more").repeat(100_000), false), (vec![0x88, 0x80, 0, 0, 0, 0], true)] {
        let (transport, mut client) = connected(65_536).await;
        let client = async move {
            let (mut reads, mut writes) = client.split();
            // The server may end the connection before it has read everything.
            let _ = writes.write_all(&sends).await;
            let mut received = Vec::new();
            reads.read_to_end(&mut received).await.unwrap();
            received
        };
        let begun = std::time::Instant::now();
        let (received, ()) = tokio::join!(client, transport.close(Close::TooBig));
        let says = Close::TooBig.says();
        assert_eq!(received, [&[0x88, 2 + says.len() as u8, 0x03, 0xf1], says.as_bytes()].concat());
        assert!(!says_goodbye || begun.elapsed() < LINGER, "nothing else is waited for");
    }
}

#[tokio::test]
async fn who_reads_slowly_and_answers_pings_learns_why_it_ends() {
    let (mut transport, mut client) = connected(4_096).await;
    let long = "x".repeat(5_000);
    transport.say(long.clone().into());
    timeout(LINGER, transport.flush()).await.expect("the system takes it, although nobody reads").unwrap();
    let client = async move {
        // Longer than the server waits for a goodbye, and for the end.
        tokio::time::sleep(5 * LINGER / 2).await;
        client.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
        // Everything that was sent is acknowledged, and the end of it is still on the other side.
        tokio::time::sleep(LINGER / 10).await;
        assert_eq!(frame(&mut client).await, (0x81, long.into_bytes()));
        frame(&mut client).await
    };
    let (received, ()) = tokio::join!(client, transport.close(Close::TooSlow));
    assert_eq!(received, (0x88, [&4009_u16.to_be_bytes(), Close::TooSlow.says().as_bytes()].concat()));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_go_on_ends_the_socket() {
    let (mut transport, mut client) = connected(65_536).await;
    assert!(transport.next().await.is_ok());
    // A fragment that never ends, with a control frame every second.
    client.write_all(&[0x01, 0x81, 0, 0, 0, 0, b'a']).await.unwrap();
    let begun = tokio::time::Instant::now();
    let pings = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = client.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await;
        }
    };
    let ends = async {
        loop {
            if let Err(close) = transport.next().await {
                return close;
            }
        }
    };
    tokio::select! {
        () = pings => {}
        close = ends => assert_eq!(close, Close::Stalled),
    }
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}
