//! The statements about whom messages mention.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text},
};

use super::Conn;
use crate::{
    domains::messaging::{MentionRow, NamedRow},
    statement::statement,
};

/// Those people in these chats who have these names, and are not erased, without subscribers: nobody learns who has subscribed to
/// a channel. The chats are locked before, so that the memberships
/// stay; accounts are not, see `reactors`.
pub fn people_named(conn: &mut Conn, wanted: &[(ChatId, &str)]) -> Result<Vec<NamedRow>> {
    let (chats, names): (Vec<_>, Vec<_>) = wanted.iter().map(|(chat, name)| (*chat, (*name).to_owned())).unzip();
    Ok(statement::<(Uid, Text, Uid, BigInt), Pg>(
        "SELECT p.chat_id, u.username_key, u.id, p.visible_from FROM unnest(?, ?) AS w(chat_id, name) \
         JOIN users u ON u.username_key = w.name AND u.deleted_at IS NULL \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = u.id AND p.role <> 'subscriber'",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Text>, _>(names)
    .load(conn)?)
}

/// Writes whom messages mention, and which of them mention everybody.
pub fn insert_mentions(conn: &mut Conn, rows: &[MentionRow], all: &[(ChatId, i64)]) -> Result<()> {
    if !rows.is_empty() {
        statement::<(), Pg>(
            "INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted) \
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?)",
        )
        .bind::<Array<Uid>, _>(rows.iter().map(|row| row.chat_id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.seq).collect::<Vec<_>>())
        .bind::<Array<Uid>, _>(rows.iter().map(|row| row.user_id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.place).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(rows.iter().map(|row| row.given).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(rows.iter().map(|row| row.counted).collect::<Vec<_>>())
        .execute(conn)?;
    }
    if !all.is_empty() {
        let (chats, seqs): (Vec<_>, Vec<_>) = all.iter().copied().unzip();
        statement::<(), Pg>("INSERT INTO message_mentions_all (chat_id, seq) SELECT * FROM unnest(?, ?)")
            .bind::<Array<Uid>, _>(chats)
            .bind::<Array<BigInt>, _>(seqs)
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes whom these messages mention.
pub fn drop_mentions(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<()> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    statement::<(), Pg>(
        "WITH w AS (SELECT * FROM unnest(?, ?) AS w(chat_id, seq)), \
         everybody AS (DELETE FROM message_mentions_all a USING w WHERE a.chat_id = w.chat_id AND a.seq = w.seq) \
         DELETE FROM message_mentions n USING w WHERE n.chat_id = w.chat_id AND n.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .execute(conn)?;
    Ok(())
}

/// Whom these messages mention.
pub fn mentioned_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MentionRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, BigInt, Uid, BigInt, Bool, Bool), Pg>(
        "SELECT n.chat_id, n.seq, n.user_id, n.place, n.given, n.counted FROM unnest(?, ?) AS w(chat_id, seq) \
         JOIN message_mentions n ON n.chat_id = w.chat_id AND n.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}

/// How many messages after these places mention the viewer, without those whose time is over.
pub fn unread_mentions(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    wanted: &[(ChatId, i64)],
) -> Result<Vec<(ChatId, i64)>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, BigInt), Pg>(
        "SELECT w.chat_id, (SELECT count(*) FROM message_mentions n \
         JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
         WHERE n.user_id = ? AND n.chat_id = w.chat_id AND n.seq > w.seq AND n.counted \
         AND (m.expires_at IS NULL OR m.expires_at > ?) \
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = n.user_id AND b.blocked_id = m.sender_id)) \
         + (SELECT count(*) FROM message_mentions_all n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
         WHERE n.chat_id = w.chat_id AND n.seq > w.seq AND m.sender_id <> ? \
         AND (m.expires_at IS NULL OR m.expires_at > ?) \
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = ? AND b.blocked_id = m.sender_id)) \
         FROM unnest(?, ?) AS w(chat_id, seq)",
    )
    .bind::<Uid, _>(viewer)
    .bind::<Ts, _>(now)
    .bind::<Uid, _>(viewer)
    .bind::<Ts, _>(now)
    .bind::<Uid, _>(viewer)
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}
