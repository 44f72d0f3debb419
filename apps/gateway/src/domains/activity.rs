//! What each person did, for themselves.

mod examples;
mod handlers;
mod routes;

use super::Domain;

pub const DOMAIN: Domain = Domain::new("Activity", "What you did, as far back as 180 days.", routes::all, examples::of);
