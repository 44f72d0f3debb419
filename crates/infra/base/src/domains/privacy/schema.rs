//! The tables of exports and erasures.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    exports (id) {
        id -> Uid,
        user_id -> Uid,
        status -> Text,
        progress -> SmallInt,
        size -> BigInt,
        run_id -> Nullable<Uid>,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
        link_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    export_chunks (id) {
        id -> Uid,
        export_id -> Uid,
        number -> Integer,
        data -> Seal,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    export_files (export_id, first) {
        export_id -> Uid,
        first -> Integer,
        object_id -> Uid,
        clean -> Bool,
        size -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    erasures (id) {
        id -> Uid,
        user_id -> Uid,
        requested_at -> Ts,
        erase_at -> Ts,
        delete_messages -> Bool,
        recipient -> Nullable<Seal>,
        state -> Text,
        erased_at -> Nullable<Ts>,
        receipt -> Nullable<Text>,
    }
}

diesel::joinable!(export_chunks -> exports (export_id));
diesel::joinable!(export_files -> exports (export_id));
diesel::allow_tables_to_appear_in_same_query!(erasures, export_chunks, export_files, exports);
