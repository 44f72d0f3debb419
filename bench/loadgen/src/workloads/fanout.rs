//! Fan-out: one message to a whole group that is online.
use super::open_many;
use crate::adapter::user_vars;
use crate::context::Ctx;
use crate::http::{Client, Error};
use crate::realtime;
use crate::report::report;
use crate::run::Run;
use crate::stats::{marker, now_us, text_with};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// W6: one sender, all members online; the next message goes out when the one `window`
/// before it has reached everybody, but not sooner than `every` milliseconds after it.
pub async fn run(c: &Ctx) -> Result<(), Error> {
    let n: usize = c.args.n("n", 1000);
    let msgs: usize = c.args.n("msgs", 20);
    let window: usize = c.args.n("window", 1);
    let every = Duration::from_secs_f64(c.args.n("every", 0.0) / 1000.0);
    let chat = c.w.fanout.get(&n.to_string()).ok_or("no such fan-out group in the world")?.clone();
    let t = Instant::now();
    let live = open_many(c, &chat.members, n, &chat.id).await?;
    let opened = t.elapsed().as_secs_f64();
    let online = live.len();
    let run = Run::new();
    for (i, mut l) in live.into_iter().enumerate() {
        let run = run.clone();
        tokio::spawn(async move {
            while let Ok(p) = l.recv().await {
                run.deliver(i, &p);
            }
        });
    }
    tokio::time::sleep(Duration::from_secs_f64(c.args.n("settle", 2.0))).await;
    let via_ws = c.args.s("via", "rest") == "ws";
    let me = c.w.users[chat.members[0]].clone();
    let mut http = Client::new(&c.a);
    // Over WS the sender has one connection more, which is not counted as a receiver.
    let mut live = if via_ws {
        let l = realtime::connect(&c.a, &me, &[&chat.id]).await?;
        Some(l)
    } else {
        None
    };
    let op = c.a.send.clone().unwrap_or_default();
    run.on.store(true, Relaxed);
    let u0 = c.usage();
    let t0 = Instant::now();
    let mut lost = 0u64;
    for k in 0..msgs + window {
        if k >= window {
            let want = ((k - window + 1) * online) as u64;
            let dl = Instant::now() + Duration::from_secs(20);
            while run.delivered.load(Relaxed) + lost < want && Instant::now() < dl {
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
            let d = run.delivered.load(Relaxed) + lost;
            if d < want {
                lost += want - d;
            }
        }
        if k < msgs {
            tokio::time::sleep((every * k as u32).saturating_sub(t0.elapsed())).await;
            let m = marker(0, k as u64);
            let t = now_us();
            let text = text_with(&m);
            let r = match live.as_mut() {
                Some(l) => l.send_acked(&chat.id, &m, |_| ()).await,
                None => {
                    let mut v = user_vars(&me).to_vec();
                    v.extend([("chat", chat.id.as_str()), ("text", &text), ("txn", &m)]);
                    http.call(&op, &v).await.map(|b| b.len())
                }
            };
            run.done(0, t, r);
        }
    }
    let el = t0.elapsed().as_secs_f64();
    let u1 = c.usage();
    report(
        c,
        "w6",
        &run,
        el,
        (u0, u1),
        json!({"n": n, "online": online, "msgs": msgs, "window": window, "lost": lost, "via": c.args.s("via", "rest"),
               "open_s": (opened * 100.0).round() / 100.0}),
    );
    Ok(())
}
