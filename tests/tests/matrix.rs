//! The access matrix: who may call what, determined on a live server and compared with the OpenAPI document and
//! `docs/access-matrix.md`; on both databases, tag by tag.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
};

use clowder_tests::{
    Answer, Client, User, World, by_tag,
    documents::OpenApi,
    root, setting,
    tags::tag,
    things::{Stage, Things, is_of_nothing},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

by_tag!(the_matrix_is_as_it_was_agreed);

const FILE: &str = "docs/access-matrix.md";
const COMMAND: &str = "UPDATE_MATRIX=1 cargo nextest run -p clowder-tests --test matrix";

/// The columns, in the order of the calls: callers that may change most come last.
const CALLERS: [&str; 8] =
    ["nobody", "suspended", "stranger", "key without its scope", "key with its scope", "moderator", "admin", "owner"];

/// How many rows are made at a time; each has people of its own.
const AT_ONCE: usize = 4;

/// Codes that refuse a caller, or hide from them what exists. Any other answer means access.
fn refuses(code: &str) -> bool {
    let about_the_caller = ["token.missing", "session.ended", "scope.", "permission.", "account.", "api_key.invalid"];
    // Some things don't exist in the walk: whoever is told so has access.
    let hidden = code.ends_with(".unknown") && !is_of_nothing(code);
    hidden || code == "user.outranked" || about_the_caller.iter().any(|start| code.starts_with(start))
}

struct Matrix {
    world: World,
    api: OpenApi,
    friend: User,
    /// Only prepares the users of each row.
    root: User,
    suspended: User,
}

impl Matrix {
    async fn new(world: World) -> Self {
        let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
        let friend = world.user("friend").await;
        let root = world.staff("ruth", "admin").await;
        let suspended = world.user("suspended").await;
        let suspension = format!("/api/admin/users/{}/suspension", suspended.id);
        root.put(&suspension, json!({"reason": "spam"})).await.expect(200);
        Self { world, api, friend, root, suspended }
    }

    async fn key(&self, user: &User, scopes: &[&str]) -> Value {
        user.post("/api/api-keys", json!({"name": "bot", "scopes": scopes})).await.expect(201)
    }

    /// A user for one row: some routes end sessions or change passwords.
    async fn somebody(&self, what: &str, number: usize) -> User {
        let user = self.world.user(&format!("{what}{number}")).await;
        let path = |what: &str| format!("/api/admin/users/{}/{what}", user.id);
        match what {
            "moderator" | "admin" => self.root.put(&path("role"), json!({"role": what})).await.expect(200),
            "suspended" => self.root.put(&path("suspension"), json!({"reason": "spam"})).await.expect(200),
            _ => Value::Null,
        };
        user
    }

    /// The caller. Keys belong to the owner, except those for staff routes, which belong to an administrator.
    async fn caller(&self, caller: &str, number: usize, owner: &User, operation: &Value) -> Client {
        let staff = operation["x-permission"].is_string();
        let with_key = async |own: bool| {
            let number = number + if own { 10_000 } else { 20_000 };
            let admin = if staff { Some(self.somebody("admin", number).await) } else { None };
            let user = admin.as_ref().unwrap_or(owner);
            let all = self.world.nobody().get("/api/api-keys/scopes").await.expect(200);
            let all = all["items"].as_array().unwrap().iter();
            let all =
                all.filter(|item| staff || item["least_role"] == "user").map(|item| item["scope"].as_str().unwrap());
            let needed = scope(operation);
            let scopes: Vec<_> = all.filter(|scope| own == (Some(*scope) == needed) || needed.is_none()).collect();
            self.world.nobody().with_key(self.key(user, &scopes).await["key"].as_str().unwrap())
        };
        match caller {
            "nobody" => self.world.nobody().clone(),
            // Nothing that they could change, unless the route is open to them.
            "suspended" if operation["x-even-suspended"] != true => self.world.nobody().with(self.suspended.token()),
            "suspended" | "stranger" | "moderator" | "admin" => {
                let user = self.somebody(caller, number).await;
                self.world.nobody().with(user.token())
            }
            "owner" => self.world.nobody().with(owner.token()),
            "key with its scope" => with_key(true).await,
            _ => with_key(false).await,
        }
    }

    async fn ask(&self, client: &Client, method: &str, template: &str, operation: &Value, things: &Things) -> String {
        let path = format!("{}?{}", things.fill(template), OpenApi::needed(operation, &self.friend.id, ""));
        let mut request = client.request(method, path.trim_end_matches(['?', '&']));
        if operation["requestBody"].is_object() {
            request = self.api.with_body(request, operation, &self.api.example(operation));
        }
        let answer = Answer::to(request).await;
        match answer.body["code"].as_str() {
            Some(code) if answer.status >= 400 && refuses(code) => code.to_owned(),
            _ => "yes".to_owned(),
        }
    }

    /// One line of the matrix: what each caller got.
    async fn row(&self, number: usize, method: &str, template: &str, operation: &Value) -> [String; 8] {
        let owner = self.world.user(&format!("owner{number}")).await;
        let stage = Stage { world: &self.world, owner: &owner, friend: &self.friend };
        let things = Things::of(stage, [template]).await;
        let mut row = CALLERS.map(|_| String::new());
        for (cell, caller) in row.iter_mut().zip(CALLERS) {
            let client = self.caller(caller, number, &owner, operation).await;
            *cell = self.ask(&client, method, template, operation, &things).await;
        }
        row
    }
}

fn scope(operation: &Value) -> Option<&str> {
    operation["x-scope"].as_str()
}

/// The access according to the document; `None` if a rule decides later.
fn documented(caller: &str, operation: &Value) -> Option<&'static str> {
    let security = operation["security"].as_array().unwrap();
    let public = security.is_empty() || security.contains(&json!({}));
    let needs = operation["x-least-role"].as_str();
    match caller {
        _ if public && scope(operation).is_none() => Some("yes"),
        "nobody" => Some(if public { "yes" } else { "token.missing" }),
        "suspended" => Some(if operation["x-even-suspended"] == true { "yes" } else { "account.suspended" }),
        "key without its scope" => Some("scope.missing"),
        "key with its scope" if scope(operation).is_none() => Some("scope.missing"),
        "stranger" | "owner" => needs.map(|_| "permission.denied"),
        "moderator" => needs.filter(|least| *least == "admin").map(|_| "permission.denied"),
        _ => None,
    }
}

/// The text above the table.
fn head() -> String {
    format!(
        "# Which caller may use which route\n\n\
         This page shows which caller may use which route. It is for developers of clients and for people who check access.\n\
         A test asks a live server and fails if this page differs; to update the page, run\n\
         `{COMMAND}`. [access.md](access.md) explains roles and scopes.\n\n\
         `yes` means that the caller reaches the handler, whatever it says about the input; anything else is the code of the\n\
         refusal. The *owner* calls about their own data, all others about the owner's; routes under `/api/admin/users` are\n\
         about an account without a role. The API keys belong to the owner or, for routes that need a permission, to an\n\
         administrator.\n\n\
         | route | needs | {} |\n|---|---|{}\n",
        CALLERS.join(" | "),
        "---|".repeat(CALLERS.len())
    )
}

/// The beginning of the line about this route.
fn beginning(method: &str, template: &str) -> String {
    format!("| {method} `{template}` |")
}

async fn the_matrix_is_as_it_was_agreed(world: World, wanted: &'static str) {
    let matrix = Matrix::new(world).await;
    let mut wrong = Vec::new();
    let mut found = BTreeMap::new();
    let operations = matrix.api.operations().into_iter().filter(|(.., operation)| tag(operation) == wanted);
    let rows = stream::iter(operations.enumerate()).map(|(number, (method, template, operation))| {
        let matrix = &matrix;
        async move { (matrix.row(number, &method, template, operation).await, method, template, operation) }
    });
    let rows: Vec<_> = rows.buffered(AT_ONCE).collect().await;
    for (row, method, template, operation) in rows {
        for (caller, cell) in CALLERS.iter().zip(&row) {
            if documented(caller, operation).is_some_and(|says| says != cell) {
                wrong.push(format!("{method} {template} as {caller}: {cell}, not as documented"));
            }
        }
        let needs = [operation["x-permission"].as_str(), scope(operation)];
        let needs: Vec<_> = needs.into_iter().flatten().map(|word| format!("`{word}`")).collect();
        let beginning = beginning(&method, template);
        let line = format!("{beginning} {} | {} |", needs.join(" "), row.join(" | "));
        found.insert(beginning, line);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    if setting("UPDATE_MATRIX").is_some() {
        update(&matrix.api, &found);
    }
    let page = std::fs::read_to_string(root().join(FILE)).unwrap_or_default();
    let missing: Vec<_> = found.values().filter(|line| !page.lines().any(|kept| kept == *line)).collect();
    assert!(
        missing.is_empty(),
        "{FILE} is not what the server does; if that is meant, run\n{COMMAND}\nnot there: {missing:#?}"
    );
}

/// Writes these lines into the page, replacing others about their routes, and removes routes that no longer exist.
/// Tests of other tags do the same at the same time.
fn update(api: &OpenApi, found: &BTreeMap<String, String>) {
    let file = File::open(root().join("docs")).unwrap();
    file.lock().unwrap();
    let page = std::fs::read_to_string(root().join(FILE)).unwrap_or_default();
    let mut text = head();
    for beginning in routes(api) {
        let kept = page.lines().find(|line| line.starts_with(&beginning)).map(str::to_owned);
        if let Some(line) = found.get(&beginning).cloned().or(kept) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    std::fs::write(root().join(FILE), text).unwrap();
}

/// Every route, in the order of the page.
fn routes(api: &OpenApi) -> Vec<String> {
    api.operations().into_iter().map(|(method, template, _)| beginning(&method, template)).collect()
}

/// The lines are compared with the server above; this checks that there is one for each route and nothing else.
#[tokio::test]
async fn the_page_is_complete() {
    let world = World::shared_on_sqlite(&[]).await;
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let page = std::fs::read_to_string(root().join(FILE)).unwrap();
    let table = page.strip_prefix(&head()).unwrap_or_else(|| panic!("{FILE} begins otherwise; run {COMMAND}"));
    let routes = routes(&api);
    assert_eq!(routes.iter().collect::<BTreeSet<_>>().len(), routes.len());
    let listed: Vec<_> = table.lines().map(|line| line.split('|').nth(1).unwrap_or_default().trim()).collect();
    let expected: Vec<_> = routes.iter().map(|begins| begins.trim_matches(['|', ' '])).collect();
    assert_eq!(listed, expected, "{FILE}; run {COMMAND}");
}
