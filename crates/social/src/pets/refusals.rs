//! The refusals of pets.

use clowder_core::{Refusal, error::Kind::*};

pub const PET_UNKNOWN: Refusal = Refusal::new(Unknown, "pet.unknown", "There is no such pet, or you may not see it");
pub const PET_FORBIDDEN: Refusal =
    Refusal::new(Forbidden, "pet.forbidden", "Your role for this pet does not allow this");
pub const PET_STALE: Refusal = Refusal::new(Stale, "pet.stale", "The pet has changed since you read it");
pub const PET_LIMIT: Refusal = Refusal::new(Conflict, "pet.limit", "You have as many pets as one person can have");
pub const PET_OWNER: Refusal =
    Refusal::new(Conflict, "pet.owner", "The owner keeps the pet: transfer it to somebody else first, or delete it");
pub const PETS_HIDDEN: Refusal = Refusal::new(Forbidden, "pets.hidden", "This person does not show you their pets");
pub const PET_KEEPERS: Refusal =
    Refusal::new(Conflict, "pet.keepers", "The pet has as many keepers and invitations as it can have");
pub const PET_KEPT: Refusal =
    Refusal::new(Conflict, "pet.kept", "This person keeps the pet already, or has been invited");
pub const PET_INVITATIONS: Refusal =
    Refusal::new(Conflict, "pet.invitations", "This person has as many open invitations as one person can have");
pub const PET_INVITES_TODAY: Refusal =
    Refusal::new(Conflict, "pet.invites_today", "You have invited too many people within a day; try again tomorrow");
pub const INVITATION_UNKNOWN: Refusal =
    Refusal::new(Unknown, "pet.invitation_unknown", "You have not been invited to keep this pet");
pub const KEEPER_UNKNOWN: Refusal =
    Refusal::new(Unknown, "pet.keeper_unknown", "This person does not keep the pet and has not been invited");
pub const PET_LOG: Refusal =
    Refusal::new(Conflict, "pet.log_limit", "The log has as many entries as it can have; delete some first");
pub const ENTRY_UNKNOWN: Refusal =
    Refusal::new(Unknown, "pet.entry_unknown", "There is no such entry in the log of this pet");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    PET_UNKNOWN,
    PET_FORBIDDEN,
    PET_STALE,
    PET_LIMIT,
    PET_OWNER,
    PET_KEEPERS,
    PET_KEPT,
    PETS_HIDDEN,
    PET_INVITATIONS,
    PET_INVITES_TODAY,
    INVITATION_UNKNOWN,
    KEEPER_UNKNOWN,
    PET_LOG,
    ENTRY_UNKNOWN,
];
