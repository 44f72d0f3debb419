//! The guarantees of `Chats`.

pub mod domain;

use std::time::Duration;

use clowder_core::{ChatId, Error, PageRequest, Topic, deletion::DeletionStatus};
use clowder_messaging::{
    CHAT, ChatFilter, ChatRole, MessageType, NewChat, SystemAction, Window,
    chats::{ChatPatch, Deletion, DirectoryFilter, Gone, NewDraft, NewOwner, PreferencesPatch},
    participants::{NewParticipants, RolePatch},
};
use serde_json::{Value, json};

use crate::{
    groups::deleting::strangers,
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn make(world: &World, owner: &Person, new: Value) -> ChatId {
    let chat = world.store.messaging.create_chat(&world.ctx(owner), of::<NewChat>(new)).await.unwrap().into_inner();
    world.changes().await;
    chat.id
}

fn patch(value: Value) -> ChatPatch {
    of::<ChatPatch>(value)
}

async fn found(world: &World, who: &Person, filter: ChatFilter) -> Vec<ChatId> {
    let page = PageRequest { limit: 50, cursor: None };
    let page = world.store.messaging.chats(&world.ctx(who), filter, page).await.unwrap();
    page.items.iter().map(|chat| chat.id).collect()
}

fn stale<T: std::fmt::Debug>(result: clowder_core::Result<T>) -> i64 {
    match result {
        Err(Error::Stale { refusal, current }) if refusal.code == "chat.stale" => current,
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn an_edit_is_told_once_however_many_are_in_the_chat(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let chats = &world.store.chats;
        let edited = chats.edit_chat(&world.ctx(&ada), chat, Some(1.into()), patch(json!({"title": "Tea time", "history": "since_join"}))).await.unwrap();
        assert_eq!((edited.title.as_deref(), edited.version, edited.last_seq), (Some("Tea time"), 2, 1));
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        let topic = Topic::new(CHAT, chat);
        assert_eq!(told, [("chat.updated", topic), ("message.sent", topic)]);
        let message: Value = serde_json::from_str(changes[1].data.get()).unwrap();
        assert_eq!((&message["type"], &message["system"]["action"], &message["system"]["title"]), (&json!("system"), &json!("retitled"), &json!("Tea time")));

        let same = chats.edit_chat(&world.ctx(&ada), chat, None, patch(json!({"title": "Tea time"}))).await.unwrap();
        assert_eq!(same.version, 2, "an edit that changes nothing is none");
        assert!(world.names().await.is_empty());
        assert_eq!(stale(chats.edit_chat(&world.ctx(&ada), chat, Some(1.into()), patch(json!({"title": "x"}))).await), 2);
        assert_eq!(code(chats.edit_chat(&world.ctx(&bob), chat, None, patch(json!({"title": "x"}))).await), "chat.forbidden");
        assert_eq!(code(chats.edit_chat(&world.ctx(&eve), chat, None, patch(json!({"title": "x"}))).await), "chat.unknown");
        chats.edit_chat(&world.ctx(&ada), chat, None, patch(json!({"rights": {"edit": true}}))).await.unwrap();
        chats.edit_chat(&world.ctx(&bob), chat, None, patch(json!({"description": "At four"}))).await.unwrap();
        assert_eq!(code(chats.edit_chat(&world.ctx(&bob), chat, None, patch(json!({"visibility": "public"}))).await), "chat.forbidden");
        world.changes().await;
    }

    async fn messages_of_the_system_are_not_unread(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let unread = async |who: &Person| world.store.messaging.chat(&world.ctx(who), chat).await.unwrap().unread_count;
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch(json!({"title": "One"}))).await.unwrap();
        assert_eq!((unread(&ada).await, unread(&bob).await), (0, 0));
        world.say(&ada, chat, "hello").await;
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch(json!({"title": "Two"}))).await.unwrap();
        assert_eq!((unread(&ada).await, unread(&bob).await), (0, 1));
        let unread_chats = async |who: &Person| found(&world, who, ChatFilter { unread: Some(true), ..ChatFilter::default() }).await;
        assert_eq!((unread_chats(&ada).await, unread_chats(&bob).await), (vec![], vec![chat]));
        let messages = world.store.messaging.messages(&world.ctx(&bob), chat, Window::After(0), 9).await.unwrap().items;
        let kinds: Vec<_> = messages.iter().map(|message| (message.seq, message.kind)).collect();
        assert_eq!(kinds, [(1, MessageType::System), (2, MessageType::Text), (3, MessageType::System)]);
        assert_eq!(messages[0].system.as_ref().unwrap().action, SystemAction::Retitled);
        // Deleted by somebody of the staff, it counts as little as before.
        world.store.messaging.delete(&world.ctx(&ada), messages[2].id, None).await.unwrap();
        assert_eq!((unread(&ada).await, unread(&bob).await), (0, 1));
        world.changes().await;
    }

    async fn who_comes_later_sees_what_the_chat_lets_them_see(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = make(&world, &ada, json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"})).await;
        let early = world.say(&ada, chat, "zqbefore").await;
        world.names().await;
        let new = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        world.names().await;
        let messaging = &world.store.messaging;
        let seqs = async |who: &Person, window| {
            let page = messaging.messages(&world.ctx(who), chat, window, 9).await.unwrap();
            page.items.iter().map(|message| message.seq).collect::<Vec<_>>()
        };
        for window in [Window::NEWEST, Window::After(0), Window::Around(1), Window::Before(2)] {
            assert!(!seqs(&eve, window).await.contains(&1), "{window:?}");
            assert!(seqs(&bob, window).await.contains(&1), "{window:?}");
        }
        assert_eq!(code(messaging.message(&world.ctx(&eve), early.id).await), "message.unknown");
        assert_eq!(code(messaging.history(&world.ctx(&eve), early.id, PageRequest::default()).await), "message.unknown");
    }

    async fn the_directory_shows_what_is_public(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut public = Vec::new();
        for (kind, title) in [("group", "Garden friends"), ("channel", "Garden news"), ("channel", "Gartenpost")] {
            public.push(make(&world, &ada, json!({"type": kind, "title": title, "visibility": "public"})).await);
        }
        let hidden = make(&world, &ada, json!({"type": "group", "title": "Garden secrets"})).await;
        let list = async |filter: DirectoryFilter| {
            let mut page = PageRequest { limit: 2, cursor: None };
            let mut ids = Vec::new();
            loop {
                let found = world.store.chats.directory(&world.ctx(&bob), filter.clone(), page).await.unwrap();
                ids.extend(found.items.iter().map(|entry| (entry.id, entry.joined)));
                match found.next_cursor {
                    Some(cursor) => page = PageRequest { limit: 2, cursor: Some(cursor) },
                    None => return ids,
                }
            }
        };
        let newest: Vec<_> = public.iter().rev().map(|chat| (*chat, false)).collect();
        assert_eq!(list(DirectoryFilter::default()).await, newest);
        let search = |text: &str| DirectoryFilter { search: Some(text.to_owned()), kind: None };
        assert_eq!(list(search("gär")).await, [(public[0], false), (public[1], false), (public[2], false)]);
        assert_eq!(list(search("news gar")).await, [(public[1], false)]);
        assert_eq!(list(search("!")).await, []);
        let channels = DirectoryFilter { kind: Some(clowder_messaging::ChatType::Channel), search: None };
        assert_eq!(list(channels).await, [(public[2], false), (public[1], false)]);
        world.store.participants.join(&world.ctx(&bob), public[1]).await.unwrap();
        assert_eq!(code(world.store.participants.join(&world.ctx(&bob), hidden).await), "chat.unknown");
        assert_eq!(list(search("news")).await, [(public[1], true)]);
        world.store.chats.edit_chat(&world.ctx(&ada), public[0], None, patch(json!({"visibility": "private"}))).await.unwrap();
        world.store.chats.delete_chat(&world.ctx(&ada), public[1], None).await.unwrap();
        assert_eq!(list(DirectoryFilter::default()).await, [(public[2], false)]);
        assert_eq!(list(search("garden")).await, []);
    }

    async fn a_small_chat_is_gone_with_the_answer(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&bob, chat, "zqlastwords").await;
        for words in ["zqregretted", "zqremained"] {
            let named = patch(json!({"title": format!("{words}title"), "description": format!("{words}description")}));
            world.store.chats.edit_chat(&world.ctx(&ada), chat, None, named).await.unwrap();
        }
        let again = json!({"type": "group", "title": "zqatfirst", "description": "zqatfirstdescribed", "participant_ids": [bob.id]});
        let second = make(&world, &ada, again).await;
        assert_eq!(world.store.chats.delete_chat(&world.ctx(&ada), second, None).await.unwrap(), Gone::Whole);
        world.store.invitations.invite(&world.ctx(&ada), chat, of(json!({"user_ids": [cem.id]}))).await.unwrap();
        world.changes().await;
        assert_eq!(world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap(), Gone::Whole);
        assert_eq!(world.names().await, ["chat.deleted", "chat.deleted", "chat.uninvited"]);
        for words in ["zqlastwords", "zqregretted", "zqremained", "zqatfirst"] {
            world.gone(words.as_bytes()).await;
        }
        assert_eq!(code(world.store.chats.deletion(&world.ctx(&ada), chat).await), "chat.deletion_unknown");
        assert_eq!(work(&world, &world.store).await, 0, "nothing is left to do");
    }

    async fn a_deleted_chat_is_gone_at_once_and_then_altogether(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = world.say(&bob, chat, "zqgoneforgood").await;
        world.store.chats.set_draft(&world.ctx(&bob), chat, of::<NewDraft>(json!({"content": "begun"}))).await.unwrap();
        world.names().await;
        let node = world.node_with(|options| options.messaging.at_once = 0).await;
        let (chats, messaging) = (&node.chats, &world.store.messaging);
        let gone = chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        let running = |progress| Deletion { chat_id: chat, status: DeletionStatus::Running, progress };
        assert_eq!(gone, Gone::Started(running(0.0)));
        assert_eq!(chats.deletion(&world.ctx(&ada), chat).await.unwrap(), running(0.2), "the owner is out of it");
        assert_eq!(code(chats.deletion(&world.ctx(&bob), chat).await), "chat.deletion_unknown", "it is told to nobody else");
        assert_eq!(world.names().await, ["chat.deleted"]);
        for who in [&ada, &bob] {
            assert_eq!(code(messaging.chat(&world.ctx(who), chat).await), "chat.unknown");
            assert!(found(&world, who, ChatFilter::default()).await.is_empty());
            assert_eq!(code(world.try_say(who, chat, "still here?", None).await), "chat.unknown");
            assert_eq!(code(messaging.message(&world.ctx(who), said.id).await), "message.unknown");
            assert_eq!(code(messaging.messages(&world.ctx(who), chat, Window::NEWEST, 9).await), "chat.unknown");
            assert_eq!(code(messaging.read(&world.ctx(who), chat, of(json!({"seq": 1}))).await), "chat.unknown");
            assert_eq!(code(chats.edit_chat(&world.ctx(who), chat, None, patch(json!({"title": "x"}))).await), "chat.unknown");
            assert_eq!(code(chats.set_draft(&world.ctx(who), chat, of::<NewDraft>(json!({"content": "x"}))).await), "chat.unknown");
            assert_eq!(code(chats.delete_chat(&world.ctx(who), chat, None).await), "chat.unknown");
        }
        work(&world, &world.store).await;
        let mut told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
        told.sort_by_key(|(_, topic)| topic.id);
        let mut others = [("chat.deleted".to_owned(), Topic::user(bob.id)), ("chat.deleted".to_owned(), Topic::user(eve.id))];
        others.sort_by_key(|(_, topic)| topic.id);
        assert_eq!(told, others);
        world.gone(b"zqgoneforgood").await;
        let done = chats.deletion(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!((done.status, done.progress), (DeletionStatus::Done, 1.0));
        world.wait(Duration::from_secs(8 * 24 * 3600));
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert_eq!(code(chats.deletion(&world.ctx(&ada), chat).await), "chat.deletion_unknown");
    }

    async fn the_progress_of_a_deletion_counts_people_and_messages(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for _ in 0..10 {
            world.say(&bob, chat, "hello").await;
        }
        let node = world.node_with(|options| options.messaging.at_once = 0).await;
        assert!(matches!(node.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap(), Gone::Started(_)));
        let steps = [
            "UPDATE chats SET version = version",
            "UPDATE chats SET participant_count = 0",
            "DELETE FROM messages WHERE seq <= 5",
            "DELETE FROM messages WHERE seq <= 9",
            "DELETE FROM messages",
        ];
        let mut seen = Vec::new();
        for step in steps {
            world.meddle(step).unwrap();
            let now = node.chats.deletion(&world.ctx(&ada), chat).await.unwrap();
            assert_eq!(now.status, DeletionStatus::Running);
            seen.push((now.progress * 13.0).round() as i64);
        }
        assert_eq!(seen, [1, 2, 7, 11, 12], "of two people, ten messages, and the chat itself");
        world.meddle("UPDATE chats SET participant_count = 1").unwrap();
        work(&world, &world.store).await;
        let done = node.chats.deletion(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!((done.status, done.progress), (DeletionStatus::Done, 1.0));
        world.changes().await;
    }

    async fn a_large_channel_costs_no_more_and_is_deleted_in_pieces(world: World) {
        const MANY: usize = 3_000;
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = make(&world, &ada, json!({"type": "channel", "title": "News", "participant_ids": [bob.id]})).await;
        let (id, series) = strangers(&world, MANY);
        world.batch(&format!(
            "INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
               SELECT c.id, {id}, 'subscriber', c.created_at, 0, 0 FROM chats c, {series};
             UPDATE chats SET participant_count = participant_count + {MANY}, lowest_reader_id = NULL,
               lowest_read_seq = NULL, second_lowest_read_seq = NULL;"
        ));
        world.say(&ada, chat, "zqhello everybody").await;
        assert_eq!(world.names().await, ["message.sent"], "one change, however many there are");
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        assert_eq!(told, [bob.id, ada.id].map(|user| ("participant.removed", Topic::user(user))), "who it was, and the owner");
        let left = world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!((left.participant_count, left.last_seq), (MANY as i64 + 1, 1));
        let chats = &world.store.chats;
        assert!(matches!(chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap(), Gone::Started(_)));
        assert_eq!(world.names().await, ["chat.deleted"]);
        let begun = chats.deletion(&world.ctx(&ada), chat).await.unwrap();
        assert!(begun.status == DeletionStatus::Running && begun.progress < 0.01, "{begun:?}");
        let started = std::time::Instant::now();
        work(&world, &world.store).await;
        assert!(started.elapsed() < Duration::from_secs(60), "{MANY} subscribers took {:?}", started.elapsed());
        let done = chats.deletion(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!((done.status, done.progress), (DeletionStatus::Done, 1.0));
        assert_eq!(world.changes().await.len(), MANY);
        world.gone(b"zqhello").await;
    }

    async fn others_leave_and_the_last_owner_does_not(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let chats = &world.store.chats;
        assert_eq!(code(world.store.participants.remove(&world.ctx(&ada), chat, ada.id).await), "chat.owner");
        let handed = chats.transfer(&world.ctx(&ada), chat, of::<NewOwner>(json!({"user_id": bob.id}))).await.unwrap();
        assert_eq!(handed.my_role, ChatRole::Admin);
        assert_eq!(world.names().await, ["participant.updated", "participant.updated", "message.sent"]);
        assert_eq!(code(chats.transfer(&world.ctx(&ada), chat, of::<NewOwner>(json!({"user_id": ada.id}))).await), "chat.forbidden");
        chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        assert_eq!(world.names().await, ["message.sent", "participant.removed"]);
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&ada), chat).await), "chat.unknown");
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().participant_count, 1);
        let private = make(&world, &ada, json!({"type": "private", "participant_ids": [bob.id]})).await;
        assert_eq!(code(chats.delete_chat(&world.ctx(&ada), private, None).await), "chat.private");
        assert_eq!(code(chats.edit_chat(&world.ctx(&ada), private, None, patch(json!({"title": "x"}))).await), "chat.private");
    }

    async fn what_is_chosen_for_oneself_is_told_to_ones_own_devices(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (first, second) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        world.say(&ada, second, "newest").await;
        world.names().await;
        let (chats, messaging, ctx) = (&world.store.chats, &world.store.messaging, world.ctx(&bob));
        let set = async |chat, value| chats.set_preferences(&ctx, chat, of::<PreferencesPatch>(value)).await;
        let chosen = set(first, json!({"pinned": true, "notify": "mentions", "title": "Our zqown lunch"})).await.unwrap();
        assert!(chosen.pinned && chosen.title.as_deref() == Some("Our zqown lunch"));
        let changes = world.changes().await;
        assert_eq!(changes.iter().map(|change| (&*change.name, change.topic)).collect::<Vec<_>>(), [("chat.preferences", Topic::user(bob.id))]);
        assert!(!changes[0].data.get().contains("zqown"));
        set(first, json!({"pinned": true})).await.unwrap();
        assert!(world.names().await.is_empty(), "nothing has changed");
        assert_eq!(found(&world, &bob, ChatFilter::default()).await, [first, second], "pinned on top");
        assert_eq!(found(&world, &ada, ChatFilter::default()).await, [second, first]);
        let mut page = PageRequest { limit: 1, cursor: None };
        let mut walked = Vec::new();
        loop {
            let list = messaging.chats(&ctx, ChatFilter::default(), page).await.unwrap();
            walked.extend(list.items.iter().map(|chat| chat.id));
            match list.next_cursor {
                Some(cursor) => page = PageRequest { limit: 1, cursor: Some(cursor) },
                None => break,
            }
        }
        assert_eq!(walked, [first, second]);

        set(second, json!({"archived": true, "muted_until": "2126-01-01T00:00:00Z"})).await.unwrap();
        let of_archived = |archived| ChatFilter { archived: Some(archived), ..ChatFilter::default() };
        let of_muted = |muted| ChatFilter { muted: Some(muted), ..ChatFilter::default() };
        assert_eq!((found(&world, &bob, of_archived(true)).await, found(&world, &bob, of_archived(false)).await), (vec![second], vec![first]));
        assert_eq!((found(&world, &bob, of_muted(true)).await, found(&world, &bob, of_muted(false)).await), (vec![second], vec![first]));

        let drafted = chats.set_draft(&ctx, second, of::<NewDraft>(json!({"content": "zqhalf a thought"}))).await.unwrap();
        assert_eq!((drafted.draft.as_deref(), drafted.archived), (Some("zqhalf a thought"), true));
        let shown = messaging.chat(&ctx, second).await.unwrap().preferences;
        assert_eq!(shown, drafted);
        assert_eq!(messaging.chat(&world.ctx(&ada), second).await.unwrap().preferences.draft, None);
        chats.set_draft(&ctx, second, of::<NewDraft>(json!({"content": null}))).await.unwrap();
        assert_eq!(messaging.chat(&ctx, second).await.unwrap().preferences.draft, None);
        world.changes().await;
        world.gone(b"zqhalf").await;
        assert_eq!(code(chats.set_draft(&world.ctx(&ada), ChatId::new(world.now()), of::<NewDraft>(json!({"content": "x"}))).await), "chat.unknown");
    }

    async fn a_search_of_ones_chats_finds_titles_own_titles_and_people(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let lunch = world.group(&ada, &[&bob]).await.id;
        let private = make(&world, &ada, json!({"type": "private", "participant_ids": [bob.id]})).await;
        let other = make(&world, &ada, json!({"type": "group", "title": "Something else"})).await;
        let own = of::<PreferencesPatch>(json!({"title": "Kitchen gang"}));
        world.store.chats.set_preferences(&world.ctx(&ada), other, own).await.unwrap();
        for (search, expected) in [("lun", vec![lunch]), ("kitch", vec![other]), ("bob", vec![private]), ("some el", vec![other]), ("zz", vec![]), ("!", vec![])] {
            let filter = ChatFilter { search: Some(search.to_owned()), ..ChatFilter::default() };
            assert_eq!(found(&world, &ada, filter).await, expected, "{search}");
        }
    }

    async fn every_answer_with_a_chat_has_what_one_wrote_about_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chats, messaging) = (&world.store.chats, &world.store.messaging);
        let ctx = world.ctx(&ada);
        let private = make(&world, &ada, json!({"type": "private", "participant_ids": [bob.id]})).await;
        let lunch = world.group(&ada, &[&bob]).await.id;
        for chat in [private, lunch] {
            chats.set_preferences(&ctx, chat, of::<PreferencesPatch>(json!({"title": "Ours"}))).await.unwrap();
            chats.set_draft(&ctx, chat, of::<NewDraft>(json!({"content": "begun"}))).await.unwrap();
        }
        let expected = messaging.chat(&ctx, lunch).await.unwrap().preferences;
        assert_eq!((expected.title.as_deref(), expected.draft.as_deref()), (Some("Ours"), Some("begun")));
        for title in ["Tea", "Tea"] {
            let edited = chats.edit_chat(&ctx, lunch, None, patch(json!({"title": title}))).await.unwrap();
            assert_eq!(edited.preferences, expected, "{title}");
        }
        for owner in [ada.id, bob.id] {
            let handed = chats.transfer(&ctx, lunch, of::<NewOwner>(json!({"user_id": owner}))).await.unwrap();
            assert_eq!(handed.preferences, expected);
        }
        let again = of::<NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let again = messaging.create_chat(&ctx, again).await.unwrap().into_inner();
        assert_eq!((again.id, again.preferences.draft.as_deref()), (private, Some("begun")));
        world.changes().await;
    }

    async fn an_erased_account_is_given_no_role(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let own = |role: &str| of::<RolePatch>(json!({"role": role}));
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, own("owner")).await.unwrap();
        world.store.privacy.erase_user(&system(&world), eve.id, None).await.unwrap();
        work(&world, &world.store).await;
        let (chats, participants) = (&world.store.chats, &world.store.participants);
        let transferred = chats.transfer(&world.ctx(&ada), chat, of::<NewOwner>(json!({"user_id": eve.id}))).await;
        assert_eq!(code(transferred), "chat.participant_unknown");
        for role in ["owner", "admin"] {
            let given = participants.set_role(&world.ctx(&ada), chat, eve.id, own(role)).await;
            assert_eq!(code(given), "chat.participant_unknown", "{role}");
        }
        // Of two owners one is erased: the other is the last one.
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(code(participants.remove(&world.ctx(&ada), chat, ada.id).await), "chat.owner");
        participants.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        world.changes().await;
    }

    async fn an_erased_owner_leaves_the_chat_to_another(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        world.store.participants.set_role(&world.ctx(&ada), chat, eve.id, of::<RolePatch>(json!({"role": "admin"}))).await.unwrap();
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(world.store.messaging.chat(&world.ctx(&eve), chat).await.unwrap().my_role, ChatRole::Owner);
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().my_role, ChatRole::Member);
        world.changes().await;
    }
}
