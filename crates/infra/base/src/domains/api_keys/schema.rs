//! The table of API keys.

use crate::domains::accounts::users;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    api_keys (id) {
        id -> Uid,
        user_id -> Uid,
        name -> Text,
        hash -> Binary,
        scopes -> Text,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
        last_used_at -> Nullable<Ts>,
    }
}

diesel::joinable!(api_keys -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(api_keys, users);
