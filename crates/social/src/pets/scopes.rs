//! The scopes of pets.

use clowder_core::{Role, Scope};

pub const PETS_READ: Scope = Scope::new("pets:read", "See pets, your own and those of others, and the logs of yours");
pub const PETS_WRITE: Scope = Scope::new("pets:write", "Add and edit your pets, their keepers and their logs");
/// For vets and shelters: somebody of the staff creates a key for them.
pub const PETS_MICROCHIP: Scope =
    Scope::new("pets:microchip", "Find pets by the number of their microchip").from_role(Role::Moderator);

pub const ALL: &[Scope] = &[PETS_READ, PETS_WRITE, PETS_MICROCHIP];
