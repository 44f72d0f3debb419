//! The guarantees of `Pets`.

pub mod domain;
mod growth;
mod invitations;
mod keepers;

use std::collections::BTreeSet;

use clowder_accounts::profiles::SeenAs;
use clowder_core::{Card, Error, PageRequest, UserId, Versions};
use clowder_social::pets::{
    Answer, LostPatch, MyRole, NewEntry, NewKeeper, NewOwner, NewPet, Pet, PetFilter, PetId, PetPatch, Species,
};
use domain::nothing;
use serde_json::{Value, json};

use crate::{
    friends::befriend,
    privacy::work,
    stress::of,
    world::{Person, World, code, on_both},
};

pub async fn make(world: &World, owner: &Person, new: Value) -> Pet {
    let mut whole = json!({"name": "Minka", "species": "cat"});
    whole.as_object_mut().unwrap().extend(new.as_object().unwrap().clone());
    let pet = world.store.pets.create(&world.ctx(owner), of::<NewPet>(whole)).await.unwrap();
    world.changes().await;
    pet
}

pub async fn invite(world: &World, owner: &Person, pet: PetId, user: &Person, role: &str) {
    let new = of::<NewKeeper>(json!({"user_id": user.id, "role": role}));
    world.store.pets.invite(&world.ctx(owner), pet, new).await.unwrap();
}

pub fn reply(action: &str) -> Answer {
    of(json!({"action": action}))
}

pub fn to(user: UserId) -> NewOwner {
    of(json!({"user_id": user}))
}

pub fn note(text: &str) -> NewEntry {
    of(json!({"kind": "note", "text": text}))
}

pub fn lost(text: &str) -> LostPatch {
    of(json!({"text": text, "place": {"text": "In the park", "lat": 52.5162724, "lng": 13.377722}}))
}

pub async fn keep(world: &World, owner: &Person, pet: PetId, user: &Person, role: &str) {
    invite(world, owner, pet, user, role).await;
    world.store.pets.answer(&world.ctx(user), pet, reply("accept")).await.unwrap();
    world.changes().await;
}

/// What whom is told, in the order of their names.
pub async fn told(world: &World) -> BTreeSet<(String, UserId)> {
    let changes = world.changes().await;
    changes.iter().map(|change| (change.name.to_string(), change.topic.as_user().unwrap())).collect()
}

pub fn each(name: &str, people: &[&Person]) -> BTreeSet<(String, UserId)> {
    people.iter().map(|person| (name.to_owned(), person.id)).collect()
}

/// All names on all pages of a list.
pub async fn names(world: &World, who: &Person, filter: PetFilter) -> Vec<String> {
    let mut page = PageRequest { limit: 2, cursor: None };
    let mut found = Vec::new();
    loop {
        let got = world.store.pets.pets(&world.ctx(who), filter.clone(), page.clone()).await.unwrap();
        found.extend(got.items.into_iter().map(|pet| pet.name));
        if got.next_cursor.is_none() {
            return found;
        }
        page.cursor = got.next_cursor;
    }
}

pub async fn of_user(world: &World, who: &Person, user: UserId) -> Vec<String> {
    let page = world.store.pets.of(&world.ctx(who), user, None, PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|pet| pet.name).collect()
}

pub fn ids(cards: &[Card]) -> Vec<UserId> {
    cards.iter().map(|card| card.id).collect()
}

pub async fn sees(world: &World, who: &Person, pet: PetId) -> bool {
    match world.store.pets.pet(&world.ctx(who), pet).await {
        Ok(_) => true,
        refused => {
            assert_eq!(code(refused), "pet.unknown");
            false
        }
    }
}

/// The rows that contradict each other, as the stress test looks for them.
pub fn contradictions(world: &World) -> Vec<&'static str> {
    let found = |rows: &str| count(world, rows) > 0;
    domain::DOMAIN.never.iter().filter(|(_, rows)| found(rows)).map(|(what, _)| *what).collect()
}

pub fn count(world: &World, rows: &str) -> i64 {
    use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let query = sql_query(format!("SELECT count(*) AS n FROM {rows}"));
    let found: Count = match &world.options.url {
        clowder_infra::DatabaseUrl::Postgres(url) => query.get_result(&mut PgConnection::establish(url).unwrap()),
        clowder_infra::DatabaseUrl::Sqlite(path) => query.get_result(&mut crate::world::beside(path)),
    }
    .unwrap();
    found.n
}

on_both! {
    async fn a_pet_is_added_edited_and_deleted(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let pets = &world.store.pets;
        let new = json!({
            "name": " Minka ", "species": "cat", "breed": "Siamese", "birth_date": "2020-05-17",
            "birth_date_precision": "month", "bio": "zqsleeps", "microchip": "276098102345678",
        });
        let pet = pets.create(&world.ctx(&ada), of::<NewPet>(new)).await.unwrap();
        assert_eq!(told(&world).await, each("pet.created", &[&ada]));
        assert_eq!((&*pet.name, pet.birth_date.as_deref(), pet.version), ("Minka", Some("2020-05"), 1));
        assert_eq!((pet.my_role, pet.owner.id, ids(&pet.owners)), (MyRole::Owner, ada.id, vec![ada.id]));
        assert_eq!(pet.microchip.as_deref(), Some("276098102345678"));
        let seen = pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((seen.my_role, seen.microchip, seen.bio.as_deref()), (MyRole::None, None, Some("zqsleeps")));

        let patch = || of::<PetPatch>(json!({"name": "Mimi", "bio": null, "birth_date_precision": "year", "breed": null}));
        assert_eq!(code(pets.edit(&world.ctx(&bob), pet.id, None, patch()).await), "pet.forbidden");
        let edited = pets.edit(&world.ctx(&ada), pet.id, Some(1.into()), patch()).await.unwrap();
        assert_eq!((&*edited.name, edited.bio, edited.breed, edited.version), ("Mimi", None, None, 2));
        assert_eq!(edited.birth_date.as_deref(), Some("2020"));
        assert_eq!(told(&world).await, each("pet.updated", &[&ada]));
        assert_eq!(code(pets.edit(&world.ctx(&ada), pet.id, Some(1.into()), patch()).await), "pet.stale");
        let same = of::<PetPatch>(json!({"name": "Mimi", "microchip": "276098102345678"}));
        assert_eq!(pets.edit(&world.ctx(&ada), pet.id, Some(2.into()), same).await.unwrap().version, 2);
        assert!(world.names().await.is_empty(), "what changes nothing is no change");
        let future = of::<PetPatch>(json!({"birth_date": "2999"}));
        assert!(matches!(pets.edit(&world.ctx(&ada), pet.id, None, future).await, Err(Error::Invalid(_))));

        assert_eq!(code(pets.delete(&world.ctx(&bob), pet.id, None).await), "pet.forbidden");
        let none = Versions::from_iter([]);
        assert_eq!(code(pets.delete(&world.ctx(&ada), pet.id, Some(none)).await), "pet.stale");
        pets.write(&world.ctx(&ada), pet.id, note("zqvaccinated")).await.unwrap();
        pets.delete(&world.ctx(&ada), pet.id, Some(2.into())).await.unwrap();
        assert_eq!(told(&world).await, each("pet.deleted", &[&ada]));
        assert!(!sees(&world, &ada, pet.id).await);
        // What was in its log is left to a job.
        work(&world, &world.store).await;
        for table in ["pets", "pet_keepers", "pet_words", "pet_log"] {
            assert_eq!(count(&world, table), 0, "{table}");
        }
        for text in ["zqsleeps", "zqvaccinated"] {
            world.gone(text.as_bytes()).await;
        }
    }

    async fn who_may_not_see_a_pet_is_told_nothing(world: World) {
        let [ada, eve] = world.people(["ada", "eve"]).await;
        let pets = &world.store.pets;
        let pet = make(&world, &ada, json!({"visibility": "private"})).await;
        for id in [pet.id, nothing(&world)] {
            let ctx = || world.ctx(&eve);
            assert_eq!(code(pets.pet(&ctx(), id).await), "pet.unknown");
            assert_eq!(code(pets.edit(&ctx(), id, None, PetPatch::default()).await), "pet.unknown");
            assert_eq!(code(pets.delete(&ctx(), id, None).await), "pet.unknown");
            assert_eq!(code(pets.lose(&ctx(), id, None, lost("shy")).await), "pet.unknown");
            assert_eq!(code(pets.find(&ctx(), id, None).await), "pet.unknown");
            assert_eq!(code(pets.keepers(&ctx(), id, PageRequest::default()).await), "pet.unknown");
            let new = of::<NewKeeper>(json!({"user_id": eve.id, "role": "caretaker"}));
            assert_eq!(code(pets.invite(&ctx(), id, new).await), "pet.unknown");
            assert_eq!(code(pets.answer(&ctx(), id, reply("accept")).await), "pet.unknown");
            assert_eq!(code(pets.remove(&ctx(), id, eve.id).await), "pet.unknown");
            assert_eq!(code(pets.remove(&ctx(), id, ada.id).await), "pet.unknown");
            assert_eq!(code(pets.transfer(&ctx(), id, to(eve.id)).await), "pet.unknown");
            assert_eq!(code(pets.log(&ctx(), id, PageRequest::default()).await), "pet.unknown");
            assert_eq!(code(pets.write(&ctx(), id, note("x")).await), "pet.unknown");
            assert_eq!(code(pets.erase(&ctx(), id, nothing(&world)).await), "pet.unknown");
        }
        assert!(world.names().await.is_empty());
    }

    /// Listed, found, listed with a person and read: the same for everybody, whatever connects them.
    async fn listed_is_found_is_seen(world: World) {
        let people = world.people(["ada", "bob", "cem", "dia", "eve"]).await;
        let [ada, bob, cem, dia, eve] = &people;
        befriend(&world, ada, bob).await;
        befriend(&world, cem, dia).await;
        let mut made = Vec::new();
        for visibility in ["public", "friends", "private"] {
            for is_lost in [false, true] {
                for co_owned in [false, true] {
                    let name = format!("Zq{visibility}{is_lost}{co_owned}").replace(' ', "");
                    let pet = make(&world, ada, json!({"name": name, "visibility": visibility})).await;
                    if is_lost {
                        world.store.pets.lose(&world.ctx(ada), pet.id, None, lost("shy")).await.unwrap();
                    }
                    if co_owned {
                        keep(&world, ada, pet.id, cem, "co_owner").await;
                    }
                    made.push((pet.id, name));
                }
            }
        }
        let check = async |hidden: &[UserId]| {
            let mut counts = Vec::new();
            for viewer in &people {
                let mut expected = BTreeSet::new();
                for (pet, name) in &made {
                    if sees(&world, viewer, *pet).await {
                        expected.insert(name.clone());
                    }
                }
                let listed = names(&world, viewer, PetFilter::default()).await;
                assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len(), "nothing twice");
                assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
                let search = PetFilter { search: Some("zq".to_owned()), ..PetFilter::default() };
                assert_eq!(names(&world, viewer, search).await.into_iter().collect::<BTreeSet<_>>(), expected);
                let [missing, there] = [true, false].map(|lost| PetFilter { lost: Some(lost), ..PetFilter::default() });
                let both = [names(&world, viewer, missing).await, names(&world, viewer, there).await].concat();
                assert_eq!(both.into_iter().collect::<BTreeSet<_>>(), expected);
                if hidden.contains(&viewer.id) {
                    assert_eq!(code(world.store.pets.of(&world.ctx(viewer), ada.id, None, PageRequest::default()).await), "user.unknown");
                } else {
                    assert_eq!(of_user(&world, viewer, ada.id).await.into_iter().collect::<BTreeSet<_>>(), expected);
                    let profile = world.store.profiles.user(&world.ctx(viewer), ada.id, None).await.unwrap().user;
                    assert_eq!(profile.pets_count, Some(expected.len() as i64));
                }
                counts.push(expected.len());
            }
            counts
        };
        // The owner, her friend, the co-owner, his friend, and a stranger.
        assert_eq!(check(&[]).await, [12, 8, 9, 7, 6]);
        let as_others = async |owner: &Person| {
            let mut counts = Vec::new();
            for seen_as in [None, Some(SeenAs::Public), Some(SeenAs::Friend)] {
                let (ctx, page) = (world.ctx(owner), PageRequest::default());
                let shown = world.store.profiles.user(&ctx, owner.id, seen_as).await.unwrap().user.pets_count;
                let listed = world.store.pets.of(&ctx, owner.id, seen_as, page).await.unwrap().items.len();
                assert_eq!(shown, Some(listed as i64), "{seen_as:?}");
                counts.push(listed);
            }
            counts
        };
        assert_eq!(as_others(ada).await, [12, 6, 8]);
        assert_eq!(as_others(cem).await, [6, 3, 4], "pets of somebody else");
        let block = clowder_social::NewBlock::default();
        world.store.blocks.block(&world.ctx(ada), eve.id, block).await.unwrap();
        assert_eq!(check(&[eve.id]).await, [12, 8, 9, 7, 0]);
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'ada'").unwrap();
        // Whoever keeps a pet goes on doing so; everybody else loses sight of its owner.
        assert_eq!(as_others(cem).await, [6, 0, 0], "and of pets that somebody else keeps, too");
        assert_eq!(check(&[bob.id, cem.id, dia.id, eve.id]).await, [12, 0, 6, 0, 0]);
    }

    async fn people_choose_who_sees_their_list_of_pets(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        befriend(&world, &ada, &bob).await;
        let pet = make(&world, &ada, json!({})).await;
        for (audience, friend, stranger) in [("everyone", true, true), ("friends", true, false), ("nobody", false, false)] {
            let patch = of::<clowder_accounts::model::SettingsPatch>(json!({"privacy": {"pets": audience}}));
            world.store.preferences.edit_settings(&world.ctx(&ada), None, patch).await.unwrap();
            for (viewer, shown) in [(&ada, true), (&bob, friend), (&eve, stranger)] {
                let profile = world.store.profiles.user(&world.ctx(viewer), ada.id, None).await.unwrap().user;
                assert_eq!(profile.pets_count, shown.then_some(1), "{audience}");
                let list = world.store.pets.of(&world.ctx(viewer), ada.id, None, PageRequest::default()).await;
                if shown {
                    assert_eq!(list.unwrap().items[0].id, pet.id);
                } else {
                    assert_eq!(code(list), "pets.hidden");
                }
                // To anybody else, the pet is private, too, unless it is lost.
                let everywhere = async || {
                    let search = PetFilter { search: Some("minka".to_owned()), ..PetFilter::default() };
                    let [listed, found] = [PetFilter::default(), search].map(|filter| names(&world, viewer, filter));
                    (sees(&world, viewer, pet.id).await, listed.await.len(), found.await.len())
                };
                assert_eq!(everywhere().await, (shown, usize::from(shown), usize::from(shown)), "{audience}");
                world.store.pets.lose(&world.ctx(&ada), pet.id, None, lost("shy")).await.unwrap();
                assert_eq!(everywhere().await, (true, 1, 1), "{audience}");
                world.store.pets.find(&world.ctx(&ada), pet.id, None).await.unwrap();
            }
        }
    }

    async fn a_lost_pet_of_friends_is_shown_as_a_card(world: World) {
        let [ada, bob, cem, eve] = world.people(["ada", "bob", "cem", "eve"]).await;
        befriend(&world, &ada, &bob).await;
        let pets = &world.store.pets;
        let pet = make(&world, &ada, json!({"visibility": "friends", "bio": "sleeps", "birth_date": "2020"})).await;
        keep(&world, &ada, pet.id, &cem, "co_owner").await;
        assert!(!sees(&world, &eve, pet.id).await);
        let missing = pets.lose(&world.ctx(&cem), pet.id, None, lost("shy")).await.unwrap();
        assert_eq!(told(&world).await, each("pet.updated", &[&ada, &cem]));
        let place = missing.lost.as_ref().unwrap().place.clone().unwrap();
        assert_eq!(json!(place), json!({"text": "In the park", "lat": 52.516272, "lng": 13.377722}));
        let card = pets.pet(&world.ctx(&eve), pet.id).await.unwrap();
        assert_eq!((&card.bio, &card.birth_date, ids(&card.owners), &card.lost), (&None, &None, vec![ada.id], &missing.lost));
        let whole = pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((whole.bio.as_deref(), ids(&whole.owners)), (Some("sleeps"), vec![ada.id, cem.id]));
        let again = pets.lose(&world.ctx(&ada), pet.id, None, of(json!({"text": "still shy"}))).await.unwrap();
        assert_eq!(again.lost.as_ref().map(|lost| (lost.since, &lost.place)), missing.lost.as_ref().map(|lost| (lost.since, &None)));
        assert_eq!(code(pets.lose(&world.ctx(&eve), pet.id, None, lost("x")).await), "pet.forbidden");
        assert_eq!(code(pets.find(&world.ctx(&ada), pet.id, Some(1.into())).await), "pet.stale");
        pets.find(&world.ctx(&ada), pet.id, None).await.unwrap();
        world.changes().await;
        pets.find(&world.ctx(&ada), pet.id, None).await.unwrap();
        assert!(world.names().await.is_empty());
        assert!(!sees(&world, &eve, pet.id).await);
    }

    async fn pets_are_found_by_their_words(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for (name, species, visibility) in [
            ("Señor Bürste", "dog", "public"),
            ("Bürstenkopf", "cat", "public"),
            ("Bursche Senior", "dog", "friends"),
            ("מינקה", "cat", "public"),
            ("می\u{200c}خواهم", "cat", "public"),
        ] {
            make(&world, &ada, json!({"name": name, "species": species, "visibility": visibility})).await;
        }
        let found = async |who: &Person, search: &str, species: Option<Species>| {
            let filter = PetFilter { search: Some(search.to_owned()), species, ..PetFilter::default() };
            names(&world, who, filter).await
        };
        assert_eq!(found(&bob, "burst", None).await, ["Señor Bürste", "Bürstenkopf"]);
        assert_eq!(found(&bob, "BÜRS", Some(Species::Cat)).await, ["Bürstenkopf"]);
        assert_eq!(found(&ada, "sen bur", None).await, ["Bursche Senior", "Señor Bürste"]);
        assert_eq!(found(&bob, "מינ", None).await, ["מינקה"]);
        for nothing in ["ürste", "%", "_", "\u{200b}", "minka"] {
            assert_eq!(found(&bob, nothing, None).await, Vec::<String>::new(), "{nothing}");
        }
        let cats = PetFilter { species: Some(Species::Cat), ..PetFilter::default() };
        assert_eq!(names(&world, &bob, cats).await, ["می\u{200c}خواهم", "מינקה", "Bürstenkopf"]);
        let wrong = PageRequest { limit: 2, cursor: Some("nonsense".to_owned()) };
        assert!(matches!(world.store.pets.pets(&world.ctx(&bob), PetFilter::default(), wrong).await, Err(Error::Invalid(_))));
    }
}
