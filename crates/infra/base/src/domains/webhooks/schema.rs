//! The tables of webhooks.

use crate::domains::accounts::users;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    webhooks (id) {
        id -> Uid,
        user_id -> Uid,
        url -> Text,
        event_types -> Text,
        hears_server -> Bool,
        description -> Nullable<Text>,
        keys -> Nullable<Seal>,
        public_key -> Nullable<Text>,
        former_keys_until -> Nullable<Ts>,
        disabled_reason -> Nullable<Text>,
        epoch -> Uid,
        heads -> Text,
        created_at -> Ts,
        deleted_at -> Nullable<Ts>,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    webhook_queues (webhook_id) {
        webhook_id -> Uid,
        due_at -> Nullable<Ts>,
        holder -> Nullable<Uid>,
        lease_until -> Nullable<Ts>,
        waiting -> Integer,
        kept -> Integer,
        failures -> Integer,
        failing_since -> Nullable<Ts>,
        paused_until -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    webhook_deliveries (webhook_id, id) {
        webhook_id -> Uid,
        id -> Uid,
        stream -> Nullable<SmallInt>,
        position -> Nullable<BigInt>,
        event_type -> Text,
        status -> Text,
        attempts -> Text,
        tries -> Integer,
        next_at -> Nullable<Ts>,
        created_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    webhook_topics (topic_id, user_id) {
        topic_kind -> Text,
        topic_id -> Uid,
        user_id -> Uid,
        after_seq -> BigInt,
    }
}

diesel::joinable!(webhooks -> users (user_id));
diesel::joinable!(webhook_queues -> webhooks (webhook_id));
diesel::allow_tables_to_appear_in_same_query!(webhooks, users);
diesel::allow_tables_to_appear_in_same_query!(webhooks, webhook_queues);
diesel::allow_tables_to_appear_in_same_query!(webhook_queues, users);
