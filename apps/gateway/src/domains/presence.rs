//! Presence: what you say you are doing, and what your friends hear of it.

mod commands;
mod events;
mod examples;
mod handlers;
mod routes;

use super::Domain;
use crate::docs::patterns::note;

pub const DOMAIN: Domain = Domain {
    forms: &[("NewPresence", "text", note)],
    events: events::EVENTS,
    commands: commands::COMMANDS,
    ..Domain::new("Presence", "Whether people are online, and what they say they are doing.", routes::all, examples::of)
};
