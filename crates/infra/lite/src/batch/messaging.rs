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
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
    sqlite::Sqlite,
};
use serde_json::json;

use super::Conn;
use crate::{
    domains::{
        accounts::{CardRow, users},
        messaging::{
            ChatMarksRow, ClientIdRow, HAS_WAITING, LockedChatRow, LowestReadMarksRow, MarkMove, MarksRow, MessageRow,
            NewMessageRow, ReceiptChanges, SeatRow, message_client_ids, messages, participants,
        },
    },
    statement::statement,
};

/// The role and card of each of these people in each of these chats, and what keeps them from writing, as far as they are
/// in it and not erased. No lock is needed: there is only one writer.
pub fn lock_seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<SeatRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, user) in wanted {
        let membership = participants::table
            .inner_join(users::table)
            .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
            .filter(users::deleted_at.is_null())
            .select((
                participants::chat_id,
                participants::role,
                participants::silent_until,
                participants::spoke_at,
                CardRow::as_select(),
            ))
            .first::<SeatRow>(conn)
            .optional()?;
        found.extend(membership);
    }
    Ok(found)
}

/// Nobody can hold a lock here.
pub fn held_seats(_: &mut Conn, _: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId)>> {
    Ok(Vec::new())
}

/// The messages for which these senders used these client ids.
pub fn client_ids(conn: &mut Conn, wanted: &[(UserId, &str)]) -> Result<Vec<ClientIdRow>> {
    let mut found = Vec::new();
    for wanted in wanted {
        let used = message_client_ids::table.find(*wanted).select(ClientIdRow::as_select()).first(conn).optional()?;
        found.extend(used);
    }
    Ok(found)
}

/// The read marks of these people. No lock is needed: there is only one writer.
pub fn lock_marks(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<MarksRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for pair in wanted {
        let marks = participants::table.find(*pair).select((
            participants::chat_id,
            participants::user_id,
            participants::read_seq,
            participants::shown_read_seq,
            participants::delivered_seq,
        ));
        found.extend(marks.first::<MarksRow>(conn).optional()?);
    }
    Ok(found)
}

/// Nobody else can move a mark here.
pub fn keep_marks(_: &mut Conn, wanted: &[(ChatId, UserId, i64)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    Ok(wanted.to_vec())
}

/// The lowest read marks of these chats on which the status of messages depends, this many of each, in ascending order.
pub fn lowest_marks(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let mut found = Vec::new();
    for (chat, count) in wanted {
        let lowest = statement::<(Uid, BigInt), Sqlite>(
            "SELECT p.user_id, p.shown_read_seq FROM chats c JOIN participants p ON p.chat_id = c.id WHERE c.id = ? \
             AND (c.type = 'private' OR EXISTS (SELECT 1 FROM users u WHERE u.id = p.user_id AND u.deleted_at IS NULL)) \
             ORDER BY p.shown_read_seq, p.user_id LIMIT ?",
        );
        let lowest: Vec<(UserId, i64)> = lowest.bind::<Uid, _>(*chat).bind::<BigInt, _>(*count).load(conn)?;
        found.extend(lowest.into_iter().map(|(user, seq)| (*chat, user, seq)));
    }
    Ok(found)
}

/// The number of people in these chats, whether they are closed, which read marks are stored as the lowest, and whether
/// somebody hides read marks.
pub fn lowest_kept(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<ChatMarksRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let kept = statement::<(Uid, BigInt, Bool, Nullable<Uid>, Nullable<BigInt>, Nullable<BigInt>, Bool), Sqlite>(
            "SELECT c.id, c.participant_count, c.closed, c.lowest_reader_id, c.lowest_read_seq, c.second_lowest_read_seq, \
             c.type = 'channel' OR CASE WHEN c.participant_count <= 256 THEN EXISTS (SELECT 1 FROM participants p \
             JOIN preferences f ON f.user_id = p.user_id AND NOT f.read_receipts WHERE p.chat_id = c.id) ELSE false END FROM chats c WHERE c.id = ?",
        );
        found.extend(kept.bind::<Uid, _>(*id).load::<ChatMarksRow>(conn)?);
    }
    Ok(found)
}

/// Stores the lowest marks of these chats, and notes where the time of messages may begin by that.
pub fn store_lowest_marks(conn: &mut Conn, lowest: &[(ChatId, LowestReadMarksRow)]) -> Result<()> {
    for (chat, row) in lowest {
        statement::<(), Sqlite>(format!(
            "UPDATE chats SET lowest_reader_id = ?, lowest_read_seq = ?, second_lowest_read_seq = ?, \
             timers_due = timers_due OR {HAS_WAITING} WHERE id = ?"
        ))
        .bind::<Nullable<Uid>, _>(row.lowest_reader_id)
        .bind::<Nullable<BigInt>, _>(row.lowest_read_seq)
        .bind::<Nullable<BigInt>, _>(row.second_lowest_read_seq)
        .bind::<Uid, _>(*chat)
        .execute(conn)?;
    }
    Ok(())
}

/// Moves these read marks, updates their counts of own messages, and keeps when they moved.
pub fn advance_marks(conn: &mut Conn, moves: &[MarkMove], times: &ReceiptChanges) -> Result<()> {
    for row in moves {
        statement::<(), Sqlite>(
            "UPDATE participants SET read_seq = ?, shown_read_seq = ?, delivered_seq = max(delivered_seq, ?), \
             own_after_read = own_after_read - ? WHERE chat_id = ? AND user_id = ?",
        )
        .bind::<BigInt, _>(row.read_seq)
        .bind::<BigInt, _>(row.shown_read_seq)
        .bind::<BigInt, _>(row.delivered_seq)
        .bind::<BigInt, _>(row.own)
        .bind::<Uid, _>(row.chat_id)
        .bind::<Uid, _>(row.user_id)
        .execute(conn)?;
    }
    receipts::keep(conn, times)
}

/// Positions in chats as one value of a statement, so that it reads all of them at once: JSON, of which
/// `json_each(?)` makes rows.
fn places(wanted: &[(ChatId, i64)]) -> String {
    let places: Vec<(String, i64)> =
        wanted.iter().map(|(chat, seq)| (chat.uuid().simple().to_string(), *seq)).collect();
    json!(places).to_string()
}

/// The messages at these positions.
pub fn messages_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MessageRow>> {
    Ok(statement::<SqlTypeOf<AsSelect<MessageRow, Sqlite>>, Sqlite>(
        "SELECT m.id, m.chat_id, m.seq, m.type, m.sender_id, m.content, m.client_id, m.created_at, m.edited_at, \
         m.deleted_at, m.version, m.data, m.lifetime, m.expires_at, m.reaction_kinds, m.pinned, m.reply_id, m.reply_seq, \
         m.thread_id, m.forwarded_id, m.forwarded_public, m.replies, m.last_reply_at, m.attached \
         FROM json_each(?) w CROSS JOIN messages m ON m.chat_id = unhex(w.value ->> 0) AND m.seq = w.value ->> 1",
    )
    .bind::<Text, _>(places(wanted))
    .load(conn)?)
}

/// The ends of these chats. No lock is needed: there is only one writer.
pub fn lock_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<LockedChatRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let chat = statement::<
            (Uid, BigInt, Ts, Bool, BigInt, Nullable<BigInt>, BigInt, Bool, BigInt, BigInt, BigInt),
            Sqlite,
        >(
            "SELECT c.id, c.last_seq, c.active_at, c.closed, c.rights, c.lifetime, c.participant_count, \
             c.deleted_at IS NOT NULL, c.slow_seconds, c.filter_version, (SELECT f.version FROM word_filters f WHERE f.id = x'00000000000000000000000000000000') \
             FROM chats c WHERE c.id = ?",
        );
        found.extend(chat.bind::<Uid, _>(*id).load::<LockedChatRow>(conn)?);
    }
    Ok(found)
}

/// Nobody can hold a chat here.
pub fn held_chats(_: &mut Conn, _: &[ChatId]) -> Result<Vec<ChatId>> {
    Ok(Vec::new())
}

/// Updates the ends of these chats, and the senders' counts of own messages and when they last wrote.
pub fn advance_chats(conn: &mut Conn, chats: &[LockedChatRow], own: &[(ChatId, UserId, i64, Timestamp)]) -> Result<()> {
    for chat in chats {
        statement::<(), Sqlite>("UPDATE chats SET last_seq = ?, active_at = ? WHERE id = ?")
            .bind::<BigInt, _>(chat.last_seq)
            .bind::<Ts, _>(chat.active_at)
            .bind::<Uid, _>(chat.id)
            .execute(conn)?;
    }
    for (chat, user, n, at) in own {
        statement::<(), Sqlite>(
            "UPDATE participants SET own_after_read = own_after_read + ?, spoke_at = ? WHERE chat_id = ? AND user_id = ?",
        )
        .bind::<BigInt, _>(*n)
        .bind::<Ts, _>(*at)
        .bind::<Uid, _>(*chat)
        .bind::<Uid, _>(*user)
        .execute(conn)?;
    }
    Ok(())
}

pub fn insert_messages(conn: &mut Conn, rows: &[NewMessageRow<'_>], client_ids: &[ClientIdRow]) -> Result<()> {
    for row in rows {
        diesel::insert_into(messages::table).values(row).execute(conn)?;
    }
    for row in client_ids {
        diesel::insert_into(message_client_ids::table).values(row).execute(conn)?;
    }
    Ok(())
}
