//! The workloads; README.md describes each.
pub mod closed;
pub mod fanout;
pub mod idle;
pub mod open_loop;
pub mod reconnect;
pub mod smoke;
pub mod ws_send;

use crate::adapter::user_vars;
use crate::context::Ctx;
use crate::http::{Client, Error};
use crate::realtime::{self, Live};
use crate::run::Run;
use crate::stats::marker;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

fn rng(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Opens n live connections, `users` in turn, at most 32 at a time.
async fn open_many(c: &Ctx, users: &[usize], n: usize, room: &str) -> Result<Vec<Live>, Error> {
    let gate = Arc::new(Semaphore::new(c.args.n("open", 32)));
    let mut tasks = Vec::new();
    for i in 0..n {
        let (gate, a, u) = (gate.clone(), c.a.clone(), c.w.users[users[i % users.len()]].clone());
        let room = room.to_string();
        tasks.push(tokio::spawn(async move {
            let _p = gate.acquire_owned().await?;
            let rooms: Vec<&str> = if room.is_empty() { vec![] } else { vec![&room] };
            let one = realtime::connect(&a, &u, &rooms);
            tokio::time::timeout(Duration::from_secs(60), one).await.unwrap_or_else(|_| Err("connect: 60 s".into()))
        }));
    }
    let mut live = Vec::with_capacity(n);
    let mut bad = 0;
    for t in tasks {
        match t.await? {
            Ok(l) => live.push(l),
            Err(e) => {
                bad += 1;
                if bad == 1 {
                    eprintln!("connect: {e}");
                }
            }
        }
    }
    if live.is_empty() {
        return Err("no connection opened".into());
    }
    Ok(live)
}

/// With `--held big`: keeps sending into the big chat, which somebody else has locked. What becomes of these sends is not
/// measured.
fn send_to_held(c: &Ctx, run: &Arc<Run>) -> Result<(), Error> {
    if c.args.s("held", "").is_empty() {
        return Ok(());
    }
    let chat = c.w.big.clone().ok_or("no big chat")?;
    let op = c.a.send.clone().ok_or("no send")?;
    for i in 0..8 {
        let (run, op, a, chat) = (run.clone(), op.clone(), c.a.clone(), chat.clone());
        let user = c.w.users[chat.members[i % chat.members.len()]].clone();
        tokio::spawn(async move {
            let mut http = Client::new(&a);
            for seq in 0.. {
                if run.stop.load(Relaxed) {
                    break;
                }
                let txn = marker(1000 + i, seq);
                let mut v = user_vars(&user).to_vec();
                v.extend([("chat", chat.id.as_str()), ("text", "hello"), ("txn", &txn)]);
                let _ = http.call(&op, &v).await;
            }
        });
    }
    Ok(())
}
