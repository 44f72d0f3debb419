//! The index of what messages are found by: a table of FTS5, which is given tokens that it has only to part at spaces.

use clowder_core::{
    ChatId, MessageId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use clowder_messaging::search::volumes::Volume;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::messaging::{Asked, Filter, Indexed, Match, Place, row_of},
    statement::{Statement, statement},
};

/// The columns of a [`Match`].
pub type Found = (Uid, BigInt, Ts, Uid);

/// Not needed: there is only one writer.
pub fn lock_index(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn keep_messages(_: &mut Conn, _: &[MessageId]) -> Result<()> {
    Ok(())
}

/// Indexes messages.
pub fn put(conn: &mut Conn, some: &[Indexed]) -> Result<()> {
    for one in some {
        statement::<(), Sqlite>("INSERT OR REPLACE INTO message_search (rowid, tokens) VALUES (?, ?)")
            .bind::<BigInt, _>(row_of(one.number, one.seq))
            .bind::<Text, _>(one.as_text())
            .execute(conn)?;
    }
    Ok(())
}

/// Takes messages out of the index whose texts this transaction has deleted.
pub fn forget(conn: &mut Conn, messages: &[(ChatId, i64)]) -> Result<()> {
    for (chat, seq) in messages {
        statement::<(), Sqlite>(
            "DELETE FROM message_search WHERE rowid = (SELECT (number << 32) | ? FROM search_chats WHERE chat_id = ?)",
        )
        .bind::<BigInt, _>(*seq)
        .bind::<Uid, _>(*chat)
        .execute(conn)?;
    }
    Ok(())
}

/// The same: nobody else indexes at the same time.
pub fn clean(conn: &mut Conn, messages: &[(ChatId, i64)]) -> Result<()> {
    forget(conn, messages)
}

/// Takes the messages of a chat up to this one out of the index, whose rows this transaction has deleted.
pub fn clear(conn: &mut Conn, chat: ChatId, until: i64) -> Result<()> {
    statement::<(), Sqlite>(
        "DELETE FROM message_search WHERE rowid >= (SELECT number << 32 FROM search_chats WHERE chat_id = ?) \
         AND rowid <= (SELECT (number << 32) | ? FROM search_chats WHERE chat_id = ?)",
    )
    .bind::<Uid, _>(chat)
    .bind::<BigInt, _>(until)
    .bind::<Uid, _>(chat)
    .execute(conn)?;
    Ok(())
}

/// Not needed: its option `secure-delete` leaves nothing behind.
pub fn renew(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// Of a volume, the last message that was sent before a time, or where the volume begins: the messages of a chat have one order
/// of their times and numbers, so half of what is left is out of question at each step.
fn before(conn: &mut Conn, volume: &Volume, time: Timestamp) -> Result<i64> {
    let found: (i64,) = statement::<(BigInt,), Sqlite>(
        "WITH RECURSIVE b(low, high) AS (SELECT ?, ? UNION ALL \
         SELECT CASE WHEN m.created_at < ? THEN m.seq ELSE b.low END, CASE WHEN m.created_at < ? THEN b.high ELSE m.seq - 1 END \
         FROM b CROSS JOIN messages m WHERE b.low < b.high AND m.chat_id = ? AND m.seq = (b.low + b.high + 1) / 2) \
         SELECT max(low) FROM b",
    )
    .bind::<BigInt, _>(volume.from)
    .bind::<BigInt, _>(volume.to)
    .bind::<Ts, _>(time)
    .bind::<Ts, _>(time)
    .bind::<Uid, _>(volume.chat)
    .get_result(conn)?;
    Ok(found.0)
}

/// Of these volumes the messages with a reaction that come first. `values` binds the values of the conditions.
pub fn reacted(
    conn: &mut Conn,
    volumes: &[Volume],
    filter: &Filter,
    author: Option<UserId>,
    most: i64,
    values: impl Fn(Statement<Found, Sqlite>) -> Statement<Found, Sqlite>,
) -> Result<Vec<Match>> {
    let way = if filter.oldest_first { "" } else { " DESC" };
    let whose = if author.is_some() { " AND m.sender_id = ?" } else { "" };
    let sql = format!(
        "SELECT m.chat_id, m.seq, m.created_at, m.id FROM messages m INDEXED BY messages_reacted \
         WHERE m.chat_id = ? AND m.seq > ? AND m.seq <= ? AND m.type <> 'system' AND {}{whose} ORDER BY m.seq{way} LIMIT ?",
        filter.conditions(),
    );
    let mut found = Vec::new();
    for volume in volumes {
        let some = statement::<Found, Sqlite>(sql.clone()).bind::<Uid, _>(volume.chat);
        let mut some = values(some.bind::<BigInt, _>(volume.from).bind::<BigInt, _>(volume.to));
        if let Some(author) = author {
            some = some.bind::<Uid, _>(author);
        }
        let rows: Vec<(ChatId, i64, Timestamp, MessageId)> = some.bind::<BigInt, _>(most).load(conn)?;
        found.extend(rows.into_iter().map(|(chat, seq, at, id)| Match { place: Place { at, chat, seq }, id }));
    }
    Ok(found)
}

/// What comes first of these volumes, and not what was sent before a time. `values` binds the values of the conditions.
pub fn find(
    conn: &mut Conn,
    volumes: &[Volume],
    asked: &Asked,
    (filter, since): (&Filter, Option<Timestamp>),
    most: i64,
    values: impl Fn(Statement<Found, Sqlite>) -> Statement<Found, Sqlite>,
) -> Result<Vec<Match>> {
    let way = if filter.oldest_first { "" } else { " DESC" };
    // The index gives its rows in their order, so that it stops when there are enough.
    let sql = format!(
        "SELECT m.chat_id, m.seq, m.created_at, m.id FROM message_search s CROSS JOIN messages m \
         WHERE s.message_search MATCH ? AND s.rowid > ? AND s.rowid <= ? \
         AND m.chat_id = ? AND m.seq = (s.rowid & 4294967295) AND {} ORDER BY s.rowid{way} LIMIT ?",
        filter.conditions(),
    );
    let mut found = Vec::new();
    for volume in volumes {
        let from = since.map_or(Ok(volume.from), |since| before(conn, volume, since))?;
        if from >= volume.to {
            continue;
        }
        let some = statement::<Found, Sqlite>(sql.clone())
            .bind::<Text, _>(asked.as_match(volume))
            .bind::<BigInt, _>(row_of(volume.number, from))
            .bind::<BigInt, _>(row_of(volume.number, volume.to))
            .bind::<Uid, _>(volume.chat);
        let rows: Vec<(ChatId, i64, Timestamp, MessageId)> = values(some).bind::<BigInt, _>(most).load(conn)?;
        found.extend(rows.into_iter().map(|(chat, seq, at, id)| Match { place: Place { at, chat, seq }, id }));
    }
    Ok(found)
}
