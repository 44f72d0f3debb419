//! The tables of blocks, mutes and notes.

use crate::domains::accounts::users;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    blocks (user_id, blocked_id) {
        user_id -> Uid,
        blocked_id -> Uid,
        hide_messages -> Bool,
        since -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    mutes (user_id, muted_id) {
        user_id -> Uid,
        muted_id -> Uid,
        since -> Ts,
        until -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    user_notes (id) {
        id -> Uid,
        user_id -> Uid,
        about_id -> Uid,
        text -> Seal,
        updated_at -> Ts,
    }
}

diesel::allow_tables_to_appear_in_same_query!(blocks, mutes, users);
