//! Files and their bytes.

mod rows;
mod schema;

use std::{fmt, sync::Arc, time::Duration};

use clowder_media::{Blobs, policy::Limits};

pub use rows::*;
pub use schema::*;

#[derive(Clone)]
pub struct Options {
    /// How much one person can have.
    pub limits: Limits,
    /// Where bytes are stored; without it, there are no files.
    pub blobs: Option<Arc<dyn Blobs>>,
    /// How long an upload counts as going on unless its process renews that.
    pub lease: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), blobs: None, lease: Duration::from_secs(120) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blobs = self.blobs.as_ref().map(|blobs| blobs.name());
        f.debug_struct("Options").field("limits", &self.limits).field("blobs", &blobs).finish()
    }
}
