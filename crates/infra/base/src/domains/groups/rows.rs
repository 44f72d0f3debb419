//! The rows of groups.

use std::collections::HashSet;

use clowder_core::{ChatId, FileId, Picture, Result, Timestamp, UserId, Word};
use clowder_social::groups::{
    Group, GroupId, GroupVisibility, Invite, InviteId, Role, Standing,
    change::Face,
    policy::{LinkFacts, Place, is_over},
};
use diesel::prelude::*;

use super::schema::{group_links, group_people, groups};

/// A group that exists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = groups)]
pub struct GroupRow {
    pub id: GroupId,
    pub name: String,
    pub description: Option<String>,
    pub rules: Option<String>,
    pub visibility: String,
    pub owner_id: Option<UserId>,
    pub member_count: i64,
    pub chat_id: ChatId,
    pub created_at: Timestamp,
    pub version: i64,
    pub avatar_id: Option<FileId>,
    pub cover_id: Option<FileId>,
}

impl GroupRow {
    pub const fn pictures(&self) -> [Option<FileId>; 2] {
        [self.avatar_id, self.cover_id]
    }

    pub fn visibility(&self) -> Result<GroupVisibility> {
        GroupVisibility::parse_word(&self.visibility)
    }

    pub fn owner(&self) -> Result<UserId> {
        self.owner_id.ok_or_else(|| clowder_core::Error::internal("a group without an owner"))
    }

    /// As somebody with this place sees it, to whom these owners are shown; members see theirs in any case.
    pub fn group(self, place: Place, shown: &HashSet<UserId>) -> Result<Group> {
        let owner = self.owner()?;
        Ok(Group {
            visibility: self.visibility()?,
            owner_id: (place.is_member() || shown.contains(&owner)).then_some(owner),
            id: self.id,
            name: self.name,
            description: self.description,
            rules: self.rules,
            avatar: self.avatar_id.map(Picture::of),
            cover: self.cover_id.map(Picture::of),
            member_count: self.member_count,
            my_role: place.shown(),
            chat_id: place.is_member().then_some(self.chat_id),
            created_at: self.created_at,
            version: self.version,
        })
    }

    pub fn face(&self) -> Result<Face> {
        Ok(Face {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            rules: self.rules.clone(),
            visibility: self.visibility()?,
            avatar: self.avatar_id.map(Picture::of),
            cover: self.cover_id.map(Picture::of),
            owner_id: self.owner()?,
            chat_id: self.chat_id,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = group_people)]
pub struct PersonRow {
    pub user_id: UserId,
    pub status: String,
    pub role: Option<String>,
    pub since: Timestamp,
    /// A node of the version before may leave it with somebody who is not invited any more.
    pub invited_by: Option<UserId>,
    pub reason: Option<String>,
}

impl PersonRow {
    /// A request or an invitation whose time is over does not count, even before the sweep notices.
    pub fn place(&self, now: Timestamp) -> Result<Place> {
        let standing = Standing::parse_word(&self.status)?;
        if matches!(standing, Standing::Pending | Standing::Invited) && is_over(now, self.since) {
            return Ok(Place::NONE);
        }
        let role = self.role.as_deref().map(Role::parse_word).transpose()?;
        Ok(Place { standing: Some(standing), role })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = group_links)]
pub struct LinkRow {
    pub id: InviteId,
    pub group_id: GroupId,
    pub created_by: UserId,
    pub max_uses: Option<i32>,
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl LinkRow {
    pub fn facts(&self) -> LinkFacts {
        LinkFacts {
            revoked: self.revoked_at.is_some(),
            expires_at: self.expires_at,
            max_uses: self.max_uses,
            uses: self.uses,
        }
    }
}

impl From<LinkRow> for Invite {
    fn from(row: LinkRow) -> Self {
        Self {
            id: row.id,
            group_id: row.group_id,
            created_by: row.created_by,
            max_uses: row.max_uses,
            uses: row.uses,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}
