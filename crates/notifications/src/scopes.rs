//! The scopes of notifications.

use clowder_core::Scope;

pub const NOTIFICATIONS_READ: Scope =
    Scope::new("notifications:read", "See your notifications and what you want to be notified of");
pub const NOTIFICATIONS_WRITE: Scope =
    Scope::new("notifications:write", "Mark your notifications, delete them, and choose what you are notified of");

pub const ALL: &[Scope] = &[NOTIFICATIONS_READ, NOTIFICATIONS_WRITE];
