//! What an implementation of pets must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, SeenAs, UserId, Versions};

use super::{
    Answer, Entry, EntryId, Keeper, LostPatch, NewEntry, NewKeeper, NewOwner, NewPet, Pet, PetFilter, PetId,
    PetInvitation, PetPatch, model::Microchip,
};

/// Each method is one use case and one transaction; its changes are committed with it, and told to everybody who keeps
/// the pet. Pets that the caller may not see ([`super::policy::sight`]) are `pet.unknown`.
#[async_trait]
pub trait Pets: Send + Sync {
    /// Adds a pet of the caller. Honours `ctx.idempotency_key`.
    async fn create(&self, ctx: &Ctx, new: NewPet) -> Result<Pet>;

    /// Pets that the caller may see, the newest first; in a search by the words of their names. The work for a page is
    /// bounded: it may have few items or none, although there are more.
    async fn pets(&self, ctx: &Ctx, filter: PetFilter, page: PageRequest) -> Result<Page<Pet>>;

    /// The pets that somebody owns or co-owns, as far as the caller may see them, the newest first. `user.unknown` if the
    /// caller may not see the person, `pets.hidden` if the person does not show their pets to the caller. The caller's own also
    /// as somebody else sees them.
    async fn of(&self, ctx: &Ctx, user: UserId, seen_as: Option<SeenAs>, page: PageRequest) -> Result<Page<Pet>>;

    async fn pet(&self, ctx: &Ctx, pet: PetId) -> Result<Pet>;

    /// Edits a pet; `pet.stale` unless `version` is absent or contains the current one.
    async fn edit(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>, patch: PetPatch) -> Result<Pet>;

    /// Deletes a pet with its log; a job deletes the entries, which nobody sees any more.
    async fn delete(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>) -> Result<()>;

    /// Says that a pet is lost, or what else is known about that; since when stays.
    async fn lose(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>, lost: LostPatch) -> Result<Pet>;

    /// Says that a pet has been found; nothing happens if it was not lost.
    async fn find(&self, ctx: &Ctx, pet: PetId, version: Option<Versions>) -> Result<()>;

    /// Who keeps a pet, and who is invited to.
    async fn keepers(&self, ctx: &Ctx, pet: PetId, page: PageRequest) -> Result<Page<Keeper>>;

    /// Invites somebody whom the owner may see, for [`super::policy::OPEN_FOR`]. Who has declined is left alone for a while
    /// (`pet.too_soon`). Honours `ctx.idempotency_key`.
    async fn invite(&self, ctx: &Ctx, pet: PetId, new: NewKeeper) -> Result<Keeper>;

    /// The caller's open invitations, in the order of the pets, the newest first.
    async fn invitations(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<PetInvitation>>;

    /// Accepts or declines an invitation. Of an answer and a withdrawal at the same time, the first counts.
    async fn answer(&self, ctx: &Ctx, pet: PetId, answer: Answer) -> Result<()>;

    /// Removes a keeper, or withdraws an invitation; by the owner, or by themselves.
    async fn remove(&self, ctx: &Ctx, pet: PetId, user: UserId) -> Result<()>;

    /// Gives the pet to somebody else who keeps it; the caller becomes a co-owner. A pet always has exactly one owner.
    async fn transfer(&self, ctx: &Ctx, pet: PetId, owner: NewOwner) -> Result<Pet>;

    /// The log of a pet, the latest first.
    async fn log(&self, ctx: &Ctx, pet: PetId, page: PageRequest) -> Result<Page<Entry>>;

    /// Writes into the log. Honours `ctx.idempotency_key`.
    async fn write(&self, ctx: &Ctx, pet: PetId, new: NewEntry) -> Result<Entry>;

    /// Deletes an entry of the log.
    async fn erase(&self, ctx: &Ctx, pet: PetId, entry: EntryId) -> Result<()>;

    /// The pets whose microchip has this number, whoever may see them; there may be several, because nobody checks the
    /// numbers. The audit log keeps who asked and what was found. The gateway checks who may ask.
    async fn by_microchip(&self, ctx: &Ctx, number: Microchip, page: PageRequest) -> Result<Page<Pet>>;
}
