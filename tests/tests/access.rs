//! Every route of the OpenAPI document, walked as nobody, as a stranger and as a suspended user. What lets them in stands in a list that
//! is read when it changes, and may not name what does not exist any more.

use std::collections::BTreeSet;

use clowder_tests::{Answer, Database, World, documents::OpenApi, root};
use serde_json::{Value, json};

/// `METHOD /path` of each line of a checked-in list; what follows is the reason.
fn list(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("tests/tests/access").join(name)).unwrap();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let route = format!("{} {}", words.next().unwrap(), words.next().unwrap());
            assert!(words.next().is_some(), "no reason given: {line}");
            route
        })
        .collect()
}

struct Walk {
    world: World,
    api: OpenApi,
    /// Of things that exist and that strangers may not see.
    chat: String,
    message: String,
    session: String,
    user: String,
    key: String,
}

impl Walk {
    async fn new() -> Self {
        let world = World::new(Database::sqlite()).await;
        let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
        let (ada, bob) = (world.user("ada").await, world.user("bob").await);
        let chat = ada.private_chat(&bob).await;
        let message = ada.says(&chat, "between us").await["id"].as_str().unwrap().to_owned();
        let sessions = ada.get("/api/auth/sessions").await.expect(200);
        let session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
        let key = ada.post("/api/api-keys", json!({"name": "bot", "scopes": ["chats:read"]})).await.expect(201);
        let (user, key) = (ada.id.clone(), key["id"].as_str().unwrap().to_owned());
        Self { world, api, chat, message, session, user, key }
    }

    /// The template with ids of things that exist.
    fn fill(&self, template: &str) -> String {
        let mut segments: Vec<String> = Vec::new();
        for segment in template.split('/') {
            let filled = match (segment.starts_with('{'), segments.last().map(String::as_str)) {
                (false, _) => segment,
                (true, Some("chats")) => &self.chat,
                (true, Some("messages")) => &self.message,
                (true, Some("sessions")) => &self.session,
                (true, Some("users")) => &self.user,
                (true, Some("api-keys")) => &self.key,
                (true, Some("account")) => "account.js",
                // A copy that nobody asked for, and an account that nobody has: doors are all there is to see.
                (true, Some("exports")) => "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10",
                // Nobody waits here and nobody is invited: strangers get no further than the door.
                (true, Some("sign-ups" | "invites")) => "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10",
                (true, Some("swagger")) => "swagger-ui.css",
                (true, parent) => panic!("which {parent:?}? Teach the walk what {template} needs"),
            };
            segments.push(filled.to_owned());
        }
        segments.join("/")
    }

    async fn call(&self, access: Option<&str>, method: &str, template: &str, operation: &Value) -> Answer {
        let client = match access {
            Some(access) => self.world.nobody().with(access),
            None => self.world.nobody().clone(),
        };
        let mut request = client.request(method, &self.fill(template));
        if operation["requestBody"].is_object() {
            request = request.json(&self.api.example(operation));
        }
        Answer::to(request).await
    }
}

#[tokio::test]
async fn nobody_gets_in() {
    let walk = Walk::new().await;
    let mut open = list("open.txt");
    let mut wrong = Vec::new();
    for (method, template, operation) in walk.api.operations() {
        let route = format!("{method} {template}");
        if open.remove(&route) {
            continue;
        }
        let answer = walk.call(None, &method, template, operation).await;
        if answer.status != 401 {
            wrong.push(format!("{route}: {}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "open to everybody: {wrong:#?}");
    assert!(open.is_empty(), "listed as open, but there is no such route: {open:#?}");
}

#[tokio::test]
async fn a_stranger_sees_nothing() {
    let walk = Walk::new().await;
    let eve = walk.world.user("eve").await;
    let mut shared = list("shared.txt");
    let mut wrong = Vec::new();
    for (method, template, operation) in
        walk.api.operations().into_iter().filter(|(_, template, _)| template.contains('{'))
    {
        let route = format!("{method} {template}");
        if shared.remove(&route) {
            continue;
        }
        let answer = walk.call(Some(eve.token()), &method, template, operation).await;
        let expected = if template.starts_with("/api/admin/") { 403 } else { 404 };
        if answer.status != expected {
            wrong.push(format!("{route}: {} {}", answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "seen by strangers: {wrong:#?}");
    assert!(shared.is_empty(), "listed as shared, but there is no such route: {shared:#?}");
}

#[tokio::test]
async fn a_suspended_user_reads_why_and_nothing_else() {
    let walk = Walk::new().await;
    let eve = walk.world.user("eve").await;
    assert!(walk.world.command(&["admin", "suspend", "eve", "--reason", "spam"], &[]).well);
    walk.world.until(&eve, |me| me["suspension"]["reason"] == "spam").await;
    let open = list("open.txt");
    let mut allowed = list("suspended.txt");
    let mut wrong = Vec::new();
    for (method, template, operation) in walk.api.operations() {
        let route = format!("{method} {template}");
        if allowed.remove(&route) {
            // Some of these end the session, or all.
            let eve = walk.world.login("eve").await;
            let answer = walk.call(Some(eve.token()), &method, template, operation).await;
            if answer.status >= 400 {
                wrong.push(format!("{route}: refused, but it is listed: {}", answer.text));
            }
        } else if !open.contains(&route) || route.ends_with("/ws") {
            let eve = walk.world.login("eve").await;
            let answer = walk.call(Some(eve.token()), &method, template, operation).await;
            if (answer.status, answer.body["code"].as_str()) != (403, Some("account.suspended")) {
                wrong.push(format!("{route}: {} {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "not as a suspended user should find it: {wrong:#?}");
    assert!(allowed.is_empty(), "listed as allowed, but there is no such route: {allowed:#?}");
}

#[tokio::test]
async fn what_is_closed_to_api_keys_is_so_on_purpose() {
    let walk = Walk::new().await;
    let open = list("open.txt");
    let mut people = list("people.txt");
    let mut wrong = Vec::new();
    for (method, template, operation) in walk.api.operations() {
        let route = format!("{method} {template}");
        let security = operation["security"].as_array().unwrap();
        let has_scope = security.iter().any(|way| way["api_key"].is_array());
        let listed = people.remove(&route);
        if !open.contains(&route) && has_scope == listed {
            wrong.push(route);
        }
    }
    assert!(wrong.is_empty(), "these must either name a scope or stand in people.txt: {wrong:#?}");
    assert!(people.is_empty(), "listed as for people, but there is no such route: {people:#?}");
}

/// The document is complete: what the stories call is in it.
#[tokio::test]
async fn the_walk_covers_what_is_there() {
    let walk = Walk::new().await;
    let routes: BTreeSet<_> =
        walk.api.operations().iter().map(|(method, template, _)| format!("{method} {template}")).collect();
    for route in [
        "POST /api/auth/register",
        "POST /api/auth/login",
        "POST /api/auth/refresh",
        "POST /api/auth/logout",
        "GET /api/auth/me",
        "GET /api/auth/sessions",
        "GET /api/chats",
        "POST /api/chats",
        "POST /api/ws/ticket",
        "POST /api/token",
    ] {
        assert!(routes.contains(route), "{route} is not documented: {routes:#?}");
    }
    assert_ne!(walk.api.0["info"]["version"], json!(null));
}
