//! The tables of groups.

use crate::domains::accounts::users;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    groups (id) {
        id -> Uid,
        name -> Text,
        description -> Nullable<Text>,
        rules -> Nullable<Text>,
        visibility -> Text,
        owner_id -> Nullable<Uid>,
        member_count -> BigInt,
        chat_id -> Uid,
        created_at -> Ts,
        deleted_at -> Nullable<Ts>,
        version -> BigInt,
        avatar_id -> Nullable<Uid>,
        cover_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    group_people (group_id, user_id) {
        group_id -> Uid,
        user_id -> Uid,
        status -> Text,
        role -> Nullable<Text>,
        since -> Ts,
        invited_by -> Nullable<Uid>,
        reason -> Nullable<Text>,
        role_since -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    group_attempts (id) {
        id -> Uid,
        kind -> Text,
        group_id -> Uid,
        user_id -> Uid,
        by_id -> Nullable<Uid>,
        made_at -> Ts,
        refused_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    group_deletions (group_id) {
        group_id -> Uid,
        user_id -> Uid,
        members -> BigInt,
        finished_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    group_links (id) {
        id -> Uid,
        group_id -> Uid,
        code_hash -> Binary,
        created_by -> Uid,
        max_uses -> Nullable<Integer>,
        uses -> Integer,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
        revoked_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    group_words (word, group_id) {
        word -> Text,
        group_id -> Uid,
        listed -> Bool,
    }
}

diesel::joinable!(group_people -> groups (group_id));
diesel::joinable!(group_people -> users (user_id));
diesel::joinable!(group_words -> groups (group_id));
diesel::allow_tables_to_appear_in_same_query!(group_people, group_words, groups, users);
