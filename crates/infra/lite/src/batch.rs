//! The statements of the hottest path. On SQLite a statement costs no round trip: one per row, prepared once.

use clowder_core::{
    ChatId, Id, Result, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Integer, Nullable, SmallInt},
    sqlite::Sqlite,
};

use super::dialect::Conn;
use crate::{
    merge::{Place, Window},
    rows::{AnswerRow, CardRow, ClientIdRow, JournalRow, LockedChatRow, LowestReadMarksRow, MessageRow, NewMessageRow},
    schema::{answers, chats, journal, message_client_ids, messages, participants, users},
    statement::statement,
};

/// The role and card of each of these people in each of these chats, as far as they take part and are not erased. One
/// writer is lock enough.
pub fn lock_seats(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, String, CardRow)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, user) in wanted {
        let membership = participants::table
            .inner_join(users::table)
            .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
            .filter(users::deleted_at.is_null())
            .select((participants::chat_id, participants::role, CardRow::as_select()))
            .first(conn)
            .optional()?;
        found.extend(membership);
    }
    Ok(found)
}

/// Nobody holds anything here.
pub fn held_seats(_: &mut Conn, _: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId)>> {
    Ok(Vec::new())
}

/// One writer is claim enough.
pub fn try_claims(_: &mut Conn, _: Vec<i64>) -> Result<Vec<i64>> {
    Ok(Vec::new())
}

/// For which messages these senders used these client ids.
pub fn client_ids(conn: &mut Conn, wanted: &[(UserId, &str)]) -> Result<Vec<ClientIdRow>> {
    let mut found = Vec::new();
    for wanted in wanted {
        let used = message_client_ids::table.find(*wanted).select(ClientIdRow::as_select()).first(conn).optional()?;
        found.extend(used);
    }
    Ok(found)
}

/// Where these people's read marks are. One writer is lock enough.
pub fn lock_marks(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for pair in wanted {
        let mark = participants::table.find(*pair).select(participants::read_seq).first(conn).optional()?;
        found.extend(mark.map(|seq| (pair.0, pair.1, seq)));
    }
    Ok(found)
}

/// Nobody else moves a mark here.
pub fn keep_marks(_: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId)>> {
    Ok(wanted.to_vec())
}

/// So many of the lowest read marks of these chats, in ascending order.
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

/// How many people take part in these chats, and which of their read marks are kept as the lowest.
pub fn lowest_kept(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<(ChatId, i64, LowestReadMarksRow)>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let kept = chats::table.find(id).select((chats::participant_count, LowestReadMarksRow::as_select()));
        let kept: Option<(i64, LowestReadMarksRow)> = kept.first(conn).optional()?;
        found.extend(kept.map(|(participants, lowest)| (*id, participants, lowest)));
    }
    Ok(found)
}

/// Writes down which marks are the lowest of these chats.
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

/// Moves these read marks, and takes from what is whose own after them.
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

/// Tells how far each of these chats has come. One writer is lock enough.
pub fn lock_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<LockedChatRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let chat = chats::table.find(id).select(LockedChatRow::as_select()).first(conn).optional()?;
        found.extend(chat);
    }
    Ok(found)
}

/// Nobody holds a chat here.
pub fn held_chats(_: &mut Conn, _: &[ChatId]) -> Result<Vec<ChatId>> {
    Ok(Vec::new())
}

/// Writes down how far these chats have come, and how many of the messages are whose own.
pub fn advance_chats(conn: &mut Conn, chats: &[LockedChatRow], own: &[(ChatId, UserId, i64)]) -> Result<()> {
    for chat in chats {
        statement::<(), Sqlite>("UPDATE chats SET last_seq = ?, active_at = ? WHERE id = ?")
            .bind::<BigInt, _>(chat.last_seq)
            .bind::<Ts, _>(chat.active_at)
            .bind::<Uid, _>(chat.id)
            .execute(conn)?;
    }
    for (chat, user, n) in own {
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

/// What is stored under these ids.
pub fn stored_answers(conn: &mut Conn, wanted: &[Id<()>]) -> Result<Vec<AnswerRow>> {
    let mut found = Vec::new();
    for id in wanted {
        let answer = answers::table.find(id).select(AnswerRow::as_select()).first(conn).optional()?;
        found.extend(answer);
    }
    Ok(found)
}

/// Stores answers under ids that have none, and says how many had none.
pub fn store_answers(conn: &mut Conn, rows: Vec<AnswerRow>) -> Result<usize> {
    let mut stored = 0;
    for row in rows {
        stored += statement::<(), Sqlite>(
            "INSERT INTO answers (id, fingerprint, answer, created_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind::<Uid, _>(row.id)
        .bind::<Binary, _>(row.fingerprint)
        .bind::<Binary, _>(row.answer)
        .bind::<Ts, _>(row.created_at)
        .execute(conn)?;
    }
    Ok(stored)
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

/// The places of a stream in these windows.
pub fn places(conn: &mut Conn, stream: i16, windows: &[Window]) -> Result<Vec<(usize, Place)>> {
    let mut found = Vec::new();
    for window in windows {
        let places = statement::<(BigInt, Integer), Sqlite>(
            "SELECT position, octet_length(data) FROM journal \
             WHERE topic_id = ? AND stream = ? AND position BETWEEN ? AND ? ORDER BY position LIMIT ?",
        )
        .bind::<Uid, _>(window.topic)
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(window.from)
        .bind::<BigInt, _>(window.until)
        .bind::<BigInt, _>(window.most as i64)
        .load::<Place>(conn)?;
        found.extend(places.into_iter().map(|place| (window.part, place)));
    }
    Ok(found)
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

pub fn insert_changes(conn: &mut Conn, rows: &[JournalRow]) -> Result<()> {
    for row in rows {
        diesel::insert_into(journal::table).values(row).execute(conn)?;
    }
    Ok(())
}
