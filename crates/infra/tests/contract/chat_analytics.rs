//! The guarantees of `ChatsAnalytics`: exact once everything is read, whatever was deleted meanwhile.

pub mod domain;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clowder_core::{ChatId, Field, Input, UserId};
use clowder_messaging::{
    Emoji, Message, MessageType, NewMessage, Window,
    chat_analytics::{ChatAnalytics, Day, Period, UtcOffset},
};
use serde_json::json;

use crate::{
    privacy::{system, work},
    readers::read_all,
    stress::{Dice, of},
    world::{Person, World, code, on_both},
};

const HOUR: Duration = Duration::from_secs(3600);

fn period(world: &World, days: i32, zone: &str) -> Period {
    let offset = UtcOffset::parse(zone).unwrap();
    let today = Day::of(world.now(), offset);
    Period { from: today.plus(1 - days), to: today, offset }
}

pub async fn read(world: &World, who: &Person, chat: ChatId, zone: &str) -> ChatAnalytics {
    read_all(&world.store, world).await;
    let period = period(world, 10, zone);
    world.store.chat_analytics.chat_analytics(&world.ctx(who), chat, period).await.unwrap()
}

/// All messages of a chat, counted one by one.
pub async fn counted(world: &World, who: &Person, chat: ChatId, zone: &str) -> ChatAnalytics {
    let period = period(world, 10, zone);
    let (mut messages, mut after): (Vec<Message>, i64) = (Vec::new(), 0);
    loop {
        let page =
            world.store.messaging.messages(&world.ctx(who), chat, Window::After(after), 200).await.unwrap().items;
        let Some(last) = page.last() else { break };
        after = last.seq;
        messages.extend(page);
    }
    let (mut days, mut people) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, BTreeSet<UserId>>::new());
    let (mut hours, mut reactions) = (BTreeMap::<u32, i64>::new(), BTreeMap::<String, i64>::new());
    let mut answers = 0;
    for (index, message) in messages.iter().enumerate() {
        if message.kind == MessageType::System || message.deleted_at.is_some() {
            continue;
        }
        let minutes = message.created_at.as_seconds() / 60 + i64::from(minutes_of(zone));
        let day = Day::of(message.created_at, period.offset).to_string();
        *days.entry(day.clone()).or_default() += 1;
        *hours.entry((minutes / 60 % 24) as u32).or_default() += 1;
        if !message.sender.username.starts_with("deleted-") {
            people.entry(day).or_default().insert(message.sender.id);
        }
        for reacted in &message.reactions {
            *reactions.entry(reacted.emoji.clone()).or_default() += reacted.count;
        }
        let before = index.checked_sub(1).map(|index| &messages[index]);
        answers += i64::from(before.is_some_and(|before| {
            let people = before.kind != MessageType::System && before.sender.id != message.sender.id;
            people && message.created_at.since(before.created_at) <= 24 * HOUR
        }));
    }
    let mut told = world.store.chat_analytics.chat_analytics(&world.ctx(who), chat, period).await.unwrap();
    told.messages = days.values().sum();
    told.people = people.values().flatten().collect::<BTreeSet<_>>().len() as i64;
    for day in &mut told.days {
        day.messages = days.get(&day.day).copied().unwrap_or(0);
        day.people = people.get(&day.day).map_or(0, |people| people.len() as i64);
    }
    for hour in &mut told.hours {
        hour.messages = hours.get(&hour.hour).copied().unwrap_or(0);
    }
    let mut busiest: Vec<_> = hours.into_iter().collect();
    busiest.sort_by_key(|(hour, count)| (-count, *hour));
    told.busiest_hours = busiest.into_iter().take(3).map(|(hour, _)| hour).collect();
    let mut top: Vec<_> = reactions.into_iter().collect();
    top.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
    assert_eq!(told.top_reactions.iter().map(|top| (top.emoji.clone(), top.count)).collect::<Vec<_>>(), top);
    assert_eq!(told.response_time.answers, answers);
    assert_eq!(told.counted_seq, after);
    told
}

fn minutes_of(zone: &str) -> i32 {
    let (sign, rest) = zone.split_at(1);
    let Some((hours, minutes)) = rest.split_once(':') else { return 0 };
    let minutes = hours.parse::<i32>().unwrap() * 60 + minutes.parse::<i32>().unwrap();
    if sign == "-" { -minutes } else { minutes }
}

async fn react(world: &World, who: &Person, message: &Message, emoji: &str, add: bool) {
    let emoji = Emoji::parse(json!(emoji)).unwrap();
    let (ctx, messaging) = (world.ctx(who), &world.store.messaging);
    match add {
        true => messaging.react(&ctx, message.id, emoji).await.map(drop).unwrap(),
        false => messaging.unreact(&ctx, message.id, emoji).await.map(drop).unwrap(),
    }
}

on_both! {
    async fn what_is_counted_is_what_is_there(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let people = [&ada, &bob, &eve];
        let (mut dice, mut said) = (Dice(7), Vec::<(usize, Message)>::new());
        for round in 0..180 {
            world.wait(Duration::from_secs(60 * (1 + dice.below(120) as u64)));
            let who = dice.below(3);
            match dice.below(8) {
                0 if !said.is_empty() => {
                    let (author, message) = said.swap_remove(dice.below(said.len()));
                    world.store.messaging.delete(&world.ctx(people[author]), message.id, None).await.unwrap();
                }
                1 | 2 if !said.is_empty() => {
                    let (_, message) = &said[dice.below(said.len())];
                    react(&world, people[who], message, ["👍", "🦀"][dice.below(2)], dice.below(3) > 0).await;
                }
                3 if round % 5 == 0 => {
                    let title = json!({"title": format!("Lunch {round}")});
                    world.store.chats.edit_chat(&world.ctx(&ada), chat, None, of(title)).await.unwrap();
                }
                _ => said.push((who, world.say(people[who], chat, "hello").await)),
            }
            if dice.below(20) == 0 {
                read_all(&world.store, &world).await;
            }
        }
        for zone in ["+00:00", "+05:30", "-03:45", "+14:00", "-12:00"] {
            assert_eq!(read(&world, &ada, chat, zone).await, counted(&world, &ada, chat, zone).await, "{zone}");
        }
        // Everything that one person wrote goes at once, and is not read in between.
        let purge = json!({"user_id": bob.id, "reason": "a test"});
        world.store.moderation.purge(&world.ctx(&ada), chat, of(purge)).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(read(&world, &ada, chat, "+05:30").await, counted(&world, &ada, chat, "+05:30").await);
    }

    async fn reading_twice_counts_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let other = world.another_node().await;
        for _ in 0..20 {
            world.say(&ada, chat, "hello").await;
            let ctx = system(&world);
            let (_, _) = tokio::join!(world.store.readers.read(&ctx), other.readers.read(&ctx));
        }
        let told = read(&world, &ada, chat, "Z").await;
        assert_eq!((told.messages, told.people, told.counted_seq), (20, 1, 20));
        assert_eq!(told.days.len(), 10);
    }

    async fn only_owners_see_it(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let analytics = &world.store.chat_analytics;
        let asked = period(&world, 1, "Z");
        assert_eq!(code(analytics.chat_analytics(&world.ctx(&bob), chat, asked).await), "chat.forbidden");
        assert_eq!(code(analytics.chat_analytics(&world.ctx(&eve), chat, asked).await), "chat.unknown");
        let new = Input::from_json(json!({"type": "private", "participant_ids": [bob.id]})).unwrap();
        let private = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        assert_eq!(code(analytics.chat_analytics(&world.ctx(&ada), private, asked).await), "chat.private");
        let nothing = analytics.chat_analytics(&world.ctx(&ada), chat, asked).await.unwrap();
        assert_eq!((nothing.messages, nothing.counted_seq, nothing.response_time.mean_seconds), (0, 0, None));
    }

    async fn what_disappears_and_who_is_erased_count_no_more(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&bob, chat, "hello").await;
        let vanishing = of::<NewMessage>(json!({"content": "for a moment", "lifetime": {"seconds": 60}}));
        world.store.messaging.send(&world.ctx(&ada), chat, vanishing).await.unwrap();
        assert_eq!(read(&world, &ada, chat, "Z").await.messages, 2);
        world.wait(HOUR);
        while world.store.lifetimes.expire(&system(&world)).await.unwrap() > 0 {}
        let told = read(&world, &ada, chat, "Z").await;
        assert_eq!((told.messages, told.people), (1, 1));
        // What an erased person wrote stays, and nobody knows any more who that was; what is read later finds nobody.
        world.say(&bob, chat, "not read yet").await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let told = read(&world, &ada, chat, "Z").await;
        assert_eq!((told.messages, told.people), (2, 0));
        assert_eq!(world.meddle("DELETE FROM chat_day_people").unwrap(), 0);
    }

    async fn nothing_is_left_of_a_deleted_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for _ in 0..3 {
            world.say(&ada, chat, "hello").await;
            world.say(&bob, chat, "hello").await;
            world.wait(24 * HOUR);
        }
        assert_eq!(read(&world, &ada, chat, "Z").await.messages, 6);
        // Not read yet when the chat goes.
        world.say(&bob, chat, "the last").await;
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        read_all(&world.store, &world).await;
        let left = |table: &str| world.meddle(&format!("DELETE FROM {table}")).unwrap();
        assert_eq!((left("chat_day_people"), left("chat_days")), (0, 0));
    }

    async fn what_was_sent_before_there_was_a_reader_does_not_count(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let early = world.say(&ada, chat, "early").await;
        read_all(&world.store, &world).await;
        // As an upgrade finds it: the journal has been swept, and nothing is counted.
        world.batch("DELETE FROM chat_day_people; DELETE FROM chat_days;");
        world.say(&bob, chat, "late").await;
        react(&world, &bob, &early, "👍", true).await;
        world.store.messaging.delete(&world.ctx(&ada), early.id, None).await.unwrap();
        let told = read(&world, &ada, chat, "Z").await;
        assert_eq!((told.messages, told.people, told.response_time.answers), (1, 1, 0));
        assert!(told.top_reactions.is_empty());
    }
}
