//! The lock of pets.

use clowder_core::Result;
use clowder_social::pets::PetId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::pets::pets;

/// Taken by everybody who changes a pet, who keeps it, or its log. Nothing comes after it but the journal.
pub fn lock_pet(conn: &mut Conn, pet: PetId) -> Result<()> {
    pets::table.find(pet).select(pets::id).for_no_key_update().first::<PetId>(conn).optional()?;
    Ok(())
}
