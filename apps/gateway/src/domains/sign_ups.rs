//! Letting people in: sign-ups that wait, and invitations.

mod examples;
mod handlers;
mod routes;

use super::Domain;
use crate::docs::patterns::{name, note};

pub const DOMAIN: Domain = Domain {
    forms: &[("Rejection", "reason", note), ("NewInvite", "note", name)],
    ..Domain::new("Sign-ups", "For administrators: approve sign-ups and create invitations.", routes::all, examples::of)
};
