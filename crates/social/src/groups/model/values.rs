//! Values of groups that are valid by construction, and their closed sets.

use clowder_core::{
    Field, Word,
    input::string,
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupVisibility {
    /// Anybody sees it and joins at once.
    Public,
    /// Anybody finds it; its staff admits.
    Closed,
    /// It does not exist for anybody but its members and those invited.
    Secret,
}

impl Word for GroupVisibility {
    const WHAT: &'static str = "group visibility";
    const WORDS: &'static [(&'static str, Self)] =
        &[("public", Self::Public), ("closed", Self::Closed), ("secret", Self::Secret)];
}

/// What a member may do; later ones may do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GroupRole)]
pub enum Role {
    Member,
    Moderator,
    Admin,
    Owner,
}

impl Word for Role {
    const WHAT: &'static str = "group role";
    const WORDS: &'static [(&'static str, Self)] =
        &[("member", Self::Member), ("moderator", Self::Moderator), ("admin", Self::Admin), ("owner", Self::Owner)];
}

/// How somebody stands to a group. Nobody stands in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GroupStanding)]
pub enum Standing {
    Member,
    /// They asked to join.
    Pending,
    Invited,
    Banned,
}

impl Word for Standing {
    const WHAT: &'static str = "standing in a group";
    const WORDS: &'static [(&'static str, Self)] =
        &[("member", Self::Member), ("pending", Self::Pending), ("invited", Self::Invited), ("banned", Self::Banned)];
}

/// The viewer's own place in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MyRole {
    None,
    Pending,
    Invited,
    Member,
    Moderator,
    Admin,
    Owner,
}

/// The part that a viewer has in their groups, for finding these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GroupPart)]
pub enum Mine {
    /// They asked to join, and nobody has decided.
    Pending,
    /// They are invited, and have not joined.
    Invited,
    Member,
    Moderator,
    Admin,
    Owner,
}

impl Word for Mine {
    const WHAT: &'static str = "part in a group";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("pending", Self::Pending),
        ("invited", Self::Invited),
        ("member", Self::Member),
        ("moderator", Self::Moderator),
        ("admin", Self::Admin),
        ("owner", Self::Owner),
    ];
}

impl Mine {
    /// How whoever has this part stands to the group, and with which role.
    pub const fn place(self) -> (Standing, Option<Role>) {
        match self {
            Self::Pending => (Standing::Pending, None),
            Self::Invited => (Standing::Invited, None),
            Self::Member => (Standing::Member, Some(Role::Member)),
            Self::Moderator => (Standing::Member, Some(Role::Moderator)),
            Self::Admin => (Standing::Member, Some(Role::Admin)),
            Self::Owner => (Standing::Member, Some(Role::Owner)),
        }
    }
}

/// A text of one or more lines, which `null` and the empty text take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optional<const MAX: usize>(Option<String>);

impl<const MAX: usize> Optional<MAX> {
    pub fn into_option(self) -> Option<String> {
        self.0
    }
}

impl<const MAX: usize> Field for Optional<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() {
            return Ok(Self(None));
        }
        let text = text::prose(&string(value)?, 0, MAX)?;
        Ok(Self(Some(text).filter(|text| !clowder_core::name::is_blank(text))))
    }
}

/// What staff does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GroupVerb)]
pub enum Verb {
    Approve,
    Reject,
}

impl Word for Verb {
    const WHAT: &'static str = "action";
    const WORDS: &'static [(&'static str, Self)] = &[("approve", Self::Approve), ("reject", Self::Reject)];
}
