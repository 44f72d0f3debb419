//! The tables of reports and statements.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    reports (id) {
        id -> Uid,
        reporter_id -> Nullable<Uid>,
        target_type -> Text,
        target_id -> Uid,
        reported_id -> Nullable<Uid>,
        category -> Text,
        comment -> Nullable<Seal>,
        evidence -> Seal,
        status -> Text,
        assigned_id -> Nullable<Uid>,
        action -> Nullable<Text>,
        until -> Nullable<Ts>,
        reason -> Nullable<Seal>,
        decided_by -> Nullable<Uid>,
        decided_at -> Nullable<Ts>,
        created_at -> Ts,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    statements (id) {
        id -> Uid,
        user_id -> Uid,
        report_id -> Uid,
        target_type -> Text,
        target_id -> Uid,
        category -> Text,
        action -> Text,
        until -> Nullable<Ts>,
        reason -> Nullable<Seal>,
        created_at -> Ts,
        appeal -> Nullable<Seal>,
        appeal_status -> Nullable<Text>,
        appealed_at -> Nullable<Ts>,
        answer -> Nullable<Seal>,
        answered_at -> Nullable<Ts>,
        self_answered -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    report_parties (report_id, user_id) { report_id -> Uid, user_id -> Uid, kind -> Text, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    report_files (report_id, place) { report_id -> Uid, place -> BigInt, file_id -> Uid, }
}

diesel::joinable!(report_files -> reports (report_id));
diesel::allow_tables_to_appear_in_same_query!(report_files, report_parties, reports, statements);
