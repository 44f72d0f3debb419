//! Closed- and open-loop load over one server, described by an adapter and a world file.
//! See README.md for the workloads; every run prints one JSON line.
mod adapter;
mod args;
mod context;
mod http;
mod realtime;
mod report;
mod run;
mod seed;
mod stats;
mod workloads;

use adapter::{Adapter, World};
use args::Args;
use context::{senders, tokens, Ctx};
use http::Error;

fn main() -> Result<(), Error> {
    let args = Args::parse();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(args.n("threads", 2)).enable_all().build()?;
    rt.block_on(async move {
        let a: Adapter = toml::from_str(&std::fs::read_to_string(args.s("adapter", "adapter.toml"))?)?;
        let what = args.s("workload", "smoke");
        if what == "seed" {
            return seed::run(&a, &args).await;
        }
        let w: World = serde_json::from_slice(&std::fs::read(args.s("world", "world.json"))?)?;
        let list = |k: &str| args.s(k, "").split(',').filter_map(|p| p.trim().parse().ok()).collect();
        let (pids, dbpids) = (list("pid"), list("dbpid"));
        let mut c = Ctx { a, w, args, pids, dbpids };
        let need: Vec<usize> = match what.as_str() {
            "me" | "w2" | "w3" | "w4" | "w5" | "w8" | "friends" | "relationships" | "profile" | "search" => senders(&c),
            "w6" => c.w.fanout.get(&c.args.s("n", "1000")).map(|f| f.members.clone()).unwrap_or_default(),
            "w7" | "w9" => (0..c.w.users.len().min(c.args.n("n", 1000))).collect(),
            _ => vec![],
        };
        tokens(&mut c, &need).await?;
        match what.as_str() {
            "me" | "w1" | "w2" | "w3" | "w4" | "friends" | "relationships" | "profile" | "search" => {
                workloads::closed::run(&c, &what).await
            }
            "w5" => workloads::ws_send::run(&c).await,
            "w6" => workloads::fanout::run(&c).await,
            "w7" => workloads::idle::run(&c).await,
            "w8" => workloads::open_loop::run(&c).await,
            "w9" => workloads::reconnect::run(&c).await,
            _ => workloads::smoke::run(&mut c).await,
        }
    })?;
    // Thousands of open sockets need no orderly goodbye.
    std::process::exit(0)
}
