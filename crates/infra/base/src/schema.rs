//! The tables of both databases, over SQL types that map to both. A test holds this against what the migrations make.

#[path = "schema/audit.rs"]
mod audit_tables;

pub use audit_tables::{audit, audit_checkpoint, audit_head, audit_pending, refusal_windows};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    epoch (single) { single -> SmallInt, id -> Uid, }
}

diesel::table! {
    use diesel::sql_types::*;
    streams (stream) { stream -> SmallInt, head -> BigInt, floor -> BigInt, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    journal_marks (measured) { measured -> BigInt, marked_at -> Ts, heads -> Text, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    journal (stream, position) {
        stream -> SmallInt,
        position -> BigInt,
        topic_kind -> Text,
        topic_id -> Uid,
        name -> Text,
        actor_id -> Nullable<Uid>,
        subject_id -> Nullable<Uid>,
        follow -> Nullable<Text>,
        follower_id -> Nullable<Uid>,
        followed_kind -> Nullable<Text>,
        followed_id -> Nullable<Uid>,
        at -> Ts,
        data -> Text,
    }
}

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

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    users (id) {
        id -> Uid,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        email_verified_at -> Nullable<Ts>,
        password -> Text,
        display_name -> Text,
        bio -> Nullable<Text>,
        status_text -> Nullable<Text>,
        visibility -> Text,
        role -> Text,
        created_at -> Ts,
        version -> BigInt,
        two_factor_at -> Nullable<Ts>,
        erase_at -> Nullable<Ts>,
        deleted_at -> Nullable<Ts>,
        suspended_until -> Nullable<Ts>,
        suspension_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    sessions (id) {
        id -> Uid,
        user_id -> Uid,
        name -> Nullable<Text>,
        agent -> Nullable<Text>,
        address -> Nullable<Text>,
        created_at -> Ts,
        last_used_at -> Ts,
        expires_at -> Ts,
        ended_at -> Nullable<Ts>,
        opened_from -> Nullable<Text>,
        authenticated_at -> Ts,
        refresh_generation -> Integer,
        refresh_uses -> Binary,
        refresh_late -> SmallInt,
        refresh_late_before -> SmallInt,
        refresh_legacy -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chats (id) {
        id -> Uid,
        #[sql_name = "type"]
        kind -> Text,
        title -> Nullable<Text>,
        description -> Nullable<Text>,
        pair -> Nullable<Binary>,
        creator_id -> Nullable<Uid>,
        participant_count -> BigInt,
        last_seq -> BigInt,
        revision -> BigInt,
        deleted_count -> BigInt,
        lowest_reader_id -> Nullable<Uid>,
        lowest_read_seq -> Nullable<BigInt>,
        second_lowest_read_seq -> Nullable<BigInt>,
        created_at -> Ts,
        active_at -> Ts,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    participants (chat_id, user_id) {
        chat_id -> Uid,
        user_id -> Uid,
        role -> Text,
        joined_at -> Ts,
        read_seq -> BigInt,
        own_after_read -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    messages (chat_id, seq) {
        chat_id -> Uid,
        seq -> BigInt,
        id -> Uid,
        #[sql_name = "type"]
        kind -> Text,
        sender_id -> Uid,
        created_at -> Ts,
        edited_at -> Nullable<Ts>,
        deleted_at -> Nullable<Ts>,
        deleted_by -> Nullable<Uid>,
        version -> BigInt,
        client_id -> Nullable<Text>,
        content -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_edits (chat_id, seq, version) {
        chat_id -> Uid,
        seq -> BigInt,
        version -> BigInt,
        written_at -> Ts,
        content -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_client_ids (sender_id, client_id) {
        sender_id -> Uid,
        client_id -> Text,
        message_id -> Uid,
        fingerprint -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    user_keys (user_id) {
        user_id -> Uid,
        id -> Uid,
        key -> Seal,
        created_at -> Ts,
    }
}

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

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    api_keys (id) {
        id -> Uid,
        user_id -> Uid,
        name -> Text,
        hash -> Binary,
        scopes -> Text,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
        last_used_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    username_claims (skeleton) {
        skeleton -> Text,
        user_id -> Uid,
        version -> Integer,
    }
}

diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(messages -> users (sender_id));
diesel::joinable!(messages -> chats (chat_id));
diesel::joinable!(participants -> chats (chat_id));
diesel::joinable!(participants -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
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

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    invites (id) {
        id -> Uid,
        code_hash -> Binary,
        note -> Nullable<Text>,
        created_by -> Uid,
        max_uses -> Nullable<Integer>,
        uses -> Integer,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
        revoked_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    sign_ups (id) {
        id -> Uid,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        password -> Text,
        display_name -> Text,
        pretended -> Bool,
        invite_id -> Nullable<Uid>,
        needs_approval -> Bool,
        confirmed_at -> Nullable<Ts>,
        created_at -> Ts,
        expires_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    sign_up_claims (skeleton) {
        skeleton -> Text,
        sign_up_id -> Uid,
        version -> Integer,
    }
}

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
    }
}

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

diesel::allow_tables_to_appear_in_same_query!(
    answers,
    audit,
    audit_checkpoint,
    audit_head,
    audit_pending,
    api_keys,
    caused_emails,
    chats,
    crons,
    epoch,
    erasures,
    export_chunks,
    exports,
    invites,
    jobs,
    journal,
    journal_marks,
    mailed_tokens,
    message_client_ids,
    message_edits,
    messages,
    participants,
    preferences,
    recovery_codes,
    refusal_windows,
    sessions,
    sign_up_claims,
    sign_ups,
    streams,
    throttles,
    two_factor,
    user_keys,
    users,
    username_claims,
);
