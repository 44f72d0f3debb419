//! The tables by which people are found.

use crate::domains::{accounts::users, friends::friendships};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    name_index (user_id) {
        user_id -> Uid,
        username -> Text,
        display_name -> Text,
        written -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    name_grams (gram, user_id) {
        gram -> Text,
        user_id -> Uid,
    }
}

diesel::joinable!(name_index -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(name_index, users);
diesel::allow_tables_to_appear_in_same_query!(name_index, friendships);
diesel::allow_tables_to_appear_in_same_query!(name_grams, friendships);
