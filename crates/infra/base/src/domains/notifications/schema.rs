//! The tables of notifications.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notifications (id) {
        id -> Uid,
        user_id -> Uid,
        kind -> Text,
        source_id -> Uid,
        actor_id -> Uid,
        target_type -> Text,
        target_id -> Uid,
        chat_id -> Nullable<Uid>,
        message_id -> Nullable<Uid>,
        seq -> Nullable<BigInt>,
        detail -> Nullable<Text>,
        group_id -> Uid,
        group_key -> Text,
        reason -> Text,
        created_at -> Ts,
        seen_at -> Nullable<Ts>,
        read_at -> Nullable<Ts>,
        removed_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notification_groups (id) {
        id -> Uid,
        user_id -> Uid,
        key -> Text,
        kind -> Text,
        latest_id -> Uid,
        count -> BigInt,
        unread -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notification_inboxes (user_id) {
        user_id -> Uid,
        unread -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    notification_preferences (user_id) {
        user_id -> Uid,
        channels -> Text,
        quiet_from -> Nullable<Text>,
        quiet_to -> Nullable<Text>,
        time_zone -> Nullable<Text>,
        digest -> Text,
        push_privacy -> Text,
        updated_at -> Ts,
        version -> BigInt,
    }
}
