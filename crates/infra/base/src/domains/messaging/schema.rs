//! The tables of chats and messages.

use crate::domains::{accounts::users, blocks::blocks, profiles::name_index};

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
        closed -> Bool,
        visibility -> Text,
        history -> Text,
        rights -> BigInt,
        group_id -> Nullable<Uid>,
        system_count -> BigInt,
        deleted_at -> Nullable<Ts>,
        slow_seconds -> BigInt,
        filter_version -> BigInt,
        lifetime -> Nullable<BigInt>,
        timers_due -> Bool,
        avatar_id -> Nullable<Uid>,
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
        visible_from -> BigInt,
        archived -> Bool,
        pinned -> Bool,
        muted_until -> Nullable<Ts>,
        notify -> Text,
        delivered_seq -> BigInt,
        shown_read_seq -> BigInt,
        silent_until -> Nullable<Ts>,
        spoke_at -> Nullable<Ts>,
        removed_count -> BigInt,
        cleared_seq -> BigInt,
        entered_from -> Nullable<BigInt>,
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
        data -> Nullable<Text>,
        lifetime -> Nullable<BigInt>,
        expires_at -> Nullable<Ts>,
        timer_waits -> Nullable<Bool>,
        reaction_kinds -> BigInt,
        reactions_left -> Bool,
        pinned -> Bool,
        reply_id -> Nullable<Uid>,
        reply_seq -> Nullable<BigInt>,
        thread_id -> Nullable<Uid>,
        forwarded_id -> Nullable<Uid>,
        forwarded_public -> Bool,
        replies -> Nullable<BigInt>,
        last_reply_at -> Nullable<Ts>,
        attached -> BigInt,
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
    former_participants (user_id, chat_id) {
        user_id -> Uid,
        chat_id -> Uid,
        spoke_at -> Nullable<Ts>,
        cleared_seq -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_reactions (chat_id, seq, emoji, user_id) {
        chat_id -> Uid,
        seq -> BigInt,
        emoji -> Text,
        user_id -> Uid,
        reacted_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_reaction_counts (chat_id, seq, emoji) {
        chat_id -> Uid,
        seq -> BigInt,
        emoji -> Text,
        people -> BigInt,
        since -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    receipts (chat_id, user_id, read, seq) {
        chat_id -> Uid,
        user_id -> Uid,
        read -> Bool,
        seq -> BigInt,
        at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_words (word, chat_id) {
        word -> Text,
        chat_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_notes (id) {
        id -> Uid,
        user_id -> Uid,
        chat_id -> Uid,
        title -> Nullable<Seal>,
        draft -> Nullable<Seal>,
        drafted_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_guests (chat_id, user_id) {
        chat_id -> Uid,
        user_id -> Uid,
        status -> Text,
        role -> Text,
        invited_by -> Nullable<Uid>,
        since -> Ts,
        link_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_attempts (id) {
        id -> Uid,
        kind -> Text,
        chat_id -> Uid,
        user_id -> Uid,
        by_id -> Nullable<Uid>,
        made_at -> Ts,
        refused_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_deletions (chat_id) {
        chat_id -> Uid,
        user_id -> Uid,
        people -> BigInt,
        finished_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_links (id) {
        id -> Uid,
        chat_id -> Uid,
        code_hash -> Binary,
        created_by -> Uid,
        role -> Text,
        approval -> Bool,
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
    scheduled_messages (id) {
        id -> Uid,
        user_id -> Uid,
        chat_id -> Uid,
        status -> Text,
        send_at -> Ts,
        plan -> Seal,
        client_key -> Nullable<Binary>,
        fingerprint -> Binary,
        message_id -> Nullable<Uid>,
        problem -> Nullable<Text>,
        created_at -> Ts,
        finished_at -> Nullable<Ts>,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_pins (chat_id, seq) {
        chat_id -> Uid,
        seq -> BigInt,
        rank -> BigInt,
        pinned_by -> Uid,
        pinned_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    saved_messages (user_id, message_id) {
        user_id -> Uid,
        message_id -> Uid,
        chat_id -> Uid,
        saved_at -> Ts,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    removed_messages (chat_id, seq, user_id) {
        chat_id -> Uid,
        seq -> BigInt,
        user_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    thread_marks (user_id, chat_id, message_id) {
        user_id -> Uid,
        chat_id -> Uid,
        message_id -> Uid,
        following -> Bool,
        read_seq -> BigInt,
    }
}

diesel::joinable!(messages -> users (sender_id));
diesel::joinable!(messages -> chats (chat_id));
diesel::joinable!(former_participants -> chats (chat_id));
diesel::joinable!(participants -> chats (chat_id));
diesel::joinable!(participants -> users (user_id));
diesel::joinable!(chat_words -> chats (chat_id));
diesel::joinable!(chat_guests -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(chats, chat_words);
diesel::allow_tables_to_appear_in_same_query!(chat_words, participants);
diesel::allow_tables_to_appear_in_same_query!(blocks, message_reactions);
diesel::allow_tables_to_appear_in_same_query!(blocks, participants);
diesel::joinable!(chat_guests -> chats (chat_id));
diesel::allow_tables_to_appear_in_same_query!(chat_guests, chats);
diesel::allow_tables_to_appear_in_same_query!(chat_guests, participants);
diesel::allow_tables_to_appear_in_same_query!(chat_guests, users);
diesel::allow_tables_to_appear_in_same_query!(participants, name_index);
diesel::allow_tables_to_appear_in_same_query!(chats, former_participants);
diesel::allow_tables_to_appear_in_same_query!(chats, message_client_ids, message_edits, messages, participants, users);
diesel::allow_tables_to_appear_in_same_query!(message_reactions, message_reaction_counts, messages);
diesel::allow_tables_to_appear_in_same_query!(message_pins, messages);
diesel::allow_tables_to_appear_in_same_query!(message_pins, participants);
diesel::allow_tables_to_appear_in_same_query!(removed_messages, messages);
diesel::allow_tables_to_appear_in_same_query!(removed_messages, participants);
diesel::allow_tables_to_appear_in_same_query!(saved_messages, chats);
diesel::allow_tables_to_appear_in_same_query!(saved_messages, messages);
diesel::allow_tables_to_appear_in_same_query!(saved_messages, participants);
