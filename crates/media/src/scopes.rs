//! The scopes of files.

use clowder_core::Scope;

pub const FILES_READ: Scope = Scope::new("files:read", "Read files that you may see");
pub const FILES_WRITE: Scope = Scope::new("files:write", "Upload and delete your files");

pub const ALL: &[Scope] = &[FILES_READ, FILES_WRITE];
