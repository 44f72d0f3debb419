//! The types of pets; each has the same shape when stored, sent and answered.

mod birth;
mod input;
mod place;
mod values;

pub use birth::{BirthDate, Precision};
pub use input::{
    Answer, LostPatch, NewEntry, NewKeeper, NewLostPlace, NewOwner, NewPet, PetFilter, PetPatch, SoughtMicrochip,
};
pub use place::{Degrees, Latitude, Longitude};
pub use values::{Action, EntryKind, Erasable, Grams, KeeperRole, Microchip, MyRole, Role, Sex, Species, SpeciesName};

use clowder_core::{Card, Id, Picture, Timestamp, Visibility};
use serde::{Deserialize, Serialize};

/// How many photos one pet can have.
pub const MOST_PHOTOS: usize = 20;

pub enum PetKind {}
pub type PetId = Id<PetKind>;
pub enum EntryOfLog {}
pub type EntryId = Id<EntryOfLog>;

/// A pet as one person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pet {
    pub id: PetId,
    #[schema(example = "Minka")]
    pub name: String,
    pub species: Species,
    #[schema(example = "European shorthair")]
    pub breed: Option<String>,
    pub sex: Sex,
    /// A year, a month or a day, as precise as it is known.
    #[schema(example = "2020-05")]
    pub birth_date: Option<String>,
    pub birth_date_precision: Option<Precision>,
    pub bio: Option<String>,
    pub avatar: Option<Picture>,
    /// In the order of its owners; none for whoever sees no more than that the pet is lost.
    #[serde(default)]
    #[schema(required = true, max_items = 20)]
    pub photos: Vec<Picture>,
    pub owner: Card,
    /// The owner, and the co-owners whom the viewer may see.
    pub owners: Vec<Card>,
    pub visibility: Visibility,
    /// Since when it is missing; `null` unless it is.
    pub lost: Option<Lost>,
    pub my_role: MyRole,
    /// Its number according to ISO 11784, for the owner and the co-owners; `null` for everybody else.
    #[schema(example = "276098102345678")]
    pub microchip: Option<String>,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each change of the pet. It is part of the `ETag`, which changes with everything
    /// that is shown.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl Pet {
    /// The `ETag`: a pet is shown to each viewer in their own way.
    pub fn tag(&self) -> i64 {
        clowder_core::versions::tag(self.version, self)
    }
}

/// That a pet is missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LostPet)]
pub struct Lost {
    pub since: Timestamp,
    #[schema(example = "Shy, answers to Minka. Please call the vet in Main Street.")]
    pub text: String,
    pub place: Option<LostPlace>,
}

/// Where a pet was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LostPlace {
    #[schema(example = "In the park behind the station")]
    pub text: String,
    /// In degrees, with six decimals; `null` if only the text is known.
    pub lat: Option<Latitude>,
    pub lng: Option<Longitude>,
}

/// Somebody who keeps a pet, or is invited to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetKeeper)]
pub struct Keeper {
    pub user: Card,
    pub role: Role,
    /// Whether they have accepted.
    pub accepted: bool,
    /// Since when they keep it, or are invited.
    pub since: Timestamp,
}

/// An invitation to keep a pet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PetInvitation {
    pub pet: Pet,
    pub role: Role,
    pub since: Timestamp,
}

/// An entry in the log of a pet: its weight, or a note. Only those who keep the pet see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetLogEntry)]
pub struct Entry {
    pub id: EntryId,
    pub pet_id: PetId,
    pub kind: EntryKind,
    #[schema(minimum = 1)]
    pub grams: Option<i64>,
    #[schema(example = "Vaccinated against rabies")]
    pub text: Option<String>,
    /// The time that it is about.
    pub at: Timestamp,
    /// Who wrote it; `null` if their account has been erased.
    pub author: Option<Card>,
    pub created_at: Timestamp,
}
