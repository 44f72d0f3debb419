//! Lets nodes, Redis and PostgreSQL fail under random traffic, for as long as `CHAOS_SECONDS` says, and prints scorecards:
//! of three nodes with Redis, and of two without. `make chaos` runs it.

use std::{process::ExitCode, time::Duration};

use clowder_tests::{
    chaos::{self, Plan},
    setting,
};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let number = |name, otherwise: u64| setting(name).map_or(otherwise, |text| text.parse().expect(name));
    let seed = number("CHAOS_SEED", std::process::id().into());
    println!("CHAOS_SEED={seed}");
    let mut clean = true;
    for (nodes, with_redis) in [(3, true), (2, false)] {
        let scorecard = chaos::run(Plan {
            nodes,
            with_redis,
            people: 120,
            time: Duration::from_secs(number("CHAOS_SECONDS", 60)),
            seed,
            other_binary: setting("CHAOS_OTHER_BIN").map(Into::into),
        });
        let scorecard = scorecard.await;
        println!("\n{scorecard}");
        clean &= scorecard.is_clean();
    }
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
