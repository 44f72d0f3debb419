//! The tables of files.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    files (id) {
        id -> Uid,
        owner_id -> Uid,
        object_id -> Uid,
        name -> Text,
        purpose -> Text,
        created_at -> Ts,
        failed -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    file_objects (id) {
        id -> Uid,
        owner_id -> Nullable<Uid>,
        status -> Text,
        size -> BigInt,
        sha256 -> Nullable<Binary>,
        #[sql_name = "type"]
        kind -> Text,
        refs -> BigInt,
        created_at -> Ts,
        purge_at -> Nullable<Ts>,
        arriving_until -> Nullable<Ts>,
        purge_failures -> BigInt,
        scanning_since -> Nullable<Ts>,
        scan -> Text,
        signatures -> Nullable<Text>,
        virus -> Nullable<Text>,
        scanned_at -> Ts,
        seen -> Nullable<Text>,
        clean_size -> Nullable<BigInt>,
        clean_sha256 -> Nullable<Binary>,
        claim_id -> Nullable<Uid>,
        looked_by -> BigInt,
        made_at -> Nullable<Ts>,
        original_until -> Nullable<Ts>,
        faults -> BigInt,
        signature_number -> BigInt,
        late -> Bool,
        reserved -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    direct_uploads (object_id) {
        object_id -> Uid,
        claim -> Text,
        sha256 -> Nullable<Binary>,
        expires_at -> Ts,
        completed_by -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    file_usage (user_id) {
        user_id -> Uid,
        octets -> BigInt,
        files -> BigInt,
        trash_octets -> BigInt,
        trash_objects -> BigInt,
    }
}

diesel::table! {
    file_totals (single) { single -> SmallInt, octets -> BigInt, objects -> BigInt, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    file_cleaning (single) {
        single -> SmallInt,
        since -> Ts,
        unattached -> BigInt,
        unattached_octets -> BigInt,
        unfinished -> BigInt,
        deleted -> BigInt,
        deleted_octets -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    loose_files (file_id) { file_id -> Uid, due_at -> Ts, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    resumable_uploads (object_id) {
        object_id -> Uid,
        file_id -> Uid,
        arrived -> BigInt,
        state -> Text,
        named -> Nullable<Text>,
        writer -> Nullable<Uid>,
        expires_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    file_links (user_id) { user_id -> Uid, link_id -> Uid, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    held_objects (report_id, file_id) { report_id -> Uid, file_id -> Uid, object_id -> Uid, ready -> Bool, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    file_posters (file_id) { file_id -> Uid, poster_id -> Uid, }
}

diesel::joinable!(file_posters -> files (poster_id));
diesel::joinable!(files -> file_objects (object_id));
diesel::joinable!(resumable_uploads -> file_objects (object_id));
diesel::allow_tables_to_appear_in_same_query!(file_objects, file_posters, files, held_objects, resumable_uploads);
