//! The routes of pets.

use clowder_accounts::refusals::USER_UNKNOWN;
use clowder_core::{SeenAs, idempotency};
use clowder_social::pets::{
    Answer, Entry, Keeper, LostPatch, NewEntry, NewKeeper, NewOwner, NewPet, Pet, PetInvitation, PetPatch, Species,
    SpeciesName,
    model::SoughtMicrochip,
    permissions::FIND_MICROCHIPS,
    refusals::*,
    scopes::{PETS_MICROCHIP, PETS_READ, PETS_WRITE},
};

use super::handlers::{self, PetsFound};
use crate::routes::{Endpoint, delete, get, patch, post, put};

pub fn all() -> Vec<Endpoint> {
    let mut all = finding();
    all.extend(pets());
    all.extend(keepers());
    all.extend(log());
    all
}

fn finding() -> Vec<Endpoint> {
    vec![
        get("/api/pets", handlers::pets)
            .says("List the pets that you may see, the newest first")
            .called("listPets")
            .notes("Your own, those that you are invited to keep, and those that others let you see. A search finds pets whose name has words that begin with all words of the search, without case and accents, and lists them in the order of the words found.")
            .notes("A page looks at about 2,000 pets at most. If most of them are hidden from you, it may have few items or none, although `next_cursor` leads to more.")
            .scope(PETS_READ)
            .asks::<Species>("species", "Only pets of this species")
            .asks::<String>("search", "Beginnings of words of the name")
            .asks::<bool>("mine", "Only pets that you keep, as their owner or otherwise")
            .asks::<bool>("lost", "Only pets that are lost, or only those that are not")
            .lists::<Pet>(),
        get("/api/users/{user_id}/pets", handlers::of)
            .says("List the pets that somebody owns or co-owns, the newest first")
            .called("listPetsOf")
            .notes("As far as you may see them. 403 if the person does not show you their pets.")
            .scope(PETS_READ)
            .asks::<SeenAs>("as", "With your own id: your pets as somebody else sees them. Ignored with other ids")
            .lists::<Pet>()
            .refuses(&[USER_UNKNOWN, PETS_HIDDEN]),
        get("/api/pets/species", handlers::species)
            .says("List the species that a pet can have")
            .called("listPetSpecies")
            .notes("The last is `other`.")
            .scope(PETS_READ)
            .lists::<SpeciesName>(),
        // The number is in no path, because paths are in logs.
        post("/api/pet-microchips/search", handlers::by_microchip)
            .says("Find pets by the number of their microchip")
            .called("findPetsByMicrochip")
            .notes("For moderators, and for keys that they create for vets and shelters. Shows private pets, too. Nobody checks the numbers, so there may be several pets with the same one; at most 50 are shown, the newest first. The audit log keeps who asked and which pets were shown.")
            .needs(FIND_MICROCHIPS)
            .scope(PETS_MICROCHIP)
            .takes::<SoughtMicrochip>()
            .gives::<PetsFound>(200, "The pets, if there are any"),
    ]
}

fn pets() -> Vec<Endpoint> {
    vec![
        post("/api/pets", handlers::create)
            .says("Add a pet")
            .called("createPet")
            .notes("You are its owner. A repeated call is 404 if the pet has been deleted since.")
            .scope(PETS_WRITE)
            .creates()
            .takes::<NewPet>()
            .gives::<Pet>(201, "A new pet")
            .refuses(&[PET_LIMIT, PET_UNKNOWN, idempotency::MISMATCH, idempotency::RUNNING]),
        get("/api/pets/{pet_id}", handlers::pet)
            .says("Read a pet")
            .called("getPet")
            .notes("A pet that you may not see is 404, like an id that nothing has. Of a lost pet that is shown to friends otherwise, everybody else sees neither bio nor date of birth nor co-owners.")
            .scope(PETS_READ)
            .tagged()
            .gives::<Pet>(200, "The pet as you see it")
            .refuses(&[PET_UNKNOWN]),
        patch("/api/pets/{pet_id}", handlers::edit)
            .or_put()
            .says("Edit a pet")
            .called("editPet")
            .notes("For the owner and the co-owners. Everybody who keeps the pet receives `pet.updated`.")
            .scope(PETS_WRITE)
            .edits()
            .takes::<PetPatch>()
            .gives::<Pet>(200, "As it is now")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, PET_STALE]),
        delete("/api/pets/{pet_id}", handlers::delete)
            .says("Delete a pet")
            .called("deletePet")
            .notes("For the owner. Its log goes with it.")
            .scope(PETS_WRITE)
            .edits()
            .gives_nothing(204, "It is deleted")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, PET_STALE]),
        put("/api/pets/{pet_id}/lost", handlers::lose)
            .says("Say that a pet is lost")
            .called("losePet")
            .notes("For the owner and the co-owners. Until it is found, a pet that only friends see is shown to everybody who sees its owner; a private pet stays private. A second call replaces the text and the place; `since` stays.")
            .scope(PETS_WRITE)
            .reaches_others()
            .edits()
            .takes::<LostPatch>()
            .gives::<Pet>(200, "As it is now")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, PET_STALE]),
        delete("/api/pets/{pet_id}/lost", handlers::find)
            .says("Say that a pet has been found")
            .called("findPet")
            .notes("For the owner and the co-owners. Nothing happens if it was not lost.")
            .scope(PETS_WRITE)
            .edits()
            .gives_nothing(204, "It is not lost")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, PET_STALE]),
        put("/api/pets/{pet_id}/owner", handlers::transfer)
            .says("Give a pet to somebody else")
            .called("transferPet")
            .notes("For the owner, who becomes a co-owner. The new owner must be a co-owner or a caretaker.")
            .scope(PETS_WRITE)
            .takes::<NewOwner>()
            .gives::<Pet>(200, "As it is now")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, KEEPER_UNKNOWN]),
    ]
}

fn keepers() -> Vec<Endpoint> {
    vec![
        get("/api/pets/{pet_id}/keepers", handlers::keepers)
            .says("List who keeps a pet, and who is invited to")
            .called("listPetKeepers")
            .notes("For those who keep it.")
            .scope(PETS_READ)
            .lists::<Keeper>()
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN]),
        post("/api/pets/{pet_id}/keepers", handlers::invite)
            .says("Invite somebody to keep a pet")
            .called("invitePetKeeper")
            .notes("For the owner. The person, whom you must be able to see, receives `pet.keeper_invited` and sees the pet. The invitation is open for 30 days; who has declined can be invited again after 7 days.")
            .scope(PETS_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewKeeper>()
            .gives::<Keeper>(201, "They are invited")
            .refuses(&[
                PET_UNKNOWN,
                PET_FORBIDDEN,
                PET_KEPT,
                PET_KEEPERS,
                PET_INVITATIONS,
                PET_INVITES_TODAY,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ])
            .refuses_again(&[KEEPER_UNKNOWN]),
        get("/api/pets/invitations", handlers::invitations)
            .says("List the pets that you are invited to keep, the newest first")
            .called("listPetInvitations")
            .notes("Open invitations.")
            .scope(PETS_READ)
            .lists::<PetInvitation>(),
        put("/api/pets/{pet_id}/keepers/me", handlers::answer)
            .says("Accept or decline an invitation to keep a pet")
            .called("answerPetInvitation")
            .notes("Everybody who keeps the pet is told.")
            .scope(PETS_WRITE)
            .takes::<Answer>()
            .gives_nothing(204, "It is answered")
            .refuses(&[PET_UNKNOWN, INVITATION_UNKNOWN, PET_LIMIT]),
        delete("/api/pets/{pet_id}/keepers/me", handlers::leave)
            .says("Stop keeping a pet")
            .called("leavePet")
            .notes("Also declines an invitation. The owner has to transfer or delete the pet instead.")
            .scope(PETS_WRITE)
            .gives_nothing(204, "You do not keep it")
            .refuses(&[PET_UNKNOWN, KEEPER_UNKNOWN, PET_OWNER]),
        delete("/api/pets/{pet_id}/keepers/{keeper_id}", handlers::remove)
            .says("Remove somebody who keeps a pet, or withdraw an invitation")
            .called("removePetKeeper")
            .notes("For the owner. Removing yourself is leaving.")
            .scope(PETS_WRITE)
            .gives_nothing(204, "They do not keep it")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, KEEPER_UNKNOWN, PET_OWNER]),
    ]
}

fn log() -> Vec<Endpoint> {
    vec![
        get("/api/pets/{pet_id}/log", handlers::log)
            .says("Read the log of a pet, the latest first")
            .called("listPetLog")
            .notes("Weights and notes. For those who keep the pet, and for nobody else.")
            .scope(PETS_READ)
            .lists::<Entry>()
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN]),
        post("/api/pets/{pet_id}/log", handlers::write)
            .says("Write into the log of a pet")
            .called("writePetLog")
            .notes("For those who keep the pet. A weight has `grams` and may have a remark; a note has `text`.")
            .scope(PETS_WRITE)
            .creates()
            .takes::<NewEntry>()
            .gives::<Entry>(201, "A new entry")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, PET_LOG, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[ENTRY_UNKNOWN]),
        delete("/api/pets/{pet_id}/log/{entry_id}", handlers::erase)
            .says("Delete an entry of a log")
            .called("deletePetLogEntry")
            .notes("You can delete your own entries; the owner can delete all.")
            .scope(PETS_WRITE)
            .gives_nothing(204, "It is deleted")
            .refuses(&[PET_UNKNOWN, PET_FORBIDDEN, ENTRY_UNKNOWN]),
    ]
}
