//! Puts a distinctive text into every field, and then searches every place that might keep a copy: database,
//! write-ahead log, journal, stored answers, jobs, audit log, exports, log, mail folder.

use std::{collections::BTreeMap, time::Duration};

use clowder_tests::{
    Answer, Database, User, World,
    database::{psql_program, walk},
    documents::OpenApi,
    domains::DOMAINS,
    texts::{
        Then::{self, Gone, Kept, Never},
        call,
    },
    things::Stage,
    until,
    world::PASSWORD,
};
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

/// Texts in headers, of every call.
const HEADERS: &[(&str, Then)] = &[
    // Only a keyed hash of it is ever written.
    ("Idempotency-Key", Gone("zqidempotency")),
    ("User-Agent", Gone("zqagent")),
    ("X-Request-Id", Gone("zqrequest")),
];

/// Every text that the API takes. A domain says what becomes of its own in tests/src/domains, and plants what goes.
fn fields() -> impl Iterator<Item = &'static (&'static str, Then)> {
    DOMAINS.iter().flat_map(|domain| domain.texts).chain(HEADERS)
}

/// The other encodings of a text.
const SPELLINGS: &[(&str, &str)] = &[("zqmail", "zqdomäne"), ("zqmail", "xn--zqdomne"), ("zqmail", "zqdom\\u00e4ne")];

fn texts(api: &OpenApi) -> Vec<String> {
    fn resolved<'a>(api: &'a OpenApi, schema: &'a Value) -> &'a Value {
        let target = schema["$ref"].as_str().and_then(|target| api.0.pointer(target.strip_prefix('#')?));
        target.map_or(schema, |target| resolved(api, target))
    }
    fn collect(api: &OpenApi, schema: &Value, pointer: &str, found: &mut Vec<String>) {
        let schema = resolved(api, schema);
        for family in ["allOf", "oneOf", "anyOf"] {
            schema[family].as_array().into_iter().flatten().for_each(|part| collect(api, part, pointer, found));
        }
        let is_text =
            schema["type"] == "string" || schema["type"].as_array().is_some_and(|t| t.contains(&json!("string")));
        let plain = matches!(schema["format"].as_str(), None | Some("email"));
        if is_text && plain && schema["enum"].is_null() && schema["const"].is_null() {
            found.push(pointer.to_owned());
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            collect(api, property, &format!("{pointer}/{name}"), found);
        }
        if schema["items"].is_object() {
            collect(api, &schema["items"], &format!("{pointer}/*"), found);
        }
    }
    let mut texts = Vec::new();
    for (method, path, operation) in api.operations() {
        let mut found = Vec::new();
        for (_, content) in resolved(api, &operation["requestBody"])["content"].as_object().into_iter().flatten() {
            collect(api, &content["schema"], "", &mut found);
        }
        texts.extend(found.into_iter().map(|pointer| format!("{method} {path} {pointer}")));
    }
    texts.sort();
    texts.dedup();
    texts
}

#[tokio::test]
async fn every_text_of_the_api_is_listed() {
    let world = World::new(Database::sqlite()).await;
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let texts = texts(&api);
    assert!(texts.len() > 40, "{texts:?}");
    let listed: BTreeMap<&str, &Then> = fields().map(|(field, then)| (*field, then)).collect();
    let missing: Vec<_> = texts.iter().filter(|text| !listed.contains_key(text.as_str())).collect();
    assert!(missing.is_empty(), "what becomes of these when they are deleted? {missing:#?}");
    let gone: Vec<_> =
        listed.keys().filter(|field| field.contains(' ') && !texts.iter().any(|text| text == *field)).collect();
    assert!(gone.is_empty(), "the API takes no {gone:?}");
    for (field, then) in fields() {
        let (Kept(why) | Never(why) | Gone(why)) = then;
        assert!(!why.is_empty(), "{field}");
    }
}

/// Plants every text that goes, but for the reason of a suspension: who wrote them, and somebody else.
async fn plant(world: &World) -> (User, User) {
    let bob = world.user("bob").await;
    let new = json!({
        "username": "zquser", "email": "Zqmail@zqdomäne.example", "display_name": "Zqfirstname", "password": PASSWORD,
    });
    let nobody = world.nobody();
    let request = nobody.request("POST", "/api/auth/register").json(&new).header("idempotency-key", "zqidempotency-1");
    let request = request.header("x-request-id", "zqrequest-1").header("user-agent", "zqagent/1");
    Answer::to(request).await.expect(201);
    let login = json!({"username": "zquser", "password": PASSWORD, "device_name": "Zqdevice"});
    let signed_in = nobody.post("/api/auth/login", login).await.expect(200);
    let mut ada = world.login("zquser").await;
    ada.id = signed_in["user"]["id"].as_str().unwrap().to_owned();
    for plants in DOMAINS.iter().filter_map(|domain| domain.plants) {
        plants(Stage { world, owner: &ada, friend: &bob }).await;
    }
    ready(&ada).await;
    (ada, bob)
}

/// A finished export of hers.
async fn ready(ada: &User) {
    let asked = call(ada, "POST", "/api/users/me/export", json!({}), "").await.expect(202);
    let path = format!("/api/users/me/exports/{}", asked["id"].as_str().unwrap());
    until("the export is ready", async || ada.get(&path).await.expect(200)["status"] == "ready").await;
}

/// Everything that the server stores, place by place, in lower case.
fn kept(world: &World) -> Vec<(String, String)> {
    let small = |octets: &[u8]| String::from_utf8_lossy(octets).to_lowercase();
    let mut kept = Vec::new();
    // Text moves from the write-ahead log into the file, so the log, which sorts after it, is read first.
    for file in walk(world.database.folder.path()).into_iter().rev() {
        if file.extension().is_none_or(|extension| extension != "eml") {
            kept.push((file.display().to_string(), small(&std::fs::read(&file).unwrap_or_default())));
        }
    }
    if world.database.url.starts_with("postgres") {
        let ask = |queries: &[String]| {
            let mut psql = psql_program();
            psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1"]);
            psql.args(queries.iter().flat_map(|query| ["-c", query.as_str()])).arg(&world.database.url);
            let out = psql.output().expect("psql is not installed");
            assert!(out.status.success(), "{queries:?}: {}", String::from_utf8_lossy(&out.stderr));
            small(&out.stdout)
        };
        let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
        let tables = ask(&[tables.to_owned()]);
        assert!(tables.lines().count() > 20, "{tables}");
        let dumps: Vec<_> =
            tables.lines().map(|table| format!("SELECT 'table {table}', t::text FROM {table} t")).collect();
        kept.push(("the database".to_owned(), ask(&dumps)));
    }
    kept.push(("the log".to_owned(), small(world.server.log().as_bytes())));
    kept
}

/// The places where a text occurs.
fn found(kept: &[(String, String)], text: &str) -> Vec<String> {
    // A header that the log may contain is recognised by its request id.
    let places = kept.iter().filter(|(place, _)| place != "the log" || text != "zqrequest");
    let lines = places.filter_map(|(place, held)| {
        let at = held.find(text)?;
        let around: String = held.get(..at)?.chars().rev().take(80).collect();
        Some(format!("{place}: …{}{text}…", around.chars().rev().collect::<String>()))
    });
    lines.collect()
}

/// Within the allowed time.
async fn gone(world: &World, texts: &[&str]) {
    let mut tick = interval(Duration::from_millis(200));
    let gone = timeout(Duration::from_secs(10), async {
        loop {
            let kept = kept(world);
            if texts.iter().all(|text| found(&kept, text).is_empty()) {
                return;
            }
            tick.tick().await;
        }
    });
    if gone.await.is_err() {
        let kept = kept(world);
        let left: Vec<_> =
            texts.iter().map(|text| (text, found(&kept, text))).filter(|(_, places)| !places.is_empty()).collect();
        panic!("these stand there after 10 s: {left:#?}");
    }
}

mod nothing_is_left {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        nothing_is_left(World::with(Database::sqlite(), &[("ERASURE_DAYS", "0"), ("LOG", "debug")]).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        nothing_is_left(World::with(Database::postgres(), &[("ERASURE_DAYS", "0"), ("LOG", "debug")]).await).await;
    }

    async fn nothing_is_left(world: World) {
        let (ada, bob) = plant(&world).await;
        let chats = ada.get("/api/chats").await.expect(200);
        let lunch = chats["items"].as_array().unwrap().iter().find(|chat| chat["title"] == "Lunch").unwrap();
        let [chat, said] = [&lunch["id"], &lunch["last_message"]["id"]].map(|id| id.as_str().unwrap());
        let planted: Vec<&str> = fields()
            .filter_map(|(_, then)| match then {
                Gone(text) => Some(*text),
                _ => None,
            })
            .collect();
        // Encrypted or hashed texts cannot be found before either.
        let alone = ["zqalonetitle", "zqalonetext", "zqalonesaid"];
        let sealed = ["zqrequest", "zqidempotency"];
        let suspended = "zqsuspended";
        let before = kept(&world);
        for text in planted.iter().chain(&alone).filter(|text| !sealed.contains(*text) && **text != suspended) {
            assert!(!found(&before, text).is_empty(), "{text} was not planted");
        }
        // She deletes a message, and the call that sent it is repeated.
        call(&ada, "DELETE", &format!("/api/messages/{said}"), Value::Null, "").await.expect(204);
        gone(&world, &["zqcontent", "zqedited"]).await;
        let new = json!({"content": "zqcontent", "client_id": "zqclient-1"});
        let again = call(&ada, "POST", &format!("/api/chats/{chat}/messages"), new, "zqidempotency-5").await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert!(again.body["content"].is_null() && !again.body["deleted_at"].is_null(), "{again:?}");

        // She is erased, with everything of hers.
        let mut his = bob.socket().await;
        let root = world.staff("rita", "admin").await;
        assert!(world.command(&["admin", "set-role", "zqrenamed", "user"], &[]).well);
        world.until(&ada, |me| me["role"] == "user").await;
        // A suspended user can do nothing herself, so an administrator erases her; the suspension stays in effect.
        let account = format!("/api/admin/users/{}", ada.id);
        root.put(&format!("{account}/suspension"), json!({"reason": suspended})).await.expect(200);
        assert!(!found(&kept(&world), suspended).is_empty(), "{suspended} was not planted");
        root.delete(&format!("{account}?messages=keep")).await.expect(202);
        his.until("user.deleted").await;
        let mut all = planted;
        all.extend(alone);
        all.extend(SPELLINGS.iter().map(|(_, spelling)| *spelling));
        gone(&world, &all).await;
        // Delivered emails are out of reach; none of them contains what somebody wrote.
        for file in walk(world.database.folder.path()) {
            let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).to_lowercase();
            assert!(
                !["zqcontent", "zqedited", "zqbio", "zqkeyname"].iter().any(|planted| text.contains(planted)),
                "{}",
                file.display()
            );
        }
        assert_eq!(bob.chat(chat).await["title"], "Lunch", "what belongs to others stays");
    }
}
