//! Uploads that are made to do harm: each gets its refusal, or becomes a file that harms nobody, and leaves nothing else.

use std::time::Duration;

use clowder_tests::{
    Database, PATIENCE, User, World, on_both,
    recorded::{chunk, png},
    until,
};
use serde_json::json;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{examined, path, send};

on_both!(shared; names, lengths_that_lie, forms_within_forms, two_things_at_once, pictures);
// It looks for panics in the log.
on_both!(broken_off_anywhere);

async fn names(world: World) {
    let ada = world.user("ada").await;
    let (long, longer) = (format!("{}.jpeg", "x".repeat(995)), "ä".repeat(1_000));
    let (short, shorter) = (format!("{}.jpeg", "x".repeat(235)), "ä".repeat(240));
    for (given, expected) in [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\Windows\\\\evil.txt", "evil.txt"),
        ("a/b\\\\c.txt", "c.txt"),
        ("..", "file"),
        ("", "file"),
        ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
        ("a\u{200b}b.txt", "ab.txt"),
        ("CON", "_CON"),
        ("aux.txt", "_aux.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("\\\"quoted\\\".txt", "_quoted_.txt"),
        (long.as_str(), short.as_str()),
        (longer.as_str(), shorter.as_str()),
    ] {
        let content = format!("the content of {given}");
        let file = send(&ada, "", &format!("; filename=\"{given}\""), content.as_bytes()).await.expect(201);
        assert_eq!(file["name"], *expected, "{given}");
        let shown = ada.get(&path(&file, "/content")).await;
        assert_eq!((shown.status, &shown.text), (200, &content));
        let disposition = shown.header("content-disposition");
        assert!(disposition.starts_with("inline; filename=\"") && disposition.is_ascii(), "{disposition}");
    }
    // As RFC 8187 encodes it, anything can be in a name.
    for (given, expected) in [
        ("utf-8''a%00b.txt", "ab.txt"),
        ("utf-8''a%0D%0AX-Evil%3A%201.txt", "aX-Evil_ 1.txt"),
        ("utf-8''..%2F..%2Fpasswd", "passwd"),
        ("utf-8''%E2%80%AEgpj.exe", "gpj.exe"),
        ("utf-8''lpt1", "_lpt1"),
    ] {
        let file = send(&ada, "", &format!("; filename*={given}"), given.as_bytes()).await.expect(201);
        assert_eq!(file["name"], expected, "{given}");
        assert_eq!(ada.get(&path(&file, "/content")).await.header("x-evil"), "");
    }
    let before = ada.get("/api/files/quota").await.expect(200)["count"].clone();
    for octet in ['\0', '\u{1}', '\u{7f}'] {
        let part = format!("; filename=\"a{octet}b.txt\"");
        send(&ada, "", &part, b"what a header cannot have").await.refused(400, "body.unparsable");
    }
    assert_eq!(ada.get("/api/files/quota").await.expect(200)["count"], before);
}

async fn forms_within_forms(world: World) {
    let ada = world.user("ada").await;
    let inner = b"--inner\r\nContent-Disposition: file; filename=\"a.txt\"\r\n\r\ninside\r\n--inner--\r\n";
    for kind in ["multipart/mixed; boundary=inner", "multipart/form-data; boundary=inner", "multipart/mixed"] {
        let part = format!("; filename=\"a\"\r\nContent-Type: {kind}");
        send(&ada, "", &part, inner).await.refused(400, "body.unparsable");
    }
    // Without that type, it is a text like any other.
    let file = send(&ada, "", "; filename=\"a\"", inner).await.expect(201);
    assert_eq!(file["type"], "text/plain");
    assert_eq!(ada.get(&path(&file, "/content")).await.text.as_bytes(), inner);
    assert_eq!(ada.get("/api/files/quota").await.expect(200)["count"], 1);
}

/// A ZIP archive of one empty file.
fn zip() -> Vec<u8> {
    let local = [b"PK\x03\x04\x14\0".as_slice(), &[0; 20], &[1, 0, 0, 0], b"a"].concat();
    let central = [b"PK\x01\x02\x14\0\x14\0".as_slice(), &[0; 20], &[1, 0], &[0; 16], b"a"].concat();
    let sizes = [central.len(), local.len()].map(|size| u32::try_from(size).unwrap().to_le_bytes());
    [local.as_slice(), &central, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &sizes.concat(), &[0, 0]].concat()
}

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

async fn two_things_at_once(world: World) {
    let ada = world.user("ada").await;
    for (name, content) in [
        ("a.gif", b"GIF89a/*\x01\0\0\0*/=1;alert(1)//;".to_vec()),
        ("a.pdf", [b"%PDF-1.4\n%\xE2\xE3\0\n".as_slice(), &zip()].concat()),
        ("a.png", [png(3, 2, "").as_slice(), &zip()].concat()),
        ("a.jpg", [JPEG, b"<script>alert(1)</script>"].concat()),
        ("a.jpg", [JPEG, b"%PDF-1.4"].concat()),
    ] {
        for purpose in ["", "?purpose=avatar"] {
            send(&ada, purpose, &format!("; filename=\"{name}\""), &content).await.refused(415, "file.type");
        }
    }
    // Each alone is fine.
    let archive = send(&ada, "", "; filename=\"a.pdf\"", &zip()).await.expect(201);
    assert_eq!(archive["type"], "application/zip");
    assert_eq!(ada.get("/api/files/quota").await.expect(200)["count"], 1);
}

/// A PNG whose header says that it is this large, with next to nothing in it.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", b"\x78\x01\x03\0\0\0\0\x01"), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

async fn pictures(world: World) {
    let ada = world.user("ada").await;
    let good = png(30, 20, "");
    // Its chunk is 4 GiB long.
    let endless = [&good[..33], &[0xFF; 4], b"tEXt", &good[41..]].concat();
    // 10,000 × 10,000 pixels.
    let frame = b"\xFF\xC0\0\x11\x08\x27\x10\x27\x10\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xFF\xD9";
    for (name, content) in [
        ("large.png", claiming(10_000, 10_000)),
        ("larger.png", claiming(u32::MAX, u32::MAX)),
        ("large.jpg", [JPEG, frame].concat()),
        ("none.png", claiming(0, 0)),
        ("endless.png", endless),
        ("cut.png", good[..good.len() / 2].to_vec()),
        ("header.png", good[..33].to_vec()),
    ] {
        let file = examined(&ada, "?purpose=avatar", &format!("; filename=\"{name}\""), &content).await;
        assert_eq!(file["status"], "failed", "{name}");
        ada.get(&path(&file, "/content")).await.refused(409, "file.failed");
        ada.get(&path(&file, "/thumbnail")).await.refused(409, "file.failed");
        let told = ada.patch("/api/users/me", json!({"avatar": file["id"]})).await;
        assert_eq!(told.wrong_fields(), ["/avatar"], "{name}");
    }
    // Those who look into files still do.
    let file = examined(&ada, "?purpose=avatar", "; filename=\"good.png\"", &good).await;
    assert_eq!((&file["status"], &file["width"]), (&json!("ready"), &json!(30)));
}

/// Announces so many octets, and sends these. The connection is still open.
async fn begin(world: &World, who: &User, announced: &str, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    let head = format!(
        "POST /api/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=bound\r\nContent-Length: {announced}\r\n\r\n",
        who.token()
    );
    // Who is refused may be cut off while they are still sending.
    let _ = stream.write_all(&[head.as_bytes(), sent].concat()).await;
    stream
}

/// Sends no more, and reads what the server says.
async fn end(mut stream: TcpStream) -> String {
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server waits for more");
    String::from_utf8_lossy(&answer).into_owned()
}

const HEAD: &[u8] = b"--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
const END: &[u8] = b"\r\n--bound--\r\n";

async fn lengths_that_lie(world: World) {
    let ada = world.user("ada").await;
    let form = [HEAD, b"a few words", END].concat();
    let length = form.len();
    for (announced, status, code) in [
        ("0".to_owned(), 400, "body.incomplete"),
        ("1".to_owned(), 400, "body.incomplete"),
        ((length - END.len()).to_string(), 400, "body.incomplete"),
        ((length + 1_000_000).to_string(), 400, "body.incomplete"),
        ("1000000000000".to_owned(), 413, "body.too_large"),
        (u64::MAX.to_string(), 413, "body.too_large"),
    ] {
        let answer = end(begin(&world, &ada, &announced, &form).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{announced}: {answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{announced}: {answer}");
    }
    // These are no lengths at all.
    for announced in ["-1", "+5", "0x10", "5, 6", "1e3", "99999999999999999999999"] {
        let answer = end(begin(&world, &ada, announced, &form).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{announced}: {answer}");
    }
    until("nothing is left", async || ada.get("/api/files/quota").await.expect(200)["count"] == 0).await;
    let answer = end(begin(&world, &ada, &length.to_string(), &form).await).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

async fn broken_off_anywhere(world: World) {
    let ada = world.user("ada").await;
    let content: Vec<u8> = (0..1_300_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let form = [HEAD, &content, END].concat();
    let length = form.len().to_string();
    // Each octet of the head and of the end, and the edges of what is passed on at once.
    let edges = [64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20].map(|size: usize| HEAD.len() + size);
    let edges = edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    let offsets: Vec<_> = (0..HEAD.len() + 3).chain(edges).chain(form.len() - END.len() - 2..form.len()).collect();
    let left = async || ada.get("/api/files/quota").await.expect(200)["count"].clone();
    for (number, offset) in offsets.into_iter().enumerate() {
        let stream = begin(&world, &ada, &length, &form[..offset]).await;
        // With the last boundary, all of the file has arrived.
        let may_be_whole = offset >= form.len() - 4;
        if number % 2 == 0 || may_be_whole {
            let answer = end(stream).await;
            let is_whole = may_be_whole && answer.starts_with("HTTP/1.1 201 ");
            assert!(is_whole || answer.starts_with("HTTP/1.1 400 "), "{offset}: {answer}");
            let files = ada.get("/api/files").await.expect(200)["items"].clone();
            for file in files.as_array().unwrap().iter().filter(|file| file["status"] != "uploading") {
                assert!(is_whole && file["status"] == "ready", "{offset}: {file}");
                ada.delete(&path(file, "")).await.expect(204);
            }
        } else {
            // It goes away without a word.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            drop(stream);
            until("what has arrived is forgotten", async || left().await == 0).await;
        }
    }
    until("nothing is left", async || left().await == 0).await;
    let begun = world.database.folder.path().join("media/.begun");
    until("no bytes are left", async || std::fs::read_dir(&begun).unwrap().count() == 0).await;
    assert!(!world.server.log().contains("panicked"), "{}", world.server.log());
}

#[tokio::test]
async fn an_octet_a_second_is_too_slow() {
    let world = World::new(Database::sqlite()).await;
    let ada = world.user("ada").await;
    let mut stream = begin(&world, &ada, "1000000", HEAD).await;
    let mut answer = Vec::new();
    let dribble = async {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let (mut from, mut to) = stream.split();
        let read = from.read_to_end(&mut answer);
        tokio::pin!(read);
        loop {
            tokio::select! {
                read = &mut read => return read,
                _ = tick.tick() => drop(to.write_all(b"x").await),
            }
        }
    };
    let _ = timeout(PATIENCE, dribble).await.expect("it is waited for");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"code\":\"body.slow\""), "{answer}");
    until("nothing is left", async || ada.get("/api/files/quota").await.expect(200)["count"] == 0).await;
}
