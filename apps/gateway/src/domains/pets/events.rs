//! Events of pets.

use clowder_social::pets::{
    change::{Asked, Gone, Kept, Left, Version},
    scopes::PETS_READ,
};
use serde_json::{Value, json};

use crate::{
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    event("pet.created", "You have added a pet", Shape::of::<Version>, version),
    event("pet.updated", "A pet that you keep was edited, lost or found", Shape::of::<Version>, version),
    event(
        "pet.deleted",
        "A pet that you kept or were invited to keep has been deleted",
        Shape::of::<Gone>,
        || json!({"pet_id": PET}),
    ),
    event(
        "pet.keeper_invited",
        "You are invited to keep a pet, or somebody is invited to keep yours",
        Shape::of::<Asked>,
        || json!({"pet_id": PET, "user_id": BOB, "role": "caretaker", "expires_at": AT}),
    ),
    event(
        "pet.keeper_added",
        "Somebody has accepted an invitation to keep a pet that you keep",
        Shape::of::<Kept>,
        kept,
    ),
    event("pet.keeper_updated", "Somebody who keeps a pet that you keep has another role", Shape::of::<Kept>, kept),
    event(
        "pet.keeper_removed",
        "Somebody no longer keeps a pet, or is no longer invited to",
        Shape::of::<Left>,
        || json!({"pet_id": PET, "user_id": BOB}),
    ),
];

const fn event(name: &'static str, about: &'static str, shape: fn() -> Shape, example: fn() -> Value) -> Event {
    Event { name, about, scope: Some(PETS_READ), kind: Kind::Durable, shape, example }
}

const PET: &str = "01993c53-5f70-7d44-a2b8-90e1c3d7f562";
const BOB: &str = "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3";
const AT: &str = "2026-12-31T12:00:00.000Z";

fn version() -> Value {
    json!({"pet_id": PET, "version": 3})
}

fn kept() -> Value {
    json!({"pet_id": PET, "user_id": BOB, "role": "caretaker"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let names = [
            "pet.created",
            "pet.updated",
            "pet.deleted",
            "pet.keeper_invited",
            "pet.keeper_added",
            "pet.keeper_updated",
            "pet.keeper_removed",
        ];
        are_heard_by(EVENTS, &names.map(|name| (name, Some(PETS_READ))));
    }
}
