//! All shards of the hub, and how every step of the journal gets to each of them in order.

use std::sync::Arc;

use clowder_core::{Positions, UserId};
use tokio::sync::mpsc;

use super::shard::{Shard, Step};

/// How many there are: enough that those who arrive seldom wait for each other's lock. Each change visits all of them.
const SHARDS: usize = 8;

/// How many steps may wait for a shard before the journal is read no further; it keeps them.
const WAITING: usize = 1024;

pub struct Shards(Vec<Arc<Shard>>);

impl Shards {
    pub fn new(known: &Positions) -> Self {
        Self((0..SHARDS).map(|_| Arc::new(Shard::new(known.clone()))).collect())
    }

    /// The shard that all sockets of a user belong to.
    pub fn of(&self, user: UserId) -> &Arc<Shard> {
        // The lower half of an id is random.
        let index = user.uuid().as_u128() as usize % SHARDS;
        &self.0[index]
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Shard>> {
        self.0.iter()
    }

    /// One task for each shard, on the runtime of the caller. They end with what is answered.
    pub fn start(&self) -> Dispatch {
        let start = |shard: &Arc<Shard>| {
            let (sender, mut steps) = mpsc::channel(WAITING);
            let shard = Arc::clone(shard);
            tokio::spawn(async move {
                while let Some(step) = steps.recv().await {
                    shard.take(&step);
                }
            });
            sender
        };
        Dispatch(self.0.iter().map(start).collect())
    }
}

/// Hands each step to every shard.
pub struct Dispatch(Vec<mpsc::Sender<Step>>);

impl Dispatch {
    pub async fn send(&self, step: Step) {
        for shard in &self.0 {
            if shard.send(step.clone()).await.is_err() {
                tracing::error!("a shard of the hub has ended; its sockets hear nothing any more");
            }
        }
    }
}
