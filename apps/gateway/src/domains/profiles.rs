//! People as others see them, and finding them.

mod examples;
mod handlers;
mod routes;
mod search;

use clowder_accounts::scopes;

use super::Domain;
use crate::docs::patterns::{name, name_or_nothing, note, prose, username};

pub const DOMAIN: Domain = Domain {
    forms: &[
        ("UserPatch", "username", username),
        ("UserPatch", "display_name", name),
        ("UserPatch", "bio", note),
        ("UserPatch", "status_text", note),
        ("UserPatch", "pronouns", name_or_nothing),
        ("UserPatch", "location", name_or_nothing),
        ("UserPatch", "reason", prose),
    ],
    scopes: scopes::PEOPLE,
    ..Domain::new(
        "People",
        "Profiles of other people, as far as they let you see them, and search by name.",
        routes::all,
        examples::of,
    )
};
