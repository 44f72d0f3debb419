//! One connected user: their sockets, and the topics they follow.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clowder_core::{
    Topic, UserId,
    follow::{Following, Step},
};

use super::super::send_queue::SendQueue;

#[derive(Default)]
pub struct Follows {
    queues: Vec<Arc<SendQueue>>,
    topics: Topics,
    /// Whose messages the user hides.
    hidden: Arc<HashSet<UserId>>,
    /// Sockets that are still attaching, which keep this entry alive.
    arriving: usize,
}

enum Topics {
    /// Not loaded yet: the topics entered (after which number) and left in the meantime, and whom the user began to hide or to show, oldest
    /// first.
    Unknown(Vec<(Following, Step)>, Vec<(UserId, bool)>),
    /// And after which number each is followed.
    Known(HashMap<Topic, i64>),
}

impl Default for Topics {
    fn default() -> Self {
        Self::Unknown(Vec::new(), Vec::new())
    }
}

/// What is loaded of a user when their first socket arrives.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The topics that they followed at the position of the shard.
    pub topics: Vec<Following>,
    /// Whose messages they hide, then or later.
    pub hidden: Vec<UserId>,
}

impl Follows {
    /// Registers an attaching socket; returns whether the topics are already known.
    pub fn arrive(&mut self) -> bool {
        self.arriving += 1;
        matches!(self.topics, Topics::Known(_))
    }

    pub fn arrived(&mut self) {
        self.arriving -= 1;
    }

    /// Takes the topics as of the socket's arrival, and the changes since. Returns the topics followed from now on,
    /// unless they were already known.
    pub fn load(&mut self, loaded: Loaded) -> Vec<Following> {
        match &mut self.topics {
            // Another socket of the same user has loaded them first.
            Topics::Known(_) => Vec::new(),
            Topics::Unknown(steps, hides) => {
                let mut known: HashMap<_, _> = loaded.topics.into_iter().map(|it| (it.topic, it.after)).collect();
                for (following, step) in steps.drain(..) {
                    take(&mut known, following, step);
                }
                let mut hidden: HashSet<UserId> = loaded.hidden.into_iter().collect();
                for (other, on) in hides.drain(..) {
                    if on {
                        hidden.insert(other)
                    } else {
                        hidden.remove(&other)
                    };
                }
                self.hidden = Arc::new(hidden);
                self.topics = Topics::Known(known);
                self.following().collect()
            }
        }
    }

    /// Adds or removes a topic; returns whether that changes the known topics.
    pub fn step(&mut self, following: Following, step: Step) -> bool {
        match &mut self.topics {
            Topics::Known(topics) => take(topics, following, step),
            Topics::Unknown(steps, _) => {
                // No socket is attaching, so nobody waits for these topics.
                if self.arriving > 0 {
                    steps.push((following, step));
                }
                false
            }
        }
    }

    /// The user hides somebody's messages from now on, or shows them again.
    pub fn hide(&mut self, other: UserId, on: bool) {
        match &mut self.topics {
            Topics::Known(_) => {
                let hidden = Arc::make_mut(&mut self.hidden);
                if on {
                    hidden.insert(other)
                } else {
                    hidden.remove(&other)
                };
            }
            Topics::Unknown(_, hides) if self.arriving > 0 => hides.push((other, on)),
            Topics::Unknown(..) => {}
        }
    }

    pub fn hidden(&self) -> &Arc<HashSet<UserId>> {
        &self.hidden
    }

    /// Marks the followed topics as unknown, so that they are loaded again.
    pub fn forget(&mut self) {
        self.topics = Topics::default();
    }

    pub fn attach(&mut self, queue: Arc<SendQueue>) {
        self.queues.push(queue);
    }

    pub fn detach(&mut self, queue: &Arc<SendQueue>) {
        self.queues.retain(|other| !Arc::ptr_eq(other, queue));
    }

    pub fn queues(&self) -> impl Iterator<Item = &Arc<SendQueue>> {
        self.queues.iter()
    }

    pub fn has(&self, topic: Topic) -> bool {
        matches!(&self.topics, Topics::Known(topics) if topics.contains_key(&topic))
    }

    pub fn following(&self) -> impl Iterator<Item = Following> {
        match &self.topics {
            Topics::Known(topics) => Some(topics),
            Topics::Unknown(..) => None,
        }
        .into_iter()
        .flatten()
        .map(|(topic, after)| Following { topic: *topic, after: *after })
    }

    pub fn is_gone(&self) -> bool {
        self.queues.is_empty() && self.arriving == 0
    }
}

fn take(topics: &mut HashMap<Topic, i64>, Following { topic, after }: Following, step: Step) -> bool {
    match step {
        Step::Enter => topics.insert(topic, after) != Some(after),
        Step::Leave => topics.remove(&topic).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, TopicKind};

    use super::*;

    fn topics<const N: usize>() -> [Following; N] {
        let topic = || Topic::new(TopicKind::new("chat"), UserId::new(Timestamp::from_micros(1)));
        std::array::from_fn(|_| Following { topic: topic(), after: 0 })
    }

    fn loaded(topics: Vec<Following>) -> Loaded {
        Loaded { topics, hidden: Vec::new() }
    }

    #[test]
    fn whom_the_user_hides_is_loaded_and_kept_up_to_date() {
        let [ada, bob, cem]: [UserId; 3] = std::array::from_fn(|_| UserId::new(Timestamp::from_micros(1)));
        let mut follows = Follows::default();
        follows.hide(ada, true);
        follows.arrive();
        follows.hide(bob, true);
        follows.hide(cem, false);
        assert!(follows.hidden().is_empty());
        follows.load(Loaded { topics: Vec::new(), hidden: vec![ada, cem] });
        assert_eq!(**follows.hidden(), HashSet::from([ada, bob]), "what happened while loading counts");
        follows.hide(ada, false);
        follows.hide(cem, true);
        assert_eq!(**follows.hidden(), HashSet::from([bob, cem]));
    }

    fn sorted(mut topics: Vec<Following>) -> Vec<Following> {
        topics.sort();
        topics
    }

    #[test]
    fn what_happens_while_loading_counts() {
        let [one, two, three] = topics();
        let mut follows = Follows::default();
        assert!(!follows.arrive());
        assert!(!follows.step(two, Step::Enter), "not known yet");
        assert!(!follows.step(three, Step::Leave) && !follows.step(three, Step::Enter) && !follows.has(three.topic));
        assert_eq!(sorted(follows.load(loaded(vec![one, three]))), [one, two, three]);
        assert!(follows.load(loaded(vec![one])).is_empty(), "the second to load brings nothing new");
        assert!(!follows.step(two, Step::Enter), "known already");
        assert!(follows.step(two, Step::Leave) && !follows.step(two, Step::Leave) && !follows.has(two.topic));
        assert!(follows.arrive());
        follows.arrived();
        assert!(!follows.is_gone());
        follows.arrived();
        assert!(follows.is_gone());
    }

    #[test]
    fn what_is_left_while_loading_is_not_followed() {
        let [one, two] = topics();
        let mut follows = Follows::default();
        follows.arrive();
        follows.step(one, Step::Leave);
        follows.step(two, Step::Enter);
        follows.step(two, Step::Leave);
        assert!(follows.load(loaded(vec![one])).is_empty());
    }

    #[test]
    fn after_which_number_counts_as_it_was_said_last() {
        let [one, two] = topics();
        let mut follows = Follows::default();
        follows.arrive();
        let [one_again, two_again] = [Following { after: 7, ..one }, Following { after: 9, ..two }];
        follows.step(one, Step::Leave);
        follows.step(one_again, Step::Enter);
        assert_eq!(sorted(follows.load(loaded(vec![one, two]))), [one_again, two]);
        assert!(follows.step(two_again, Step::Enter) && !follows.step(two_again, Step::Enter));
        assert_eq!(sorted(follows.following().collect()), [one_again, two_again]);
    }

    #[test]
    fn what_is_forgotten_is_loaded_anew() {
        let [one, two] = topics();
        let mut follows = Follows::default();
        follows.arrive();
        follows.load(loaded(vec![one]));
        follows.arrived();
        follows.forget();
        assert!(!follows.step(two, Step::Enter), "nobody is on the way in");
        assert!(!follows.arrive() && !follows.has(one.topic));
        assert_eq!(follows.load(loaded(vec![one])), [one]);
    }
}
