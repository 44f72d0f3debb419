//! The scopes of groups.

use clowder_core::Scope;

pub const GROUPS_READ: Scope = Scope::new("groups:read", "Find groups, read your groups and who is in them");
pub const GROUPS_WRITE: Scope =
    Scope::new("groups:write", "Create, edit, join and leave groups, and manage their members");

pub const ALL: &[Scope] = &[GROUPS_READ, GROUPS_WRITE];
