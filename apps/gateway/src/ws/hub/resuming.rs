//! What the hub reads for clients that connect. After a restart all of them return at once: they take turns, so that half of
//! the connections that read stay free for other calls, and one look at the journal serves all who wait for one.

use std::{sync::Arc, time::Duration};

use clowder_core::{
    Error, Journal, Result, UserId,
    journal::{Extent, Former},
};
use clowder_infra::turns::Turns;
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
    /// the next look.
    pub async fn extent(&self) -> Result<Extent> {
        let asked = Instant::now();
        let mut looked = timeout(TURN_WITHIN, self.looked.lock()).await.map_err(|_| late())?;
        if let Some((_, extent)) = looked.as_ref().filter(|(began, _)| *began >= asked) {
            return Ok(extent.clone());
        }
        let began = Instant::now();
        let extent = self.journal.extent().await?;
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
}
