//! Pets: whose they are, who looks after them, and who may see them.
//!
//! A pet has one owner. Others keep it, too, if the owner invites them and they accept: co-owners edit it, caretakers
//! write into its log. A pet that is lost is seen by more people than otherwise.
//!
//! The rules are in [`policy`]; their refusals are in [`refusals`]; what an implementation must guarantee is documented on
//! [`port::Pets`].

pub mod change;
pub mod model;
pub mod permissions;
pub mod policy;
pub mod port;
pub mod refusals;
pub mod scopes;

pub use change::Change;
pub use model::{
    Answer, Entry, EntryId, Keeper, Lost, LostPatch, LostPlace, MyRole, NewEntry, NewKeeper, NewOwner, NewPet, Pet,
    PetFilter, PetId, PetInvitation, PetPatch, Role, Sex, Species, SpeciesName,
};
