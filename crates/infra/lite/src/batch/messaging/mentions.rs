//! The statements about whom messages mention.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Text},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::messaging::{MentionRow, NamedRow},
    statement::statement,
};

/// Those people in these chats who have these names, and are not erased. No lock is needed: there is only one writer.
pub fn people_named(conn: &mut Conn, wanted: &[(ChatId, &str)]) -> Result<Vec<NamedRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, name) in wanted {
        let people = statement::<(Uid, Text, Uid, BigInt), Sqlite>(
            "SELECT p.chat_id, u.username_key, u.id, p.visible_from FROM users u \
             CROSS JOIN participants p ON p.user_id = u.id AND p.chat_id = ? AND p.role <> 'subscriber' \
             WHERE u.username_key = ? AND u.deleted_at IS NULL",
        );
        let people = people.bind::<Uid, _>(*chat).bind::<Text, _>((*name).to_owned());
        found.extend(people.load::<NamedRow>(conn)?);
    }
    Ok(found)
}

/// Writes whom messages mention, and which of them mention everybody.
pub fn insert_mentions(conn: &mut Conn, rows: &[MentionRow], all: &[(ChatId, i64)]) -> Result<()> {
    for row in rows {
        statement::<(), Sqlite>(
            "INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind::<Uid, _>(row.chat_id)
        .bind::<BigInt, _>(row.seq)
        .bind::<Uid, _>(row.user_id)
        .bind::<BigInt, _>(row.place)
        .bind::<Bool, _>(row.given)
        .bind::<Bool, _>(row.counted)
        .execute(conn)?;
    }
    for (chat, seq) in all {
        statement::<(), Sqlite>("INSERT INTO message_mentions_all (chat_id, seq) VALUES (?, ?)")
            .bind::<Uid, _>(*chat)
            .bind::<BigInt, _>(*seq)
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes whom these messages mention.
pub fn drop_mentions(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<()> {
    for (chat, seq) in wanted {
        for sql in [
            "DELETE FROM message_mentions WHERE chat_id = ? AND seq = ?",
            "DELETE FROM message_mentions_all WHERE chat_id = ? AND seq = ?",
        ] {
            statement::<(), Sqlite>(sql).bind::<Uid, _>(*chat).bind::<BigInt, _>(*seq).execute(conn)?;
        }
    }
    Ok(())
}

/// Whom these messages mention.
pub fn mentioned_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MentionRow>> {
    let mut found = Vec::new();
    for (chat, seq) in wanted {
        let mentioned = statement::<(Uid, BigInt, Uid, BigInt, Bool, Bool), Sqlite>(
            "SELECT n.chat_id, n.seq, n.user_id, n.place, n.given, n.counted FROM message_mentions n \
             WHERE n.chat_id = ? AND n.seq = ?",
        );
        found.extend(mentioned.bind::<Uid, _>(*chat).bind::<BigInt, _>(*seq).load::<MentionRow>(conn)?);
    }
    Ok(found)
}

/// How many messages after these places mention the viewer, without those whose time is over.
pub fn unread_mentions(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    wanted: &[(ChatId, i64)],
) -> Result<Vec<(ChatId, i64)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, seq) in wanted {
        let counted = statement::<(Uid, BigInt), Sqlite>(
            "SELECT w.chat_id, (SELECT count(*) FROM message_mentions n \
             JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
             WHERE n.user_id = ? AND n.chat_id = w.chat_id AND n.seq > w.seq AND n.counted \
             AND (m.expires_at IS NULL OR m.expires_at > ?) \
             AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = n.user_id AND b.blocked_id = m.sender_id)) \
             + (SELECT count(*) FROM message_mentions_all n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
             WHERE n.chat_id = w.chat_id AND n.seq > w.seq AND m.sender_id <> ? \
             AND (m.expires_at IS NULL OR m.expires_at > ?) \
             AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = ? AND b.blocked_id = m.sender_id)) \
             FROM (SELECT ? AS chat_id, ? AS seq) w",
        )
        .bind::<Uid, _>(viewer)
        .bind::<Ts, _>(now)
        .bind::<Uid, _>(viewer)
        .bind::<Ts, _>(now)
        .bind::<Uid, _>(viewer)
        .bind::<Uid, _>(*chat)
        .bind::<BigInt, _>(*seq);
        found.extend(counted.load::<(ChatId, i64)>(conn)?);
    }
    Ok(found)
}
