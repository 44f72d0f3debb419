//! The statements of a batch of messages and read marks.

pub mod attachments;
pub mod mentions;
pub mod polls;
pub mod reactions;
pub mod receipts;
pub mod relations;

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    dsl::{AsSelect, SqlTypeOf},
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Binary, Bool, Nullable, Text},
};

use super::Conn;
use crate::{
    domains::messaging::{
        ChatMarksRow, ClientIdRow, HAS_WAITING, LockedChatRow, LowestReadMarksRow, MarkMove, MarksRow, MessageRow,
        NewMessageRow, ReceiptChanges, SeatRow, chats, message_client_ids, messages,
    },
    statement::statement,
};

/// Locks those of these memberships that nobody else has locked, and returns the role and card of each, and what keeps them
/// from writing. People who are not in the chat, or are erased, have none.
pub fn lock_seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<SeatRow>> {
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Text, Nullable<Ts>, Nullable<Ts>, (Uid, Text, Text, Nullable<Uid>)), Pg>(
        "SELECT p.chat_id, p.role, p.silent_until, p.spoke_at, u.id, u.username, u.display_name, u.avatar_id \
         FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id \
         JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL \
         FOR NO KEY UPDATE OF p SKIP LOCKED FOR KEY SHARE OF u SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// Those of the memberships that could not be locked which exist: another transaction holds them, or their accounts.
pub fn held_seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId)>> {
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid), Pg>(
        "SELECT p.chat_id, p.user_id FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id \
         JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// The messages for which these senders used these client ids.
pub fn client_ids(conn: &mut Conn, wanted: &[(UserId, &str)]) -> Result<Vec<ClientIdRow>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (users, clients): (Vec<_>, Vec<_>) = wanted.iter().map(|(user, client)| (*user, (*client).to_owned())).unzip();
    Ok(statement::<(Uid, Text, Uid, Binary), Pg>(
        "SELECT c.sender_id, c.client_id, c.message_id, c.fingerprint \
         FROM unnest(?, ?) AS w(sender_id, client_id) \
         JOIN message_client_ids c ON c.sender_id = w.sender_id AND c.client_id = w.client_id",
    )
    .bind::<Array<Uid>, _>(users)
    .bind::<Array<Text>, _>(clients)
    .load(conn)?)
}

/// Locks those of these people's read marks that nobody else has locked, and returns their positions.
pub fn lock_marks(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<MarksRow>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid, BigInt, BigInt, BigInt), Pg>(
        "SELECT p.chat_id, p.user_id, p.read_seq, p.shown_read_seq, p.delivered_seq FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id \
         FOR NO KEY UPDATE OF p SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// Share-locks those of these people's read marks that nobody else is moving, and returns what others see of them.
pub fn keep_marks(conn: &mut Conn, wanted: &[(ChatId, UserId, i64)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    Ok(statement::<(Uid, Uid, BigInt), Pg>(
        "SELECT p.chat_id, p.user_id, p.shown_read_seq FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id FOR SHARE OF p SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(wanted.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(wanted.iter().map(|(_, user, _)| *user).collect::<Vec<_>>())
    .load(conn)?)
}

/// The lowest read marks of these chats on which the status of messages depends, this many of each, in ascending order.
pub fn lowest_marks(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let (chats, counts): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid, BigInt), Pg>(
        "SELECT w.chat_id, p.user_id, p.shown_read_seq FROM unnest(?, ?) AS w(chat_id, n) \
         JOIN chats c ON c.id = w.chat_id \
         CROSS JOIN LATERAL (SELECT p.user_id, p.shown_read_seq FROM participants p WHERE p.chat_id = w.chat_id \
         AND (c.type = 'private' OR EXISTS (SELECT 1 FROM users u WHERE u.id = p.user_id AND u.deleted_at IS NULL)) \
         ORDER BY p.shown_read_seq, p.user_id LIMIT w.n) p ORDER BY w.chat_id, p.shown_read_seq, p.user_id",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(counts)
    .load(conn)?)
}

/// The number of people in these chats, whether they are closed, which read marks are stored as the lowest, and whether
/// somebody hides read marks.
pub fn lowest_kept(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<ChatMarksRow>> {
    Ok(statement::<(Uid, BigInt, Bool, Nullable<Uid>, Nullable<BigInt>, Nullable<BigInt>, Bool), Pg>(
        "SELECT c.id, c.participant_count, c.closed, c.lowest_reader_id, c.lowest_read_seq, c.second_lowest_read_seq, \
         c.type = 'channel' OR CASE WHEN c.participant_count <= 256 THEN EXISTS (SELECT 1 FROM participants p \
         JOIN preferences f ON f.user_id = p.user_id AND NOT f.read_receipts WHERE p.chat_id = c.id) ELSE false END FROM chats c \
         WHERE c.id = ANY(?)",
    )
    .bind::<Array<Uid>, _>(ids.to_vec())
    .load(conn)?)
}

/// Stores the lowest marks of these chats, which are locked, and notes where the time of messages may begin by that.
pub fn store_lowest_marks(conn: &mut Conn, lowest: &[(ChatId, LowestReadMarksRow)]) -> Result<()> {
    statement::<(), Pg>(format!(
        "UPDATE chats SET lowest_reader_id = w.reader, lowest_read_seq = w.lowest, second_lowest_read_seq = w.second, \
         timers_due = timers_due OR {HAS_WAITING} \
         FROM unnest(?, ?, ?, ?) AS w(id, reader, lowest, second) WHERE chats.id = w.id"
    ))
    .bind::<Array<Uid>, _>(lowest.iter().map(|(chat, _)| *chat).collect::<Vec<_>>())
    .bind::<Array<Nullable<Uid>>, _>(lowest.iter().map(|(_, row)| row.lowest_reader_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(lowest.iter().map(|(_, row)| row.lowest_read_seq).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(lowest.iter().map(|(_, row)| row.second_lowest_read_seq).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Moves these read marks, which are locked, updates their counts of own messages, and keeps when they moved.
pub fn advance_marks(conn: &mut Conn, moves: &[MarkMove], times: &ReceiptChanges) -> Result<()> {
    let added = &times.added;
    statement::<(), Pg>(
        "WITH moved AS (UPDATE participants p SET read_seq = w.seq, shown_read_seq = w.shown, \
         delivered_seq = greatest(p.delivered_seq, w.delivered), own_after_read = p.own_after_read - w.own \
         FROM unnest(?, ?, ?, ?, ?, ?) AS w(chat_id, user_id, seq, shown, delivered, own) \
         WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id) \
         INSERT INTO receipts (chat_id, user_id, read, seq, at) SELECT w.chat_id, w.user_id, w.read, w.seq, w.at \
         FROM unnest(?, ?, ?, ?, ?) AS w(chat_id, user_id, read, seq, at) \
         JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Uid>, _>(moves.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(moves.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(moves.iter().map(|row| row.read_seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(moves.iter().map(|row| row.shown_read_seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(moves.iter().map(|row| row.delivered_seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(moves.iter().map(|row| row.own).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(added.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(added.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(added.iter().map(|row| row.read).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(added.iter().map(|row| row.seq).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(added.iter().map(|row| row.at).collect::<Vec<_>>())
    .execute(conn)?;
    receipts::forget(conn, &times.old)
}

/// The messages at these positions.
pub fn messages_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MessageRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<SqlTypeOf<AsSelect<MessageRow, Pg>>, Pg>(
        "SELECT m.id, m.chat_id, m.seq, m.type, m.sender_id, m.content, m.client_id, m.created_at, m.edited_at, \
         m.deleted_at, m.version, m.data, m.lifetime, m.expires_at, m.reaction_kinds, m.pinned, m.reply_id, m.reply_seq, \
         m.thread_id, m.forwarded_id, m.forwarded_public, m.replies, m.last_reply_at, m.attached \
         FROM unnest(?, ?) AS w(chat_id, seq) JOIN messages m ON m.chat_id = w.chat_id AND m.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}

/// Locks those of these chats that nobody else has locked, and returns the end of each.
pub fn lock_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<LockedChatRow>> {
    Ok(statement::<(Uid, BigInt, Ts, Bool, BigInt, Nullable<BigInt>, BigInt, Bool, BigInt, BigInt, BigInt), Pg>(
        "SELECT c.id, c.last_seq, c.active_at, c.closed, c.rights, c.lifetime, c.participant_count, \
         c.deleted_at IS NOT NULL, c.slow_seconds, c.filter_version, \
         (SELECT f.version FROM word_filters f WHERE f.id = '00000000-0000-0000-0000-000000000000') \
         FROM chats c WHERE c.id = ANY(?) ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(ids.to_vec())
    .load(conn)?)
}

/// Those of the chats that could not be locked which exist: another transaction holds them.
pub fn held_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<ChatId>> {
    Ok(chats::table.filter(chats::id.eq_any(ids)).select(chats::id).load(conn)?)
}

/// Updates the ends of these chats, which are locked, and the senders' counts of own messages and when they last wrote.
pub fn advance_chats(conn: &mut Conn, chats: &[LockedChatRow], own: &[(ChatId, UserId, i64, Timestamp)]) -> Result<()> {
    // Nobody else adds messages to the chats, but read marks move, so the stored counts are incremented.
    statement::<(), Pg>(
        "WITH advanced AS (UPDATE chats c SET last_seq = w.last_seq, active_at = w.active_at \
         FROM unnest(?, ?, ?) AS w(id, last_seq, active_at) WHERE c.id = w.id) \
         UPDATE participants p SET own_after_read = p.own_after_read + w.n, spoke_at = w.at \
         FROM unnest(?, ?, ?, ?) AS w(chat_id, user_id, n, at) \
         WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id",
    )
    .bind::<Array<Uid>, _>(chats.iter().map(|chat| chat.id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(chats.iter().map(|chat| chat.last_seq).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(chats.iter().map(|chat| chat.active_at).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(own.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(own.iter().map(|(_, user, ..)| *user).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(own.iter().map(|(_, _, n, _)| *n).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(own.iter().map(|(.., at)| *at).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

pub fn insert_messages(conn: &mut Conn, rows: &[NewMessageRow<'_>], client_ids: &[ClientIdRow]) -> Result<()> {
    diesel::insert_into(messages::table).values(rows).execute(conn)?;
    if !client_ids.is_empty() {
        diesel::insert_into(message_client_ids::table).values(client_ids).execute(conn)?;
    }
    Ok(())
}
