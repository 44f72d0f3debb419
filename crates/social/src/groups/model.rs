//! The types of groups; each has the same shape when stored, sent and answered.

mod input;
mod values;

pub use clowder_core::{
    GroupId,
    deletion::DeletionStatus,
    link::{Code, Uses},
};
pub use input::{
    GroupFilter, GroupPatch, MemberFilter, NewGroup, NewGroupBan, NewGroupInvite, NewOwner, RolePatch, Verdict,
};
pub use values::{GroupVisibility, Mine, MyRole, Optional, Role, Standing, Verb};

use clowder_core::{Card, ChatId, Id, Picture, Timestamp, UserId, versions};
use serde::{Deserialize, Serialize};

pub enum InviteKind {}
pub type InviteId = Id<InviteKind>;

/// A group as one person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Group {
    pub id: GroupId,
    #[schema(example = "Gardeners of the north side")]
    pub name: String,
    pub description: Option<String>,
    pub rules: Option<String>,
    pub visibility: GroupVisibility,
    pub avatar: Option<Picture>,
    pub cover: Option<Picture>,
    /// `null` unless the viewer is a member or may see the owner.
    pub owner_id: Option<UserId>,
    #[schema(minimum = 1)]
    pub member_count: i64,
    pub my_role: MyRole,
    /// The chat of the group; `null` unless the viewer is a member.
    pub chat_id: Option<ChatId>,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each edit. The `ETag` changes with everything that is shown.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl Group {
    /// The version, and a fingerprint of everything that is shown: that may change without another version.
    pub fn tag(&self) -> i64 {
        versions::tag(self.version, self)
    }
}

/// Somebody in a group, or on the way into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupMember)]
pub struct Member {
    pub user: Card,
    pub status: Standing,
    /// `null` unless they are a member.
    pub role: Option<Role>,
    /// Since when they have this status.
    pub since: Timestamp,
    /// Why they are banned; `null` if nobody said, and for everybody else.
    pub reason: Option<String>,
    /// Who has invited them; `null` unless they are invited.
    pub invited_by: Option<Card>,
}

/// An invitation to a group, as whoever is invited sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = OwnGroupInvitation)]
pub struct OwnInvitation {
    pub group: Group,
    /// `null` if it is not known any more.
    pub invited_by: Option<Card>,
    /// Since when you are invited.
    pub since: Timestamp,
}

/// A link by which people join a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupInvite)]
pub struct Invite {
    pub id: InviteId,
    pub group_id: GroupId,
    pub created_by: UserId,
    pub max_uses: Option<i32>,
    #[schema(minimum = 0)]
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// What inviting did: people are invited, or there is a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupInvited)]
pub struct Invited {
    /// Who is invited now; whoever is a member or invited already is left out.
    #[schema(max_items = 100)]
    pub user_ids: Vec<UserId>,
    /// The new link, unless people were invited.
    pub link: Option<Invite>,
    /// For `POST /api/group-invites/{code}/join`. Shown only here.
    #[schema(example = "q0Jm3vXk2cYwzN1sT5bq7g")]
    pub code: Option<String>,
}

/// A group as whoever has a link to it sees it before joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupPreview)]
pub struct Preview {
    pub group_id: GroupId,
    #[schema(example = "Gardeners of the north side")]
    pub name: String,
    pub description: Option<String>,
    pub visibility: GroupVisibility,
    #[schema(minimum = 1)]
    pub member_count: i64,
    pub my_role: MyRole,
    /// Until when the link works.
    pub expires_at: Option<Timestamp>,
}

/// How far the deletion of a group has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GroupDeletion)]
pub struct Deletion {
    pub group_id: GroupId,
    pub status: DeletionStatus,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
}

/// What deleting did.
pub type Gone = clowder_core::deletion::Gone<Deletion>;

/// What joining did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    New(Group),
    /// They were in it.
    Already(Group),
    /// Its staff decides.
    Asked(Group),
}

impl Joined {
    pub fn group(self) -> Group {
        match self {
            Self::New(group) | Self::Already(group) | Self::Asked(group) => group,
        }
    }
}
