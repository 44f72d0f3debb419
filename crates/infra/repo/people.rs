//! Whom a user may see: the one filter for everything that lists, finds or shows people.

use std::collections::HashSet;

use clowder_accounts::{model::Audience, policy::sight::FieldGroup};
use clowder_core::{Actor, Ctx, Result, Role, Timestamp, UserId, Via, Visibility, Word};
use diesel::{
    BoxableExpression,
    dsl::{exists, not},
    prelude::*,
    sql_types::{Bool, Nullable, Text},
};

use super::{
    among::AmongIds,
    dialect::{Backend, Conn},
    staff::search::is_suspended,
};
use crate::domains::{accounts::users, blocks::blocks, friends::friendships, preferences::preferences};

pub type Condition = Box<dyn BoxableExpression<users::table, Backend, SqlType = Nullable<Bool>>>;
/// Whether something connects somebody with the viewer. Each domain that connects people offers one.
pub type Tie = Box<dyn BoxableExpression<users::table, Backend, SqlType = Bool>>;

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

    /// Somebody whom nobody knows: an id that nobody has.
    pub fn stranger(now: Timestamp) -> Self {
        Self { id: UserId::new(now), staff: false, now }
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

/// Those of these people who hide this part of their profiles from the viewer, among those whom the viewer may see. From
/// nothing may be concluded what it says.
pub fn hiding(conn: &mut Conn, viewer: Viewer, group: FieldGroup, people: &[UserId]) -> Result<HashSet<UserId>> {
    if viewer.staff {
        return Ok(HashSet::new());
    }
    let reserved =
        users::table.filter(users::id.among(people)).filter(users::visibility.eq(Visibility::Friends.as_str()));
    let to_friends: Vec<UserId> = reserved.select(users::id).load(conn)?;
    let chosen = audiences(conn, group, people)?;
    if to_friends.is_empty() && chosen.is_empty() {
        return Ok(HashSet::new());
    }
    let friends =
        friendships::table.filter(friendships::user_id.eq(viewer.id).and(friendships::friend_id.among(people)));
    let friends: HashSet<UserId> = friends.select(friendships::friend_id).load(conn)?.into_iter().collect();
    let by_choice =
        chosen.into_iter().filter(|(user, audience)| *audience == Audience::Nobody || !friends.contains(user));
    let by_choice: Vec<UserId> = by_choice.map(|(user, _)| user).collect();
    let hidden = to_friends.into_iter().filter(|user| !friends.contains(user)).chain(by_choice);
    Ok(hidden.filter(|user| *user != viewer.id).collect())
}

/// To whom those of these people show a part of their profiles who do not show it to everybody.
pub fn audiences(conn: &mut Conn, group: FieldGroup, people: &[UserId]) -> Result<Vec<(UserId, Audience)>> {
    let chosen: Vec<(UserId, String)> = preferences::table
        .filter(preferences::user_id.among(people).and(audience(group).ne(Audience::Everyone.as_str())))
        .select((preferences::user_id, audience(group)))
        .load(conn)?;
    chosen.into_iter().map(|(user, audience)| Ok((user, Audience::parse_word(&audience)?))).collect()
}

/// Who may see a part of a profile.
fn audience(group: FieldGroup) -> Box<dyn BoxableExpression<preferences::table, Backend, SqlType = Text>> {
    match group {
        FieldGroup::Bio => Box::new(preferences::see_bio),
        FieldGroup::Details => Box::new(preferences::see_details),
        FieldGroup::FriendsList => Box::new(preferences::see_friends),
        FieldGroup::Pets => Box::new(preferences::see_pets),
        FieldGroup::Email => Box::new(preferences::see_email),
        FieldGroup::Presence => Box::new(preferences::last_seen),
    }
}
