//! Acknowledged writes survive everything: SIGTERM, kill -9, a database that crashes under load.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use clowder_tests::{Answer, Database, Postgres, Server, User, World, on_both, until};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

on_both!(killed, stopped);

/// Several users who send without pause until they are stopped, and remember what was acknowledged.
struct Senders {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Vec<Value>>>,
}

impl Senders {
    /// `server_may_die`: whether a broken connection ends a sender instead of failing the story.
    fn start(people: &[User], chat: &str, server_may_die: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for person in people {
            let (person, chat) = (person.clone(), chat.to_owned());
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            tasks.push(tokio::spawn(async move {
                let mut acks = Vec::new();
                for i in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let body = json!({"content": format!("{} says {i}", person.name), "client_id": format!("{i}")});
                    let request = person.may_fail().request("POST", &format!("/api/chats/{chat}/messages")).json(&body);
                    match Answer::try_to(request).await {
                        Ok(answer) if answer.status == 201 => {
                            acks.push(answer.body);
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                        // It was not acknowledged, so it may be missing; but the error must be a proper problem.
                        Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
                        Err(error) => {
                            assert!(server_may_die, "{error}");
                            break;
                        }
                    }
                    tokio::task::yield_now().await;
                }
                acks
            }));
        }
        Self { stop, acknowledged, tasks }
    }

    /// Waits until this many more have been acknowledged.
    async fn more(&self, count: usize) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.acknowledged.load(Ordering::Relaxed) < goal {
                tokio::task::yield_now().await;
            }
        };
        let reached = tokio::time::timeout(clowder_tests::PATIENCE * 2, reached).await;
        assert!(reached.is_ok(), "sending does not go on");
    }

    async fn finish(self) -> Vec<Value> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.unwrap());
        }
        all
    }
}

/// Everything acknowledged is there unchanged, and the chat has no gap.
async fn nothing_is_lost(reader: &User, chat: &str, acknowledged: &[Value]) {
    let there = reader.messages(chat).await;
    for (i, message) in there.iter().enumerate() {
        assert_eq!(message["seq"], i as i64 + 1, "seq without gaps");
    }
    for ack in acknowledged {
        let seq = ack["seq"].as_u64().unwrap() as usize;
        let found = there.get(seq - 1).unwrap_or_else(|| panic!("lost: {ack}"));
        assert_eq!((&found["id"], &found["content"]), (&ack["id"], &ack["content"]));
    }
}

async fn crowd(world: &World) -> (Vec<User>, String) {
    let mut people = Vec::new();
    for i in 0..8 {
        people.push(world.user(&format!("sender{i}")).await);
    }
    let others: Vec<_> = people[1..].iter().collect();
    let chat = people[0].group("Crowd", &others).await;
    (people, chat)
}

async fn killed(world: World) {
    let (people, chat) = crowd(&world).await;
    let senders = Senders::start(&people, &chat, true);
    senders.more(100).await;
    let world = world.restart(Server::kill).await;
    let acknowledged = senders.finish().await;
    assert!(acknowledged.len() >= 100);
    let reader = world.login(&people[0].name).await;
    nothing_is_lost(&reader, &chat, &acknowledged).await;
    let next = reader.says(&chat, "we are back").await;
    assert!(next["seq"].as_u64().unwrap() > acknowledged.len() as u64);
}

async fn stopped(world: World) {
    let (people, chat) = crowd(&world).await;
    let senders = Senders::start(&people, &chat, true);
    senders.more(100).await;
    let world = world.restart(async |server| assert_eq!(server.stop().await.code(), Some(0))).await;
    let acknowledged = senders.finish().await;
    let reader = world.login(&people[0].name).await;
    nothing_is_lost(&reader, &chat, &acknowledged).await;
}

/// The last process that closes a SQLite database removes its log. The server's locks tell others that they are not the
/// last, and none of its background work may drop them.
#[tokio::test]
async fn another_process_closes_the_file() {
    let world = World::new(Database::sqlite()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let scrubs = async || {
        let metrics = world.nobody().get("/metrics").await.text;
        let count = metrics.lines().find_map(|line| line.strip_prefix("clowder_scrubs_total "));
        count.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let mut acknowledged = vec![ada.says(&chat, "stays").await];
    let before = scrubs().await;
    let gone = ada.says(&chat, "goes").await;
    ada.delete(&format!("/api/messages/{}", gone["id"].as_str().unwrap())).await;
    until("deleted text is overwritten", async || scrubs().await > before).await;
    world.database.run("SELECT count(*) FROM messages");
    for i in 0..20 {
        acknowledged.push(ada.says(&chat, &format!("after it {i}")).await);
    }
    let world = world.restart(Server::kill).await;
    nothing_is_lost(&world.login("ada").await, &chat, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_crashes_under_load() {
    let postgres = Postgres::new();
    let world = World::new(Database::at(postgres.run("start"))).await;
    let (people, chat) = crowd(&world).await;
    let senders = Senders::start(&people, &chat, false);
    senders.more(100).await;
    postgres.run("crash");
    let down = people[0].may_fail().get(&format!("/api/chats/{chat}")).await;
    assert_eq!(down.status, 503, "{}", down.text);
    assert_eq!(world.nobody().get("/api/health/live").await.status, 200, "alive all the same");
    assert_eq!(world.nobody().may_fail().get("/api/health/ready").await.status, 503);
    postgres.run("start");
    senders.more(100).await;
    let acknowledged = senders.finish().await;
    nothing_is_lost(&people[0], &chat, &acknowledged).await;
}
