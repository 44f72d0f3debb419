//! The tables of the audit log.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    audit (position) {
        position -> BigInt,
        id -> Uid,
        at -> Ts,
        actor_type -> Text,
        actor_id -> Nullable<Uid>,
        owner_id -> Nullable<Uid>,
        session_id -> Nullable<Uid>,
        subject_id -> Nullable<Uid>,
        action -> Text,
        target_type -> Nullable<Text>,
        target_id -> Nullable<Uid>,
        address -> Nullable<Seal>,
        agent -> Nullable<Seal>,
        request_id -> Text,
        detail -> Nullable<Seal>,
        previous -> Binary,
        hash -> Binary,
        request -> Nullable<Seal>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    audit_pending (seq) {
        seq -> BigInt,
        id -> Uid,
        at -> Ts,
        actor_type -> Text,
        actor_id -> Nullable<Uid>,
        owner_id -> Nullable<Uid>,
        session_id -> Nullable<Uid>,
        subject_id -> Nullable<Uid>,
        action -> Text,
        target_type -> Nullable<Text>,
        target_id -> Nullable<Uid>,
        address -> Nullable<Seal>,
        agent -> Nullable<Seal>,
        detail -> Nullable<Seal>,
        request -> Nullable<Seal>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    audit_checkpoint (single) {
        single -> SmallInt,
        position -> BigInt,
        hash -> Binary,
        made_at -> Ts,
        signature -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    refusal_windows (key) {
        key -> Binary,
        subject_id -> Nullable<Uid>,
        action -> Text,
        count -> BigInt,
        opened_at -> Ts,
        last_at -> Ts,
        entry_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    audit_head (single) { single -> SmallInt, position -> BigInt, hash -> Binary, }
}

diesel::allow_tables_to_appear_in_same_query!(audit, audit_checkpoint, audit_head, audit_pending, refusal_windows);
