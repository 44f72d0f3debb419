//! Who is connected to this process, who has just come or gone, and what their friends have yet to hear of it.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clowder_accounts::presence::{LINGER, Turn};
use clowder_core::{Timestamp, UserId};
use serde_json::value::RawValue;
use tokio::sync::Notify;

/// Shared by the store, which knows who may see whom, and by the gateway, which has the sockets.
#[derive(Default)]
pub struct Online {
    state: Mutex<State>,
    /// Somebody came.
    came: Notify,
    /// There is news.
    told: Notify,
}

#[derive(Default)]
struct State {
    here: HashMap<UserId, Here>,
    /// Who came or went since the last look, in this order.
    turns: Vec<Turn>,
    news: Vec<Told>,
    /// The process stops: whoever is here leaves.
    ending: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Here {
    sockets: usize,
    /// When the last socket closed.
    left_at: Option<Timestamp>,
}

/// What some people hear about another.
#[derive(Debug, Clone)]
pub struct Told {
    pub to: Arc<[UserId]>,
    pub name: &'static str,
    pub at: Timestamp,
    pub data: Arc<RawValue>,
}

impl Online {
    /// A socket of this person has opened.
    pub fn enter(&self, user: UserId, now: Timestamp) {
        let mut state = self.lock();
        let came = !state.here.contains_key(&user);
        let here = state.here.entry(user).or_default();
        here.sockets += 1;
        here.left_at = None;
        if came {
            state.turns.push(Turn { user, came, at: now });
            self.came.notify_one();
        }
    }

    /// A socket of this person has closed. They count as online for a while yet, because they may be back at once.
    pub fn leave(&self, user: UserId, now: Timestamp) {
        let mut state = self.lock();
        let Some(here) = state.here.get_mut(&user) else { return };
        here.sockets = here.sockets.saturating_sub(1);
        if here.sockets == 0 {
            here.left_at = Some(now);
        }
    }

    pub fn has(&self, user: UserId) -> bool {
        self.lock().here.contains_key(&user)
    }

    /// Those of these people who are online, in the same order.
    pub fn among(&self, people: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let state = self.lock();
        people.into_iter().filter(|user| state.here.contains_key(user)).collect()
    }

    pub fn count(&self) -> usize {
        self.lock().here.len()
    }

    /// Who came or went and has not been taken yet, the earliest first; nobody is among them twice. Whoever is away for
    /// longer than [`LINGER`] goes now.
    pub fn turns(&self, now: Timestamp) -> Vec<Turn> {
        let mut state = self.lock();
        let ending = state.ending;
        // After a clock was ahead, what lies far in the future is over.
        let over = |at: Timestamp| ending || at > now.plus(LINGER) || at.plus(LINGER) <= now;
        let gone: Vec<(UserId, Timestamp)> = state
            .here
            .iter()
            .filter_map(|(user, here)| here.left_at.filter(|at| over(*at)).map(|at| (*user, at.min(now))))
            .collect();
        for (user, at) in gone {
            state.here.remove(&user);
            state.turns.push(Turn { user, came: false, at });
        }
        latest(mem::take(&mut state.turns))
    }

    /// What was taken could not be worked on: it comes again, unless something later has come.
    pub fn put_back(&self, turns: Vec<Turn>) {
        let mut state = self.lock();
        let later = mem::replace(&mut state.turns, turns);
        state.turns.extend(later);
    }

    /// Everybody leaves, because the process stops.
    pub fn all_leave(&self, now: Timestamp) {
        let mut state = self.lock();
        state.ending = true;
        for here in state.here.values_mut() {
            here.left_at.get_or_insert(now);
        }
    }

    /// Some people are to hear this.
    pub fn tell(&self, told: Told) {
        if !told.to.is_empty() {
            self.lock().news.push(told);
            self.told.notify_one();
        }
    }

    /// What is to be sent now, the earliest first.
    pub fn news(&self) -> Vec<Told> {
        mem::take(&mut self.lock().news)
    }

    pub async fn somebody_came(&self) {
        self.came.notified().await;
    }

    pub async fn somebody_is_told(&self) {
        self.told.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of several turns of one person, only the last matters.
fn latest(turns: Vec<Turn>) -> Vec<Turn> {
    let mut last: HashMap<UserId, usize> = HashMap::new();
    for (at, turn) in turns.iter().enumerate() {
        last.insert(turn.user, at);
    }
    let turns = turns.into_iter().enumerate().filter(|(at, turn)| last.get(&turn.user) == Some(at));
    turns.map(|(_, turn)| turn).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clowder_core::Id;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn person() -> UserId {
        Id::new(START)
    }

    #[test]
    fn who_is_back_at_once_was_never_away() {
        let (online, ada) = (Online::default(), person());
        online.enter(ada, at(0));
        online.enter(ada, at(0));
        assert_eq!(online.turns(at(0)), [Turn { user: ada, came: true, at: at(0) }]);
        online.leave(ada, at(1));
        assert!(online.turns(at(60)).is_empty(), "another socket is open");
        online.leave(ada, at(60));
        assert!(online.has(ada));
        online.enter(ada, at(69));
        assert!(online.turns(at(200)).is_empty());
        online.leave(ada, at(200));
        assert!(online.turns(at(209)).is_empty());
        assert_eq!(
            online.turns(at(210)),
            [Turn { user: ada, came: false, at: at(200) }],
            "gone when the socket closed"
        );
        assert!(!online.has(ada) && online.count() == 0);
    }

    #[test]
    fn of_several_turns_the_last_counts_and_what_fails_comes_again() {
        let (online, [ada, bob]) = (Online::default(), [person(), person()]);
        online.enter(ada, at(0));
        online.enter(bob, at(0));
        let taken = online.turns(at(0));
        online.leave(ada, at(1));
        assert_eq!(online.among([bob, ada, person()]), [bob, ada]);
        online.put_back(taken);
        let turns = online.turns(at(20));
        assert_eq!(turns, [Turn { user: bob, came: true, at: at(0) }, Turn { user: ada, came: false, at: at(1) }]);
    }

    #[test]
    fn who_left_by_a_clock_that_was_ahead_is_gone() {
        let (online, ada) = (Online::default(), person());
        online.enter(ada, at(0));
        online.leave(ada, at(10_000));
        let turns = online.turns(at(5));
        assert_eq!(turns, [Turn { user: ada, came: false, at: at(5) }]);
    }

    #[test]
    fn all_leave_at_once_when_the_process_stops() {
        let (online, ada) = (Online::default(), person());
        online.enter(ada, at(0));
        online.turns(at(0));
        online.all_leave(at(30));
        assert_eq!(online.turns(at(30)), [Turn { user: ada, came: false, at: at(30) }]);
    }
}
