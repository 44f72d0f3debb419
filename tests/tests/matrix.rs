//! The access matrix: who may ask what, found out by asking a live server, held against what the OpenAPI document says
//! and against `docs/access-matrix.md`.

use std::fmt::Write;

use clowder_tests::{Answer, Client, Database, User, World, documents::OpenApi, root, setting};
use serde_json::{Value, json};

const FILE: &str = "docs/access-matrix.md";
const COMMAND: &str = "UPDATE_MATRIX=1 cargo nextest run -p clowder-tests --test matrix";

/// The columns, in the order in which they ask: whoever may change most comes last.
const CALLERS: [&str; 8] =
    ["nobody", "suspended", "stranger", "key without its scope", "key with its scope", "moderator", "admin", "owner"];

/// Codes that say who somebody is not, or that hide from them what there is. Whoever gets another answer got in.
fn refuses(code: &str) -> bool {
    let about_the_caller = ["token.missing", "session.ended", "scope.", "permission.", "account.", "api_key.invalid"];
    let hidden = code.ends_with(".unknown") && !REACHED.contains(&code);
    hidden || code == "user.outranked" || about_the_caller.iter().any(|start| code.starts_with(start))
}

/// Of these things there are none in the walk: who is told so has passed the door.
const REACHED: &[&str] = &["sign_up.unknown", "invite.unknown", "export.unknown", "route.unknown"];

/// What one row of the walk is about, made anew for each, so that no call spoils the next.
struct Things {
    owner: User,
    chat: String,
    message: String,
    session: String,
    key: String,
    /// Somebody for people with a role to govern.
    user: String,
}

struct Matrix {
    world: World,
    api: OpenApi,
    friend: User,
    /// Makes the people of each row what they are, and asks nothing else.
    root: User,
}

impl Matrix {
    async fn new() -> Self {
        let world = World::new(Database::sqlite()).await;
        let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
        let friend = world.user("friend").await;
        let root = world.staff("ruth", "admin").await;
        Self { world, api, friend, root }
    }

    async fn things(&self, number: usize) -> Things {
        let name = format!("owner{number}");
        let owner = self.world.user(&name).await;
        let second = self.world.login(&name).await;
        let sessions = second.get("/api/auth/sessions").await.expect(200);
        let other = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
        let chat = owner.private_chat(&self.friend).await;
        let message = owner.says(&chat, "between us").await;
        let key = self.key(&owner, &["chats:read"]).await;
        Things {
            session: other["id"].as_str().unwrap().to_owned(),
            message: message["id"].as_str().unwrap().to_owned(),
            key: key["id"].as_str().unwrap().to_owned(),
            user: self.world.user(&format!("target{number}")).await.id,
            chat,
            owner,
        }
    }

    async fn key(&self, user: &User, scopes: &[&str]) -> Value {
        user.post("/api/api-keys", json!({"name": "bot", "scopes": scopes})).await.expect(201)
    }

    /// Somebody who comes for one row: some routes end sessions or change passwords.
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

    /// Whoever asks. Keys belong to the owner, but those for routes
    /// of people with a role, which belong to an administrator.
    async fn caller(&self, caller: &str, number: usize, things: &Things, operation: &Value) -> Client {
        let staff = operation["x-permission"].is_string();
        let with_key = async |own: bool| {
            let admin = self.somebody("admin", number + if own { 10_000 } else { 20_000 }).await;
            let user = if staff { &admin } else { &things.owner };
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
            "suspended" | "stranger" | "moderator" | "admin" => {
                let user = self.somebody(caller, number).await;
                self.world.nobody().with(user.token())
            }
            "owner" => self.world.nobody().with(things.owner.token()),
            "key with its scope" => with_key(true).await,
            _ => with_key(false).await,
        }
    }

    fn fill(template: &str, things: &Things) -> String {
        let mut segments: Vec<&str> = Vec::new();
        for segment in template.split('/') {
            let filled = match (segment.starts_with('{'), segments.last().copied()) {
                (false, _) => segment,
                (true, Some("chats")) => &things.chat,
                (true, Some("messages")) => &things.message,
                (true, Some("sessions")) => &things.session,
                (true, Some("api-keys")) => &things.key,
                (true, Some("users")) => &things.user,
                (true, Some("sign-ups" | "invites" | "exports")) => "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10",
                (true, Some("swagger" | "account")) => "nothing.css",
                (true, Some("problems")) => "chat.unknown",
                (true, parent) => panic!("which {parent:?}? Teach the matrix what {template} needs"),
            };
            segments.push(filled);
        }
        segments.join("/")
    }

    async fn ask(&self, client: &Client, method: &str, template: &str, operation: &Value, things: &Things) -> String {
        let mut request = client.request(method, &Self::fill(template, things));
        if operation["requestBody"].is_object() {
            request = request.json(&self.api.example(operation));
        }
        let answer = Answer::to(request).await;
        match answer.body["code"].as_str() {
            Some(code) if answer.status >= 400 && refuses(code) => code.to_owned(),
            _ => "yes".to_owned(),
        }
    }

    /// One line of the matrix: what each caller got.
    async fn row(&self, number: usize, method: &str, template: &str, operation: &Value) -> [String; 8] {
        let things = self.things(number).await;
        let mut row = CALLERS.map(|_| String::new());
        for (cell, caller) in row.iter_mut().zip(CALLERS) {
            let client = self.caller(caller, number, &things, operation).await;
            *cell = self.ask(&client, method, template, operation, &things).await;
        }
        row
    }
}

fn scope(operation: &Value) -> Option<&str> {
    operation["x-scope"].as_str()
}

/// What the document says of the door; `None` where the rule behind it decides.
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

#[tokio::test]
async fn the_matrix_is_as_it_was_agreed() {
    let matrix = Matrix::new().await;
    let mut text = format!(
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
    );
    let mut wrong = Vec::new();
    let mut operations = matrix.api.operations();
    operations.sort_by_key(|(method, template, _)| (*template, method.clone()));
    for (number, (method, template, operation)) in operations.into_iter().enumerate() {
        let row = matrix.row(number, &method, template, operation).await;
        for (caller, cell) in CALLERS.iter().zip(&row) {
            if documented(caller, operation).is_some_and(|says| says != cell) {
                wrong.push(format!("{method} {template} as {caller}: {cell}, not as documented"));
            }
        }
        let needs = [operation["x-permission"].as_str(), scope(operation)];
        let needs: Vec<_> = needs.into_iter().flatten().map(|word| format!("`{word}`")).collect();
        writeln!(text, "| {method} `{template}` | {} | {} |", needs.join(" "), row.join(" | ")).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let file = root().join(FILE);
    if setting("UPDATE_MATRIX").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let (kept, found): (Vec<_>, Vec<_>) = (kept.lines().collect(), text.lines().collect());
    let gone: Vec<_> = kept.iter().filter(|line| !found.contains(line)).collect();
    let new: Vec<_> = found.iter().filter(|line| !kept.contains(line)).collect();
    assert!(
        kept == found,
        "{FILE} is not what the server does; if that is meant, run\n{COMMAND}\nonly there: {gone:#?}\nonly here: {new:#?}"
    );
}
