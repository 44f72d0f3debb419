//! Friends: requests, lists, suggestions, and what connects people.

mod events;
mod examples;
mod handlers;
mod routes;

use clowder_social::friends::{refusals, scopes};

use super::Domain;
use crate::docs::patterns::prose;

pub const DOMAIN: Domain = Domain {
    forms: &[("NewFriendRequest", "message", prose)],
    events: events::EVENTS,
    scopes: scopes::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Friends", "Friend requests, friends, and what connects people.", routes::all, examples::of)
};
