//! The refusals of messaging.

use clowder_core::{Refusal, error::Kind::*};

pub const CHAT_UNKNOWN: Refusal = Refusal::new(Unknown, "chat.unknown", "There is no such chat, or you are not in it");
pub const CHAT_LIMIT: Refusal =
    Refusal::new(Conflict, "chat.limit", "You have created as many chats as this server allows one person");
pub const CHAT_CLOSED: Refusal =
    Refusal::new(Forbidden, "chat.closed", "Nobody can write in this chat at present; what was written stays");
pub const CHAT_NOT_WANTED: Refusal = Refusal::new(
    Forbidden,
    "chat.not_wanted",
    "You cannot start a chat with this person, or add or invite them to one",
);
pub const CHAT_STALE: Refusal = Refusal::new(
    Stale,
    "chat.stale",
    "The chat has changed since you read it: read it again, then repeat your change with its ETag",
);
pub const CHAT_FORBIDDEN: Refusal =
    Refusal::new(Forbidden, "chat.forbidden", "Your role in this chat does not allow this");
pub const CHAT_PRIVATE: Refusal = Refusal::new(
    Conflict,
    "chat.private",
    "A private chat does not support this; to have it out of your list, archive it",
);
pub const CHAT_OF_GROUP: Refusal =
    Refusal::new(Conflict, "chat.of_group", "This is the chat of a group: change the group instead");
pub const CHAT_OWNER: Refusal = Refusal::new(
    Conflict,
    "chat.owner",
    "A chat must have an owner: make somebody else the owner first, or delete the chat",
);
pub const CHAT_FULL: Refusal =
    Refusal::new(Conflict, "chat.full", "The chat has as many people, or as many owners and admins, as it can have");
pub const CHAT_MEMBERSHIPS: Refusal =
    Refusal::new(Conflict, "chat.memberships", "This person is in as many chats as one person can be");
pub const CHAT_PINS: Refusal =
    Refusal::new(Conflict, "chat.pins", "You have pinned as many chats as you can; unpin another first");
pub const CHAT_NOTES: Refusal = Refusal::new(
    Conflict,
    "chat.notes",
    "You have reached the limit of chats with a title of your own or a draft; discard some first",
);
pub const PARTICIPANT_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.participant_unknown", "There is no such person in this chat");
pub const INVITATION_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.invitation_unknown", "There is no such invitation, or it has been answered");
pub const REQUEST_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.request_unknown", "This person has not asked to join, or it has been decided");
pub const LINK_UNKNOWN: Refusal = Refusal::new(Unknown, "chat.link_unknown", "There is no such link");
pub const LINK_GONE: Refusal = Refusal::new(Gone, "chat.link_gone", "The link is used up, revoked or expired");
pub const CHAT_INVITES: Refusal =
    Refusal::new(Conflict, "chat.invites", "The chat has as many open invitations as it can have; withdraw some first");
pub const CHAT_REQUESTS: Refusal =
    Refusal::new(Conflict, "chat.requests", "Too many people have asked to join this chat; try again later");
pub const CHAT_REQUESTS_OPEN: Refusal = Refusal::new(
    Conflict,
    "chat.requests_open",
    "You have asked to join as many chats as you can at once; take a request back first",
);
pub const CHAT_REQUESTS_TODAY: Refusal = Refusal::new(
    Conflict,
    "chat.requests_today",
    "You have joined chats or asked to, or this one, too often within a day; try again tomorrow",
);
pub const CHAT_INVITES_TODAY: Refusal =
    Refusal::new(Conflict, "chat.invites_today", "You have invited too many people within a day; try again tomorrow");
pub const CHAT_STRANGERS_TODAY: Refusal = Refusal::new(
    Conflict,
    "chat.strangers_today",
    "You have brought people who are not your friends into chats too often within a day; try again tomorrow, or invite them",
);
pub const CHAT_TOO_SOON: Refusal =
    Refusal::new(Conflict, "chat.too_soon", "Your last request to join this chat was rejected recently");
pub const DELETION_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.deletion_unknown", "You have not deleted a chat with this id in the last days");
pub const CHAT_EXPORTS: Refusal = Refusal::new(
    Conflict,
    "chat.exports",
    "As many exports of yours are in progress, or ready, as can be: wait until one is ready, or end one",
);
pub const CHAT_EXPORTS_TODAY: Refusal =
    Refusal::new(Conflict, "chat.exports_today", "You have exported chats too often within a day; try again tomorrow");
pub const CHAT_EXPORT_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.export_unknown", "You have not requested such an export in the last days");
pub const CHAT_EXPORT_NOT_READY: Refusal =
    Refusal::new(Conflict, "chat.export_not_ready", "The export is not ready: it is still being written, or it failed");
pub const CHAT_EXPORT_GONE: Refusal = Refusal::new(
    Gone,
    "chat.export_gone",
    "The export has expired, was ended, or ended when you left the chat; request another one",
);
pub const CHAT_TEMPLATE_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.template_unknown", "There is no such template, or it is not yours");
pub const CHAT_TEMPLATE_STALE: Refusal =
    Refusal::new(Stale, "chat.template_stale", "The template has changed since you read it");
pub const CHAT_TEMPLATES: Refusal =
    Refusal::new(Conflict, "chat.templates", "There are as many templates as can be; delete some first");
pub const CHAT_IMPORTS: Refusal = Refusal::new(
    Conflict,
    "chat.imports",
    "As many imports of yours are in progress as can be: wait until one is done",
);
pub const CHAT_IMPORT_UNKNOWN: Refusal =
    Refusal::new(Unknown, "chat.import_unknown", "You have not imported such a file in the last days");
pub const CHAT_MUTED: Refusal =
    Refusal::new(Forbidden, "chat.muted", "You are muted in this chat: you can read, and not write");
pub const CHAT_BANNED: Refusal = Refusal::new(Forbidden, "chat.banned", "This person is banned from the chat");
pub const CHAT_SANCTIONS: Refusal =
    Refusal::new(Conflict, "chat.sanctions", "As many people are muted or banned as a chat can have; lift some first");
pub const CHAT_PURGES: Refusal =
    Refusal::new(Conflict, "chat.purges", "As many deletions of messages run in this chat as can; wait until one ends");
pub const PURGE_UNKNOWN: Refusal = Refusal::new(
    Unknown,
    "chat.purge_unknown",
    "No deletion of messages with this id began in this chat in the last days",
);
pub const REVIEW_UNKNOWN: Refusal =
    Refusal::new(Unknown, "message.review_unknown", "There is nothing with this id to decide about");
pub const MESSAGE_SLOW: Refusal =
    Refusal::new(Forbidden, "message.slow", "In this chat you have to wait between two messages");
pub const MESSAGE_FILTERED: Refusal =
    Refusal::new(Forbidden, "message.filtered", "The message has words that are not allowed here");
pub const MESSAGE_HELD: Refusal = Refusal::new(
    Forbidden,
    "message.held",
    "The message is kept, and sent when a moderator has approved it; sending it again changes nothing",
);
pub const MESSAGE_REVIEWS: Refusal =
    Refusal::new(Conflict, "message.reviews", "As many messages wait for approval as can: of yours, or in this chat");
pub const MESSAGE_UNSENDABLE: Refusal = Refusal::new(
    Conflict,
    "message.unsendable",
    "Its sender cannot write in this chat now: the message still waits, and you can reject it",
);
pub const MESSAGE_UNKNOWN: Refusal =
    Refusal::new(Unknown, "message.unknown", "There is no such message, or you are not in its chat");
pub const MESSAGE_GONE: Refusal = Refusal::new(Gone, "message.deleted", "The message has been deleted");
pub const MESSAGE_FORBIDDEN: Refusal = Refusal::new(
    Forbidden,
    "message.forbidden",
    "Only the author may edit a message; the author and the owners and admins of the chat may delete it",
);
pub const MESSAGE_STALE: Refusal = Refusal::new(Stale, "message.stale", "The message has changed since you read it");
pub const MESSAGE_EDITS: Refusal =
    Refusal::new(Conflict, "message.edits", "A message can be edited at most 100 times; send a new one");
pub const MESSAGE_LATE: Refusal =
    Refusal::new(Conflict, "message.late", "The message was sent too long ago to be edited; send a new one");
pub const MESSAGE_FORWARDED: Refusal = Refusal::new(
    Conflict,
    "message.forwarded",
    "A forwarded message says what somebody else wrote, and cannot be edited",
);
pub const MESSAGE_PINS: Refusal =
    Refusal::new(Conflict, "message.pins", "As many messages are pinned in the chat as can be; unpin one first");
pub const MESSAGE_SYSTEM: Refusal =
    Refusal::new(Conflict, "message.system", "What the server says in a chat cannot be pinned");
pub const MESSAGE_SAVES: Refusal =
    Refusal::new(Conflict, "message.saves", "You have saved as many messages as you can; remove some first");
pub const MESSAGE_REMOVALS: Refusal = Refusal::new(
    Conflict,
    "message.removals",
    "You have removed as many single messages for yourself as you can; clear a chat instead",
);
pub const REACTION_KINDS: Refusal =
    Refusal::new(Conflict, "reaction.kinds", "The message already has 20 different emoji; react with one of them");
pub const POLL_UNKNOWN: Refusal = Refusal::new(Unknown, "poll.unknown", "This message is no poll");
pub const POLL_CHOICES: Refusal = Refusal::new(
    Invalid,
    "poll.choices",
    "The poll does not have these options, or does not let you choose as many of them",
);
pub const POLL_CLOSED: Refusal = Refusal::new(Conflict, "poll.closed", "The poll is closed");
pub const POLL_FORBIDDEN: Refusal = Refusal::new(
    Forbidden,
    "poll.forbidden",
    "Only the author of a poll and the owners and admins of the chat may close it",
);
pub const POLL_ANONYMOUS: Refusal =
    Refusal::new(Forbidden, "poll.anonymous", "The poll is anonymous: nobody learns who voted");
pub const POLL_EDIT: Refusal =
    Refusal::new(Conflict, "poll.edit", "A poll cannot be edited, because people have read it when they voted");
pub const RECEIPTS_TOO_MANY: Refusal =
    Refusal::new(Forbidden, "receipts.too_many", "Receipts are not available in chats of more than 256 people");
pub const MESSAGE_NO_THREAD: Refusal = Refusal::new(
    Conflict,
    "message.no_thread",
    "This message cannot begin a thread: it is in one itself, is deleted, or is of the system",
);
pub const MESSAGE_NOT_FORWARDABLE: Refusal = Refusal::new(
    Conflict,
    "message.not_forwardable",
    "The message cannot be forwarded: it is deleted, disappears, is a closed poll, or is not one that a person wrote",
);
pub const CLIENT_ID_MISMATCH: Refusal =
    Refusal::new(Invalid, "client_id.mismatch", "This client_id has already been used for another message");

pub const THREAD_LIMIT: Refusal =
    Refusal::new(Conflict, "thread.limit", "You follow as many threads as one person can; stop following some first");
pub const SCHEDULED_UNKNOWN: Refusal =
    Refusal::new(Unknown, "scheduled.unknown", "You have not scheduled such a message, or it was long ago");
pub const SCHEDULED_OVER: Refusal =
    Refusal::new(Conflict, "scheduled.over", "The message does not wait any more: it was sent, refused or cancelled");
pub const SCHEDULED_STALE: Refusal =
    Refusal::new(Stale, "scheduled.stale", "The scheduled message has changed since you read it");
pub const SCHEDULED_LIMIT: Refusal =
    Refusal::new(Conflict, "scheduled.limit", "As many of your messages wait to be sent as can; cancel some first");
pub const SCHEDULED_CROWDED: Refusal = Refusal::new(
    Conflict,
    "scheduled.crowded",
    "Too many of your messages wait for this chat at about that time; choose another",
);
pub const SCHEDULED_FAILED: Refusal =
    Refusal::new(Conflict, "scheduled.failed", "The server could not send the message; schedule it again");
pub const SCHEDULED_THREAD: Refusal =
    Refusal::new(Conflict, "scheduled.thread", "The thread that the message was for is not there any more");
pub const SCHEDULED_FILES: Refusal =
    Refusal::new(Conflict, "scheduled.files", "A file of the message is not there any more, or nobody gets it");
pub const SCHEDULED_AUTHOR: Refusal =
    Refusal::new(Forbidden, "scheduled.author", "Your account was suspended when the message was to be sent");

/// Why a scheduled message is refused at its time, beside what else refuses a message. No call is answered with these.
pub const OF_SCHEDULED: &[Refusal] = &[SCHEDULED_AUTHOR, SCHEDULED_FAILED, SCHEDULED_FILES, SCHEDULED_THREAD];

pub const CHAT_EXPORT_FAILED: Refusal =
    Refusal::new(Conflict, "chat.export_failed", "The server could not write the export; request another one");
pub const CHAT_EXPORT_TOO_LARGE: Refusal =
    Refusal::new(Conflict, "chat.export_too_large", "The file would be larger than a file can be");

/// Why an export failed, beside that its owner has left the chat. No call is answered with these.
pub const OF_EXPORTS: &[Refusal] = &[CHAT_EXPORT_FAILED, CHAT_EXPORT_TOO_LARGE];

pub const CHAT_IMPORT_BROKEN: Refusal =
    Refusal::new(Conflict, "chat.import_broken", "The file is not the JSON of an export, or is not whole");
pub const CHAT_IMPORT_MESSAGES: Refusal =
    Refusal::new(Conflict, "chat.import_messages", "The file has more messages than an import can have");
pub const CHAT_IMPORT_AUTHORS: Refusal =
    Refusal::new(Conflict, "chat.import_authors", "More people wrote the messages of the file than an import can have");
pub const CHAT_IMPORT_REFUSED: Refusal =
    Refusal::new(Conflict, "chat.import_refused", "More messages of the file are refused than an import can have");
pub const CHAT_IMPORT_FAILED: Refusal =
    Refusal::new(Conflict, "chat.import_failed", "The server could not import the file; import it again");
pub const CHAT_IMPORT_DELETED: Refusal =
    Refusal::new(Conflict, "chat.import_deleted", "The new chat was deleted while its people came in");

/// Why an import failed. No call is answered with these.
pub const OF_IMPORTS: &[Refusal] = &[
    CHAT_IMPORT_AUTHORS,
    CHAT_IMPORT_BROKEN,
    CHAT_IMPORT_DELETED,
    CHAT_IMPORT_FAILED,
    CHAT_IMPORT_MESSAGES,
    CHAT_IMPORT_REFUSED,
];

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    CHAT_UNKNOWN,
    CHAT_LIMIT,
    CHAT_CLOSED,
    CHAT_NOT_WANTED,
    CHAT_STALE,
    CHAT_FORBIDDEN,
    CHAT_PRIVATE,
    CHAT_OF_GROUP,
    CHAT_OWNER,
    CHAT_FULL,
    CHAT_MEMBERSHIPS,
    CHAT_PINS,
    CHAT_NOTES,
    PARTICIPANT_UNKNOWN,
    INVITATION_UNKNOWN,
    REQUEST_UNKNOWN,
    LINK_UNKNOWN,
    LINK_GONE,
    CHAT_INVITES,
    CHAT_REQUESTS,
    CHAT_REQUESTS_OPEN,
    CHAT_REQUESTS_TODAY,
    CHAT_INVITES_TODAY,
    CHAT_STRANGERS_TODAY,
    CHAT_TOO_SOON,
    DELETION_UNKNOWN,
    CHAT_EXPORTS,
    CHAT_EXPORTS_TODAY,
    CHAT_EXPORT_UNKNOWN,
    CHAT_EXPORT_NOT_READY,
    CHAT_EXPORT_GONE,
    CHAT_TEMPLATE_UNKNOWN,
    CHAT_TEMPLATE_STALE,
    CHAT_TEMPLATES,
    CHAT_IMPORTS,
    CHAT_IMPORT_UNKNOWN,
    CHAT_MUTED,
    CHAT_BANNED,
    CHAT_SANCTIONS,
    CHAT_PURGES,
    PURGE_UNKNOWN,
    REVIEW_UNKNOWN,
    MESSAGE_SLOW,
    MESSAGE_FILTERED,
    MESSAGE_HELD,
    MESSAGE_REVIEWS,
    MESSAGE_UNSENDABLE,
    MESSAGE_UNKNOWN,
    MESSAGE_GONE,
    MESSAGE_FORBIDDEN,
    MESSAGE_STALE,
    MESSAGE_EDITS,
    MESSAGE_LATE,
    MESSAGE_FORWARDED,
    MESSAGE_PINS,
    MESSAGE_SYSTEM,
    MESSAGE_SAVES,
    MESSAGE_REMOVALS,
    REACTION_KINDS,
    POLL_UNKNOWN,
    POLL_CHOICES,
    POLL_CLOSED,
    POLL_FORBIDDEN,
    POLL_ANONYMOUS,
    POLL_EDIT,
    RECEIPTS_TOO_MANY,
    MESSAGE_NO_THREAD,
    MESSAGE_NOT_FORWARDABLE,
    CLIENT_ID_MISMATCH,
    THREAD_LIMIT,
    SCHEDULED_UNKNOWN,
    SCHEDULED_OVER,
    SCHEDULED_STALE,
    SCHEDULED_LIMIT,
    SCHEDULED_CROWDED,
];
