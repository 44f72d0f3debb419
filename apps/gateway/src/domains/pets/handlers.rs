//! Pets over HTTP.

use actix_web::web::Data;
use clowder_core::{Made, Page, PageRequest, UserId, Versions};
use clowder_social::{
    Pets,
    pets::{
        Answer as Reply, Entry, EntryId, Keeper, LostPatch, NewEntry, NewKeeper, NewOwner, NewPet, Pet, PetFilter,
        PetId, PetInvitation, PetPatch, SpeciesName, model::SoughtMicrochip,
    },
};

use crate::{
    answer::{Created, CreatedVersioned, Done, Listed, Shown, Version, Versioned},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Pets>;

impl Version for Pet {
    fn version(&self) -> i64 {
        self.tag()
    }
}

/// The versions in the tags that a caller has seen.
fn versions(tags: Option<Versions>) -> Option<Versions> {
    tags.map(|tags| tags.of_tags())
}

pub async fn species(_: Caller, mut query: Query) -> Answer<Listed<SpeciesName>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(Page::of_all(&SpeciesName::all(), &page)?))
}

pub async fn pets(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Pet>> {
    let filter = PetFilter {
        species: query.word("species"),
        search: query.text("search"),
        mine: query.flag("mine").unwrap_or(false),
        lost: query.flag("lost"),
    };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.pets(&ctx, filter, page).await?))
}

pub async fn of(port: Port, Caller(ctx): Caller, Path(user): Path<UserId>, mut query: Query) -> Answer<Listed<Pet>> {
    let (page, seen_as) = (query.page(), query.word("as"));
    query.check()?;
    Ok(Listed(port.of(&ctx, user, seen_as, page).await?))
}

pub async fn create(port: Port, Caller(ctx): Caller, Json(new): Json<NewPet>) -> Answer<CreatedVersioned<Pet>> {
    Ok(CreatedVersioned(Made::New(port.create(&ctx, new).await?)))
}

pub async fn pet(port: Port, Caller(ctx): Caller, Path(pet): Path<PetId>) -> Answer<Versioned<Pet>> {
    let pet = port.pet(&ctx, pet).await?;
    Ok(Versioned(pet.tag(), pet))
}

pub async fn edit(
    port: Port,
    Caller(ctx): Caller,
    Path(pet): Path<PetId>,
    IfMatch(tags): IfMatch,
    Json(patch): Json<PetPatch>,
) -> Answer<Versioned<Pet>> {
    let pet = port.edit(&ctx, pet, versions(tags), patch).await?;
    Ok(Versioned(pet.tag(), pet))
}

pub async fn delete(port: Port, Caller(ctx): Caller, Path(pet): Path<PetId>, IfMatch(tags): IfMatch) -> Answer<Done> {
    port.delete(&ctx, pet, versions(tags)).await?;
    Ok(Done)
}

pub async fn lose(
    port: Port,
    Caller(ctx): Caller,
    Path(pet): Path<PetId>,
    IfMatch(tags): IfMatch,
    Json(lost): Json<LostPatch>,
) -> Answer<Versioned<Pet>> {
    let pet = port.lose(&ctx, pet, versions(tags), lost).await?;
    Ok(Versioned(pet.tag(), pet))
}

pub async fn find(port: Port, Caller(ctx): Caller, Path(pet): Path<PetId>, IfMatch(tags): IfMatch) -> Answer<Done> {
    port.find(&ctx, pet, versions(tags)).await?;
    Ok(Done)
}

pub async fn keepers(
    port: Port,
    Caller(ctx): Caller,
    Path(pet): Path<PetId>,
    mut query: Query,
) -> Answer<Listed<Keeper>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.keepers(&ctx, pet, page).await?))
}

pub async fn invite(
    port: Port,
    Caller(ctx): Caller,
    Path(pet): Path<PetId>,
    Json(new): Json<NewKeeper>,
) -> Answer<Created<Keeper>> {
    Ok(Created(port.invite(&ctx, pet, new).await?))
}

pub async fn invitations(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<PetInvitation>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.invitations(&ctx, page).await?))
}

pub async fn answer(port: Port, Caller(ctx): Caller, Path(pet): Path<PetId>, Json(reply): Json<Reply>) -> Answer<Done> {
    port.answer(&ctx, pet, reply).await?;
    Ok(Done)
}

pub async fn leave(port: Port, Caller(ctx): Caller, Path(pet): Path<PetId>) -> Answer<Done> {
    port.remove(&ctx, pet, ctx.user()?).await?;
    Ok(Done)
}

pub async fn remove(port: Port, Caller(ctx): Caller, Path((pet, user)): Path<(PetId, UserId)>) -> Answer<Done> {
    port.remove(&ctx, pet, user).await?;
    Ok(Done)
}

pub async fn transfer(
    port: Port,
    Caller(ctx): Caller,
    Path(pet): Path<PetId>,
    Json(owner): Json<NewOwner>,
) -> Answer<Versioned<Pet>> {
    let pet = port.transfer(&ctx, pet, owner).await?;
    Ok(Versioned(pet.tag(), pet))
}

pub async fn log(port: Port, Caller(ctx): Caller, Path(pet): Path<PetId>, mut query: Query) -> Answer<Listed<Entry>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.log(&ctx, pet, page).await?))
}

pub async fn write(
    port: Port,
    Caller(ctx): Caller,
    Path(pet): Path<PetId>,
    Json(new): Json<NewEntry>,
) -> Answer<Created<Entry>> {
    Ok(Created(port.write(&ctx, pet, new).await?))
}

pub async fn erase(port: Port, Caller(ctx): Caller, Path((pet, entry)): Path<(PetId, EntryId)>) -> Answer<Done> {
    port.erase(&ctx, pet, entry).await?;
    Ok(Done)
}

pub async fn by_microchip(
    port: Port,
    Caller(ctx): Caller,
    Json(sought): Json<SoughtMicrochip>,
) -> Answer<Shown<PetsFound>> {
    let page = PageRequest { limit: MOST_FOUND, cursor: None };
    let items = port.by_microchip(&ctx, sought.number, page).await?.items;
    Ok(Shown(PetsFound { items }))
}

/// How many pets a search by number shows, the newest first.
const MOST_FOUND: u32 = 50;

/// The pets whose microchip has a number.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub struct PetsFound {
    #[schema(max_items = 50)]
    items: Vec<Pet>,
}
