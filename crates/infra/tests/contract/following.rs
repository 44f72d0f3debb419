//! The guarantees for followers: no readable change is missed, nobody gets what they may not see, and memory is bounded
//! however far somebody lags.

mod later;
mod newer;

use std::{sync::Arc, time::Duration};

use clowder_core::{
    ChatId, Input, Positions, Recorded, Topic, TopicKind, UserId,
    follow::Following,
    journal::{Chunk, Entry, Stretch},
};
use clowder_infra::{Followed, Store};
use clowder_messaging::{CHAT, Message, NewMessage};
use serde_json::json;

use crate::world::{World, entries_after, on_both};

const MINUTE: Duration = Duration::from_secs(60);

pub async fn heads(world: &World) -> Positions {
    world.store.journal.extent().await.unwrap().heads
}

/// What somebody who now follows these chats has missed, read in chunks of this many rows.
pub async fn missed(node: &Store, user: UserId, chats: &[ChatId], from: &Positions, chunk: Chunk) -> Vec<Recorded> {
    let to = node.journal.extent().await.unwrap().heads;
    let followed: Arc<[Following]> = chats.iter().map(|chat| Topic::new(CHAT, *chat).into()).collect();
    let (mut from, mut changes) = (from.clone(), Vec::new());
    let mut replay = node.journal.replay(user, followed, from.clone(), to.clone());
    while let Some(piece) = replay.next(chunk).await.unwrap() {
        assert!(piece.reached != from, "each piece gets further");
        assert!(piece.changes.len() <= chunk.rows);
        changes.extend(piece.changes);
        from = piece.reached;
    }
    assert_eq!(from, to);
    assert!(replay.next(chunk).await.unwrap().is_none(), "what has ended stays so");
    changes
}

/// The texts of messages, and the steps by which people entered and left.
fn told(changes: &[Recorded]) -> Vec<String> {
    let word = |change: &Recorded| match change.follow {
        Some(follow) => format!("{:?}", follow.step),
        None => serde_json::from_str::<Message>(change.data.get()).unwrap().content.unwrap(),
    };
    changes.iter().map(word).collect()
}

on_both! {
    async fn what_cannot_be_read_is_passed_over_one_by_one(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (stream, from) = (world.scribe().stream_of(chat), heads(&world).await);
        let mut follower = world.another_node().await.follow().await.unwrap();
        world.scribe().unreadable(chat, 600).commit();
        let theirs = Topic::new(TopicKind::new("a_new_kind"), chat);
        let message = world.say(&ada, chat, "hello").await;

        for n in 1..=600 {
            let step = follower.step().await.unwrap();
            let Followed::Unreadable { position, .. } = step else { panic!("{step:?}") };
            assert_eq!(position, from.get(stream) + n, "one by one, and nothing else is concluded from it");
        }
        let Followed::Change(unknown) = follower.step().await.unwrap() else { panic!("a change") };
        assert_eq!((unknown.topic, &*unknown.name), (theirs, "test.unknown"), "a kind that nobody knows can be read");
        let Followed::Change(said) = follower.step().await.unwrap() else { panic!("a change") };
        assert_eq!((said.subject, said.position), (Some(message.id.uuid()), from.get(stream) + 602));
        assert_eq!(follower.known(), &heads(&world).await);

        for chunk in [Chunk::rows(7), Chunk::rows(256), Chunk { rows: 256, octets: 1 }] {
            let missed = missed(&world.store, bob.id, &[chat], &from, chunk).await;
            assert_eq!(told(&missed), ["hello"], "pieces that hold nothing readable do not end it: {chunk:?}");
        }
    }

    async fn only_the_floor_says_what_was_swept(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let stream = world.scribe().stream_of(chat);
        let asleep = world.another_node().await;
        let mut follower = asleep.follow().await.unwrap();
        world.say(&ada, chat, "swept").await;
        while world.store.journal.sweep(&world.ctx(&ada), Duration::ZERO).await.unwrap() > 0 {}
        world.say(&ada, chat, "kept").await;
        let floor = world.store.journal.extent().await.unwrap().floors.get(stream);
        let step = follower.step().await.unwrap();
        assert!(matches!(step, Followed::Swept { position, .. } if position == floor), "{step:?}");
        assert_eq!(told(&[follower.next().await.unwrap().as_ref().clone()]), ["kept"]);

        // A position that is empty without having been swept is treated like an unreadable one.
        world.say(&ada, chat, "lost").await;
        let lost = heads(&world).await.get(stream);
        world.say(&ada, chat, "there").await;
        world.meddle(&format!("DELETE FROM journal WHERE stream = {stream} AND position = {lost}")).unwrap();
        let step = follower.step().await.unwrap();
        assert!(matches!(step, Followed::Unreadable { position, .. } if position == lost), "{step:?}");
        assert_eq!(told(&[follower.next().await.unwrap().as_ref().clone()]), ["there"]);
    }

    async fn a_clock_that_was_ahead_keeps_nothing_from_being_swept(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let mut ahead = world.ctx(&ada);
        ahead.now = ahead.now.plus(Duration::from_secs(30 * 24 * 3600));
        let new = NewMessage::from_json(json!({"content": "from the future"})).unwrap();
        world.store.messaging.send(&ahead, chat, new).await.unwrap();
        world.say(&ada, chat, "old").await;
        let sweep = async || while world.store.journal.sweep(&world.nobody(), MINUTE).await.unwrap() > 0 {};
        sweep().await;
        // On PostgreSQL what is new goes into another segment from here on.
        world.wait(MINUTE / 6);
        sweep().await;
        world.say(&ada, chat, "new").await;
        world.wait(MINUTE);
        sweep().await;
        let left = world.everything().await;
        let left: Vec<_> = left.into_iter().filter(|change| &*change.name == "message.sent").collect();
        assert_eq!(told(&left), ["new"]);
    }

    async fn whoever_lags_gets_everything_and_costs_little(world: World) {
        let [ada] = world.people(["ada"]).await;
        let ada = Arc::new(ada);
        let chat = world.group(&ada, &[]).await.id;
        let mut follower = world.store.follow().await.unwrap();
        // More than may wait for a follower, so that most of it has to be read from the journal.
        let text = "🐈".repeat(8_000);
        for _ in 0..6 {
            let sends: Vec<_> = (0..100)
                .map(|_| {
                    let (world, ada, text) = (world.clone(), ada.clone(), text.clone());
                    tokio::spawn(async move { world.say(&ada, chat, &text).await })
                })
                .collect();
            for send in sends {
                send.await.unwrap();
            }
        }
        for seq in 1..=600 {
            let Followed::Change(said) = follower.step().await.unwrap() else { panic!("a change") };
            assert_eq!(serde_json::from_str::<Message>(said.data.get()).unwrap().seq, seq);
        }
    }

    async fn several_streams_are_read_at_a_time(world: World) {
        let [ada] = world.people(["ada"]).await;
        let before = heads(&world).await;
        for n in 0..6 {
            let chat = world.group(&ada, &[]).await.id;
            world.say(&ada, chat, &format!("{n}{}", "x".repeat(1_000))).await;
        }
        let (streams, mut alone) = (before.as_slice().len(), Vec::new());
        for stream in 0..streams {
            alone.extend(entries_after(&world.store, stream, before.get(stream), Chunk::rows(99)).await);
        }
        let places = |entries: &[Entry]| entries.iter().map(|entry| (entry.stream, entry.position)).collect::<Vec<_>>();
        for chunk in [Chunk::rows(99), Chunk::rows(4), Chunk { rows: 99, octets: 3_000 }] {
            let (mut known, mut read) = (before.clone(), Vec::new());
            loop {
                let stretches = (0..streams).map(|stream| Stretch::after(stream, known.get(stream))).collect();
                let part = world.store.journal.read(stretches, chunk).await.unwrap();
                assert!(part.entries.len() <= chunk.rows && (part.is_all || !part.entries.is_empty()));
                for entry in part.entries {
                    assert_eq!(entry.position, known.get(entry.stream) + 1, "nothing is left out between them");
                    known.advance(entry.stream, entry.position);
                    read.push(entry);
                }
                if part.is_all {
                    break;
                }
            }
            read.sort_by_key(|entry| (entry.stream, entry.position));
            assert_eq!(places(&read), places(&alone));
        }
        let whole = alone.iter().map(|entry| Stretch { stream: entry.stream, after: entry.position - 1, until: entry.position });
        let first = whole.take(1).collect();
        assert_eq!(world.store.journal.read(first, Chunk::rows(99)).await.unwrap().entries.len(), 1, "no further");
    }

    async fn what_is_read_at_a_time_is_bounded_in_octets(world: World) {
        let [ada] = world.people(["ada"]).await;
        let before = heads(&world).await;
        let chat = world.group(&ada, &[]).await.id;
        let stream = world.scribe().stream_of(chat);
        for n in 0..10 {
            world.say(&ada, chat, &format!("{n}{}", "x".repeat(5_000))).await;
        }
        let journal = &world.store.journal;
        let chunk = Chunk { rows: 100, octets: 12_000 };
        let entries = entries_after(&world.store, stream, before.get(stream), chunk).await;
        assert_eq!(entries.len(), 3, "`chat.created` and two that fit");
        let entries = entries_after(&world.store, stream, before.get(stream), Chunk { rows: 100, octets: 1 }).await;
        assert_eq!(entries.len(), 1, "one in any case");
        let followed: Arc<[Following]> = [Topic::new(CHAT, chat).into()].into();
        let to = heads(&world).await;
        let mut replay = journal.replay(ada.id, followed, before.clone(), to);
        let piece = replay.next(chunk).await.unwrap().unwrap();
        assert_eq!(piece.changes.len(), 3);
        assert_eq!(missed(&world.store, ada.id, &[chat], &before, chunk).await.len(), 11);
    }

    async fn what_was_missed_is_theirs_from_where_they_entered(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let from = heads(&world).await;
        let chunks = [Chunk::rows(1), Chunk::rows(3), Chunk::rows(100)];
        world.say(&ada, chat, "before").await;
        world.scribe().joins(bob.id, &json!({"id": chat})).commit();
        let entered = heads(&world).await;
        world.say(&ada, chat, "one").await;
        for chunk in chunks {
            assert_eq!(told(&missed(&world.store, bob.id, &[chat], &from, chunk).await), ["Enter", "one"]);
            assert_eq!(told(&missed(&world.store, bob.id, &[chat], &entered, chunk).await), ["one"]);
            assert_eq!(told(&missed(&world.store, ada.id, &[chat], &from, chunk).await), ["before", "one"]);
        }

        // A user who has left is told so, and gets no messages: they may no longer see them, whenever they were sent.
        world.scribe().leaves(bob.id, chat).commit();
        let left = heads(&world).await;
        world.say(&ada, chat, "between").await;
        for chunk in chunks {
            assert_eq!(told(&missed(&world.store, bob.id, &[], &from, chunk).await), ["Leave"]);
            assert_eq!(told(&missed(&world.store, bob.id, &[], &entered, chunk).await), ["Leave"]);
            assert_eq!(told(&missed(&world.store, bob.id, &[], &left, chunk).await), [""; 0]);
            assert_eq!(told(&missed(&world.store, ada.id, &[chat], &entered, chunk).await), ["one", "Leave", "between"]);
        }

        // A user who has come back gets what happened while they were in the chat.
        world.scribe().unreadable(chat, 5).joins(bob.id, &json!({"id": chat})).commit();
        world.say(&ada, chat, "two").await;
        for chunk in chunks {
            let all = ["Enter", "one", "Leave", "Enter", "two"];
            assert_eq!(told(&missed(&world.store, bob.id, &[chat], &from, chunk).await), all);
            assert_eq!(told(&missed(&world.store, bob.id, &[chat], &entered, chunk).await), all[1..]);
            assert_eq!(told(&missed(&world.store, bob.id, &[chat], &left, chunk).await), all[3..]);
        }
    }

    async fn many_chats_entered_lately_are_replayed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats = Vec::new();
        for _ in 0..130 {
            chats.push(world.group(&ada, &[]).await.id);
        }
        let from = heads(&world).await;
        for chat in &chats {
            world.say(&ada, *chat, "before").await;
            world.scribe().joins(bob.id, &json!({"id": chat})).commit();
            world.say(&ada, *chat, "after").await;
        }
        // A chunk that ends where its stream ends.
        for chunk in [Chunk::rows(50), Chunk::rows(1)] {
            let missed = missed(&world.store, bob.id, &chats, &from, chunk).await;
            let told = told(&missed);
            assert_eq!(told.len(), 260);
            assert_eq!(told.iter().filter(|word| *word == "after").count(), 130);
        }
    }

    async fn what_was_followed_at_an_earlier_place(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats = Vec::new();
        for _ in 0..4 {
            chats.push(world.group(&ada, &[]).await.id);
        }
        let [kept, entered, left, back] = chats[..] else { panic!("four chats") };
        world.scribe().joins(bob.id, &json!({"id": kept})).joins(bob.id, &json!({"id": left})).joins(bob.id, &json!({"id": back})).commit();
        let at = heads(&world).await;
        world.scribe()
            .leaves(bob.id, left)
            .joins(bob.id, &json!({"id": entered}))
            .leaves(bob.id, back)
            .joins(bob.id, &json!({"id": back}))
            .commit();
        let followed = async |at: &Positions| {
            let followed = world.store.journal.followed(bob.id, at.clone()).await.unwrap();
            let mut topics: Vec<_> = followed.into_iter().map(|it| it.topic).collect();
            topics.sort();
            topics
        };
        let sorted = |chats: &[ChatId]| {
            let mut topics: Vec<_> = chats.iter().map(|chat| Topic::new(CHAT, *chat)).collect();
            topics.sort();
            topics
        };
        assert_eq!(followed(&at).await, sorted(&[kept, left, back]));
        assert_eq!(followed(&heads(&world).await).await, sorted(&[kept, entered, back]));
        let start = Positions::new(vec![0; at.as_slice().len()]);
        assert_eq!(followed(&start).await, []);
    }

    async fn topics_of_every_kind_are_followed_alike(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = Topic::new(CHAT, world.group(&bob, &[]).await.id);
        let id = UserId::new(world.now());
        let (pet, kind) = (Topic::new(TopicKind::new("pet"), id), ("pet", id));
        let start = heads(&world).await;
        let text = |text: &str| json!({"text": text});
        world.scribe()
            .tells(kind, &text("before"))
            .follows(bob.id, kind, true, &json!({}))
            .tells(kind, &text("one"))
            .commit();
        let inside = heads(&world).await;
        world.scribe().tells(kind, &text("two")).commit();
        let replayed = async |user, followed: &[Topic], from: &Positions| {
            let to = heads(&world).await;
            let followed = followed.iter().map(|topic| Following::from(*topic)).collect();
            let mut replay = world.store.journal.replay(user, followed, from.clone(), to);
            let piece = replay.next(Chunk::rows(100)).await.unwrap();
            let changes = piece.map(|piece| piece.changes).unwrap_or_default();
            changes.iter().map(|change| change.data.get().to_owned()).collect::<Vec<_>>()
        };
        let texts = |texts: &[&str]| texts.iter().map(|said| text(said).to_string()).collect::<Vec<_>>();
        assert_eq!(replayed(bob.id, &[pet], &inside).await, texts(&["two"]));
        let all = [vec!["{}".to_owned()], texts(&["one", "two"])].concat();
        assert_eq!(replayed(bob.id, &[pet], &start).await, all, "from where he entered");
        assert_eq!(replayed(ada.id, &[], &start).await, texts(&[]));

        world.scribe().follows(bob.id, kind, false, &json!({})).commit();
        let mut followed = world.store.journal.followed(bob.id, inside).await.unwrap();
        followed.sort();
        // Of what he follows no more, nothing with a number is his.
        let mut both = [chat.into(), Following { topic: pet, after: i64::MAX }];
        both.sort();
        assert_eq!(followed, both, "what he has left since, he followed then");
        assert_eq!(world.store.journal.followed(bob.id, heads(&world).await).await.unwrap(), [chat.into()]);
        assert_eq!(replayed(bob.id, &[chat], &start).await.last().map(String::as_str), Some("{}"), "that he left");
    }
}
