//! The statements of a batch of messages and read marks.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Nullable},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::{
        accounts::{CardRow, users},
        messaging::{
            ClientIdRow, LockedChatRow, LowestReadMarksRow, MessageRow, NewMessageRow, SeatRow, chats,
            message_client_ids, messages, participants,
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
pub fn lock_marks(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for pair in wanted {
        let mark = participants::table.find(*pair).select(participants::read_seq).first(conn).optional()?;
        found.extend(mark.map(|seq| (pair.0, pair.1, seq)));
    }
    Ok(found)
}

/// Nobody else can move a mark here.
pub fn keep_marks(_: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId)>> {
    Ok(wanted.to_vec())
}

/// The lowest read marks of these chats, this many of each, in ascending order.
pub fn lowest_marks(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let mut found = Vec::new();
    for (chat, count) in wanted {
        let lowest: Vec<(UserId, i64)> = participants::table
            .filter(participants::chat_id.eq(chat))
            .order((participants::read_seq, participants::user_id))
            .limit(*count)
            .select((participants::user_id, participants::read_seq))
            .load(conn)?;
        found.extend(lowest.into_iter().map(|(user, seq)| (*chat, user, seq)));
    }
    Ok(found)
}

/// The number of people in these chats, whether they are closed, and which read marks are stored as the lowest.
pub fn lowest_kept(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<(ChatId, i64, bool, LowestReadMarksRow)>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let kept =
            chats::table.find(id).select((chats::participant_count, chats::closed, LowestReadMarksRow::as_select()));
        let kept: Option<(i64, bool, LowestReadMarksRow)> = kept.first(conn).optional()?;
        found.extend(kept.map(|(participants, closed, lowest)| (*id, participants, closed, lowest)));
    }
    Ok(found)
}

/// Stores the lowest marks of these chats.
pub fn store_lowest_marks(conn: &mut Conn, lowest: &[(ChatId, LowestReadMarksRow)]) -> Result<()> {
    for (chat, row) in lowest {
        statement::<(), Sqlite>(
            "UPDATE chats SET lowest_reader_id = ?, lowest_read_seq = ?, second_lowest_read_seq = ? WHERE id = ?",
        )
        .bind::<Nullable<Uid>, _>(row.lowest_reader_id)
        .bind::<Nullable<BigInt>, _>(row.lowest_read_seq)
        .bind::<Nullable<BigInt>, _>(row.second_lowest_read_seq)
        .bind::<Uid, _>(*chat)
        .execute(conn)?;
    }
    Ok(())
}

/// Moves these read marks, and updates their counts of own messages.
pub fn advance_marks(conn: &mut Conn, marks: &[(ChatId, UserId, i64, i64)]) -> Result<()> {
    for (chat, user, seq, own) in marks {
        statement::<(), Sqlite>(
            "UPDATE participants SET read_seq = ?, own_after_read = own_after_read - ? WHERE chat_id = ? AND user_id = ?",
        )
        .bind::<BigInt, _>(*seq)
        .bind::<BigInt, _>(*own)
        .bind::<Uid, _>(*chat)
        .bind::<Uid, _>(*user)
        .execute(conn)?;
    }
    Ok(())
}

/// The messages at these positions.
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

/// The ends of these chats. No lock is needed: there is only one writer.
pub fn lock_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<LockedChatRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let chat = statement::<(Uid, BigInt, Ts, Bool, BigInt, Bool, BigInt, BigInt, BigInt), Sqlite>(
            "SELECT c.id, c.last_seq, c.active_at, c.closed, c.rights, c.deleted_at IS NOT NULL, c.slow_seconds, \
             c.filter_version, (SELECT f.version FROM word_filters f WHERE f.id = x'00000000000000000000000000000000') \
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
