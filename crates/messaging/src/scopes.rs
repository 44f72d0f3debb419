//! The scopes of chats and messages.

use clowder_core::Scope;

pub const CHATS_READ: Scope = Scope::new(
    "chats:read",
    "Read your chats, each with its last message, who is in them, your invitations, and the directory of public chats",
);
pub const CHATS_WRITE: Scope =
    Scope::new("chats:write", "Create, edit, join, leave and delete chats, and manage who is in them");
pub const MESSAGES_READ: Scope = Scope::new("messages:read", "Read messages");
pub const MESSAGES_WRITE: Scope = Scope::new(
    "messages:write",
    "Send, edit and delete messages, react to them, move the read mark, show that you are typing",
);

pub const ALL: &[Scope] = &[CHATS_READ, CHATS_WRITE, MESSAGES_READ, MESSAGES_WRITE];
