//! What moderators may do with the reports of others.

use clowder_core::{Permission, Role};

/// Read all reports with their evidence, and decide about them.
pub const MANAGE_REPORTS: Permission = Permission::new("reports.manage", Role::Moderator);

pub const ALL: &[Permission] = &[MANAGE_REPORTS];
