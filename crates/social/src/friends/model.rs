//! Friendships and requests, as the two people see them.

use clowder_core::{
    Card, Field, Fields, Friendship, Id, Input, Presence, SeenAs, Timestamp, UserId, Word,
    input::string,
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub type FriendRequestId = Id<FriendRequest>;

/// Somebody asks somebody else to be friends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FriendRequest {
    pub id: FriendRequestId,
    /// Who asks.
    pub from: Card,
    /// Who is asked.
    pub to: Card,
    #[schema(max_length = 300, example = "We met at the conference")]
    pub message: Option<String>,
    pub status: RequestStatus,
    pub created_at: Timestamp,
    /// When it was accepted, rejected or cancelled, or expired.
    pub decided_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    Pending,
    Accepted,
    Rejected,
    Cancelled,
    Expired,
}

impl Word for RequestStatus {
    const WHAT: &'static str = "status of a friend request";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("pending", Self::Pending),
        ("accepted", Self::Accepted),
        ("rejected", Self::Rejected),
        ("cancelled", Self::Cancelled),
        ("expired", Self::Expired),
    ];
}

/// `{user_id, message?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3", "message": "We met at the conference"}))]
pub struct NewFriendRequest {
    /// Whom to ask.
    pub user_id: UserId,
    /// Shown to the person who is asked.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 300)]
    pub message: Option<RequestMessage>,
}

impl Input for NewFriendRequest {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_id = fields.required("user_id");
        let message = fields.optional("message");
        Some(Self { user_id: user_id?, message: message? })
    }
}

/// 1 to 300 characters, not only white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMessage(String);

impl RequestMessage {
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Field for RequestMessage {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::prose(&string(value)?, 1, 300).map(Self)
    }
}

/// `{action}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(example = json!({"action": "accept"}))]
pub struct Decision {
    pub action: Action,
}

impl Input for Decision {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("action").map(|action| Self { action })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// By the person who was asked.
    Accept,
    /// By the person who was asked.
    Reject,
    /// By the person who asked.
    Cancel,
}

impl Word for Action {
    const WHAT: &'static str = "action";
    const WORDS: &'static [(&'static str, Self)] =
        &[("accept", Self::Accept), ("reject", Self::Reject), ("cancel", Self::Cancel)];
}

/// Which open requests to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestDirection {
    /// Those that the caller received.
    In,
    /// Those that the caller sent.
    Out,
}

impl Word for RequestDirection {
    const WHAT: &'static str = "direction";
    const WORDS: &'static [(&'static str, Self)] = &[("in", Self::In), ("out", Self::Out)];
}

/// Somebody's friend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Friend {
    pub user: Card,
    pub since: Timestamp,
    /// `null` for somebody who hides it from you.
    pub presence: Option<Presence>,
    /// When they were last online, to the minute while they are; `null` if that is unknown or hidden.
    pub last_seen_at: Option<Timestamp>,
}

/// Which friends to list, and in which order.
#[derive(Debug, Clone, Default)]
pub struct FriendFilter {
    /// Only those with all of these words, or parts of them, in their username or display name, in any order, whatever their
    /// case and accents.
    pub search: Option<String>,
    /// Only those whom the caller sees like this.
    pub presence: Option<Presence>,
    pub order: Order,
}

/// Whose friends to list, and as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FriendsOf {
    pub user: UserId,
    /// Only those who are friends of the caller.
    pub mutual: bool,
    /// With the caller's own id: as somebody else sees them.
    pub seen_as: Option<SeenAs>,
}

impl FriendsOf {
    /// All that the caller may see.
    pub const fn user(user: UserId) -> Self {
        Self { user, mutual: false, seen_as: None }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The latest first.
    #[default]
    Since,
    /// By display name.
    Name,
    /// Those who are online, then by when they last were.
    Active,
}

impl Word for Order {
    const WHAT: &'static str = "order";
    const WORDS: &'static [(&'static str, Self)] =
        &[("since", Self::Since), ("name", Self::Name), ("active", Self::Active)];
}

/// What connects the caller with somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Relationship {
    pub user_id: UserId,
    pub friendship: Friendship,
    /// Whether the caller has blocked them. Nobody learns who has blocked them.
    pub blocked: bool,
    /// Whether the caller has muted them.
    pub muted: bool,
    /// How many friends the two have in common.
    #[schema(minimum = 0)]
    pub mutual_friends: i64,
}

impl Relationship {
    /// With a stranger, and with somebody who does not exist for the caller.
    pub const fn none(user_id: UserId) -> Self {
        Self { user_id, friendship: Friendship::None, blocked: false, muted: false, mutual_friends: 0 }
    }
}

/// Somebody whom the caller may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FriendSuggestion {
    pub user: Card,
    /// How many friends the two have in common, among those that were looked at.
    #[schema(minimum = 1)]
    pub mutual_friends: i64,
}
