//! What becomes of polls and votes.

use std::time::Duration;

use clowder_core::{Actor, Ctx, PageRequest};
use clowder_messaging::{
    MessageType, NewMessage, Window,
    keeping::NewDeletion,
    moderation::{NewFilter, NewReviewVerdict, ReviewType},
};
use serde_json::json;

use super::{ask, code_or_nothing, meals, seen, shown, vote, votes};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{World, code, on_both},
};

/// So many more people vote in each poll that has a vote.
fn more_votes(world: &World, count: i64) {
    let (id, series) = if world.is_postgres() {
        ("gen_random_uuid()", format!("generate_series(1, {count}) AS s(n)"))
    } else {
        let series = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n <";
        ("randomblob(16)", format!("({series} {count}) SELECT n FROM t) s"))
    };
    world.batch(&format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role, \
         created_at, version) SELECT {id}, 'voter' || s.n, 'voter' || s.n, 'x', 'voter' || s.n, 'x', 'x', 'public', \
         'user', u.created_at, 1 FROM users u, {series} WHERE u.username = 'bob'; \
         INSERT INTO message_poll_votes (chat_id, seq, user_id, choices, voted_at) \
         SELECT v.chat_id, v.seq, u.id, 2, v.voted_at FROM message_poll_votes v, users u WHERE u.username LIKE 'voter%';"
    ));
}

on_both! {
    async fn polls_go_with_their_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let poll = || json!({"options": ["zqnoodles", "zqsoup"]});
        let [deleted, passing] = {
            let new = json!({"content": "zqwhich", "type": "poll", "poll": poll(), "lifetime": {"seconds": 60}});
            let passing = world.store.messaging.send(&world.ctx(&ada), chat, of::<NewMessage>(new)).await.unwrap();
            [ask(&world, &ada, chat, poll()).await.id, passing.into_inner().id]
        };
        for asked in [deleted, passing] {
            votes(&world, &bob, asked, &[1]).await;
        }
        world.changes().await;
        world.store.messaging.delete(&world.ctx(&ada), deleted, None).await.unwrap();
        assert_eq!(world.names().await, ["message.deleted"]);
        world.wait(Duration::from_secs(60));
        // Before it is deleted, too.
        for asked in [deleted, passing] {
            assert!(seen(&world, &bob, asked).await.poll.is_none());
            assert_eq!(code(vote(&world, &bob, asked, &[0]).await), "message.deleted");
            assert_eq!(code(vote(&world, &bob, asked, &[]).await), "message.deleted");
            assert_eq!(code(world.store.polls.close(&world.ctx(&ada), asked).await), "message.deleted");
            let voters = world.store.polls.voters(&world.ctx(&ada), asked, None, PageRequest::default()).await.unwrap();
            assert!(voters.items.is_empty());
        }
        let later = Ctx::new(Actor::System, world.now(), "timers");
        assert_eq!(world.store.lifetimes.expire(&later).await.unwrap(), 1);
        for table in ["message_poll_votes", "message_polls"] {
            assert_eq!(world.meddle(&format!("DELETE FROM {table}")).unwrap(), 0, "{table}");
        }
        for change in world.everything().await {
            assert!(!change.data.get().contains("zqnoodles"), "{change:?}");
        }
        for text in ["zqnoodles", "zqsoup", "zqwhich"] {
            world.gone(text.as_bytes()).await;
        }
    }

    async fn polls_that_are_deleted_together_have_one_bound(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut polls = Vec::new();
        for _ in 0..3 {
            let asked = ask(&world, &ada, chat, meals()).await.id;
            votes(&world, &bob, asked, &[0]).await;
            polls.push(asked);
        }
        more_votes(&world, 300);
        let new = of::<NewDeletion>(json!({"message_ids": polls}));
        world.store.keeping.delete_messages(&world.ctx(&ada), chat, new).await.unwrap();
        for asked in polls {
            assert_eq!(code(vote(&world, &bob, asked, &[1]).await), "message.deleted");
            assert!(seen(&world, &bob, asked).await.poll.is_none());
        }
        assert_eq!(world.number("SELECT count(*) FROM message_poll_votes"), 3 * 301 - 500);
        assert_eq!(world.meddle("UPDATE message_polls SET voters = -1 WHERE voters < 0").unwrap(), 2);
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        for table in ["message_poll_votes", "message_polls"] {
            assert_eq!(world.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
        }
    }

    async fn of_very_many_votes_some_go_later(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let asked = ask(&world, &ada, chat, meals()).await.id;
        votes(&world, &bob, asked, &[0]).await;
        more_votes(&world, 1_200);
        world.store.messaging.delete(&world.ctx(&ada), asked, None).await.unwrap();
        assert_eq!(code(vote(&world, &bob, asked, &[1]).await), "message.deleted");
        assert!(seen(&world, &bob, asked).await.poll.is_none());
        assert_eq!(world.meddle("UPDATE message_polls SET voters = -1 WHERE voters < 0").unwrap(), 1);
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert_eq!(world.meddle("DELETE FROM message_poll_votes").unwrap(), 0);
        assert_eq!(world.meddle("DELETE FROM message_polls").unwrap(), 0);
    }

    async fn votes_go_with_whoever_is_erased(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let open = ask(&world, &ada, chat, json!({"options": ["a", "b"], "multiple": true})).await.id;
        let closed = ask(&world, &ada, chat, meals()).await.id;
        votes(&world, &bob, open, &[0, 1]).await;
        votes(&world, &eve, open, &[1]).await;
        votes(&world, &bob, closed, &[2]).await;
        world.store.polls.close(&world.ctx(&ada), closed).await.unwrap();
        world.changes().await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(world.names().await.iter().filter(|name| *name == "poll.voted").count(), 2);
        assert_eq!(shown(&seen(&world, &eve, open).await), (vec![(0, Some(false)), (1, Some(true))], 1));
        assert_eq!(shown(&seen(&world, &eve, closed).await).1, 0);
        assert_eq!(world.meddle("DELETE FROM message_poll_votes").unwrap(), 1);
    }

    async fn filters_see_the_options(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for (action, expected) in [("block", "message.filtered"), ("hold", "message.held"), ("flag", "")] {
            let filter = json!({"words": ["cheap"], "action": action, "reason": "Advertising"});
            world.store.moderation.set_filter(&world.ctx(&ada), chat, of::<NewFilter>(filter)).await.unwrap();
            let new = json!({"content": "Which?", "type": "poll", "poll": {"options": ["Noodles", "Cheap soup"]}});
            let sent = world.store.messaging.send(&world.ctx(&bob), chat, of::<NewMessage>(new)).await;
            assert_eq!(code_or_nothing(sent), expected, "{action}");
        }
        let page = PageRequest { limit: 9, cursor: None };
        let reviews = world.store.moderation.reviews(&world.ctx(&ada), Some(chat), page).await.unwrap().items;
        let said: Vec<_> = reviews.iter().map(|review| (review.kind, review.content.as_deref())).collect();
        let all = Some("Which?\nNoodles\nCheap soup");
        assert_eq!(said, [(ReviewType::Held, all), (ReviewType::Flagged, all)]);
        let messages = world.store.messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 9).await.unwrap();
        assert_eq!(messages.items.len(), 1, "what is held is not sent");
    }

    async fn a_held_poll_is_asked_when_it_is_approved(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (staff, moderation) = (world.ctx(&ada), &world.store.moderation);
        let filter = json!({"words": ["cheap"], "action": "hold", "reason": "Advertising"});
        moderation.set_filter(&staff, chat, of::<NewFilter>(filter)).await.unwrap();
        let closes_at = world.ctx(&ada).now.plus(Duration::from_secs(3_600)).to_string().parse().unwrap();
        for name in ["first", "second", "third"] {
            let poll = json!({
                "options": ["Noodles", format!("Cheap soup, {name}")], "multiple": true, "most": 2, "anonymous": true,
                "closes_at": closes_at
            });
            let new = json!({"content": "@all: which?", "type": "poll", "poll": poll, "client_id": name});
            for _ in 0..2 {
                let sent = world.store.messaging.send(&world.ctx(&bob), chat, of::<NewMessage>(new.clone())).await;
                assert_eq!(code(sent), "message.held");
            }
        }
        let page = PageRequest { limit: 9, cursor: None };
        let reviews = moderation.reviews(&staff, Some(chat), page).await.unwrap().items;
        assert_eq!(reviews.len(), 3, "each is held once");
        let verdict = |action: &str| of::<NewReviewVerdict>(json!({"action": action, "reason": "Fine"}));
        moderation.decide_review(&staff, Some(chat), reviews[0].id, None, verdict("approve")).await.unwrap();
        moderation.decide_review(&staff, Some(chat), reviews[1].id, None, verdict("reject")).await.unwrap();
        let messages = world.store.messaging.messages(&staff, chat, Window::NEWEST, 9).await.unwrap().items;
        let [asked] = messages.as_slice() else { panic!("{messages:?}") };
        let poll = asked.poll.as_deref().unwrap();
        assert_eq!((asked.kind, asked.content.as_deref()), (MessageType::Poll, Some("@all: which?")));
        assert_eq!((poll.most, poll.anonymous, poll.closes_at), (2, true, Some(closes_at)));
        assert_eq!(poll.options[1].text, "Cheap soup, first");
        assert!(asked.entities.is_empty() && asked.mentions.is_empty(), "nobody is mentioned in a poll");
        let voted = world.store.polls.vote(&world.ctx(&ada), asked.id, of(json!({"options": [0, 1]}))).await.unwrap();
        assert_eq!((voted.votes, voted.voters), (vec![1, 1], 1));
        // Once its time is over, nobody could vote.
        let late = Ctx { now: closes_at, ..world.ctx(&ada) };
        let refused = moderation.decide_review(&late, Some(chat), reviews[2].id, None, verdict("approve")).await;
        assert_eq!(code(refused), "message.unsendable");
        moderation.decide_review(&late, Some(chat), reviews[2].id, None, verdict("reject")).await.unwrap();
    }
}
