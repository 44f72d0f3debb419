//! Push.

mod rows;
mod schema;

use std::{fmt, sync::Arc};

use clowder_notifications::push::{Offers, Sender, VapidKey};

pub use rows::*;
pub use schema::*;

#[derive(Clone, Default)]
pub struct Options {
    /// What hands over to push services; without it, nothing is pushed.
    pub sender: Option<Arc<dyn Sender>>,
    /// What that can reach.
    pub offers: Offers,
    /// Makes the key of this server, if there is none.
    pub new_key: Option<fn() -> clowder_core::Result<VapidKey>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("sends", &self.sender.is_some()).field("offers", &self.offers).finish()
    }
}
