//! Who may vote, and who learns of it.

use clowder_core::{PageRequest, Topic};
use clowder_messaging::{CHAT, NewChat, NewMessage, participants::NewParticipants};
use clowder_social::NewBlock;
use serde_json::{Value, json};

use super::{ask, data, meals, seen, shown, vote, votes};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{World, code, on_both},
};

fn anonymous() -> Value {
    json!({"options": ["Noodles", "Soup"], "anonymous": true})
}

on_both! {
    async fn nobody_is_told_who_votes_anonymously(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let asked = ask(&world, &ada, chat, anonymous()).await.id;
        world.changes().await;
        let own = vote(&world, &bob, asked, &[1]).await.unwrap();
        assert_eq!((own.user_id, own.options), (Some(bob.id), Some(vec![1])), "his own answer");
        votes(&world, &eve, asked, &[0]).await;
        votes(&world, &eve, asked, &[]).await;
        let told = world.changes().await;
        assert_eq!(told.len(), 3, "{told:?}");
        for change in &told {
            assert_eq!((&*change.name, change.topic, change.actor), ("poll.voted", Topic::new(CHAT, chat), None));
            assert_eq!((&data(change)["user_id"], &data(change)["options"]), (&json!(null), &json!(null)));
            for person in [&bob, &eve] {
                assert!(!change.data.get().contains(&person.id.to_string()));
            }
        }
        for viewer in [&ada, &bob, &eve] {
            let voters = world.store.polls.voters(&world.ctx(viewer), asked, None, PageRequest::default()).await;
            assert_eq!(code(voters), "poll.anonymous");
        }
        assert_eq!(shown(&seen(&world, &bob, asked).await), (vec![(0, Some(false)), (1, Some(true))], 1));
        // Not even when one of them is erased.
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let told = world.changes().await;
        let told: Vec<_> = told.iter().filter(|change| &*change.name == "poll.voted").collect();
        assert_eq!((told.len(), told[0].actor, &data(told[0])["user_id"]), (1, None, &json!(null)));
        assert_eq!(shown(&seen(&world, &eve, asked).await).1, 0);
        assert_eq!(world.meddle("DELETE FROM message_poll_votes").unwrap(), 0);
    }

    async fn in_a_channel_only_the_voter_is_named(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = json!({"type": "channel", "title": "News", "participant_ids": [bob.id, eve.id]});
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let asked = ask(&world, &ada, chat, meals()).await.id;
        world.changes().await;
        votes(&world, &bob, asked, &[1]).await;
        let told = world.changes().await;
        let named: Vec<_> = told.iter().map(|change| (change.topic, data(change)["user_id"].clone())).collect();
        assert_eq!(named.len(), 2);
        assert!(named.contains(&(Topic::new(CHAT, chat), json!(null))));
        assert!(named.contains(&(Topic::user(bob.id), json!(bob.id))));
        let polls = &world.store.polls;
        assert_eq!(code(polls.voters(&world.ctx(&eve), asked, None, PageRequest::default()).await), "chat.forbidden");
        let voters = polls.voters(&world.ctx(&ada), asked, None, PageRequest::default()).await.unwrap().items;
        assert_eq!((voters.len(), voters[0].user.id), (1, bob.id));
        assert_eq!(code(polls.close(&world.ctx(&bob), asked).await), "poll.forbidden");
        polls.close(&world.ctx(&ada), asked).await.unwrap();
    }

    async fn who_voted_is_paged(world: World) {
        let people = world.people(["ada", "bob", "eve", "dan"]).await;
        let others: Vec<_> = people[1..].iter().collect();
        let chat = world.group(&people[0], &others).await.id;
        let asked = ask(&world, &people[0], chat, meals()).await.id;
        for (n, person) in (0..).zip(&people) {
            votes(&world, person, asked, &[n % 2]).await;
        }
        let mut expected: Vec<_> = people.iter().map(|person| person.id).collect();
        expected.sort_unstable();
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: 3, cursor };
            let page = world.store.polls.voters(&world.ctx(&people[1]), asked, None, page).await.unwrap();
            found.extend(page.items.into_iter().map(|voter| voter.user.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
        let of = async |option| {
            let page = PageRequest::default();
            let page = world.store.polls.voters(&world.ctx(&people[1]), asked, Some(option), page).await.unwrap();
            let mut names: Vec<_> = page.items.iter().map(|voter| voter.user.username.to_string()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!([of(0).await, of(1).await, of(2).await], [vec!["ada", "eve"], vec!["bob", "dan"], vec![]]);
        assert!(of(11).await.is_empty());
    }

    async fn nobody_votes_where_they_must_not(world: World) {
        let [ada, bob, eve, dan] = world.people(["ada", "bob", "eve", "dan"]).await;
        let new = json!({"type": "group", "title": "Tea", "history": "since_join", "participant_ids": [bob.id]});
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let asked = ask(&world, &ada, chat, meals()).await.id;
        let polls = &world.store.polls;
        let come = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, come).await.unwrap();
        // One came later, and one is not in the chat.
        for who in [&eve, &dan] {
            assert_eq!(code(vote(&world, who, asked, &[0]).await), "message.unknown");
            assert_eq!(code(vote(&world, who, asked, &[]).await), "message.unknown");
            assert_eq!(code(polls.close(&world.ctx(who), asked).await), "message.unknown");
            let voters = polls.voters(&world.ctx(who), asked, None, PageRequest::default()).await;
            assert_eq!(code(voters), "message.unknown");
        }
        // The author blocks him: he votes as before, so that he does not learn of it.
        votes(&world, &bob, asked, &[0]).await;
        let block = || of::<NewBlock>(json!({}));
        world.store.blocks.block(&world.ctx(&ada), bob.id, block()).await.unwrap();
        assert_eq!(votes(&world, &bob, asked, &[1]).await, (vec![0, 1, 0], 1));
        assert_eq!(votes(&world, &bob, asked, &[]).await, (vec![0, 0, 0], 0));
        assert_eq!(votes(&world, &bob, asked, &[0]).await, (vec![1, 0, 0], 1));
        // A private chat that is closed.
        let new = json!({"type": "private", "participant_ids": [dan.id]});
        let private = world.store.messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let [his, hers] = [ask(&world, &dan, private, meals()).await.id, ask(&world, &ada, private, meals()).await.id];
        votes(&world, &ada, his, &[0]).await;
        world.store.blocks.block(&world.ctx(&ada), dan.id, block()).await.unwrap();
        assert_eq!(code(vote(&world, &ada, his, &[1]).await), "chat.closed");
        assert_eq!(code(vote(&world, &dan, hers, &[1]).await), "chat.closed");
        assert_eq!(votes(&world, &ada, his, &[]).await.1, 0);
        world.changes().await;
        for (who, own) in [(&dan, his), (&ada, hers)] {
            assert_eq!(code(polls.close(&world.ctx(who), own).await), "chat.closed", "the other one would notice");
        }
        assert_eq!(world.changes().await.len(), 0);
        world.store.blocks.unblock(&world.ctx(&ada), dan.id).await.unwrap();
        polls.close(&world.ctx(&dan), his).await.unwrap();
        world.store.blocks.block(&world.ctx(&ada), dan.id, block()).await.unwrap();
        polls.close(&world.ctx(&dan), his).await.unwrap();
    }

    /// Whatever writes in a private chat is refused alike to both, once a block has closed it, and tells nobody anything.
    async fn what_a_closed_chat_refuses(world: World) {
        let [ada, dan] = world.people(["ada", "dan"]).await;
        let new = json!({"type": "private", "participant_ids": [dan.id]});
        let private = world.store.messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let said = world.say(&dan, private, "lunch").await.id;
        let asked = ask(&world, &dan, private, meals()).await.id;
        world.store.keeping.pin(&world.ctx(&dan), asked).await.unwrap();
        world.store.blocks.block(&world.ctx(&ada), dan.id, of::<NewBlock>(json!({}))).await.unwrap();
        world.changes().await;
        let (store, ctx) = (&world.store, world.ctx(&dan));
        let new = |body| of::<NewMessage>(body);
        let later = world.now().plus(std::time::Duration::from_secs(600));
        let answers = [
            ("send", code(store.messaging.send(&ctx, private, new(json!({"content": "hey"}))).await)),
            ("schedule", code(store.scheduled.schedule(&ctx, private, new(json!({"content": "hey", "send_at": later}))).await)),
            ("edit", code(store.messaging.edit(&ctx, said, None, of(json!({"content": "dinner"}))).await)),
            ("react", code(store.messaging.react(&ctx, said, clowder_messaging::Emoji::from_text("🍕").unwrap()).await)),
            ("vote", code(vote(&world, &dan, asked, &[0]).await)),
            ("close", code(store.polls.close(&ctx, asked).await)),
            ("pin", code(store.keeping.pin(&ctx, said).await)),
            ("unpin", code(store.keeping.unpin(&ctx, asked).await)),
            ("order", code(store.keeping.order_pins(&ctx, private, of(json!({"message_ids": [asked]}))).await)),
            ("lifetime", code(store.lifetimes.set_lifetime(&ctx, private, None, of(json!({"lifetime": {"seconds": 3600}}))).await)),
            ("type", code(store.messaging.may_type(&ctx, private).await)),
        ];
        for (what, answer) in answers {
            assert_eq!(answer, "chat.closed", "{what}");
        }
        assert_eq!(world.changes().await.len(), 0);
    }
}
