//! What the staff of the server may do about messages in chats that they are not in, by role.

use clowder_core::{
    Permission,
    Role::{Admin, Moderator},
};

/// See what the word filter of the server has caught, and decide about it.
pub const REVIEW_MESSAGES: Permission = Permission::new("messages.review", Moderator);
/// Set the word filter of the server.
pub const FILTER_MESSAGES: Permission = Permission::new("messages.filter", Admin);

/// Write the chat templates of the server.
pub const WRITE_TEMPLATES: Permission = Permission::new("chats.templates", Admin);

/// Make chats of files.
pub const IMPORT_CHATS: Permission = Permission::new("chats.import", Admin);

pub const ALL: &[Permission] = &[REVIEW_MESSAGES, FILTER_MESSAGES, WRITE_TEMPLATES, IMPORT_CHATS];
