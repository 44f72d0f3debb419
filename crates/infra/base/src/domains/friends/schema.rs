//! The tables of friendships (each is two rows, one for each direction) and friend requests.

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

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    friend_lists (user_id) {
        user_id -> Uid,
        friends -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    friend_requests (id) {
        id -> Uid,
        from_id -> Uid,
        to_id -> Uid,
        message -> Nullable<Text>,
        status -> Text,
        created_at -> Ts,
        decided_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    dismissed_suggestions (user_id, dismissed_id) {
        user_id -> Uid,
        dismissed_id -> Uid,
        dismissed_at -> Ts,
    }
}

diesel::allow_tables_to_appear_in_same_query!(friend_requests, friendships, users);
