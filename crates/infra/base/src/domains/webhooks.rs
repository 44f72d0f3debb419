//! Webhooks: endpoints, their queues and deliveries.

mod emails;
mod rows;
mod schema;

use clowder_notifications::webhooks::Catalogue;

pub use rows::*;
pub use schema::*;

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The events that exist.
    pub catalogue: Catalogue,
}
