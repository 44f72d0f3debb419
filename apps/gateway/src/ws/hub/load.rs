//! Measures what many sockets in one chat cost the hub, compared with one lock and a frame per socket, in one run.
//! `HUB_EVENTS` sets the number of events; bench/README.md explains how to measure.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use clowder_core::{
    Follow, Id, Passing, Positions, Recorded, SessionId, Timestamp, Topic, TopicKind, UserId, Via,
    follow::{self, Following},
};
use clowder_infra::keys::Keys;
use serde_json::{json, value::to_raw_value};
use uuid::Uuid;

use super::{
    super::{
        close::Close,
        cursor::{Place, Sealer},
        frame::{Durable, Outgoing},
        send_queue::{Next, SendQueue},
    },
    Attached,
    follows::Loaded,
    shard::{Shard, Step},
    shards::Shards,
    signals::Telling,
};

const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
const SOCKETS: usize = 10_000;
/// Frames in 10,000 queues take memory, so the queues are emptied in between, as sockets would.
const AT_ONCE: usize = 10;
const ROOM: usize = 1024 * 1024;

fn change(topic: Topic, name: &str, position: i64, follow: Option<Follow>) -> Recorded {
    let data = json!({"chat_id": topic.id.to_string(), "content": "Shall we have lunch? ".repeat(12), "seq": position});
    Recorded {
        stream: 0,
        position,
        topic,
        name: name.into(),
        actor: None,
        subject: None,
        follow,
        seq: None,
        at: START,
        data: to_raw_value(&data).unwrap().into(),
    }
}

fn chat() -> Topic {
    Topic::new(TopicKind::new("chat"), UserId::new(START))
}

fn step(recorded: Recorded) -> Step {
    let packed = at(recorded.position).pack();
    Step::Change(Arc::new(Durable::new(Arc::new(recorded), packed, sealer())))
}

fn at(position: i64) -> Place {
    Place::new(Uuid::nil(), Positions::new(vec![position]))
}

fn sealer() -> Sealer {
    Sealer::new(&Keys::new("secret"))
}

fn attach(shard: &Shard, user: UserId, followed: &[Topic]) -> Attached {
    let arrival = shard.arrive(user);
    let topics = || followed.iter().map(|topic| Following { topic: *topic, after: 0 }).collect();
    let loaded = arrival.to_load.is_some().then(|| Loaded { topics: topics(), hidden: Vec::new() });
    let session: SessionId = Id::new(START);
    arrival.attach(Via::Session(session), None, loaded).unwrap().unwrap()
}

/// All waiting frames, as their sockets would send them.
fn take(queue: &SendQueue) -> Vec<String> {
    let mut frames = Vec::new();
    while let Next::Send(frame) = queue.next() {
        frames.push(frame.text().to_string());
    }
    frames
}

fn types(queue: &SendQueue) -> Vec<String> {
    let read = |frame: String| serde_json::from_str::<serde_json::Value>(&frame).unwrap();
    take(queue).into_iter().map(|frame| read(frame)["type"].as_str().unwrap().to_owned()).collect()
}

/// The frames of one socket after the other, so that both variants include the cost of sending.
fn empty(queues: &[Arc<SendQueue>]) -> usize {
    let mut frames = 0;
    for queue in queues {
        while let Next::Send(frame) = queue.next() {
            std::hint::black_box(frame.text().clone());
            frames += 1;
        }
    }
    frames
}

struct Measured {
    hub: Duration,
    sockets: Duration,
}

impl Measured {
    fn all(&self) -> f64 {
        (self.hub + self.sockets).as_secs_f64()
    }
}

/// One lock over all users, held while each of them gets a frame of their own.
fn with_one_lock(queues: &[Arc<SendQueue>], events: usize) -> Measured {
    let mut here: HashMap<UserId, Vec<Arc<SendQueue>>> = HashMap::new();
    for queue in queues {
        here.entry(queue.user).or_default().push(Arc::clone(queue));
    }
    let (here, chat) = (Mutex::new(here), chat());
    let mut measured = Measured { hub: Duration::ZERO, sockets: Duration::ZERO };
    for batch in 0..events / AT_ONCE {
        let begun = Instant::now();
        for event in 0..AT_ONCE {
            let position = (batch * AT_ONCE + event) as i64;
            let Step::Change(durable) = step(change(chat, "message.sent", position, None)) else { unreachable!() };
            let here = here.lock().unwrap();
            for queues in here.values() {
                let frame = durable.text();
                queues.iter().for_each(|queue| queue.push(Outgoing::Text(frame.clone())));
            }
        }
        measured.hub += begun.elapsed();
        let begun = Instant::now();
        assert_eq!(empty(queues), SOCKETS * AT_ONCE);
        measured.sockets += begun.elapsed();
    }
    measured
}

async fn with_shards(shards: &Shards, queues: &[Arc<SendQueue>], chat: Topic, events: usize) -> Measured {
    let dispatch = shards.start();
    let mut measured = Measured { hub: Duration::ZERO, sockets: Duration::ZERO };
    for batch in 0..events / AT_ONCE {
        let begun = Instant::now();
        let mut last = 0;
        for event in 0..AT_ONCE {
            last = (batch * AT_ONCE + event + 1) as i64;
            dispatch.send(step(change(chat, "message.sent", last, None))).await;
        }
        // The last frame of the last socket marks the end.
        for queue in queues {
            while queue.waiting() < AT_ONCE {
                tokio::task::yield_now().await;
            }
        }
        measured.hub += begun.elapsed();
        assert!(shards.all().all(|shard| shard.reaches(&at(last))));
        let begun = Instant::now();
        assert_eq!(empty(queues), SOCKETS * AT_ONCE);
        measured.sockets += begun.elapsed();
    }
    measured
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sockets_join_one_chat_and_hear_everything() {
    #[expect(clippy::disallowed_methods, reason = "whoever measures says how much")]
    let events = std::env::var("HUB_EVENTS").ok().and_then(|events| events.parse().ok()).unwrap_or(20_usize);
    let (shards, chat) = (Shards::new(&at(0), ROOM), chat());
    let begun = Instant::now();
    let attach = |_| {
        let user = UserId::new(START);
        attach(shards.of(user), user, &[chat]).queue
    };
    let queues: Vec<_> = (0..SOCKETS).map(attach).collect();
    let joined = begun.elapsed();
    let now = with_shards(&shards, &queues, chat, events).await;
    let before = with_one_lock(&queues, events);
    let begun = Instant::now();
    for queue in &queues {
        shards.of(queue.user).detach(queue);
    }
    let left = begun.elapsed();
    println!(
        "{SOCKETS} sockets: joined in {joined:.1?}, left in {left:.1?}; {events} events: handing out {:.1?} (one lock {:.1?}, \
         {:.1} times), with sending {:.1} s (one lock {:.1} s, {:.2} times)",
        now.hub,
        before.hub,
        before.hub.as_secs_f64() / now.hub.as_secs_f64(),
        now.all(),
        before.all(),
        before.all() / now.all(),
    );
    assert!(joined < Duration::from_secs(10), "joining took {joined:?}");
}

#[test]
fn who_enters_and_who_leaves_hear_of_it_and_nothing_before_or_after() {
    let shard = Shard::new(at(0), ROOM);
    let chat = chat();
    let [ada, bob, cem] = std::array::from_fn(|_| UserId::new(START));
    let (adas, bobs, cems) = (attach(&shard, ada, &[chat]), attach(&shard, bob, &[]), attach(&shard, cem, &[]));
    let follow = |user, step| Some(Follow { user, topic: chat, step });
    for (position, (name, follow)) in [
        ("message.sent", None),
        ("participant.added", follow(bob, follow::Step::Enter)),
        ("message.updated", None),
        ("participant.removed", follow(bob, follow::Step::Leave)),
        ("message.deleted", None),
    ]
    .into_iter()
    .enumerate()
    {
        shard.take(&step(change(chat, name, position as i64 + 1, follow)));
    }
    let all = ["message.sent", "participant.added", "message.updated", "participant.removed", "message.deleted"];
    assert_eq!(types(&adas.queue), all);
    assert_eq!(types(&bobs.queue), all[1..4]);
    assert!(types(&cems.queue).is_empty());
    let late = attach(&shard, bob, &[]);
    assert_eq!(late.live_from, at(5));
    assert!(late.followed.is_empty() && types(&late.queue).is_empty());
    shard.detach(&bobs.queue);
    shard.detach(&late.queue);
    assert!(!shard.follows(bob, chat) && shard.follows(ada, chat));
}

#[test]
fn what_is_about_something_before_them_is_not_told() {
    let shard = Shard::new(at(0), ROOM);
    let chat = chat();
    let [ada, bob, cem] = std::array::from_fn(|_| UserId::new(START));
    let loaded = Loaded { topics: vec![Following { topic: chat, after: 2 }], hidden: Vec::new() };
    let via = Via::Session(Id::new(START));
    let (adas, bobs) = (attach(&shard, ada, &[chat]), attach(&shard, bob, &[]));
    let cems = shard.arrive(cem).attach(via, None, Some(loaded)).unwrap().unwrap();
    let follow = |step| Some(Follow { user: bob, topic: chat, step });
    let numbered = |name: &str, seq, follow| Recorded { seq, ..change(chat, name, 0, follow) };
    for (position, recorded) in [
        numbered("participant.added", Some(1), follow(follow::Step::Enter)),
        numbered("message.deleted", Some(1), None),
        numbered("message.updated", Some(2), None),
        numbered("message.sent", Some(3), None),
        numbered("chat.updated", None, None),
        numbered("participant.removed", None, follow(follow::Step::Leave)),
        numbered("participant.added", Some(3), follow(follow::Step::Enter)),
        numbered("reaction.added", Some(3), None),
        numbered("message.pinned", Some(4), None),
    ]
    .into_iter()
    .enumerate()
    {
        shard.take(&step(Recorded { position: position as i64 + 1, ..recorded }));
    }
    let all = [
        "participant.added",
        "message.deleted",
        "message.updated",
        "message.sent",
        "chat.updated",
        "participant.removed",
        "participant.added",
        "reaction.added",
        "message.pinned",
    ];
    let but = |left_out: &[usize]| {
        let heard = all.iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        heard.map(|(_, name)| *name).collect::<Vec<_>>()
    };
    assert_eq!(types(&adas.queue), all);
    assert_eq!(types(&bobs.queue), but(&[1, 7]), "what he heard before he left is before him when he comes back");
    assert_eq!(types(&cems.queue), but(&[1, 2]));
}

#[test]
fn in_a_large_chat_those_who_watch_it_are_told_who_is_typing() {
    let shard = Shard::new(at(0), ROOM);
    let chat = chat();
    let [ada, bob, cem, dan] = std::array::from_fn(|_| UserId::new(START));
    let (adas, phone, laptop) = (attach(&shard, ada, &[chat]), attach(&shard, bob, &[chat]), attach(&shard, bob, &[]));
    let (cems, dans) = (attach(&shard, cem, &[chat]), attach(&shard, dan, &[]));
    let type_now = |only_watching| {
        let passing = Passing { topic: chat, name: "typing.start", at: START, data: to_raw_value(&()).unwrap().into() };
        let but = [ada, cem].into();
        shard.take(&Step::passing(Telling { passing, kind: "typing", but, only_watching, is_ours: true }));
        [&adas, &phone, &laptop, &cems, &dans].map(|attached| types(&attached.queue).len())
    };
    let until = START.plus(Duration::from_secs(1));
    for queue in [&adas.queue, &phone.queue, &cems.queue, &dans.queue] {
        shard.watch(queue, chat, until);
    }
    assert_eq!(type_now(false), [0, 1, 1, 0, 0], "among few, all");
    assert_eq!(type_now(true), [0, 1, 0, 0, 0], "neither who follows it no more nor who is left out");
    shard.watch(&phone.queue, chat, START);
    assert_eq!(type_now(true), [0; 5], "it is over");
    shard.watch(&laptop.queue, chat, until);
    shard.detach(&laptop.queue);
    shard.watch(&laptop.queue, chat, until);
    assert_eq!(type_now(true), [0; 5], "who has left watches nothing");
}

#[test]
fn what_was_swept_and_the_end_send_everybody_elsewhere() {
    let shard = Shard::new(at(0), ROOM);
    let (chat, ada) = (chat(), UserId::new(START));
    let attached = attach(&shard, ada, &[chat]);
    let on_the_way = shard.arrive(ada);
    shard.take(&Step::Swept { stream: 0, position: 7 });
    assert_eq!(attached.queue.closing(), Some(Close::Restart));
    let session: SessionId = Id::new(START);
    let attached = on_the_way.attach(Via::Session(session), None, None).unwrap();
    assert!(attached.is_none(), "what it knew is forgotten");
    let again = self::attach(&shard, ada, &[chat]);
    assert_eq!(again.live_from, at(7));
    let left = shard.stop();
    assert!(left.iter().any(|queue| Arc::ptr_eq(queue, &again.queue)));
    assert_eq!(again.queue.closing(), None, "it gets events until it is closed");
    let arrival = shard.arrive(ada);
    assert!(arrival.attach(Via::Session(session), None, Some(Loaded::default())).is_err(), "no more are taken");
}
