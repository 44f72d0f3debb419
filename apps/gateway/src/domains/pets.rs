//! Pets.

mod events;
mod examples;
mod handlers;
mod routes;

use clowder_social::pets::{model::BirthDate, permissions, refusals, scopes};
use serde_json::{Value, json};

use super::{Domain, Form, Rule};
use crate::docs::patterns::{name, note, prose};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    scopes: scopes::ALL,
    permissions: permissions::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Pets", "Pets, who looks after them, and those that are lost.", routes::all, examples::of)
};

const FORMS: &[Form] = &[
    ("NewPet", "name", name),
    ("NewPet", "breed", name),
    ("NewPet", "birth_date", birth_date),
    ("NewPet", "bio", note),
    ("NewPet", "microchip", microchip),
    ("PetPatch", "name", name),
    ("PetPatch", "breed", name),
    ("PetPatch", "birth_date", birth_date),
    ("PetPatch", "bio", note),
    ("PetPatch", "microchip", microchip),
    ("SoughtMicrochip", "number", microchip),
    ("LostPetPatch", "text", prose),
    ("NewLostPlace", "text", name),
    ("NewPetLogEntry", "text", prose),
];

fn birth_date(schema: &mut Value) {
    schema["pattern"] = json!(BirthDate::PATTERN);
}

fn microchip(schema: &mut Value) {
    schema["pattern"] = json!("^[0-9]{15}$");
}

const RULES: &[Rule] = &[
    ("NewLostPlace", |schema| {
        schema["anyOf"] = json!([
            {
                "title": "With a point", "type": "object", "required": ["lat", "lng"],
                "properties": { "lat": { "type": "number" }, "lng": { "type": "number" } }
            },
            {
                "title": "Without a point", "type": "object",
                "properties": { "lat": { "type": "null" }, "lng": { "type": "null" } }
            }
        ]);
    }),
    ("NewPetLogEntry", |schema| {
        schema["anyOf"] = json!([
            {
                "title": "A weight", "type": "object", "required": ["kind", "grams"],
                "properties": { "kind": { "const": "weight" }, "grams": { "type": "integer" } }
            },
            {
                "title": "A note", "type": "object", "required": ["kind", "text"],
                "properties": {
                    "kind": { "const": "note" }, "text": { "type": "string" }, "grams": { "type": "null" }
                }
            }
        ]);
    }),
];
