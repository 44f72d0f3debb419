//! Checks that a server and its adapter work at all.
use crate::adapter::user_vars;
use crate::context::{login, Ctx};
use crate::http::{Client, Error};
use crate::realtime;
use crate::stats::{marker, now_us, text_with};
use std::time::Duration;

/// Two users log in, one sends, the other must receive: does the peer work at all?
pub async fn run(c: &mut Ctx) -> Result<(), Error> {
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
