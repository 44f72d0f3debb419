//! Sending: numbered without gaps, once per client id, batched and yet individual.

use std::{collections::HashSet, sync::Arc};

use clowder_core::{Ctx, Error, IdempotencyKey, Input, Made};
use clowder_messaging::{Emoji, MessagePatch, NewMessage};
use serde_json::json;

use crate::{
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn one_client_id_is_one_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let Made::New(first) = world.try_say(&ada, chat, "hi", Some("c1")).await.unwrap() else { panic!("new") };
        assert_eq!(world.names().await, ["message.sent"]);
        assert_eq!(world.try_say(&ada, chat, "hi", Some("c1")).await.unwrap(), Made::Found(first.clone()));
        assert_eq!(code(world.try_say(&ada, chat, "ho", Some("c1")).await), "client_id.mismatch");
        let other = world.group(&ada, &[&bob]).await.id;
        assert_eq!(code(world.try_say(&ada, other, "hi", Some("c1")).await), "client_id.mismatch");
        assert!(matches!(world.try_say(&bob, chat, "ho", Some("c1")).await, Ok(Made::New(_))), "each has their own");
        let messaging = &world.store.messaging;
        let patch = MessagePatch::from_json(json!({"content": "edited"})).unwrap();
        messaging.edit(&world.ctx(&ada), first.id, None, patch).await.unwrap();
        let found = world.try_say(&ada, chat, "hi", Some("c1")).await.unwrap().into_inner();
        assert_eq!(found.content.as_deref(), Some("edited"), "compared with what was first sent");
        messaging.delete(&world.ctx(&ada), first.id, None).await.unwrap();
        let found = world.try_say(&ada, chat, "hi", Some("c1")).await.unwrap().into_inner();
        assert_eq!((found.id, found.content), (first.id, None), "also after it was deleted");
        let stranger = world.person("eve").await;
        assert_eq!(code(world.try_say(&stranger, chat, "hi", Some("e1")).await), "chat.unknown");
        assert!(world.try_say(&stranger, world.group(&stranger, &[]).await.id, "hi", Some("e1")).await.is_ok(),
            "a refused send frees its client id");
    }

    async fn what_was_sent_before_shows_nothing_that_its_sender_does_not_see(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let late = of(json!({"history": "since_join"}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, late).await.unwrap();
        let said = world.try_say(&bob, chat, "mine", Some("c1")).await.unwrap().into_inner();
        let removed = world.try_say(&bob, chat, "removed", Some("c2")).await.unwrap().into_inner();
        world.store.keeping.remove(&world.ctx(&bob), removed.id, None).await.unwrap();
        world.store.participants.remove(&world.ctx(&ada), chat, bob.id).await.unwrap();
        for message in [said.id, removed.id] {
            let emoji = Emoji::from_text("👍").unwrap();
            world.store.messaging.react(&world.ctx(&ada), message, emoji).await.unwrap();
            world.store.keeping.pin(&world.ctx(&ada), message).await.unwrap();
            let answer = of(json!({"content": "an answer", "thread_of": message}));
            world.store.messaging.send(&world.ctx(&ada), chat, answer).await.unwrap();
        }
        let adding = of(json!({"user_ids": [bob.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, adding).await.unwrap();
        for (first, text, client) in [(&said, "mine", "c1"), (&removed, "removed", "c2")] {
            assert_eq!(code(world.store.messaging.message(&world.ctx(&bob), first.id).await), "message.unknown");
            let Made::Found(found) = world.try_say(&bob, chat, text, Some(client)).await.unwrap() else { panic!("new") };
            assert_eq!((found.id, found.content.as_deref()), (first.id, Some(text)));
            assert!(found.reactions.is_empty() && found.thread.is_none() && !found.pinned, "{found:?}");
        }
    }

    async fn many_senders_get_numbers_without_gaps(world: World) {
        let names: Vec<String> = (0..16).map(|n| format!("user{n}")).collect();
        let mut people = Vec::new();
        for name in &names {
            people.push(Arc::new(world.person(name).await));
        }
        let others: Vec<_> = people[1..].iter().map(|person| &**person).collect();
        let chat = world.group(&people[0], &others).await.id;
        let mut follower = world.store.follow().await.unwrap();
        let sends: Vec<_> = people
            .iter()
            .map(|person| {
                let (world, person) = (world.clone(), person.clone());
                tokio::spawn(async move {
                    let mut seqs = Vec::new();
                    for n in 0..25 {
                        // Every fifth send is repeated at once, as by a client that lost its answer.
                        let text = format!("{n}");
                        let client = format!("c{n}");
                        if n % 5 == 0 {
                            let (a, b) = tokio::join!(
                                world.try_say(&person, chat, &text, Some(&client)),
                                world.try_say(&person, chat, &text, Some(&client))
                            );
                            let (a, b) = (a.unwrap().into_inner(), b.unwrap().into_inner());
                            assert_eq!(a, b);
                            seqs.push(a.seq);
                        } else {
                            seqs.push(world.try_say(&person, chat, &text, Some(&client)).await.unwrap().into_inner().seq);
                        }
                    }
                    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "a sender's order is kept");
                    seqs
                })
            })
            .collect();
        let mut all = Vec::new();
        for send in sends {
            all.extend(send.await.unwrap());
        }
        all.sort_unstable();
        assert_eq!(all, (1..=400).collect::<Vec<i64>>());
        let mut followed = Vec::new();
        while followed.len() < 400 {
            let recorded = follower.next().await.unwrap();
            let message: clowder_messaging::Message = serde_json::from_str(recorded.data.get()).unwrap();
            followed.push(message.seq);
        }
        assert_eq!(followed, (1..=400).collect::<Vec<i64>>(), "told in the order of seq");
    }

    async fn a_bad_line_refuses_itself_only(world: World) {
        let [ada, eve] = world.people(["ada", "eve"]).await;
        let (ada, eve) = (Arc::new(ada), Arc::new(eve));
        let chat = world.group(&ada, &[]).await.id;
        let sends: Vec<_> = (0..60)
            .map(|n| {
                let (world, who) = (world.clone(), if n % 3 == 0 { eve.clone() } else { ada.clone() });
                tokio::spawn(async move { (n % 3 == 0, world.try_say(&who, chat, "x", None).await) })
            })
            .collect();
        let mut seqs = HashSet::new();
        for send in sends {
            match send.await.unwrap() {
                (true, refused) => assert_eq!(code(refused), "chat.unknown"),
                (false, said) => assert!(seqs.insert(said.unwrap().into_inner().seq)),
            }
        }
        assert_eq!(seqs, (1..=40).collect());
        assert_eq!(world.names().await.len(), 40);
    }

    async fn two_nodes_share_one_count(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let other = Arc::new(world.another_node().await);
        let ada = Arc::new(ada);
        let sends: Vec<_> = (0..80)
            .map(|n| {
                let (world, other, ada) = (world.clone(), other.clone(), ada.clone());
                tokio::spawn(async move {
                    let node = if n % 2 == 0 { &world.store } else { &*other };
                    // Both nodes get each client id.
                    let new = json!({"content": "x", "client_id": format!("c{}", n / 2)});
                    node.messaging.send(&world.ctx(&ada), chat, NewMessage::from_json(new).unwrap()).await
                })
            })
            .collect();
        let mut seqs = Vec::new();
        for send in sends {
            seqs.push(send.await.unwrap().unwrap().into_inner().seq);
        }
        seqs.sort_unstable();
        let twice: Vec<i64> = (1..=40).flat_map(|n| [n, n]).collect();
        assert_eq!(seqs, twice);
        assert_eq!(world.names().await.len(), 40);
    }

    async fn a_send_with_a_key_is_replayed(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let send = async |print: u8| {
            let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new("k", [print; 32])), ..world.ctx(&ada) };
            let new = NewMessage::from_json(json!({"content": "hi"})).unwrap();
            let made = world.store.messaging.send(&ctx, chat, new).await;
            (made, ctx.idempotency_key.unwrap().was_replayed())
        };
        let (first, replayed) = send(1).await;
        assert!(!replayed);
        let (second, replayed) = send(1).await;
        assert!(replayed);
        assert_eq!(first.unwrap(), second.unwrap());
        assert!(matches!(send(2).await, (Err(Error::Refused(_)), false)));
        assert_eq!(world.names().await, ["message.sent"]);
    }
}
