//! What a write of groups announces: its own changes and those of the chat, in one append.

use clowder_core::{Ctx, Follow, Result, Topic, UserId, Word};
use clowder_social::groups::{
    Change, GroupId, Role,
    change::Audience,
    policy::{MOST_STAFF_TOLD, TOLD_AMONG},
};
use diesel::prelude::*;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::super::{
    db::Tx,
    dialect::Conn,
    journal,
    messaging::membership::{ChatChange, ChatRole},
};
use crate::domains::groups::group_people;

pub enum Told {
    Group(Change),
    Chat(ChatChange),
}

impl clowder_core::Change for Told {
    fn name(&self) -> &'static str {
        match self {
            Self::Group(change) => change.name(),
            Self::Chat(change) => change.name(),
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Self::Group(change) => change.topic(),
            Self::Chat(change) => change.topic(),
        }
    }

    fn follow(&self) -> Option<Follow> {
        match self {
            Self::Group(change) => change.follow(),
            Self::Chat(change) => change.follow(),
        }
    }

    fn anchor(&self) -> Topic {
        match self {
            Self::Group(change) => change.anchor(),
            Self::Chat(change) => change.anchor(),
        }
    }

    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Group(change) => change.subject(),
            Self::Chat(change) => change.subject(),
        }
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Group(change) => change.data(),
            Self::Chat(change) => change.data(),
        }
    }
}

/// The last statement of a write.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, told: &[Told]) -> Result<()> {
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)
}

/// Who runs a group, except these: the owner and the longest-serving of the others.
pub fn staff(conn: &mut Conn, group: GroupId, but: &[UserId]) -> Result<Vec<UserId>> {
    let mut staff = Vec::new();
    for role in [Role::Owner, Role::Admin, Role::Moderator] {
        let some: Vec<UserId> = group_people::table
            .filter(group_people::group_id.eq(group).and(group_people::role.eq(role.as_str())))
            .filter(group_people::user_id.ne_all(but))
            .order((group_people::since, group_people::user_id))
            .limit(MOST_STAFF_TOLD - staff.len() as i64)
            .select(group_people::user_id)
            .load(conn)?;
        staff.extend(some);
    }
    Ok(staff)
}

/// A change about a member of a group with so many members: to everybody, or, in a large group, to the member and the
/// staff, because otherwise each of many would hear of each.
pub fn about_member(
    conn: &mut Conn,
    group: GroupId,
    members: i64,
    user: UserId,
    change: impl Fn(Audience) -> Change,
) -> Result<Vec<Told>> {
    if members <= TOLD_AMONG {
        return Ok(vec![Told::Group(change(Audience::Group))]);
    }
    let mut told = vec![Told::Group(change(Audience::Member))];
    let staff = staff(conn, group, &[user])?;
    told.extend(staff.into_iter().map(|user| Told::Group(change(Audience::Staff(user)))));
    Ok(told)
}

/// The role in the chat of whoever has this role in the group.
pub const fn in_chat(role: Role) -> ChatRole {
    match role {
        Role::Owner => ChatRole::Owner,
        Role::Admin | Role::Moderator => ChatRole::Admin,
        Role::Member => ChatRole::Member,
    }
}
