//! Changes in groups.

pub use clowder_core::attempt::{Decided, Unwanted};
use clowder_core::{Card, ChatId, Follow, Picture, Timestamp, Topic, TopicKind, UserId, follow::Step};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{GroupId, GroupVisibility, Role};

/// What everybody in a group follows.
pub const GROUP: TopicKind = TopicKind::new("group");

pub const GROUP_CREATED: &str = "group.created";
pub const GROUP_UPDATED: &str = "group.updated";

/// Changes whose payload contains the texts of a group: an edit has to rewrite them.
pub const SHOW_THE_GROUP: &[&str] = &[GROUP_CREATED, GROUP_UPDATED];

#[derive(Debug, Clone)]
pub enum Change {
    /// Sent to its owner in person.
    Created(Box<Face>),
    Updated(Box<Face>),
    /// Sent to each member in person, when it is their turn.
    Deleted(UserId, Deleted),
    /// Makes the member follow the group.
    MemberAdded(Audience, Added),
    MemberUpdated(Audience, Added),
    /// Ends it.
    MemberRemoved(Audience, Removed),
    /// Sent to one of the staff.
    Requested(UserId, Asked),
    /// Sent to whoever asked, and to each of the staff.
    Decided(UserId, Decision),
    /// Sent to whoever is invited, and to each of the staff if that answers a request.
    Invited(UserId, Invitation),
    /// Sent to whoever was invited, and to each of the staff.
    Uninvited(UserId, Uninvited),
}

/// Who receives a change about a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the group.
    Group,
    /// The member.
    Member,
    /// One of the staff of a large group.
    Staff(UserId),
}

/// What is the same of a group for all of its members: the payload of `group.created` and `group.updated`. It is a
/// [`Group`](super::Group) without `my_role` and `member_count`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupFace)]
pub struct Face {
    pub id: GroupId,
    pub name: String,
    pub description: Option<String>,
    pub rules: Option<String>,
    pub visibility: GroupVisibility,
    pub avatar: Option<Picture>,
    pub cover: Option<Picture>,
    pub owner_id: UserId,
    pub chat_id: ChatId,
    pub created_at: Timestamp,
    pub version: i64,
}

/// The payload of `group.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupDeleted)]
pub struct Deleted {
    pub group_id: GroupId,
}

/// The payload of `group.member_added` and `group.member_updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupMemberAdded)]
pub struct Added {
    pub group_id: GroupId,
    pub user: Card,
    pub role: Role,
    pub since: Timestamp,
}

/// The payload of `group.member_removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupMemberRemoved)]
pub struct Removed {
    pub group_id: GroupId,
    pub user_id: UserId,
    /// The member, if they left.
    pub removed_by: UserId,
}

/// The payload of `group.requested`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupRequested)]
pub struct Asked {
    pub group_id: GroupId,
    pub user_id: UserId,
}

/// The payload of `group.decided`: a request is no longer open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupDecided)]
pub struct Decision {
    pub group_id: GroupId,
    pub user_id: UserId,
    pub action: Decided,
}

/// The payload of `group.invited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupInvitation)]
pub struct Invitation {
    pub group_id: GroupId,
    pub user_id: UserId,
    pub invited_by: UserId,
    pub expires_at: Timestamp,
}

/// The payload of `group.uninvited`: an invitation is no longer open, and whoever was invited has not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupUninvited)]
pub struct Uninvited {
    pub group_id: GroupId,
    pub user_id: UserId,
    pub reason: Unwanted,
}

impl Change {
    fn group(&self) -> GroupId {
        match self {
            Self::Created(face) | Self::Updated(face) => face.id,
            Self::Deleted(_, deleted) => deleted.group_id,
            Self::MemberAdded(_, added) | Self::MemberUpdated(_, added) => added.group_id,
            Self::MemberRemoved(_, removed) => removed.group_id,
            Self::Requested(_, asked) => asked.group_id,
            Self::Decided(_, decision) => decision.group_id,
            Self::Invited(_, invitation) => invitation.group_id,
            Self::Uninvited(_, uninvited) => uninvited.group_id,
        }
    }

    fn own(&self) -> Topic {
        Topic::new(GROUP, self.group())
    }
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Created(_) => GROUP_CREATED,
            Self::Updated(_) => GROUP_UPDATED,
            Self::Deleted(..) => "group.deleted",
            Self::MemberAdded(..) => "group.member_added",
            Self::MemberUpdated(..) => "group.member_updated",
            Self::MemberRemoved(..) => "group.member_removed",
            Self::Requested(..) => "group.requested",
            Self::Decided(..) => "group.decided",
            Self::Invited(..) => "group.invited",
            Self::Uninvited(..) => "group.uninvited",
        }
    }

    fn topic(&self) -> Topic {
        let of = |audience: &Audience, member: UserId| match audience {
            Audience::Group => self.own(),
            Audience::Member => Topic::user(member),
            Audience::Staff(user) => Topic::user(*user),
        };
        match self {
            Self::Created(face) => Topic::user(face.owner_id),
            Self::Updated(_) => self.own(),
            Self::Deleted(user, _)
            | Self::Requested(user, _)
            | Self::Decided(user, _)
            | Self::Invited(user, _)
            | Self::Uninvited(user, _) => Topic::user(*user),
            Self::MemberAdded(audience, added) | Self::MemberUpdated(audience, added) => of(audience, added.user.id),
            Self::MemberRemoved(audience, removed) => of(audience, removed.user_id),
        }
    }

    fn follow(&self) -> Option<Follow> {
        let step = |user, step| Some(Follow { user, topic: self.own(), step });
        match self {
            Self::Created(face) => step(face.owner_id, Step::Enter),
            Self::Deleted(user, _) => step(*user, Step::Leave),
            // What the staff of a large group receives is a copy.
            Self::MemberAdded(Audience::Staff(_), _) | Self::MemberRemoved(Audience::Staff(_), _) => None,
            Self::MemberAdded(_, added) => step(added.user.id, Step::Enter),
            Self::MemberRemoved(_, removed) => step(removed.user_id, Step::Leave),
            Self::Updated(_)
            | Self::MemberUpdated(..)
            | Self::Requested(..)
            | Self::Decided(..)
            | Self::Invited(..)
            | Self::Uninvited(..) => None,
        }
    }

    /// Everything about a group is in its order.
    fn anchor(&self) -> Topic {
        self.own()
    }

    fn subject(&self) -> Option<Uuid> {
        Some(self.group().uuid())
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Created(face) | Self::Updated(face) => to_raw_value(face),
            Self::Deleted(_, deleted) => to_raw_value(deleted),
            Self::MemberAdded(_, added) | Self::MemberUpdated(_, added) => to_raw_value(added),
            Self::MemberRemoved(_, removed) => to_raw_value(removed),
            Self::Requested(_, asked) => to_raw_value(asked),
            Self::Decided(_, decision) => to_raw_value(decision),
            Self::Invited(_, invitation) => to_raw_value(invitation),
            Self::Uninvited(_, uninvited) => to_raw_value(uninvited),
        }
    }
}
