//! The server under load and its world: who sends, and how users log in.
use crate::adapter::{user_vars, Adapter, Op, User, World};
use crate::args::Args;
use crate::http::{Client, Error};
use crate::stats::{usage, Usage};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

pub struct Ctx {
    pub a: Adapter,
    pub w: World,
    pub args: Args,
    pub pids: Vec<u32>,
    /// Database and broker: their CPU is told apart from the server's.
    pub dbpids: Vec<u32>,
}

impl Ctx {
    pub fn usage(&self) -> Usage {
        let db_cpu_s = usage(&self.dbpids).cpu_s;
        Usage { db_cpu_s, ..usage(&self.pids) }
    }
}

pub async fn login(c: &mut Client, op: &Op, u: &User) -> Result<(String, usize), Error> {
    let anon = User { token: String::new(), ..u.clone() };
    let b = c.call(op, &user_vars(&anon)).await?;
    let v: serde_json::Value = serde_json::from_slice(&b)?;
    let t = v.pointer(&op.token).and_then(|t| t.as_str()).ok_or("no token in the answer")?;
    Ok((t.to_string(), b.len()))
}

/// Logs in those of the users that the workload needs and that have no token yet.
pub async fn tokens(c: &mut Ctx, need: &[usize]) -> Result<(), Error> {
    let Some(op) = c.a.login.clone() else { return Ok(()) };
    let todo: Vec<usize> = need.iter().copied().filter(|i| c.w.users[*i].token.is_empty()).collect();
    let next = Arc::new(AtomicUsize::new(0));
    let (todo, users, a) = (Arc::new(todo), Arc::new(c.w.users.clone()), c.a.clone());
    let mut set = Vec::new();
    for _ in 0..8 {
        let (next, todo, users, a, op) = (next.clone(), todo.clone(), users.clone(), a.clone(), op.clone());
        set.push(tokio::spawn(async move {
            let mut http = Client::new(&a);
            let mut got = Vec::new();
            while let Some(&i) = todo.get(next.fetch_add(1, Relaxed)) {
                got.push((i, login(&mut http, &op, &users[i]).await?.0));
            }
            Ok::<_, Error>(got)
        }));
    }
    for t in set {
        for (i, tok) in t.await?? {
            c.w.users[i].token = tok;
        }
    }
    Ok(())
}

/// Other users than `me`, the next ones with each `turn`, their ids separated by commas.
pub fn others(users: &[User], me: usize, turn: usize, n: usize) -> String {
    let most = users.len().saturating_sub(1);
    let ids = (0..n.min(most)).map(|k| users[(me + 1 + (turn * n + k) % most) % users.len()].id.as_str());
    ids.collect::<Vec<_>>().join(",")
}

/// The users that send: those who are in the sender chats (all users where there are none).
pub fn senders(c: &Ctx) -> Vec<usize> {
    let mut v: Vec<usize> = c.w.send.iter().flat_map(|c| c.members.iter().copied()).collect();
    v.sort_unstable();
    v.dedup();
    if v.is_empty() {
        v = (0..c.w.users.len()).collect();
    }
    v.truncate(c.args.n("conns", 64));
    v
}
