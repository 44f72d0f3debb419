//! The statements of the hottest path. On PostgreSQL a statement costs a round trip: one for all rows, by `unnest`,
//! locking in the order of the key so that two batches never wait for each other.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    dsl::{AsSelect, SqlTypeOf},
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Binary, SmallInt, Text},
};

use super::dialect::Conn;
use crate::{
    rows::{CardRow, EarlierRow, JournalRow, MessageRow, NewMessageRow},
    schema::{journal, messages},
    statement::statement,
};

/// The role and card of each of these people in each of these chats, as far as they take part.
pub fn seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, String, CardRow)>> {
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Text, (Uid, Text, Text)), Pg>(
        "SELECT p.chat_id, p.role, u.id, u.username, u.display_name \
         FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id \
         JOIN users u ON u.id = w.user_id",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// The messages that these senders sent under these client ids.
pub fn earlier(conn: &mut Conn, wanted: &[(UserId, &str)]) -> Result<Vec<EarlierRow>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (users, clients): (Vec<_>, Vec<_>) = wanted.iter().map(|(user, client)| (*user, (*client).to_owned())).unzip();
    Ok(statement::<(Uid, Text, Uid, Binary), Pg>(
        "SELECT m.sender_id, m.client_id, m.id, m.fingerprint \
         FROM unnest(?, ?) AS w(sender_id, client_id) \
         JOIN messages m ON m.sender_id = w.sender_id AND m.client_id = w.client_id",
    )
    .bind::<Array<Uid>, _>(users)
    .bind::<Array<Text>, _>(clients)
    .load(conn)?)
}

/// The messages at these places.
pub fn messages_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MessageRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<SqlTypeOf<AsSelect<MessageRow, Pg>>, Pg>(
        "SELECT m.id, m.chat_id, m.seq, m.type, m.sender_id, m.content, m.client_id, m.created_at, m.edited_at, \
         m.deleted_at, m.version \
         FROM unnest(?, ?) AS w(chat_id, seq) JOIN messages m ON m.chat_id = w.chat_id AND m.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}

/// Gives each chat room for `n` more messages and answers its new last `seq`.
pub fn bump_seqs(conn: &mut Conn, wanted: &[(ChatId, i64)], now: Timestamp) -> Result<Vec<(ChatId, i64)>> {
    let (chats, counts): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, BigInt), Pg>(
        "WITH w AS (SELECT * FROM unnest(?, ?) AS w(id, n)), \
         held AS (SELECT c.id FROM chats c JOIN w USING (id) ORDER BY c.id FOR UPDATE) \
         UPDATE chats c SET last_seq = c.last_seq + w.n, active_at = greatest(c.active_at, ?) \
         FROM w JOIN held USING (id) WHERE c.id = w.id RETURNING c.id, c.last_seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(counts)
    .bind::<Ts, _>(now)
    .load(conn)?)
}

/// Notes `n` more messages of one's own after the read mark.
pub fn count_own(conn: &mut Conn, wanted: &[(ChatId, UserId, i64)]) -> Result<()> {
    let chats: Vec<_> = wanted.iter().map(|(chat, ..)| *chat).collect();
    let users: Vec<_> = wanted.iter().map(|(_, user, _)| *user).collect();
    let counts: Vec<_> = wanted.iter().map(|(.., n)| *n).collect();
    // The chats' rows are held, so nobody else moves these.
    statement::<(), Pg>(
        "UPDATE participants p SET own_after_read = p.own_after_read + w.n \
         FROM unnest(?, ?, ?) AS w(chat_id, user_id, n) \
         WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .bind::<Array<BigInt>, _>(counts)
    .execute(conn)?;
    Ok(())
}

/// Gives each stream room for `n` more changes and answers its new head.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Vec<(i16, i64)>> {
    let (streams, counts): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(SmallInt, BigInt), Pg>(
        "WITH w AS (SELECT * FROM unnest(?, ?) AS w(stream, n)), \
         held AS (SELECT s.stream FROM streams s JOIN w USING (stream) ORDER BY s.stream FOR UPDATE) \
         UPDATE streams s SET head = s.head + w.n FROM w JOIN held USING (stream) \
         WHERE s.stream = w.stream RETURNING s.stream, s.head",
    )
    .bind::<Array<SmallInt>, _>(streams)
    .bind::<Array<BigInt>, _>(counts)
    .load(conn)?)
}

pub fn insert_messages(conn: &mut Conn, rows: &[NewMessageRow<'_>]) -> Result<()> {
    diesel::insert_into(messages::table).values(rows).execute(conn)?;
    Ok(())
}

pub fn insert_changes(conn: &mut Conn, rows: &[JournalRow]) -> Result<()> {
    // PostgreSQL takes 65,535 parameters in a statement.
    for rows in rows.chunks(5_000) {
        diesel::insert_into(journal::table).values(rows).execute(conn)?;
    }
    Ok(())
}
