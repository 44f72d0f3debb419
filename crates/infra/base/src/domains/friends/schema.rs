//! The table of friendships: each is two rows, one for each direction.

use crate::domains::accounts::users;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    friendships (user_id, friend_id) {
        user_id -> Uid,
        friend_id -> Uid,
        since -> Ts,
    }
}

diesel::allow_tables_to_appear_in_same_query!(friendships, users);
