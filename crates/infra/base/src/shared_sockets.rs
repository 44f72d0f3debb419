//! How many sockets somebody has open at all nodes over one database together.

use std::{sync::Arc, time::Duration};

use clowder_core::{Error, Result};
use uuid::Uuid;

use crate::counting::{Counting, Script};

/// What this node tells the others of its sockets, and learns of theirs.
pub struct SharedSockets {
    counting: Arc<Counting>,
    prefix: String,
    node: Uuid,
    lease: Duration,
}

impl SharedSockets {
    /// What a node tells holds for `lease`, so that the sockets of one that has died count no longer than that.
    pub fn new(counting: Arc<Counting>, lease: Duration) -> Result<Self> {
        let mut node = [0; 16];
        getrandom::fill(&mut node).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
        let prefix = counting.prefix("sockets");
        Ok(Self { counting, prefix, node: Uuid::from_bytes(node), lease })
    }

    /// Whether all nodes together have at most `most` if this one has `count`; then the others know. Answers `None` if
    /// Redis does not. It is asked at once: what is asked first counts first.
    pub fn open(&self, who: &str, count: usize, most: usize) -> impl Future<Output = Option<bool>> + use<> {
        let asked = self.ask("open", who, count, most);
        async move { asked.await.map(|(opened, _)| opened) }
    }

    /// This node has so many, and knows that it may. Answers when the others know, or cannot be told.
    pub fn hold(&self, who: &str, count: usize) -> impl Future<Output = ()> + use<> {
        let asked = self.ask("hold", who, count, 0);
        async move {
            asked.await;
        }
    }

    fn ask(
        &self,
        ask: &str,
        who: &str,
        count: usize,
        most: usize,
    ) -> impl Future<Output = Option<(bool, u64)>> + use<> {
        let key = format!("{}{who}", self.prefix);
        let args = [ask.to_owned(), self.node.to_string(), count.to_string(), most.to_string()];
        let args = args.into_iter().chain([self.lease.as_millis().to_string()]).collect();
        self.counting.ask(Script::Sockets, key, args)
    }

    /// Whether Redis counts right now.
    pub fn works(&self) -> bool {
        self.counting.works()
    }
}
