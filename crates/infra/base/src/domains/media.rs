//! Files and their bytes.

mod rows;
mod schema;

use std::{fmt, sync::Arc};

use clowder_media::{Blobs, policy::Limits};

pub use rows::*;
pub use schema::*;

#[derive(Clone, Default)]
pub struct Options {
    /// How much one person can have.
    pub limits: Limits,
    /// Where bytes are stored; without it, there are no files.
    pub blobs: Option<Arc<dyn Blobs>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blobs = self.blobs.as_ref().map(|blobs| blobs.name());
        f.debug_struct("Options").field("limits", &self.limits).field("blobs", &blobs).finish()
    }
}
