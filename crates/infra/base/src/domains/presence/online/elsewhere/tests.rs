//! Two nodes in one process, between which messages may be lost.

use clowder_accounts::presence::PresenceNews;
use clowder_core::Id;

use super::{super::Looked, *};

const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn person() -> UserId {
    Id::new(START)
}

/// Some nodes, and the seconds since the start.
struct Nodes<const N: usize> {
    nodes: [Online; N],
    second: u64,
    /// The longest message.
    longest: usize,
}

impl<const N: usize> Nodes<N> {
    fn new() -> Self {
        let nodes = std::array::from_fn(|n| {
            let online = Online::default();
            online.join(Uuid::from_u128(n as u128));
            online
        });
        Self { nodes, second: 0, longest: 0 }
    }

    fn now(&self) -> Timestamp {
        at(self.second)
    }

    /// One second passes, in which each of these is heard by these others.
    fn pass(&mut self, from: &[usize]) {
        self.second += 1;
        for sender in 0..N {
            for message in self.nodes[sender].take_messages(Duration::from_secs(1), self.now()) {
                self.longest = self.longest.max(message.len());
                if from.contains(&sender) {
                    self.deliver(sender, &message);
                }
            }
        }
    }

    fn deliver(&self, sender: usize, message: &str) {
        let others = (0..N).filter(|other| *other != sender);
        others.for_each(|other| self.nodes[other].hear_node(Uuid::from_u128(sender as u128), message, self.now()));
    }

    fn wait(&mut self, seconds: u64, from: &[usize]) {
        (0..seconds).for_each(|_| self.pass(from));
    }

    /// Which nodes see somebody online.
    fn seen(&self, user: UserId) -> [bool; N] {
        self.nodes.each_ref().map(|node| node.has(user))
    }

    fn idle(&self, user: UserId) -> [Option<bool>; N] {
        self.nodes.each_ref().map(|node| node.connected([user]).first().map(|(_, connected)| connected.idle))
    }

    /// All look at whom they have to look at.
    fn look(&self) {
        (0..N).for_each(|node| drop(self.notes(node)));
    }

    /// Whom a node looks at, and what it notes.
    fn notes(&self, node: usize) -> Vec<(UserId, Option<Timestamp>)> {
        let taken = self.nodes[node].take(self.now(), 10_000);
        let notes: Vec<_> = taken.looks().iter().map(|look| (look.user, look.to_note)).collect();
        let looked = |(user, _): &(UserId, _)| Looked {
            news: PresenceNews::hidden(*user),
            friends: [].into(),
            by_all: PresenceNews::hidden(*user),
            watchers: Vec::new(),
            ends_at: None,
            fades_until: None,
        };
        taken.tell(notes.iter().map(looked).collect()).unwrap();
        notes
    }
}

/// Each node still believes that they stay at the other: then both note it, and not neither.
#[test]
fn who_leaves_two_nodes_at_once_is_noted() {
    let mut two = Nodes::<2>::new();
    let ada = person();
    two.nodes.iter().for_each(|node| node.enter(ada, at(0)));
    two.pass(&[0, 1]);
    two.wait(30, &[0, 1]);
    two.notes(0);
    two.notes(1);
    let left_at = two.now();
    two.nodes.iter().for_each(|node| node.leave(ada, left_at));
    two.wait(12, &[0, 1]);
    assert_eq!(two.seen(ada), [false; 2]);
    let noted = [two.notes(0), two.notes(1)].concat();
    assert!(noted.iter().any(|(user, at)| *user == ada && at.is_some_and(|at| at >= left_at)), "{noted:?}");
}

#[test]
fn who_is_anywhere_is_online_everywhere() {
    let mut two = Nodes::<2>::new();
    let ada = person();
    two.nodes[0].enter(ada, two.now());
    two.pass(&[0, 1]);
    assert_eq!(two.seen(ada), [true; 2]);
    assert_eq!(two.nodes[1].connected([ada])[0].1.since, at(0), "since when is the same");
    assert_eq!((two.nodes[0].count(), two.nodes[1].count()), (1, 0));
    assert_eq!(two.notes(1), [(ada, None)], "only the node where they are notes when they were seen");
    // Another device at the other node: the first one closes, and nobody has left.
    two.nodes[1].enter(ada, two.now());
    two.pass(&[0, 1]);
    two.notes(0);
    two.nodes[0].leave(ada, two.now());
    two.wait(30, &[0, 1]);
    assert_eq!(two.seen(ada), [true; 2]);
    assert!(two.notes(0).iter().all(|(_, noted)| noted.is_none()), "the node that they left notes nothing");
    let left_at = two.now();
    two.nodes[1].leave(ada, left_at);
    two.wait(4, &[0, 1]);
    assert_eq!(two.seen(ada), [true; 2]);
    two.wait(2, &[0, 1]);
    assert_eq!(two.seen(ada), [false; 2]);
    assert_eq!((two.notes(1), two.notes(0)), (vec![(ada, Some(left_at))], vec![(ada, None)]));
}

#[test]
fn what_is_lost_is_asked_for_and_a_node_that_starts_learns_everything() {
    let mut two = Nodes::<2>::new();
    let people: Vec<UserId> = (0..1_000).map(|_| person()).collect();
    people.iter().for_each(|user| two.nodes[0].enter(*user, at(0)));
    // Nothing arrives of what the first node says.
    two.wait(3, &[1]);
    assert_eq!(two.nodes[1].among(people.iter().copied()).len(), 0);
    two.wait(5, &[0, 1]);
    assert_eq!(two.nodes[1].among(people.iter().copied()).len(), 1_000);
    // The news that half of them have gone is lost.
    people[..500].iter().for_each(|user| two.nodes[0].leave(*user, two.now()));
    two.wait(1, &[1]);
    two.wait(16, &[0, 1]);
    assert_eq!(two.nodes[1].among(people.iter().copied()).len(), 500);
    assert!(two.longest < 7_700, "a notification of PostgreSQL holds it: {}", two.longest);
}

#[test]
fn large_nodes_tell_everything_in_bounded_pieces() {
    let two = Nodes::<2>::new();
    for _ in 0..20_000 {
        two.nodes[0].enter(person(), at(0));
    }
    let mut said = 0;
    while said < 200 {
        let messages = two.nodes[0].take_messages(Duration::ZERO, at(1));
        assert!(!messages.is_empty() && messages.len() <= AT_ONCE, "{}", messages.len());
        messages.iter().for_each(|message| two.deliver(0, message));
        said += messages.len();
    }
    let there = two.nodes[1].lock().people.len();
    assert_eq!((there, two.nodes[0].take_messages(Duration::ZERO, at(1)).len()), (20_000, 0));
}

#[test]
fn the_people_of_a_dead_node_leave_and_one_of_the_others_notes_it() {
    let mut three = Nodes::<3>::new();
    let [ada, bob] = [person(), person()];
    three.nodes[2].enter(ada, three.now());
    three.nodes[2].enter(bob, three.now());
    three.nodes[0].enter(bob, three.now());
    three.wait(3, &[0, 1, 2]);
    three.look();
    three.wait(9, &[0, 1]);
    assert_eq!(three.seen(ada), [true; 3], "its lease goes on");
    three.wait(4, &[0, 1]);
    let seen = (three.seen(ada), three.seen(bob));
    assert_eq!(seen, ([false, false, true], [true; 3]), "nobody waits again after the lease");
    let noted = |node| three.notes(node).into_iter().filter(|(user, at)| *user == ada && at.is_some()).count();
    assert_eq!((noted(0), noted(1)), (1, 0));
    // It was only cut off.
    three.wait(5, &[0, 1, 2]);
    assert_eq!(three.seen(ada), [true; 3]);
}

/// Her page was only reloaded, while the lease of another node ends at which she was, too.
#[test]
fn who_has_just_left_a_node_that_lives_has_the_usual_time_to_come_back() {
    let mut three = Nodes::<3>::new();
    let [ada, bob] = [person(), person()];
    for node in [1, 2] {
        three.nodes[node].enter(ada, three.now());
        three.nodes[node].enter(bob, three.now());
    }
    three.wait(3, &[0, 1, 2]);
    three.look();
    three.wait(4, &[0, 1]);
    three.nodes[1].leave(bob, three.now());
    three.wait(6, &[0, 1]);
    three.nodes[1].leave(ada, three.now());
    three.wait(3, &[0, 1]);
    assert_eq!((three.seen(ada), three.seen(bob)), ([true; 3], [false, false, true]));
    three.nodes[1].enter(ada, three.now());
    three.wait(9, &[0, 1]);
    assert_eq!(three.seen(ada), [true; 3]);
}

#[test]
fn a_node_without_others_keeps_its_own_people_and_exchanges_them_later() {
    let mut two = Nodes::<2>::new();
    let [ada, bob] = [person(), person()];
    two.nodes[0].enter(ada, two.now());
    two.nodes[1].enter(bob, two.now());
    two.wait(3, &[0, 1]);
    assert_eq!((two.seen(ada), two.seen(bob)), ([true; 2], [true; 2]));
    two.wait(40, &[]);
    assert_eq!((two.seen(ada), two.seen(bob)), ([true, false], [false, true]));
    two.wait(6, &[0, 1]);
    assert_eq!((two.seen(ada), two.seen(bob)), ([true; 2], [true; 2]));
}

#[test]
fn a_node_that_stops_says_so() {
    let mut two = Nodes::<2>::new();
    let [ada, bob] = [person(), person()];
    two.nodes[0].enter(ada, two.now());
    two.nodes[0].enter(bob, two.now());
    two.nodes[1].enter(bob, two.now());
    two.wait(3, &[0, 1]);
    two.look();
    let stopped = two.now();
    two.nodes[0].all_leave(stopped);
    let bye = two.nodes[0].bye().unwrap();
    two.deliver(0, &bye);
    let noted = two.notes(0);
    assert!(noted.contains(&(ada, Some(stopped))) && noted.iter().all(|(user, _)| *user != bob), "{noted:?}");
    two.wait(4, &[1]);
    assert_eq!((two.nodes[1].has(ada), two.nodes[1].has(bob)), (true, true), "they may be at this node at once");
    two.wait(2, &[1]);
    assert_eq!((two.nodes[1].has(ada), two.nodes[1].has(bob)), (false, true));
}

#[test]
fn who_does_nothing_anywhere_is_idle_until_they_do_something_anywhere() {
    let mut two = Nodes::<2>::new();
    two.nodes.iter().for_each(|node| node.idle_after(Duration::from_secs(60)));
    let ada = person();
    two.nodes[0].enter(ada, two.now());
    two.pass(&[0, 1]);
    two.look();
    two.wait(58, &[0, 1]);
    assert_eq!(two.idle(ada), [Some(false); 2]);
    two.wait(3, &[0, 1]);
    assert_eq!(two.idle(ada), [Some(true); 2]);
    two.look();
    // A call at a node without a socket of theirs.
    two.nodes[1].acts(ada, two.now());
    two.wait(2, &[0, 1]);
    assert_eq!(two.idle(ada), [Some(false); 2]);
    two.look();
    // Two devices, of which one is used.
    two.nodes[1].enter(ada, two.now());
    for _ in 0..12 {
        two.wait(10, &[0, 1]);
        two.nodes[1].acts(ada, two.now());
    }
    assert_eq!(two.idle(ada), [Some(false); 2]);
    two.nodes[1].leave(ada, two.now());
    two.wait(2, &[0, 1]);
    assert_eq!(two.idle(ada), [Some(true); 2], "the other device is not used");
    assert!(two.notes(0).iter().any(|(user, _)| *user == ada), "friends hear of it");
}

#[test]
fn what_cannot_be_read_is_ignored() {
    let two = Nodes::<2>::new();
    let wrong = [
        "",
        "{}",
        "null",
        r#"{"beat":{}}"#,
        r#"{"changes":{"here":[["x",1,false]],"gone":[]}}"#,
        r#"{"part":{"after":"B","until":"A","here":[]}}"#,
        r#"{"changes":{"here":[["A",-9223372036854775808,true]],"gone":["A"]}}"#,
        r#"{"changes":{"here":[],"gone":["A"]}}"#,
        r#"{"later":{"version":2}}"#,
    ];
    let [a, b] = ['0', 'f'].map(|last| format!("01993c4e-7a2b-7c31-9a51-3f0c8a8f2d1{last}"));
    let wrong = wrong.map(|message| message.replace('A', &a).replace('B', &b));
    wrong.iter().for_each(|message| two.deliver(0, message));
    for node in 0..2 * NODES {
        two.nodes[1].hear_node(Uuid::from_u128(node as u128 + 10), r#"{"acts":{"people":[]}}"#, at(0));
    }
    assert!(two.nodes[1].lock().elsewhere.nodes.len() <= NODES);
}
