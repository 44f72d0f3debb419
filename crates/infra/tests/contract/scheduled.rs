//! The guarantees of `ScheduledMessages`.

pub mod domain;

use std::time::Duration;

use clowder_core::{Actor, ChatId, Ctx, PageRequest, Topic};
use clowder_infra::Store;
use clowder_messaging::{
    CHAT, NewMessage, Scheduled, Window,
    moderation::{NewFilter, NewReviewVerdict, NewSanction, NewSlowMode, SanctionType},
    scheduled::{ScheduledFilter, ScheduledPatch, ScheduledStatus},
};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

const HOUR: Duration = Duration::from_secs(3600);

/// An hour from now, with these further members.
async fn schedule(world: &World, who: &Person, chat: ChatId, more: Value) -> clowder_core::Result<Scheduled> {
    let mut body = json!({"content": "good morning", "send_at": world.now().plus(HOUR)});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.store.scheduled.schedule(&world.ctx(who), chat, of::<NewMessage>(body)).await
}

async fn send_due(world: &World, store: &Store) -> usize {
    store.scheduled.send_due(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap()
}

async fn said(world: &World, who: &Person, chat: ChatId) -> Vec<String> {
    let page = world.store.messaging.messages(&world.ctx(who), chat, Window::After(0), 50).await.unwrap();
    page.items.into_iter().filter_map(|message| message.content).collect()
}

async fn now_is(world: &World, who: &Person, scheduled: &Scheduled) -> Scheduled {
    world.store.scheduled.scheduled_message(&world.ctx(who), scheduled.id).await.unwrap()
}

on_both! {
    async fn a_message_is_sent_once_at_its_time_however_many_nodes_try(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.names().await;
        let waiting = schedule(&world, &ada, chat, json!({"content": "zqlater", "client_id": "phone-1"})).await.unwrap();
        assert_eq!((waiting.status, waiting.content.as_deref(), waiting.version), (ScheduledStatus::Waiting, Some("zqlater"), 1));
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        assert_eq!(told, [("message.scheduled", Topic::user(ada.id))]);
        assert!(!changes[0].data.get().contains("zqlater"), "devices load the text");
        assert!(!world.holds(b"zqlater"), "only its author can read it");
        // Each look at the clock takes a millisecond.
        world.wait(HOUR - Duration::from_secs(1));
        assert_eq!(send_due(&world, &world.store).await, 0);
        assert_eq!(said(&world, &bob, chat).await, Vec::<String>::new());
        world.wait(Duration::from_secs(1));
        let other = world.another_node().await;
        let (a, b, c) = tokio::join!(send_due(&world, &world.store), send_due(&world, &other), send_due(&world, &other));
        assert_eq!(a + b + c, 1);
        assert_eq!(said(&world, &bob, chat).await, ["zqlater"]);
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic, change.actor)).collect();
        let author = Some(ada.id);
        assert_eq!(told, [("message.sent", Topic::new(CHAT, chat), author), ("message.scheduled", Topic::user(ada.id), author)]);
        let message: Value = serde_json::from_str(changes[0].data.get()).unwrap();
        assert_eq!((&message["client_id"], &message["seq"]), (&json!("phone-1"), &json!(1)));
        let sent = now_is(&world, &ada, &waiting).await;
        assert_eq!((sent.status, sent.content, sent.version), (ScheduledStatus::Sent, None, 2));
        assert_eq!(json!(sent.message_id), message["id"]);
        assert_eq!(send_due(&world, &world.store).await, 0);
    }

    async fn a_repeated_message_is_sent_at_the_same_time_of_day(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        // The clocks of Berlin change on 25 October 2026.
        let at: clowder_core::Timestamp = "2026-10-23T07:00:00Z".parse().unwrap();
        let rule = json!({"send_at": at, "repeat": "FREQ=DAILY;COUNT=4", "time_zone": "Europe/Berlin"});
        let daily = schedule(&world, &ada, chat, rule).await.unwrap();
        let mut times = Vec::new();
        while now_is(&world, &ada, &daily).await.status == ScheduledStatus::Waiting {
            let next = now_is(&world, &ada, &daily).await.send_at;
            times.push(next.to_string());
            world.wait(next.since(world.now()));
            assert_eq!(send_due(&world, &world.store).await, 1);
        }
        assert_eq!(times, ["2026-10-23T07:00:00.000Z", "2026-10-24T07:00:00.000Z", "2026-10-25T08:00:00.000Z", "2026-10-26T08:00:00.000Z"]);
        assert_eq!(said(&world, &bob, chat).await.len(), 4);
        let over = now_is(&world, &ada, &daily).await;
        assert_eq!((over.status, over.content, over.version), (ScheduledStatus::Sent, None, 5));
    }

    async fn what_was_missed_is_made_up_for_once(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        let daily = schedule(&world, &ada, chat, json!({"repeat": "FREQ=DAILY"})).await.unwrap();
        world.wait(72 * HOUR);
        assert_eq!(send_due(&world, &world.store).await, 1);
        assert_eq!(send_due(&world, &world.store).await, 0);
        assert_eq!(said(&world, &ada, chat).await.len(), 1);
        let next = now_is(&world, &ada, &daily).await;
        assert_eq!((next.status, next.send_at), (ScheduledStatus::Waiting, daily.send_at.plus(72 * HOUR)));
    }

    async fn moderation_delays_refuses_and_holds_what_is_due(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (moderation, boss) = (&world.store.moderation, || world.ctx(&ada));
        let slow = |seconds: u32| of::<NewSlowMode>(json!({"seconds": seconds, "reason": "too much"}));
        moderation.slow_down(&boss(), chat, slow(600)).await.unwrap();
        let waiting = schedule(&world, &bob, chat, json!({"content": "slowly"})).await.unwrap();
        world.wait(HOUR - Duration::from_secs(60));
        let now = world.say(&bob, chat, "now").await;
        world.changes().await;
        world.wait(Duration::from_secs(60));
        assert_eq!(send_due(&world, &world.store).await, 1);
        let next = now_is(&world, &bob, &waiting).await;
        let until = now.created_at.plus(Duration::from_secs(600));
        assert_eq!((next.status, next.send_at, next.version), (ScheduledStatus::Waiting, until, 2));
        assert_eq!(world.names().await, ["message.scheduled"]);
        assert_eq!(send_due(&world, &world.store).await, 0, "it is not tried earlier");
        world.wait(Duration::from_secs(600));
        assert_eq!(send_due(&world, &world.store).await, 1);
        assert_eq!(said(&world, &ada, chat).await, ["now", "slowly"]);

        moderation.slow_down(&boss(), chat, slow(0)).await.unwrap();
        let filter = json!({"words": ["casino"], "action": "hold", "reason": "Advertising"});
        moderation.set_filter(&boss(), chat, of::<NewFilter>(filter)).await.unwrap();
        let more = json!({"content": "a CÁSINO", "lifetime": {"seconds": 60}});
        let held = schedule(&world, &bob, chat, more).await.unwrap();
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 1);
        let refused = now_is(&world, &bob, &held).await;
        assert_eq!(refused.problem.unwrap().code, "message.held");
        let reviews = moderation.reviews(&boss(), Some(chat), PageRequest::default()).await.unwrap();
        assert_eq!(reviews.items[0].content.as_deref(), Some("a CÁSINO"));
        let approve = of::<NewReviewVerdict>(json!({"action": "approve", "reason": "a joke"}));
        moderation.decide_review(&boss(), Some(chat), reviews.items[0].id, None, approve).await.unwrap();
        let page = world.store.messaging.messages(&world.ctx(&ada), chat, Window::After(0), 50).await.unwrap();
        let last = page.items.last().unwrap();
        assert_eq!(last.content.as_deref(), Some("a CÁSINO"));
        assert_eq!(last.expires_at, Some(last.created_at.plus(Duration::from_secs(60))), "it has the time that it was to have");

        let muted = schedule(&world, &bob, chat, json!({})).await.unwrap();
        let daily = schedule(&world, &bob, chat, json!({"content": "daily", "repeat": "FREQ=DAILY"})).await.unwrap();
        let mute = of::<NewSanction>(json!({"user_id": bob.id, "reason": "too loud"}));
        moderation.sanction(&boss(), chat, SanctionType::Mute, mute).await.unwrap();
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 2);
        let refused = now_is(&world, &bob, &muted).await;
        assert_eq!((refused.status, refused.problem.unwrap().code.as_str()), (ScheduledStatus::Refused, "chat.muted"));
        let skipped = now_is(&world, &bob, &daily).await;
        assert_eq!((skipped.status, skipped.problem.unwrap().code.as_str()), (ScheduledStatus::Waiting, "chat.muted"));
        assert_eq!(skipped.send_at, daily.send_at.plus(24 * HOUR), "it is tried again the next day");
        world.changes().await;
    }

    async fn whoever_may_not_write_any_more_is_told(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (one, two) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob, &eve]).await.id);
        let removed = schedule(&world, &bob, one, json!({"client_id": "again"})).await.unwrap();
        let suspended = schedule(&world, &eve, two, json!({})).await.unwrap();
        let fine = schedule(&world, &bob, two, json!({})).await.unwrap();
        world.store.participants.remove(&world.ctx(&ada), one, bob.id).await.unwrap();
        world.meddle("UPDATE users SET suspension_reason = 'spam' WHERE username = 'eve'").unwrap();
        world.names().await;
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 3);
        let told = world.changes().await;
        let refused: Vec<_> = told.iter().filter(|change| change.data.get().contains("\"refused\"")).map(|change| change.topic).collect();
        assert_eq!((refused.len(), refused.contains(&Topic::user(bob.id)), refused.contains(&Topic::user(eve.id))), (2, true, true));
        for (who, scheduled, problem) in [(&bob, &removed, Some("chat.unknown")), (&eve, &suspended, Some("scheduled.author")), (&bob, &fine, None)] {
            let now = now_is(&world, who, scheduled).await;
            assert_eq!(now.problem.as_ref().map(|problem| problem.code.as_str()), problem);
            let expected = if problem.is_some() { ScheduledStatus::Refused } else { ScheduledStatus::Sent };
            assert_eq!((now.status, now.content.is_some()), (expected, problem.is_some()), "what was not sent can be read");
        }
        assert_eq!(said(&world, &ada, two).await, ["good morning"]);
        // The id is free again.
        let again = schedule(&world, &bob, two, json!({"client_id": "again"})).await.unwrap();
        assert_ne!(again.id, removed.id);
    }

    async fn one_client_id_is_one_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let at = world.now().plus(HOUR);
        let body = |content: &str| json!({"content": content, "client_id": "phone-1", "send_at": at});
        let first = schedule(&world, &ada, chat, body("hi")).await.unwrap();
        assert_eq!(schedule(&world, &ada, chat, body("hi")).await.unwrap(), first);
        assert_eq!(code(schedule(&world, &ada, chat, body("ho")).await), "client_id.mismatch");
        assert_ne!(schedule(&world, &bob, chat, body("hi")).await.unwrap().id, first.id, "of another author");
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 2);
        assert_eq!(schedule(&world, &ada, chat, body("hi")).await.unwrap().id, first.id, "also when it was sent");
        let sent = world.try_say(&ada, chat, "hi", Some("phone-1")).await.unwrap();
        assert!(matches!(sent, clowder_core::Made::Found(_)), "it is the same message");
        assert_eq!(said(&world, &ada, chat).await.len(), 2);
        world.say(&ada, chat, "now").await;
        world.try_say(&ada, chat, "at once", Some("phone-2")).await.unwrap();
        assert_eq!(code(schedule(&world, &ada, chat, json!({"client_id": "phone-2"})).await), "client_id.mismatch");
    }

    async fn only_the_author_changes_what_waits(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let waiting = schedule(&world, &ada, chat, json!({"content": "zqfirst"})).await.unwrap();
        world.names().await;
        let scheduled = &world.store.scheduled;
        let patch = |body: Value| of::<ScheduledPatch>(body);
        let (own, other) = (world.ctx(&ada), world.ctx(&bob));
        assert_eq!(code(scheduled.scheduled_message(&other, waiting.id).await), "scheduled.unknown");
        assert_eq!(code(scheduled.edit_scheduled(&other, waiting.id, None, patch(json!({"content": "x"}))).await), "scheduled.unknown");
        assert_eq!(code(scheduled.cancel_scheduled(&other, waiting.id, None).await), "scheduled.unknown");
        assert_eq!(code(schedule(&world, &bob, world.group(&ada, &[]).await.id, json!({})).await), "chat.unknown");
        let edited = scheduled.edit_scheduled(&own, waiting.id, Some(1.into()), patch(json!({"content": "zqsecond"}))).await.unwrap();
        assert_eq!((edited.content.as_deref(), edited.version, edited.send_at), (Some("zqsecond"), 2, waiting.send_at));
        world.names().await;
        let same = scheduled.edit_scheduled(&own, waiting.id, None, patch(json!({"content": "zqsecond"}))).await.unwrap();
        assert_eq!(same.version, 2, "an edit that changes nothing is none");
        assert!(world.names().await.is_empty());
        let stale = scheduled.edit_scheduled(&own, waiting.id, Some(1.into()), patch(json!({"content": "x"}))).await;
        assert!(matches!(stale, Err(clowder_core::Error::Stale { current: 2, .. })), "{stale:?}");
        for _ in 0..2 {
            let cancelled = scheduled.cancel_scheduled(&own, waiting.id, None).await.unwrap();
            assert_eq!((cancelled.status, cancelled.content, cancelled.version), (ScheduledStatus::Cancelled, None, 3));
        }
        assert_eq!(world.names().await, ["message.scheduled"]);
        assert_eq!(code(scheduled.edit_scheduled(&own, waiting.id, None, patch(json!({"content": "x"}))).await), "scheduled.over");
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 0);
        assert_eq!(said(&world, &ada, chat).await, Vec::<String>::new());
    }

    async fn lists_have_the_next_first_and_an_end(world: World) {
        let ada = world.person("ada").await;
        let (one, two) = (world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id);
        let store = world.node_with(|options| options.messaging.scheduled_per_person = 4).await;
        let mut made = Vec::new();
        for (chat, hours) in [(one, 3), (two, 1), (one, 2), (two, 4)] {
            let body = json!({"content": "x", "send_at": world.now().plus(hours * HOUR)});
            made.push(store.scheduled.schedule(&world.ctx(&ada), chat, of::<NewMessage>(body)).await.unwrap().id);
        }
        let more = json!({"content": "x", "send_at": world.now().plus(HOUR)});
        assert_eq!(code(store.scheduled.schedule(&world.ctx(&ada), one, of::<NewMessage>(more)).await), "scheduled.limit");
        let list = async |filter: ScheduledFilter| {
            let (mut page, mut ids) = (PageRequest { limit: 1, cursor: None }, Vec::new());
            loop {
                let found = store.scheduled.scheduled(&world.ctx(&ada), filter, page).await.unwrap();
                ids.extend(found.items.iter().map(|scheduled| scheduled.id));
                match found.next_cursor {
                    Some(cursor) => page = PageRequest { limit: 1, cursor: Some(cursor) },
                    None => return ids,
                }
            }
        };
        assert_eq!(list(ScheduledFilter::default()).await, [made[1], made[2], made[0], made[3]]);
        assert_eq!(list(ScheduledFilter { chat: Some(one), status: None }).await, [made[2], made[0]]);
        store.scheduled.cancel_scheduled(&world.ctx(&ada), made[1], None).await.unwrap();
        assert_eq!(list(ScheduledFilter { chat: None, status: Some(ScheduledStatus::Cancelled) }).await, [made[1]]);
        assert_eq!(list(ScheduledFilter { chat: Some(two), status: None }).await, [made[3]]);
    }

    async fn nobody_gathers_more_than_they_could_send(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[]).await.id);
        let (at, second) = (world.now().plus(HOUR), Duration::from_secs(1));
        let write = async |who: &Person, chat: ChatId, seconds: u32| {
            schedule(&world, who, chat, json!({"send_at": at.plus(second * seconds)})).await
        };
        for n in 0..20 {
            write(&ada, chat, n).await.unwrap();
        }
        assert_eq!(code(write(&ada, chat, 59).await), "scheduled.crowded");
        write(&bob, chat, 59).await.unwrap();
        write(&ada, other, 59).await.unwrap();
        let later = write(&ada, chat, 79).await.unwrap();
        let moved = async |seconds: u32| {
            let patch = of::<ScheduledPatch>(json!({"send_at": at.plus(second * seconds)}));
            world.store.scheduled.edit_scheduled(&world.ctx(&ada), later.id, None, patch).await
        };
        assert_eq!(code(moved(59).await), "scheduled.crowded");
        assert_eq!(moved(60).await.unwrap().send_at, at.plus(second * 60), "it does not count against itself");
    }

    async fn what_has_gathered_is_sent_as_fast_as_its_author_could(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let at = world.now().plus(HOUR);
        for n in 0..4 {
            schedule(&world, &ada, chat, json!({"content": n.to_string(), "send_at": at})).await.unwrap();
        }
        schedule(&world, &bob, chat, json!({"content": "bob's", "send_at": at.plus(Duration::from_millis(1))})).await.unwrap();
        let node = world.node_with(|options| options.messaging.set_pace(60.0, 2.0)).await;
        world.wait(HOUR);
        assert_eq!(send_due(&world, &node).await, 5);
        assert_eq!(said(&world, &ada, chat).await, ["0", "1", "bob's"]);
        let sent = node.messaging.send(&world.ctx(&ada), chat, of(json!({"content": "now"}))).await;
        assert!(matches!(sent, Err(clowder_core::Error::TooMany { .. })), "both count: {sent:?}");
        for expected in [&["0", "1", "bob's", "2"][..], &["0", "1", "bob's", "2", "3"]] {
            world.wait(Duration::from_secs(1));
            assert_eq!(send_due(&world, &node).await, 1);
            assert_eq!(said(&world, &ada, chat).await, expected);
        }
    }

    async fn what_a_waiting_message_names_can_be_changed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = world.say(&bob, chat, "a root").await;
        let waiting = schedule(&world, &ada, chat, json!({})).await.unwrap();
        let edited = async |body: Value| {
            let patch = of::<ScheduledPatch>(body);
            world.store.scheduled.edit_scheduled(&world.ctx(&ada), waiting.id, None, patch).await
        };
        let after = edited(json!({"mentions": [bob.id], "reply_to": root.id, "thread_of": root.id})).await.unwrap();
        assert_eq!((after.mentions, after.reply_to, after.thread_of), (vec![bob.id], Some(root.id), Some(root.id)));
        let elsewhere = world.group(&bob, &[]).await.id;
        let unseen = world.say(&bob, elsewhere, "elsewhere").await;
        let refused = edited(json!({"reply_to": unseen.id})).await;
        assert!(matches!(refused, Err(clowder_core::Error::Invalid(_))), "{refused:?}");
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 1);
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::After(root.seq), 50).await.unwrap();
        let sent = &page.items[0];
        assert_eq!(sent.mentions, [bob.id]);
        assert_eq!((sent.reply_to.as_ref().map(|quote| quote.id), sent.thread_of), (Some(root.id), Some(root.id)));
    }

    async fn nothing_is_sent_for_whoever_is_erased(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        schedule(&world, &ada, chat, json!({})).await.unwrap();
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        world.wait(HOUR);
        assert_eq!(send_due(&world, &world.store).await, 0);
        assert_eq!(said(&world, &bob, chat).await, Vec::<String>::new());
    }
}
