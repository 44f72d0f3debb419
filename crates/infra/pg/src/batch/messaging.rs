//! The statements of a batch of messages and read marks.

use clowder_core::{
    ChatId, Result, UserId,
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
    domains::{
        accounts::CardRow,
        messaging::{
            ClientIdRow, LockedChatRow, LowestReadMarksRow, MessageRow, NewMessageRow, chats, message_client_ids,
            messages,
        },
    },
    statement::statement,
};

/// Locks those of these memberships that nobody else has locked, and returns the role and card of each. People who are
/// not in the chat, or are erased, have none.
pub fn lock_seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, String, CardRow)>> {
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Text, (Uid, Text, Text)), Pg>(
        "SELECT p.chat_id, p.role, u.id, u.username, u.display_name \
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
pub fn lock_marks(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid, BigInt), Pg>(
        "SELECT p.chat_id, p.user_id, p.read_seq FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id \
         FOR NO KEY UPDATE OF p SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// Share-locks those of these people's read marks that nobody else is moving, and returns which.
pub fn keep_marks(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid), Pg>(
        "SELECT p.chat_id, p.user_id FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id FOR SHARE OF p SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// The lowest read marks of these chats, this many of each, in ascending order.
pub fn lowest_marks(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let (chats, counts): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid, BigInt), Pg>(
        "SELECT w.chat_id, p.user_id, p.read_seq FROM unnest(?, ?) AS w(chat_id, n) \
         CROSS JOIN LATERAL (SELECT p.user_id, p.read_seq FROM participants p WHERE p.chat_id = w.chat_id \
         ORDER BY p.read_seq, p.user_id LIMIT w.n) p ORDER BY w.chat_id, p.read_seq, p.user_id",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(counts)
    .load(conn)?)
}

/// The number of people in these chats, whether they are closed, and which read marks are stored as the lowest.
pub fn lowest_kept(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<(ChatId, i64, bool, LowestReadMarksRow)>> {
    let kept = chats::table.filter(chats::id.eq_any(ids));
    Ok(kept.select((chats::id, chats::participant_count, chats::closed, LowestReadMarksRow::as_select())).load(conn)?)
}

/// Stores the lowest marks of these chats, which are locked.
pub fn store_lowest_marks(conn: &mut Conn, lowest: &[(ChatId, LowestReadMarksRow)]) -> Result<()> {
    statement::<(), Pg>(
        "UPDATE chats c SET lowest_reader_id = w.reader, lowest_read_seq = w.lowest, second_lowest_read_seq = w.second \
         FROM unnest(?, ?, ?, ?) AS w(id, reader, lowest, second) WHERE c.id = w.id",
    )
    .bind::<Array<Uid>, _>(lowest.iter().map(|(chat, _)| *chat).collect::<Vec<_>>())
    .bind::<Array<Nullable<Uid>>, _>(lowest.iter().map(|(_, row)| row.lowest_reader_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(lowest.iter().map(|(_, row)| row.lowest_read_seq).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(lowest.iter().map(|(_, row)| row.second_lowest_read_seq).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Moves these read marks, which are locked, and updates their counts of own messages.
pub fn advance_marks(conn: &mut Conn, marks: &[(ChatId, UserId, i64, i64)]) -> Result<()> {
    statement::<(), Pg>(
        "UPDATE participants p SET read_seq = w.seq, own_after_read = p.own_after_read - w.own \
         FROM unnest(?, ?, ?, ?) AS w(chat_id, user_id, seq, own) \
         WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id",
    )
    .bind::<Array<Uid>, _>(marks.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(marks.iter().map(|(_, user, ..)| *user).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(marks.iter().map(|(_, _, seq, _)| *seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(marks.iter().map(|(.., own)| *own).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// The messages at these positions.
pub fn messages_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MessageRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<SqlTypeOf<AsSelect<MessageRow, Pg>>, Pg>(
        "SELECT m.id, m.chat_id, m.seq, m.type, m.sender_id, m.content, m.client_id, m.created_at, m.edited_at, \
         m.deleted_at, m.version, m.data, m.lifetime, m.expires_at \
         FROM unnest(?, ?) AS w(chat_id, seq) JOIN messages m ON m.chat_id = w.chat_id AND m.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}

/// Locks those of these chats that nobody else has locked, and returns the end of each.
pub fn lock_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<LockedChatRow>> {
    Ok(statement::<(Uid, BigInt, Ts, Bool, BigInt, Nullable<BigInt>, BigInt, Bool), Pg>(
        "SELECT c.id, c.last_seq, c.active_at, c.closed, c.rights, c.lifetime, c.participant_count, \
         c.deleted_at IS NOT NULL FROM chats c WHERE c.id = ANY(?) ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind::<Array<Uid>, _>(ids.to_vec())
    .load(conn)?)
}

/// Those of the chats that could not be locked which exist: another transaction holds them.
pub fn held_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<ChatId>> {
    Ok(chats::table.filter(chats::id.eq_any(ids)).select(chats::id).load(conn)?)
}

/// Updates the ends of these chats, which are locked, and the senders' counts of own messages.
pub fn advance_chats(conn: &mut Conn, chats: &[LockedChatRow], own: &[(ChatId, UserId, i64)]) -> Result<()> {
    // Nobody else adds messages to the chats, but read marks move, so the stored counts are incremented.
    statement::<(), Pg>(
        "WITH advanced AS (UPDATE chats c SET last_seq = w.last_seq, active_at = w.active_at \
         FROM unnest(?, ?, ?) AS w(id, last_seq, active_at) WHERE c.id = w.id) \
         UPDATE participants p SET own_after_read = p.own_after_read + w.n \
         FROM unnest(?, ?, ?) AS w(chat_id, user_id, n) \
         WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id",
    )
    .bind::<Array<Uid>, _>(chats.iter().map(|chat| chat.id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(chats.iter().map(|chat| chat.last_seq).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(chats.iter().map(|chat| chat.active_at).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(own.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(own.iter().map(|(_, user, _)| *user).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(own.iter().map(|(.., n)| *n).collect::<Vec<_>>())
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
