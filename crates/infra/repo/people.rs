//! Whom a user may see: the one filter for everything that lists, finds or shows people.

use clowder_core::{Actor, Ctx, Result, Role, Timestamp, UserId, Via, Visibility, Word};
use diesel::{
    BoxableExpression,
    dsl::{exists, not},
    prelude::*,
    sql_types::{Bool, Nullable},
};

use super::{dialect::Backend, staff::search::is_suspended};
use crate::domains::{accounts::users, blocks::blocks};

type Condition = Box<dyn BoxableExpression<users::table, Backend, SqlType = Nullable<Bool>>>;

/// Who looks at others, and when.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    pub id: UserId,
    /// A moderator or an administrator in person. Their programs see what everybody sees.
    pub staff: bool,
    pub now: Timestamp,
}

impl Viewer {
    pub fn of(ctx: &Ctx) -> Result<Self> {
        let staff = matches!(ctx.actor, Actor::User { via: Via::Session(_), role, .. } if role >= Role::Moderator);
        Ok(Self { id: ctx.user()?, staff, now: ctx.now })
    }
}

/// The users of whom the viewer may see at least the card, as in [`clowder_accounts::policy::sight::sight`]; a test
/// compares the two.
pub fn visible_to(viewer: Viewer) -> Condition {
    if viewer.staff {
        return Box::new(users::deleted_at.is_null().nullable());
    }
    let blocks_them = blocks::table.filter(blocks::user_id.eq(viewer.id).and(blocks::blocked_id.eq(users::id)));
    let blocked_by_them = blocks::table.filter(blocks::user_id.eq(users::id).and(blocks::blocked_id.eq(viewer.id)));
    let others = users::visibility
        .ne(Visibility::Private.as_str())
        .and(not(is_suspended(viewer.now)))
        .and(not(exists(blocks_them)))
        .and(not(exists(blocked_by_them)));
    Box::new(users::deleted_at.is_null().and(users::id.eq(viewer.id).or(others)).nullable())
}
