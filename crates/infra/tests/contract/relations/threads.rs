//! Threads: what counts, who follows, and how far they have read.

use clowder_core::{MessageId, PageRequest, Topic};
use clowder_messaging::{
    NewRead, Window,
    participants::NewParticipants,
    relations::{FollowedThread, MOST_FOLLOWED, Thread, ThreadState},
};
use serde_json::{Value, json};

use super::{answer, seen, since_join, try_send, wrong};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn followed(world: &World, who: &Person, unread: Option<bool>) -> Vec<FollowedThread> {
    let page = PageRequest { limit: 50, cursor: None };
    world.store.relations.threads(&world.ctx(who), unread, page).await.unwrap().items
}

async fn follow(world: &World, who: &Person, root: MessageId) -> ThreadState {
    world.store.relations.follow_thread(&world.ctx(who), root).await.unwrap()
}

async fn unfollow(world: &World, who: &Person, root: MessageId) -> ThreadState {
    world.store.relations.unfollow_thread(&world.ctx(who), root).await.unwrap()
}

async fn read(world: &World, who: &Person, root: MessageId, seq: i64) -> ThreadState {
    world.store.relations.read_thread(&world.ctx(who), root, NewRead { seq }).await.unwrap()
}

async fn thread(world: &World, who: &Person, root: MessageId) -> Option<Thread> {
    seen(world, who, root).await.thread
}

on_both! {
    async fn a_thread_has_its_messages_in_the_chat(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let root = world.say(&ada, chat, "root").await;
        assert_eq!(root.thread, None);
        world.changes().await;
        let first = answer(&world, &bob, chat, "first", root.id).await;
        assert_eq!((first.seq, first.thread_of, first.thread), (2, Some(root.id), None));
        let told = world.changes().await;
        let [sent] = told.as_slice() else { panic!("{told:?}") };
        let data: Value = serde_json::from_str(sent.data.get()).unwrap();
        assert_eq!((&*sent.name, &data["thread_of"]), ("message.sent", &json!(root.id)));
        world.say(&eve, chat, "beside it").await;
        let second = answer(&world, &eve, chat, "second", root.id).await;
        let shown = |following| {
            Some(Thread { count: 2, last_reply_at: second.created_at, following })
        };
        assert_eq!(thread(&world, &ada, root.id).await, shown(true), "its author");
        assert_eq!(thread(&world, &bob, root.id).await, shown(true), "who answered");
        let page = world.store.messaging.messages(&world.ctx(&eve), chat, Window::After(0), 9).await.unwrap().items;
        assert_eq!(page.iter().map(|message| message.thread_of.is_some()).collect::<Vec<_>>(), [false, true, false, true]);
        assert_eq!(page[0].thread, shown(true));

        let relations = &world.store.relations;
        for (window, texts) in [
            (Window::NEWEST, vec!["second", "first"]),
            (Window::Before(4), vec!["first"]),
            (Window::After(0), vec!["first", "second"]),
            (Window::After(2), vec!["second"]),
        ] {
            let page = relations.thread(&world.ctx(&ada), root.id, window, 9).await.unwrap();
            let found: Vec<_> = page.items.iter().filter_map(|message| message.content.as_deref()).collect();
            assert_eq!((found, page.next_cursor), (texts, None), "{window:?}");
        }
        let page = relations.thread(&world.ctx(&ada), root.id, Window::After(0), 1).await.unwrap();
        assert_eq!((page.items.len(), page.next_cursor.as_deref()), (1, Some("after.2")));
        assert!(relations.thread(&world.ctx(&ada), first.id, Window::NEWEST, 9).await.unwrap().items.is_empty());
        let within = try_send(&world, &ada, chat, "x", json!({"thread_of": first.id})).await;
        assert_eq!(wrong(within), ["/thread_of no_root"], "threads have no threads");
    }

    async fn deleted_messages_count_no_more_and_a_deleted_root_keeps_its_thread(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = world.say(&ada, chat, "the regretted root").await.id;
        let first = answer(&world, &bob, chat, "first", root).await;
        let second = answer(&world, &bob, chat, "second", root).await;
        let messaging = &world.store.messaging;
        messaging.delete(&world.ctx(&bob), second.id, None).await.unwrap();
        messaging.delete(&world.ctx(&bob), second.id, None).await.unwrap();
        let left = thread(&world, &ada, root).await.unwrap();
        assert_eq!((left.count, left.last_reply_at), (1, second.created_at));
        assert_eq!(followed(&world, &ada, None).await[0].unread_count, 1);
        messaging.delete(&world.ctx(&ada), root, None).await.unwrap();
        let gone = seen(&world, &bob, root).await;
        assert_eq!((gone.content, gone.thread.unwrap().count), (None, 1));
        let third = answer(&world, &ada, chat, "third", root).await;
        let page = world.store.relations.thread(&world.ctx(&ada), root, Window::NEWEST, 9).await.unwrap().items;
        assert_eq!(page.iter().map(|message| message.id).collect::<Vec<_>>(), [third.id, second.id, first.id]);
        assert_eq!(page[1].content, None);
        assert_eq!(followed(&world, &bob, None).await[0].root.content, None);
        world.gone(b"the regretted").await;
        let lonely = world.say(&ada, chat, "lonely").await.id;
        messaging.delete(&world.ctx(&ada), lonely, None).await.unwrap();
        assert_eq!(wrong(try_send(&world, &bob, chat, "x", json!({"thread_of": lonely})).await), ["/thread_of no_root"]);
        assert_eq!(code(world.store.relations.follow_thread(&world.ctx(&bob), lonely).await), "message.no_thread");
        assert_eq!(code(world.store.relations.follow_thread(&world.ctx(&bob), first.id).await), "message.no_thread");
    }

    async fn whoever_follows_a_thread_sees_what_is_unread(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let root = world.say(&ada, chat, "root").await.id;
        let other = world.say(&bob, chat, "other").await.id;
        let first = answer(&world, &bob, chat, "first", root).await;
        answer(&world, &ada, chat, "elsewhere", other).await;
        let second = answer(&world, &bob, chat, "second", root).await;
        let hers = followed(&world, &ada, None).await;
        let counts: Vec<_> = hers.iter().map(|thread| (thread.root.id, thread.read_seq, thread.unread_count)).collect();
        assert_eq!(counts, [(root, 1, 2), (other, 4, 0)], "the newest first");
        assert_eq!(hers[0].root.thread.map(|thread| thread.following), Some(true));
        let unread = followed(&world, &ada, Some(true)).await;
        assert_eq!(unread.iter().map(|thread| thread.root.id).collect::<Vec<_>>(), [root]);
        let no = followed(&world, &ada, Some(false)).await;
        assert_eq!(no.iter().map(|thread| thread.root.id).collect::<Vec<_>>(), [other]);
        assert!(followed(&world, &eve, None).await.is_empty());

        world.changes().await;
        let state = |following, read_seq, unread_count| {
            ThreadState { chat_id: chat, message_id: root, following, read_seq, unread_count }
        };
        assert_eq!(read(&world, &ada, root, first.seq).await, state(true, first.seq, 1));
        let told = world.changes().await;
        let [updated] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*updated.name, updated.topic), ("thread.updated", Topic::user(ada.id)));
        let data: Value = serde_json::from_str(updated.data.get()).unwrap();
        let expected = json!({
            "chat_id": chat, "message_id": root, "following": true, "read_seq": first.seq, "unread_count": 1
        });
        assert_eq!(data, expected);
        assert_eq!(read(&world, &ada, root, 1).await, state(true, first.seq, 1), "never back");
        assert!(world.names().await.is_empty());
        assert_eq!(read(&world, &ada, root, 99).await, state(true, second.seq, 0), "not past the end");
        assert_eq!(read(&world, &eve, root, 99).await, state(false, 0, 0), "who does not follow has no mark");
        assert_eq!(world.names().await, ["thread.updated"]);
        let page = PageRequest { limit: 1, cursor: None };
        let page = world.store.relations.threads(&world.ctx(&ada), None, page).await.unwrap();
        let next = PageRequest { limit: 1, cursor: page.next_cursor };
        let next = world.store.relations.threads(&world.ctx(&ada), None, next).await.unwrap();
        assert_eq!((page.items[0].root.id, next.items[0].root.id, next.next_cursor), (root, other, None));
    }

    async fn people_follow_and_stop_as_they_like(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let root = world.say(&ada, chat, "root").await.id;
        world.changes().await;
        assert!(!unfollow(&world, &ada, root).await.following, "before anybody answers");
        assert!(follow(&world, &eve, root).await.following);
        assert!(follow(&world, &eve, root).await.following);
        assert!(!unfollow(&world, &bob, root).await.following);
        assert_eq!(world.names().await, ["thread.updated", "thread.updated"]);
        assert!(followed(&world, &eve, None).await.is_empty(), "there is no thread yet");
        answer(&world, &bob, chat, "first", root).await;
        assert!(followed(&world, &ada, None).await.is_empty(), "she did not want it");
        assert_eq!(followed(&world, &eve, None).await[0].unread_count, 1);
        assert!(!unfollow(&world, &eve, root).await.following);
        answer(&world, &bob, chat, "second", root).await;
        assert!(followed(&world, &eve, None).await.is_empty());
        assert_eq!(follow(&world, &eve, root).await.unread_count, 0, "from now on");
        unfollow(&world, &eve, root).await;
        answer(&world, &bob, chat, "third", root).await;
        let hers = answer(&world, &eve, chat, "fourth", root).await;
        let shown = followed(&world, &eve, None).await;
        assert_eq!((shown[0].read_seq, shown[0].unread_count), (hers.seq, 0), "who writes follows again");
        answer(&world, &eve, chat, "fifth", root).await;
        answer(&world, &bob, chat, "sixth", root).await;
        assert_eq!(followed(&world, &eve, None).await[0].unread_count, 1);
    }

    async fn nothing_is_kept_of_a_thread_that_somebody_stopped_following(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = world.say(&ada, chat, "root").await.id;
        for _ in 0..2 {
            follow(&world, &bob, root).await;
            unfollow(&world, &bob, root).await;
            unfollow(&world, &bob, root).await;
        }
        assert_eq!(world.meddle("DELETE FROM thread_marks").unwrap(), 0);
        unfollow(&world, &ada, root).await;
        assert_eq!(world.meddle("UPDATE thread_marks SET following = following").unwrap(), 1, "she does not want answers");
        answer(&world, &bob, chat, "first", root).await;
        follow(&world, &ada, root).await;
        unfollow(&world, &ada, root).await;
        assert_eq!(world.meddle("DELETE FROM thread_marks").unwrap(), 1, "that of bob");
        answer(&world, &bob, chat, "second", root).await;
        assert!(followed(&world, &ada, None).await.is_empty());
        world.changes().await;
    }

    async fn whoever_came_later_or_is_elsewhere_sees_no_thread(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = since_join(&world, &ada, &[&bob]).await;
        let root = world.say(&ada, chat, "root").await.id;
        answer(&world, &bob, chat, "first", root).await;
        let new = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        let second = answer(&world, &bob, chat, "second", root).await;
        assert_eq!(seen(&world, &eve, second.id).await.thread_of, Some(root));
        let hers = world.ctx(&eve);
        let relations = &world.store.relations;
        for who in [hers, world.ctx(&bob).by(world.person("gus").await.actor)] {
            assert_eq!(code(relations.thread(&who, root, Window::NEWEST, 9).await), "message.unknown");
            assert_eq!(code(relations.follow_thread(&who, root).await), "message.unknown");
            assert_eq!(code(relations.unfollow_thread(&who, root).await), "message.unknown");
            assert_eq!(code(relations.read_thread(&who, root, NewRead { seq: 9 }).await), "message.unknown");
        }
        assert_eq!(wrong(try_send(&world, &eve, chat, "x", json!({"thread_of": root})).await), ["/thread_of no_root"]);
    }

    async fn who_leaves_follows_nothing_and_comes_back_without_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        crate::friends::befriend(&world, &ada, &bob).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = world.say(&ada, chat, "root").await.id;
        answer(&world, &bob, chat, "first", root).await;
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        assert!(followed(&world, &bob, None).await.is_empty());
        let new = of::<NewParticipants>(json!({"user_ids": [bob.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        assert!(followed(&world, &bob, None).await.is_empty());
        assert_eq!(thread(&world, &bob, root).await.map(|thread| thread.following), Some(false));
        answer(&world, &ada, chat, "second", root).await;
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        for table in ["thread_marks", "chats"] {
            assert_eq!(world.meddle(&format!("DELETE FROM {table}")).unwrap(), 0, "{table}");
        }
    }

    async fn an_erasure_takes_what_somebody_follows(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = world.say(&bob, chat, "root").await.id;
        answer(&world, &ada, chat, "first", root).await;
        let other = world.say(&bob, chat, "other").await.id;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        answer(&world, &ada, chat, "second", other).await;
        assert_eq!(followed(&world, &ada, None).await.len(), 2);
        assert_eq!(world.meddle("DELETE FROM thread_marks").unwrap(), 2, "hers alone");
    }

    async fn nobody_follows_more_threads_than_they_can(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut roots = Vec::new();
        for text in ["one", "two", "three"] {
            roots.push(world.say(&ada, chat, text).await.id);
        }
        follow(&world, &bob, roots[0]).await;
        let [place, user] = [world.literal(chat), world.literal(bob.id)];
        let mut rows = String::new();
        for _ in 1..MOST_FOLLOWED {
            let id = world.literal(MessageId::new(world.now()));
            rows.push_str(&format!(
                "INSERT INTO thread_marks (user_id, chat_id, message_id, following, read_seq) \
                 VALUES ({user}, {place}, {id}, TRUE, 0);"
            ));
        }
        world.batch(&format!("BEGIN; {rows} COMMIT;"));
        let refused = world.store.relations.follow_thread(&world.ctx(&bob), roots[1]).await;
        assert_eq!(code(refused), "thread.limit");
        assert!(follow(&world, &bob, roots[0]).await.following, "they follow it already");
        // Writing is possible, and follows nothing.
        let own = world.say(&bob, chat, "mine").await.id;
        answer(&world, &bob, chat, "an answer", roots[1]).await;
        answer(&world, &ada, chat, "an answer", own).await;
        assert!(!thread(&world, &bob, roots[1]).await.unwrap().following);
        assert!(!thread(&world, &bob, own).await.unwrap().following);
        assert!(thread(&world, &ada, own).await.unwrap().following);
        unfollow(&world, &bob, roots[0]).await;
        answer(&world, &bob, chat, "another answer", roots[1]).await;
        assert!(thread(&world, &bob, roots[1]).await.unwrap().following);
        assert_eq!(code(world.store.relations.follow_thread(&world.ctx(&bob), roots[0]).await), "thread.limit");
    }

    async fn many_answer_at_once_on_two_nodes(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = world.say(&ada, chat, "root").await.id;
        let other = std::sync::Arc::new(world.another_node().await);
        let mut tasks = Vec::new();
        for n in 0..20 {
            let (world, other) = (world.clone(), other.clone());
            let ctx = world.ctx(if n % 4 == 0 { &ada } else { &bob });
            tasks.push(tokio::spawn(async move {
                let (messaging, relations) = match n % 2 {
                    0 => (&world.store.messaging, &world.store.relations),
                    _ => (&other.messaging, &other.relations),
                };
                match n % 5 {
                    3 => relations.unfollow_thread(&ctx, root).await.map(drop),
                    4 => relations.follow_thread(&ctx, root).await.map(drop),
                    _ => {
                        let new = of(json!({"content": "hello", "thread_of": root}));
                        messaging.send(&ctx, chat, new).await.map(drop)
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(thread(&world, &ada, root).await.unwrap().count, 12);
        let page = world.store.relations.thread(&world.ctx(&ada), root, Window::NEWEST, 50).await.unwrap();
        assert_eq!(page.items.len(), 12);
    }
}
