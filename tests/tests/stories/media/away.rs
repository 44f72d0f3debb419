//! A bucket that is away for a while: whoever needs it is told to come again, nothing is lost, and all else goes on.

use clowder_tests::{Answer, Database, Relay, World, answer, client::form, unique, until};
use serde_json::json;

use super::needed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_comes_back() {
    let url = needed("TEST_S3_URL");
    let (_, endpoint) = url.split_once("?endpoint=").unwrap();
    let endpoint = format!("{endpoint}/");
    let relay = Relay::to(&endpoint).await;
    let storage = format!("s3://tests/{}?endpoint={}", unique(), relay.through(&endpoint).trim_end_matches('/'));
    let (id, secret) = (needed("TEST_S3_KEY"), needed("TEST_S3_SECRET"));
    let settings = [
        ("STORAGE_URL", storage.as_str()),
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
    ];
    let world = World::with(Database::sqlite(), &settings).await;
    let (ada, nobody) = (world.user("ada").await, world.nobody());
    let upload = async |content: &str| {
        let request = ada.may_fail().request("POST", "/api/files/upload");
        Answer::to(form(request, &json!({"file": content}))).await
    };
    let state = async || {
        let checks = nobody.get("/api/health/ready").await.expect(200)["checks"].clone();
        checks.as_array().unwrap().iter().find(|check| check["name"] == "files").unwrap()["detail"].clone()
    };
    let (kept, gone) = (upload("kept").await.expect(201), upload("gone").await.expect(201));
    let path = |file: &serde_json::Value, rest: &str| format!("/api/files/{}{rest}", file["id"].as_str().unwrap());
    assert_eq!(state().await, "s3: can be read and written");

    relay.close();
    // That these have a `Retry-After` is seen to by the client.
    upload("lost").await.refused(503, "unavailable");
    ada.may_fail().get(&path(&kept, "/content")).await.refused(503, "unavailable");
    until("the health tells it, and the node stays ready", async || state().await != "s3: can be read and written")
        .await;
    ada.patch("/api/auth/me", json!({"bio": "meanwhile"})).await.expect(200);
    // What is deleted is gone at once, and its bytes later.
    ada.delete(&path(&gone, "")).await.expect(204);
    let listed = ada.get("/api/files").await.expect(200);
    assert_eq!(listed["items"], json!([kept]), "nothing half-written stays");

    relay.reopen();
    let found =
        answer("it is used again", async || Some(upload("found").await).filter(|sent| sent.status == 201)).await;
    assert_eq!(ada.get(&path(&found.body, "/content")).await.text, "found");
    assert_eq!(ada.get(&path(&kept, "/content")).await.text, "kept");
    ada.get(&path(&gone, "/content")).await.refused(404, "file.unknown");
    until("the health tells that, too", async || state().await == "s3: can be read and written").await;
}
