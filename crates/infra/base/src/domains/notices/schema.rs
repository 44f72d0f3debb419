//! The tables of mail of notifications.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notices (id) {
        id -> Uid,
        user_id -> Uid,
        kind -> Text,
        notification_id -> Nullable<Uid>,
        source_id -> Uid,
        actor_id -> Nullable<Uid>,
        target_type -> Text,
        target_id -> Uid,
        chat_id -> Nullable<Uid>,
        message_id -> Nullable<Uid>,
        seq -> Nullable<BigInt>,
        group_key -> Text,
        reason -> Text,
        at -> Ts,
        due_at -> Ts,
        mail_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notice_mails (id) {
        id -> Uid,
        user_id -> Uid,
        rhythm -> Nullable<Text>,
        period -> Nullable<Text>,
        since -> Nullable<Ts>,
        more -> BigInt,
        created_at -> Ts,
        settled_at -> Nullable<Ts>,
        outcome -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notice_queues (user_id) {
        user_id -> Uid,
        next_at -> Nullable<Ts>,
        waiting -> BigInt,
        more -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notice_digests (user_id) {
        user_id -> Uid,
        rhythm -> Text,
        since -> Ts,
        next_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notice_addresses (user_id) {
        user_id -> Uid,
        address -> Binary,
        bounces -> SmallInt,
        mail_id -> Uid,
        dead_at -> Nullable<Ts>,
    }
}
