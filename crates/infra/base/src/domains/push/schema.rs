//! The tables of push.

use crate::domains::accounts::sessions;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    push_subscriptions (id) {
        id -> Uid,
        user_id -> Uid,
        session_id -> Uid,
        kind -> Text,
        device -> Binary,
        target -> Seal,
        refusals -> SmallInt,
        failing_since -> Nullable<Ts>,
        created_at -> Ts,
        last_used_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pushes (id) {
        id -> Uid,
        subscription_id -> Uid,
        user_id -> Uid,
        kind -> Text,
        source_id -> Uid,
        actor_id -> Uid,
        target_type -> Text,
        target_id -> Uid,
        chat_id -> Nullable<Uid>,
        message_id -> Nullable<Uid>,
        seq -> Nullable<BigInt>,
        notification_id -> Nullable<Uid>,
        group_key -> Text,
        reason -> Text,
        created_at -> Ts,
        count -> BigInt,
        until -> Ts,
        tries -> SmallInt,
        revision -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    push_keys (id) {
        id -> Uid,
        secret -> Seal,
        public -> Binary,
        created_at -> Ts,
    }
}

diesel::joinable!(push_subscriptions -> sessions (session_id));
diesel::joinable!(pushes -> push_subscriptions (subscription_id));
diesel::allow_tables_to_appear_in_same_query!(push_subscriptions, sessions);
diesel::allow_tables_to_appear_in_same_query!(pushes, push_subscriptions);
