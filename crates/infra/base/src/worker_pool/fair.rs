//! A queue in which callers take turns: a caller with many jobs waits for itself and delays nobody else. With a single
//! caller it is first come, first served.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clowder_core::{ApiKeyId, UserId};

tokio::task_local! {
    static CALLER: Caller;
}

/// Whom a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// This process itself, or many callers together.
    Server,
    User(UserId),
    Program(ApiKeyId),
    /// An unauthenticated client at this address.
    Address(IpAddr),
}

impl Caller {
    /// The caller of the current task. Spawned tasks count as the server's unless they say otherwise.
    pub fn current() -> Self {
        CALLER.try_with(|caller| *caller).unwrap_or(Self::Server)
    }

    /// Runs something whose queued jobs count as this caller's.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CALLER.scope(self, work).await
    }
}

/// A queue with this maximum length.
pub fn queue<J>(depth: usize) -> (Sender<J>, Receiver<J>) {
    let queue = Arc::new(Mutex::new(FairQueue::new(depth)));
    // One for each job: so whoever takes from the queue can wait, and notices when all senders are gone.
    let (told, news) = flume::unbounded();
    (Sender { queue: Arc::clone(&queue), told }, Receiver { queue, news })
}

/// Refused because the queue is full.
#[derive(Debug)]
pub struct Full<J>(pub J);

pub struct Sender<J> {
    queue: Arc<Mutex<FairQueue<J>>>,
    told: flume::Sender<()>,
}

/// A handle that does not keep the queue open.
pub struct WeakSender<J> {
    queue: Arc<Mutex<FairQueue<J>>>,
    told: flume::WeakSender<()>,
}

pub struct Receiver<J> {
    queue: Arc<Mutex<FairQueue<J>>>,
    news: flume::Receiver<()>,
}

impl<J> Sender<J> {
    /// Returns the job if there is no room for it, or nobody to take it.
    pub fn send(&self, caller: Caller, job: J) -> Result<(), Full<J>> {
        let mut queue = lock(&self.queue);
        if self.told.is_disconnected() {
            return Err(Full(job));
        }
        queue.push(caller, job)?;
        // If the last receiver has left just now, the job is dropped with the queue.
        let _ = self.told.send(());
        Ok(())
    }

    pub fn waiting(&self) -> usize {
        lock(&self.queue).waiting
    }

    pub fn downgrade(&self) -> WeakSender<J> {
        WeakSender { queue: Arc::clone(&self.queue), told: self.told.downgrade() }
    }
}

impl<J> Clone for Sender<J> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), told: self.told.clone() }
    }
}

impl<J> WeakSender<J> {
    /// `None` if the queue has been closed.
    pub fn upgrade(&self) -> Option<Sender<J>> {
        Some(Sender { queue: Arc::clone(&self.queue), told: self.told.upgrade()? })
    }
}

impl<J> Receiver<J> {
    /// Waits for a job and its caller; `None` if the queue is closed and empty.
    pub fn recv(&self) -> Option<(Caller, J)> {
        loop {
            self.news.recv().ok()?;
            let next = lock(&self.queue).pop();
            if next.is_some() {
                return next;
            }
        }
    }
}

impl<J> Clone for Receiver<J> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), news: self.news.clone() }
    }
}

fn lock<J>(queue: &Mutex<FairQueue<J>>) -> MutexGuard<'_, FairQueue<J>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The waiting jobs, for use under another lock.
pub struct FairQueue<J> {
    depth: usize,
    waiting: usize,
    /// The waiting callers, in the order of their turns.
    turns: VecDeque<Caller>,
    jobs: HashMap<Caller, VecDeque<J>>,
}

impl<J> FairQueue<J> {
    pub fn new(depth: usize) -> Self {
        Self { depth, waiting: 0, turns: VecDeque::new(), jobs: HashMap::new() }
    }

    pub fn len(&self) -> usize {
        self.waiting
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// A caller may have as many waiting jobs as there is room left, which is half of the queue if nobody else waits; so
    /// others find room however many jobs it has.
    pub fn push(&mut self, caller: Caller, job: J) -> Result<(), Full<J>> {
        let left = self.depth.saturating_sub(self.waiting);
        let theirs = self.jobs.get(&caller).map_or(0, VecDeque::len);
        if left == 0 || (theirs >= left && caller != Caller::Server) {
            return Err(Full(job));
        }
        self.put_back(caller, job);
        Ok(())
    }

    /// Puts a job back that was already accepted, whether there is room or not.
    pub fn put_back(&mut self, caller: Caller, job: J) {
        let theirs = self.jobs.entry(caller).or_default();
        if theirs.is_empty() {
            self.turns.push_back(caller);
        }
        theirs.push_back(job);
        self.waiting += 1;
    }

    /// The oldest job of the caller whose turn it is.
    pub fn pop(&mut self) -> Option<(Caller, J)> {
        let caller = self.turns.pop_front()?;
        let theirs = self.jobs.get_mut(&caller)?;
        let job = theirs.pop_front()?;
        if theirs.is_empty() {
            self.jobs.remove(&caller);
        } else {
            self.turns.push_back(caller);
        }
        self.waiting -= 1;
        Some((caller, job))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Caller {
        Caller::Address(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn callers_take_turns() {
        let (sender, receiver) = queue(100);
        let [ada, bob, eve] = [1, 2, 3].map(address);
        for (caller, job) in
            [(ada, "a1"), (ada, "a2"), (ada, "a3"), (bob, "b1"), (Caller::Server, "s1"), (eve, "e1"), (bob, "b2")]
        {
            sender.send(caller, job).unwrap();
        }
        let next = || receiver.recv().unwrap();
        assert_eq!([next(), next()], [(ada, "a1"), (bob, "b1")]);
        sender.send(address(4), "f1").unwrap();
        let rest: Vec<_> = (0..6).map(|_| next().1).collect();
        assert_eq!(rest, ["s1", "e1", "a2", "b2", "f1", "a3"]);
        drop(sender);
        assert!(receiver.recv().is_none());
        assert!(receiver.queue.lock().unwrap().jobs.is_empty(), "nobody is remembered who does not wait");
    }

    #[test]
    fn nobody_fills_the_queue_alone() {
        let (sender, receiver) = queue(8);
        let fill = |caller| (0..100).take_while(|_| sender.send(caller, ()).is_ok()).count();
        assert_eq!([1, 2, 3, 4].map(|last| fill(address(last))), [4, 2, 1, 1]);
        assert_eq!((fill(address(5)), sender.waiting()), (0, 8));
        assert!(receiver.recv().is_some());
        assert_eq!((fill(address(1)), fill(Caller::Server)), (0, 1), "the server has what is left");
    }

    #[test]
    fn what_waits_is_done_after_the_last_sender_has_gone() {
        let (sender, receiver) = queue(8);
        let weak = sender.downgrade();
        sender.send(address(1), 1).unwrap();
        drop(sender);
        assert!(weak.upgrade().is_none());
        assert_eq!(receiver.recv().map(|(_, job)| job), Some(1));
        assert!(receiver.recv().is_none());
    }

    #[test]
    fn without_takers_nothing_is_taken() {
        let (sender, receiver) = queue(8);
        drop(receiver);
        assert!(sender.send(Caller::Server, ()).is_err());
    }

    #[tokio::test]
    async fn a_task_says_for_whom_it_asks() {
        assert_eq!(Caller::current(), Caller::Server);
        let within =
            address(1).scope(async { (Caller::current(), address(2).scope(async { Caller::current() }).await) });
        assert_eq!(within.await, (address(1), address(2)));
    }
}
