//! People upload files to the bucket of the server, without it.

use clowder_tests::{Answer, Client, Database, World, client::form, on_both, recorded::png, unique, until};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{bucket, needed, path};

on_both!(with [
    ("STORAGE_URL", &*super::bucket()), ("AWS_ACCESS_KEY_ID", &*super::needed("TEST_S3_KEY")),
    ("AWS_SECRET_ACCESS_KEY", &*super::needed("TEST_S3_SECRET")), ("QUOTA_BYTES", "1048576"),
]; to_the_bucket);
on_both!(shared; not_into_a_folder);

/// Sends a content as the server has said, and answers with the status.
async fn put(upload: &Value, content: &[u8]) -> u16 {
    let url = upload["url"].as_str().unwrap();
    let (place, rest) = url.split_at(url.find("/tests/").unwrap());
    let method = upload["method"].as_str().unwrap();
    let request = Client::new(place.strip_prefix("http://").unwrap()).request(method, rest);
    // The client sets this one itself, as a browser does.
    let headers = upload["headers"].as_array().unwrap().iter().filter(|header| header["name"] != "Content-Length");
    let request = headers.fold(request, |request, header| {
        request.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap())
    });
    request.body(content.to_vec()).send().await.unwrap().status().as_u16()
}

async fn to_the_bucket(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut socket = ada.socket().await;
    let announce = async |new: Value| ada.post("/api/files/direct", new).await;
    let complete = async |upload: &Value| ada.post(&path(upload, "/complete"), json!({})).await;

    let new = json!({"name": "käse.txt", "type": "text/plain", "size": 11});
    let upload = announce(new).await.expect(201);
    assert_eq!(ada.get(&path(&upload, "")).await.expect(200)["status"], "uploading");
    complete(&upload).await.refused(409, "file.not_ready");
    assert_eq!(put(&upload, b"was es gibt, und mehr").await, 403, "only the size that was announced");
    assert_eq!(put(&upload, b"was es gibt").await, 200);
    ada.get(&path(&upload, "/content")).await.refused(409, "file.not_ready");
    bob.post(&path(&upload, "/complete"), json!({})).await.refused(404, "file.unknown");
    let file = complete(&upload).await.expect(200);
    assert_eq!((&file["id"], &file["name"], &file["size"]), (&upload["id"], &json!("käse.txt"), &json!(11)));
    assert_eq!((&file["type"], &file["status"]), (&json!("text/plain"), &json!("ready")));
    assert_eq!(socket.until("file.updated").await["data"]["id"], file["id"]);

    // Whoever has the address can still upload, which changes nothing.
    assert_eq!(put(&upload, b"etwas anders").await, 403);
    assert_eq!(put(&upload, b"andere Dose").await, 200);
    assert_eq!(complete(&upload).await.expect(200), file);
    assert_eq!(ada.get(&path(&file, "/content")).await.text, "was es gibt");

    let picture = png(30, 20, "zqplace");
    let upload = announce(json!({"size": picture.len(), "purpose": "avatar", "type": "image/png"})).await.expect(201);
    assert_eq!(put(&upload, &picture).await, 200);
    assert_eq!(complete(&upload).await.expect(202)["status"], "scanning");
    let now = async || ada.get(&path(&upload, "")).await.expect(200);
    until("the picture has been examined", async || now().await["status"] != "scanning").await;
    assert_eq!((&now().await["status"], &now().await["width"]), (&json!("ready"), &json!(30)));
    assert!(!ada.get(&path(&upload, "/content")).await.text.contains("zqplace"));

    // What a browser would run is no page in the bucket either.
    let page = b"<!doctype html><script>alert(1)</script>";
    let upload = announce(json!({"name": "a.html", "type": "text/html", "size": page.len()})).await.expect(201);
    assert_eq!(upload["headers"][1], json!({"name": "Content-Type", "value": "application/octet-stream"}));
    assert_eq!(put(&upload, page).await, 200);
    assert_eq!(complete(&upload).await.expect(200)["type"], "text/html");

    // Nothing is left of what is wrong.
    for (new, content, code) in [
        (json!({"size": 10, "purpose": "avatar"}), "no picture", "file.type"),
        (json!({"size": 10, "type": "image/png"}), "no picture", "file.mismatch"),
    ] {
        let upload = announce(new).await.expect(201);
        assert_eq!(put(&upload, content.as_bytes()).await, 200);
        complete(&upload).await.refused(415, code);
        ada.get(&path(&upload, "")).await.refused(404, "file.unknown");
    }
    let upload = announce(json!({"size": 4, "sha256": "ab".repeat(32)})).await.expect(201);
    // A store that knows checksums takes it not even once.
    let code = if put(&upload, b"four").await == 200 { "file.differs" } else { "file.not_ready" };
    complete(&upload).await.refused(409, code);
    announce(json!({"size": (10 << 20) + 1, "purpose": "avatar"})).await.refused(413, "file.too_large");
    assert_eq!(announce(json!({"size": 0, "sha256": "x"})).await.wrong_fields(), ["/size", "/sha256"]);
    assert_eq!(announce(json!({})).await.wrong_fields(), ["/size"]);

    // The size is reserved until the upload is given up.
    let large = announce(json!({"size": 700_000})).await.expect(201);
    announce(json!({"size": 700_000})).await.refused(409, "file.quota");
    ada.delete(&path(&large, "")).await.expect(204);
    complete(&large).await.refused(404, "file.unknown");
    let again = async || {
        let request = ada.request("POST", "/api/files/direct").header("Idempotency-Key", "large");
        Answer::to(request.json(&json!({"size": 700_000}))).await
    };
    let (first, second) = (again().await.expect(201), again().await);
    assert_eq!((second.header("idempotent-replayed"), &second.body["id"]), ("true", &first["id"]));
    assert_eq!(second.body["expires_at"], first["expires_at"]);
    assert_eq!(put(&second.body, &vec![b'x'; 700_000]).await, 200);
    complete(&first).await.expect(200);
}

async fn not_into_a_folder(world: World) {
    let ada = world.user("ada").await;
    let answer = ada.post("/api/files/direct", json!({"size": 1})).await.refused(409, "file.no_direct");
    assert!(answer["detail"].as_str().unwrap().contains("/api/files/upload"), "{answer}");
}

/// Leads everybody who comes to this port to the server of S3, as long as it is not aborted.
fn lead(listener: TcpListener, target: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let target = target.clone();
            open.spawn(async move {
                let mut server = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bucket_is_away_for_a_while() {
    let url = needed("TEST_S3_URL");
    let (bucket, target) = url.split_once("?endpoint=http://").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let storage = format!("{bucket}/{}?endpoint=http://{address}", unique());
    let settings = [
        ("STORAGE_URL", &*storage),
        ("AWS_ACCESS_KEY_ID", &*needed("TEST_S3_KEY")),
        ("AWS_SECRET_ACCESS_KEY", &*needed("TEST_S3_SECRET")),
    ];
    let way = lead(listener, target.to_owned());
    let world = World::with(Database::sqlite(), &settings).await;
    let ada = world.user("ada").await;
    let upload = async |content: &str| {
        let request = ada.may_fail().request("POST", "/api/files/upload");
        Answer::to(form(request, &json!({"file": content}))).await
    };
    let kept = upload("kept").await.expect(201);
    way.abort();
    let _ = way.await;

    for refused in [upload("lost").await, ada.may_fail().get(&path(&kept, "/content")).await] {
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds <= 3), "{refused:?}");
        refused.refused(503, "unavailable");
    }
    assert_eq!(ada.get("/api/files").await.expect(200)["items"], json!([kept]), "nothing of it is left");
    // All else still works, so the node stays ready, and says what does not.
    let is_told = async || {
        let ready = world.nobody().get("/api/health/ready").await.expect(200);
        let files = ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == "files").unwrap();
        files["detail"] != "s3: can be read and written"
    };
    until("somebody is told", is_told).await;

    let way = lead(TcpListener::bind(address).await.unwrap(), target.to_owned());
    upload("found").await.expect(201);
    assert_eq!(ada.get(&path(&kept, "/content")).await.text, "kept");
    way.abort();
}
