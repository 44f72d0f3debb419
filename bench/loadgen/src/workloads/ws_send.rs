//! Durable sends over live connections.
use super::rng;
use crate::context::{senders, Ctx};
use crate::http::Error;
use crate::realtime;
use crate::report::{measure, report};
use crate::run::Run;
use crate::stats::{marker, now_us};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// W5: each sender sends over its live connection and waits for its acknowledgement;
/// whatever else arrives there counts as a delivery.
pub async fn run(c: &Ctx) -> Result<(), Error> {
    let run = Run::new();
    let who = senders(c);
    let n = who.len();
    let mut ready = Vec::new();
    for me in who {
        let user = c.w.users[me].clone();
        let mine: Vec<String> = c.w.send.iter().filter(|c| c.members.contains(&me)).map(|c| c.id.clone()).collect();
        let rooms: Vec<&str> = mine.iter().map(|s| s.as_str()).collect();
        let live = realtime::connect(&c.a, &user, &rooms).await?;
        ready.push((live, mine));
    }
    // Nobody sends before everybody is connected.
    for (i, (mut live, mine)) in ready.into_iter().enumerate() {
        let run = run.clone();
        tokio::spawn(async move {
            let mut seed = 0x9e3779b97f4a7c15 ^ ((i as u64 + 1) << 21);
            let mut seq = 0;
            while !run.stop.load(Relaxed) {
                seq += 1;
                let m = marker(i, seq);
                let t = now_us();
                let chat = &mine[rng(&mut seed) as usize % mine.len()];
                let sent = live.send_acked(chat, &m, |p| run.deliver(i, p));
                let sent = tokio::time::timeout(Duration::from_secs(30), sent).await;
                let r = sent.unwrap_or_else(|_| Err("no ack in 30 s".into()));
                let bad = r.is_err();
                run.done(i, t, r);
                if bad {
                    break;
                }
            }
        });
    }
    let (el, u0, u1) = measure(c, &run, c.args.n("secs", 8.0)).await;
    report(c, "w5", &run, el, (u0, u1), json!({"conns": n}));
    Ok(())
}
