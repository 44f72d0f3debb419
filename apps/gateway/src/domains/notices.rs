//! Mail of notifications: the links in it, and whether it arrives.

mod examples;
mod handlers;
mod page;
mod routes;

use clowder_notifications::mail::refusals;

use super::Domain;

pub const DOMAIN: Domain = Domain {
    refusals: refusals::ALL,
    ..Domain::new(
        "Notification emails",
        "What ends emails about notifications with one click, and whether emails reach you.",
        routes::all,
        examples::of,
    )
};
