//! The statements of the hottest path. On SQLite a statement costs no round trip: one per row, prepared once.

use clowder_core::{
    ChatId, MessageId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, SmallInt},
    sqlite::Sqlite,
};

use super::dialect::Conn;
use crate::{
    rows::{CardRow, EarlierRow, JournalRow, MessageRow, NewMessageRow},
    schema::{journal, messages, participants, users},
    statement::statement,
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

/// The messages at these places.
pub fn messages_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MessageRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, seq) in wanted {
        let message = messages::table
            .filter(messages::chat_id.eq(chat).and(messages::seq.eq(seq)))
            .select(MessageRow::as_select())
            .first(conn)
            .optional()?;
        found.extend(message);
    }
    Ok(found)
}

/// Gives each chat room for `n` more messages and answers its new last `seq`.
pub fn bump_seqs(conn: &mut Conn, wanted: &[(ChatId, i64)], now: Timestamp) -> Result<Vec<(ChatId, i64)>> {
    wanted
        .iter()
        .map(|(chat, n)| {
            let last = statement::<(BigInt,), Sqlite>(
                "UPDATE chats SET last_seq = last_seq + ?, active_at = max(active_at, ?) WHERE id = ? RETURNING last_seq",
            )
            .bind::<BigInt, _>(*n)
            .bind::<Ts, _>(now)
            .bind::<Uid, _>(*chat)
            .get_result::<(i64,)>(conn)?;
            Ok((*chat, last.0))
        })
        .collect()
}

/// Notes `n` more messages of one's own after the read mark.
pub fn count_own(conn: &mut Conn, wanted: &[(ChatId, UserId, i64)]) -> Result<()> {
    for (chat, user, n) in wanted {
        statement::<(), Sqlite>(
            "UPDATE participants SET own_after_read = own_after_read + ? WHERE chat_id = ? AND user_id = ?",
        )
        .bind::<BigInt, _>(*n)
        .bind::<Uid, _>(*chat)
        .bind::<Uid, _>(*user)
        .execute(conn)?;
    }
    Ok(())
}

/// Gives each stream room for `n` more changes and answers its new head.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Vec<(i16, i64)>> {
    wanted
        .iter()
        .map(|(stream, n)| {
            let head =
                statement::<(BigInt,), Sqlite>("UPDATE streams SET head = head + ? WHERE stream = ? RETURNING head")
                    .bind::<BigInt, _>(*n)
                    .bind::<SmallInt, _>(*stream)
                    .get_result::<(i64,)>(conn)?;
            Ok((*stream, head.0))
        })
        .collect()
}

pub fn insert_messages(conn: &mut Conn, rows: &[NewMessageRow<'_>]) -> Result<()> {
    for row in rows {
        diesel::insert_into(messages::table).values(row).execute(conn)?;
    }
    Ok(())
}

pub fn insert_changes(conn: &mut Conn, rows: &[JournalRow]) -> Result<()> {
    for row in rows {
        diesel::insert_into(journal::table).values(row).execute(conn)?;
    }
    Ok(())
}
