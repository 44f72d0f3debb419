//! The tables of invitations and pending sign-ups.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    invites (id) {
        id -> Uid,
        code_hash -> Binary,
        note -> Nullable<Text>,
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
    sign_ups (id) {
        id -> Uid,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        password -> Text,
        display_name -> Text,
        pretended -> Bool,
        invite_id -> Nullable<Uid>,
        needs_approval -> Bool,
        confirmed_at -> Nullable<Ts>,
        created_at -> Ts,
        expires_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    sign_up_claims (skeleton) {
        skeleton -> Text,
        sign_up_id -> Uid,
        version -> Integer,
    }
}

diesel::allow_tables_to_appear_in_same_query!(invites, sign_up_claims, sign_ups);
