//! Pets: a private one of the owner, which the friend keeps, too, and texts about one.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::{List, MANY, Scene},
    texts::{
        Then::{self, Gone},
        call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.owner))),
    lists: LISTS,
    shared: SHARED,
    not_sent: NOT_SENT,
    ..Domain::new("Pets")
};

const THINGS: &[Thing] = &[
    Thing {
        name: "pet_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let new = json!({"name": "Minka", "species": "cat", "visibility": "private"});
                let pet = stage.owner.post("/api/pets", new).await.expect(201)["id"].as_str().unwrap().to_owned();
                let keepers = format!("/api/pets/{pet}/keepers");
                let friend = json!({"user_id": stage.friend.id, "role": "caretaker"});
                stage.owner.post(&keepers, friend).await.expect(201);
                stage.friend.put(&format!("{keepers}/me"), json!({"action": "accept"})).await.expect(204);
                pet
            })
        }),
    },
    Thing { name: "keeper_id", comes: Comes::Made(|stage| Box::pin(async move { stage.friend.id.clone() })) },
    Thing { name: "entry_id", comes: Comes::Never { unknown: "pet.entry_unknown" } },
];

const CHIP: Then = Then::Never("it is stored encrypted, and as a keyed hash");

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/pets /name", Gone("zqpetname")),
    ("POST /api/pets /breed", Gone("zqpetbreed")),
    ("POST /api/pets /bio", Gone("zqpetbio")),
    ("POST /api/pets /birth_date", Gone("1931-07-29")),
    ("POST /api/pets /microchip", CHIP),
    ("POST /api/pet-microchips/search /number", Then::Never("a search is kept nowhere")),
    ("PATCH /api/pets/{pet_id} /name", Gone("zqpetrenamed")),
    ("PATCH /api/pets/{pet_id} /breed", Gone("zqpetrebred")),
    ("PATCH /api/pets/{pet_id} /bio", Gone("zqpetedited")),
    ("PATCH /api/pets/{pet_id} /birth_date", Gone("1931-07-30")),
    ("PATCH /api/pets/{pet_id} /microchip", CHIP),
    ("PUT /api/pets/{pet_id} /name", Gone("zqpetrenamed")),
    ("PUT /api/pets/{pet_id} /breed", Gone("zqpetrebred")),
    ("PUT /api/pets/{pet_id} /bio", Gone("zqpetedited")),
    ("PUT /api/pets/{pet_id} /birth_date", Gone("1931-07-30")),
    ("PUT /api/pets/{pet_id} /microchip", CHIP),
    ("PUT /api/pets/{pet_id}/lost /text", Gone("zqpetlost")),
    ("PUT /api/pets/{pet_id}/lost /place/text", Gone("zqpetplace")),
    ("POST /api/pets/{pet_id}/log /text", Gone("zqpetnote")),
];

const SHARED: Reasons = &[("GET /api/users/{user_id}/pets", "strangers see the public pets of a person whom they see")];

const NOT_SENT: Reasons = &[
    ("invitePetKeeper", "the example names nobody of the walk"),
    ("transferPet", "the example names nobody of the walk"),
    ("answerPetInvitation", "the owner is not invited"),
    ("leavePet", "the owner cannot leave"),
    ("deletePetLogEntry", "there is no entry in a walk"),
];

/// How many pets one person can have.
const PETS: usize = 100;

const LISTS: &[List] = &[
    List { path: "/api/pets/species", at_least: 20, rows: None },
    List {
        path: "/api/pets",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO pets (id, owner_id, name, species, sex, visibility, created_at, version)
                   SELECT {id}, {owner}, 'x', 'fish', 'unknown', 'public', {now}, 1 FROM {series};
                 INSERT INTO pet_keepers (pet_id, user_id, role, accepted, since)
                   SELECT {id}, {owner}, 'owner', {yes}, {now} FROM {series};",
                id = scene.id_of_n(),
                owner = scene.id_of("user_id"),
                yes = scene.yes(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    // Those are theirs.
    List { path: "/api/users/{user_id}/pets", at_least: PETS, rows: None },
    List {
        path: "/api/pets/invitations",
        at_least: PETS,
        rows: Some(|scene| {
            format!(
                "INSERT INTO pet_keepers (pet_id, user_id, role, accepted, since)
                   SELECT {id}, {me}, 'caretaker', {no}, {now} FROM {series} WHERE s.n > {PETS} AND s.n <= 2 * {PETS};",
                id = scene.id_of_n(),
                me = scene.me(),
                no = scene.no(),
                now = scene.at("0"),
                series = scene.series(2 * PETS),
            )
        }),
    },
    List { path: "/api/pets/{pet_id}/keepers", at_least: 19, rows: Some(keepers) },
    List {
        path: "/api/pets/{pet_id}/log",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO pet_log (id, pet_id, author_id, kind, text, at, created_at)
                   SELECT {id}, {pet}, {me}, 'note', 'x', {now}, {now} FROM {series};",
                id = scene.new_id(),
                pet = scene.id_of("pet_id"),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
];

fn keepers(scene: &Scene) -> String {
    format!(
        "{people}; INSERT INTO pet_keepers (pet_id, user_id, role, accepted, since)
           SELECT {pet}, id, 'caretaker', {yes}, created_at FROM users WHERE username LIKE 'sitter%';",
        people = super::friends::people(scene, "sitter", 17),
        pet = scene.id_of("pet_id"),
        yes = scene.yes(),
    )
}

async fn plant(ada: &User) {
    let new = json!({
        "name": "zqpetname", "species": "cat", "breed": "zqpetbreed", "bio": "zqpetbio", "birth_date": "1931-07-29",
        "microchip": "276098102345678",
    });
    call(ada, "POST", "/api/pets", new, "zqidempotency-p").await.expect(201);
    // Another one, because an edit replaces what was there.
    let new = json!({"name": "Rex", "species": "dog"});
    let pet = call(ada, "POST", "/api/pets", new, "").await.expect(201);
    let pet = format!("/api/pets/{}", pet["id"].as_str().unwrap());
    let patch = json!({
        "name": "zqpetrenamed", "breed": "zqpetrebred", "bio": "zqpetedited", "birth_date": "1931-07-30",
    });
    call(ada, "PATCH", &pet, patch, "").await.expect(200);
    let lost = json!({"text": "zqpetlost", "place": {"text": "zqpetplace"}});
    call(ada, "PUT", &format!("{pet}/lost"), lost, "").await.expect(200);
    let note = json!({"kind": "note", "text": "zqpetnote"});
    call(ada, "POST", &format!("{pet}/log"), note, "zqidempotency-q").await.expect(201);
}
