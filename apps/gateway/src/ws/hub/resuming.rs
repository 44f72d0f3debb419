//! What the hub reads for clients that connect. After a restart all of them return at once: they take turns, so that half of
//! the connections that read stay free for other calls, and one look at the journal serves all who wait for one.

use std::{sync::Arc, time::Duration};

use clowder_core::{
    Error, Journal, Result, UserId,
    journal::{Extent, Former},
};
use clowder_infra::{turns::Turns, worker_pool::fair::Caller};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use uuid::Uuid;

/// How long a client waits for its turn to read: if the database does not respond, others hold all turns.
pub const TURN_WITHIN: Duration = Duration::from_secs(30);

pub struct Resuming {
    journal: Arc<dyn Journal>,
    /// How many clients read at the same time.
    readers: Semaphore,
    /// At most one per user, however many sockets they have.
    each: Turns<UserId>,
    /// The last look at the journal, and when it began.
    looked: Mutex<Option<(Instant, Extent)>>,
    /// An epoch, and those before it, which never change.
    former: Mutex<Option<(Uuid, Arc<[Former]>)>>,
}

/// The right to read, until it is dropped.
pub struct Turn<'a> {
    _own: OwnedSemaphorePermit,
    _shared: SemaphorePermit<'a>,
}

impl Resuming {
    /// `read_connections` is the number of connections that read.
    pub fn new(journal: Arc<dyn Journal>, read_connections: usize) -> Self {
        let readers = Semaphore::new((read_connections / 2).max(1));
        Self { journal, readers, each: Turns::new(1, TURN_WITHIN), looked: Mutex::default(), former: Mutex::default() }
    }

    /// First waits for the user's own turn, so that clients of one user that wait for each other block nobody else.
    pub async fn turn(&self, user: UserId) -> Result<Turn<'_>> {
        Ok(Turn { _own: self.each.one(user).await?, _shared: among(&self.readers).await? })
    }

    /// The extent of the journal, as of a moment after this was called. Those who call while somebody looks wait, and share
    /// the next look; so it is the server that looks, and not behind what else its caller waits for.
    pub async fn extent(&self) -> Result<Extent> {
        let asked = Instant::now();
        let mut looked = timeout(TURN_WITHIN, self.looked.lock()).await.map_err(|_| late())?;
        if let Some((_, extent)) = looked.as_ref().filter(|(began, _)| *began >= asked) {
            return Ok(extent.clone());
        }
        let began = Instant::now();
        let extent = Caller::Server.scope(self.journal.extent()).await?;
        *looked = Some((began, extent.clone()));
        Ok(extent)
    }

    /// The epochs before this one of which a part was kept, the latest first. They are read once, however many cursors come
    /// that belong to none of them.
    pub async fn former(&self, epoch: Uuid) -> Result<Arc<[Former]>> {
        let mut known = timeout(TURN_WITHIN, self.former.lock()).await.map_err(|_| late())?;
        if let Some((_, former)) = known.as_ref().filter(|(of, _)| *of == epoch) {
            return Ok(Arc::clone(former));
        }
        let former: Arc<[Former]> = self.journal.former(epoch).await?.into();
        *known = Some((epoch, Arc::clone(&former)));
        Ok(former)
    }
}

async fn among(turns: &Semaphore) -> Result<SemaphorePermit<'_>> {
    timeout(TURN_WITHIN, turns.acquire()).await.map_err(|_| late())?.map_err(|_| late())
}

fn late() -> Error {
    Error::unavailable("those who connected earlier take too long")
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use async_trait::async_trait;
    use clowder_core::{
        Ctx, Positions, Timestamp,
        follow::Following,
        journal::{Chunk, Others, Part, Replay, Replayed, Stretch},
    };
    use clowder_infra::worker_pool::{Plan, WorkerPool};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_does_not_wait_for_ever() {
        let turns = Semaphore::new(1);
        let held = among(&turns).await.unwrap();
        let told = timeout(TURN_WITHIN * 2, among(&turns)).await.expect("it waits for ever");
        assert!(matches!(told, Err(Error::Unavailable(_))));
        drop(held);
        assert!(among(&turns).await.is_ok());
    }

    /// A journal whose extent is read in a queue with other things.
    struct Queued(WorkerPool<()>);

    #[async_trait]
    impl Journal for Queued {
        async fn extent(&self) -> Result<Extent> {
            let none = || Positions::new(Vec::new());
            let extent = move || Extent { epoch: Uuid::nil(), stored: Uuid::nil(), heads: none(), floors: none() };
            self.0.run(move |()| Ok(extent())).await
        }

        async fn former(&self, _: Uuid) -> Result<Vec<Former>> {
            Err(late())
        }

        async fn read(&self, _: Vec<Stretch>, _: Chunk) -> Result<Part> {
            Err(late())
        }

        async fn followed(&self, _: UserId, _: Positions) -> Result<Vec<Following>> {
            Err(late())
        }

        async fn others(&self, _: UserId) -> Result<Others> {
            Err(late())
        }

        fn replay(&self, _: UserId, _: Arc<[Following]>, _: Positions, _: Positions) -> Box<dyn Replay> {
            Box::new(Nothing)
        }

        async fn sweep(&self, _: &Ctx, _: Duration) -> Result<usize> {
            Err(late())
        }
    }

    struct Nothing;

    #[async_trait]
    impl Replay for Nothing {
        async fn exceeds(&mut self, _: usize) -> Result<bool> {
            Ok(false)
        }

        async fn next(&mut self, _: Chunk) -> Result<Option<Replayed>> {
            Ok(None)
        }
    }

    #[tokio::test]
    async fn nobody_waits_behind_what_else_another_waits_for() {
        let plan = Plan { name: "test", threads: 1, depth: 1_000, patience: TURN_WITHIN };
        let pool = WorkerPool::start(plan, || Ok(())).unwrap();
        let (gate, opened) = mpsc::channel::<()>();
        pool.push(Box::new(move |_| opened.recv().is_ok())).unwrap();
        let [ada, bob] = [1, 2].map(|micros| UserId::new(Timestamp::from_micros(micros)));
        let served = Arc::new(AtomicUsize::new(0));
        let mut waiting: Vec<_> = (0..100)
            .map(|_| {
                let served = Arc::clone(&served);
                let job = pool.run(move |()| {
                    std::thread::park_timeout(Duration::from_millis(5));
                    served.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                Box::pin(Caller::User(ada).scope(job))
            })
            .collect();
        for job in &mut waiting {
            assert!(futures_util::poll!(job).is_pending());
        }
        let resuming = Resuming::new(Arc::new(Queued(pool.clone())), 1);
        let theirs = Caller::User(ada).scope(resuming.extent());
        let others = Caller::User(bob).scope(resuming.extent());
        let opens = async {
            tokio::task::yield_now().await;
            gate.send(()).unwrap();
        };
        let (theirs, others, ()) = tokio::join!(theirs, others, opens);
        assert!(theirs.is_ok() && others.is_ok());
        assert!(served.load(Ordering::SeqCst) < 50, "both look before everything that one of them waits for is done");
    }
}
