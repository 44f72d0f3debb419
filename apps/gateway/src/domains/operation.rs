//! What those who run a server ask, and the documents.

pub mod docs;
mod examples;
mod health;
pub mod metrics;
mod problems;
pub mod routes;
mod start;

use super::Domain;

pub const DOMAIN: Domain = Domain::new("Operation", "Health, metrics and the documents.", routes::all, examples::of);
