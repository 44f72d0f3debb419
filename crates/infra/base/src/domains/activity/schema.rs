//! The tables of what people did.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    activity (id) {
        id -> Uid,
        user_id -> Uid,
        day -> Integer,
        kind -> Text,
        target_kind -> Text,
        target_id -> Uid,
        at -> Ts,
        last_at -> Ts,
        count -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    activity_clearings (user_id) {
        user_id -> Uid,
        cleared_at -> Ts,
        epoch -> Uid,
        heads -> Text,
        audit -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(activity, activity_clearings);
