//! The guarantees of `Polls`.

pub mod domain;
mod gone;
mod hidden;
mod relations;

use std::{sync::Arc, time::Duration};

use clowder_core::{Actor, ChatId, Ctx, Error, Id, MessageId, PageRequest, Result, Role, Topic, UserId, Via};
use clowder_messaging::{
    CHAT, Message, MessagePatch, MessageType, NewMessage, Window,
    polls::{NewVote, Voted},
};
use serde_json::{Value, json};

use crate::{
    stress::of,
    world::{Person, World, code, on_both},
};

/// More than fit into one commit.
const CROWD: usize = 300;

fn poll(poll: Value) -> NewMessage {
    of::<NewMessage>(json!({"content": "What shall we eat?", "type": "poll", "poll": poll}))
}

async fn ask(world: &World, who: &Person, chat: ChatId, new: Value) -> Message {
    world.store.messaging.send(&world.ctx(who), chat, poll(new)).await.unwrap().into_inner()
}

fn meals() -> Value {
    json!({"options": ["Noodles", "Soup", "Rice"]})
}

fn several() -> Value {
    json!({"options": ["Noodles", "Soup", "Rice"], "multiple": true})
}

async fn vote(world: &World, who: &Person, message: MessageId, options: &[i64]) -> Result<Voted> {
    world.store.polls.vote(&world.ctx(who), message, NewVote { options: options.to_vec() }).await
}

async fn votes(world: &World, who: &Person, message: MessageId, options: &[i64]) -> (Vec<i64>, i64) {
    let voted = vote(world, who, message, options).await.unwrap();
    (voted.votes, voted.voters)
}

async fn seen(world: &World, who: &Person, message: MessageId) -> Message {
    world.store.messaging.message(&world.ctx(who), message).await.unwrap()
}

/// How many have chosen each option, whether the viewer has, and how many have voted.
fn shown(message: &Message) -> (Vec<(i64, Option<bool>)>, i64) {
    let poll = message.poll.as_ref().expect("a poll");
    (poll.options.iter().map(|option| (option.votes, option.mine)).collect(), poll.voters)
}

fn data(change: &clowder_core::Recorded) -> Value {
    serde_json::from_str(change.data.get()).unwrap()
}

on_both! {
    /// The time of a call is read before it waits for the chat.
    async fn a_vote_that_waits_until_the_poll_has_ended_comes_too_late(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let closes_at = world.now().plus(Duration::from_millis(300));
        let asked = ask(&world, &ada, chat, json!({"options": ["Noodles", "Soup"], "closes_at": closes_at})).await;
        let holder = world.holding(chat);
        let free = async {
            world.until_somebody_waits().await;
            // What ends the poll while the vote waits is the time that passes, which no clock of the test can set.
            tokio::time::sleep(Duration::from_millis(600)).await;
            drop(holder);
        };
        let (voted, ()) = tokio::join!(vote(&world, &bob, asked.id, &[0]), free);
        assert_eq!(code(voted), "poll.closed");
        assert_eq!(seen(&world, &ada, asked.id).await.poll.unwrap().voters, 0);
        world.changes().await;
    }

    async fn a_poll_is_a_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let asked = ask(&world, &ada, chat, several()).await;
        assert_eq!((asked.kind, asked.seq, asked.content.as_deref()), (MessageType::Poll, 1, Some("What shall we eat?")));
        assert_eq!(shown(&asked), (vec![(0, Some(false)); 3], 0));
        let told = world.changes().await;
        assert_eq!((told.len(), &*told[0].name), (1, "message.sent"));
        let told = data(&told[0]);
        let options = ["Noodles", "Soup", "Rice"].map(|text| json!({"text": text, "votes": 0}));
        let expected = json!({
            "options": options, "voters": 0, "multiple": true, "most": 3, "anonymous": false, "closes_at": null,
            "closed_at": null,
        });
        assert_eq!(told["poll"], expected, "the same for everybody");

        assert_eq!(votes(&world, &bob, asked.id, &[2, 0]).await, (vec![1, 0, 1], 1));
        let changes = world.changes().await;
        let [voted] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((&*voted.name, voted.topic, voted.actor), ("poll.voted", Topic::new(CHAT, chat), Some(bob.id)));
        let expected = json!({
            "chat_id": chat, "message_id": asked.id, "seq": 1, "votes": [1, 0, 1], "voters": 1, "user_id": bob.id,
            "options": [0, 2],
        });
        assert_eq!(data(voted), expected);
        assert_eq!(votes(&world, &bob, asked.id, &[0, 2, 2]).await, (vec![1, 0, 1], 1), "the same again");
        assert!(world.names().await.is_empty(), "nothing is written");
        assert_eq!(votes(&world, &ada, asked.id, &[1, 2]).await, (vec![1, 1, 2], 2));
        assert_eq!(votes(&world, &bob, asked.id, &[1]).await, (vec![0, 2, 1], 2), "replaces the former");
        world.changes().await;

        // In pages, by itself, and as the last message.
        let messaging = &world.store.messaging;
        for (who, mine) in [(&ada, [false, true, true]), (&bob, [false, true, false])] {
            let expected = ([0, 2, 1].into_iter().zip(mine.map(Some)).collect::<Vec<_>>(), 2);
            assert_eq!(shown(&seen(&world, who, asked.id).await), expected);
            let page = messaging.messages(&world.ctx(who), chat, Window::NEWEST, 9).await.unwrap();
            assert_eq!(shown(&page.items[0]), expected);
            let last = messaging.chat(&world.ctx(who), chat).await.unwrap().last_message.unwrap();
            assert_eq!(shown(&last), expected, "also from the cache of what chats show");
        }
        assert_eq!(votes(&world, &bob, asked.id, &[]).await, (vec![0, 1, 1], 1));
        assert_eq!(votes(&world, &bob, asked.id, &[]).await, (vec![0, 1, 1], 1), "twice is fine");
        let told = world.changes().await;
        assert_eq!((told.len(), data(&told[0])["options"].clone()), (1, json!([])));
        let last = messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_message.unwrap();
        assert_eq!(shown(&last).1, 1);

        let patch = of::<MessagePatch>(json!({"content": "What shall we drink?"}));
        assert_eq!(code(messaging.edit(&world.ctx(&ada), asked.id, None, patch).await), "poll.edit");
    }

    async fn the_same_client_id_is_the_same_poll(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let send = async |poll: Value| {
            let mut new = json!({"content": "Which?", "client_id": "one"});
            if !poll.is_null() {
                (new["type"], new["poll"]) = (json!("poll"), poll);
            }
            world.store.messaging.send(&world.ctx(&ada), chat, of::<NewMessage>(new)).await
        };
        let closes_at = world.now().plus(Duration::from_secs(60));
        let closing = || json!({"options": ["Noodles", "Soup"], "closes_at": closes_at});
        let first = send(closing()).await.unwrap().into_inner();
        votes(&world, &bob, first.id, &[1]).await;
        for other in [
            json!({"options": ["Noodles", "Soup"]}),
            json!({"options": ["Noodles", "Rice"], "closes_at": closes_at}),
            json!({"options": ["Noodles", "Soup"], "closes_at": closes_at, "anonymous": true}),
            json!(null),
        ] {
            assert_eq!(code(send(other).await), "client_id.mismatch");
        }
        // Long after it is closed, the call is repeated.
        world.wait(Duration::from_secs(90));
        let again = send(closing()).await.unwrap().into_inner();
        let (again, poll) = (again.id, again.poll.unwrap());
        assert_eq!((again, poll.voters, poll.closed_at), (first.id, 1, Some(closes_at)));
        let past = world.store.messaging.send(&world.ctx(&ada), chat, poll_that_closes(closes_at)).await;
        assert!(matches!(past, Err(Error::Invalid(faults)) if faults[0].pointer == "/poll/closes_at"));
    }

    async fn one_choice_or_as_many_as_allowed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let one = ask(&world, &ada, chat, meals()).await.id;
        assert_eq!(code(vote(&world, &bob, one, &[0, 1]).await), "poll.choices");
        assert_eq!(code(vote(&world, &bob, one, &[3]).await), "poll.choices");
        votes(&world, &bob, one, &[2]).await;
        assert_eq!(votes(&world, &bob, one, &[0]).await, (vec![1, 0, 0], 1));
        let two = ask(&world, &ada, chat, json!({"options": ["a", "b", "c"], "multiple": true, "most": 2})).await.id;
        assert_eq!(code(vote(&world, &bob, two, &[0, 1, 2]).await), "poll.choices");
        assert_eq!(votes(&world, &bob, two, &[0, 2]).await, (vec![1, 0, 1], 1));
        let text = world.say(&ada, chat, "hello").await.id;
        assert_eq!(code(vote(&world, &bob, text, &[0]).await), "poll.unknown");
        assert_eq!(code(world.store.polls.close(&world.ctx(&ada), text).await), "poll.unknown");
    }

    async fn a_poll_closes_by_hand_and_by_itself(world: World) {
        let [ada, bob, eve, dan] = world.people(["ada", "bob", "eve", "dan"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let polls = &world.store.polls;
        let his = ask(&world, &bob, chat, meals()).await.id;
        votes(&world, &eve, his, &[1]).await;
        world.changes().await;
        assert_eq!(code(polls.close(&world.ctx(&eve), his).await), "poll.forbidden");
        assert_eq!(code(polls.close(&world.ctx(&dan), his).await), "message.unknown");
        let closed = polls.close(&world.ctx(&bob), his).await.unwrap();
        let told = world.changes().await;
        let [change] = told.as_slice() else { panic!("{told:?}") };
        let expected = json!({"chat_id": chat, "message_id": his, "seq": 1, "closed_at": closed.closed_at});
        assert_eq!((&*change.name, data(change)), ("poll.closed", expected));
        assert_eq!(polls.close(&world.ctx(&ada), his).await.unwrap(), closed, "twice is fine");
        assert!(world.names().await.is_empty());
        assert_eq!(code(vote(&world, &ada, his, &[0]).await), "poll.closed");
        assert_eq!(code(vote(&world, &eve, his, &[]).await), "poll.closed", "the result stays");
        assert_eq!(votes(&world, &eve, his, &[1]).await, (vec![0, 1, 0], 1), "the same vote again");
        assert_eq!(seen(&world, &eve, his).await.poll.unwrap().closed_at, Some(closed.closed_at));
        let last = world.store.messaging.chat(&world.ctx(&eve), chat).await.unwrap().last_message.unwrap();
        assert_eq!(last.poll.unwrap().closed_at, Some(closed.closed_at));

        let closes_at = world.now().plus(Duration::from_secs(60));
        let soon = json!({"options": ["Noodles", "Soup"], "closes_at": closes_at});
        let timed = ask(&world, &bob, chat, soon).await.id;
        votes(&world, &eve, timed, &[1]).await;
        assert_eq!(seen(&world, &eve, timed).await.poll.unwrap().closed_at, None);
        world.changes().await;
        world.wait(Duration::from_secs(60));
        assert_eq!(code(vote(&world, &ada, timed, &[0]).await), "poll.closed");
        assert_eq!(seen(&world, &eve, timed).await.poll.unwrap().closed_at, Some(closes_at));
        assert_eq!(polls.close(&world.ctx(&ada), timed).await.unwrap().closed_at, closes_at);
        assert!(world.names().await.is_empty(), "nobody has to be told");
        let admin = ask(&world, &bob, chat, meals()).await.id;
        polls.close(&world.ctx(&ada), admin).await.unwrap();
    }

    async fn many_people_vote_at_once_on_two_nodes(world: World) {
        let mut people = Vec::new();
        for n in 0..12 {
            people.push(world.person(&format!("person{n}")).await);
        }
        let others: Vec<_> = people[1..].iter().collect();
        let chat = world.group(&people[0], &others).await.id;
        let asked = ask(&world, &people[0], chat, several()).await.id;
        let other = Arc::new(world.another_node().await);
        let mut tasks = Vec::new();
        for (n, person) in people.iter().enumerate() {
            // Two different votes of one person at once, on two nodes.
            for (node, options) in [(n, vec![0, 1]), (n + 1, vec![2]), (n, vec![])] {
                let (world, other, ctx) = (world.clone(), other.clone(), world.ctx(person));
                tasks.push(tokio::spawn(async move {
                    let polls = if node % 2 == 0 { &world.store.polls } else { &other.polls };
                    polls.vote(&ctx, asked, NewVote { options }).await.map(drop)
                }));
            }
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        everything_is_counted(&world, &people[0], asked).await;
        for (n, person) in people.iter().enumerate() {
            votes(&world, person, asked, if n % 3 == 0 { &[0, 2] } else { &[1] }).await;
        }
        let (options, voters) = everything_is_counted(&world, &people[0], asked).await;
        assert_eq!((options, voters), (vec![4, 8, 4], 12));
    }

    async fn a_crowd_votes_at_once(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        let crowd: Vec<UserId> = (0..CROWD).map(|_| Id::new(world.now())).collect();
        let mut rows = String::new();
        for (n, id) in crowd.iter().enumerate() {
            let id = match world.is_postgres() {
                true => format!("CAST('{id}' AS uuid)"),
                false => format!("x'{}'", id.uuid().simple()),
            };
            rows += &format!(
                "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role, \
                 created_at, version) SELECT {id}, 'voter{n}', 'voter{n}', 'x', 'voter{n}', 'x', 'x', 'public', 'user', \
                 u.created_at, 1 FROM users u WHERE u.username = 'ada';"
            );
        }
        world.batch(&format!(
            "{rows} INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read) \
             SELECT p.chat_id, u.id, 'member', p.joined_at, 0, 0 FROM participants p, users u \
             WHERE u.username LIKE 'voter%'; \
             UPDATE chats SET participant_count = {CROWD} + 1, lowest_reader_id = NULL, lowest_read_seq = NULL, \
             second_lowest_read_seq = NULL;"
        ));
        let asked = ask(&world, &ada, chat, meals()).await.id;
        let tasks: Vec<_> = (0..).zip(crowd).map(|(n, id)| {
            let world = world.clone();
            let actor = Actor::User { id, via: Via::Session(Id::new(world.now())), role: Role::User };
            let ctx = Ctx::new(actor, world.now(), "test");
            tokio::spawn(async move { world.store.polls.vote(&ctx, asked, NewVote { options: vec![n % 3] }).await })
        }).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let third = CROWD as i64 / 3;
        let options = [(third, Some(false)), (third, Some(false)), (third, Some(false))].to_vec();
        assert_eq!(shown(&seen(&world, &ada, asked).await), (options, CROWD as i64));
        let told = world.changes().await;
        let votes = told.iter().filter(|change| &*change.name == "poll.voted");
        let last = votes.clone().next_back().map(data).unwrap();
        assert_eq!((votes.count(), &last["voters"]), (CROWD, &json!(CROWD)));
    }

    async fn votes_against_closing_and_deletion(world: World) {
        let mut people = Vec::new();
        for n in 0..8 {
            people.push(world.person(&format!("person{n}")).await);
        }
        let others: Vec<_> = people[1..].iter().collect();
        let chat = world.group(&people[0], &others).await.id;
        let other = Arc::new(world.another_node().await);
        for deletes in [false, true] {
            let asked = ask(&world, &people[0], chat, meals()).await.id;
            let mut tasks = Vec::new();
            for (n, person) in people.iter().enumerate() {
                let (world, other, ctx) = (world.clone(), other.clone(), world.ctx(person));
                tasks.push(tokio::spawn(async move {
                    let polls = if n % 2 == 0 { &world.store.polls } else { &other.polls };
                    match polls.vote(&ctx, asked, NewVote { options: vec![1] }).await {
                        Ok(_) => "voted",
                        refused => code(refused),
                    }
                }));
            }
            if deletes {
                other.messaging.delete(&world.ctx(&people[0]), asked, None).await.unwrap();
            } else {
                other.polls.close(&world.ctx(&people[0]), asked).await.unwrap();
            }
            let mut voted = 0;
            for task in tasks {
                let outcome = task.await.unwrap();
                voted += i64::from(outcome == "voted");
                let refused = if deletes { "message.deleted" } else { "poll.closed" };
                assert!(outcome == "voted" || outcome == refused, "{outcome}");
            }
            if deletes {
                assert!(seen(&world, &people[0], asked).await.poll.is_none());
                assert_eq!(world.meddle("DELETE FROM message_poll_votes WHERE seq = 2").unwrap(), 0);
                assert_eq!(world.meddle("DELETE FROM message_polls WHERE seq = 2").unwrap(), 0);
            } else {
                assert_eq!(everything_is_counted(&world, &people[0], asked).await.1, voted);
            }
        }
    }
}

fn poll_that_closes(at: clowder_core::Timestamp) -> NewMessage {
    poll(json!({"options": ["Noodles", "Soup"], "closes_at": at}))
}

/// What a poll shows is what people have chosen.
async fn everything_is_counted(world: &World, viewer: &Person, asked: MessageId) -> (Vec<i64>, i64) {
    let page = PageRequest { limit: 99, cursor: None };
    let voters = world.store.polls.voters(&world.ctx(viewer), asked, None, page).await.unwrap().items;
    let (options, count) = shown(&seen(world, viewer, asked).await);
    let options: Vec<i64> = options.into_iter().map(|(votes, _)| votes).collect();
    for (index, votes) in (0..).zip(&options) {
        let chose = voters.iter().filter(|voter| voter.options.contains(&index)).count() as i64;
        assert_eq!(chose, *votes, "{index}");
    }
    assert_eq!(voters.len() as i64, count);
    (options, count)
}

/// The code of a refusal, if there is one.
fn code_or_nothing<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    if result.is_ok() { "" } else { code(result) }
}
