//! Fills an empty Clowder server through its API and writes the world file for the workloads. It has the same shape as
//! the Django peer's `seed_world`: users, sender chats, one chat with a long history.
use crate::adapter::{user_vars, Adapter, Op, User};
use crate::args::Args;
use crate::http::{Client, Error};
use serde_json::{json, Value};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const PASSWORD: &str = "bench-Passw0rd";
const CONNS: usize = 64;

fn post(path: &str, body: Value) -> Op {
    Op { method: "POST".into(), path: path.into(), body: body.to_string(), ..Op::default() }
}

/// Runs `n` jobs over a fixed number of connections.
async fn each<F, R>(a: &Adapter, n: usize, job: F) -> Result<(), Error>
where
    F: Fn(Client, usize) -> R + Send + Sync + Clone + 'static,
    R: Future<Output = Result<Client, Error>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONNS {
        let (next, job, a) = (next.clone(), job.clone(), a.clone());
        tasks.push(tokio::spawn(async move {
            let mut http = Client::new(&a);
            loop {
                let i = next.fetch_add(1, Relaxed);
                if i >= n {
                    return Ok::<_, Error>(());
                }
                http = job(http, i).await?;
            }
        }));
    }
    for t in tasks {
        t.await??;
    }
    Ok(())
}

pub async fn run(a: &Adapter, args: &Args) -> Result<(), Error> {
    let (n, senders): (usize, usize) = (args.n("users", 1000), args.n("senders", 64));
    let (chats, size, big): (usize, usize, usize) = (args.n("chats", 200), args.n("chat-size", 10), args.n("big", 100_000));

    let users: Arc<Mutex<Vec<Option<User>>>> = Arc::new(Mutex::new(vec![None; n]));
    let found = users.clone();
    each(a, n, move |mut http, i| {
        let found = found.clone();
        async move {
            let name = format!("bench{i}");
            let new = json!({"username": name, "email": format!("{name}@bench.example"), "password": PASSWORD});
            let v: Value = serde_json::from_slice(&http.call(&post("/api/auth/register", new), &[]).await?)?;
            let text = |p: &str| v.pointer(p).and_then(Value::as_str).unwrap_or_default().to_string();
            let user = User { id: text("/user/id"), token: text("/access"), name, password: PASSWORD.into() };
            found.lock().unwrap()[i] = Some(user);
            Ok(http)
        }
    })
    .await?;
    let users: Vec<User> = users.lock().unwrap().iter().flatten().cloned().collect();

    let mut http = Client::new(a);
    let mut chat = async |kind: &str, title: &str, members: Vec<usize>| {
        let ids: Vec<&str> = members[1..].iter().map(|m| users[*m].id.as_str()).collect();
        let new = json!({"type": kind, "title": title, "participant_ids": ids});
        let v: Value = serde_json::from_slice(&http.call(&post("/api/chats", new), &user_vars(&users[members[0]])).await?)?;
        Ok::<_, Error>(json!({"id": v["id"], "members": members}))
    };
    let mut send = Vec::new();
    for c in 0..chats {
        let mut members: Vec<usize> = (0..size).map(|j| (c * 7 + j * 13) % senders).collect();
        members.sort_unstable();
        members.dedup();
        send.push(chat("group", &format!("send{c}"), members).await?);
    }
    let history = chat("group", "big", (0..senders).collect()).await?;
    let fan = chat("group", "fan100", (0..n.min(100)).collect()).await?;
    let small = chat("group", "small", (0..n.min(10)).collect()).await?;
    // people.py adds its subscribers.
    let channel = chat("channel", "channel", (0..n.min(10)).collect()).await?;
    for user in &users[1..n.min(10)] {
        let path = format!("/api/chats/{}/participants/{}", channel["id"].as_str().unwrap_or_default(), user.id);
        let op = Op { method: "PUT".into(), ..post(&path, json!({"role": "admin"})) };
        http.call(&op, &user_vars(&users[0])).await?;
    }

    let (path, people) = (format!("/api/chats/{}/messages", history["id"].as_str().unwrap_or_default()), users.clone());
    each(a, big, move |mut http, i| {
        let text = format!("history message number {i} with some ordinary text in it");
        let (op, user) = (post(&path, json!({"content": text})), people[i % senders].clone());
        async move {
            http.call(&op, &user_vars(&user)).await?;
            Ok(http)
        }
    })
    .await?;

    let users: Vec<Value> = users
        .iter()
        .map(|u| json!({"id": u.id, "name": u.name, "password": u.password, "token": u.token}))
        .collect();
    let world = json!({"users": users, "send": send, "big": history, "fanout": {"100": fan}, "only": {"small": small, "channel": channel}});
    std::fs::write(args.s("world", "world.json"), world.to_string())?;
    Ok(())
}
