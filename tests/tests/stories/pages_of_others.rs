//! What pages of other origins may read: every header that is meant for clients is exposed to them (CORS).

use std::collections::BTreeSet;

use clowder_tests::{
    Answer, Client, Database, World,
    documents::OpenApi,
    things::{Stage, Things},
    world::PASSWORD,
};
use serde_json::json;

/// What every page may read (CORS-safelisted response-header names, Fetch §2.2.1.3).
const SAFELISTED: &[&str] =
    &["cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"];
/// Headers for the connection, caches and browsers, not for programs.
const NOT_FOR_PROGRAMS: &[&str] = &[
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "connection",
    "content-encoding",
    "content-security-policy",
    "date",
    "referrer-policy",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
    "vary",
    "x-content-type-options",
];

/// Sends requests as a page would, and records the response headers.
struct Page {
    seen: BTreeSet<String>,
    exposed: BTreeSet<String>,
}

impl Page {
    async fn ask(&mut self, client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = client.request(method, path).header("origin", "https://app.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = Answer::to(request).await;
        self.note(&answer);
        answer
    }

    fn note(&mut self, answer: &Answer) {
        self.seen.extend(answer.headers.keys().map(ToString::to_string));
        self.exposed = answer.header("access-control-expose-headers").split(", ").map(str::to_owned).collect();
    }
}

#[tokio::test]
async fn pages_may_read_every_header_that_tells_them_something() {
    let world = World::with(Database::sqlite(), &[("CORS_ALLOWED_ORIGINS", "https://app.example")]).await;
    let (root, bob) = (world.staff("rita", "admin").await, world.user("bob").await);
    let chat = root.private_chat(&bob).await;
    root.group("Lunch", &[&bob]).await;
    root.says(&chat, "hello").await;
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let mut page = Page { seen: BTreeSet::new(), exposed: BTreeSet::new() };
    let mut walked = 0;
    for (_, template, _) in api.operations().into_iter().filter(|(method, ..)| *method == "GET") {
        let stage = Stage { world: &world, owner: &root, friend: &bob };
        let path = Things::of(stage, [template]).await.fill(template);
        for client in [&*root, world.nobody()] {
            page.ask(client, "GET", &path, &[], "").await;
        }
        page.ask(world.nobody(), "DELETE", &path, &[], "").await;
        walked += 1;
    }
    assert!(walked > 30, "{walked}");
    page.ask(&root, "GET", "/api/chats?limit=1", &[], "").await.expect(200);
    page.ask(&root, "OPTIONS", "/api/chats", &[("access-control-request-method", "POST")], "").await;
    page.ask(&root, "GET", "/api/auth/me", &[("if-none-match", "*")], "").await;
    page.ask(&root, "GET", "/api/admin/audit/export", &[], "").await.expect(200);
    let template = "/api/files/{file_id}/content";
    let path = Things::of(Stage { world: &world, owner: &root, friend: &bob }, [template]).await.fill(template);
    assert_eq!(page.ask(&root, "GET", &path, &[("range", "bytes=0-0")], "").await.status, 206);
    let version = ("tus-resumable", "1.0.0");
    page.ask(&root, "OPTIONS", "/api/files/resumable", &[], "").await.expect(204);
    let begins = [version, ("upload-length", "1"), ("upload-metadata", "filename YQ==")];
    let begun = page.ask(&root, "POST", "/api/files/resumable", &begins, "").await;
    let place = begun.header("location").to_owned();
    page.ask(&root, "GET", &place, &[version], "").await.expect(200);
    let part = root.request("PATCH", &place).header("upload-offset", "0").header(version.0, version.1);
    let part = part.header("content-type", "application/offset+octet-stream").body("x");
    page.note(&Answer::to(part.header("origin", "https://app.example")).await);
    let group = json!({"type": "group", "title": "x"}).to_string();
    for _ in 0..2 {
        page.ask(&root, "POST", "/api/chats", &[("idempotency-key", "1")], &group).await.expect(201);
    }
    page.ask(&root, "POST", "/api/chats", &[("content-encoding", "gzip")], &group).await.expect(415);
    let guess = json!({"username": "bob", "password": format!("not {PASSWORD}")}).to_string();
    while page.ask(world.nobody(), "POST", "/api/auth/login", &[], &guess).await.status != 429 {}

    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let readable: BTreeSet<_> = page.exposed.union(&names(SAFELISTED)).cloned().collect();
    let known: BTreeSet<_> = readable.union(&names(NOT_FOR_PROGRAMS)).cloned().collect();
    let hidden: Vec<_> = page.seen.difference(&known).collect();
    assert!(hidden.is_empty(), "sent, but neither exposed nor known to be of no use to a program: {hidden:?}");
    let unseen: Vec<_> = page.exposed.difference(&page.seen).collect();
    assert!(unseen.is_empty(), "exposed, but never sent: {unseen:?}");
    assert!(page.exposed.is_disjoint(&names(NOT_FOR_PROGRAMS)), "{:?}", page.exposed);
}
