//! The rights over your data: exporting it and erasing it.

mod examples;
mod handlers;
mod routes;

use super::Domain;
use crate::docs::patterns::password;

pub const DOMAIN: Domain = Domain {
    forms: &[("Erasure", "password", password)],
    ..Domain::new("Privacy", "Export and erase personal data.", routes::all, examples::of)
};
