//! The table of presence.

use crate::domains::{accounts::users, preferences::preferences};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    presence (user_id) {
        user_id -> Uid,
        status -> Text,
        until -> Nullable<Ts>,
        last_seen_at -> Nullable<Ts>,
        vanished_at -> Nullable<Ts>,
        vanished_as -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(preferences, presence, users);
