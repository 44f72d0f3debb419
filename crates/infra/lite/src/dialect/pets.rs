//! The lock of pets.

use clowder_core::Result;
use clowder_social::pets::PetId;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_pet(_: &mut Conn, _: PetId) -> Result<()> {
    Ok(())
}
