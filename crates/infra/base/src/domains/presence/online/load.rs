//! What it costs that many people with many friends change all the time, without the database: how often they are
//! looked at, how many frames that makes, and what goes between two nodes. `cargo test --release -p clowder-infra-base
//! ten_thousand_people -- --nocapture` prints the figures.

use std::time::Instant;

use clowder_core::Presence;
use uuid::Uuid;

use super::*;

const PEOPLE: usize = 10_000;
const FRIENDS: usize = 200;
const SECONDS: u64 = 20;
const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// What the first node tells the other. Returns how many octets that is.
fn exchange(here: &Online, there: &Online, passed: Duration, now: Timestamp) -> usize {
    let messages = here.take_messages(passed, now);
    messages.iter().for_each(|message| there.hear_node(Uuid::from_u128(1), message, now));
    messages.iter().map(String::len).sum()
}

#[test]
fn ten_thousand_people_with_two_hundred_friends_who_change_every_second() {
    let people: Vec<UserId> = (0..PEOPLE).map(|_| Id::new(START)).collect();
    let friends = |n: usize| (1..=FRIENDS).map(|step| people[(n + step) % PEOPLE]).collect::<Arc<[UserId]>>();
    let friends: HashMap<UserId, Arc<[UserId]>> =
        people.iter().enumerate().map(|(n, user)| (*user, friends(n))).collect();
    let [here, there] = [1, 2].map(|name| {
        let online = Online::default();
        online.join(Uuid::from_u128(name));
        online
    });

    let begun = Instant::now();
    people.iter().for_each(|user| here.enter(*user, at(0)));
    let mut octets = 0;
    for _ in 0..5 {
        octets += exchange(&here, &there, Duration::from_millis(200), at(0));
    }
    let came = begun.elapsed();
    assert_eq!(there.among(people.iter().copied()).len(), PEOPLE, "after a second the other node knows all");

    let statuses = [Presence::Online, Presence::Busy, Presence::Away];
    let (mut looks, mut told, mut frames, mut beats) = (0, HashMap::<UserId, usize>::new(), 0, 0);
    let begun = Instant::now();
    for second in 1..=SECONDS {
        let now = at(second);
        here.missed(now);
        beats += exchange(&here, &there, Duration::from_secs(1), now);
        loop {
            let taken = here.take(now, 20);
            if taken.looks().is_empty() {
                break;
            }
            looks += taken.looks().len();
            let looked = taken.looks().iter().map(|look| {
                let status = Some(statuses[second as usize % statuses.len()]);
                let news = PresenceNews { status, ..PresenceNews::hidden(look.user) };
                let (friends, by_all) = (Arc::clone(&friends[&look.user]), news.clone());
                Looked { news, friends, by_all, watchers: Vec::new(), ends_at: None, fades_until: None }
            });
            let looked = looked.collect();
            taken.tell(looked).unwrap();
            for news in here.news() {
                frames += news.to.len();
                let seen: PresenceNews = serde_json::from_str(news.data.get()).unwrap();
                *told.entry(seen.user_id).or_default() += 1;
            }
        }
    }
    let took = begun.elapsed();
    let each = octets / PEOPLE;
    println!(
        "{PEOPLE} people with {FRIENDS} friends each: coming {came:.1?} and {octets} octets between nodes ({each} a \
         person); {SECONDS} s of changes every second: {looks} looks, {frames} frames, {took:.1?}, {beats} octets",
    );
    let most = SECONDS as usize / 5;
    assert!(told.values().all(|times| *times <= most), "at most every 5 seconds, however often they change");
    assert!(looks <= PEOPLE * most && frames <= PEOPLE * most * FRIENDS);
    assert!(beats < 2_000, "what is no coming or going is not told to other nodes: {beats}");
}
