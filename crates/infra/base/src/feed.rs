//! The feed: every committed change of the journal, once and in order, whichever process committed it.
//!
//! Writers of this process pass their changes on right after the commit, but only as hints. A follower knows its
//! position in each stream, drops changes that it has seen, and reads missing ones from the journal: those of other
//! processes, and those whose hints were dropped or arrived out of order.
//!
//! Other processes say through the bus how far their commits reach. That only makes a follower look at the journal at
//! once instead of with its next poll: what they say may be late, lost or wrong, so no position is taken from it.

mod inbox;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use clowder_core::{
    Bus, Journal, Positions, Recorded, Result,
    journal::{Chunk, Extent, Part, Stretch},
};
use tokio::{
    sync::Notify,
    time::{Instant, Interval, MissedTickBehavior, sleep_until},
};
use uuid::Uuid;

use self::inbox::{Hint, Inbox};
use crate::{
    Upkeep,
    bus::{Exchange, Reached},
    store::Memory,
};

/// How many changes are read from the journal at a time, and so are held in memory at most.
const CHUNK: Chunk = Chunk { rows: 500, octets: 1024 * 1024 };
/// So long after all that was missing has been read, more is read: what other processes commit comes in many small pieces,
/// and reading each of them at once cost the database more than writing them.
const GATHERED: Duration = Duration::from_millis(5);
/// How many changes are kept that came before earlier ones. Of more, all are read from the journal.
const EARLY: usize = 256;

/// Where writers pass on what they committed.
#[derive(Clone, Default)]
pub struct Feed {
    followers: Arc<Mutex<Followers>>,
    exchange: Arc<Exchange>,
    /// Notified when anybody has committed something.
    stirred: Arc<Notify>,
}

#[derive(Default)]
struct Followers {
    inboxes: Vec<Weak<Inbox>>,
    /// Increased when the journal turned out to be another one.
    turn: u64,
}

impl Feed {
    /// To be kept from before a transaction until its changes are passed on.
    pub fn turn(&self) -> u64 {
        self.lock().turn
    }

    /// Passes on what a transaction has committed that began in this turn, with the stored part of the epoch. If the journal
    /// turned out to be another one since, nobody knows in which of them it was.
    pub fn hand(&self, recorded: Vec<Recorded>, stored: Uuid, turn: u64) {
        if recorded.is_empty() {
            return;
        }
        // Others may listen where nobody does here.
        self.exchange.hint(recorded.iter().map(|change| (change.stream, change.position)));
        self.stirred.notify_one();
        let mut followers = self.lock();
        if followers.inboxes.is_empty() {
            // Without listeners nothing is lost: the change is in the journal.
            return;
        }
        let changes: Vec<_> = recorded.into_iter().map(Arc::new).collect();
        let is_current = followers.turn == turn;
        followers.inboxes.retain(|follower| {
            let follower = follower.upgrade();
            follower.inspect(|inbox| if is_current { inbox.put(&changes, stored) } else { inbox.lose() }).is_some()
        });
    }

    /// Exchanges hints with the other processes over the same journal, from now on.
    pub fn join(&self, bus: Arc<dyn Bus>, epoch: Uuid) -> Result<()> {
        let (followers, stirred) = (Arc::downgrade(&self.followers), Arc::clone(&self.stirred));
        let hear = move |reached: &Reached| {
            stirred.notify_one();
            if let Some(followers) = followers.upgrade() {
                let followers = followers.lock().unwrap_or_else(PoisonError::into_inner);
                followers.inboxes.iter().filter_map(Weak::upgrade).for_each(|inbox| inbox.hear(reached));
            }
        };
        self.exchange.hear_canaries(Box::new(hear.clone()));
        self.exchange.hear_hints(move |reached| hear(&reached));
        self.exchange.join(bus, epoch)
    }

    /// What else this process and the others tell each other.
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Whoever waits for something to do should look: something was committed of which no change tells.
    pub fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Returns when something was committed, by this process or, as far as it has heard, by another one: at once if that was
    /// after the last call. One task may wait.
    pub async fn stirred(&self) {
        self.stirred.notified().await;
    }

    fn subscribe(&self) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        self.lock().inboxes.push(Arc::downgrade(&inbox));
        inbox
    }

    /// The journal is another one: what waits is of the one before, and so may be what is passed on later by transactions
    /// that have begun.
    fn begin_turn(&self) {
        let mut followers = self.lock();
        followers.turn += 1;
        followers.inboxes.iter().filter_map(Weak::upgrade).for_each(|inbox| inbox.lose());
    }

    fn lock(&self) -> MutexGuard<'_, Followers> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a follower finds on its way through the journal.
#[derive(Debug, Clone)]
pub enum Followed {
    Change(Arc<Recorded>),
    /// A position whose change this version cannot read.
    Unreadable {
        stream: usize,
        position: i64,
    },
    /// Changes up to this position were deleted before they were read, so the follower has missed some.
    Swept {
        stream: usize,
        position: i64,
    },
    /// The journal is another one than before: a backup was restored, or a standby without what came last became the
    /// primary. What follows comes after `heads` of this one.
    Renewed {
        epoch: Uuid,
        heads: Positions,
    },
    /// The journal goes on in this epoch: a standby that has everything that was returned until now became the primary.
    Continued {
        epoch: Uuid,
    },
}

/// Follows the journal from a position onwards.
pub struct Follower {
    journal: Arc<dyn Journal>,
    feed: Feed,
    hints: Arc<Inbox>,
    memory: Memory,
    upkeep: Arc<dyn Upkeep>,
    /// Which journal it is.
    epoch: Uuid,
    /// The part of that which is stored.
    stored: Uuid,
    /// Everything up to here has been returned or is about to be.
    known: Positions,
    /// The journal is known to reach at least this far.
    goal: Positions,
    /// The streams of which other processes say that they reach further than is known here.
    heard: BTreeSet<usize>,
    /// By stream and position: changes of this process, some of which are missing before them.
    early: BTreeMap<(usize, i64), Arc<Recorded>>,
    /// When to read again what is missing.
    rested: Instant,
    ready: VecDeque<Followed>,
    /// When to look for changes of other processes, however busy this one is.
    poll: Interval,
}

impl Follower {
    /// Starts at the current heads. `poll` is how often to look for changes of other processes.
    pub async fn start(
        journal: Arc<dyn Journal>,
        feed: &Feed,
        memory: Memory,
        upkeep: Arc<dyn Upkeep>,
        poll: Duration,
    ) -> Result<Self> {
        let hints = feed.subscribe();
        let Extent { epoch, stored, heads: known, .. } = journal.extent().await?;
        memory.profiles.followed();
        let mut poll = tokio::time::interval(poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let goal = known.clone();
        let feed = feed.clone();
        let follower = Self {
            journal,
            feed,
            hints,
            memory,
            upkeep,
            epoch,
            stored,
            known,
            goal,
            heard: BTreeSet::new(),
            early: BTreeMap::new(),
            rested: Instant::now(),
            ready: VecDeque::new(),
            poll,
        };
        // Otherwise nobody would see the changes between the opening of the store and this moment.
        follower.upkeep.recall().await?;
        Ok(follower)
    }

    /// Everything up to here has been returned or is about to be.
    pub fn known(&self) -> &Positions {
        &self.known
    }

    /// Which journal it is.
    pub fn epoch(&self) -> Uuid {
        self.epoch
    }

    /// The next readable change. Everything else is skipped; callers that must not miss a change use
    /// [`Follower::step`].
    pub async fn next(&mut self) -> Result<Arc<Recorded>> {
        loop {
            if let Followed::Change(recorded) = self.step().await? {
                return Ok(recorded);
            }
        }
    }

    /// The next step. An error means that the journal could not be read right now; calling again loses nothing, nor
    /// does dropping the call half-way.
    pub async fn step(&mut self) -> Result<Followed> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(step);
            }
            let missing = self.missing();
            let now = Instant::now();
            if !missing.is_empty() && self.rested <= now {
                // What waits here need not be read. Others must not wait for it long.
                let waits = if now < self.rested + GATHERED { self.hints.take() } else { None };
                match waits {
                    Some(hint) => self.heed(hint).await?,
                    None => self.read(missing).await?,
                }
                continue;
            }
            tokio::select! {
                biased;
                _ = self.poll.tick() => self.look().await?,
                hint = self.hints.next() => self.heed(hint).await?,
                () = sleep_until(self.rested), if !missing.is_empty() => {}
            }
        }
    }

    async fn heed(&mut self, hint: Hint) -> Result<()> {
        match hint {
            // What is of another epoch is read from there.
            Hint::Change(recorded, stored) if stored == self.stored => self.accept(recorded),
            Hint::Change(..) => self.look().await?,
            Hint::Lost => self.look().await?,
            Hint::Elsewhere(reached) => self.hear(&reached),
        }
        Ok(())
    }

    /// What is or may be in the journal and was not passed on.
    fn missing(&self) -> Vec<Stretch> {
        let streams = 0..self.goal.as_slice().len();
        let behind =
            streams.filter(|stream| !self.known.cover(*stream, self.goal.get(*stream)) || self.heard.contains(stream));
        let stretch = |stream| {
            let early = self.early.range((stream, 0)..=(stream, i64::MAX)).next();
            let until = early.map_or(i64::MAX, |((_, position), _)| position - 1);
            Stretch { stream, after: self.known.get(stream), until }
        };
        behind.map(stretch).collect()
    }

    /// Another process says that there is more, which may be wrong.
    fn hear(&mut self, reached: &Reached) {
        let streams = self.known.as_slice().len();
        let further = reached.iter().filter(|(stream, at)| **stream < streams && !self.known.cover(**stream, **at));
        self.heard.extend(further.map(|(stream, _)| *stream));
    }

    /// Reads how far the journal reaches.
    async fn look(&mut self) -> Result<()> {
        let extent = self.journal.extent().await?;
        if extent.epoch != self.epoch {
            return self.turn_to(extent).await;
        }
        for (stream, head) in extent.heads.as_slice().iter().enumerate() {
            self.goal.advance(stream, *head);
        }
        Ok(())
    }

    /// Forgets the journal before, and what is known because of it. If this one has everything that was returned, it goes on
    /// from there.
    async fn turn_to(&mut self, Extent { epoch, stored, heads, .. }: Extent) -> Result<()> {
        let former = self.journal.former(epoch).await?;
        let goes_on = former.iter().any(|former| former.has_kept(self.epoch, &self.known));
        self.feed.begin_turn();
        self.feed.exchange.renew(epoch);
        // What changes after `heads`, or what was returned, is followed; everything up to there is read anew.
        self.upkeep.start_anew().await?;
        (self.epoch, self.stored) = (epoch, stored);
        self.goal.clone_from(&heads);
        self.heard.clear();
        self.early.clear();
        if goes_on {
            tracing::warn!("another server became the primary, and nothing is missing there: sockets stay open");
            self.ready.push_back(Followed::Continued { epoch });
            return Ok(());
        }
        tracing::warn!(
            "the journal is another one: a backup was restored, or another server became the primary, where something is \
             missing; everything kept in memory was dropped, and sockets were closed"
        );
        self.known.clone_from(&heads);
        self.ready.clear();
        self.ready.push_back(Followed::Renewed { epoch, heads });
        Ok(())
    }

    fn accept(&mut self, recorded: Arc<Recorded>) {
        let place @ (stream, position) = (recorded.stream, recorded.position);
        if position == self.known.get(stream) + 1 {
            self.take(recorded);
        } else if !self.known.cover(stream, position) {
            // An earlier change is missing, and is read.
            self.goal.advance(stream, position);
            if self.early.len() == EARLY {
                self.early.clear();
            }
            self.early.insert(place, recorded);
        }
    }

    /// Reads what is missing, as much as may be held at a time.
    async fn read(&mut self, missing: Vec<Stretch>) -> Result<()> {
        let Part { entries, is_all, stored } = self.journal.read(missing.clone(), CHUNK).await?;
        // A connection to a standby that lags behind what was read here may not know of the other epoch yet.
        let is_other = stored.is_some_and(|stored| stored != self.stored);
        if is_all || is_other {
            self.rested = Instant::now() + GATHERED;
        }
        if is_other {
            return self.look().await;
        }
        let mut entries = entries.into_iter().peekable();
        let mut unreadable = 0;
        for Stretch { stream, until, .. } in missing {
            let first = entries.peek().filter(|entry| entry.stream == stream).map(|entry| entry.position);
            if first.is_none() && !is_all {
                continue;
            }
            let known = self.known.get(stream);
            let next = first.unwrap_or_else(|| self.goal.get(stream).min(until) + 1);
            if next > known + 1 && !self.pass(stream, next - 1).await? {
                return Ok(());
            }
            self.heard.remove(&stream);
            while let Some(entry) = entries.next_if(|entry| entry.stream == stream) {
                match entry.change {
                    Some(recorded) => self.take(Arc::new(recorded)),
                    None => {
                        unreadable += 1;
                        self.skip(stream, entry.position);
                    }
                }
            }
        }
        if unreadable > 0 {
            tracing::warn!(unreadable, "changes that this version cannot read were skipped");
        }
        Ok(())
    }

    /// Continues although there is no entry up to `position`. Only the floor shows what was deleted; every other gap
    /// was never meant for us. Returns whether all of it has been passed.
    async fn pass(&mut self, stream: usize, position: i64) -> Result<bool> {
        let extent = self.journal.extent().await?;
        if extent.epoch != self.epoch {
            self.turn_to(extent).await?;
            return Ok(false);
        }
        let floor = extent.floors.get(stream);
        let known = self.known.get(stream);
        if floor > known {
            tracing::warn!(stream, known, floor, "changes were deleted before this process read them");
            // Clears what is kept in memory.
            self.memory.forget();
            self.upkeep.recall().await?;
            self.ready.push_back(Followed::Swept { stream, position: floor });
            self.advance(stream, floor);
        } else {
            tracing::error!(stream, known, position, "the journal has a gap");
            self.skip(stream, position);
        }
        Ok(self.known.cover(stream, position))
    }

    fn skip(&mut self, stream: usize, position: i64) {
        metrics::counter!("clowder_journal_unreadable_total").increment(1);
        self.ready.push_back(Followed::Unreadable { stream, position });
        self.advance(stream, position);
    }

    fn take(&mut self, recorded: Arc<Recorded>) {
        let (stream, position) = (recorded.stream, recorded.position);
        if self.known.cover(stream, position) {
            return;
        }
        self.memory.note(&recorded);
        self.ready.push_back(Followed::Change(recorded));
        self.advance(stream, position);
    }

    /// Everything up to there is passed on, and then what came too early.
    fn advance(&mut self, stream: usize, position: i64) {
        self.known.advance(stream, position);
        while let Some(recorded) = self.next_early(stream) {
            self.take(recorded);
        }
    }

    /// The first change of a stream that came early, unless another is missing before it.
    fn next_early(&mut self, stream: usize) -> Option<Arc<Recorded>> {
        let next = (stream, self.known.get(stream) + 1);
        let place = *self.early.range((stream, 0)..=next).next()?.0;
        self.early.remove(&place)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.memory.unfollowed();
    }
}
