//! The scopes of reports.

use clowder_core::Scope;

pub const REPORTS_READ: Scope = Scope::new("reports:read", "Read your reports, and decisions about you");
pub const REPORTS_WRITE: Scope = Scope::new("reports:write", "Report people, messages, groups and pets, and appeal");

pub const ALL: &[Scope] = &[REPORTS_READ, REPORTS_WRITE];
