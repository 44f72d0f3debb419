//! The refusals of groups.

use clowder_core::{Refusal, error::Kind::*};

pub const GROUP_UNKNOWN: Refusal =
    Refusal::new(Unknown, "group.unknown", "There is no such group, or you may not see it");
pub const GROUP_FORBIDDEN: Refusal =
    Refusal::new(Forbidden, "group.forbidden", "Your role in this group does not allow this");
pub const GROUP_BANNED: Refusal = Refusal::new(Forbidden, "group.banned", "You cannot join this group");
pub const GROUP_STALE: Refusal = Refusal::new(
    Stale,
    "group.stale",
    "The group has changed since you read it: read GET /api/groups/{group_id} again, and send its ETag",
);
pub const GROUP_OWNER: Refusal = Refusal::new(
    Conflict,
    "group.owner",
    "The owner stays in the group: transfer it to somebody else first, or delete it",
);
pub const GROUP_TRANSFER: Refusal = Refusal::new(
    Conflict,
    "group.transfer",
    "Nobody becomes the owner like this: transfer the group with PUT /api/groups/{group_id}/owner",
);
pub const GROUP_FILTERED: Refusal = Refusal::new(
    Forbidden,
    "group.filtered",
    "The name or the description has words that are not allowed on this server",
);
pub const GROUP_MUTED: Refusal =
    Refusal::new(Forbidden, "group.muted", "You are muted in the chat of this group: you can read, and not write");
pub const GROUP_FULL: Refusal = Refusal::new(Conflict, "group.full", "The group has as many members as it can have");
pub const GROUP_LIMIT: Refusal =
    Refusal::new(Conflict, "group.limit", "This person owns as many groups as one person can");
pub const GROUP_MEMBERSHIPS: Refusal =
    Refusal::new(Conflict, "group.memberships", "This person is in as many groups as one person can be");
pub const GROUP_REQUESTS: Refusal =
    Refusal::new(Conflict, "group.requests", "Too many people have asked to join this group; try again later");
pub const GROUP_REQUESTS_OPEN: Refusal = Refusal::new(
    Conflict,
    "group.requests_open",
    "You have as many open requests to join groups as one person can have; wait, or take some back",
);
pub const GROUP_REQUESTS_TODAY: Refusal = Refusal::new(
    Conflict,
    "group.requests_today",
    "You have joined groups or asked to, or this one, as often as one person can within a day",
);
pub const GROUP_TOO_SOON: Refusal = Refusal::new(
    Conflict,
    "group.too_soon",
    "The group has rejected your request; you can ask again 7 days after that",
);
pub const GROUP_INVITES_TODAY: Refusal = Refusal::new(
    Conflict,
    "group.invites_today",
    "You have invited as many people to groups as one person can within a day",
);
pub const GROUP_INVITES: Refusal = Refusal::new(
    Conflict,
    "group.invites",
    "The group has as many open invitations as it can have; withdraw some first",
);
pub const GROUP_BANS: Refusal = Refusal::new(Conflict, "group.bans", "The group has as many bans as it can have");
pub const MEMBER_UNKNOWN: Refusal =
    Refusal::new(Unknown, "group.member_unknown", "There is no such person in this group");
pub const REQUEST_UNKNOWN: Refusal =
    Refusal::new(Unknown, "group.request_unknown", "This person has not asked to join, or it has been decided");
pub const DELETION_UNKNOWN: Refusal =
    Refusal::new(Unknown, "group.deletion_unknown", "There is no such deletion, or somebody else began it");
pub const INVITE_UNKNOWN: Refusal = Refusal::new(Unknown, "group.invite_unknown", "There is no such invitation");
pub const INVITE_GONE: Refusal =
    Refusal::new(Gone, "group.invite_gone", "The invitation is used up, revoked or expired");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    GROUP_UNKNOWN,
    GROUP_FORBIDDEN,
    GROUP_BANNED,
    GROUP_STALE,
    GROUP_OWNER,
    GROUP_TRANSFER,
    GROUP_FILTERED,
    GROUP_MUTED,
    GROUP_FULL,
    GROUP_LIMIT,
    GROUP_MEMBERSHIPS,
    GROUP_REQUESTS,
    GROUP_REQUESTS_OPEN,
    GROUP_REQUESTS_TODAY,
    GROUP_TOO_SOON,
    GROUP_INVITES,
    GROUP_INVITES_TODAY,
    GROUP_BANS,
    MEMBER_UNKNOWN,
    REQUEST_UNKNOWN,
    DELETION_UNKNOWN,
    INVITE_UNKNOWN,
    INVITE_GONE,
];
