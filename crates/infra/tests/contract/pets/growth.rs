//! The limits of what people can make grow, and microchips.

use std::collections::BTreeSet;

use clowder_accounts::AuditFilter;
use clowder_core::PageRequest;
use clowder_social::pets::{NewKeeper, NewPet, PetFilter, PetPatch, model::Microchip, policy};
use serde_json::json;

use super::{contradictions, count, invite, make, names, note, reply};
use crate::{
    friends::befriend,
    privacy::work,
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn everything_that_grows_has_a_limit(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let pets = &world.store.pets;
        for _ in 0..policy::MOST_PETS {
            pets.create(&world.ctx(&ada), of(json!({"name": "One of many", "species": "fish"}))).await.unwrap();
        }
        let more = of::<NewPet>(json!({"name": "Too many", "species": "fish"}));
        assert_eq!(code(pets.create(&world.ctx(&ada), more).await), "pet.limit");
        let mine = PetFilter { mine: true, ..PetFilter::default() };
        let own = pets.pets(&world.ctx(&ada), mine, PageRequest { limit: 200, cursor: None }).await.unwrap().items;
        // Others who are not friends use half of the room at most.
        befriend(&world, &ada, &bob).await;
        for pet in &own {
            invite(&world, &ada, pet.id, &bob, "caretaker").await;
        }
        let of_cem = make(&world, &cem, json!({})).await;
        let new = of::<NewKeeper>(json!({"user_id": bob.id, "role": "caretaker"}));
        assert_eq!(code(pets.invite(&world.ctx(&cem), of_cem.id, new).await), "pet.invitations");
        invite(&world, &cem, of_cem.id, &ada, "caretaker").await;
        assert_eq!(code(pets.answer(&world.ctx(&ada), of_cem.id, reply("accept")).await), "pet.limit");
        for n in 2..policy::MOST_KEEPERS {
            invite(&world, &cem, of_cem.id, &world.person(&format!("pal{n}")).await, "caretaker").await;
        }
        let last = world.person("last").await;
        let new = of::<NewKeeper>(json!({"user_id": last.id, "role": "caretaker"}));
        assert_eq!(code(pets.invite(&world.ctx(&cem), of_cem.id, new).await), "pet.keepers");
        fill_log(&world, policy::MOST_ENTRIES - 1);
        let entry = pets.write(&world.ctx(&cem), of_cem.id, note("the last")).await.unwrap();
        assert_eq!(code(pets.write(&world.ctx(&cem), of_cem.id, note("one too many")).await), "pet.log_limit");
        pets.erase(&world.ctx(&cem), of_cem.id, entry.id).await.unwrap();
        pets.write(&world.ctx(&cem), of_cem.id, note("zqonce more")).await.unwrap();
        assert_eq!(contradictions(&world), Vec::<&str>::new());
        // The pet goes at once, and the log, of which there is as much as there can be, in pieces.
        pets.delete(&world.ctx(&cem), of_cem.id, None).await.unwrap();
        assert_eq!(code(pets.log(&world.ctx(&cem), of_cem.id, PageRequest::default()).await), "pet.unknown");
        assert_eq!(count(&world, "pet_log"), policy::MOST_ENTRIES);
        work(&world, &world.store).await;
        assert_eq!(count(&world, "pet_log"), 0);
        world.gone(b"zqonce more").await;
    }

    /// However many pets are hidden from somebody, a page ends soon, and nothing is missing from all pages together.
    async fn a_page_is_bounded_work(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let first = make(&world, &ada, json!({"name": "Very first"})).await;
        fill_pets(&world, 4_500);
        let page = world.store.pets.pets(&world.ctx(&bob), PetFilter::default(), PageRequest::default()).await.unwrap();
        assert!(page.items.is_empty() && page.next_cursor.is_some());
        assert_eq!(names(&world, &bob, PetFilter::default()).await, [first.name]);
        let search = PetFilter { search: Some("hidd".to_owned()), ..PetFilter::default() };
        assert_eq!(names(&world, &bob, search).await, Vec::<String>::new());
    }

    async fn a_microchip_is_sealed_and_found_by_its_hash(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let number = "276098102345678";
        let mine = make(&world, &ada, json!({"microchip": number, "visibility": "private"})).await;
        let theirs = make(&world, &bob, json!({"microchip": number})).await;
        make(&world, &bob, json!({"microchip": "276098102345679"})).await;
        assert!(!world.holds(number.as_bytes()), "the number stands in the database");
        world.meddle("UPDATE users SET role = 'moderator' WHERE username = 'bob'").unwrap();
        let find = async |store: &clowder_infra::Store, number: &str| {
            let page = PageRequest { limit: 1, cursor: None };
            let first = store.pets.by_microchip(&world.ctx(&bob), Microchip::read(number).unwrap(), page).await.unwrap();
            let mut found = first.items;
            if first.next_cursor.is_some() {
                let page = PageRequest { limit: 1, cursor: first.next_cursor };
                let next = store.pets.by_microchip(&world.ctx(&bob), Microchip::read(number).unwrap(), page).await.unwrap();
                found.extend(next.items);
            }
            found.into_iter().map(|pet| (pet.id, pet.microchip)).collect::<Vec<_>>()
        };
        let chip = Some(number.to_owned());
        let both = [(theirs.id, chip.clone()), (mine.id, chip.clone())];
        assert_eq!(find(&world.store, number).await, both);
        assert_eq!(find(&world.store, "000000000000000").await, []);
        let filter = AuditFilter { action: Some("pet.microchip_sought".to_owned()), ..AuditFilter::default() };
        // What was written has its place in the log now.
        world.store.audit.chain().await.unwrap();
        let log = world.store.audit.export(&filter, 0, i64::MAX, 10).await.unwrap();
        let shown: Vec<_> = log.iter().map(|record| record.after.as_ref().unwrap()["pets"].clone()).collect();
        assert_eq!(shown, [json!([theirs.id]), json!([mine.id]), json!([])]);
        assert!(!log.iter().any(|record| json!(record).to_string().contains(number)), "the log says what was found only");

        // Rotation of the ring encrypts it anew and leaves the hash alone.
        let rotated = world.node_with_keys(crate::sealing::NEW).await;
        let column = clowder_infra::seal::columns().into_iter().find(|column| column.table == "pets").unwrap();
        assert_eq!(rotated.sealing.rotate(column, None).await.unwrap().resealed, 3);
        crate::sealing::rotate(&rotated).await;
        assert_eq!(find(&rotated, number).await, both);
        // Under another secret, the hashes are made anew when a store opens.
        let hash = count(&world, "pets WHERE microchip_index IS NOT NULL");
        let before = hashes(&world);
        let moved = world.node_with(|options| {
            options.encryption_keys = crate::sealing::NEW.to_owned();
            options.secret = "another secret for tests, of thirty-two characters".into();
        });
        let moved = moved.await;
        let after = hashes(&world);
        assert!(hash == 3 && before.iter().all(|hash| !after.contains(hash)) && after.len() == 2);
        let chip = Microchip::read(number).unwrap();
        let found = moved.pets.by_microchip(&world.ctx(&bob), chip, PageRequest::default()).await.unwrap();
        assert_eq!(found.items.len(), 2);
        let cleared = of::<PetPatch>(json!({"microchip": null}));
        assert_eq!(moved.pets.edit(&world.ctx(&ada), mine.id, None, cleared).await.unwrap().microchip, None);
        assert_eq!(count(&world, "pets WHERE microchip IS NOT NULL"), 2);
    }
}

/// So many more entries in the log of the latest pet.
fn fill_log(world: &World, many: i64) {
    world.batch(&format!(
        "INSERT INTO pet_log (id, pet_id, author_id, kind, grams, at, created_at)
           SELECT {id}, p.id, p.owner_id, 'weight', 4200, p.created_at, p.created_at
           FROM {series} JOIN pets p ON p.id = (SELECT id FROM pets ORDER BY id DESC LIMIT 1)",
        id = id_of_n(world),
        series = series(world, many),
    ));
}

/// So many pets of ada that only her friends see.
fn fill_pets(world: &World, many: i64) {
    let (id, series) = (id_of_n(world), series(world, many));
    // Ids of numbers would be older than everything.
    let id = id
        .replace("lpad(to_hex(s.n), 32, '0')", "'ffff' || lpad(to_hex(s.n), 28, '0')")
        .replace("'%016d'", "'~~%014d'");
    let yes = if world.is_postgres() { "true" } else { "1" };
    world.batch(&format!(
        "INSERT INTO pets (id, owner_id, name, species, sex, visibility, created_at, version)
           SELECT {id}, u.id, 'Hidden', 'fish', 'unknown', 'friends', u.created_at, 1
           FROM {series} JOIN users u ON u.username = 'ada';
         INSERT INTO pet_keepers (pet_id, user_id, role, accepted, since)
           SELECT {id}, u.id, 'owner', {yes}, u.created_at FROM {series} JOIN users u ON u.username = 'ada';
         INSERT INTO pet_words (word, pet_id) SELECT 'hidden', {id} FROM {series};"
    ));
}

fn series(world: &World, many: i64) -> String {
    if world.is_postgres() {
        format!("generate_series(1, {many}) AS s(n)")
    } else {
        format!("(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {many}) SELECT n FROM t) s")
    }
}

fn id_of_n(world: &World) -> String {
    let id = if world.is_postgres() {
        "CAST(lpad(to_hex(s.n), 32, '0') AS uuid)"
    } else {
        "CAST(printf('%016d', s.n) AS BLOB)"
    };
    id.to_owned()
}

/// The hashes of the numbers of all pets.
fn hashes(world: &World) -> BTreeSet<String> {
    use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
    #[derive(QueryableByName)]
    struct Hash {
        #[diesel(sql_type = Text)]
        hash: String,
    }
    let hash = if world.is_postgres() { "encode(microchip_index, 'hex')" } else { "hex(microchip_index)" };
    let query = sql_query(format!("SELECT {hash} AS hash FROM pets WHERE microchip_index IS NOT NULL"));
    let found: Vec<Hash> = match &world.options.url {
        clowder_infra::DatabaseUrl::Postgres(url) => query.load(&mut PgConnection::establish(url).unwrap()),
        clowder_infra::DatabaseUrl::Sqlite(path) => query.load(&mut crate::world::beside(path)),
    }
    .unwrap();
    found.into_iter().map(|hash| hash.hash).collect()
}
