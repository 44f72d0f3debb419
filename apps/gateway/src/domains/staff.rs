//! What moderators and administrators do about the accounts of others.

mod examples;
mod handlers;
mod routes;

use clowder_accounts::{permissions, scopes};

use super::Domain;
use crate::docs::patterns::prose;

pub const DOMAIN: Domain = Domain {
    forms: &[("NewSuspension", "reason", prose)],
    scopes: scopes::STAFF,
    permissions: permissions::ALL,
    ..Domain::new(
        "Administration",
        "For moderators and administrators: accounts, roles and suspensions.",
        routes::all,
        examples::of,
    )
};
