//! The scopes of blocks, mutes and notes.

use clowder_core::Scope;

pub const BLOCKS_READ: Scope =
    Scope::new("blocks:read", "Read whom you have blocked and muted, and your notes on people");
pub const BLOCKS_WRITE: Scope = Scope::new("blocks:write", "Block and mute people, and write notes on them");

pub const ALL: &[Scope] = &[BLOCKS_READ, BLOCKS_WRITE];
