//! Lists are read in pages of bounded size.

use std::time::Duration;

use clowder_accounts::{NewApiKey, RefreshToken, model::NewInvite, sign_up::MOST_INVITES};
use clowder_core::{Error, Input, Page, PageRequest, Result, page::MOST_OCTETS};
use clowder_messaging::{ChatFilter, MessagePatch, Window, edit::MOST_EDITS};
use serde_json::json;

use crate::world::{World, code, on_both};

/// Every item of a list that is read in pages of this size; no page is larger.
async fn walk<T>(limit: u32, list: impl AsyncFn(PageRequest) -> Result<Page<T>>) -> Vec<T> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(PageRequest { limit, cursor }).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

fn wrong<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(&result, Err(Error::Invalid(errors)) if errors[0].pointer == "?cursor"), "{result:?}");
}

fn nonsense() -> PageRequest {
    PageRequest { limit: 50, cursor: Some("nonsense".to_owned()) }
}

on_both! {
    async fn a_message_is_edited_a_hundred_times_and_no_more(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "text 0").await;
        let messaging = &world.store.messaging;
        let edit = async |text: &str| {
            let patch = MessagePatch::from_json(json!({"content": text})).unwrap();
            messaging.edit(&world.ctx(&ada), message.id, None, patch).await
        };
        for number in 1..=MOST_EDITS {
            edit(&format!("text {number}")).await.unwrap();
        }
        world.changes().await;
        assert_eq!(code(edit("one too many").await), "message.edits");
        edit(&format!("text {MOST_EDITS}")).await.unwrap();
        assert!(world.changes().await.is_empty(), "neither wrote anything");
        for limit in [1, 7, 50, 100, 101, 200] {
            let history = async |page| messaging.history(&world.ctx(&bob), message.id, page).await;
            let said: Vec<_> = walk(limit, history).await.into_iter().map(|edit| edit.content).collect();
            assert_eq!(said, (0..=MOST_EDITS).map(|number| format!("text {number}")).collect::<Vec<_>>(), "{limit}");
        }
        wrong(messaging.history(&world.ctx(&bob), message.id, nonsense()).await);
        messaging.delete(&world.ctx(&ada), message.id, None).await.unwrap();
        wrong(messaging.history(&world.ctx(&bob), message.id, nonsense()).await);
    }

    async fn a_message_is_edited_as_long_as_the_server_allows(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        let message = world.say(&ada, chat, "first").await;
        let node = world.node_with(|options| options.messaging.editable_for = Some(Duration::from_secs(60))).await;
        let edit = async |text: &str| {
            let patch = MessagePatch::from_json(json!({"content": text})).unwrap();
            node.messaging.edit(&world.ctx(&ada), message.id, None, patch).await
        };
        world.wait(Duration::from_secs(59));
        assert_eq!(edit("second").await.unwrap().version, 2);
        world.wait(Duration::from_secs(2));
        assert_eq!(code(edit("third").await), "message.late");
        assert_eq!(edit("second").await.unwrap().version, 2, "it changes nothing");
        node.messaging.delete(&world.ctx(&ada), message.id, None).await.unwrap();
    }

    async fn pages_end_before_they_are_too_large(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let text = "🦀".repeat(8_000);
        for _ in 0..80 {
            world.say(&ada, chat, &text).await;
        }
        let messaging = &world.store.messaging;
        let read = async |window: Window| {
            let page = messaging.messages(&world.ctx(&bob), chat, window, 200).await.unwrap();
            let size = serde_json::to_vec(&page.items).unwrap().len();
            assert!(size <= MOST_OCTETS + 400, "{size} octets");
            (page.items.into_iter().map(|message| message.seq).collect::<Vec<_>>(), page.next_cursor)
        };
        for (start, all) in [(Window::NEWEST, (1..=80).rev().collect::<Vec<_>>()), (Window::After(0), (1..=80).collect())] {
            let (mut window, mut seen, mut pages) = (start, Vec::new(), 0);
            loop {
                let (seqs, next) = read(window).await;
                seen.extend(seqs);
                pages += 1;
                let Some(next) = next else { break };
                let (way, seq) = next.split_once('.').unwrap();
                let seq = seq.parse().unwrap();
                window = if way == "before" { Window::Before(seq) } else { Window::After(seq) };
            }
            assert_eq!(seen, all, "each exactly once");
            assert!(pages >= 3, "{pages}");
        }
        // Around one: it is included, with as many before as after it, and both ends can be continued.
        let (seqs, next) = read(Window::Around(40)).await;
        let (first, last) = (seqs[0], seqs[seqs.len() - 1]);
        assert_eq!(seqs, (first..=last).collect::<Vec<_>>());
        assert!((20..=26).contains(&first) && (50..=56).contains(&last), "{first} to {last}");
        assert_eq!(next, Some(format!("after.{last}")));
        assert_eq!(read(Window::Before(first)).await.0[0], first - 1);

        let mut chats = Vec::new();
        for _ in 0..40 {
            let group = world.group(&ada, &[]).await.id;
            world.say(&ada, group, &text).await;
            chats.insert(0, group);
        }
        chats.push(chat);
        let list = async |page| messaging.chats(&world.ctx(&ada), ChatFilter::default(), page).await;
        let first = list(PageRequest { limit: 200, cursor: None }).await.unwrap();
        assert!(first.items.len() < 35 && first.next_cursor.is_some());
        let seen: Vec<_> = walk(200, list).await.into_iter().map(|chat| chat.id).collect();
        assert_eq!(seen, chats);

        let message = world.say(&ada, chat, "0").await;
        for number in 1..=40 {
            let patch = MessagePatch::from_json(json!({"content": format!("{number}{text}").chars().take(8_000).collect::<String>()}));
            messaging.edit(&world.ctx(&ada), message.id, None, patch.unwrap()).await.unwrap();
        }
        let history = async |page| messaging.history(&world.ctx(&bob), message.id, page).await;
        assert!(history(PageRequest { limit: 200, cursor: None }).await.unwrap().items.len() < 35);
        let seen: Vec<_> = walk(200, history).await.into_iter().map(|edit| edit.version).collect();
        assert_eq!(seen, (1..=41).collect::<Vec<_>>());
    }

    async fn own_lists_have_pages(world: World) {
        let ada = world.register("ada").await;
        let ctx = || world.by(&ada.access);
        for number in 0..7 {
            let new = json!({"name": format!("key {number}"), "scopes": ["chats:read"]});
            world.store.api_keys.create_key(&ctx(), NewApiKey::from_json(new).unwrap()).await.unwrap();
            let login = json!({"username": "ada", "password": "correct horse"});
            let login = clowder_accounts::Login::from_json(login).unwrap();
            world.store.accounts.login(&world.nobody(), login).await.unwrap();
        }
        // The first session was used last, so the order is not that of the ids.
        world.store.accounts.refresh(&world.nobody(), RefreshToken::new(ada.refresh.clone())).await.unwrap();
        let names = async |limit| {
            let keys = async |page| world.store.api_keys.keys(&ctx(), page).await;
            walk(limit, keys).await.into_iter().map(|key| key.name).collect::<Vec<_>>()
        };
        let sessions = async |limit| {
            let sessions = async |page| world.store.accounts.sessions(&ctx(), page).await;
            walk(limit, sessions).await.into_iter().map(|session| session.id).collect::<Vec<_>>()
        };
        assert_eq!(names(200).await, (0..7).rev().map(|number| format!("key {number}")).collect::<Vec<_>>());
        assert_eq!(sessions(200).await.len(), 8);
        for limit in [1, 3, 7, 8] {
            assert_eq!(names(limit).await, names(200).await, "{limit}");
            assert_eq!(sessions(limit).await, sessions(200).await, "{limit}");
        }
        world.store.privacy.export(&ctx()).await.unwrap();
        let exports = async |page| world.store.privacy.exports(&ctx(), page).await;
        assert_eq!(walk(1, exports).await.len(), 1);
        wrong(world.store.api_keys.keys(&ctx(), nonsense()).await);
        wrong(world.store.accounts.sessions(&ctx(), nonsense()).await);
        wrong(world.store.privacy.exports(&ctx(), nonsense()).await);
    }

    async fn a_hundred_open_invitations_and_no_more(world: World) {
        let ada = world.person("ada").await;
        let new = || NewInvite::from_json(json!({"max_uses": 1})).unwrap();
        let mut first = None;
        for _ in 0..MOST_INVITES {
            let made = world.store.sign_ups.invite(&world.ctx(&ada), new()).await.unwrap();
            first.get_or_insert(made.invite.id);
        }
        assert_eq!(code(world.store.sign_ups.invite(&world.ctx(&ada), new()).await), "invite.limit");
        let bob = world.person("bob").await;
        world.store.sign_ups.invite(&world.ctx(&bob), new()).await.unwrap();
        world.store.sign_ups.revoke_invite(&world.ctx(&ada), first.unwrap()).await.unwrap();
        world.store.sign_ups.invite(&world.ctx(&ada), new()).await.unwrap();
    }
}
