//! How egress is set up.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{Network, Proxy, Resolve, System};

#[derive(Clone)]
pub struct Options {
    /// Networks that are open although they are not public; only in these is `http` allowed.
    pub allow: Vec<Network>,
    /// The operator's proxy. It gets names unresolved, and so answers for where they lead.
    pub proxy: Option<Proxy>,
    /// Certificates in PEM of further authorities, beside those of Mozilla.
    pub ca_file: Option<PathBuf>,
    pub connections_per_host: usize,
    /// In all, in use at the same time.
    pub connections: usize,
    /// How many calls share one connection of HTTP/2 at most.
    pub streams_per_host: usize,
    /// How long opening a connection may take, from the name to the end of the TLS handshake.
    pub connect_time: Duration,
    /// How long a connection without a call is kept.
    pub idle_time: Duration,
    pub user_agent: String,
    pub resolver: Arc<dyn Resolve>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            proxy: None,
            ca_file: None,
            connections_per_host: 8,
            connections: 512,
            streams_per_host: 100,
            connect_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(30),
            user_agent: concat!("clowder/", env!("CARGO_PKG_VERSION")).to_owned(),
            resolver: Arc::new(System::default()),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("allow", &self.allow)
            .field("proxy", &self.proxy)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}
