//! What pets look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, THING, card, picture, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Pet" => pet(),
        "PetsFound" => json!({ "items": [pet()] }),
        "SpeciesOfPets" => json!({ "id": "guinea_pig", "name": "Guinea pig" }),
        "PetKeeper" => {
            json!({ "user": card(BOB, "bob", "Bob"), "role": "caretaker", "accepted": true, "since": AT })
        }
        "PetInvitation" => {
            let pet = with(with(pet(), "my_role", json!("none")), "microchip", Value::Null);
            json!({ "pet": pet, "role": "caretaker", "since": AT })
        }
        "PetLogEntry" => json!({
            "id": THING, "pet_id": THING, "kind": "weight", "grams": 4200, "text": null, "at": AT,
            "author": card(ADA, "ada", "Ada Lovelace"), "created_at": AT
        }),
        _ => return None,
    })
}

fn pet() -> Value {
    let ada = card(ADA, "ada", "Ada Lovelace");
    json!({
        "id": THING, "name": "Minka", "species": "cat", "breed": "European shorthair", "sex": "female",
        "birth_date": "2020-05", "birth_date_precision": "month", "bio": "Sleeps on the printer.", "avatar": picture(),
        "photos": [picture()],
        "owner": ada, "owners": [ada], "visibility": "friends",
        "lost": {
            "since": AT, "text": "Shy, answers to Minka.",
            "place": { "text": "In the park behind the station", "lat": 52.516272, "lng": 13.377722 }
        },
        "my_role": "owner", "microchip": "276098102345678", "created_at": AT, "version": 3
    })
}
