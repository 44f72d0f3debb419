//! People upload files and read them again.

mod away;
mod care;
mod direct;
mod durability;
mod hostile;
mod memory;
mod pictures;
mod recordings;
mod resumable;

use clowder_tests::{
    Answer, Client, User, World,
    client::form,
    files::{examined, send},
    on_both,
    recorded::png,
    setting, unique,
};
use serde_json::{Value, json};

on_both!(shared; up_and_down, in_ranges, only_for_its_owner, what_is_refused, addresses, once_under_a_key, looked_into);
on_both!(shared with [("UPLOADS_AT_ONCE", "1"), ("FILES_PER_PERSON", "2"), ("QUOTA_BYTES", "1048576")]; within_the_quota);
on_both!(shared with [("SERVER_QUOTA_BYTES", "1000000")]; within_the_room_of_the_server);
on_both!(with [("CLAMD_URL", &*super::needed("TEST_CLAMD_URL"))]; scanned);
on_both!(with [("CLAMD_URL", "tcp://127.0.0.1:1"), ("SCAN_REQUIRED", "false")]; without_its_scanner);
on_both!(with [
    ("STORAGE_URL", &*super::bucket()), ("AWS_ACCESS_KEY_ID", &*super::needed("TEST_S3_KEY")),
    ("AWS_SECRET_ACCESS_KEY", &*super::needed("TEST_S3_SECRET")),
]; in_a_bucket);

fn needed(name: &str) -> String {
    setting(name).unwrap_or_else(|| panic!("{name} is not set: run `make test`, or `make services` for a shell"))
}

/// A part of the bucket that nobody else writes to, and that clients reach.
fn bucket() -> String {
    let url = needed("TEST_S3_URL");
    let (_, endpoint) = url.split_once("?endpoint=").unwrap();
    format!("{}&public_endpoint={endpoint}", url.replacen('?', &format!("/{}?", unique()), 1))
}

async fn upload(user: &User, name: &str, content: &[u8]) -> Value {
    send(user, "", &format!("; filename=\"{name}\""), content).await.expect(201)
}

fn path(file: &Value, rest: &str) -> String {
    format!("/api/files/{}{rest}", file["id"].as_str().unwrap())
}

async fn get(user: &User, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = user.request("GET", path);
    Answer::to(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn up_and_down(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    let file = upload(&ada, "käse.txt", "was es gibt".as_bytes()).await;
    assert_eq!((&file["name"], &file["type"], &file["size"]), (&json!("käse.txt"), &json!("text/plain"), &json!(11)));
    assert_eq!((&file["status"], &file["purpose"]), (&json!("ready"), &json!("attachment")));
    let told = socket.until("file.updated").await;
    assert_eq!(told["data"]["id"], file["id"]);
    assert_eq!(ada.get(&path(&file, "")).await.expect(200), file);
    assert_eq!(ada.get("/api/files").await.expect(200)["items"][0], file);
    let quota = ada.get("/api/files/quota").await.expect(200);
    assert_eq!((&quota["bytes_used"], &quota["count"]), (&json!(11), &json!(1)));

    let content = ada.get(&path(&file, "/content")).await;
    assert_eq!((content.status, content.text.as_str()), (200, "was es gibt"));
    assert_eq!(content.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(content.header("content-disposition"), "inline; filename=\"k_se.txt\"; filename*=UTF-8''k%C3%A4se.txt");
    assert_eq!(content.header("content-length"), "11");
    assert!(content.header("content-security-policy").contains("sandbox"));
    let tag = content.header("etag");
    assert_eq!(tag, format!("\"{}\"", file["sha256"].as_str().unwrap()));
    assert_eq!(get(&ada, &path(&file, "/content"), &[("if-none-match", tag)]).await.status, 304);
    let since = content.header("last-modified");
    assert_eq!(get(&ada, &path(&file, "/content"), &[("if-modified-since", since)]).await.status, 304);
    let head = Answer::to(ada.request("HEAD", &path(&file, "/content"))).await;
    assert_eq!((head.status, head.header("content-length"), head.text.as_str()), (200, "11", ""));
    for name in ["content-type", "content-disposition", "etag", "last-modified", "accept-ranges", "cache-control"] {
        assert_eq!(head.header(name), content.header(name), "{name}");
    }
    let old = "Tue, 15 Nov 1994 08:12:31 GMT";
    for (method, conditions, status) in [
        ("GET", &[("if-match", tag)][..], 200),
        ("GET", &[("if-match", "\"other\"")], 412),
        ("GET", &[("if-unmodified-since", since)], 200),
        ("GET", &[("if-unmodified-since", old)], 412),
        ("GET", &[("if-match", "*"), ("if-unmodified-since", old)], 200),
        ("GET", &[("if-match", "\"other\""), ("if-none-match", tag)], 412),
        ("GET", &[("if-none-match", "\"other\""), ("if-modified-since", since)], 200),
        ("HEAD", &[("if-none-match", tag)], 304),
        ("GET", &[("if-none-match", tag), ("range", "bytes=0-1")], 304),
        ("HEAD", &[("range", "bytes=0-1")], 200),
    ] {
        let request = ada.request(method, &path(&file, "/content"));
        let request = conditions.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, answer.header("etag")), (status, tag), "{method} {conditions:?}");
    }
    get(&ada, &path(&file, "/content"), &[("if-match", "\"other\"")]).await.refused(412, "precondition.failed");
    let other = ada.request("HEAD", &path(&file, "/content")).header("if-match", "\"other\"").send();
    assert_eq!(other.await.unwrap().status(), 412);

    let page = upload(&ada, "page.html", b"<!doctype html><script>alert(1)</script>").await;
    assert_eq!(page["type"], "text/html");
    let page = ada.get(&path(&page, "/content")).await;
    assert_eq!(page.header("content-type"), "application/octet-stream");
    assert!(page.header("content-disposition").starts_with("attachment"), "{page:?}");

    ada.delete(&path(&file, "")).await.expect(204);
    assert_eq!(socket.until("file.deleted").await["data"]["id"], file["id"]);
    ada.get(&path(&file, "")).await.refused(404, "file.unknown");
    ada.get(&path(&file, "/content")).await.refused(404, "file.unknown");
}

async fn in_ranges(world: World) {
    let ada = world.user("ada").await;
    let whole: String = (0..100_000).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let file = upload(&ada, "long.txt", whole.as_bytes()).await;
    let content = path(&file, "/content");
    assert_eq!(ada.get(&content).await.text, whole);
    for (range, expected, place) in [
        ("bytes=0-9", &whole[..10], "bytes 0-9/100000"),
        ("bytes=99990-", &whole[99_990..], "bytes 99990-99999/100000"),
        ("bytes=-5", &whole[99_995..], "bytes 99995-99999/100000"),
        ("bytes=65530-65545", &whole[65_530..65_546], "bytes 65530-65545/100000"),
    ] {
        let part = get(&ada, &content, &[("range", range)]).await;
        assert_eq!((part.status, part.text.as_str(), part.header("content-range")), (206, expected, place));
        assert_eq!(part.header("content-length"), expected.len().to_string());
    }
    let beyond = get(&ada, &content, &[("range", "bytes=100000-")]).await;
    assert_eq!(beyond.header("content-range"), "bytes */100000");
    beyond.refused(416, "range.unsatisfiable");
    let two = get(&ada, &content, &[("range", "bytes=0-1,10-12")]).await;
    assert_eq!(two.status, 206);
    let boundary = two.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |place: &str, text: &str| {
        format!("\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: {place}\r\n\r\n{text}")
    };
    let expected = part("bytes 0-1/100000", &whole[..2]) + &part("bytes 10-12/100000", &whole[10..13]);
    assert_eq!(two.text, format!("{expected}\r\n--{boundary}--\r\n"));
    let tag = format!("\"{}\"", file["sha256"].as_str().unwrap());
    for (value, status) in [(tag.as_str(), 206), ("\"other\"", 200), ("Tue, 15 Nov 1994 08:12:31 GMT", 200)] {
        assert_eq!(get(&ada, &content, &[("range", "bytes=0-1"), ("if-range", value)]).await.status, status, "{value}");
    }
}

async fn only_for_its_owner(world: World) {
    let (ada, bob, root) = (world.user("ada").await, world.user("bob").await, world.staff("root", "admin").await);
    let file = upload(&ada, "mine.txt", b"mine").await;
    for other in [&bob, &root] {
        other.get(&path(&file, "")).await.refused(404, "file.unknown");
        other.get(&path(&file, "/content")).await.refused(404, "file.unknown");
        other.post(&path(&file, "/url"), json!({})).await.refused(404, "file.unknown");
        other.delete(&path(&file, "")).await.refused(404, "file.unknown");
        assert_eq!(other.get("/api/files").await.expect(200)["items"], json!([]));
    }
}

async fn what_is_refused(world: World) {
    let ada = world.user("ada").await;
    send(&ada, "?purpose=avatar", "; filename=\"a.png\"", b"no picture").await.refused(415, "file.type");
    let renamed = "; filename=\"a.png\"\r\nContent-Type: image/png";
    send(&ada, "?purpose=avatar", renamed, b"MZ\x90\0\x03").await.refused(415, "file.mismatch");
    send(&ada, "", "; filename=\"run\"", b"\x7fELF\x02\x01\x01").await.refused(415, "file.type");
    send(&ada, "?purpose=avatar", "; filename=\"a.svg\"", b"<svg onload=\"alert(1)\"/>")
        .await
        .refused(415, "file.type");
    let picture = examined(&ada, "?purpose=avatar", renamed, &png(3, 2, "")).await;
    let face = ada.get(&path(&picture, "/content")).await;
    assert_eq!(face.header("cache-control"), "private, max-age=86400");
    assert!(face.header("vary").to_ascii_lowercase().contains("authorization"), "{face:?}");
    assert_eq!((&picture["type"], &picture["purpose"]), (&json!("image/png"), &json!("avatar")));
    let large = [png(3, 2, ""), vec![0; 10 << 20]].concat();
    let refused = send(&ada, "?purpose=avatar", renamed, &large).await;
    assert!(refused.body["detail"].as_str().unwrap().contains("10 MiB"), "{}", refused.text);
    refused.refused(413, "file.too_large");
    assert_eq!(send(&ada, "", "; filename=\"empty\"", b"").await.wrong_fields(), ["/file"]);
    let none = Answer::to(form(ada.request("POST", "/api/files/upload"), &json!({"other": "x"}))).await;
    assert_eq!(none.wrong_fields(), ["/file"]);
    assert_eq!(send(&ada, "?purpose=fun", "", b"x").await.wrong_fields(), ["?purpose"]);
    ada.post("/api/files/upload", json!({"file": "x"})).await.refused(415, "media_type.unsupported");
    let member = |name: &str, more: &str| {
        format!("--bound\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\nx\r\n")
    };
    let (file, named) = (member("file", "; filename=\"a\""), "; filename=\"b\"");
    for (body, wrong) in [
        (format!("{}{file}", member("purpose", "")), "/purpose"),
        (format!("{file}{}", member("purpose", "")), "/purpose"),
        (format!("{file}{file}"), "/file"),
        (format!("{}{file}", member("upload", named)), "/upload"),
        (format!("{file}{}", member("more/files", named)), "/more~1files"),
    ] {
        let request =
            ada.request("POST", "/api/files/upload").header("content-type", "multipart/form-data; boundary=bound");
        let answer = Answer::to(request.body(format!("{body}--bound--\r\n"))).await;
        assert_eq!(answer.wrong_fields(), [wrong], "{body}");
    }
    let unfinished =
        ada.request("POST", "/api/files/upload").header("content-type", "multipart/form-data; boundary=bound");
    Answer::to(unfinished.body(format!("{file}--bound\r\n"))).await.refused(400, "body.incomplete");
    let cut = ada.request("POST", "/api/files/upload").header("content-type", "multipart/form-data; boundary=bound");
    let body = "--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nonly the beginn";
    Answer::to(cut.body(body)).await.refused(400, "body.incomplete");
    let items = ada.get("/api/files").await.expect(200)["items"].clone();
    assert_eq!(items, json!([picture]), "nothing is left of what was refused");
    assert_eq!(ada.get("/api/files/quota").await.expect(200)["count"], 1);
}

async fn addresses(world: World) {
    let ada = world.user("ada").await;
    let file = examined(&ada, "", "; filename=\"photo.png\"", &png(3, 2, "")).await;
    let made = ada.post(&path(&file, "/url"), json!({"expires_in": 60})).await.expect(200);
    let url = made["url"].as_str().unwrap();
    let at = url.find("/api/").unwrap();
    let seen = world.nobody().get(&url[at..]).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, "image/png"));
    let part = Answer::to(world.nobody().request("GET", &url[at..]).header("range", "bytes=1-3")).await;
    assert_eq!((part.status, part.text.as_str()), (206, "PNG"));
    let tag = seen.header("etag");
    assert_eq!(Answer::to(world.nobody().request("GET", &url[at..]).header("if-none-match", tag)).await.status, 304);
    world.nobody().get(&path(&file, "/download?token=x")).await.refused(404, "file.link_invalid");
    world.nobody().get(&path(&file, "/download")).await.refused(404, "file.link_invalid");
    world.nobody().get(&path(&file, "/content")).await.refused(401, "token.missing");
    assert_eq!(ada.post(&path(&file, "/url"), json!({"expires_in": 90_000})).await.wrong_fields(), ["/expires_in"]);
    ada.delete(&path(&file, "")).await.expect(204);
    world.nobody().get(&url[at..]).await.refused(404, "file.link_invalid");
}

async fn looked_into(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let content = png(300, 200, "zqplace");
    let file = send(&ada, "", "; filename=\"photo.png\"", &content).await.expect(202);
    let said = ada.post(&format!("/api/chats/{chat}/messages"), json!({"attachments": [file["id"]]})).await.expect(201);
    while hers.until("file.updated").await["data"]["status"] != "ready" {}
    // The message may have been sent before or after.
    if said["attachments"][0]["status"] == "scanning" {
        let told = his.until("message.updated").await["data"]["attachments"][0].clone();
        assert_eq!((&told["status"], &told["width"], &told["height"]), (&json!("ready"), &json!(300), &json!(200)));
    }
    let file = ada.get(&path(&file, "")).await.expect(200);
    assert_eq!((&file["width"], &file["height"], &file["scanned"]), (&json!(300), &json!(200), &json!(false)));
    let shown =
        bob.get(&format!("/api/messages/{}", said["id"].as_str().unwrap())).await.expect(200)["attachments"][0].clone();
    for member in ["id", "name", "type", "size", "status", "width", "height", "blurhash", "thumbnails"] {
        assert_eq!(shown[member], file[member], "{member}");
    }
    let clean = bob.get(&path(&file, "/content")).await;
    assert_eq!((clean.status, clean.text.contains("zqplace"), clean.text.contains("IHDR")), (200, false, true));
    assert_eq!(clean.header("etag"), format!("\"{}\"", file["sha256"].as_str().unwrap()));

    let sizes: Vec<_> = file["thumbnails"].as_array().unwrap().iter().map(|it| it["size"].as_i64().unwrap()).collect();
    assert_eq!(sizes, [64, 128, 256, 512]);
    let small = file["thumbnails"][0]["url"].as_str().unwrap();
    let webp = get(&bob, small, &[("accept", "image/avif,image/webp,*/*")]).await;
    assert_eq!((webp.status, webp.header("content-type")), (200, "image/webp"));
    assert_eq!(webp.header("cache-control"), "private, max-age=86400");
    let known = get(&bob, small, &[("accept", "image/webp"), ("if-none-match", webp.header("etag"))]).await;
    assert_eq!(known.status, 304);
    let part = get(&bob, small, &[("accept", "image/webp"), ("range", "bytes=0-3")]).await;
    assert_eq!((part.status, part.text.as_str()), (206, "RIFF"));
    let jpeg = bob.get(&path(&file, "/thumbnail?size=1024")).await;
    assert_eq!((jpeg.status, jpeg.header("content-type")), (200, "image/jpeg"));
    assert_ne!(jpeg.header("etag"), webp.header("etag"));
    let head = Answer::to(bob.request("HEAD", small)).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(bob.get(&path(&file, "/thumbnail?size=63")).await.wrong_fields(), ["?size"]);
    world.user("eve").await.get(small).await.refused(404, "file.unknown");
    let text = upload(&ada, "a.txt", b"no picture").await;
    ada.get(&path(&text, "/thumbnail")).await.refused(404, "file.no_thumbnail");

    let bomb = [b"GIF89a".as_slice(), &[0x10, 0x27, 0x10, 0x27, 0x80, 0, 0, 1, 2, 3, 4, 5, 6], b";"].concat();
    let bomb = examined(&ada, "", "; filename=\"bomb.gif\"", &bomb).await;
    assert_eq!(bomb["status"], "failed");
    ada.get(&path(&bomb, "/content")).await.refused(409, "file.failed");
}

async fn scanned(world: World) {
    let checks = world.nobody().get("/api/health").await.expect(200)["checks"].clone();
    let scanner = checks.as_array().unwrap().iter().find(|check| check["name"] == "scanner").unwrap();
    assert!(scanner["detail"].as_str().unwrap().starts_with("ClamAV"), "{scanner}");
    let ada = world.user("ada").await;
    // The test file of EICAR, in two halves, because scanners would also find it here.
    let eicar = format!("{}{}", r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE!$H+H*");
    let bad = examined(&ada, "", "; filename=\"a.com\"", eicar.as_bytes()).await;
    assert_eq!((&bad["status"], &bad["scanned"]), (&json!("quarantined"), &json!(false)));
    ada.get(&path(&bad, "/content")).await.refused(403, "file.infected");
    ada.post(&path(&bad, "/url"), json!({})).await.refused(403, "file.infected");
    let good = examined(&ada, "", "; filename=\"a.txt\"", b"harmless").await;
    assert_eq!((&good["status"], &good["scanned"]), (&json!("ready"), &json!(true)));
    assert_eq!(ada.get(&path(&good, "/content")).await.text, "harmless");
}

async fn without_its_scanner(world: World) {
    let ready = world.nobody().get("/api/health/ready").await.expect(200);
    let scanner = ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == "scanner").unwrap();
    assert_eq!((&scanner["ok"], &scanner["detail"]), (&json!(true), &json!("cannot be reached")));
    let ada = world.user("ada").await;
    let file = examined(&ada, "", "; filename=\"a.txt\"", b"harmless").await;
    assert_eq!((&file["status"], &file["scanned"]), (&json!("ready"), &json!(false)));
    let metrics = world.nobody().get("/metrics").await.text;
    for line in ["clowder_scanner_up 0", "clowder_file_scans_total{result=\"skipped\"} 1"] {
        assert!(metrics.lines().any(|known| known == line), "{line}");
    }
}

async fn once_under_a_key(world: World) {
    let ada = world.user("ada").await;
    let send = async |content: &str, key: &str| {
        let request = ada.request("POST", "/api/files/upload").header("Idempotency-Key", key);
        Answer::to(form(request, &json!({"file": content}))).await
    };
    let first = send("the same", "key").await.expect(201);
    let again = send("the same", "key").await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first));
    send("another", "key").await.refused(422, "idempotency.mismatch");
    ada.delete(&path(&first, "")).await.expect(204);
    send("the same", "key").await.refused(404, "file.unknown");
}

async fn within_the_quota(world: World) {
    let ada = world.user("ada").await;
    upload(&ada, "a", &vec![b'a'; 600_000]).await;
    send(&ada, "", "; filename=\"b\"", &vec![b'b'; 600_000]).await.refused(409, "file.quota");
    upload(&ada, "c", b"small").await;
    send(&ada, "", "; filename=\"d\"", b"x").await.refused(409, "file.quota");
}

async fn within_the_room_of_the_server(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    upload(&ada, "a", &vec![b'a'; 600_000]).await;
    send(&bob, "", "; filename=\"b\"", &vec![b'b'; 600_000]).await.refused(409, "file.server_full");
    upload(&bob, "small", b"small").await;
}

async fn in_a_bucket(world: World) {
    let checks = world.nobody().get("/api/health").await.expect(200)["checks"].clone();
    let files = checks.as_array().unwrap().iter().find(|check| check["name"] == "files");
    assert_eq!(files.unwrap()["detail"], "s3: can be read and written");
    let ada = world.user("ada").await;
    // In several parts.
    let large: Vec<u8> = (0..12 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = upload(&ada, "large.bin", &large).await;
    assert_eq!((&file["size"], &file["status"]), (&json!(large.len()), &json!("ready")));
    let part = get(&ada, &path(&file, "/content"), &[("range", "bytes=8388600-8388615")]).await;
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 8388600-8388615/12582912"));
    let page = upload(&ada, "käse.html", b"<!doctype html><script>alert(1)</script>").await;
    let content = ada.get(&path(&page, "/content")).await;
    assert_eq!((content.status, content.header("content-type")), (200, "application/octet-stream"));

    // A picture is fetched for its examination, and what is made of it goes there.
    let picture = examined(&ada, "", "; filename=\"a.png\"", &png(100, 50, "zqplace")).await;
    assert_eq!((&picture["status"], &picture["width"]), (&json!("ready"), &json!(100)));
    assert!(!ada.get(&path(&picture, "/content")).await.text.contains("zqplace"));
    assert_eq!(ada.get(&path(&picture, "/thumbnail?size=64")).await.header("content-type"), "image/jpeg");

    // The address is one of the bucket, with the same headers.
    let url = ada.post(&path(&page, "/url"), json!({"expires_in": 60})).await.expect(200)["url"].clone();
    let (place, rest) = url.as_str().unwrap().split_at(url.as_str().unwrap().find("/tests/").unwrap());
    let seen = Client::new(place.strip_prefix("http://").unwrap()).request("GET", rest).send().await.unwrap();
    assert_eq!(seen.status(), 200);
    for name in ["content-type", "content-disposition"] {
        assert_eq!(seen.headers()[name], content.header(name));
    }
    assert_eq!(seen.text().await.unwrap(), content.text);
    // Nothing ends it before its time, so that is short.
    let long = ada.post(&path(&page, "/url"), json!({"expires_in": 86_400})).await.expect(200);
    assert!(long["url"].as_str().unwrap().contains("X-Amz-Expires=900&"), "{long}");
    let forged = rest.replacen("octet-stream", "html", 1);
    let forged = Client::new(place.strip_prefix("http://").unwrap()).request("GET", &forged).send().await.unwrap();
    assert_eq!(forged.status(), 403);

    ada.delete(&path(&file, "")).await.expect(204);
    ada.get(&path(&file, "/content")).await.refused(404, "file.unknown");
}
