//! The tables of second factors.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    two_factor (user_id) {
        user_id -> Uid,
        secret -> Seal,
        created_at -> Ts,
        enabled_at -> Nullable<Ts>,
        last_step -> BigInt,
        failures -> BigInt,
        failed_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    recovery_codes (user_id, hash) {
        user_id -> Uid,
        hash -> Binary,
        used_at -> Nullable<Ts>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(recovery_codes, two_factor);
