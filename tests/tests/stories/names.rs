//! Which names people may have and give.

use clowder_tests::{User, World, on_both, world::PASSWORD};
use serde_json::{Value, json};

on_both!(shared; names_show_what_they_are_made_of, blank_messages);
// Every name is taken once.
on_both!(usernames);

/// The account is found by `address`, because not every name is valid in one.
fn account(username: &str, address: &str) -> Value {
    json!({"username": username, "email": format!("{address}@example.org"), "password": PASSWORD})
}

const HOLDERS: &[&str] = &[
    "हिन्दी",
    "সুব্রত",
    "தமிழ்மொழி",
    "น้ำใส",
    "alice",
    "HELEN",
    "Bob",
    "Tom",
    "bill",
    "idris",
    "nelli",
    "kim",
    "idris7",
    "clow",
    "office",
    "fast",
    "rho",
    "kap",
    "istan",
    "jon",
];
const LOOK_ALIKES: &[&str] = &[
    "aIice",
    "НELEN",
    "Вob",
    "Τom",
    "ALICE",
    "ALlCE",
    "BlLL",
    "lDRlS",
    "NELLl",
    "КlM",
    "ldris7",
    "ϲlow",
    "Ϲlow",
    "ϹLOW",
    "oſſice",
    "ſast",
    "ϱho",
    "ϰap",
    "i\u{307}stan",
    "j\u{307}on",
];
const WRONG: &[&str] = &[
    "a\u{200b}da",
    "a\u{202e}da",
    "ada\u{2028}",
    "\u{2029}ada",
    "ada\n",
    "\u{301}ada",
    "a b",
    "\u{ffff}\u{ffff}\u{ffff}",
    "\u{e000}\u{e000}\u{e000}",
    "\u{10ffff}\u{10ffff}\u{10ffff}",
];

async fn usernames(world: World) {
    let nobody = world.nobody();
    for (number, name) in HOLDERS.iter().enumerate() {
        let made = nobody.post("/api/auth/register", account(name, &format!("first{number}"))).await.expect(201);
        assert_eq!(made["user"]["username"], *name);
        let login = json!({"username": name, "password": PASSWORD});
        nobody.post("/api/auth/login", login).await.expect(200);
    }
    for (number, name) in LOOK_ALIKES.iter().enumerate() {
        let new = account(name, &format!("second{number}"));
        nobody.post("/api/auth/register", new).await.refused(409, "username.taken");
    }
    for (number, name) in WRONG.iter().enumerate() {
        let new = account(name, &format!("third{number}"));
        let answer = nobody.post("/api/auth/register", new).await;
        assert_eq!(answer.wrong_fields(), ["/username"], "{}", name.escape_unicode());
    }
}

const HIDDEN: &[&str] = &[
    "\u{200b}",
    "Ada\u{202e}",
    "A\u{2066}da",
    "A\u{2028}da",
    "A\u{2029}da",
    "Ada\u{2028}",
    "\u{2029}Ada",
    "Ada\n",
    "\u{3164}",
    "A\u{ad}da",
    "\u{ffff}",
    "\u{e000}",
    "\u{10ffff} \u{e001}",
];
const SHOWN: &[&str] = &["👩\u{200d}💻 Ada", "می\u{200c}خواهم", "❤\u{fe0f}", "הודיה"];

/// Every field for a name: a new one belongs here.
async fn names_show_what_they_are_made_of(world: World) {
    let ada = world.user("ada").await;
    let session = ada.get("/api/auth/sessions").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    for name in HIDDEN {
        for (field, answer) in name_everything(&ada, &session, name).await {
            assert_eq!(answer.wrong_fields(), [field], "{}", name.escape_unicode());
        }
    }
    for name in SHOWN {
        for (field, answer) in name_everything(&ada, &session, name).await {
            assert!(matches!(answer.status, 200 | 201), "{field} {}: {}", name.escape_unicode(), answer.text);
        }
    }
}

async fn name_everything(ada: &User, session: &str, name: &str) -> Vec<(&'static str, clowder_tests::Answer)> {
    let key = json!({"name": name, "scopes": ["chats:read"]});
    let login = json!({"username": ada.name, "password": PASSWORD, "device_name": name});
    vec![
        ("/display_name", ada.patch("/api/auth/me", json!({"display_name": name})).await),
        ("/name", ada.patch(&format!("/api/auth/sessions/{session}"), json!({"name": name})).await),
        ("/device_name", ada.post("/api/auth/login", login).await),
        ("/title", ada.post("/api/chats", json!({"type": "group", "title": name})).await),
        ("/name", ada.post("/api/api-keys", key).await),
    ]
}

/// Text may change its direction, but must show something.
async fn blank_messages(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let path = format!("/api/chats/{chat}/messages");
    for blank in ["\u{200b}", "\u{202e}\u{202c}", "\u{3164}\n", "\u{feff} \u{2060}", "\u{2800}", "\u{ffff}"] {
        let answer = ada.post(&path, json!({"content": blank})).await;
        assert_eq!(answer.wrong_fields(), ["/content"], "{}", blank.escape_unicode());
    }
    for text in ["\u{202b}שלום\u{202c}", "a\u{200b}b", "👩\u{200d}👧"] {
        assert_eq!(ada.says(&chat, text).await["content"], text);
    }
    ada.patch("/api/auth/me", json!({"bio": "\u{200b}", "status_text": "\u{2028}"})).await.expect(200);
    let me = ada.get("/api/auth/me").await.expect(200);
    assert_eq!((&me["bio"], &me["status_text"]), (&Value::Null, &Value::Null));
}
