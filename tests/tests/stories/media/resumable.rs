//! People upload files in parts, with interruptions, as clients of tus do.

use std::{process::Stdio, sync::Arc};

use clowder_tests::{
    Answer, Client, Server, User, World, client::form, on_both, recorded::png, setting, unique, until,
};
use futures_util::stream;
use reqwest::{Body, RequestBuilder};
use serde_json::{Value, json};
use tokio::{process::Command, sync::Notify};

use super::{bucket, needed, path};

on_both!(shared; in_parts, with_its_first_part, what_is_refused, by_methods_in_a_header, checked, ended, only_for_its_owner, cut_off, once_under_a_key);
on_both!(shared with [("UPLOADS_AT_ONCE", "1"), ("QUOTA_BYTES", "1048576")]; within_the_limits);
on_both!(by_a_client_of_others, killed, expired);
on_both!(with [
    ("STORAGE_URL", &*super::bucket()), ("AWS_ACCESS_KEY_ID", &*super::needed("TEST_S3_KEY")),
    ("AWS_SECRET_ACCESS_KEY", &*super::needed("TEST_S3_SECRET")),
]; in_a_bucket);

const ALL: &str = "/api/files/resumable";
const OCTETS: &str = "application/offset+octet-stream";

fn ask(client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> RequestBuilder {
    let request = client.request(method, path).header("Tus-Resumable", "1.0.0");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn begin(user: &User, length: usize, metadata: &str) -> Answer {
    let length = length.to_string();
    Answer::to(ask(user, "POST", ALL, &[("Upload-Length", &*length), ("Upload-Metadata", metadata)])).await
}

/// The path of a new upload.
async fn begun(user: &User, length: usize, metadata: &str) -> String {
    let answer = begin(user, length, metadata).await;
    assert_eq!((answer.status, answer.header("tus-resumable")), (201, "1.0.0"), "{}", answer.text);
    answer.header("location").to_owned()
}

fn part(client: &Client, upload: &str, offset: usize) -> RequestBuilder {
    let offset = offset.to_string();
    ask(client, "PATCH", upload, &[("Upload-Offset", &*offset), ("Content-Type", OCTETS)])
}

async fn append(user: &User, upload: &str, offset: usize, content: impl Into<Body>) -> Answer {
    Answer::to(part(user, upload, offset).body(content)).await
}

async fn offset(user: &User, upload: &str) -> usize {
    let head = Answer::to(ask(user, "HEAD", upload, &[])).await;
    assert_eq!((head.status, head.header("cache-control"), head.text.as_str()), (200, "no-store", ""));
    head.header("upload-offset").parse().unwrap()
}

/// Octets that do not repeat for long.
fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

async fn content(user: &User, id: &str) -> Vec<u8> {
    let content = user.request("GET", &format!("/api/files/{id}/content")).send().await.unwrap();
    assert_eq!(content.status(), 200);
    content.bytes().await.unwrap().to_vec()
}

async fn in_parts(world: World) {
    let ada = world.user("ada").await;
    let can = Answer::to(world.nobody().request("OPTIONS", ALL)).await;
    assert_eq!((can.status, can.header("tus-version"), can.header("tus-max-size")), (204, "1.0.0", "209715200"));
    assert_eq!(can.header("tus-extension"), "creation,creation-with-upload,expiration,termination,checksum");
    assert_eq!((can.header("tus-checksum-algorithm"), can.header("allow")), ("sha1,sha256", "POST, OPTIONS"));

    let mut socket = ada.socket().await;
    // `käse.txt`
    let upload = begin(&ada, 11, "filename a8Okc2UudHh0,filetype dGV4dC9wbGFpbg==,purpose YXR0YWNobWVudA==").await;
    assert_eq!((upload.status, upload.header("upload-offset")), (201, "0"));
    assert!(upload.header("upload-expires").ends_with(" GMT"), "{upload:?}");
    let (place, id) = (upload.header("location").to_owned(), upload.body["id"].as_str().unwrap().to_owned());
    assert_eq!(
        (&upload.body["name"], &upload.body["offset"], &upload.body["length"]),
        (&json!("käse.txt"), &json!(0), &json!(11))
    );
    assert_eq!(ada.get(&format!("/api/files/{id}")).await.expect(200)["status"], "uploading");
    assert_eq!(ada.get("/api/files/quota").await.expect(200)["bytes_used"], 11);
    let first = append(&ada, &place, 0, "was es ").await;
    assert_eq!((first.status, first.header("upload-offset"), first.header("tus-resumable")), (204, "7", "1.0.0"));
    assert_eq!(first.headers.get("clowder-file-id"), None);
    assert_eq!(offset(&ada, &place).await, 7);
    let head = Answer::to(ask(&ada, "HEAD", &place, &[])).await;
    assert_eq!(head.header("upload-length"), "11");
    assert_eq!(
        head.header("upload-metadata"),
        "filename a8Okc2UudHh0,purpose YXR0YWNobWVudA==,filetype dGV4dC9wbGFpbg=="
    );
    assert_eq!(ada.get(&place).await.expect(200)["offset"], 7, "without the headers of the protocol, for people");
    let last = append(&ada, &place, 7, "gibt").await;
    assert_eq!((last.status, last.header("upload-offset"), last.header("clowder-file-id")), (204, "11", &*id));
    assert_eq!(socket.until("file.updated").await["data"]["id"], id);
    let file = ada.get(&format!("/api/files/{id}")).await.expect(200);
    assert_eq!((&file["status"], &file["type"], &file["size"]), (&json!("ready"), &json!("text/plain"), &json!(11)));
    assert_eq!(content(&ada, &id).await, "was es gibt".as_bytes());
    // Whoever has missed the last answer learns the same.
    let head = Answer::to(ask(&ada, "HEAD", &place, &[])).await;
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), ("11", "11"));
    assert_eq!((head.header("clowder-file-id"), head.headers.get("upload-expires")), (&*id, None));
}

async fn with_its_first_part(world: World) {
    let ada = world.user("ada").await;
    let whole = png(30, 20, "zqplace");
    let length = whole.len().to_string();
    // `purpose avatar`
    let headers = [("Upload-Length", &*length), ("Upload-Metadata", "purpose YXZhdGFy"), ("Content-Type", OCTETS)];
    let all = Answer::to(ask(&ada, "POST", ALL, &headers).body(whole.clone())).await;
    assert_eq!((all.status, all.header("upload-offset")), (201, &*length));
    let id = all.header("clowder-file-id").to_owned();
    until("it is examined like any other", async || {
        ada.get(&format!("/api/files/{id}")).await.expect(200)["status"] == "ready"
    })
    .await;
    assert!(!content(&ada, &id).await.windows(7).any(|some| some == b"zqplace"));

    let some = Answer::to(ask(&ada, "POST", ALL, &headers).body(whole[..10].to_vec())).await;
    assert_eq!((some.status, some.header("upload-offset")), (201, "10"));
    let last = append(&ada, some.header("location"), 10, whole[10..].to_vec()).await;
    assert_eq!(last.status, 204);
    assert!(!last.header("clowder-file-id").is_empty());

    let wrong =
        [("Upload-Length", "3"), ("Content-Type", OCTETS), ("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    let wrong = Answer::to(ask(&ada, "POST", ALL, &wrong).body("one")).await;
    let place = wrong.header("location").to_owned();
    wrong.refused(460, "checksum.mismatch");
    assert_eq!(offset(&ada, &place).await, 0, "the upload is there nevertheless");
    let long = [("Upload-Length", "3"), ("Content-Type", OCTETS)];
    Answer::to(ask(&ada, "POST", ALL, &long).body("four")).await.refused(413, "file.beyond");
    let json = ask(&ada, "POST", ALL, &[("Upload-Length", "2")]).json(&json!({}));
    Answer::to(json).await.refused(415, "media_type.unsupported");
}

async fn by_methods_in_a_header(world: World) {
    let ada = world.user("ada").await;
    let meant = |path: &str, method: &str| ask(&ada, "POST", path, &[("X-HTTP-Method-Override", method)]);
    let upload = begun(&ada, 3, "").await;
    let part = meant(&upload, "PATCH").header("Upload-Offset", "0").header("Content-Type", OCTETS);
    let sent = Answer::to(part.body("one")).await;
    assert_eq!((sent.status, sent.header("upload-offset"), sent.header("tus-resumable")), (204, "3", "1.0.0"));
    assert_eq!(Answer::to(meant(&upload, "DELETE")).await.status, 204);
    ada.get(&upload).await.refused(404, "file.unknown");
    // It is what the call needs, too.
    Answer::to(meant(&upload, "GET")).await.refused(405, "method.not_allowed");
    let chat = ada.group("hiking", &[]).await;
    let path = format!("/api/chats/{chat}");
    Answer::to(meant(&path, "DELETE")).await.refused(405, "method.not_allowed");
}

async fn what_is_refused(world: World) {
    let ada = world.user("ada").await;
    for version in [None, Some("0.2.2"), Some("")] {
        let request = ada.request("POST", ALL).header("Upload-Length", "3");
        let request = version.iter().fold(request, |request, version| request.header("Tus-Resumable", *version));
        let answer = Answer::to(request).await;
        assert_eq!(answer.header("tus-version"), "1.0.0");
        answer.refused(412, "tus.version");
    }
    for (length, expected) in
        [("0", "Upload-Length"), ("-5", "Upload-Length"), ("many", "Upload-Length"), ("", "Upload-Length")]
    {
        let answer = Answer::to(ask(&ada, "POST", ALL, &[("Upload-Length", length)])).await;
        assert_eq!(answer.wrong_fields(), [expected], "{length}");
    }
    assert_eq!(Answer::to(ask(&ada, "POST", ALL, &[])).await.wrong_fields(), ["Upload-Length"]);
    let later = ask(&ada, "POST", ALL, &[("Upload-Defer-Length", "1")]);
    assert_eq!(Answer::to(later).await.wrong_fields(), ["Upload-Defer-Length"]);
    // Nothing is put together.
    let partial = [("Upload-Concat", "partial"), ("Upload-Length", "3")];
    for concat in [&partial[..], &[("Upload-Concat", "final;/api/files/resumable/1 /api/files/resumable/2")]] {
        let answer = Answer::to(ask(&ada, "POST", ALL, concat)).await;
        let extensions = answer.header("tus-extension");
        assert!(extensions.contains("creation") && !extensions.contains("concatenation"), "{answer:?}");
        assert_eq!(answer.wrong_fields(), ["Upload-Concat"]);
    }
    // `purpose fun`, and what is not in base64
    for metadata in ["purpose ZnVu", "filename ?"] {
        assert_eq!(begin(&ada, 3, metadata).await.wrong_fields(), ["Upload-Metadata"], "{metadata}");
    }
    begin(&ada, 209_715_201, "").await.refused(413, "file.too_large");
    begin(&ada, (10 << 20) + 1, "purpose YXZhdGFy").await.refused(413, "file.too_large");

    let upload = begun(&ada, 10, "").await;
    append(&ada, &upload, 0, "four").await.expect(204);
    for wrong in [0, 3, 5, 10, 11, 1_000_000_000] {
        let answer = append(&ada, &upload, wrong, "x").await;
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        answer.refused(409, "file.offset");
    }
    for wrong in ["-1", "x", ""] {
        let request = ask(&ada, "PATCH", &upload, &[("Upload-Offset", wrong), ("Content-Type", OCTETS)]);
        assert_eq!(Answer::to(request.body("x")).await.wrong_fields(), ["Upload-Offset"], "{wrong}");
    }
    let none = ask(&ada, "PATCH", &upload, &[("Content-Type", OCTETS)]).body("x");
    assert_eq!(Answer::to(none).await.wrong_fields(), ["Upload-Offset"]);
    append(&ada, &upload, 4, "too long").await.refused(413, "file.beyond");
    // The same without a length of the body.
    let pieces = stream::iter(["too ", "long"].map(Ok::<_, std::io::Error>));
    append(&ada, &upload, 4, Body::wrap_stream(pieces)).await.refused(413, "file.beyond");
    let json = ask(&ada, "PATCH", &upload, &[("Upload-Offset", "4")]).json(&json!("x"));
    Answer::to(json).await.refused(415, "media_type.unsupported");
    let old = ada.request("PATCH", &upload).header("Tus-Resumable", "0.2.2").header("Upload-Offset", "4");
    Answer::to(old.header("Content-Type", OCTETS).body("x")).await.refused(412, "tus.version");
    assert_eq!(offset(&ada, &upload).await, 4, "nothing of that was kept");

    // Whoever is refused before anybody looks at the upload learns of the version, too.
    let nobody = Answer::to(ask(world.nobody(), "PATCH", &upload, &[])).await;
    assert_eq!(nobody.header("tus-resumable"), "1.0.0");
    nobody.refused(401, "token.missing");
    let other = Answer::to(ask(&ada, "PUT", &upload, &[])).await;
    assert_eq!(other.header("tus-resumable"), "1.0.0");
    other.refused(405, "method.not_allowed");

    // What cannot be kept is gone.
    let program = begun(&ada, 8, "").await;
    append(&ada, &program, 0, b"\x7fELF\x02\x01\x01\0".to_vec()).await.refused(415, "file.type");
    Answer::to(ask(&ada, "GET", &program, &[])).await.refused(404, "file.unknown");
    let renamed = begun(&ada, 4, "filetype aW1hZ2UvcG5n").await;
    append(&ada, &renamed, 0, b"MZ\x90\0".to_vec()).await.refused(415, "file.mismatch");
    let items = ada.get("/api/files").await.expect(200)["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1, "only the one that goes on");
    ada.get(&format!("{ALL}/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10")).await.refused(404, "file.unknown");
    ada.get(&format!("{ALL}/x")).await.refused(404, "id.invalid");
    ada.get(ALL).await.refused(405, "method.not_allowed");
}

async fn checked(world: World) {
    let ada = world.user("ada").await;
    let upload = begun(&ada, 6, "").await;
    let send = async |offset: usize, sum: &str, content: &'static str| {
        Answer::to(part(&ada, &upload, offset).header("Upload-Checksum", sum).body(content)).await
    };
    // Of `abc`, which is also that of both tries.
    const SHA1: &str = "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
    const SHA256: &str = "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    send(0, SHA1, "abd").await.refused(460, "checksum.mismatch");
    assert_eq!(offset(&ada, &upload).await, 0);
    send(0, "md5 kAFQmDzST7DWlj99KOF/cg==", "abc").await.refused(400, "checksum.unsupported");
    assert_eq!(send(0, "sha1 ?", "abc").await.wrong_fields(), ["Upload-Checksum"]);
    assert_eq!(send(0, SHA1, "abc").await.header("upload-offset"), "3");
    let last = send(3, SHA256, "abc").await;
    assert_eq!((last.status, last.header("upload-offset")), (204, "6"));
    assert_eq!(content(&ada, last.header("clowder-file-id")).await, b"abcabc");
}

async fn ended(world: World) {
    let ada = world.user("ada").await;
    let upload = begun(&ada, 10, "").await;
    append(&ada, &upload, 0, "some").await.expect(204);
    ada.delete(&upload).await.refused(412, "tus.version");
    let gone = Answer::to(ask(&ada, "DELETE", &upload, &[])).await;
    assert_eq!((gone.status, gone.header("tus-resumable")), (204, "1.0.0"));
    assert_eq!(Answer::to(ask(&ada, "HEAD", &upload, &[])).await.status, 404);
    append(&ada, &upload, 4, "x").await.refused(404, "file.unknown");
    Answer::to(ask(&ada, "DELETE", &upload, &[])).await.refused(404, "file.unknown");
    assert_eq!(ada.get("/api/files/quota").await.expect(200)["bytes_used"], 0);
    // One that has become a file is deleted as such.
    let upload = begun(&ada, 5, "").await;
    let file = append(&ada, &upload, 0, "whole").await.header("clowder-file-id").to_owned();
    Answer::to(ask(&ada, "DELETE", &upload, &[])).await.expect(204);
    ada.get(&format!("/api/files/{file}")).await.refused(404, "file.unknown");
}

async fn only_for_its_owner(world: World) {
    let (ada, bob, root) = (world.user("ada").await, world.user("bob").await, world.staff("root", "admin").await);
    let upload = begun(&ada, 10, "").await;
    let whole = begun(&ada, 5, "").await;
    append(&ada, &whole, 0, "whole").await.expect(204);
    for other in [&bob, &root] {
        for upload in [&upload, &whole] {
            other.get(upload).await.refused(404, "file.unknown");
            append(other, upload, 0, "x").await.refused(404, "file.unknown");
            Answer::to(ask(other, "DELETE", upload, &[])).await.refused(404, "file.unknown");
        }
    }
    // Nor can a form be continued, or a file that somebody else shows.
    let sent = Answer::to(form(bob.request("POST", "/api/files/upload"), &json!({"file": "a form"}))).await.expect(201);
    let chat = ada.private_chat(&bob).await;
    bob.post(&format!("/api/chats/{chat}/messages"), json!({"attachments": [sent["id"]]})).await.expect(201);
    ada.get(&path(&sent, "")).await.expect(200);
    ada.get(&format!("{ALL}/{}", sent["id"].as_str().unwrap())).await.refused(404, "file.unknown");
}

/// The client goes away in the middle, and comes back.
async fn cut_off(world: World) {
    let ada = world.user("ada").await;
    let all = noise(300_000);
    let upload = begun(&ada, all.len(), "").await;
    let (first, rest) = (all[..100_000].to_vec(), all[100_000..].to_vec());
    let sent = Arc::new(Notify::new());
    let sends = Arc::clone(&sent);
    let endless = stream::unfold(Some(first), move |first| {
        let sends = Arc::clone(&sends);
        async move {
            match first {
                Some(first) => Some((Ok::<_, std::io::Error>(first), None)),
                None => {
                    sends.notify_one();
                    std::future::pending().await
                }
            }
        }
    });
    let cut = part(&ada, &upload, 0).body(Body::wrap_stream(endless));
    let cut = tokio::spawn(cut.send());
    sent.notified().await;
    // Two at once: the second is refused as long as the first goes on.
    until("the first has begun", async || append(&ada, &upload, 5, "x").await.body["code"] == "file.busy").await;
    let busy = append(&ada, &upload, 0, "x").await;
    assert_eq!(busy.header("retry-after"), "5");
    busy.refused(409, "file.busy");
    cut.abort();
    until("what has arrived is kept", async || offset(&ada, &upload).await == 100_000).await;
    until("the next part is taken", async || {
        let last = append(&ada, &upload, 100_000, rest.clone()).await;
        if last.status == 409 {
            return false;
        }
        assert_eq!((last.status, last.header("upload-offset")), (204, "300000"), "{}", last.text);
        true
    })
    .await;
    let id = upload.rsplit('/').next().unwrap();
    assert!(content(&ada, id).await == all);
}

async fn once_under_a_key(world: World) {
    let ada = world.user("ada").await;
    let send = async |length: &str| {
        let headers = [("Upload-Length", length), ("Content-Type", OCTETS), ("Idempotency-Key", "key")];
        Answer::to(ask(&ada, "POST", ALL, &headers).body("one")).await
    };
    let first = send("5").await;
    assert_eq!((first.status, first.header("upload-offset")), (201, "3"));
    let again = send("5").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!((again.header("location"), again.header("upload-offset")), (first.header("location"), "3"));
    send("6").await.refused(422, "idempotency.mismatch");
    Answer::to(ask(&ada, "DELETE", first.header("location"), &[])).await.expect(204);
    send("5").await.refused(404, "file.unknown");
}

async fn within_the_limits(world: World) {
    let ada = world.user("ada").await;
    let upload = begun(&ada, 600_000, "").await;
    begin(&ada, 600_000, "").await.refused(409, "file.quota");
    for _ in 1..100 {
        begun(&ada, 1, "").await;
    }
    begin(&ada, 1, "").await.refused(409, "file.resumables");
    append(&ada, &upload, 0, vec![b'a'; 600_000]).await.expect(204);
    begun(&ada, 1, "").await;
    // As many as wait, but one at a time.
    let waits = begun_files(&ada).await;
    let endless =
        part(&ada, &waits[0], 0).body(Body::wrap_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>()));
    let endless = tokio::spawn(endless.send());
    until("the first has begun", async || {
        let second = append(&ada, &waits[0], 5, "x").await;
        second.body["code"] == "file.busy"
    })
    .await;
    let one_more = append(&ada, &waits[1], 0, "x").await;
    assert_eq!(one_more.header("retry-after"), "5");
    one_more.refused(409, "file.uploads");
    endless.abort();
    until("the next one may come", async || append(&ada, &waits[1], 0, "x").await.status == 204).await;
}

/// The paths of the uploads that wait.
async fn begun_files(user: &User) -> Vec<String> {
    let files = user.get("/api/files").await.expect(200)["items"].as_array().unwrap().clone();
    let open = files.iter().filter(|file| file["status"] == "uploading");
    open.map(|file| format!("{ALL}/{}", file["id"].as_str().unwrap())).collect()
}

async fn expired(world: World) {
    let ada = world.user("ada").await;
    let upload = begun(&ada, 10, "").await;
    append(&ada, &upload, 0, "some").await.expect(204);
    world.database.run("UPDATE resumable_uploads SET expires_at = (SELECT min(created_at) FROM users)");
    append(&ada, &upload, 4, "x").await.refused(410, "file.expired");
    assert_eq!(Answer::to(ask(&ada, "HEAD", &upload, &[])).await.status, 410);
}

/// Runs the client, and returns what it says.
async fn run(client: &User, mut asked: Value) -> Value {
    asked["headers"] = json!({"Authorization": format!("Bearer {}", client.token())});
    let program = setting("TEST_TUS_CLIENT");
    let program = program
        .unwrap_or_else(|| panic!("TEST_TUS_CLIENT is not set: run `make test`, or `make services` for a shell"));
    let said = Command::new("node").arg(program).arg(asked.to_string()).stdin(Stdio::null()).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    serde_json::from_str(out.trim()).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

/// tus-js-client, which others have written.
async fn by_a_client_of_others(world: World) {
    let ada = world.user("ada").await;
    let endpoint = format!("http://{}{ALL}", world.server.address);
    let folder = tempfile::tempdir().unwrap();
    let (file, all) = (folder.path().join("noise.bin"), noise(3_000_000));
    std::fs::write(&file, &all).unwrap();
    let asked =
        json!({"endpoint": endpoint, "file": file, "metadata": {"filename": "käse.bin", "purpose": "attachment"}});
    let with = |more: Value| {
        let mut asked = asked.clone();
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };

    let whole = run(&ada, asked.clone()).await;
    let id = whole["file_id"].as_str().unwrap_or_else(|| panic!("{whole}"));
    assert!(content(&ada, id).await == all);
    assert_eq!(ada.get(&format!("/api/files/{id}")).await.expect(200)["name"], "käse.bin");

    let stopped = run(&ada, with(json!({"chunkSize": 1_000_000, "stopAt": 1_000_000}))).await;
    let url = stopped["stopped"].as_str().unwrap_or_else(|| panic!("{stopped}")).to_owned();
    let done = run(&ada, with(json!({"chunkSize": 700_000, "url": url}))).await;
    assert_eq!((&done["done"], &done["offsets"][0]), (&json!(url), &json!("1000000")), "it goes on where it was");
    let id = done["file_id"].as_str().unwrap_or_else(|| panic!("{done}"));
    assert!(content(&ada, id).await == all);

    let stopped = run(&ada, with(json!({"chunkSize": 500_000, "stopAt": 500_000}))).await;
    let url = stopped["stopped"].clone();
    let ended = run(&ada, with(json!({"url": url, "terminate": true}))).await;
    assert_eq!(ended["terminated"], url, "{ended}");
    assert_eq!(begun_files(&ada).await, Vec::<String>::new());
    let refused = run(&ada, with(json!({"metadata": {"purpose": "avatar"}}))).await;
    assert_eq!(refused["status"], 415, "{refused}");
}

/// The server is killed in the middle of a part, and what it says has arrived is there.
async fn killed(world: World) {
    let ada = world.user("ada").await;
    let all = noise(30 << 20);
    let upload = begun(&ada, all.len(), "").await;
    let pieces: Vec<_> = all[..25 << 20].chunks(1 << 20).map(<[u8]>::to_vec).collect();
    let endless = stream::unfold(pieces.into_iter(), |mut pieces| async move {
        match pieces.next() {
            Some(piece) => Some((Ok::<_, std::io::Error>(piece), pieces)),
            None => std::future::pending().await,
        }
    });
    let part = part(&ada.may_fail(), &upload, 0).body(Body::wrap_stream(endless));
    let part = tokio::spawn(part.send());
    until("some of it is durable", async || offset(&ada, &upload).await > 0).await;
    let before = offset(&ada, &upload).await;
    let world = world.restart(Server::kill).await;
    part.abort();
    let ada = world.login(&ada.name).await;
    let after = offset(&ada, &upload).await;
    assert!((before..=25 << 20).contains(&after), "{before} {after}");
    // The process that has died holds it until its lease is over; others wait for that.
    let last = append(&ada, &upload, after, all[after..].to_vec()).await;
    last.refused(409, "file.busy");
    world.database.run("UPDATE file_objects SET arriving_until = NULL WHERE status = 'uploading'");
    let last = append(&ada, &upload, after, all[after..].to_vec()).await;
    assert_eq!((last.status, last.header("upload-offset")), (204, "31457280"), "{}", last.text);
    assert!(content(&ada, last.header("clowder-file-id")).await == all);
}

async fn in_a_bucket(world: World) {
    let ada = world.user("ada").await;
    let all = noise(20 << 20);
    let upload = begun(&ada, all.len(), "").await;
    let mut at = 0;
    // Less than a part of the bucket, several, exactly one, and the rest.
    for size in [5, 9 << 20, 8 << 20, 1, usize::MAX] {
        let until = at + size.min(all.len() - at);
        let answer = append(&ada, &upload, at, all[at..until].to_vec()).await;
        assert_eq!((answer.status, answer.header("upload-offset")), (204, &*until.to_string()), "{}", answer.text);
        at = until;
        assert_eq!(offset(&ada, &upload).await, at);
    }
    let id = upload.rsplit('/').next().unwrap();
    assert!(content(&ada, id).await == all);
    let small = begun(&ada, 5, "").await;
    append(&ada, &small, 0, "sm").await.expect(204);
    let done = append(&ada, &small, 2, "all").await;
    assert_eq!(content(&ada, done.header("clowder-file-id")).await, b"small");
    let ended = begun(&ada, 5, "").await;
    append(&ada, &ended, 0, unique().as_bytes()[..2].to_vec()).await.expect(204);
    Answer::to(ask(&ada, "DELETE", &ended, &[])).await.expect(204);
}
