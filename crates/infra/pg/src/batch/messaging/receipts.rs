//! The statements of a batch of marks about what others see of them.

use clowder_core::{
    ChatId, Result, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text},
};

use super::Conn;
use crate::{
    domains::messaging::{ReceiptChanges, SenderRow},
    statement::statement,
};

/// Moves the marks of what has arrived, which are locked, and keeps when they moved.
pub fn advance_delivered(conn: &mut Conn, moves: &[(ChatId, UserId, i64)], times: &ReceiptChanges) -> Result<()> {
    let added = &times.added;
    statement::<(), Pg>(
        "WITH moved AS (UPDATE participants p SET delivered_seq = greatest(p.delivered_seq, w.seq) \
         FROM unnest(?, ?, ?) AS w(chat_id, user_id, seq) WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id) \
         INSERT INTO receipts (chat_id, user_id, read, seq, at) SELECT w.chat_id, w.user_id, false, w.seq, w.at \
         FROM unnest(?, ?, ?, ?) AS w(chat_id, user_id, seq, at) \
         JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Uid>, _>(moves.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(moves.iter().map(|(_, user, _)| *user).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(moves.iter().map(|(.., seq)| *seq).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(added.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(added.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(added.iter().map(|row| row.seq).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(added.iter().map(|row| row.at).collect::<Vec<_>>())
    .execute(conn)?;
    forget(conn, &times.old)
}

/// Deletes what these people have of these chats before a message.
pub fn forget(conn: &mut Conn, old: &[(ChatId, UserId, i64)]) -> Result<()> {
    if old.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "DELETE FROM receipts r USING unnest(?, ?, ?) AS w(chat_id, user_id, seq) \
         WHERE r.chat_id = w.chat_id AND r.user_id = w.user_id AND r.seq < w.seq",
    )
    .bind::<Array<Uid>, _>(old.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(old.iter().map(|(_, user, _)| *user).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(old.iter().map(|(.., seq)| *seq).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Who else in the chat wrote the messages of each of these ranges, `after` excluded and `until` included, and which
/// role they have, whether they hide read marks, and whether a block parts the two; with the place of the range.
pub fn senders_between(conn: &mut Conn, ranges: &[(ChatId, UserId, i64, i64)]) -> Result<Vec<SenderRow>> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    Ok(statement::<(BigInt, Uid, Text, Text, Bool, Bool), Pg>(
        "SELECT w.n - 1, p.user_id, c.type, p.role, EXISTS (SELECT 1 FROM preferences f WHERE f.user_id = p.user_id \
         AND NOT f.read_receipts), \
         EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = w.user_id AND b.blocked_id = p.user_id) \
         OR EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p.user_id AND b.blocked_id = w.user_id) \
         FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS w(chat_id, user_id, after, until, n) \
         CROSS JOIN LATERAL (SELECT DISTINCT x.sender_id FROM messages x WHERE x.chat_id = w.chat_id AND x.seq > w.after \
         AND x.seq <= w.until AND x.sender_id <> w.user_id) m \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = m.sender_id \
         JOIN chats c ON c.id = p.chat_id",
    )
    .bind::<Array<Uid>, _>(ranges.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(ranges.iter().map(|(_, user, ..)| *user).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(ranges.iter().map(|(_, _, after, _)| *after).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(ranges.iter().map(|(.., until)| *until).collect::<Vec<_>>())
    .load(conn)?)
}
