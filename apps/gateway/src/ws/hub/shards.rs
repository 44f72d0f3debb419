//! All shards of the hub, and how every step of the journal reaches each of them in order.

use std::sync::Arc;

use clowder_core::UserId;
use tokio::sync::mpsc;

use super::{
    super::{cursor::Place, send_queue::SendQueue},
    WAVE, in_waves,
    shard::{Shard, Step},
};

/// The number of shards: enough that arriving sockets rarely wait for each other's lock. Every change visits all of
/// them.
const SHARDS: usize = 8;

/// How many steps may wait for a shard before reading the journal pauses; nothing is lost.
const WAITING: usize = 1024;

pub struct Shards(Vec<Arc<Shard>>);

impl Shards {
    /// `room`: so many octets may wait for a socket.
    pub fn new(known: &Place, room: usize) -> Self {
        Self((0..SHARDS).map(|_| Arc::new(Shard::new(known.clone(), room))).collect())
    }

    /// The shard of a user, which all their sockets belong to.
    pub fn of(&self, user: UserId) -> &Arc<Shard> {
        // The lower half of an id is random.
        let index = user.uuid().as_u128() as usize % SHARDS;
        &self.0[index]
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Shard>> {
        self.0.iter()
    }

    /// One task per shard, on the caller's runtime. They end when the returned value is dropped.
    pub fn start(&self) -> Dispatch {
        let start = |shard: &Arc<Shard>| {
            let (sender, mut steps) = mpsc::channel(WAITING);
            let shard = Arc::clone(shard);
            tokio::spawn(async move {
                while let Some(step) = steps.recv().await {
                    let ended = shard.take(&step);
                    if !ended.is_empty() {
                        tokio::spawn(in_waves(ended, WAVE.div_ceil(SHARDS), SendQueue::wake));
                    }
                }
            });
            sender
        };
        Dispatch(self.0.iter().map(start).collect())
    }
}

/// Passes each step to every shard.
pub struct Dispatch(Vec<mpsc::Sender<Step>>);

impl Dispatch {
    pub async fn send(&self, step: Step) {
        for shard in &self.0 {
            if shard.send(step.clone()).await.is_err() {
                tracing::error!("a shard of the hub has ended; its sockets receive no more events");
            }
        }
    }
}
