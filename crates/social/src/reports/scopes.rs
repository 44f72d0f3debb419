//! The scopes of reports, and the permission to decide about them.

use clowder_core::{Permission, Role, Scope};

pub const REPORTS_READ: Scope = Scope::new("reports:read", "Read your reports, and decisions about you");
pub const REPORTS_WRITE: Scope = Scope::new("reports:write", "Report people, messages and groups, and appeal");

pub const ALL: &[Scope] = &[REPORTS_READ, REPORTS_WRITE];

/// Read all reports with their evidence, and decide about them.
pub const MANAGE_REPORTS: Permission = Permission::new("reports.manage", Role::Moderator);

pub const PERMISSIONS: &[Permission] = &[MANAGE_REPORTS];
