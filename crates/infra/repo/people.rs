//! Whom a user may see: the one filter for everything that lists, finds or shows people.

use clowder_core::{UserId, Visibility, Word};
use diesel::{
    BoxableExpression,
    dsl::exists,
    prelude::*,
    sql_types::{Bool, Nullable},
};

use super::dialect::Backend;
use crate::domains::{accounts::users, messaging::participants};

type Condition = Box<dyn BoxableExpression<users::table, Backend, SqlType = Nullable<Bool>>>;

/// The users whom the viewer may see, as in [`clowder_accounts::policy::may_see`]; a test compares the two.
pub fn visible_to(viewer: UserId) -> Condition {
    let (mine, theirs) = diesel::alias!(participants as mine, participants as theirs);
    let shared = mine
        .inner_join(theirs.on(theirs.field(participants::chat_id).eq(mine.field(participants::chat_id))))
        .filter(mine.field(participants::user_id).eq(viewer))
        .filter(theirs.field(participants::user_id).eq(users::id));
    let seen = users::id.eq(viewer).or(users::visibility.ne(Visibility::Private.as_str())).or(exists(shared));
    Box::new(users::deleted_at.is_null().and(seen).nullable())
}
