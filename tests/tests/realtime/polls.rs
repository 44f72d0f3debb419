//! Long polling: the same events, filter and cursors as over a socket, page by page.

use std::time::{Duration, Instant};

use clowder_tests::{Database, Server, User, World, on_both, until, world::each};
use futures_util::future::join_all;
use serde_json::{Value, json};

on_both!(shared; page_by_page, useless_cursors);
on_both!(who_waits_hears_at_once, who_waits_holds_up_nobody, as_long_as_the_session);

async fn poll(user: &User, query: &str) -> Value {
    user.get(&format!("/api/journal{query}")).await.expect(200)
}

/// Returns once so many wait. They have a server of their own.
async fn wait(world: &World, polls: usize) {
    let line = format!("\nclowder_polls {polls}\n");
    until("they wait", async || world.nobody().get("/metrics").await.text.contains(&line)).await;
}

fn cursor(page: &Value) -> String {
    page["cursor"].as_str().unwrap().to_owned()
}

fn said(page: &Value) -> Vec<Value> {
    let items = page["events"].as_array().unwrap().iter();
    each(items.filter(|item| item["type"] == "message.sent").map(|item| &item["data"]), "content")
}

async fn page_by_page(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let start = poll(&ada, "").await;
    assert_eq!(start["events"], json!([]), "who asks for the first time learns where they are");
    assert_eq!((&start["more"], &start["reset"]), (&json!(false), &Value::Null));
    let nothing = poll(&ada, &format!("?cursor={}", cursor(&start))).await;
    assert_eq!((&nothing["events"], &nothing["more"]), (&json!([]), &json!(false)));
    let mut sent = Vec::new();
    for i in 0..10 {
        sent.push(bob.says(&chat, &format!("number {i}")).await["content"].clone());
    }
    let (mut here, mut heard, mut pages) = (cursor(&nothing), Vec::new(), 0);
    loop {
        let page = poll(&ada, &format!("?cursor={here}&limit=3")).await;
        let items = page["events"].as_array().unwrap();
        assert!(items.len() <= 3);
        if let Some(last) = items.last().filter(|_| page["more"] == true) {
            assert_eq!(page["cursor"], last["cursor"], "a full page ends with its last event");
        }
        heard.extend(said(&page));
        here = cursor(&page);
        pages += 1;
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(heard, sent, "in order, nothing lost, nothing twice");
    assert!(pages >= 4, "{pages}");
    // From here a socket goes on, and from there a poll.
    let mut socket = ada.knock(Some(&here)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.frame().await["data"]["count"], 0);
    bob.says(&chat, "over the socket").await;
    let last = socket.until("message.sent").await["cursor"].as_str().unwrap().to_owned();
    bob.says(&chat, "and back").await;
    assert_eq!(said(&poll(&ada, &format!("?cursor={last}")).await), ["and back"]);
    // A long text fills a page by itself before it fills the memory of anybody.
    let long = "猫".repeat(8_000);
    join_all((0..14).map(|_| bob.says(&chat, &long))).await;
    let page = poll(&ada, &format!("?cursor={last}&limit=200")).await;
    assert_eq!(page["more"], true);
    assert!(page.to_string().len() < 400_000, "{}", page.to_string().len());
}

async fn who_waits_hears_at_once(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    // In a private chat, she would also hear that he comes.
    let chat = ada.group("Cats", &[&bob]).await;
    let mut here = cursor(&poll(&ada, "").await);
    let mut socket = bob.socket().await;
    for round in 0..3 {
        let query = format!("?cursor={here}&wait=20");
        let waiting = poll(&ada, &query);
        let say = async {
            wait(&world, 1).await;
            bob.says(&chat, &format!("round {round}")).await;
        };
        let since = Instant::now();
        let (page, ()) = tokio::join!(waiting, say);
        assert_eq!(said(&page), [json!(format!("round {round}"))]);
        assert!(since.elapsed() < Duration::from_secs(15), "it waited for the end");
        here = cursor(&page);
    }
    // What is passing is heard by whoever waits.
    let query = format!("?cursor={here}&wait=20");
    let waiting = poll(&ada, &query);
    let typing = async {
        wait(&world, 1).await;
        socket.command("typing.start", json!({"chat_id": chat})).await.unwrap();
    };
    let (page, ()) = tokio::join!(waiting, typing);
    assert_eq!(each(page["events"].as_array().unwrap(), "type"), ["typing.start"]);
    assert_eq!(page["events"][0].get("cursor"), None);
    let since = Instant::now();
    let page = poll(&ada, &format!("?cursor={}&wait=1", cursor(&page))).await;
    assert!(since.elapsed() >= Duration::from_millis(900) || page["events"] != json!([]), "it did not wait");
}

async fn useless_cursors(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mine = cursor(&poll(&ada, "").await);
    let chat = ada.private_chat(&bob).await;
    for useless in ["nonsense", ""] {
        let page = poll(&ada, &format!("?cursor={useless}&wait=20")).await;
        assert_eq!((&page["reset"], &page["events"]), (&json!("unknown"), &json!([])), "at once");
        bob.says(&chat, "since").await;
        assert_eq!(said(&poll(&ada, &format!("?cursor={}", cursor(&page))).await), ["since"]);
    }
    let first = poll(&ada, &format!("?cursor={mine}&limit=1")).await;
    assert_eq!(first["events"][0]["type"], "chat.created");
    for wrong in ["wait=-1", "wait=x", "wait=", "limit=0", "since=1"] {
        ada.get(&format!("/api/journal?{wrong}")).await.wrong_fields();
    }
    world.nobody().get("/api/journal").await.refused(401, "token.missing");
    let long = "x".repeat(4_097);
    ada.get(&format!("/api/journal?cursor={long}")).await.wrong_fields();
}

/// A server has few connections that read, and a caller may have half of them: waiting takes none.
async fn who_waits_holds_up_nobody(world: World) {
    let ada = world.user("ada").await;
    let query = format!("?cursor={}&wait=20", cursor(&poll(&ada, "").await));
    // Of too many, the oldest ends early.
    let waiting = join_all((0..11).map(|_| poll(&ada, &query)));
    let else_where = async {
        wait(&world, 10).await;
        let since = Instant::now();
        for _ in 0..5 {
            ada.get("/api/auth/me").await.expect(200);
        }
        assert!(since.elapsed() < Duration::from_secs(10));
        ada.patch("/api/users/me", json!({"status_text": "here"})).await.expect(200);
    };
    let (pages, ()) = tokio::join!(waiting, else_where);
    let told = pages.iter().filter(|page| page["events"][0]["type"] == "user.updated").count();
    let early = pages.iter().filter(|page| page["events"] == json!([]) && page["reset"].is_null()).count();
    assert_eq!((told, early), (10, 1), "{pages:?}");
    poll(&ada, "").await;
}

async fn as_long_as_the_session(world: World) {
    let ada = world.user("ada").await;
    let other = world.login("ada").await;
    let query = format!("/api/journal?cursor={}&wait=20", cursor(&poll(&ada, "").await));
    let end = async {
        wait(&world, 1).await;
        ada.post("/api/auth/logout", json!({})).await.expect(204);
    };
    let (answer, ()) = tokio::join!(ada.get(&query), end);
    // What the end is told with may come first.
    assert!(matches!(answer.status, 200 | 401), "{answer:?}");
    ada.get(&query).await.refused(401, "session.ended");
    poll(&other, "").await;
}

/// A poll that waits at one server hears what is written at another, and goes on where the other is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_two_servers() {
    let world = World::new(Database::postgres()).await;
    let other = Server::start(&world.database, &[]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut here = cursor(&poll(&ada, "").await);
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let (ada, bob) = if round % 2 == 0 { (ada.at(&other), bob.clone()) } else { (ada.clone(), bob.at(&other)) };
        for i in 0..5 {
            sent.push(bob.says(&chat, &format!("round {round}, number {i}")).await["content"].clone());
        }
        while heard.len() < sent.len() {
            let page = poll(&ada, &format!("?cursor={here}&wait=20&limit=3")).await;
            heard.extend(said(&page));
            here = cursor(&page);
        }
    }
    assert_eq!(heard, sent);
}
