//! Files.

mod events;
mod examples;
mod handlers;
mod moderating;
mod ranges;
mod resumable;
mod routes;
mod serving;

use clowder_media::{care::permissions, refusals, scopes};

use super::Domain;

pub const DOMAIN: Domain = Domain {
    events: events::EVENTS,
    scopes: scopes::ALL,
    permissions: permissions::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Files", "Files: uploading, reading and deleting them.", routes::all, examples::of)
};
