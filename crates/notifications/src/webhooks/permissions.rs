//! Who may hear of the whole server.

use clowder_core::{Permission, Role};

/// Have webhooks for what happens on the whole server.
pub const HEAR_SERVER: Permission = Permission::new("webhooks.server", Role::Admin);

pub const ALL: &[Permission] = &[HEAR_SERVER];
