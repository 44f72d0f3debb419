//! Everybody comes back at once: a node is killed, and its clients go to another one.
use super::{open_many, rng};
use crate::adapter::{Realtime, User};
use crate::context::Ctx;
use crate::http::Error;
use crate::realtime::{self, cursor};
use crate::report::report;
use crate::run::Run;
use crate::stats::now_us;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What became of the clients.
#[derive(Default)]
struct Back {
    resumed: AtomicU64,
    reset: AtomicU64,
    tries: AtomicU64,
}

/// W9: n live connections to the node of the adapter; the process `kill` is killed, and each client comes back to the
/// node `to` with its last cursor, after a random pause of up to a second that doubles with each failure. Latency is
/// the time from the kill until a client has all that it missed.
pub async fn run(c: &Ctx) -> Result<(), Error> {
    let n: usize = c.args.n("n", 1000);
    let (to, kill) = (c.args.s("to", ""), c.args.s("kill", ""));
    let within = Duration::from_secs(c.args.n("secs", 60));
    let rt = c.a.realtime.clone().filter(|rt| !rt.resume.is_empty()).ok_or("adapter has no resume")?;
    let users: Vec<usize> = (0..c.w.users.len()).collect();
    let live = open_many(c, &users, n, "").await?;
    let online = live.len();
    let (run, back) = (Run::new(), Arc::new(Back::default()));
    let mut clients = Vec::new();
    for (i, mut l) in live.into_iter().enumerate() {
        let (run, back, rt, to) = (run.clone(), back.clone(), rt.clone(), to.clone());
        let user = c.w.users[i % c.w.users.len()].clone();
        clients.push(tokio::spawn(async move {
            let mut last = l.cursor().unwrap_or_default();
            while let Ok(frame) = l.recv().await {
                last = cursor(&frame).unwrap_or(last);
            }
            drop(l);
            let since = now_us();
            let _keep = come_back(i, &rt, &to, &user, &last, &back).await;
            run.done(i, since, Ok(0));
            // A client that is back stays.
            std::future::pending::<()>().await;
        }));
    }
    tokio::time::sleep(Duration::from_secs_f64(c.args.n("settle", 5.0))).await;
    run.on.store(true, Relaxed);
    let (u0, t0) = (c.usage(), Instant::now());
    let killed = std::process::Command::new("kill").args(["-9", &kill]).status()?;
    if !killed.success() {
        return Err(format!("there is no process {kill}").into());
    }
    while run.ok.load(Relaxed) < online as u64 && t0.elapsed() < within {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let el = t0.elapsed().as_secs_f64();
    let u1 = c.usage();
    let counted = |count: &AtomicU64| count.load(Relaxed);
    report(
        c,
        "w9",
        &run,
        el,
        (u0, u1),
        json!({"n": n, "online": online, "back": counted(&run.ok), "back_s": (el * 100.0).round() / 100.0, "resumed": counted(&back.resumed),
               "reset": counted(&back.reset), "tries": counted(&back.tries)}),
    );
    Ok(())
}

/// Tries until it is back and has all that it missed.
async fn come_back(i: usize, rt: &Realtime, to: &str, user: &User, last: &str, back: &Back) -> realtime::Live {
    let mut seed = 0x2545F4914F6CDD1D ^ ((i as u64 + 1) << 11);
    for failures in 0.. {
        let longest = 1000u64 << failures.min(5);
        tokio::time::sleep(Duration::from_millis(rng(&mut seed) % longest)).await;
        back.tries.fetch_add(1, Relaxed);
        let Ok(mut live) = realtime::resume(rt, to, user, last).await else { continue };
        while let Ok(frame) = live.recv().await {
            for (kind, count) in [("\"resumed\"", &back.resumed), ("\"reset\"", &back.reset)] {
                if memchr::memmem::find(&frame, format!("\"type\":{kind}").as_bytes()).is_some() {
                    count.fetch_add(1, Relaxed);
                    return live;
                }
            }
        }
    }
    unreachable!("it tries for ever")
}
