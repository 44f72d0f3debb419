//! The tables of background jobs.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    jobs (id) {
        id -> Uid,
        kind -> Text,
        payload -> Binary,
        key -> Nullable<Text>,
        run_at -> Ts,
        attempts -> SmallInt,
        lease_id -> Nullable<Uid>,
        lease_until -> Nullable<Ts>,
        last_error -> Nullable<Text>,
        created_at -> Ts,
        dead_at -> Nullable<Ts>,
        subject_id -> Nullable<Uid>,
        recipient -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    crons (name) { name -> Text, schedule -> Text, next_at -> Ts, }
}

diesel::allow_tables_to_appear_in_same_query!(crons, jobs);
