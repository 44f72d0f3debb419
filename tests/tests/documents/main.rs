//! The OpenAPI and AsyncAPI documents are valid and complete. That real responses and frames match them is checked by the
//! client of every test.

mod asyncapi;
mod frames;
mod generators;
mod live;
mod names;
mod tours;

use clowder_tests::{
    Answer, World,
    documents::{AsyncApi, OpenApi, dangling},
    domains::messaging::new_year_after,
    world::PASSWORD,
};
use serde_json::json;

async fn documents(world: &World) -> (OpenApi, AsyncApi) {
    let openapi = world.nobody().get("/api/openapi.json").await.expect(200);
    let asyncapi = world.nobody().get("/api/asyncapi.json").await.expect(200);
    (OpenApi(openapi), AsyncApi(asyncapi))
}

#[tokio::test]
async fn openapi_is_complete() {
    let world = World::shared_on_sqlite(&[]).await;
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
        // Octets of a file look like nothing.
        let is_octets = operation["requestBody"]["content"]["application/offset+octet-stream"].is_object();
        if operation["requestBody"].is_object() && !is_octets {
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
    let world = World::shared_on_sqlite(&[]).await;
    let (api, _) = documents(&world).await;
    let (wrong, looked_at) = api.wrong_examples();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(looked_at > 200, "{looked_at}");
}

/// Members that are always sent are required, even if they can be `null`; a problem lists its possible codes.
#[tokio::test]
async fn schemas_are_as_tight_as_the_server() {
    let world = World::shared_on_sqlite(&[]).await;
    let (api, frames) = documents(&world).await;
    let schemas = &api.0["components"]["schemas"];
    for (name, members) in [
        ("Message", ["content", "edited_at", "deleted_at", "client_id"].as_slice()),
        ("Chat", &["title", "peer", "last_message", "slow_seconds", "silent_until"]),
        ("MessageThread", &["following"]),
        ("ChatPage", &["items", "next_cursor"]),
        (
            "Own",
            &[
                "bio",
                "suspension",
                "erase_at",
                "avatar",
                "cover",
                "presence",
                "last_seen_at",
                "friendship",
                "friends_count",
                "pets_count",
            ],
        ),
        ("Card", &["id", "username", "display_name", "avatar"]),
    ] {
        let required = schemas[name]["required"].as_array().unwrap();
        members.iter().for_each(|member| assert!(required.contains(&json!(member)), "{name}.{member}"));
    }
    let face = &frames.0["components"]["schemas"]["ChatFace"];
    assert!(face["required"].as_array().unwrap().contains(&json!("slow_seconds")), "{face}");
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
        (json!({"type": "group", "title": "Lunch", "name": "Dinner"}), 422),
        (json!({"type": "group"}), 422),
        (json!({"type": "group", "title": " "}), 422),
        (json!({"type": "private", "title": "Us", "participant_ids": people}), 422),
        (json!({"type": "private"}), 422),
        (json!({"type": "group", "title": "Lunch", "rights": {"post": false}, "lifetime": {"seconds": 60}}), 201),
        (json!({"type": "private", "participant_ids": people, "lifetime": {"seconds": 60}}), 200),
        (json!({"type": "private", "participant_ids": people, "rights": {"pin": false}}), 422),
        (json!({"type": "group", "title": "Lunch", "lifetime": {"seconds": 1}}), 422),
    ] {
        assert_eq!(api.fits("NewChat", &body), status != 422, "{body}");
        ada.post("/api/chats", body).await.expect(status);
    }
    for (body, status) in [
        (json!({"username": ada.name, "password": PASSWORD}), 200),
        (json!({"email": ada.name, "password": PASSWORD}), 200),
        (json!({"username": ada.name, "email": world.email("ada"), "password": PASSWORD}), 422),
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
    let world = World::shared_on_sqlite(&[]).await;
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

/// Of which refusals only a repeated call is the reason, and what the parts of a path are.
#[tokio::test]
async fn repeated_calls_and_parts_of_paths() {
    let world = World::shared_on_sqlite(&[]).await;
    let (api, _) = documents(&world).await;
    let refused = |path: &str, method: &str| {
        let reference = api.0["paths"][path][method]["responses"]["404"]["$ref"].as_str().unwrap();
        api.0.pointer(&reference[1..]).unwrap()["description"].as_str().unwrap().to_owned()
    };
    let (added, deleted) = ("/api/pets/{pet_id}/log", "/api/pets/{pet_id}/log/{entry_id}");
    let only = "There is no such entry in the log of this pet. Only for a repeated `Idempotency-Key`";
    assert!(refused(added, "post").contains(only) && !refused(deleted, "delete").contains("Only for a repeated"));
    for (_, path, operation) in api.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let is_file = parameter["description"] == "The name of the file";
            assert_eq!(is_file, parameter["name"] == "file", "{path}: {parameter}");
        }
    }
}

/// Which unknown members clients may add, and which they may not.
#[tokio::test]
async fn unknown_members_of_bodies() {
    let world = World::shared_on_sqlite(&[]).await;
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
    assert_eq!(strict, ["/api/notifications/preferences", "/api/users/me/settings"]);
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

/// The list of calls that take an `Idempotency-Key`.
#[tokio::test]
async fn calls_that_take_a_key_are_listed() {
    let world = World::shared_on_sqlite(&[]).await;
    let (api, _) = documents(&world).await;
    let takes = |operation: &serde_json::Value| {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key")
    };
    let operations = api.operations().into_iter().filter(|(.., operation)| takes(operation));
    let taken: std::collections::BTreeSet<_> =
        operations.map(|(method, path, _)| format!("- `{method} {path}`")).collect();
    let page = std::fs::read_to_string(clowder_tests::root().join("docs/idempotency.md")).unwrap();
    let listed: std::collections::BTreeSet<_> =
        page.lines().filter(|line| line.starts_with("- `") && line.contains(" /api/")).map(str::to_owned).collect();
    assert_eq!(listed, taken);
}

/// How PUT and PATCH treat a body that changes nothing.
#[tokio::test]
async fn edits_that_change_nothing() {
    let world = World::shared_on_sqlite(&[]).await;
    let (api, _) = documents(&world).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let said = ada.says(&chat, "hello").await;
    let message = said["id"].as_str().unwrap().to_owned();
    let lunch = ada.group("Lunch", &[&bob]).await;
    let group = ada.post("/api/groups", json!({"name": "Gardeners", "rules": "Be kind."})).await.expect(201);
    let group = group["id"].as_str().unwrap().to_owned();
    let pet = ada.post("/api/pets", json!({"name": "Minka", "species": "cat", "bio": "Sleeps."})).await.expect(201);
    let pet = pet["id"].as_str().unwrap().to_owned();
    let later = json!({"content": "Sometime", "send_at": new_year_after(&said)});
    let later = ada.post(&format!("/api/chats/{lunch}/messages"), later).await.expect(202);
    let later = later["id"].as_str().unwrap().to_owned();
    let model = ada.post("/api/chat-templates", json!({"name": "Project", "type": "group"})).await.expect(201);
    let model = model["id"].as_str().unwrap().to_owned();
    let hook = json!({"url": "https://bot.example/hook", "event_types": ["*"]});
    let hook = ada.post("/api/webhooks", hook).await.expect(201);
    let hook = hook["id"].as_str().unwrap().to_owned();
    let mut socket = ada.socket().await;
    let mut tried = 0;
    for (method, template, operation) in api.operations() {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let edits = parameters.iter().any(|parameter| parameter["name"] == "If-Match");
        if !matches!(&*method, "PUT" | "PATCH") || !edits {
            continue;
        }
        // What takes a whole and has no body of its own to read is no edit, and neither is a decision.
        let is_whole = template.ends_with("/lost") || template.ends_with("/lifetime");
        if is_whole || template.starts_with("/api/admin/reports") || template.ends_with("review_id}") {
            continue;
        }
        // Nobody here may edit those of the server; their story tries it.
        if template.starts_with("/api/admin/chat-templates") {
            continue;
        }
        let says = operation["description"].as_str().unwrap_or_default();
        assert!(says.contains("A body that changes nothing is answered 200"), "{method} {template}: {says}");
        let whole = template.starts_with("/api/messages");
        assert_ne!(says.contains("members that are absent stay as they are"), whole, "{method} {template}: {says}");
        let path = template.replace("{message_id}", &message).replace("{user_id}", &ada.id);
        let path = path.replace("{group_id}", &group).replace("{pet_id}", &pet).replace("{chat_id}", &lunch);
        let path = path.replace("{scheduled_message_id}", &later).replace("{chat_template_id}", &model);
        let path = path.replace("{webhook_id}", &hook);
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
    // Nothing of it was sent before this frame. What came before the edits may be.
    ada.says(&chat, "done").await;
    loop {
        let frame = socket.frame().await;
        assert!(!frame["type"].as_str().unwrap().ends_with(".updated"), "{frame}");
        if frame["data"]["content"] == "done" {
            break;
        }
    }
}
