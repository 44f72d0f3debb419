//! Blocks, mutes and notes.

mod events;
mod examples;
mod handlers;
mod routes;

use clowder_social::blocks::{refusals, scopes};

use super::Domain;
use crate::docs::patterns::prose;

pub const DOMAIN: Domain = Domain {
    forms: &[("NewNote", "text", prose)],
    events: events::EVENTS,
    hides: events::hides,
    scopes: scopes::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Blocks", "Blocked and muted people, and private notes.", routes::all, examples::of)
};
