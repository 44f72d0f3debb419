//! Names become addresses: by the system, or in tests by whatever they bring.

use std::{io, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use tokio::{net::lookup_host, sync::Semaphore};

/// How many lookups of the system run at a time. Each holds a thread until it ends, which nothing can hurry.
const AT_ONCE: usize = 32;

#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of a name, in the order in which they should be tried.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the system, which knows its hosts file and its DNS servers.
pub struct System(Arc<Semaphore>);

impl Default for System {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let room = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        // A task of its own keeps the room until the thread is free, even if the caller has given up.
        let lookup = tokio::spawn(async move {
            let found = lookup_host((name.as_str(), 0)).await.map(|found| found.map(|it| it.ip()).collect());
            drop(room);
            found
        });
        lookup.await.map_err(io::Error::other)?
    }
}
