//! Calls every route of the OpenAPI document without a token, as an unrelated user and as a suspended user, tag by tag
//! on both databases. Exceptions are in a list that is reviewed when it changes, and may not name routes that no longer
//! exist.

use std::collections::{BTreeMap, BTreeSet};

use clowder_tests::{
    Answer, User, World, by_tag,
    documents::OpenApi,
    domains::{DOMAINS, Domain, Reasons, listed},
    tags::tag,
    things::{Stage, Things, is_of_nothing, parameters, registered},
};
use serde_json::{Value, json};

by_tag!(nobody_gets_in, a_stranger_sees_nothing, a_suspended_user_reads_why_and_nothing_else);

/// A list of exceptions of all domains, each as `METHOD /path`.
fn list(of: impl Fn(&Domain) -> Reasons) -> BTreeSet<&'static str> {
    listed(of).collect()
}

/// The routes of a tag, and existing things that an unrelated user may not see.
struct Walk {
    world: World,
    api: OpenApi,
    tag: &'static str,
    things: Things,
    /// A user without access to them.
    eve: User,
}

impl Walk {
    async fn new(world: World, tag: &'static str) -> Self {
        let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
        let (owner, friend) = (world.user("ada").await, world.user("bob").await);
        let stage = Stage { world: &world, owner: &owner, friend: &friend };
        let things = Things::of(stage, of_tag(&api, tag).into_iter().map(|(_, template, _)| template)).await;
        let eve = world.user("eve").await;
        Self { world, api, tag, things, eve }
    }

    /// Each route with its operation.
    fn routes(&self) -> impl Iterator<Item = (String, String, &str, &Value)> {
        let operations = of_tag(&self.api, self.tag).into_iter();
        operations.map(|(method, template, operation)| (format!("{method} {template}"), method, template, operation))
    }

    async fn call(&self, access: Option<&str>, method: &str, template: &str, operation: &Value) -> Answer {
        let client = match access {
            Some(access) => self.world.nobody().with(access),
            None => self.world.nobody().clone(),
        };
        let path = format!("{}?{}", self.things.fill(template), OpenApi::needed(operation, &self.eve.id, ""));
        let mut request = client.request(method, path.trim_end_matches(['?', '&']));
        if operation["requestBody"].is_object() {
            request = self.api.with_body(request, operation, &self.api.example(operation));
        }
        Answer::to(request).await
    }
}

/// The document as a server returns it.
async fn api() -> OpenApi {
    OpenApi(World::shared_on_sqlite(&[]).await.nobody().get("/api/openapi.json").await.expect(200))
}

fn of_tag<'a>(api: &'a OpenApi, wanted: &str) -> Vec<(String, &'a str, &'a Value)> {
    api.operations().into_iter().filter(|(.., operation)| tag(operation) == wanted).collect()
}

async fn nobody_gets_in(world: World, tag: &'static str) {
    let walk = Walk::new(world, tag).await;
    let open = list(|domain| domain.open);
    let mut wrong = Vec::new();
    for (route, method, template, operation) in walk.routes().filter(|(route, ..)| !open.contains(route.as_str())) {
        let answer = walk.call(None, &method, template, operation).await;
        if answer.status != 401 {
            wrong.push(format!("{route}: {}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "open to everybody: {wrong:#?}");
}

async fn a_stranger_sees_nothing(world: World, tag: &'static str) {
    let walk = Walk::new(world, tag).await;
    let shared = list(|domain| domain.shared);
    let mut wrong = Vec::new();
    let hidden = |route: &str| route.contains('{') && !shared.contains(route);
    for (route, method, template, operation) in walk.routes().filter(|(route, ..)| hidden(route)) {
        let answer = walk.call(Some(walk.eve.token()), &method, template, operation).await;
        let expected = if template.starts_with("/api/admin/") { 403 } else { 404 };
        if answer.status != expected {
            wrong.push(format!("{route}: {} {}", answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "seen by strangers: {wrong:#?}");
}

async fn a_suspended_user_reads_why_and_nothing_else(world: World, tag: &'static str) {
    let walk = Walk::new(world, tag).await;
    let eve = &walk.eve;
    assert!(walk.world.command(&["admin", "suspend", &eve.name, "--reason", "spam"], &[]).well);
    walk.world.until(eve, |me| me["suspension"]["reason"] == "spam").await;
    let (open, allowed) = (list(|domain| domain.open), list(|domain| domain.suspended));
    let mut wrong = Vec::new();
    for (route, method, template, operation) in walk.routes() {
        if allowed.contains(route.as_str()) {
            // Some of these end the session, or all.
            let again = walk.world.login(&eve.name).await;
            let answer = walk.call(Some(again.token()), &method, template, operation).await;
            // Of what they call it about, there may be nothing in a walk.
            let hidden = answer.body["code"].as_str().is_some_and(is_of_nothing);
            if answer.status >= 400 && !hidden {
                wrong.push(format!("{route}: refused, but it is listed: {}", answer.text));
            }
        } else if !open.contains(route.as_str()) || route.ends_with("/ws") {
            let again = walk.world.login(&eve.name).await;
            let answer = walk.call(Some(again.token()), &method, template, operation).await;
            if (answer.status, answer.body["code"].as_str()) != (403, Some("account.suspended")) {
                wrong.push(format!("{route}: {} {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "not as a suspended user should find it: {wrong:#?}");
}

/// What a domain lists is there and is its own: no walk looks for the lines that are left over.
#[tokio::test]
async fn lists_name_only_what_exists() {
    let api = api().await;
    let routes: BTreeMap<_, _> = api
        .operations()
        .into_iter()
        .map(|(method, template, operation)| (format!("{method} {template}"), tag(operation)))
        .collect();
    for domain in DOMAINS {
        for (route, _) in [domain.open, domain.shared, domain.suspended, domain.people].concat() {
            assert_eq!(routes.get(route), Some(&domain.tag), "{} has no {route}", domain.tag);
        }
    }
    let needed: BTreeSet<_> = routes.keys().flat_map(|route| parameters(route)).collect();
    let registered: BTreeSet<_> = registered().map(|thing| thing.name).collect();
    assert_eq!(registered, needed, "the things in tests/src/domains and the parameters of paths are not the same");
}

#[tokio::test]
async fn what_is_closed_to_api_keys_is_so_on_purpose() {
    let api = api().await;
    let open = list(|domain| domain.open);
    let people = list(|domain| domain.people);
    let mut wrong = Vec::new();
    for (method, template, operation) in api.operations() {
        let route = format!("{method} {template}");
        let security = operation["security"].as_array().unwrap();
        let has_scope = security.iter().any(|way| way["api_key"].is_array());
        let listed = people.contains(route.as_str());
        if !open.contains(route.as_str()) && has_scope == listed {
            wrong.push(route);
        }
    }
    assert!(wrong.is_empty(), "these must either name a scope or stand in PEOPLE of their domain: {wrong:#?}");
}

/// The document is complete: it contains everything that the stories call.
#[tokio::test]
async fn the_walk_covers_what_is_there() {
    let api = api().await;
    let routes: BTreeSet<_> =
        api.operations().iter().map(|(method, template, _)| format!("{method} {template}")).collect();
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
    assert_ne!(api.0["info"]["version"], json!(null));
}
