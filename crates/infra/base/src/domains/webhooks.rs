//! Webhooks: endpoints, their queues and deliveries.

mod emails;
mod rows;
mod schema;

use std::{fmt, sync::Arc};

use clowder_notifications::webhooks::{Catalogue, WebhookUrl};

pub use rows::*;
pub use schema::*;

/// Says why an address cannot be called, if it cannot.
pub type Closed = Arc<dyn Fn(&WebhookUrl) -> Option<&'static str> + Send + Sync>;

#[derive(Clone, Default)]
pub struct Options {
    /// The events that exist.
    pub catalogue: Catalogue,
    /// Without it, every address can be called.
    pub closed: Option<Closed>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("catalogue", &self.catalogue).finish_non_exhaustive()
    }
}
