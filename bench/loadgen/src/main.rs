//! Closed- and open-loop load over one server, described by an adapter and a world file.
//! See README.md for the workloads; every run prints one JSON line.
mod adapter;
mod http;
mod realtime;
mod seed;
mod stats;

use adapter::*;
use http::{Client, Error};
use realtime::Live;
use serde_json::json;
use stats::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

struct Args(HashMap<String, String>);
impl Args {
    fn parse() -> Args {
        let mut m = HashMap::new();
        let mut it = std::env::args().skip(1);
        while let Some(k) = it.next() {
            let k = k.strip_prefix("--").unwrap_or_else(|| panic!("expected --name, got {k}")).to_string();
            let v = it.next().unwrap_or_else(|| panic!("--{k} needs a value"));
            m.insert(k, v);
        }
        Args(m)
    }
    fn s(&self, k: &str, d: &str) -> String {
        self.0.get(k).cloned().unwrap_or_else(|| d.into())
    }
    fn n<T: std::str::FromStr>(&self, k: &str, d: T) -> T {
        self.0.get(k).map(|v| v.parse().ok().unwrap_or_else(|| panic!("--{k}: bad number"))).unwrap_or(d)
    }
}

/// What all tasks of a run add to. Nothing counts until `on`.
struct Run {
    on: AtomicBool,
    stop: AtomicBool,
    ok: AtomicU64,
    err: AtomicU64,
    bytes: AtomicU64,
    delivered: AtomicU64,
    first_err: Mutex<String>,
    lat: Vec<Mutex<Hist>>,
    del: Vec<Mutex<Hist>>,
}
impl Run {
    fn new() -> Arc<Run> {
        let shards = || (0..16).map(|_| Mutex::new(hist())).collect();
        Arc::new(Run {
            on: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            ok: AtomicU64::new(0),
            err: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            first_err: Mutex::new(String::new()),
            lat: shards(),
            del: shards(),
        })
    }
    fn done(&self, who: usize, since_us: u64, r: Result<usize, Error>) {
        if !self.on.load(Relaxed) {
            if let Err(e) = r {
                self.note(e);
            }
            return;
        }
        match r {
            Ok(n) => {
                self.ok.fetch_add(1, Relaxed);
                self.bytes.fetch_add(n as u64, Relaxed);
                self.lat[who % 16].lock().unwrap().saturating_record((now_us() - since_us).max(1));
            }
            Err(e) => {
                self.err.fetch_add(1, Relaxed);
                self.note(e);
            }
        }
    }
    fn note(&self, e: Error) {
        let mut f = self.first_err.lock().unwrap();
        if f.is_empty() {
            *f = e.to_string();
        }
    }
    fn deliver(&self, who: usize, payload: &[u8]) {
        let on = self.on.load(Relaxed);
        markers(payload, |t| {
            if on {
                self.del[who % 16].lock().unwrap().saturating_record(now_us().saturating_sub(t).max(1));
                self.delivered.fetch_add(1, Relaxed);
            }
        });
    }
    fn merged(shards: &[Mutex<Hist>]) -> Hist {
        let mut h = hist();
        for s in shards {
            h.add(&*s.lock().unwrap()).unwrap();
        }
        h
    }
}

fn ms(h: &Hist) -> serde_json::Value {
    let q = |p: f64| (h.value_at_quantile(p) as f64) / 1000.0;
    json!({"n": h.len(), "p50": q(0.5), "p99": q(0.99), "p999": q(0.999), "max": h.max() as f64 / 1000.0})
}

struct Ctx {
    a: Adapter,
    w: World,
    args: Args,
    pids: Vec<u32>,
    /// Database and broker: their CPU is told apart from the server's.
    dbpids: Vec<u32>,
}

impl Ctx {
    fn usage(&self) -> Usage {
        let db_cpu_s = usage(&self.dbpids).cpu_s;
        Usage { db_cpu_s, ..usage(&self.pids) }
    }
}

fn rng(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

async fn login(c: &mut Client, op: &Op, u: &User) -> Result<(String, usize), Error> {
    let anon = User { token: String::new(), ..u.clone() };
    let b = c.call(op, &user_vars(&anon)).await?;
    let v: serde_json::Value = serde_json::from_slice(&b)?;
    let t = v.pointer(&op.token).and_then(|t| t.as_str()).ok_or("no token in the answer")?;
    Ok((t.to_string(), b.len()))
}

/// Logs in those of the users that the workload needs and that have no token yet.
async fn tokens(c: &mut Ctx, need: &[usize]) -> Result<(), Error> {
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

async fn measure(c: &Ctx, run: &Arc<Run>, secs: f64) -> (f64, Usage, Usage) {
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

fn report(c: &Ctx, what: &str, run: &Run, el: f64, u: (Usage, Usage), extra: serde_json::Value) {
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

/// me, W1 to W4: each of `conns` connections repeats one call as fast as it is answered.
async fn closed(c: &Ctx, what: &str) -> Result<(), Error> {
    let conns: usize = c.args.n("conns", 64);
    let run = Run::new();
    let chats: Arc<Vec<Chat>> = Arc::new(if what == "w3" { vec![c.w.big.clone().ok_or("no big chat")?] } else { c.w.send.clone() });
    let op = match what {
        "me" => &c.a.me,
        "w1" => &c.a.login,
        "w2" => &c.a.list,
        "w3" => &c.a.page,
        _ => &c.a.send,
    }
    .clone()
    .ok_or("the adapter has no such call")?;
    send_to_held(c, &run)?;
    for i in 0..conns {
        let (run, chats, op, a) = (run.clone(), chats.clone(), op.clone(), c.a.clone());
        let senders = senders(c);
        let me = senders[i % senders.len()];
        let user = c.w.users[me].clone();
        let what = what.to_string();
        tokio::spawn(async move {
            let mut http = Client::new(&a);
            let mine: Vec<&Chat> = chats.iter().filter(|c| c.members.contains(&me)).collect();
            let mut seed = 88172645463325252 ^ ((i as u64 + 1) << 17);
            let mut seq = 0u64;
            while !run.stop.load(Relaxed) {
                let t = now_us();
                let r = if what == "w1" {
                    login(&mut http, &op, &user).await.map(|x| x.1)
                } else {
                    seq += 1;
                    let chat = if mine.is_empty() { "" } else { &mine[rng(&mut seed) as usize % mine.len()].id };
                    let txn = marker(i, seq);
                    let text = if what == "w4" { text_with(&txn) } else { String::new() };
                    let mut v = user_vars(&user).to_vec();
                    v.extend([("chat", chat), ("text", &text), ("txn", &txn)]);
                    http.call(&op, &v).await.map(|b| b.len())
                };
                let bad = r.is_err();
                run.done(i, t, r);
                if bad {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    let (el, u0, u1) = measure(c, &run, c.args.n("secs", 8.0)).await;
    report(c, what, &run, el, (u0, u1), json!({"conns": conns}));
    Ok(())
}

/// The users that send: those who are in the sender chats (all users where there are none).
fn senders(c: &Ctx) -> Vec<usize> {
    let mut v: Vec<usize> = c.w.send.iter().flat_map(|c| c.members.iter().copied()).collect();
    v.sort_unstable();
    v.dedup();
    if v.is_empty() {
        v = (0..c.w.users.len()).collect();
    }
    v.truncate(c.args.n("conns", 64));
    v
}

/// W5: each sender sends over its live connection and waits for its acknowledgement;
/// whatever else arrives there counts as a delivery.
async fn ws_send(c: &Ctx) -> Result<(), Error> {
    let run = Run::new();
    let ack = c.a.realtime.clone().ok_or("no realtime")?.ack;
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
        let (run, ack) = (run.clone(), ack.clone());
        tokio::spawn(async move {
            let mut seed = 0x9e3779b97f4a7c15 ^ ((i as u64 + 1) << 21);
            let mut seq = 0;
            while !run.stop.load(Relaxed) {
                seq += 1;
                let m = marker(i, seq);
                let t = now_us();
                let chat = &mine[rng(&mut seed) as usize % mine.len()];
                let r = tokio::time::timeout(Duration::from_secs(30), async {
                    live.send(chat, &text_with(&m), &m).await?;
                    loop {
                        let p = live.recv().await?;
                        let own = memchr::memmem::find(&p, m.as_bytes()).is_some();
                        let is_ack = own && memchr::memmem::find(&p, ack.as_bytes()).is_some();
                        // An ack that is not also the broadcast is no delivery.
                        if !is_ack || ack.is_empty() || ack == "groupchat" {
                            run.deliver(i, &p);
                        }
                        if is_ack {
                            return Ok::<usize, Error>(p.len());
                        }
                    }
                })
                .await
                .unwrap_or_else(|_| Err("no ack in 30 s".into()));
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

/// W6: one sender, all members online; the next message goes out when the one `window`
/// before it has reached everybody.
async fn fanout(c: &Ctx) -> Result<(), Error> {
    let n: usize = c.args.n("n", 1000);
    let msgs: usize = c.args.n("msgs", 20);
    let window: usize = c.args.n("window", 1);
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
            let m = marker(0, k as u64);
            let t = now_us();
            let text = text_with(&m);
            let r = match live.as_mut() {
                Some(l) => l.send(&chat.id, &text, &m).await.map(|_| 0),
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

/// W7: what an idle live connection costs the server in memory.
async fn idle(c: &Ctx) -> Result<(), Error> {
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

/// W8: durable REST sends at a fixed rate; latency counts from the moment a send was due.
async fn open_loop(c: &Ctx) -> Result<(), Error> {
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

/// Two users log in, one sends, the other must receive: does the peer work at all?
async fn smoke(c: &mut Ctx) -> Result<(), Error> {
    let chat = c.w.send.first().or(c.w.fanout.values().next()).ok_or("no chat")?.clone();
    let (x, y) = (chat.members[0], chat.members[1]);
    let ops = c.a.login.clone();
    if let Some(op) = ops {
        for i in [x, y] {
            let mut h = Client::new(&c.a);
            c.w.users[i].token = login(&mut h, &op, &c.w.users[i].clone()).await?.0;
        }
    }
    let (ux, uy) = (c.w.users[x].clone(), c.w.users[y].clone());
    let mut rx = realtime::connect(&c.a, &uy, &[&chat.id]).await?;
    let m = marker(1, 1);
    let t = now_us();
    if let Some(op) = &c.a.send {
        let text = text_with(&m);
        let mut v = user_vars(&ux).to_vec();
        v.extend([("chat", chat.id.as_str()), ("text", &text), ("txn", &m)]);
        let b = Client::new(&c.a).call(op, &v).await?;
        println!("sent: {}", String::from_utf8_lossy(&b[..b.len().min(200)]));
    } else {
        let mut tx = realtime::connect(&c.a, &ux, &[&chat.id]).await?;
        tx.send(&chat.id, &text_with(&m), &m).await?;
        tokio::spawn(async move { while tx.recv().await.is_ok() {} });
    }
    tokio::time::timeout(Duration::from_secs(15), async {
        loop {
            let p = rx.recv().await?;
            if memchr::memmem::find(&p, m.as_bytes()).is_some() {
                println!("received after {:.1} ms: {}", (now_us() - t) as f64 / 1000.0, String::from_utf8_lossy(&p[..p.len().min(300)]));
                return Ok::<_, Error>(());
            }
        }
    })
    .await
    .map_err(|_| "nothing received in 15 s")??;
    for (name, op) in [("list", &c.a.list), ("page", &c.a.page)] {
        if let Some(op) = op {
            let big = c.w.big.clone().unwrap_or(chat.clone());
            let mut v = user_vars(&ux).to_vec();
            v.push(("chat", big.id.as_str()));
            let b = Client::new(&c.a).call(op, &v).await?;
            println!("{name}: {} bytes: {}", b.len(), String::from_utf8_lossy(&b[..b.len().min(160)]));
        }
    }
    Ok(())
}

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
            "me" | "w2" | "w3" | "w4" | "w5" | "w8" => senders(&c),
            "w6" => c.w.fanout.get(&c.args.s("n", "1000")).map(|f| f.members.clone()).unwrap_or_default(),
            "w7" => (0..c.w.users.len().min(c.args.n("n", 1000))).collect(),
            _ => vec![],
        };
        tokens(&mut c, &need).await?;
        match what.as_str() {
            "me" | "w1" | "w2" | "w3" | "w4" => closed(&c, &what).await,
            "w5" => ws_send(&c).await,
            "w6" => fanout(&c).await,
            "w7" => idle(&c).await,
            "w8" => open_loop(&c).await,
            _ => smoke(&mut c).await,
        }
    })?;
    // Thousands of open sockets need no orderly goodbye.
    std::process::exit(0)
}
