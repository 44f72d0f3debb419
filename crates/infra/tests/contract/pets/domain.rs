//! What the tests of all domains need to know about pets.

use clowder_core::{Ctx, Error, Id, IdempotencyKey, PageRequest, Result, UserId};
use clowder_social::pets::{
    Answer, LostPatch, NewEntry, NewKeeper, NewOwner, NewPet, PetId, PetPatch, model::Microchip,
};
use serde_json::json;

use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Pets::create",
        "Pets::edit",
        "Pets::delete",
        "Pets::lose",
        "Pets::find",
        "Pets::invite",
        "Pets::answer",
        "Pets::remove",
        "Pets::transfer",
        "Pets::write",
        "Pets::erase",
        "Pets::by_microchip",
    ],
    reads: &["Pets::pet", "Pets::pets", "Pets::of", "Pets::keepers", "Pets::invitations", "Pets::log"],
    perform,
    keeps,
    repeats,
    ids: &[
        "pet_attempts.id",
        "pet_attempts.pet_id",
        "pet_log.id",
        "pet_log.pet_id",
        "pet_photos.file_id",
        "pets.avatar_id",
        "pets.id",
    ],
    never: &[
        (
            "a pet whose owner is not its owner",
            "pets p WHERE NOT EXISTS (SELECT 1 FROM pet_keepers k WHERE k.pet_id = p.id AND k.user_id = p.owner_id \
             AND k.role = 'owner' AND k.accepted)",
        ),
        (
            "somebody who keeps a pet of whom they have blocked, or who has blocked them",
            "pet_keepers k JOIN pets p ON p.id = k.pet_id JOIN blocks b ON (b.user_id = k.user_id AND \
             b.blocked_id = p.owner_id) OR (b.user_id = p.owner_id AND b.blocked_id = k.user_id)",
        ),
        ("too many who keep a pet", "(SELECT pet_id FROM pet_keepers GROUP BY pet_id HAVING count(*) > 20) AS many"),
        (
            "a pet that is not found by its name",
            "pets p WHERE NOT EXISTS (SELECT 1 FROM pet_words w WHERE w.pet_id = p.id)",
        ),
    ],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let pets = &world.store.pets;
        let new = json!({"name": "Peculiar Minka", "species": "cat", "microchip": "276098102345678"});
        let pet = pets.create(&world.ctx(ada), of::<NewPet>(new)).await?;
        pets.lose(&world.ctx(ada), pet.id, None, of::<LostPatch>(json!({"text": "shy"}))).await?;
        let note = of::<NewEntry>(json!({"kind": "note", "text": "vaccinated"}));
        pets.write(&world.ctx(ada), pet.id, note).await?;
        let owner = world.person("breeder").await;
        let theirs = pets.create(&world.ctx(&owner), of::<NewPet>(json!({"name": "Rex", "species": "dog"}))).await?;
        let invited = of::<NewKeeper>(json!({"user_id": ada.id, "role": "caretaker"}));
        pets.invite(&world.ctx(&owner), theirs.id, invited).await?;
        pets.answer(&world.ctx(ada), theirs.id, of::<Answer>(json!({"action": "decline"}))).await
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let pets = &world.store.pets;
        let new = || of::<NewPet>(json!({"name": "Minka", "species": "cat"}));
        let pet = pets.create(&once(world.ctx(ada), "pet"), new()).await?;
        pets.edit(&world.ctx(ada), pet.id, None, of::<PetPatch>(json!({"name": "Mimi"}))).await?;
        let again = pets.create(&once(world.ctx(ada), "pet"), new()).await?;
        assert_eq!((again.id, &*again.name), (pet.id, "Mimi"));
        let sitter = world.person("sitter").await;
        let invite = || of::<NewKeeper>(json!({"user_id": sitter.id, "role": "caretaker"}));
        let made = pets.invite(&once(world.ctx(ada), "keeper"), pet.id, invite()).await?;
        pets.answer(&world.ctx(&sitter), pet.id, of::<Answer>(json!({"action": "accept"}))).await?;
        let again = pets.invite(&once(world.ctx(ada), "keeper"), pet.id, invite()).await?;
        assert_eq!((again.user, made.accepted, again.accepted), (made.user, false, true));
        let note = || of::<NewEntry>(json!({"kind": "note", "text": "vaccinated"}));
        let made = pets.write(&once(world.ctx(ada), "entry"), pet.id, note()).await?;
        assert_eq!(pets.write(&once(world.ctx(ada), "entry"), pet.id, note()).await?, made);
        Ok(())
    })
}

/// One of the pets that this member owns, or a new one.
async fn pet_of(scene: &Scene<'_>, ctx: &Ctx) -> Result<PetId> {
    let filter = clowder_social::pets::PetFilter { mine: true, ..Default::default() };
    let own = scene.store.pets.pets(ctx, filter, PageRequest::default()).await?.items;
    let owner = ctx.user()?;
    match own.into_iter().find(|pet| pet.owner.id == owner) {
        Some(pet) => Ok(pet.id),
        None => {
            let new = of::<NewPet>(json!({"name": scene.stage.fresh("Rex "), "species": "dog", "bio": "barks"}));
            Ok(scene.store.pets.create(ctx, new).await?.id)
        }
    }
}

async fn invited(scene: &Scene<'_>, ctx: &Ctx, pet: PetId, user: UserId) -> Result<()> {
    let new = of::<NewKeeper>(json!({"user_id": user, "role": "co_owner"}));
    match scene.store.pets.invite(ctx, pet, new).await {
        Err(Error::Refused(refusal)) if refusal.code == "pet.kept" => Ok(()),
        // They have declined lately.
        Err(Error::Invalid(_)) => Err(NOTHING_TO_DO.into()),
        invited => invited.map(drop),
    }
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let ctx = scene.ctx.clone();
        let pet = pet_of(&scene, &ctx).await?;
        let pets = &scene.store.pets;
        let other = 2 + (scene.who - 2 + 1 + scene.dice.below(3)) % 4;
        let (user, others) = (scene.stage.members[other].id, scene.stage.ctx(other));
        let dice = scene.dice.below(3);
        let visibility = ["public", "friends", "private"][dice];
        let number = ["276098102345678", "276098102345679", "000000000000000"][dice];
        let (role, action) = (["caretaker", "co_owner"][dice % 2], ["accept", "decline"][dice % 2]);
        let outcome = match write {
            "Pets::create" => {
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(scene.stage.fresh("k"), [1; 32])), ..ctx };
                let new = json!({
                    "name": scene.stage.fresh("Minka "), "species": "cat", "microchip": "276098102345678",
                    "visibility": visibility,
                });
                match pets.create(&ctx, of::<NewPet>(new)).await {
                    Err(Error::Refused(refusal)) if refusal.code == "pet.limit" => pets.delete(&ctx, pet, None).await,
                    made => made.map(drop),
                }
            }
            "Pets::edit" => {
                let patch = json!({
                    "name": scene.stage.fresh("Mimi "), "bio": scene.stage.fresh("sleeps "),
                    "microchip": number,
                });
                pets.edit(&ctx, pet, None, of::<PetPatch>(patch)).await.map(drop)
            }
            "Pets::delete" => {
                // Its log is left to a job.
                let _ = pets.write(&ctx, pet, of::<NewEntry>(json!({"kind": "weight", "grams": 4200}))).await;
                pets.delete(&ctx, pet, None).await
            }
            "Pets::lose" => {
                let lost = of::<LostPatch>(json!({"text": scene.stage.fresh("shy "), "place": {"text": "park"}}));
                pets.lose(&ctx, pet, None, lost).await.map(drop)
            }
            "Pets::find" => pets.find(&ctx, pet, None).await,
            "Pets::invite" => {
                let new = of::<NewKeeper>(json!({"user_id": user, "role": role}));
                pets.invite(&ctx, pet, new).await.map(drop)
            }
            "Pets::answer" => {
                invited(&scene, &ctx, pet, user).await?;
                let answer = of::<Answer>(json!({"action": action}));
                pets.answer(&others, pet, answer).await
            }
            "Pets::remove" => {
                let _ = invited(&scene, &ctx, pet, user).await;
                if dice == 0 { pets.remove(&others, pet, user).await } else { pets.remove(&ctx, pet, user).await }
            }
            "Pets::transfer" => {
                let _ = invited(&scene, &ctx, pet, user).await;
                let _ = pets.answer(&others, pet, of::<Answer>(json!({"action": "accept"}))).await;
                pets.transfer(&ctx, pet, of::<NewOwner>(json!({"user_id": user}))).await.map(drop)
            }
            "Pets::write" => {
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(scene.stage.fresh("k"), [1; 32])), ..ctx };
                let new = of::<NewEntry>(json!({"kind": "note", "text": scene.stage.fresh("ate ")}));
                pets.write(&ctx, pet, new).await.map(drop)
            }
            "Pets::erase" => {
                let new = of::<NewEntry>(json!({"kind": "weight", "grams": 4200}));
                let entry = pets.write(&ctx, pet, new).await?;
                pets.erase(&ctx, pet, entry.id).await
            }
            "Pets::by_microchip" => {
                let number = Microchip::read("276098102345678").unwrap();
                pets.by_microchip(&scene.admin, number, PageRequest::default()).await.map(drop)
            }
            unknown => panic!("nobody performs {unknown}"),
        };
        // Others were faster, or have blocked each other meanwhile.
        match outcome {
            Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) if refusal.code.starts_with("pet.") => {
                Err(NOTHING_TO_DO.into())
            }
            Err(Error::Invalid(_)) => Err(NOTHING_TO_DO.into()),
            outcome => outcome,
        }
    })
}

/// An id that nothing has.
pub fn nothing<T>(world: &World) -> Id<T> {
    Id::new(world.now())
}
