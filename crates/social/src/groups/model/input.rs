//! Inputs of groups.

use clowder_core::{Fields, FileId, Input, Name, Nullable, Timestamp, UserId, text::Flaw};

use super::{GroupVisibility, Mine, Optional, Role, Standing, Uses, Verb};
use crate::Prose;

/// The maximum number of people invited at once.
pub const MAX_INVITED: usize = 100;

/// `{name, description?, rules?, visibility?, avatar?, cover?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"name": "Gardeners", "description": "Seeds and advice", "visibility": "closed"}))]
pub struct NewGroup {
    /// `title` is accepted for it.
    #[schema(value_type = String, max_length = 80)]
    pub name: Name<80>,
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub description: Option<Optional<2_000>>,
    #[schema(value_type = Option<String>, max_length = 8000)]
    pub rules: Option<Optional<8_000>>,
    /// `public` if absent.
    #[schema(value_type = Option<GroupVisibility>)]
    pub visibility: GroupVisibility,
    /// One's own file, uploaded as `group` or `avatar`.
    pub avatar: Option<FileId>,
    /// One's own file, uploaded as `group` or `cover`.
    pub cover: Option<FileId>,
}

impl Input for NewGroup {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files_but(&["avatar", "cover"]);
        let name = fields.either(["name", "title"]);
        let (description, rules) = (fields.optional("description"), fields.optional("rules"));
        let visibility = fields.optional("visibility");
        let (avatar, cover) = (fields.optional("avatar"), fields.optional("cover"));
        if name == Some(None) {
            fields.flaw("name", Flaw::new("required", "is required"));
        }
        Some(Self {
            name: name??,
            description: description?,
            rules: rules?,
            visibility: visibility?.unwrap_or(GroupVisibility::Public),
            avatar: avatar?,
            cover: cover?,
        })
    }
}

/// Absent members stay; `null` takes `description`, `rules`, `avatar` or `cover` away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"rules": "Be kind."}))]
pub struct GroupPatch {
    /// `title` is accepted for it.
    #[schema(value_type = Option<String>, max_length = 80)]
    pub name: Option<Name<80>>,
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub description: Option<Optional<2_000>>,
    #[schema(value_type = Option<String>, max_length = 8000)]
    pub rules: Option<Optional<8_000>>,
    pub visibility: Option<GroupVisibility>,
    /// One's own file, uploaded as `group` or `avatar`.
    #[schema(value_type = Option<FileId>)]
    pub avatar: Option<Nullable<FileId>>,
    /// One's own file, uploaded as `group` or `cover`.
    #[schema(value_type = Option<FileId>)]
    pub cover: Option<Nullable<FileId>>,
}

impl Input for GroupPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files_but(&["avatar", "cover"]);
        let (name, visibility) = (fields.either(["name", "title"]), fields.optional("visibility"));
        let (description, rules) = (fields.patch("description"), fields.patch("rules"));
        let (avatar, cover) = (fields.patch("avatar"), fields.patch("cover"));
        Some(Self {
            name: name?,
            description: description?,
            rules: rules?,
            visibility: visibility?,
            avatar: avatar?,
            cover: cover?,
        })
    }
}

/// `{role}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = GroupRolePatch, example = json!({"role": "moderator"}))]
pub struct RolePatch {
    /// `owner` is refused: ownership is transferred by `PUT /api/groups/{group_id}/owner`.
    pub role: Role,
}

impl Input for RolePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("role").map(|role| Self { role })
    }
}

/// `{action}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = GroupVerdict, example = json!({"action": "approve"}))]
pub struct Verdict {
    pub action: Verb,
}

impl Input for Verdict {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("action").map(|action| Self { action })
    }
}

/// `{reason?}`
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"reason": "Advertising again and again"}))]
pub struct NewGroupBan {
    /// For the staff of the group. If absent, an earlier one stays.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub reason: Option<Prose<500>>,
}

impl Input for NewGroupBan {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("reason").map(|reason| Self { reason })
    }
}

/// `{user_id}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = NewGroupOwner, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}))]
pub struct NewOwner {
    pub user_id: UserId,
}

impl Input for NewOwner {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("user_id").map(|user_id| Self { user_id })
    }
}

/// `{user_ids}`, or `{expires_at?, max_uses?}` for a link
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"max_uses": 20}))]
pub struct NewGroupInvite {
    /// Whom to invite; with people there is no link.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 100, required = false)]
    pub user_ids: Option<Vec<UserId>>,
    /// How many people can join by the link; unlimited if absent.
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 100_000)]
    pub max_uses: Option<Uses>,
    /// Never expires if absent.
    pub expires_at: Option<Timestamp>,
}

impl Input for NewGroupInvite {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_ids = fields.list_patch("user_ids", MAX_INVITED);
        let (max_uses, expires_at) = (fields.optional("max_uses"), fields.optional("expires_at"));
        let (user_ids, max_uses, expires_at) = (user_ids?, max_uses?, expires_at?);
        let Some(people) = &user_ids else { return Some(Self { user_ids, max_uses, expires_at }) };
        let mut is_whole = true;
        let mut flaw = |name: &str, flaw: Flaw| {
            fields.flaw(name, flaw);
            is_whole = false;
        };
        if people.is_empty() {
            flaw("user_ids", Flaw::new("required", "must name somebody; without it there is a link"));
        }
        for (name, is_given) in [("max_uses", max_uses.is_some()), ("expires_at", expires_at.is_some())] {
            if is_given {
                flaw(name, Flaw::new("unwanted", "is for links, and people are invited in person"));
            }
        }
        is_whole.then_some(Self { user_ids, max_uses, expires_at })
    }

    fn rows(&self) -> usize {
        self.user_ids.as_ref().map_or(0, Vec::len)
    }
}

/// Which groups to list.
#[derive(Debug, Clone, Default)]
pub struct GroupFilter {
    /// Words of the name begin with these.
    pub search: Option<String>,
    /// Only those that the caller is in.
    pub mine: bool,
    /// Only those in which the caller has this part.
    pub my_role: Option<Mine>,
}

/// Which people of a group to list.
#[derive(Debug, Clone, Copy)]
pub struct MemberFilter {
    pub status: Standing,
    pub role: Option<Role>,
}
