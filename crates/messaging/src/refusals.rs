//! The refusals of messaging.

use clowder_core::{Refusal, error::Kind::*};

pub const CHAT_UNKNOWN: Refusal = Refusal::new(Unknown, "chat.unknown", "There is no such chat, or you are not in it");
pub const CHAT_LIMIT: Refusal =
    Refusal::new(Conflict, "chat.limit", "You have created as many chats as this server allows one person");
pub const CHAT_CLOSED: Refusal =
    Refusal::new(Forbidden, "chat.closed", "Nobody can write in this chat any more; what was written stays");
pub const CHAT_NOT_WANTED: Refusal =
    Refusal::new(Forbidden, "chat.not_wanted", "You cannot start a chat with this person, or add them to one");
pub const MESSAGE_UNKNOWN: Refusal =
    Refusal::new(Unknown, "message.unknown", "There is no such message, or you are not in its chat");
pub const MESSAGE_GONE: Refusal = Refusal::new(Gone, "message.deleted", "The message has been deleted");
pub const MESSAGE_FORBIDDEN: Refusal = Refusal::new(
    Forbidden,
    "message.forbidden",
    "Only the author may edit a message; the author and the owner and admins of a group may delete it",
);
pub const MESSAGE_STALE: Refusal = Refusal::new(Stale, "message.stale", "The message has changed since you read it");
pub const MESSAGE_EDITS: Refusal =
    Refusal::new(Conflict, "message.edits", "A message can be edited at most 100 times; send a new one");
pub const REACTION_KINDS: Refusal =
    Refusal::new(Conflict, "reaction.kinds", "The message already has 20 different emoji; react with one of them");
pub const REACTION_NOT_WANTED: Refusal =
    Refusal::new(Forbidden, "reaction.not_wanted", "You cannot react to this message");
pub const RECEIPTS_TOO_MANY: Refusal =
    Refusal::new(Forbidden, "receipts.too_many", "In chats of more than 256 people nobody sees who has read what");
pub const CLIENT_ID_MISMATCH: Refusal =
    Refusal::new(Invalid, "client_id.mismatch", "This client_id has already been used for another message");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    CHAT_UNKNOWN,
    CHAT_LIMIT,
    CHAT_CLOSED,
    CHAT_NOT_WANTED,
    MESSAGE_UNKNOWN,
    MESSAGE_GONE,
    MESSAGE_FORBIDDEN,
    MESSAGE_STALE,
    MESSAGE_EDITS,
    REACTION_KINDS,
    REACTION_NOT_WANTED,
    RECEIPTS_TOO_MANY,
    CLIENT_ID_MISMATCH,
];
