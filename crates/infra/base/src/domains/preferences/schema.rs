//! The table of settings.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    preferences (user_id) {
        user_id -> Uid,
        language -> Text,
        time_zone -> Text,
        theme -> Text,
        last_seen -> Text,
        messages_from -> Text,
        read_receipts -> Bool,
        notify_about -> Text,
        notify_by_push -> Bool,
        notify_by_mail -> Bool,
        updated_at -> Ts,
        version -> BigInt,
        see_bio -> Text,
        see_details -> Text,
        see_friends -> Text,
        see_email -> Text,
        see_pets -> Text,
    }
}
