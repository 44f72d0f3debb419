//! Files.

mod conditions;
mod events;
mod examples;
mod handlers;
mod moderating;
mod ranges;
mod resumable;
mod routes;
mod serving;
mod uploading;
mod waiting;

use clowder_media::{care::permissions, refusals, scopes};
use serde_json::{Value, json};

use super::{Domain, Form};
use crate::docs::patterns::line;

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    events: events::EVENTS,
    scopes: scopes::ALL,
    permissions: permissions::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Files", "Files: uploading, reading and deleting them.", routes::all, examples::of)
};

const FORMS: &[Form] =
    &[("NewDirectUpload", "name", line), ("NewDirectUpload", "type", media_type), ("NewDirectUpload", "sha256", hash)];

fn media_type(schema: &mut Value) {
    schema["minLength"] = json!(1);
    schema["pattern"] = json!("^[ -~]+$");
}

fn hash(schema: &mut Value) {
    schema["pattern"] = json!("^[0-9a-fA-F]{64}$");
}
