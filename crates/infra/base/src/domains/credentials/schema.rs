//! The tables of tokens in emails, and of limits on guessing and sending.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    mailed_tokens (hash) {
        hash -> Binary,
        purpose -> Text,
        user_id -> Nullable<Uid>,
        sign_up_id -> Nullable<Uid>,
        email -> Text,
        email_key -> Text,
        mailbox -> Text,
        created_at -> Ts,
        expires_at -> Ts,
        used_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    throttles (key) {
        key -> Binary,
        failures -> Integer,
        last_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    caused_emails (sender, created_at) {
        sender -> Binary,
        created_at -> Ts,
    }
}

diesel::allow_tables_to_appear_in_same_query!(caused_emails, mailed_tokens, throttles);
