//! Keys for programs, and what each scope opens.

mod examples;
pub mod handlers;
mod routes;

use super::Domain;
use crate::docs::patterns::name;

pub const DOMAIN: Domain = Domain {
    forms: &[("NewApiKey", "name", name)],
    ..Domain::new("API keys", "Keys that let programs act for a user, within scopes.", routes::all, examples::of)
};
