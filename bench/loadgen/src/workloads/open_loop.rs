//! The open loop: sends at a fixed rate, however long each takes.
use super::{rng, send_to_held};
use crate::adapter::user_vars;
use crate::context::{senders, Ctx};
use crate::http::{Client, Error};
use crate::report::{measure, report};
use crate::run::Run;
use crate::stats::{marker, now_us, text_with};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

/// W8: durable REST sends at a fixed rate; latency counts from the moment a send was due.
pub async fn run(c: &Ctx) -> Result<(), Error> {
    let rate: f64 = c.args.n("rate", 200.0);
    let conns: usize = c.args.n("conns", 64);
    let secs: f64 = c.args.n("secs", 10.0);
    let run = Run::new();
    let op = c.a.send.clone().ok_or("no send")?;
    send_to_held(c, &run)?;
    let who = senders(c);
    let (tx, rx) = tokio::sync::mpsc::unbounded_channel::<u64>();
    let rx = Arc::new(tokio::sync::Mutex::new(rx));
    for i in 0..conns {
        let me = who[i % who.len()];
        let mine: Vec<String> = c.w.send.iter().filter(|c| c.members.contains(&me)).map(|c| c.id.clone()).collect();
        let (run, rx, op, a, user) = (run.clone(), rx.clone(), op.clone(), c.a.clone(), c.w.users[me].clone());
        tokio::spawn(async move {
            let mut http = Client::new(&a);
            let mut seed = 0x2545F4914F6CDD1D ^ ((i as u64 + 1) << 11);
            let mut seq = 0;
            loop {
                let Some(due) = rx.lock().await.recv().await else { break };
                seq += 1;
                let m = marker(i, seq);
                let text = text_with(&m);
                let chat = &mine[rng(&mut seed) as usize % mine.len()];
                let mut v = user_vars(&user).to_vec();
                v.extend([("chat", chat.as_str()), ("text", &text), ("txn", &m)]);
                let r = http.call(&op, &v).await.map(|b| b.len());
                run.done(i, due, r);
            }
        });
    }
    let feeder = tokio::spawn({
        let run = run.clone();
        async move {
            let t0 = now_us();
            let step = 1e6 / rate;
            let mut k = 0u64;
            while !run.stop.load(Relaxed) {
                let due = t0 + (k as f64 * step) as u64;
                let now = now_us();
                if due > now {
                    tokio::time::sleep(Duration::from_micros((due - now).min(1000))).await;
                    continue;
                }
                let _ = tx.send(due);
                k += 1;
            }
        }
    });
    let (el, u0, u1) = measure(c, &run, secs).await;
    let _ = feeder.await;
    report(c, "w8", &run, el, (u0, u1), json!({"conns": conns, "rate": rate}));
    Ok(())
}
