//! Pets over the database: each method is one transaction, and everybody who keeps a pet is told of what changes.

mod clearing;
mod invitations;
mod keepers;
mod log;
mod microchips;
mod photos;
mod privacy;
pub mod read;
mod search;
mod words;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::{Ctx, Page, PageRequest, Result, SeenAs, UserId, Versions};
use clowder_social::{
    Pets,
    pets::{
        Answer, Entry, EntryId, Keeper, LostPatch, NewEntry, NewKeeper, NewOwner, NewPet, Pet, PetFilter, PetId,
        PetInvitation, PetPatch, model::Microchip,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::instrument;

pub use keepers::{kept_with, sever};
pub use read::{count_seen_as, count_visible};
pub use writes::blank_by_decision;

use super::{
    Repo,
    clock::{CHOSEN, SHOWN, never},
    db::Tx,
    domains::{Domain, Sweep},
    idempotency::Stub,
    people::Viewer,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("pet.created", "pet.created", Whose::Actor, Target::Subject("pet")),
        Rule::new("pet.deleted", "pet.deleted", Whose::Actor, Target::Subject("pet")),
        Rule::new("pet.keeper_added", "pet.joined", Whose::OnOneself("/user_id"), Target::Subject("pet")),
        Rule::new("pet.keeper_invited", "pet.keeper_invited", Whose::OnAnother("/user_id"), Target::Subject("pet")),
        Rule::new("pet.keeper_removed", "pet.keeper_removed", Whose::OnAnother("/user_id"), Target::Subject("pet")),
        Rule::new("pet.keeper_removed", "pet.left", Whose::OnOneself("/user_id"), Target::Subject("pet")),
        Rule::new("pet.keeper_updated", "pet.transferred", Whose::Actor, Target::Subject("pet")).only(is_new_owner),
        Rule::new("pet.updated", "pet.changed", Whose::Actor, Target::Subject("pet")),
    ],
    files: &[photos::HOLDER],
    sealed: &[microchips::NUMBER],
    words: &[
        "pet_attempts.kind",
        "pet_keepers.role",
        "pet_log.kind",
        "pets.birth_date",
        "pets.sex",
        "pets.species",
        "pets.visibility",
    ],
    told: &[("pet_words.word", "one word of a name, which may be part of any text; no change shows names of pets")],
    times: &[
        never("pet_attempts.made_at", "what lies after now counts as within the last day until it does"),
        never("pet_attempts.refused_at", "what lies after now counts as now"),
        never("pet_keepers.since", "decides who of two co-owners inherits a pet; an invitation is open for longer"),
        never("pet_log.at", CHOSEN),
        never("pet_log.created_at", SHOWN),
        never("pets.created_at", SHOWN),
        never("pets.lost_since", SHOWN),
    ],
    sweeps: &[Sweep::Steps(invitations::expire), Sweep::Rows(invitations::sweep)],
    workers: |repo| vec![Arc::new(clearing::Clearer(Arc::clone(repo)))],
    ..Domain::NONE
};

/// What is stored of a new pet: its id.
#[derive(Serialize, Deserialize)]
struct StoredPet(PetId);

impl Stub for StoredPet {}

/// What is stored of an invitation: who was invited.
#[derive(Serialize, Deserialize)]
struct StoredKeeper(UserId);

impl Stub for StoredKeeper {}

/// What is stored of a new entry: its id.
#[derive(Serialize, Deserialize)]
struct StoredEntry(EntryId);

impl Stub for StoredEntry {}

/// Whether a keeper owns the pet from now on: there is no other way to become the owner.
fn is_new_owner(keeper: &Value) -> bool {
    keeper["role"] == "owner"
}

#[async_trait]
impl Pets for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create(&self, ctx: &Ctx, new: NewPet) -> Result<Pet> {
        let (caller, viewer) = (ctx.clone(), Viewer::of(ctx)?);
        let first = move |tx: &mut Tx<'_>| {
            let pet = writes::create(tx, &caller, new.clone())?;
            let stub = StoredPet(pet.id);
            Ok((pet, stub))
        };
        let again = move |tx: &mut Tx<'_>, StoredPet(id)| read::one(tx.conn, &tx.services.ring, viewer, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn pets(&self, ctx: &Ctx, filter: PetFilter, page: PageRequest) -> Result<Page<Pet>> {
        let (viewer, ring) = (Viewer::of(ctx)?, self.db.ring());
        self.db.read(move |conn| search::list(conn, &ring, viewer, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn of(&self, ctx: &Ctx, user: UserId, seen_as: Option<SeenAs>, page: PageRequest) -> Result<Page<Pet>> {
        let (viewer, ring) = (Viewer::of(ctx)?, self.db.ring());
        self.db.read(move |conn| search::of(conn, &ring, viewer, user, seen_as, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn pet(&self, ctx: &Ctx, pet: PetId) -> Result<Pet> {
        let (viewer, ring) = (Viewer::of(ctx)?, self.db.ring());
        self.db.read(move |conn| read::one(conn, &ring, viewer, pet)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>, patch: PetPatch) -> Result<Pet> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::edit(tx, &ctx, pet, version.as_ref(), patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::delete(tx, &ctx, pet, version.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn lose(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>, lost: LostPatch) -> Result<Pet> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::lose(tx, &ctx, pet, version.as_ref(), lost.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn find(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::find(tx, &ctx, pet, version.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn keepers(&self, ctx: &Ctx, pet: PetId, page: PageRequest) -> Result<Page<Keeper>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| keepers::list(conn, viewer, pet, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invite(&self, ctx: &Ctx, pet: PetId, new: NewKeeper) -> Result<Keeper> {
        let (caller, viewer) = (ctx.clone(), Viewer::of(ctx)?);
        let first = move |tx: &mut Tx<'_>| {
            let keeper = keepers::invite(tx, &caller, pet, new)?;
            let stub = StoredKeeper(keeper.user.id);
            Ok((keeper, stub))
        };
        let again = move |tx: &mut Tx<'_>, StoredKeeper(user)| keepers::one(tx.conn, viewer, pet, user);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invitations(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<PetInvitation>> {
        let (viewer, ring) = (Viewer::of(ctx)?, self.db.ring());
        self.db.read(move |conn| keepers::invitations(conn, &ring, viewer, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn answer(&self, ctx: &Ctx, pet: PetId, answer: Answer) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| keepers::answer(tx, &ctx, pet, answer.action)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove(&self, ctx: &Ctx, pet: PetId, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| keepers::remove(tx, &ctx, pet, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn transfer(&self, ctx: &Ctx, pet: PetId, owner: NewOwner) -> Result<Pet> {
        let ctx = ctx.clone();
        self.db.write(move |tx| keepers::transfer(tx, &ctx, pet, owner.user_id)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn log(&self, ctx: &Ctx, pet: PetId, page: PageRequest) -> Result<Page<Entry>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| log::list(conn, viewer, pet, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn write(&self, ctx: &Ctx, pet: PetId, new: NewEntry) -> Result<Entry> {
        let (caller, viewer) = (ctx.clone(), Viewer::of(ctx)?);
        let first = move |tx: &mut Tx<'_>| {
            let entry = log::write(tx, &caller, pet, new.clone())?;
            let stub = StoredEntry(entry.id);
            Ok((entry, stub))
        };
        let again = move |tx: &mut Tx<'_>, StoredEntry(id)| log::one(tx.conn, viewer, pet, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn erase(&self, ctx: &Ctx, pet: PetId, entry: EntryId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| log::erase(tx, &ctx, pet, entry)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn by_microchip(&self, ctx: &Ctx, number: Microchip, page: PageRequest) -> Result<Page<Pet>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| microchips::find(tx, &ctx, &number, &page)).await
    }
}
