//! The closed loop: every connection repeats one call.
use super::{rng, send_to_held};
use crate::adapter::{user_vars, Chat};
use crate::context::{login, others, senders, Ctx};
use crate::http::{Client, Error};
use crate::report::{measure, report};
use crate::run::Run;
use crate::stats::{marker, now_us, text_with};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

/// me, W1 to W4, and what people ask about people: each of `conns` connections repeats one call as fast as it is answered.
pub async fn run(c: &Ctx, what: &str) -> Result<(), Error> {
    let conns: usize = c.args.n("conns", 64);
    let run = Run::new();
    let only = match c.args.s("only", "").as_str() {
        "" => None,
        name => Some(c.w.only.get(name).cloned().ok_or_else(|| format!("the world has no chat {name}"))?),
    };
    let chats: Arc<Vec<Chat>> = Arc::new(match (&only, what) {
        (Some(only), _) => vec![only.clone()],
        (None, "w3") => vec![c.w.big.clone().ok_or("no big chat")?],
        (None, _) => c.w.send.clone(),
    });
    let senders = only.map_or_else(|| senders(c), |only| only.members);
    let op = match what {
        "me" => &c.a.me,
        "w1" => &c.a.login,
        "w2" => &c.a.list,
        "w3" => &c.a.page,
        "friends" => &c.a.friends,
        "relationships" => &c.a.relationships,
        "profile" => &c.a.profile,
        "search" => &c.a.search,
        _ => &c.a.send,
    }
    .clone()
    .ok_or_else(|| format!("{}: the adapter has no call for {what}", c.a.name))?;
    let (users, sought) = (Arc::new(c.w.users.clone()), Arc::new(c.w.sought.clone()));
    if what == "search" && sought.is_empty() {
        return Err("the world has no names to search for".into());
    }
    send_to_held(c, &run)?;
    for i in 0..conns {
        let (run, chats, op, a) = (run.clone(), chats.clone(), op.clone(), c.a.clone());
        let (users, sought) = (users.clone(), sought.clone());
        let me = senders[i % senders.len()];
        let user = users[me].clone();
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
                    // Somebody else each time, so that answers are not always the same.
                    let turn = i * 7919 + seq as usize;
                    let people = match what.as_str() {
                        "profile" => others(&users, me, turn, 1),
                        "relationships" => others(&users, me, turn, 100),
                        _ => String::new(),
                    };
                    v.extend([("other", people.as_str()), ("ids", &people)]);
                    if what == "search" {
                        v.push(("sought", &sought[turn % sought.len()]));
                    }
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
