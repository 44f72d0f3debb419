//! Pure rules: who may do what to a message they can see.

use clowder_core::UserId;

use crate::ChatRole;

/// Only the author can edit a message.
pub fn may_edit(viewer: UserId, author: UserId) -> bool {
    viewer == author
}

/// Authors can delete their own messages; owners and admins can delete anybody's.
pub fn may_delete(viewer: UserId, role: ChatRole, author: UserId) -> bool {
    viewer == author || matches!(role, ChatRole::Owner | ChatRole::Admin)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn may_edit_and_may_delete_tables() {
        let (author, other): (UserId, UserId) =
            (Id::new(Timestamp::from_micros(1)), Id::new(Timestamp::from_micros(1)));
        for (viewer, role, edit, delete) in [
            (author, ChatRole::Member, true, true),
            (other, ChatRole::Member, false, false),
            (other, ChatRole::Admin, false, true),
            (other, ChatRole::Owner, false, true),
        ] {
            assert_eq!((may_edit(viewer, author), may_delete(viewer, role, author)), (edit, delete), "{role:?}");
        }
    }
}
