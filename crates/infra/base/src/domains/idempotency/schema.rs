//! The stored answers of calls with an `Idempotency-Key`.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    answers (id) {
        id -> Uid,
        fingerprint -> Binary,
        answer -> Binary,
        created_at -> Ts,
        subject_id -> Nullable<Uid>,
    }
}
