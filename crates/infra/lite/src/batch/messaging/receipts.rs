//! The statements of a batch of marks about what others see of them.

use clowder_core::{
    ChatId, Result, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Text},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::messaging::{ReceiptChanges, SenderRow},
    statement::statement,
};

/// Moves the marks of what has arrived, and keeps when they moved.
pub fn advance_delivered(conn: &mut Conn, moves: &[(ChatId, UserId, i64)], times: &ReceiptChanges) -> Result<()> {
    for (chat, user, seq) in moves {
        statement::<(), Sqlite>(
            "UPDATE participants SET delivered_seq = max(delivered_seq, ?) WHERE chat_id = ? AND user_id = ?",
        )
        .bind::<BigInt, _>(*seq)
        .bind::<Uid, _>(*chat)
        .bind::<Uid, _>(*user)
        .execute(conn)?;
    }
    keep(conn, times)
}

/// Keeps when marks moved, of people who are not erased, and deletes what is too old.
pub fn keep(conn: &mut Conn, times: &ReceiptChanges) -> Result<()> {
    for row in &times.added {
        statement::<(), Sqlite>(
            "INSERT INTO receipts (chat_id, user_id, read, seq, at) SELECT ?, u.id, ?, ?, ? FROM users u \
             WHERE u.id = ? AND u.deleted_at IS NULL ON CONFLICT DO NOTHING",
        )
        .bind::<Uid, _>(row.chat_id)
        .bind::<Bool, _>(row.read)
        .bind::<BigInt, _>(row.seq)
        .bind::<Ts, _>(row.at)
        .bind::<Uid, _>(row.user_id)
        .execute(conn)?;
    }
    for (chat, user, seq) in &times.old {
        statement::<(), Sqlite>(
            "DELETE FROM receipts WHERE chat_id = ? AND user_id = ? AND read IN (0, 1) AND seq < ?",
        )
        .bind::<Uid, _>(*chat)
        .bind::<Uid, _>(*user)
        .bind::<BigInt, _>(*seq)
        .execute(conn)?;
    }
    Ok(())
}

/// Who else in the chat wrote the messages of each of these ranges, `after` excluded and `until` included, whether they hide
/// read marks, and whether a block parts the two; with the place of the range.
pub fn senders_between(conn: &mut Conn, ranges: &[(ChatId, UserId, i64, i64)]) -> Result<Vec<SenderRow>> {
    let mut found = Vec::new();
    for (index, (chat, user, after, until)) in (0_i64..).zip(ranges) {
        let senders = statement::<(BigInt, Uid, Text, Text, Bool, Bool), Sqlite>(
            "SELECT DISTINCT ?, p.user_id, c.type, p.role, EXISTS (SELECT 1 FROM preferences f WHERE f.user_id = p.user_id \
             AND NOT f.read_receipts), \
             EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = ? AND b.blocked_id = p.user_id) \
             OR EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p.user_id AND b.blocked_id = ?) FROM messages m \
             JOIN participants p ON p.chat_id = m.chat_id AND p.user_id = m.sender_id \
             JOIN chats c ON c.id = p.chat_id \
             WHERE m.chat_id = ? AND m.seq > ? AND m.seq <= ? AND m.sender_id <> ?",
        )
        .bind::<BigInt, _>(index)
        .bind::<Uid, _>(*user)
        .bind::<Uid, _>(*user)
        .bind::<Uid, _>(*chat)
        .bind::<BigInt, _>(*after)
        .bind::<BigInt, _>(*until)
        .bind::<Uid, _>(*user);
        found.extend(senders.load::<SenderRow>(conn)?);
    }
    Ok(found)
}
