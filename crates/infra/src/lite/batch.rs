//! The statements of the hottest path. On SQLite a statement costs no round trip: one per row, prepared once.

use clowder_core::{ChatId, MessageId, Result, Timestamp, UserId};
use diesel::prelude::*;

use super::dialect::Conn;
use crate::{
    rows::{CardRow, EarlierRow},
    schema::{chats, messages, participants, streams, users},
};

/// The role and card of each of these people in each of these chats, as far as they take part.
pub fn seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, String, CardRow)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, user) in wanted {
        let seat = participants::table
            .inner_join(users::table)
            .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
            .select((participants::chat_id, participants::role, CardRow::as_select()))
            .first(conn)
            .optional()?;
        found.extend(seat);
    }
    Ok(found)
}

/// The messages that these senders sent under these client ids.
pub fn earlier(conn: &mut Conn, wanted: &[(UserId, &str)]) -> Result<Vec<EarlierRow>> {
    let mut found = Vec::new();
    for (user, client) in wanted {
        let message: Option<(MessageId, Option<Vec<u8>>)> = messages::table
            .filter(messages::sender_id.eq(user).and(messages::client_id.eq(*client)))
            .select((messages::id, messages::fingerprint))
            .first(conn)
            .optional()?;
        found.extend(message.map(|(id, print)| EarlierRow {
            sender_id: *user,
            client_id: (*client).to_owned(),
            id,
            fingerprint: print.unwrap_or_default(),
        }));
    }
    Ok(found)
}

/// Gives each chat room for `n` more messages and answers its new last `seq`.
pub fn bump_seqs(conn: &mut Conn, wanted: &[(ChatId, i64)], now: Timestamp) -> Result<Vec<(ChatId, i64)>> {
    wanted
        .iter()
        .map(|(chat, n)| {
            let last = diesel::update(chats::table.find(chat))
                .set((chats::last_seq.eq(chats::last_seq + n), chats::active_at.eq(now)))
                .returning(chats::last_seq)
                .get_result(conn)?;
            Ok((*chat, last))
        })
        .collect()
}

/// Notes `n` more messages of one's own after the read mark.
pub fn count_own(conn: &mut Conn, wanted: &[(ChatId, UserId, i64)]) -> Result<()> {
    for (chat, user, n) in wanted {
        diesel::update(participants::table.find((chat, user)))
            .set(participants::own_after_read.eq(participants::own_after_read + n))
            .execute(conn)?;
    }
    Ok(())
}

/// Gives each stream room for `n` more changes and answers its new head.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Vec<(i16, i64)>> {
    wanted
        .iter()
        .map(|(stream, n)| {
            let head = diesel::update(streams::table.find(stream))
                .set(streams::head.eq(streams::head + n))
                .returning(streams::head)
                .get_result(conn)?;
            Ok((*stream, head))
        })
        .collect()
}
