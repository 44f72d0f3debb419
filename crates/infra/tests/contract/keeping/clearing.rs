//! Chats that people clear for themselves.

use clowder_messaging::{
    Chat, MessagePatch, NewChat, NewRead, Status, Window,
    chats::ChatPatch,
    keeping::Cleared,
    moderation::{NewFilter, NewPurge},
};

use super::{
    removing::{last, remove, seqs, shown},
    *,
};

async fn clear(world: &World, who: &Person, chat: ChatId) -> i64 {
    let cleared = world.store.keeping.clear_chat(&world.ctx(who), chat).await.unwrap();
    assert_eq!(cleared, Cleared { chat_id: chat, up_to: cleared.up_to });
    cleared.up_to
}

async fn leave_and_return(world: &World, owner: &Person, who: &Person, chat: ChatId) {
    world.store.participants.remove(&world.ctx(who), chat, who.id).await.unwrap();
    let invite = of(json!({"user_ids": [who.id]}));
    world.store.invitations.invite(&world.ctx(owner), chat, invite).await.unwrap();
    world.store.invitations.answer(&world.ctx(who), chat, of(json!({"action": "accept"}))).await.unwrap();
}

async fn set_history(world: &World, owner: &Person, chat: ChatId, history: &str) {
    let patch = of::<ChatPatch>(json!({"history": history}));
    world.store.chats.edit_chat(&world.ctx(owner), chat, None, patch).await.unwrap();
}

/// What differs for somebody after another has cleared the chat: nothing.
async fn view(world: &World, who: &Person, chat: ChatId) -> (Chat, Vec<clowder_messaging::Message>, serde_json::Value) {
    let messaging = &world.store.messaging;
    let page = messaging.messages(&world.ctx(who), chat, Window::NEWEST, 50).await.unwrap().items;
    let receipts = messaging.receipts(&world.ctx(who), page[0].id, PageRequest::default()).await.unwrap().items;
    (shown(world, who, chat).await, page, serde_json::to_value(receipts).unwrap())
}

on_both! {
    async fn everything_so_far_is_gone_for_whoever_clears_a_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let one = world.say(&ada, chat, "@bob one").await.id;
        let own = world.say(&bob, chat, "mine").await.id;
        let three = world.say(&ada, chat, "three").await.id;
        world.store.messaging.read(&world.ctx(&bob), chat, NewRead { seq: 1 }).await.unwrap();
        pin(&world, &ada, one).await;
        save(&world, &bob, three, Some("a note of mine")).await;
        remove(&world, &bob, chat, &[three]).await;
        save(&world, &bob, one, Some("a note of mine")).await;
        world.store.relations.follow_thread(&world.ctx(&bob), one).await.unwrap();
        let before = view(&world, &ada, chat).await;
        world.changes().await;

        assert_eq!(clear(&world, &bob, chat).await, 3);
        let told = world.changes().await;
        let [only] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*only.name, only.topic), ("chat.cleared", Topic::user(bob.id)), "only his own devices");
        let data: serde_json::Value = serde_json::from_str(only.data.get()).unwrap();
        assert_eq!(data, json!({"chat_id": chat, "up_to": 3}));
        assert_eq!(clear(&world, &bob, chat).await, 3);
        assert!(world.changes().await.is_empty(), "again writes nothing");
        assert_eq!(view(&world, &ada, chat).await, before, "others do not learn of it");

        let cleared = shown(&world, &bob, chat).await;
        assert_eq!((cleared.unread_count, cleared.mention_count, cleared.last_message), (0, 0, None));
        assert_eq!((cleared.last_seq, cleared.read_seq, cleared.active_at), (3, 3, before.0.active_at));
        assert!(seqs(&world, &bob, chat, Window::NEWEST, 9).await.is_empty());
        for id in [one, own, three] {
            assert_eq!(code(world.store.messaging.message(&world.ctx(&bob), id).await), "message.unknown");
        }
        assert!(pins(&world, &bob, chat).await.is_empty() && saved(&world, &bob).await.is_empty());
        world.gone(b"a note of mine").await;
        let threads = world.store.relations.threads(&world.ctx(&bob), None, PageRequest::default()).await.unwrap();
        assert!(threads.items.is_empty());
        let mentions = world.store.messaging.all_mentions(&world.ctx(&bob), None, PageRequest::default()).await.unwrap();
        assert!(mentions.items.is_empty());

        // What is said from now on is there, and counts.
        world.say(&ada, chat, "@bob four").await;
        world.say(&bob, chat, "five").await;
        let next = shown(&world, &bob, chat).await;
        assert_eq!((next.unread_count, next.mention_count, last(&world, &bob, chat).await), (1, 1, Some(5)));
        assert_eq!(seqs(&world, &bob, chat, Window::After(0), 9).await, [4, 5]);
        assert_eq!(seqs(&world, &ada, chat, Window::After(0), 9).await, [1, 2, 3, 4, 5]);
        assert_eq!(clear(&world, &bob, chat).await, 5);
        assert_eq!(last(&world, &bob, chat).await, None);
        let empty = world.group(&ada, &[]).await.id;
        world.changes().await;
        assert_eq!(clear(&world, &ada, empty).await, 0);
        assert!(world.changes().await.is_empty());
    }

    async fn nobody_learns_of_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let private = of::<NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), private).await.unwrap().into_inner().id;
        let said = world.say(&ada, chat, "one").await.id;
        world.say(&ada, chat, "two").await;
        world.store.messaging.read(&world.ctx(&bob), chat, NewRead { seq: 1 }).await.unwrap();
        clear(&world, &bob, chat).await;
        let status = async |seq: i64| {
            let page = world.store.messaging.messages(&world.ctx(&ada), chat, Window::After(seq - 1), 1).await.unwrap();
            page.items[0].status
        };
        assert_eq!((status(1).await, status(2).await != Status::Read), (Status::Read, true), "his mark is where it was");
        // An edit of what he does not see any more looks as always, and can mention him.
        world.changes().await;
        let patch = of::<MessagePatch>(json!({"content": "@bob edited"}));
        let edited = world.store.messaging.edit(&world.ctx(&ada), said, None, patch).await.unwrap();
        assert_eq!((edited.mentions, world.names().await), (vec![bob.id], vec!["message.updated".to_owned()]));
        assert_eq!(shown(&world, &bob, chat).await.mention_count, 0);
        // He reads on, and then she sees it.
        world.say(&ada, chat, "three").await;
        assert_eq!(shown(&world, &bob, chat).await.unread_count, 1);
        world.store.messaging.read(&world.ctx(&bob), chat, NewRead { seq: 3 }).await.unwrap();
        assert_eq!((status(2).await, status(3).await), (Status::Read, Status::Read));
        // Whoever came later is told apart from whoever has cleared: an edit does not mention them.
        let group = world.group(&ada, &[]).await.id;
        let early = world.say(&ada, group, "early").await.id;
        set_history(&world, &ada, group, "since_join").await;
        let add = of::<NewParticipants>(json!({"user_ids": [bob.id]}));
        world.store.participants.add(&world.ctx(&ada), group, add).await.unwrap();
        world.say(&ada, group, "late").await;
        clear(&world, &bob, group).await;
        world.changes().await;
        let patch = of::<MessagePatch>(json!({"content": "@bob early"}));
        let edited = world.store.messaging.edit(&world.ctx(&ada), early, None, patch).await.unwrap();
        assert_eq!((edited.mentions, world.names().await), (vec![], vec!["message.updated".to_owned()]));
    }

    async fn leaving_and_coming_back_brings_nothing_back(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let mut ids = Vec::new();
        for text in ["one", "two", "three"] {
            ids.push(world.say(&ada, chat, text).await.id);
        }
        // Also of somebody who has written nothing there.
        remove(&world, &eve, chat, &ids[..1]).await;
        clear(&world, &bob, chat).await;
        let fourth = world.say(&ada, chat, "four").await;
        assert_eq!(fourth.seq, 4);
        remove(&world, &bob, chat, &[fourth.id]).await;
        for who in [&bob, &eve] {
            leave_and_return(&world, &ada, who, chat).await;
        }
        let said = |seqs: Vec<i64>| seqs.into_iter().filter(|seq| *seq <= 4).collect::<Vec<_>>();
        assert!(said(seqs(&world, &bob, chat, Window::After(0), 50).await).is_empty());
        assert_eq!(said(seqs(&world, &eve, chat, Window::After(0), 50).await), [2, 3, 4]);
        assert_eq!(shown(&world, &bob, chat).await.unread_count, 0);
        // And again, with another `history` in between.
        set_history(&world, &ada, chat, "since_join").await;
        leave_and_return(&world, &ada, &eve, chat).await;
        leave_and_return(&world, &ada, &bob, chat).await;
        let late = world.say(&ada, chat, "late").await;
        assert_eq!(last(&world, &bob, chat).await, Some(late.seq));
        assert!(said(seqs(&world, &eve, chat, Window::After(0), 50).await).is_empty());
        set_history(&world, &ada, chat, "all").await;
        for who in [&bob, &eve] {
            leave_and_return(&world, &ada, who, chat).await;
        }
        assert!(said(seqs(&world, &bob, chat, Window::After(0), 50).await).is_empty(), "he has cleared it");
        assert_eq!(said(seqs(&world, &eve, chat, Window::After(0), 50).await), [2, 3, 4], "she has not");
    }

    async fn whoever_keeps_order_does_so_in_what_they_have_cleared(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let filter = json!({"words": ["casino"], "action": "flag", "reason": "a test"});
        world.store.moderation.set_filter(&world.ctx(&ada), chat, of::<NewFilter>(filter)).await.unwrap();
        world.say(&bob, chat, "casino").await;
        world.say(&bob, chat, "advertisement").await;
        clear(&world, &ada, chat).await;
        let moderation = &world.store.moderation;
        let reviews = moderation.reviews(&world.ctx(&ada), Some(chat), PageRequest::default()).await.unwrap().items;
        assert_eq!(reviews.len(), 1);
        assert_eq!(moderation.rules(&world.ctx(&ada), chat).await.unwrap().reviews, 1);
        let purge = of::<NewPurge>(json!({"user_id": bob.id, "reason": "a test"}));
        moderation.purge(&world.ctx(&ada), chat, purge).await.unwrap();
        work(&world, &world.store).await;
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::After(0), 9).await.unwrap().items;
        let texts: Vec<_> = page.iter().filter(|message| message.sender.id == bob.id).map(|one| &one.content).collect();
        assert_eq!(texts, [&None, &None]);
    }

    async fn clearing_beside_senders_and_readers_keeps_the_counts(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut floor = 0;
        for _ in 0..10 {
            for who in [&ada, &bob, &ada] {
                world.say(who, chat, "x").await;
            }
            let end = shown(&world, &bob, chat).await.last_seq;
            let ctx = world.ctx(&bob);
            let read = world.store.messaging.read(&ctx, chat, NewRead { seq: end });
            let (up_to, ..) = tokio::join!(
                clear(&world, &bob, chat),
                async { read.await.unwrap() },
                world.say(&bob, chat, "mine"),
                world.say(&ada, chat, "new"),
            );
            assert!(up_to >= end && up_to > floor);
            floor = up_to;
        }
        let now = shown(&world, &bob, chat).await;
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::After(0), 50).await.unwrap().items;
        assert!(page.iter().all(|message| message.seq > floor));
        let unread = page.iter().filter(|message| message.seq > now.read_seq && message.sender.id != bob.id).count();
        assert_eq!((now.unread_count, now.read_seq >= floor), (unread as i64, true));
    }
}
