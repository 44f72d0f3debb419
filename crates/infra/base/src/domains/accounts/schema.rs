//! The tables of accounts and their sessions.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    users (id) {
        id -> Uid,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        email_verified_at -> Nullable<Ts>,
        password -> Text,
        display_name -> Text,
        bio -> Nullable<Text>,
        status_text -> Nullable<Text>,
        visibility -> Text,
        role -> Text,
        created_at -> Ts,
        version -> BigInt,
        two_factor_at -> Nullable<Ts>,
        erase_at -> Nullable<Ts>,
        deleted_at -> Nullable<Ts>,
        suspended_until -> Nullable<Ts>,
        suspension_reason -> Nullable<Text>,
        pronouns -> Nullable<Text>,
        location -> Nullable<Text>,
        links -> Nullable<Text>,
        status_until -> Nullable<Ts>,
        renamed_at -> Nullable<Ts>,
        badges -> Nullable<Text>,
        imported_as -> Nullable<Binary>,
        avatar_id -> Nullable<Uid>,
        cover_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    sessions (id) {
        id -> Uid,
        user_id -> Uid,
        name -> Nullable<Text>,
        agent -> Nullable<Text>,
        address -> Nullable<Text>,
        created_at -> Ts,
        last_used_at -> Ts,
        expires_at -> Ts,
        ended_at -> Nullable<Ts>,
        opened_from -> Nullable<Text>,
        authenticated_at -> Ts,
        refresh_generation -> Integer,
        refresh_uses -> Binary,
        refresh_late -> SmallInt,
        refresh_late_before -> SmallInt,
        refresh_legacy -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    username_claims (skeleton) {
        skeleton -> Text,
        user_id -> Uid,
        version -> Integer,
        until -> Nullable<Ts>,
        former -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    user_keys (user_id) {
        user_id -> Uid,
        id -> Uid,
        key -> Seal,
        created_at -> Ts,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(sessions, user_keys, username_claims, users);
