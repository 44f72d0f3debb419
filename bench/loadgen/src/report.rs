//! Times the measured part of a run, and prints its figures as one JSON line.
use crate::context::Ctx;
use crate::run::Run;
use crate::stats::{Hist, Usage};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn ms(h: &Hist) -> serde_json::Value {
    let q = |p: f64| (h.value_at_quantile(p) as f64) / 1000.0;
    json!({"n": h.len(), "p50": q(0.5), "p99": q(0.99), "p999": q(0.999), "max": h.max() as f64 / 1000.0})
}

pub async fn measure(c: &Ctx, run: &Arc<Run>, secs: f64) -> (f64, Usage, Usage) {
    tokio::time::sleep(Duration::from_secs_f64(c.args.n("warmup", 1.5))).await;
    let u0 = c.usage();
    let t0 = Instant::now();
    run.on.store(true, Relaxed);
    tokio::time::sleep(Duration::from_secs_f64(secs)).await;
    run.on.store(false, Relaxed);
    let el = t0.elapsed().as_secs_f64();
    let u1 = c.usage();
    run.stop.store(true, Relaxed);
    (el, u0, u1)
}

pub fn report(c: &Ctx, what: &str, run: &Run, el: f64, u: (Usage, Usage), extra: serde_json::Value) {
    let mut v = json!({
        "peer": c.args.s("name", &c.a.name), "workload": c.args.s("label", what), "secs": (el * 100.0).round() / 100.0,
        "ok": run.ok.load(Relaxed), "err": run.err.load(Relaxed),
        "ok_per_s": (run.ok.load(Relaxed) as f64 / el * 10.0).round() / 10.0,
        "kb_per_ok": run.bytes.load(Relaxed) as f64 / 1024.0 / run.ok.load(Relaxed).max(1) as f64,
        "latency_ms": ms(&Run::merged(&run.lat)),
        "server_cores": ((u.1.cpu_s - u.0.cpu_s) / el * 100.0).round() / 100.0,
        "client_cores": ((u.1.client_cpu_s - u.0.client_cpu_s) / el * 100.0).round() / 100.0,
        "server_rss_mb": u.1.rss_kb / 1024,
        "loadavg": std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or("").to_string(),
    });
    // CPU an operation costs: it says more than a rate does on a machine that is shared.
    let d = run.delivered.load(Relaxed);
    let per = |s: f64, n: u64| ((s * 1e6 / n.max(1) as f64).round()) / 1000.0;
    v["server_cpu_ms_per_ok"] = json!(per(u.1.cpu_s - u.0.cpu_s, run.ok.load(Relaxed)));
    v["db_cpu_ms_per_ok"] = json!(per(u.1.db_cpu_s - u.0.db_cpu_s, run.ok.load(Relaxed)));
    if d > 0 {
        v["server_cpu_us_per_delivery"] = json!(per((u.1.cpu_s - u.0.cpu_s) * 1000.0, d));
        v["delivery_octets"] = json!(run.octets.load(Relaxed));
        v["deliveries_per_s"] = json!((d as f64 / el).round());
        v["delivery_ms"] = ms(&Run::merged(&run.del));
    }
    let e = run.first_err.lock().unwrap();
    if !e.is_empty() {
        v["first_error"] = json!(e.chars().take(300).collect::<String>());
    }
    if let (Some(o), Some(x)) = (v.as_object_mut(), extra.as_object()) {
        o.extend(x.clone());
    }
    println!("{v}");
    if let Some(f) = c.args.0.get("out") {
        use std::io::Write;
        let mut f = std::fs::OpenOptions::new().create(true).append(true).open(f).unwrap();
        writeln!(f, "{v}").unwrap();
    }
}
