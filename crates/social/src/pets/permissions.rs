//! What staff may do about pets, by role.

use clowder_core::{Permission, Role::Moderator};

/// Find a pet by the number of its microchip.
pub const FIND_MICROCHIPS: Permission = Permission::new("pets.microchip", Moderator);

pub const ALL: &[Permission] = &[FIND_MICROCHIPS];
