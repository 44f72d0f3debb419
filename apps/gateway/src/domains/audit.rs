//! What was done, for administrators and for each person.

mod examples;
mod handlers;
mod routes;

use super::Domain;

pub const DOMAIN: Domain =
    Domain::new("Audit", "Your security timeline and, for administrators, the audit log.", routes::all, examples::of);
