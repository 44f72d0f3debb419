//! The OpenAPI and AsyncAPI documents are valid, and real responses and frames match them.

mod asyncapi;
mod live;
mod names;
mod tours;

use clowder_tests::{
    Answer, Auth, Client, Database, Socket, User, World,
    documents::{AsyncApi, OpenApi, dangling},
    world::PASSWORD,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn documents(world: &World) -> (OpenApi, AsyncApi) {
    let openapi = world.nobody().get("/api/openapi.json").await.expect(200);
    let asyncapi = world.nobody().get("/api/asyncapi.json").await.expect(200);
    (OpenApi(openapi), AsyncApi(asyncapi))
}

#[tokio::test]
async fn openapi_is_complete() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    assert!(api.0["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(dangling(&api.0), Vec::<String>::new());
    assert_eq!(api.broken_schemas(), Vec::<String>::new());
    let mut ids = std::collections::BTreeSet::new();
    let mut flaws = Vec::new();
    let tags: Vec<_> = api.0["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    for (method, path, operation) in api.described() {
        let route = format!("{method} {path}");
        let mut need = |there: bool, what: &str| {
            if !there {
                flaws.push(format!("{route}: {what}"));
            }
        };
        need(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "no summary");
        need(operation["description"].as_str().is_some_and(|text| text.contains("**Access.**")), "no description");
        let tagged =
            operation["tags"].as_array().is_some_and(|of| !of.is_empty() && of.iter().all(|tag| tags.contains(tag)));
        need(tagged, "no declared tag");
        need(
            operation["operationId"].as_str().is_some_and(|id| {
                let is_camel =
                    id.starts_with(|c: char| c.is_ascii_lowercase()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
                is_camel && ids.insert(id.to_owned())
            }),
            "no operationId of its own, in camel case",
        );
        let responses = operation["responses"].as_object().cloned().unwrap_or_default();
        need(responses.keys().any(|status| status.starts_with(['1', '2', '3'])), "no success");
        need(responses.keys().any(|status| status.starts_with(['4', 'd'])), "no errors");
        if operation["requestBody"].is_object() {
            let example = api.example(operation);
            need(example.as_object().is_some_and(|example| !example.is_empty()), "no example of the body");
        }
        for name in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            need(
                parameters.iter().any(|parameter| parameter["name"] == name),
                "a path parameter that is not described",
            );
        }
    }
    assert!(flaws.is_empty(), "{flaws:#?}");
}

#[tokio::test]
async fn examples_are_as_their_schemas_say() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let (wrong, looked_at) = api.wrong_examples();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(looked_at > 500, "{looked_at}");
}

/// Members that are always sent are required, even if they can be `null`; a problem lists its possible codes.
#[tokio::test]
async fn schemas_are_as_tight_as_the_server() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let schemas = &api.0["components"]["schemas"];
    for (name, members) in [
        ("Message", ["content", "edited_at", "deleted_at", "client_id"].as_slice()),
        ("Chat", &["title", "peer", "last_message"]),
        ("ChatPage", &["items", "next_cursor"]),
        ("Own", &["bio", "suspension", "erase_at"]),
    ] {
        let required = schemas[name]["required"].as_array().unwrap();
        members.iter().for_each(|member| assert!(required.contains(&json!(member)), "{name}.{member}"));
    }
    assert_eq!(schemas["NewChat"]["required"], json!(["type"]));
    assert_eq!(schemas["Login"]["required"], json!(["password"]));
    assert!(schemas["Scope"]["enum"].as_array().unwrap().contains(&json!("chats:read")));
    for (name, response) in api.0["components"]["responses"].as_object().unwrap() {
        let codes =
            &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"];
        assert!(codes.as_array().is_some_and(|codes| !codes.is_empty()), "{name}");
    }
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let people = json!([bob.id]);
    for (body, status) in [
        (json!({"type": "group", "title": "Lunch"}), 201),
        (json!({"type": "group", "name": "Lunch"}), 201),
        (json!({"type": "private", "participant_ids": people}), 201),
        (json!({"type": "group"}), 422),
        (json!({"type": "group", "title": " "}), 422),
        (json!({"type": "private", "title": "Us", "participant_ids": people}), 422),
        (json!({"type": "private"}), 422),
    ] {
        assert_eq!(api.fits("NewChat", &body), status != 422, "{body}");
        ada.post("/api/chats", body).await.expect(status);
    }
    for (body, status) in [
        (json!({"username": "ada", "password": PASSWORD}), 200),
        (json!({"email": "ada", "password": PASSWORD}), 200),
        (json!({"password": PASSWORD}), 422),
        (json!({"username": "ada\n", "password": PASSWORD}), 422),
    ] {
        assert_eq!(api.fits("Login", &body), status != 422, "{body}");
        world.nobody().post("/api/auth/login", body).await.expect(status);
    }
}

/// The documented response to parameters that exclude each other is the real one.
#[tokio::test]
async fn parameters_that_exclude_each_other() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let operation = &api.0["paths"]["/api/chats/{chat_id}/messages"]["get"];
    assert!(operation["description"].as_str().unwrap().contains("at most one of `before`, `after`, `around`"));
    let reference = operation["responses"]["422"]["$ref"].as_str().unwrap();
    let response = api.0.pointer(&reference[1..]).unwrap();
    let example = &response["content"]["application/problem+json"]["examples"]["several of them"]["value"];
    for query in ["before=1&after=1", "after=0&around=0", "before=1&around=2"] {
        let told = ada.get(&format!("/api/chats/{chat}/messages?{query}")).await.refused(422, "input.invalid");
        assert_eq!((&told["errors"], &told["title"]), (&example["errors"], &example["title"]), "{query}");
    }
}

/// Which unknown members clients may add, and which they may not.
#[tokio::test]
async fn unknown_members_of_bodies() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let mut strict = Vec::new();
    for (method, path, operation) in api.operations() {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(target) = body["$ref"].as_str() else { continue };
        let schema = api.0.pointer(&target[1..]).unwrap();
        let says = schema["description"].as_str().unwrap_or_default();
        match schema["additionalProperties"].as_bool() {
            Some(true) => assert!(says.ends_with("Unknown members are ignored."), "{method} {path}: {says}"),
            Some(false) => {
                assert!(says.ends_with("Unknown members are refused."), "{method} {path}: {says}");
                strict.push(path);
            }
            None => panic!("{method} {path} does not say"),
        }
    }
    strict.dedup();
    assert_eq!(strict, ["/api/users/me/settings"]);
    for part in ["PrivacyPatch", "NotificationsPatch"] {
        assert_eq!(api.0["components"]["schemas"][part]["additionalProperties"], false, "{part}");
    }
    let ada = world.user("ada").await;
    ada.patch("/api/auth/me", json!({"bio": "counts", "shoe_size": 38})).await.expect(200);
    ada.patch("/api/users/me/settings", json!({"theme": "dark", "shoe_size": 38})).await.expect(422);
    ada.patch("/api/users/me/settings", json!({"privacy": {"shoe_size": 38}})).await.expect(422);
    let whole = ada.get("/api/users/me/settings").await.expect(200);
    ada.patch("/api/users/me/settings", whole).await.expect(200);
}

/// How PUT and PATCH treat a body that changes nothing.
#[tokio::test]
async fn edits_that_change_nothing() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let message = ada.says(&chat, "hello").await["id"].as_str().unwrap().to_owned();
    let mut socket = ada.socket().await;
    let mut tried = 0;
    for (method, template, operation) in api.operations() {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let edits = parameters.iter().any(|parameter| parameter["name"] == "If-Match");
        if !matches!(&*method, "PUT" | "PATCH") || !edits {
            continue;
        }
        let says = operation["description"].as_str().unwrap_or_default();
        assert!(says.contains("A body that changes nothing is answered 200"), "{method} {template}: {says}");
        let whole = template.starts_with("/api/messages");
        assert_ne!(says.contains("members that are absent stay as they are"), whole, "{method} {template}: {says}");
        let path = template.replace("{message_id}", &message);
        let before = ada.get(&path).await;
        let mut same = vec![json!({}), before.body.clone()];
        if path.starts_with("/api/messages") {
            same = vec![json!({"content": "hello"})];
        }
        for body in same {
            let tag = before.header("etag");
            let answer = Answer::to(ada.request(&method, &path).header("if-match", tag).json(&body)).await;
            assert_eq!((answer.status, answer.header("etag")), (200, tag), "{method} {path}");
            assert_eq!(answer.body, before.body, "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
    // Nothing was sent before this frame.
    ada.says(&chat, "done").await;
    assert_eq!(socket.frame().await["type"], "message.sent");
}

/// Calls, and records how the response violates the document.
struct Tour {
    api: OpenApi,
    complaints: Vec<String>,
}

impl Tour {
    async fn call(&mut self, client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = client.request(method, path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = Answer::to(request).await;
        self.complaints.extend(self.api.complaints(method, path, &answer));
        answer
    }

    /// Calls of staff to govern a user in between.
    async fn staff(&mut self, world: &World, eve: &User) {
        let root = world.staff("ruth", "admin").await;
        let account = format!("/api/admin/users/{}", eve.id);
        let suspension = format!("{account}/suspension");
        self.call(&root, "GET", "/api/admin/users?limit=2", None).await.expect(200);
        self.call(&root, "GET", "/api/admin/users?role=king", None).await.expect(422);
        self.call(&root, "GET", &account, None).await.expect(200);
        self.call(eve, "GET", &account, None).await.expect(403);
        let until = json!({"reason": "spam", "until": "2199-01-01T00:00:00Z"});
        self.call(&root, "PUT", &suspension, Some(until)).await.expect(200);
        self.call(eve, "GET", "/api/chats", None).await.expect(403);
        self.call(eve, "GET", "/api/ws", None).await.expect(403);
        self.call(eve, "GET", "/api/auth/me", None).await.expect(200);
        self.call(&root, "PUT", &suspension, Some(json!({"reason": "spam"}))).await.expect(200);
        self.call(&root, "GET", "/api/admin/users?status=suspended", None).await.expect(200);
        self.call(eve, "GET", "/api/auth/me", None).await.expect(200);
        self.call(&root, "DELETE", &suspension, None).await.expect(204);
        self.call(&root, "PUT", &format!("{account}/role"), Some(json!({"role": "moderator"}))).await.expect(200);
        let own = format!("/api/admin/users/{}/role", root.id);
        self.call(&root, "PUT", &own, Some(json!({"role": "user"}))).await.expect(409);
        self.call(eve, "PUT", &format!("/api/admin/users/{}/suspension", root.id), Some(json!({"reason": "x"})))
            .await
            .expect(403);
        self.call(&root, "POST", &format!("{account}/sessions/end"), None).await.expect(204);
        self.call(eve, "GET", "/api/admin/users", None).await.expect(401);
    }

    async fn api_keys(&mut self, world: &World, ada: &User) {
        let new = json!({"name": "bot", "scopes": ["chats:read"], "expires_at": "2199-01-01T00:00:00Z"});
        let issued = self.call(ada, "POST", "/api/api-keys", Some(new)).await.expect(201);
        let bot = world.nobody().with_key(issued["key"].as_str().unwrap());
        let own = format!("/api/api-keys/{}", issued["id"].as_str().unwrap());
        self.call(ada, "POST", "/api/api-keys", Some(json!({"scopes": ["all"]}))).await.expect(422);
        self.call(ada, "GET", "/api/api-keys", None).await.expect(200);
        self.call(ada, "GET", &own, None).await.expect(200);
        self.call(&bot, "GET", "/api/chats", None).await.expect(200);
        self.call(&bot, "GET", &own, None).await.expect(403);
        self.call(&bot, "GET", "/api/ws", None).await.expect(403);
        self.call(&bot, "GET", "/api/api-keys/scopes", None).await.expect(200);
        self.call(ada, "DELETE", &own, None).await.expect(204);
        self.call(ada, "DELETE", &own, None).await.expect(404);
        self.call(&bot, "GET", "/api/chats", None).await.expect(401);
    }
}

#[tokio::test]
async fn answers_are_as_documented() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let mut tour = Tour { api, complaints: Vec::new() };
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let nobody = world.nobody();

    let account = json!({"username": "cem", "email": "cem@example.org", "password": PASSWORD});
    tour.call(nobody, "POST", "/api/auth/register", Some(account.clone())).await.expect(201);
    tour.call(nobody, "POST", "/api/auth/register", Some(account.clone())).await.expect(409);
    tour.call(nobody, "POST", "/api/auth/register", Some(json!({}))).await.expect(422);
    let login = json!({"username": "cem", "password": PASSWORD});
    let pair = tour.call(nobody, "POST", "/api/auth/login", Some(login.clone())).await.expect(200);
    tour.call(nobody, "POST", "/api/auth/login", Some(json!({"username": "cem", "password": "wrong one"})))
        .await
        .expect(401);
    tour.call(nobody, "POST", "/api/auth/refresh", Some(json!({"refresh": pair["refresh"]}))).await.expect(200);
    let pair = tour.call(nobody, "POST", "/api/token", Some(login)).await.expect(200);
    tour.call(nobody, "POST", "/api/token/refresh", Some(json!({"refresh": pair["refresh"]}))).await.expect(200);
    tour.call(nobody, "POST", "/api/token/verify", Some(json!({"token": pair["access"]}))).await.expect(200);
    tour.call(nobody, "GET", "/api/chats", None).await.expect(401);

    tour.call(&ada, "GET", "/api/auth/me", None).await.expect(200);
    tour.call(&ada, "PATCH", "/api/auth/me", Some(json!({"display_name": "Ada"}))).await.expect(200);
    tour.call(&ada, "GET", "/api/auth/sessions", None).await.expect(200);
    tour.call(&ada, "POST", "/api/ws/ticket", None).await;
    tour.call(&ada, "GET", "/api/users/me/security", None).await.expect(200);
    tour.call(&ada, "POST", "/api/auth/2fa/setup", None).await.expect(200);
    tour.call(&ada, "POST", "/api/auth/2fa/enable", Some(json!({"otp": "wrong"}))).await.expect(403);
    tour.call(&ada, "POST", "/api/auth/2fa/recovery-codes", None).await.expect(409);
    tour.call(&ada, "POST", "/api/auth/reauthenticate", Some(json!({"password": PASSWORD}))).await.expect(204);
    tour.call(&ada, "GET", "/api/admin/audit", None).await.expect(403);

    let private = json!({"type": "private", "participant_ids": [bob.id]});
    let chat = tour.call(&ada, "POST", "/api/chats", Some(private.clone())).await.expect(201);
    tour.call(&ada, "POST", "/api/chats", Some(private)).await.expect(200);
    tour.call(&ada, "POST", "/api/chats", Some(json!({"type": "group", "title": "Lunch"}))).await.expect(201);
    let chat = format!("/api/chats/{}", chat["id"].as_str().unwrap());
    let messages = format!("{chat}/messages");
    let new = json!({"content": "hello", "client_id": "1"});
    let sent = tour.call(&ada, "POST", &messages, Some(new.clone())).await.expect(201);
    tour.call(&ada, "POST", &messages, Some(new)).await.expect(200);
    tour.call(&ada, "POST", &messages, Some(json!({"content": ""}))).await.expect(422);
    let message = format!("/api/messages/{}", sent["id"].as_str().unwrap());
    for path in [chat.as_str(), &messages, &message, &format!("{message}/history"), "/api/chats"] {
        tour.call(&bob, "GET", path, None).await.expect(200);
    }
    tour.call(&bob, "POST", &format!("{chat}/read"), Some(json!({"seq": 1}))).await;
    tour.call(&bob, "PATCH", &message, Some(json!({"content": "mine"}))).await.expect(403);
    tour.call(&ada, "PATCH", &message, Some(json!({"content": "hi"}))).await.expect(200);
    tour.call(&ada, "DELETE", &message, None).await.expect(204);
    tour.call(&bob, "GET", &messages, None).await.expect(200);
    let eve = world.user("eve").await;
    tour.call(&eve, "GET", &chat, None).await.expect(404);
    for path in ["/api/health/live", "/api/health/ready", "/api/health", "/api/problems"] {
        tour.call(nobody, "GET", path, None).await.expect(200);
    }
    let copy = tour.call(&ada, "POST", "/api/users/me/export", None).await.expect(202);
    let copy = copy["id"].as_str().unwrap();
    tour.call(&ada, "GET", "/api/users/me/exports", None).await.expect(200);
    tour.call(&ada, "GET", &format!("/api/users/me/exports/{copy}"), None).await.expect(200);
    tour.call(nobody, "GET", &format!("/api/exports/{copy}/download?token=x"), None).await.expect(404);
    tour.call(&ada, "DELETE", "/api/users/me/erasure", None).await.expect(409);
    tour.call(&ada, "DELETE", &format!("/api/admin/users/{}", eve.id), None).await.expect(403);
    tour.call(&eve, "DELETE", "/api/users/me", Some(json!({"password": "wrong one"}))).await.expect(403);
    tour.call(&eve, "DELETE", "/api/users/me", Some(json!({}))).await.expect(422);
    tour.call(&eve, "DELETE", "/api/users/me", Some(json!({"password": PASSWORD}))).await.expect(202);
    let chief = world.user("chief").await;
    tour.staff(&world, &chief).await;
    tour.api_keys(&world, &ada).await;
    tour.call(&ada, "POST", "/api/auth/logout", None).await.expect(204);
    assert!(tour.complaints.is_empty(), "{}", tour.complaints.join("\n"));
}

#[tokio::test]
async fn frames_are_as_documented() {
    let world = World::new(Database::sqlite()).await;
    let (_, api) = documents(&world).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let cursor = bob.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned();
    let mut socket = ada.knock(None).await;
    let mut frames = vec![socket.frame().await];
    let mut ears = bob.knock(Some("nonsense")).await;
    let chat = ada.private_chat(&bob).await;
    let sent = socket.command("message.send", json!({"chat_id": chat, "content": "hello"})).await.unwrap();
    for (command, data) in [
        ("message.edit", json!({"message_id": sent["id"], "content": "hi"})),
        ("message.delete", json!({"message_id": sent["id"]})),
        ("message.read", json!({"chat_id": chat, "seq": 1})),
        ("typing.start", json!({"chat_id": chat})),
        ("typing.stop", json!({"chat_id": chat})),
        ("ping", json!({})),
    ] {
        socket.say(json!({"id": "raw", "type": command, "data": data})).await;
    }
    socket.send(Message::text("no json")).await;
    socket.say(json!({"id": "last", "type": "message.send", "data": {}})).await;
    for (socket, last) in [(&mut socket, "last"), (&mut ears, "")] {
        loop {
            let frame = socket.frame().await;
            let done = if last.is_empty() { frame["type"] == "typing.stop" } else { frame["id"] == last };
            frames.push(frame);
            if done {
                break;
            }
        }
    }
    let mut again = bob.knock(Some(&cursor)).await;
    loop {
        frames.push(again.frame().await);
        if frames.last().unwrap()["type"] == "resumed" {
            break;
        }
    }
    // Keys are created and revoked. The last events of a suspended account may be cut off by the close.
    let eve = world.user("eve").await;
    let root = world.staff("ruth", "admin").await;
    let mut last = eve.socket().await;
    let key = eve.post("/api/api-keys", json!({"name": "bot", "scopes": ["realtime:connect"]})).await.expect(201);
    let mut program =
        Socket::open(&world.server.address, Auth::Key(key["key"].as_str().unwrap()), None).await.ok().unwrap();
    frames.push(program.frame().await);
    eve.delete(&format!("/api/api-keys/{}", key["id"].as_str().unwrap())).await.expect(204);
    for kind in ["api_key.created", "api_key.revoked"] {
        frames.push(last.until(kind).await);
    }
    let suspension = format!("/api/admin/users/{}/suspension", eve.id);
    let cursor = last.cursor.clone();
    root.put(&suspension, json!({"reason": "spam"})).await.expect(200);
    assert_eq!(last.closed().await, 4003);
    // The event is durable all the same: a client that resumes gets it.
    root.delete(&suspension).await.expect(204);
    let mut back = eve.knock(cursor.as_deref()).await;
    for kind in ["user.updated", "user.suspended", "user.updated", "resumed"] {
        frames.push(back.until(kind).await);
    }
    let complaints: Vec<_> = frames.iter().flat_map(|frame| api.complaints(frame)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let kinds: std::collections::BTreeSet<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert!(kinds.len() >= 12, "{kinds:?}");
}
