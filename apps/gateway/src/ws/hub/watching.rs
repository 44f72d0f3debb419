//! Which sockets watch a topic, such as a large chat that is open on a screen.

use std::{collections::HashMap, sync::Arc};

use clowder_core::{Timestamp, Topic};

use super::super::send_queue::SendQueue;

/// How many topics a socket can watch.
const MOST: usize = 20;

#[derive(Default)]
pub struct Watching {
    /// The sockets of each topic, and until when they watch it.
    of: HashMap<Topic, HashMap<Socket, (Arc<SendQueue>, Timestamp)>>,
    /// What each socket watches; what it named longest ago comes first.
    by: HashMap<Socket, Vec<Topic>>,
}

/// The address of a send queue, which is kept while it is here.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Socket(usize);

impl Socket {
    fn of(queue: &Arc<SendQueue>) -> Self {
        Self(Arc::as_ptr(queue).addr())
    }
}

impl Watching {
    /// From now on a socket watches a topic. Of too many, it forgets what it named longest ago.
    pub fn watch(&mut self, queue: &Arc<SendQueue>, topic: Topic, until: Timestamp) {
        self.unwatch(queue, topic);
        let socket = Socket::of(queue);
        let theirs = self.by.entry(socket).or_default();
        theirs.push(topic);
        let forgotten = (theirs.len() > MOST).then(|| theirs.remove(0));
        if let Some(forgotten) = forgotten {
            self.remove(socket, forgotten);
        }
        self.of.entry(topic).or_default().insert(socket, (Arc::clone(queue), until));
    }

    pub fn unwatch(&mut self, queue: &Arc<SendQueue>, topic: Topic) {
        let socket = Socket::of(queue);
        let Some(theirs) = self.by.get_mut(&socket) else { return };
        theirs.retain(|other| *other != topic);
        if theirs.is_empty() {
            self.by.remove(&socket);
        }
        self.remove(socket, topic);
    }

    /// The socket is gone.
    pub fn forget(&mut self, queue: &Arc<SendQueue>) {
        let socket = Socket::of(queue);
        for topic in self.by.remove(&socket).unwrap_or_default() {
            self.remove(socket, topic);
        }
    }

    /// The sockets that watch a topic at this time.
    pub fn of(&self, topic: Topic, at: Timestamp) -> impl Iterator<Item = &Arc<SendQueue>> {
        let watching = self.of.get(&topic).into_iter().flat_map(HashMap::values);
        watching.filter(move |(_, until)| *until > at).map(|(queue, _)| queue)
    }

    fn remove(&mut self, socket: Socket, topic: Topic) {
        if let Some(sockets) = self.of.get_mut(&topic) {
            sockets.remove(&socket);
            if sockets.is_empty() {
                self.of.remove(&topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clowder_core::{Id, TopicKind, UserId, Via};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    #[test]
    fn a_socket_watches_the_latest_topics_until_their_time_and_leaves_nothing_behind() {
        let mut watching = Watching::default();
        let [ada, bob] =
            [(); 2].map(|()| Arc::new(SendQueue::new(Id::new(NOW), Via::Session(Id::new(NOW)), None, 1024)));
        let chats: [Topic; MOST + 1] = std::array::from_fn(|_| Topic::new(TopicKind::new("a_kind"), UserId::new(NOW)));
        let [until, later] = [60, 90].map(|seconds| NOW.plus(Duration::from_secs(seconds)));
        let of = |watching: &Watching, topic, at| watching.of(topic, at).map(|queue| queue.user).collect::<Vec<_>>();
        for chat in chats {
            watching.watch(&ada, chat, until);
        }
        watching.watch(&bob, chats[1], until);
        assert!(of(&watching, chats[0], NOW).is_empty(), "the one that was named longest ago");
        assert_eq!((of(&watching, chats[1], NOW).len(), of(&watching, chats[2], NOW)), (2, vec![ada.user]));
        // What is named again is the latest.
        watching.watch(&ada, chats[1], later);
        assert_eq!((of(&watching, chats[1], until), of(&watching, chats[2], until)), (vec![ada.user], vec![]));
        watching.watch(&ada, chats[0], until);
        assert_eq!((of(&watching, chats[1], until), of(&watching, chats[2], NOW)), (vec![ada.user], vec![]));
        watching.unwatch(&ada, chats[1]);
        watching.unwatch(&ada, chats[2]);
        assert_eq!(of(&watching, chats[1], NOW), [bob.user]);
        watching.forget(&ada);
        watching.forget(&bob);
        assert!(watching.of.is_empty() && watching.by.is_empty());
    }
}
