//! The mentions of somebody in all their chats.

use clowder_messaging::keeping::NewRemoval;

use super::*;

/// The chat and the number of each message of all pages with so many, which are full.
async fn all(world: &World, who: &Person, unread: Option<bool>, limit: u32) -> Vec<(ChatId, i64)> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit, cursor };
        let page = world.store.messaging.all_mentions(&world.ctx(who), unread, page).await.unwrap();
        assert!(page.next_cursor.is_none() || page.items.len() == limit as usize, "{}", page.items.len());
        for message in &page.items {
            // As it is shown by itself.
            let alone = world.store.messaging.message(&world.ctx(who), message.id).await.unwrap();
            assert_eq!(*message, alone);
        }
        found.extend(page.items.iter().map(|message| (message.chat_id, message.seq)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

/// The same by what each chat lists, which must agree.
async fn listed(world: &World, who: &Person, unread: Option<bool>) -> Vec<(ChatId, i64)> {
    let found = all(world, who, unread, 3).await;
    for limit in [1, 50] {
        assert_eq!(all(world, who, unread, limit).await, found, "{limit}");
    }
    let messaging = &world.store.messaging;
    let chats = messaging.chats(&world.ctx(who), Default::default(), PageRequest::default()).await.unwrap().items;
    let mut by_chat = Vec::new();
    for chat in chats {
        let page = messaging.mentions(&world.ctx(who), chat.id, PageRequest::default()).await.unwrap().items;
        let kept = page.iter().filter(|message| unread.is_none_or(|unread| (message.seq > chat.read_seq) == unread));
        let kept: Vec<_> = kept.map(|message| (chat.id, message.seq)).collect();
        assert_eq!(kept.len() as i64, if unread == Some(true) { chat.mention_count } else { kept.len() as i64 });
        by_chat.extend(kept);
    }
    let mut sorted = found.clone();
    sorted.sort_unstable();
    by_chat.sort_unstable();
    assert_eq!(sorted, by_chat, "{unread:?}");
    found
}

on_both! {
    async fn all_chats_together_newest_first(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (one, two) = (world.group(&ada, &[&bob, &eve]).await.id, world.group(&ada, &[&bob]).await.id);
        let quiet = world.group(&ada, &[&bob]).await.id;
        world.say(&ada, quiet, "nobody").await;
        assert!(listed(&world, &bob, None).await.is_empty());
        for text in ["@bob 1", "@all 2", "nobody", "@bob @all 4"] {
            for chat in [one, two] {
                send(&world, &ada, chat, json!({"content": text})).await;
            }
        }
        send(&world, &bob, one, json!({"content": "@bob @ada mine"})).await;
        let last = send(&world, &eve, one, json!({"content": "by id", "mentions": [bob.id]})).await;
        let expected = [(one, 6), (two, 4), (one, 4), (two, 2), (one, 2), (two, 1), (one, 1)];
        assert_eq!(listed(&world, &bob, None).await, expected);
        assert_eq!(listed(&world, &ada, None).await, [(one, 5)]);
        assert_eq!(listed(&world, &eve, None).await, [(one, 4), (one, 2)], "by everybody");

        read(&world, &bob, one, 4).await;
        read(&world, &bob, two, 1).await;
        assert_eq!(listed(&world, &bob, Some(true)).await, [(one, 6), (two, 4), (two, 2)]);
        assert_eq!(listed(&world, &bob, Some(false)).await, [(one, 4), (one, 2), (two, 1), (one, 1)]);
        assert_eq!(listed(&world, &bob, None).await, expected);

        // What is edited keeps its place, and what is deleted is left out.
        edit(&world, &eve, last.id, json!({"content": "nobody", "mentions": []})).await;
        edit(&world, &eve, last.id, json!({"content": "@bob again"})).await;
        assert_eq!(listed(&world, &bob, None).await, expected);
        world.store.messaging.delete(&world.ctx(&eve), last.id, None).await.unwrap();
        assert_eq!(listed(&world, &bob, None).await, expected[1..]);
        // So is what one has removed or cleared, and what is in a chat that one has left.
        let page = world.store.messaging.messages(&world.ctx(&bob), two, Window::After(0), 9).await.unwrap().items;
        let ids: Vec<_> = page.iter().filter(|message| [1, 2].contains(&message.seq)).map(|message| message.id).collect();
        let removal = of::<NewRemoval>(json!({"message_ids": ids}));
        world.store.keeping.remove_messages(&world.ctx(&bob), two, removal).await.unwrap();
        assert_eq!(listed(&world, &bob, None).await, [(two, 4), (one, 4), (one, 2), (one, 1)]);
        world.store.keeping.clear_chat(&world.ctx(&bob), one).await.unwrap();
        assert_eq!(listed(&world, &bob, None).await, [(two, 4)]);
        world.store.participants.remove(&world.ctx(&bob), two, bob.id).await.unwrap();
        assert!(listed(&world, &bob, None).await.is_empty());
    }

    async fn by_the_rules_of_each_chat(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"});
        let messaging = &world.store.messaging;
        let late = messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        send(&world, &ada, late, json!({"content": "@all before"})).await;
        world.store.participants.add(&world.ctx(&ada), late, of::<NewParticipants>(json!({"user_ids": [eve.id]}))).await.unwrap();
        let after = send(&world, &ada, late, json!({"content": "@all after"})).await.seq;
        assert_eq!(listed(&world, &eve, None).await, [(late, after)]);
        let brief = json!({"content": "@eve brief", "lifetime": {"seconds": 5}});
        let brief = send(&world, &ada, chat, brief).await.seq;
        send(&world, &bob, chat, json!({"content": "@eve by bob"})).await;
        assert_eq!(listed(&world, &eve, None).await, [(chat, brief + 1), (chat, brief), (late, after)]);
        world.store.blocks.block(&world.ctx(&eve), bob.id, NewBlock::default()).await.unwrap();
        assert_eq!(listed(&world, &eve, None).await, [(chat, brief), (late, after)]);
        world.wait(std::time::Duration::from_secs(6));
        assert_eq!(all(&world, &eve, None, 50).await, [(late, after)], "its time is over");
        world.store.lifetimes.expire(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap();
        assert_eq!(listed(&world, &eve, None).await, [(late, after)]);
        world.store.chats.delete_chat(&world.ctx(&ada), late, None).await.unwrap();
        assert!(listed(&world, &eve, None).await.is_empty());
        let wrong = PageRequest { limit: 9, cursor: Some("7".to_owned()) };
        assert!(messaging.all_mentions(&world.ctx(&eve), None, wrong).await.is_err());
    }

    /// Of many chats, those with the newest ones are looked at, and pages at any depth find all.
    async fn many_chats_with_many_mentions(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats = Vec::new();
        for _ in 0..7 {
            chats.push(world.group(&ada, &[&bob]).await.id);
        }
        let mut said = Vec::new();
        for n in 0..60_usize {
            let chat = chats[n * n % 7];
            let text = ["@all", "@bob", "nobody"][n % 3];
            let message = send(&world, &ada, chat, json!({"content": text})).await;
            if n % 3 < 2 {
                said.push((chat, message.seq));
            }
        }
        said.reverse();
        assert_eq!(listed(&world, &bob, None).await, said);
        for (index, chat) in chats.iter().enumerate() {
            read(&world, &bob, *chat, index as i64).await;
        }
        for unread in [true, false] {
            let mark = |chat: &ChatId| chats.iter().position(|known| known == chat).unwrap() as i64;
            let expected: Vec<_> = said.iter().filter(|(chat, seq)| (*seq > mark(chat)) == unread).copied().collect();
            assert_eq!(listed(&world, &bob, Some(unread)).await, expected, "{unread}");
        }
    }
}
