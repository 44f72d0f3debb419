//! Idle connections.
use super::open_many;
use crate::context::Ctx;
use crate::http::Error;
use crate::report::report;
use crate::run::Run;
use serde_json::json;
use std::time::{Duration, Instant};

/// W7: what an idle live connection costs the server in memory.
pub async fn run(c: &Ctx) -> Result<(), Error> {
    let n: usize = c.args.n("n", 1000);
    let u0 = c.usage();
    let t0 = Instant::now();
    let users: Vec<usize> = (0..c.w.users.len()).collect();
    let live = open_many(c, &users, n, "").await?;
    let opened = t0.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs_f64(c.args.n("settle", 3.0))).await;
    let u1 = c.usage();
    let got = live.len();
    let run = Run::new();
    let per = |a: u64, b: u64| ((b as f64 - a as f64) / got as f64 * 10.0).round() / 10.0;
    report(
        c,
        "w7",
        &run,
        opened,
        (u0, u1),
        json!({"n": n, "online": got, "open_s": (opened * 100.0).round() / 100.0, "rss0_mb": u0.rss_kb / 1024, "rss1_mb": u1.rss_kb / 1024,
               "rss_kb_per_conn": per(u0.rss_kb, u1.rss_kb), "pss_kb_per_conn": per(u0.pss_kb, u1.pss_kb)}),
    );
    Ok(())
}
