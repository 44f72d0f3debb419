//! Changes of friendships and requests. Each of the two people gets their own, on their personal topic.

use clowder_core::{Card, Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::FriendRequest;

#[derive(Debug, Clone)]
pub enum Change {
    /// A request was made or decided: told to one of the two.
    Requested(UserId, Box<FriendRequest>),
    /// This person has another friend.
    Added(UserId, Card),
    /// This person and the other one are no longer friends.
    Removed(UserId, UserId),
}

/// The payload of `friend.added`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Added {
    pub user: Card,
}

/// The payload of `friend.removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Removed {
    pub user_id: UserId,
}

/// Its payload shows the text of the request.
pub const FRIEND_REQUEST: &str = "friend_request";

impl Change {
    /// What both are told of a request.
    pub fn of(request: &FriendRequest) -> [Self; 2] {
        [request.from.id, request.to.id].map(|user| Self::Requested(user, Box::new(request.clone())))
    }

    /// What both are told of a new friendship.
    pub fn added(one: &Card, other: &Card) -> [Self; 2] {
        [Self::Added(one.id, other.clone()), Self::Added(other.id, one.clone())]
    }

    /// What both are told of the end of a friendship.
    pub fn removed(one: UserId, other: UserId) -> [Self; 2] {
        [Self::Removed(one, other), Self::Removed(other, one)]
    }
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Requested(..) => FRIEND_REQUEST,
            Self::Added(..) => "friend.added",
            Self::Removed(..) => "friend.removed",
        }
    }

    fn topic(&self) -> Topic {
        let (Self::Requested(told, _) | Self::Added(told, _) | Self::Removed(told, _)) = self;
        Topic::user(*told)
    }

    /// Of a request its id, so that its text can be removed; otherwise the other person, so that their erasure finds it.
    fn subject(&self) -> Option<Uuid> {
        Some(match self {
            Self::Requested(_, request) => request.id.uuid(),
            Self::Added(_, other) => other.id.uuid(),
            Self::Removed(_, other) => other.uuid(),
        })
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Requested(_, request) => to_raw_value(request),
            Self::Added(_, user) => to_raw_value(&Added { user: user.clone() }),
            Self::Removed(_, user_id) => to_raw_value(&Removed { user_id: *user_id }),
        }
    }
}
