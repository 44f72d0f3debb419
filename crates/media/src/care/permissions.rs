//! What staff may do with files of others.

use clowder_core::{Permission, Role::Moderator};

/// See which files are in quarantine, and delete them.
pub const MODERATE_FILES: Permission = Permission::new("files.moderate", Moderator);

pub const ALL: &[Permission] = &[MODERATE_FILES];
