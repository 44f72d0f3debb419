//! The refusals of friends.

use clowder_core::{Refusal, error::Kind::*};

pub const FRIEND_ALREADY: Refusal = Refusal::new(Conflict, "friend.already", "You are friends already");
pub const FRIEND_PENDING: Refusal =
    Refusal::new(Conflict, "friend.pending", "You have asked this person, and they have not answered yet");
pub const FRIEND_TOO_SOON: Refusal = Refusal::new(
    Conflict,
    "friend.too_soon",
    "This person has rejected your request; you can ask again 7 days after that",
);
pub const FRIEND_LIMIT: Refusal =
    Refusal::new(Conflict, "friend.limit", "You or the other person have as many friends as one person can have");
pub const FRIEND_REQUESTS: Refusal =
    Refusal::new(Conflict, "friend.requests", "You have as many open friend requests as one person can have");
pub const FRIEND_REQUESTS_TODAY: Refusal = Refusal::new(
    Conflict,
    "friend.requests_today",
    "You have sent as many friend requests as one person can within a day",
);
pub const FRIEND_UNKNOWN: Refusal = Refusal::new(Unknown, "friend.unknown", "You have no such friend");
pub const FRIENDS_HIDDEN: Refusal =
    Refusal::new(Forbidden, "friends.hidden", "This person does not show you their friends");
pub const FRIEND_REQUEST_UNKNOWN: Refusal =
    Refusal::new(Unknown, "friend_request.unknown", "There is no such friend request, or it is not about you");
pub const FRIEND_REQUEST_FORBIDDEN: Refusal = Refusal::new(
    Forbidden,
    "friend_request.forbidden",
    "The person who was asked accepts or rejects a request, and the person who asked cancels it",
);
pub const FRIEND_REQUEST_DECIDED: Refusal =
    Refusal::new(Conflict, "friend_request.decided", "The friend request is no longer open");
pub const DISMISSED_LIMIT: Refusal =
    Refusal::new(Conflict, "suggestion.limit", "You have dismissed as many suggestions as one person can");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    FRIEND_ALREADY,
    FRIEND_PENDING,
    FRIEND_TOO_SOON,
    FRIEND_LIMIT,
    FRIEND_REQUESTS,
    FRIEND_REQUESTS_TODAY,
    FRIEND_UNKNOWN,
    FRIENDS_HIDDEN,
    FRIEND_REQUEST_UNKNOWN,
    FRIEND_REQUEST_FORBIDDEN,
    FRIEND_REQUEST_DECIDED,
    DISMISSED_LIMIT,
];
