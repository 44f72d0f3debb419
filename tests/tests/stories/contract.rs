//! What holds on every route: problems, headers, hosts, origins, sizes, idempotency.

use std::collections::BTreeSet;

use clowder_tests::{Answer, World, on_both, until};
use serde_json::json;

on_both!(shared; problems, bodies, names_and_sizes, headers, hosts_and_origins, idempotency, cursors, documents);

async fn problems(world: World) {
    let ada = world.user("ada").await;
    let unknown = ada.get("/api/no/such/route").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.body["instance"], "/api/no/such/route");
    ada.get("/nowhere").await.expect(404);
    let wrong = ada.delete("/api/chats").await;
    assert_eq!(wrong.status, 405);
    let allowed = wrong.header("allow");
    assert_eq!(BTreeSet::from_iter(allowed.split(", ")), BTreeSet::from(["GET", "HEAD", "OPTIONS", "POST"]));
    assert_eq!(wrong.body["detail"], format!("This path answers to {allowed}."));
    let id = ada.get("/api/chats/not-a-uuid").await.refused(404, "id.invalid");
    assert_eq!(id["detail"], "`chat_id` must be a UUID.");
    world.nobody().get("/api/chats").await.refused(401, "token.missing");
    world.nobody().with("nonsense").get("/api/chats").await.refused(401, "token.invalid");
    // An empty header is invalid where authentication is required.
    for (header, code) in
        [("", "token.invalid"), ("  ", "token.invalid"), ("Bearer", "token.invalid"), ("Basic YQ==", "token.missing")]
    {
        let ask =
            async |path: &str| Answer::to(world.nobody().request("GET", path).header("authorization", header)).await;
        ask("/api/chats").await.refused(401, code);
        ask("/api/problems").await.expect(200);
    }

    // Every code that occurred is in the list of codes.
    let listed = world.nobody().get("/api/problems").await;
    assert_eq!(listed.status, 200);
    for code in [&unknown, &wrong].map(|answer| answer.body["code"].as_str().unwrap()) {
        assert!(listed.text.contains(code), "{code} is not listed");
    }
    for code in ["token.missing", "chat.unknown", "client_id.mismatch", "credentials.invalid", "idempotency.mismatch"] {
        assert!(listed.text.contains(code), "{code} is not listed");
    }
}

async fn bodies(world: World) {
    let ada = world.user("ada").await;
    let send = async |media: &str, body: String| {
        let request = ada.request("POST", "/api/chats").header("content-type", media).body(body);
        Answer::to(request).await.status
    };
    let json = "application/json";
    assert_eq!(send(json, "{".into()).await, 400);
    assert_eq!(send(json, String::new()).await, 400);
    assert_eq!(send(json, format!("{}{}", "[".repeat(5000), "]".repeat(5000))).await, 400, "too deep");
    assert_eq!(send(json, r#"{"type":"group","title":"\ud800"}"#.into()).await, 400, "half a character");
    for no_object in ["[]", "7", "null", "\"text\""] {
        assert_eq!(send(json, no_object.into()).await, 422, "{no_object}");
    }
    assert_eq!(send("text/plain", r#"{"type":"group","title":"x"}"#.into()).await, 415);
    assert_eq!(send("application/json; charset=utf-8", r#"{"type":"group","title":"x"}"#.into()).await, 201);
    let big = format!(r#"{{"type":"group","title":"x","more":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(send(json, big).await, 413);
    // The connection and the server survived all this.
    ada.get("/api/auth/me").await.expect(200);
}

async fn names_and_sizes(world: World) {
    let ada = world.user("ada").await;
    for path in ["/api/chats/not-a-uuid", "/api/messages/%00", "/api/messages/0", "/api/chats/%FF"] {
        let answer = ada.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    // A trailing slash is accepted on every path; fixed segments win.
    for path in ["/api/chats/", "/api/auth/me/", "/api/health/live/"] {
        assert_eq!(ada.get(path).await.status, 200, "{path}");
    }
    assert_eq!(ada.post("/api/chats/", json!({"type": "group", "title": "x"})).await.status, 201);
}

async fn headers(world: World) {
    let ada = world.user("ada").await;
    let answer = Answer::to(ada.request("GET", "/api/chats/nowhere").header("x-request-id", "story-42")).await;
    assert_eq!((answer.header("x-request-id"), &answer.body["request_id"]), ("story-42", &json!("story-42")));
    let answer = Answer::to(ada.request("GET", "/api/chats").header("x-request-id", "a bad id \"".repeat(99))).await;
    assert!(answer.header("x-request-id").len() <= 128, "a request id that is none is replaced");

    let me = ada.get("/api/auth/me").await;
    assert_eq!(me.header("cache-control"), "no-store");
    for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(!me.header(name).is_empty(), "no {name}: {:?}", me.headers);
    }
    let remaining = |answer: &Answer| answer.header("x-ratelimit-remaining").parse::<u64>().unwrap();
    assert!(remaining(&me) <= me.header("x-ratelimit-limit").parse().unwrap());
    for path in ["/api/health/live", "/api/health"] {
        assert_eq!(world.nobody().get(path).await.status, 200, "{path}");
    }
    until("it is ready", async || world.nobody().get("/api/health/ready").await.status == 200).await;
    let metrics = world.nobody().get("/metrics").await;
    assert!(metrics.text.contains("/api/chats/{"), "labels are route templates:\n{}", metrics.text);
    assert!(!metrics.text.contains("/api/chats/nowhere"));
}

async fn hosts_and_origins(world: World) {
    let nobody = world.nobody();
    let host = async |name: &str| Answer::to(nobody.request("GET", "/api/problems").header("host", name)).await.status;
    assert_eq!(host("evil.example").await, 400);
    assert_eq!(host("localhost").await, 200);

    let preflight = async |origin: &str| {
        let request = nobody
            .request("OPTIONS", "/api/chats")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key");
        Answer::to(request).await
    };
    let allowed = preflight("https://app.example").await;
    assert!(matches!(allowed.status, 200 | 204), "{}", allowed.text);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example");
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    assert!(allowed.header("access-control-allow-headers").to_lowercase().contains("idempotency-key"));
    assert_eq!(preflight("https://app.example.evil").await.header("access-control-allow-origin"), "");

    let seen = Answer::to(nobody.request("GET", "/api/chats").header("origin", "https://app.example")).await;
    assert_eq!(seen.status, 401);
    assert_eq!(seen.header("access-control-allow-origin"), "https://app.example", "errors can be read too");
    let exposed = seen.header("access-control-expose-headers").to_lowercase();
    for name in ["ratelimit", "x-request-id", "etag", "link", "retry-after", "idempotent-replayed"] {
        assert!(exposed.contains(name), "{name} is not exposed: {exposed}");
    }
}

async fn idempotency(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let make = async |who: &clowder_tests::User, key: &str, title: &str| {
        let body = json!({"type": "group", "title": title});
        Answer::to(who.request("POST", "/api/chats").header("idempotency-key", key).json(&body)).await
    };
    let first = make(&ada, "key-1", "Lunch").await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    let again = make(&ada, "key-1", "Lunch").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.body, first.body);
    make(&ada, "key-1", "Dinner").await.refused(422, "idempotency.mismatch");
    let chat = first.body["id"].as_str().unwrap();
    let path = format!("/api/chats/{chat}/messages");
    let elsewhere = ada.request("POST", &path).header("idempotency-key", "key-1").json(&json!({"content": "x"}));
    Answer::to(elsewhere).await.refused(422, "idempotency.mismatch");
    assert_ne!(make(&bob, "key-1", "Lunch").await.expect(201)["id"], first.body["id"], "a key belongs to its caller");

    // A refused call frees the key.
    assert_eq!(make(&ada, "key-2", "").await.status, 422);
    assert_eq!(make(&ada, "key-2", "Tea").await.status, 201);

    // Many at once: it happens once; calls that come too early are told so.
    let race = (0..8).map(|_| make(&ada, "key-3", "Race"));
    let answers = futures_util::future::join_all(race).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{answers:?}");
    let list = ada.get("/api/chats").await.expect(200);
    let made = list["items"].as_array().unwrap().iter().filter(|chat| chat["title"] == "Race").count();
    assert_eq!(made, 1);
}

async fn cursors(world: World) {
    let ada = world.user("ada").await;
    for wrong in ["?cursor=nonsense", "?cursor=AAAA", "?limit=-1", "?type=crowd"] {
        let answer = ada.get(&format!("/api/chats{wrong}")).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
    }
    let docs = ada.get("/api/docs").await.refused(404, "route.unknown");
    assert_eq!(docs["detail"], "See /api/swagger for the API.");
    let answer = ada.delete("/api/users/me").await;
    answer.clone().refused(400, "body.unparsable");
    assert!(answer.body["detail"].as_str().unwrap().starts_with("The body is empty"), "{}", answer.text);
    ada.get("/api/chats?limit=100000").await.expect(200);
}

async fn documents(world: World) {
    // The first page leads to all of them.
    let start = world.nobody().get("/").await.expect(200);
    world.nobody().get("/api").await.refused(404, "route.unknown");
    for (name, path) in start.as_object().unwrap().iter().filter(|(name, _)| *name != "name") {
        let path = path.as_str().unwrap();
        assert_eq!(world.nobody().get(path).await.status / 100, 2, "{name}: {path}");
    }
    for path in ["/api/swagger", "/api/redoc", "/api/asyncapi"] {
        let mut page = world.nobody().get(path).await;
        if page.status / 100 == 3 {
            let target = page.header("location").to_owned();
            page = world.nobody().get(&target).await;
        }
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        for part in page.text.split(['"', '\'']) {
            let outside = part.starts_with("http://") || part.starts_with("https://") || part.starts_with("//");
            assert!(!outside, "{path} needs an outside host: {part}");
        }
    }
    let style = world.nobody().get("/api/swagger/swagger-ui.css").await;
    assert_eq!((style.status, style.header("content-type").split(';').next()), (200, Some("text/css")));
    let document = world.nobody().get("/api/openapi.json").await.expect(200);
    assert_eq!(world.nobody().get("/api/schema").await.expect(200), document);
}
