//! Who comes and goes, and when friends are told.

use clowder_core::Presence;

use super::*;

const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn person() -> UserId {
    Id::new(START)
}

fn sees(user: UserId, status: Presence, text: &str, friends: &[UserId]) -> Looked {
    let text = Some(text.to_owned());
    let news = PresenceNews { user_id: user, status: Some(status), text, until: None, last_seen_at: None };
    let by_all = news.clone();
    Looked { news, friends: friends.into(), by_all, watchers: Vec::new(), ends_at: None, fades_until: None }
}

/// Looks at everybody by now, who are all seen like this. Returns whom was looked at, and what is told.
fn look(online: &Online, now: Timestamp, seen: impl Fn(UserId) -> Looked) -> (Vec<UserId>, Vec<&'static str>) {
    let taken = online.take(now, 10);
    let users: Vec<UserId> = taken.looks().iter().map(|look| look.user).collect();
    taken.tell(users.iter().map(|user| seen(*user)).collect()).unwrap();
    (users, online.news().into_iter().map(|told| told.name).collect())
}

#[test]
fn who_is_back_at_once_was_never_away() {
    let (online, [ada, bob]) = (Online::default(), [person(), person()]);
    let there = |user| sees(user, Presence::Online, "", &[bob]);
    online.enter(ada, at(0));
    online.enter(ada, at(0));
    assert_eq!(look(&online, at(0), there), (vec![ada], vec!["user.online"]));
    online.leave(ada, at(1));
    assert!(online.take(at(60), 10).looks().is_empty(), "another socket is open");
    online.leave(ada, at(60));
    assert!(online.has(ada));
    online.enter(ada, at(64));
    assert!(online.take(at(200), 10).looks().is_empty() && online.connected([ada])[0].1.since == at(0));
    online.leave(ada, at(200));
    assert!(online.take(at(204), 10).looks().is_empty());
    let taken = online.take(at(205), 10);
    assert_eq!((taken.looks()[0].to_note, taken.looks()[0].since), (Some(at(200)), at(0)), "when the socket closed");
    assert!(!online.has(ada) && online.count() == 0);
}

#[test]
fn the_latest_state_is_told_after_a_rest_and_what_fails_comes_again() {
    let (online, [ada, bob]) = (Online::default(), [person(), person()]);
    online.idle_after(Duration::from_secs(86_400));
    online.enter(ada, at(0));
    drop(online.take(at(0), 10));
    assert!(online.take(at(0), 10).looks().is_empty(), "not at once");
    let there = |user| sees(user, Presence::Online, "", &[bob]);
    assert_eq!(look(&online, at(1), there), (vec![ada], vec!["user.online"]));
    let text = |text: &'static str| move |user| sees(user, Presence::Online, text, &[bob]);
    online.missed(at(2));
    online.missed(at(3));
    assert!(look(&online, at(5), text("one")).0.is_empty(), "friends rest");
    assert_eq!(look(&online, at(6), text("two")).1, ["user.status"]);
    online.missed(at(12));
    assert_eq!(look(&online, at(12), text("two")), (vec![ada], vec![]), "nothing else is seen");
    assert!(online.take(at(10_000), 10).looks().is_empty(), "and nobody is looked at who does nothing");
}

#[test]
fn what_changes_during_a_look_is_looked_at_again() {
    let (online, [ada, bob, cem]) = (Online::default(), [person(), person(), person()]);
    online.enter(ada, at(0));
    let taken = online.take(at(0), 10);
    online.missed(at(0));
    online.part(ada, cem, at(0));
    assert!(online.take(at(0), 10).looks().is_empty(), "by one at a time");
    taken.tell(vec![sees(ada, Presence::Online, "", &[bob, cem])]).unwrap();
    let told = online.news();
    assert_eq!((told.len(), &*told[0].to), (1, &[bob][..]), "who has parted meanwhile hears nothing");
    assert_eq!(online.take(at(5), 10).looks().len(), 1);
}

#[test]
fn who_goes_and_comes_back_during_the_rest_is_told_after_it() {
    let (online, [ada, bob]) = (Online::default(), [person(), person()]);
    let there = |user| sees(user, Presence::Online, "", &[bob]);
    let away = |user| sees(user, Presence::Offline, "", &[bob]);
    online.enter(ada, at(0));
    look(&online, at(0), there);
    online.leave(ada, at(1));
    assert_eq!(look(&online, at(6), away).1, ["user.offline"]);
    online.enter(ada, at(7));
    assert!(look(&online, at(10), there).0.is_empty());
    assert_eq!(look(&online, at(11), there).1, ["user.online"]);
    online.leave(ada, at(12));
    look(&online, at(17), away);
    online.take(at(40), 10);
    let state = online.lock();
    assert!(state.people.is_empty() && state.later.is_empty() && state.waiting.is_empty(), "nothing is kept");
}

#[test]
fn another_friend_hears_what_the_others_know_and_a_former_one_that_there_is_no_more() {
    let (online, [ada, bob, cem]) = (Online::default(), [person(), person(), person()]);
    online.enter(ada, at(0));
    look(&online, at(0), |user| sees(user, Presence::Busy, "", &[bob]));
    online.mark(ada, at(9), |person| {
        person.dirty = true;
        person.befriends(cem);
    });
    let taken = online.take(at(9), 10);
    taken.tell(vec![sees(ada, Presence::Busy, "", &[bob, cem])]).unwrap();
    let told = online.news();
    assert_eq!((told.len(), told[0].name, &*told[0].to), (1, "user.online", &[cem][..]));
    online.part(ada, bob, at(9));
    let told = online.news();
    assert_eq!((told.len(), told[0].name, &*told[0].to), (1, "user.offline", &[bob][..]));
    assert!(told[0].data.get().contains(r#""status":null"#), "{}", told[0].data);
}

#[test]
fn what_ends_by_itself_is_looked_at_then() {
    let (online, [ada, bob]) = (Online::default(), [person(), person()]);
    online.idle_after(Duration::from_secs(86_400));
    online.enter(ada, at(0));
    let busy = |user| Looked { ends_at: Some(at(3600)), ..sees(user, Presence::Busy, "", &[bob]) };
    look(&online, at(0), busy);
    assert!(online.take(at(3599), 10).looks().is_empty());
    assert_eq!(look(&online, at(3600), |user| sees(user, Presence::Online, "", &[bob])).1, ["user.status"]);
}

#[test]
fn who_becomes_invisible_goes_like_somebody_who_disconnects() {
    let told = |fades: bool| {
        let (online, [ada, bob]) = (Online::default(), [person(), person()]);
        online.enter(ada, at(0));
        look(&online, at(0), |user| sees(user, Presence::Online, "", &[bob]));
        if fades {
            online.missed(at(20));
        } else {
            online.leave(ada, at(20));
        }
        let mut told = Vec::new();
        for second in 20..40 {
            // Whatever they change meanwhile, and if they leave as well.
            online.missed(at(second));
            if second == 23 && fades {
                online.leave(ada, at(23));
            }
            let fading = Looked { fades_until: Some(at(25)), ..sees(ada, Presence::Online, "other", &[bob]) };
            let gone = sees(ada, Presence::Offline, "", &[bob]);
            let seen = |_| if fades && second < 25 { fading.clone() } else { gone.clone() };
            told.extend(look(&online, at(second), seen).1.into_iter().map(|name| (second, name)));
        }
        told
    };
    assert_eq!(told(true), [(25, "user.offline")]);
    assert_eq!(told(false), told(true));
}

#[test]
fn after_a_clock_was_ahead_nobody_waits_for_it() {
    let (online, ada) = (Online::default(), person());
    online.enter(ada, at(10_000));
    online.leave(ada, at(10_000));
    assert!(online.take(at(5), 10).looks().is_empty() && online.has(ada));
    let taken = online.take(at(10), 10);
    assert_eq!((taken.looks()[0].user, taken.looks()[0].to_note), (ada, Some(at(5))));
}

#[test]
fn all_leave_at_once_when_the_process_stops() {
    let (online, ada) = (Online::default(), person());
    online.enter(ada, at(0));
    look(&online, at(0), |user| sees(user, Presence::Online, "", &[]));
    online.all_leave(at(1));
    assert_eq!(online.take(at(1), 10).looks()[0].to_note, Some(at(1)));
    assert!(!online.has(ada));
}

#[test]
fn who_watches_somebody_hears_of_them_what_all_see_as_often_as_friends() {
    let (online, [ada, bob, cem]) = (Online::default(), [person(), person(), person()]);
    assert_eq!(online.watch(cem, &[ada], at(0)), at(900));
    online.enter(ada, at(0));
    let look = |second, hidden: bool, text: &'static str| {
        let taken = online.take(at(second), 10);
        let looked = taken.looks().iter().map(|look| {
            let seen = sees(ada, Presence::Online, text, &[bob]);
            let by_all = if hidden { PresenceNews::hidden(ada) } else { seen.by_all.clone() };
            Looked { by_all, watchers: look.watchers.clone(), ..seen }
        });
        let looked = looked.collect();
        taken.tell(looked).unwrap();
        let told = online.news().into_iter().map(|told| (told.to.to_vec(), told.name, told.watched));
        told.collect::<Vec<_>>()
    };
    assert_eq!(look(0, false, ""), [(vec![bob], "user.online", None), (vec![cem], "user.online", Some(ada))]);
    online.missed(at(1));
    assert_eq!(look(4, false, "x"), [], "they rest");
    assert_eq!(look(5, false, "x"), [(vec![bob], "user.status", None), (vec![cem], "user.status", Some(ada))]);
    online.missed(at(20));
    assert_eq!(look(20, true, "x"), [(vec![cem], "user.offline", Some(ada))], "others see it no longer");
    online.missed(at(30));
    assert_eq!(look(30, false, "x"), [(vec![cem], "user.online", Some(ada))]);
    online.change(at(31), |state| state.block(ada, cem, at(31)));
    let told = online.news();
    assert_eq!((told.len(), told[0].name, &*told[0].to), (1, "user.offline", &[cem][..]));
    online.watch(cem, &[bob], at(899));
    online.missed(at(901));
    assert_eq!(look(901, false, "y"), [(vec![bob], "user.status", None)], "it is over");
    online.watches_nobody(cem);
    online.missed(at(910));
    assert_eq!(look(910, false, "z").len(), 1);
}

#[test]
fn of_too_many_those_are_forgotten_who_were_named_longest_ago() {
    let (online, [ada, bob]) = (Online::default(), [person(), person()]);
    let people: Vec<UserId> = (0..watched::MOST_NAMED + 300).map(|_| person()).collect();
    let watches = |user, second| online.lock().watched.of(user, at(second)).contains(&ada);
    let nobody = |_| false;
    // Of whom one hears anyway, however many, does not count.
    online.watch_always(ada, &people[..100]);
    for (second, some) in people[100..].chunks(200).enumerate() {
        online.watch(ada, some, at(second as u64));
        online.unwatch(ada, &[], nobody, at(second as u64));
    }
    let forgotten = people.iter().filter(|user| !watches(**user, 60)).count();
    assert_eq!(forgotten, 200);
    assert!(people[100..300].iter().all(|user| !watches(*user, 60)), "the first of those who were named");
    // People whom one does not see take nobody's place.
    let unseen: Vec<UserId> = (0..200).map(|_| person()).collect();
    online.watch(ada, &unseen, at(60));
    online.unwatch(ada, &unseen, nobody, at(60));
    assert!(watches(people[300], 60) && unseen.iter().all(|user| !watches(*user, 60)));
    // Whoever is named again is the latest.
    online.watch(ada, &people[300..301], at(61));
    online.watch(ada, &[bob], at(62));
    online.unwatch(ada, &[], nobody, at(62));
    assert!(watches(people[300], 62) && watches(bob, 62) && !(301..500).all(|number| watches(people[number], 62)));
    // Another socket still watches.
    online.unwatch(ada, &[bob], |user| user == bob, at(63));
    assert!(watches(bob, 63));
    online.unwatch(ada, &[bob, people[0]], nobody, at(63));
    assert!(!watches(bob, 63) && watches(people[0], 63), "they are still heard of unasked");
    online.watch(ada, &[bob], at(2_000));
    let watched = &online.lock().watched;
    assert!(watched.of(people[301], at(0)).is_empty(), "what is over takes no memory");
}

#[test]
fn partners_hear_of_somebody_over_all_their_sockets_and_once() {
    let (online, [ada, bob, cem]) = (Online::default(), [person(), person(), person()]);
    online.watch(bob, &[ada], at(0));
    online.watch_always(bob, &[ada]);
    online.watch(bob, &[ada], at(0));
    online.watch(cem, &[ada], at(0));
    let look = |second, text: &'static str| {
        let taken = online.take(at(second), 10);
        let looked = taken.looks().iter().map(|look| {
            let mut watchers = look.watchers.clone();
            watchers.sort_by_key(|watcher| *watcher != bob);
            Looked { watchers, ..sees(ada, Presence::Online, text, &[]) }
        });
        let looked = looked.collect();
        taken.tell(looked).unwrap();
        online.news().into_iter().map(|told| (told.to.to_vec(), told.name, told.watched)).collect::<Vec<_>>()
    };
    online.enter(ada, at(0));
    assert_eq!(look(0, ""), [(vec![bob], "user.online", None), (vec![cem], "user.online", Some(ada))]);
    online.missed(at(1_000));
    assert_eq!(look(1_000, "x"), [(vec![bob], "user.status", None)], "without an end");
    online.change(at(1_001), |state| state.block(ada, bob, at(1_001)));
    let told = online.news();
    assert_eq!((told.len(), told[0].name, told[0].watched), (1, "user.offline", None));
    online.watches_nobody(bob);
    online.missed(at(1_010));
    assert!(look(1_010, "y").is_empty());
    let watched = &online.lock().watched;
    assert!(watched.of(ada, at(1_010)).is_empty());
}
