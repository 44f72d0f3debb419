//! The guarantees of `Messaging` about mentions and what else is in a text.

mod all;

use std::time::Duration;

use clowder_core::{Actor, ChatId, Ctx, Input, Made, MessageId, PageRequest, UserId};
use clowder_messaging::{
    Message, MessagePatch, NewChat, NewMessage, NewRead, Window,
    chats::ChatPatch,
    entities::EntityType,
    moderation::{NewFilter, NewReviewVerdict},
    participants::NewParticipants,
};
use clowder_social::{NewBlock, NewMute};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn send(world: &World, who: &Person, chat: ChatId, body: Value) -> Message {
    let new = NewMessage::from_json(body).unwrap();
    world.store.messaging.send(&world.ctx(who), chat, new).await.unwrap().into_inner()
}

async fn edit(world: &World, who: &Person, message: MessageId, body: Value) -> Message {
    let patch = MessagePatch::from_json(body).unwrap();
    world.store.messaging.edit(&world.ctx(who), message, None, patch).await.unwrap()
}

/// How many unread messages mention somebody, by the chat itself and by the list of chats, which agree.
async fn count(world: &World, who: &Person, chat: ChatId) -> i64 {
    let messaging = &world.store.messaging;
    let one = messaging.chat(&world.ctx(who), chat).await.unwrap().mention_count;
    let list = messaging.chats(&world.ctx(who), Default::default(), PageRequest::default()).await.unwrap();
    let listed = list.items.iter().find(|listed| listed.id == chat).unwrap().mention_count;
    assert_eq!(one, listed, "the list shows the same");
    one
}

/// The numbers of the messages that mention somebody.
async fn mentioning(world: &World, who: &Person, chat: ChatId) -> Vec<i64> {
    let page = world.store.messaging.mentions(&world.ctx(who), chat, PageRequest::default()).await.unwrap();
    page.items.iter().map(|message| message.seq).collect()
}

async fn read(world: &World, who: &Person, chat: ChatId, seq: i64) {
    world.store.messaging.read(&world.ctx(who), chat, of::<NewRead>(json!({"seq": seq}))).await.unwrap();
}

async fn seen(world: &World, who: &Person, message: MessageId) -> Message {
    world.store.messaging.message(&world.ctx(who), message).await.unwrap()
}

fn kinds(message: &Message) -> Vec<EntityType> {
    message.entities.iter().map(|entity| entity.kind).collect()
}

fn rows(world: &World, chat: ChatId) -> usize {
    let id = if world.is_postgres() { format!("'{chat}'") } else { format!("x'{}'", chat.uuid().simple()) };
    let touch = |table: &str| world.meddle(&format!("UPDATE {table} SET seq = seq WHERE chat_id = {id}")).unwrap();
    touch("message_mentions") + touch("message_mentions_all")
}

on_both! {
    async fn a_message_says_what_is_in_its_text(world: World) {
        let [ada, bob, _] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let text = "👍 @Bob. See https://example.org/#x, #Lunch, @eve and cook@example.org";
        let said = send(&world, &ada, chat, json!({"content": text})).await;
        let expected = json!([
            {"type": "mention", "offset": 2, "length": 4, "user_id": bob.id},
            {"type": "link", "offset": 12, "length": 22, "url": "https://example.org/#x"},
            {"type": "hashtag", "offset": 36, "length": 6, "tag": "lunch"},
            {"type": "email", "offset": 53, "length": 16},
        ]);
        assert_eq!(serde_json::to_value(&said.entities).unwrap(), expected, "eve is not in the chat");
        assert_eq!(said.mentions, [bob.id]);
        // The same everywhere: by itself, in pages, as the last message, in the event, and when it is sent again.
        let messaging = &world.store.messaging;
        let mut found = vec![seen(&world, &bob, said.id).await];
        found.extend(messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 9).await.unwrap().items);
        found.extend(messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_message);
        found.extend(messaging.mentions(&world.ctx(&bob), chat, PageRequest::default()).await.unwrap().items);
        assert_eq!(found.len(), 4);
        for found in found {
            assert_eq!((&found.entities, &found.mentions), (&said.entities, &said.mentions));
        }
        let told = world.changes().await;
        let told: Value = serde_json::from_str(told[0].data.get()).unwrap();
        assert_eq!((&told["entities"], &told["mentions"]), (&expected, &json!([bob.id])));
        let plain = world.say(&ada, chat, "nothing").await;
        let plain = serde_json::to_value(plain).unwrap();
        assert_eq!((&plain["entities"], &plain["mentions"]), (&json!([]), &json!([])), "always there");
    }

    async fn no_mention_says_who_has_subscribed_to_a_channel(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = of(json!({"type": "channel", "title": "News", "participant_ids": [bob.id, eve.id]}));
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let admin = of(json!({"role": "admin"}));
        world.store.participants.set_role(&world.ctx(&ada), chat, eve.id, admin).await.unwrap();
        let said = send(&world, &ada, chat, json!({"content": "@bob @eve", "mentions": [bob.id]})).await;
        let said = serde_json::to_value(said).unwrap();
        assert_eq!(said["mentions"], json!([eve.id]));
        assert_eq!(said["entities"], json!([{"type": "mention", "offset": 5, "length": 4, "user_id": eve.id}]));
        world.changes().await;
    }

    async fn mentions_are_by_name_and_by_id(world: World) {
        let [ada, bob, eve, dan] = world.people(["ada", "bob", "eve", "dan"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = send(&world, &ada, chat, json!({"content": "@BOB hi", "mentions": [eve.id, bob.id, dan.id, eve.id]})).await;
        assert_eq!(said.mentions, [bob.id, eve.id], "each once, and dan is not in the chat");
        assert_eq!((count(&world, &bob, chat).await, count(&world, &eve, chat).await), (1, 1));
        let nobody = send(&world, &ada, chat, json!({"content": "hi", "mentions": []})).await;
        assert!(nobody.mentions.is_empty());
        let own = send(&world, &ada, chat, json!({"content": "@ada it is me"})).await;
        assert_eq!(own.mentions, [ada.id]);
        assert_eq!(count(&world, &ada, chat).await, 0, "one's own message is never unread");
        assert!(mentioning(&world, &ada, chat).await.is_empty());
        // All that was first sent is compared.
        let body = |mentions: Vec<UserId>| json!({"content": "again", "client_id": "c", "mentions": mentions});
        let first = send(&world, &ada, chat, body(vec![eve.id, bob.id])).await;
        let again = |mentions| NewMessage::from_json(body(mentions)).unwrap();
        let messaging = &world.store.messaging;
        let same = messaging.send(&world.ctx(&ada), chat, again(vec![bob.id, eve.id])).await.unwrap();
        assert!(matches!(&same, Made::Found(found) if found.id == first.id && found.mentions == first.mentions));
        for other in [vec![], vec![bob.id]] {
            assert_eq!(code(messaging.send(&world.ctx(&ada), chat, again(other)).await), "client_id.mismatch");
        }
    }

    async fn counts_follow_marks_edits_and_deletions(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut said = Vec::new();
        for n in 1..=4 {
            said.push(send(&world, &ada, chat, json!({"content": format!("@bob {n}")})).await.id);
        }
        world.say(&ada, chat, "and nobody").await;
        assert_eq!((count(&world, &bob, chat).await, mentioning(&world, &bob, chat).await), (4, vec![4, 3, 2, 1]));
        read(&world, &bob, chat, 1).await;
        assert_eq!((count(&world, &bob, chat).await, mentioning(&world, &bob, chat).await), (3, vec![4, 3, 2, 1]));
        let other = world.another_node().await;
        assert_eq!(other.messaging.chat(&world.ctx(&bob), chat).await.unwrap().mention_count, 3, "on every device");
        let edited = edit(&world, &ada, said[1], json!({"content": "nobody any more"})).await;
        assert_eq!((edited.mentions, edited.entities.len()), (vec![], 0));
        assert_eq!(count(&world, &bob, chat).await, 2);
        edit(&world, &ada, said[1], json!({"content": "@bob again"})).await;
        assert_eq!(count(&world, &bob, chat).await, 3);
        world.store.messaging.delete(&world.ctx(&ada), said[2], None).await.unwrap();
        assert_eq!((count(&world, &bob, chat).await, mentioning(&world, &bob, chat).await), (2, vec![4, 2, 1]));
        let page = |cursor| PageRequest { limit: 2, cursor };
        let first = world.store.messaging.mentions(&world.ctx(&bob), chat, page(None)).await.unwrap();
        let second = world.store.messaging.mentions(&world.ctx(&bob), chat, page(first.next_cursor)).await.unwrap();
        assert_eq!((first.items.len(), second.items.len(), second.next_cursor), (2, 1, None));
        read(&world, &bob, chat, 5).await;
        assert_eq!(count(&world, &bob, chat).await, 0);
    }

    async fn an_edit_finds_anew_whom_it_mentions(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = send(&world, &ada, chat, json!({"content": "@bob #one", "mentions": [eve.id]})).await;
        world.changes().await;
        let edited = edit(&world, &ada, said.id, json!({"content": "#two"})).await;
        assert_eq!(edited.mentions, [eve.id], "whom the author gave stays");
        let told = world.changes().await;
        let told: Value = serde_json::from_str(told[0].data.get()).unwrap();
        assert_eq!(told["entities"], json!([{"type": "hashtag", "offset": 0, "length": 4, "tag": "two"}]));
        assert_eq!(told["mentions"], json!([eve.id]));
        let edited = edit(&world, &ada, said.id, json!({"content": "#two", "mentions": [bob.id]})).await;
        assert_eq!((edited.version, edited.mentions), (3, vec![bob.id]), "the same text mentions somebody else");
        let same = edit(&world, &ada, said.id, json!({"content": "#two"})).await;
        assert_eq!(same.version, 3);
        let none = edit(&world, &ada, said.id, json!({"content": "#two", "mentions": []})).await;
        assert_eq!((none.version, none.mentions, kinds(&seen(&world, &bob, said.id).await)), (4, vec![], vec![EntityType::Hashtag]));
        assert_eq!((count(&world, &bob, chat).await, count(&world, &eve, chat).await), (0, 0));
    }

    async fn whom_an_author_gives_stays_also_if_the_text_named_them(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for (given, stays) in [(vec![bob.id], vec![bob.id]), (vec![], vec![])] {
            // What is given the other way round at first.
            let first: Vec<UserId> = if given.is_empty() { vec![bob.id] } else { vec![] };
            let said = send(&world, &ada, chat, json!({"content": "@bob hi", "mentions": first})).await;
            assert_eq!(said.mentions, [bob.id]);
            world.changes().await;
            let same = edit(&world, &ada, said.id, json!({"content": "@bob hi", "mentions": given})).await;
            assert_eq!((same.version, same.mentions), (1, vec![bob.id]));
            assert!(world.names().await.is_empty(), "nobody sees a difference");
            assert_eq!(mentioning(&world, &bob, chat).await[0], said.seq);
            let same = edit(&world, &ada, said.id, json!({"content": "@bob hi"})).await;
            assert_eq!(same.version, 1);
            let edited = edit(&world, &ada, said.id, json!({"content": "hi"})).await;
            assert_eq!((edited.version, edited.mentions), (2, stays));
        }
    }

    async fn everybody_is_mentioned_by_those_who_may(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = send(&world, &ada, chat, json!({"content": "@all and @bob"})).await;
        assert_eq!((kinds(&said), &said.mentions), (vec![EntityType::MentionAll, EntityType::Mention], &vec![bob.id]));
        assert_eq!(count(&world, &bob, chat).await, 1, "it is one message");
        assert_eq!((count(&world, &eve, chat).await, count(&world, &ada, chat).await), (1, 0));
        assert_eq!(mentioning(&world, &eve, chat).await, [1]);
        let his = send(&world, &bob, chat, json!({"content": "@all"})).await;
        assert!(his.entities.is_empty(), "members may not, so it is plain text");
        assert_eq!(count(&world, &eve, chat).await, 1);
        let rights = of::<ChatPatch>(json!({"rights": {"mention_all": true}}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, rights).await.unwrap();
        let his = edit(&world, &bob, his.id, json!({"content": "@all!"})).await;
        assert_eq!(kinds(&his), [EntityType::MentionAll]);
        assert_eq!((count(&world, &eve, chat).await, count(&world, &ada, chat).await), (2, 1));
        edit(&world, &bob, his.id, json!({"content": "nobody"})).await;
        assert_eq!((count(&world, &eve, chat).await, count(&world, &ada, chat).await), (1, 0));
        let new = NewChat::from_json(json!({"type": "private", "participant_ids": [bob.id]})).unwrap();
        let pair = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        assert!(send(&world, &ada, pair, json!({"content": "@all"})).await.entities.is_empty());
    }

    async fn everybody_among_many_is_one_row(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        let bob = world.person("bob").await;
        let new = of::<NewParticipants>(json!({"user_ids": [bob.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        let (id, series) = if world.is_postgres() {
            (format!("'{chat}'"), "generate_series(1, 300) AS s(n)")
        } else {
            (format!("x'{}'", chat.uuid().simple()), "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 300) SELECT n FROM s) s")
        };
        let user = if world.is_postgres() {
            "CAST(lpad(to_hex(s.n), 32, '0') AS UUID)"
        } else {
            "unhex(printf('%032x', s.n))"
        };
        world.batch(&format!(
            "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role, created_at, version)
               SELECT {user}, 'crowd' || s.n, 'crowd' || s.n, 'x', 'crowd' || s.n, 'x', 'x', 'public', 'user', u.created_at, 1
               FROM {series} CROSS JOIN users u WHERE u.username = 'ada';
             INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
               SELECT {id}, u.id, 'member', u.created_at, 0, 0 FROM users u WHERE u.username LIKE 'crowd%';
             UPDATE chats SET participant_count = participant_count + 300 WHERE id = {id};"
        ));
        let said = send(&world, &ada, chat, json!({"content": "@all @crowd7 hello"})).await;
        assert_eq!((kinds(&said).len(), said.mentions.len()), (2, 1));
        assert_eq!(rows(&world, chat), 2, "one for everybody, and one for whoever is named");
        assert_eq!(count(&world, &bob, chat).await, 1);
    }

    async fn who_came_later_left_or_blocks_is_not_counted(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"});
        let messaging = &world.store.messaging;
        let chat = messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let before = send(&world, &ada, chat, json!({"content": "@eve @all", "mentions": [eve.id]})).await;
        assert!(before.mentions.is_empty(), "she is not in the chat");
        let add = || of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, add()).await.unwrap();
        assert_eq!((count(&world, &eve, chat).await, mentioning(&world, &eve, chat).await), (0, vec![]));
        // Nor does an edit mention whoever cannot see the message.
        let edited = edit(&world, &ada, before.id, json!({"content": "@eve again", "mentions": [eve.id]})).await;
        assert!(edited.mentions.is_empty() && edited.entities.is_empty());
        let after = send(&world, &ada, chat, json!({"content": "@eve"})).await;
        assert_eq!(count(&world, &eve, chat).await, 1);
        // A block hides the mention from whoever blocks, and tells nobody.
        world.store.blocks.block(&world.ctx(&eve), ada.id, NewBlock::default()).await.unwrap();
        let blocked = send(&world, &ada, chat, json!({"content": "@eve @all"})).await;
        assert_eq!(blocked.mentions, [eve.id], "nothing shows the block");
        assert_eq!((count(&world, &eve, chat).await, mentioning(&world, &eve, chat).await), (0, vec![]));
        world.store.blocks.unblock(&world.ctx(&eve), ada.id).await.unwrap();
        assert_eq!(mentioning(&world, &eve, chat).await, [blocked.seq, after.seq]);
        world.store.participants.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        assert_eq!(code(messaging.mentions(&world.ctx(&eve), chat, PageRequest::default()).await), "chat.unknown");
        let gone = send(&world, &ada, chat, json!({"content": "@eve", "mentions": [eve.id]})).await;
        assert!(gone.mentions.is_empty());
        world.store.participants.add(&world.ctx(&ada), chat, add()).await.unwrap();
        assert_eq!((count(&world, &eve, chat).await, mentioning(&world, &eve, chat).await), (0, vec![]));
    }

    async fn who_is_muted_mentions_nobody_while_the_mute_lasts(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let named = send(&world, &ada, chat, json!({"content": "@bob"})).await.seq;
        let all = send(&world, &ada, chat, json!({"content": "@all"})).await.seq;
        let by_eve = send(&world, &eve, chat, json!({"content": "@bob"})).await.seq;
        let shown = async || {
            let everywhere = async |unread: Option<bool>| {
                let page = world.store.messaging.all_mentions(&world.ctx(&bob), unread, PageRequest::default()).await;
                page.unwrap().items.iter().map(|message| message.seq).collect::<Vec<_>>()
            };
            let there = mentioning(&world, &bob, chat).await;
            assert_eq!((everywhere(None).await, everywhere(Some(true)).await), (there.clone(), there.clone()));
            assert_eq!(count(&world, &bob, chat).await, there.len() as i64);
            there
        };
        assert_eq!(shown().await, [by_eve, all, named]);
        let mute = async |until: Value| {
            let new = of::<NewMute>(json!({"until": until}));
            world.store.blocks.mute(&world.ctx(&bob), ada.id, new).await.unwrap();
        };
        // From the moment of the mute on, also what was said before.
        mute(json!(world.now().plus(Duration::from_secs(60)))).await;
        assert_eq!(shown().await, [by_eve]);
        let later = send(&world, &ada, chat, json!({"content": "@bob @eve"})).await;
        assert_eq!(later.mentions, [bob.id, eve.id], "nothing shows the mute");
        assert_eq!((shown().await, count(&world, &eve, chat).await), (vec![by_eve], 2), "it is his alone");
        // It ends by itself, whether a sweep has come or not.
        world.wait(Duration::from_secs(60));
        assert_eq!(shown().await, [later.seq, by_eve, all, named]);
        mute(json!(null)).await;
        assert_eq!(shown().await, [by_eve]);
        world.store.blocks.unmute(&world.ctx(&bob), ada.id).await.unwrap();
        assert_eq!(shown().await, [later.seq, by_eve, all, named]);
        read(&world, &bob, chat, all).await;
        assert_eq!(count(&world, &bob, chat).await, 2);
    }

    async fn renamed_and_erased_people(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = send(&world, &ada, chat, json!({"content": "@bob and @eve #tea"})).await;
        world.meddle("UPDATE users SET username = 'robert', username_key = 'robert' WHERE username = 'bob'").unwrap();
        let renamed = seen(&world, &ada, said.id).await;
        assert_eq!((renamed.entities[0].user_id, renamed.content.as_deref()), (Some(bob.id), Some("@bob and @eve #tea")));
        world.meddle("UPDATE users SET username = 'bob', username_key = 'bob' WHERE username = 'robert'").unwrap();
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let erased = seen(&world, &ada, said.id).await;
        assert_eq!((kinds(&erased), erased.mentions), (vec![EntityType::Mention, EntityType::Hashtag], vec![eve.id]));
        assert_eq!(erased.entities[0].user_id, Some(eve.id), "places of others stay right");
        assert_eq!(rows(&world, chat), 1);
        let later = send(&world, &ada, chat, json!({"content": "@bob", "mentions": [bob.id]})).await;
        assert!(later.mentions.is_empty() && later.entities.is_empty());
    }

    async fn what_is_deleted_or_disappears_mentions_nobody(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let text = "@all @bob #zqtag https://zqurl.example.org/";
        let deleted = send(&world, &ada, chat, json!({"content": text})).await;
        let short = send(&world, &ada, chat, json!({"content": text, "lifetime": {"seconds": 5}})).await;
        assert_eq!(count(&world, &bob, chat).await, 2);
        world.store.messaging.delete(&world.ctx(&ada), deleted.id, None).await.unwrap();
        world.wait(std::time::Duration::from_secs(6));
        assert_eq!(mentioning(&world, &bob, chat).await, Vec::<i64>::new(), "not even before the sweep");
        assert_eq!(count(&world, &bob, chat).await, 0);
        let hidden = seen(&world, &bob, short.id).await;
        assert!(hidden.entities.is_empty() && hidden.mentions.is_empty());
        assert_eq!(world.store.lifetimes.expire(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap(), 1);
        for id in [deleted.id, short.id] {
            let gone = seen(&world, &bob, id).await;
            assert!(gone.entities.is_empty() && gone.mentions.is_empty() && gone.content.is_none());
        }
        assert_eq!((count(&world, &bob, chat).await, rows(&world, chat)), (0, 0));
        world.gone(b"zqtag").await;
        world.gone(b"zqurl").await;
        assert!(world.everything().await.iter().all(|change| !change.data.get().contains("zq")));
    }

    async fn held_and_scheduled_messages_mention_when_they_are_sent(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let filter = json!({"words": ["casino"], "action": "hold", "reason": "a test"});
        world.store.moderation.set_filter(&world.ctx(&ada), chat, of::<NewFilter>(filter)).await.unwrap();
        let new = of::<NewMessage>(json!({"content": "casino @ada", "mentions": [eve.id]}));
        assert_eq!(code(world.store.messaging.send(&world.ctx(&bob), chat, new).await), "message.held");
        assert_eq!(count(&world, &ada, chat).await, 0);
        let reviews = world.store.moderation.reviews(&world.ctx(&ada), Some(chat), PageRequest::default()).await.unwrap();
        let verdict = of::<NewReviewVerdict>(json!({"action": "approve", "reason": "fine"}));
        world.store.moderation.decide_review(&world.ctx(&ada), Some(chat), reviews.items[0].id, None, verdict).await.unwrap();
        let said = world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().last_message.unwrap();
        assert_eq!((said.mentions, kinds(&seen(&world, &bob, said.id).await)), (vec![ada.id, eve.id], vec![EntityType::Mention]));
        assert_eq!((count(&world, &ada, chat).await, count(&world, &eve, chat).await), (1, 1));

        let at = world.now().plus(std::time::Duration::from_secs(60));
        let later = of::<NewMessage>(json!({"content": "@eve later", "send_at": at, "mentions": [ada.id]}));
        let scheduled = world.store.scheduled.schedule(&world.ctx(&bob), chat, later).await.unwrap();
        assert_eq!(scheduled.mentions, [ada.id]);
        world.store.participants.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        world.wait(std::time::Duration::from_secs(61));
        world.store.scheduled.send_due(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap();
        let sent = world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().last_message.unwrap();
        assert_eq!((sent.content.as_deref(), sent.mentions), (Some("@eve later"), vec![ada.id]), "eve has left by then");
    }

    async fn reading_and_leaving_while_one_is_mentioned(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let sends = async {
            for n in 0..20 {
                send(&world, &ada, chat, json!({"content": format!("@bob @eve {n}")})).await;
            }
        };
        let reads = async {
            for seq in 1..=15 {
                read(&world, &bob, chat, seq).await;
            }
        };
        let leaves = async {
            tokio::task::yield_now().await;
            world.store.participants.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        };
        tokio::join!(sends, reads, leaves);
        let all = world.store.messaging.messages(&world.ctx(&ada), chat, Window::After(0), 50).await.unwrap().items;
        let mark = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().read_seq;
        let unread = all.iter().filter(|message| message.seq > mark && message.mentions.contains(&bob.id)).count();
        assert_eq!(count(&world, &bob, chat).await, unread as i64);
        let left = all.iter().find(|message| message.system.is_some()).expect("it is said that she was removed").seq;
        for message in all.iter().filter(|message| message.system.is_none()) {
            assert_eq!(message.mentions.contains(&eve.id), message.seq < left, "{}", message.seq);
        }
    }
}
