//! The statements of a batch of reactions.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Text},
};

use super::Conn;
use crate::{
    domains::messaging::{ReactFactsRow, ReactedRow, ReactionChanges},
    statement::statement,
};

type Facts = (BigInt, Bool, Nullable<Ts>, BigInt, BigInt, Nullable<Ts>, Bool, Nullable<BigInt>);

/// Those of these memberships whose people are in the chat and not erased, and after which message they see it, whatever they
/// have cleared since. Their chats are locked before, so that the memberships stay. Their accounts are not locked, because others would wait for that; an erasure locks each of their chats
/// after it has begun.
pub fn reactors(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let (chats, users): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, Uid, BigInt), Pg>(
        "SELECT p.chat_id, p.user_id, coalesce(p.entered_from, p.visible_from) FROM unnest(?, ?) AS w(chat_id, user_id) \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id \
         JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Uid>, _>(users)
    .load(conn)?)
}

/// What these reactions depend on; nothing of those to messages that are not there. Their chats are locked before, so that the
/// memberships stay. The accounts are not locked, because others would wait for that; an erasure locks each of its chats after
/// it has begun.
pub fn react_facts(conn: &mut Conn, wanted: &[(ChatId, i64, UserId, &str)]) -> Result<Vec<ReactFactsRow>> {
    Ok(statement::<Facts, Pg>(
        "SELECT w.n - 1, m.deleted_at IS NOT NULL, m.expires_at, m.reaction_kinds, coalesce(c.people, 0), c.since, \
         r.user_id IS NOT NULL, \
         (SELECT coalesce(p.entered_from, p.visible_from) FROM participants p \
         JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL WHERE p.chat_id = w.chat_id AND p.user_id = w.user_id) \
         FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS w(chat_id, seq, user_id, emoji, n) \
         JOIN messages m ON m.chat_id = w.chat_id AND m.seq = w.seq \
         LEFT JOIN message_reaction_counts c ON c.chat_id = w.chat_id AND c.seq = w.seq AND c.emoji = w.emoji \
         LEFT JOIN message_reactions r ON r.chat_id = w.chat_id AND r.seq = w.seq AND r.emoji = w.emoji \
         AND r.user_id = w.user_id",
    )
    .bind::<Array<Uid>, _>(wanted.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(wanted.iter().map(|(_, seq, ..)| *seq).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(wanted.iter().map(|(_, _, user, _)| *user).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(wanted.iter().map(|(.., emoji)| (*emoji).to_owned()).collect::<Vec<_>>())
    .load(conn)?)
}

/// Writes reactions to messages in chats that are locked, their counts, and the new state of the messages.
pub fn write_reactions(conn: &mut Conn, changes: &ReactionChanges) -> Result<()> {
    let ReactionChanges { added, removed, counts, kinds } = changes;
    let (gone, left): (Vec<_>, Vec<_>) = counts.iter().partition(|(.., people, _)| *people == 0);
    // All parts see the same state, and none touches a row of another.
    statement::<(), Pg>(
        "WITH added AS (INSERT INTO message_reactions (chat_id, seq, emoji, user_id, reacted_at) \
         SELECT * FROM unnest(?, ?, ?, ?, ?)), \
         removed AS (DELETE FROM message_reactions r USING unnest(?, ?, ?, ?) AS w(chat_id, seq, emoji, user_id) \
         WHERE r.chat_id = w.chat_id AND r.seq = w.seq AND r.emoji = w.emoji AND r.user_id = w.user_id), \
         counted AS (INSERT INTO message_reaction_counts (chat_id, seq, emoji, people, since) \
         SELECT * FROM unnest(?, ?, ?, ?, ?) \
         ON CONFLICT (chat_id, seq, emoji) DO UPDATE SET people = excluded.people), \
         gone AS (DELETE FROM message_reaction_counts c USING unnest(?, ?, ?) AS w(chat_id, seq, emoji) \
         WHERE c.chat_id = w.chat_id AND c.seq = w.seq AND c.emoji = w.emoji), \
         kinds AS (UPDATE messages m SET reaction_kinds = w.kinds FROM unnest(?, ?, ?) AS w(chat_id, seq, kinds) \
         WHERE m.chat_id = w.chat_id AND m.seq = w.seq) \
         UPDATE chats SET revision = revision + 1 WHERE id = ANY(?)",
    )
    .bind::<Array<Uid>, _>(added.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(added.iter().map(|row| row.seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(added.iter().map(|row| row.emoji.clone()).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(added.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(added.iter().map(|row| row.reacted_at).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(removed.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(removed.iter().map(|(_, seq, ..)| *seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(removed.iter().map(|(_, _, emoji, _)| emoji.clone()).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(removed.iter().map(|(.., user)| *user).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(left.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(left.iter().map(|(_, seq, ..)| *seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(left.iter().map(|(_, _, emoji, ..)| emoji.clone()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(left.iter().map(|(.., people, _)| *people).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(left.iter().map(|(.., since)| *since).collect::<Vec<Timestamp>>())
    .bind::<Array<Uid>, _>(gone.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(gone.iter().map(|(_, seq, ..)| *seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(gone.iter().map(|(_, _, emoji, ..)| emoji.clone()).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(kinds.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(kinds.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(kinds.iter().map(|(.., kinds)| *kinds).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(kinds.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// The counts of the reactions to these messages.
pub fn reacted_at(conn: &mut Conn, viewer: UserId, wanted: &[(ChatId, i64)]) -> Result<Vec<ReactedRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, BigInt, Text, BigInt, Ts, Bool), Pg>(
        "SELECT c.chat_id, c.seq, c.emoji, c.people, c.since, r.user_id IS NOT NULL \
         FROM unnest(?, ?) AS w(chat_id, seq) \
         JOIN message_reaction_counts c ON c.chat_id = w.chat_id AND c.seq = w.seq \
         LEFT JOIN message_reactions r ON r.chat_id = c.chat_id AND r.seq = c.seq AND r.emoji = c.emoji AND r.user_id = ?",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .bind::<Uid, _>(viewer)
    .load(conn)?)
}

/// Deletes the counts of reactions to these messages, in chats that are locked, and at most so many of the reactions;
/// answers how many there were.
pub fn drop_reacted(conn: &mut Conn, wanted: &[(ChatId, i64)], most: i64) -> Result<i64> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    let rows = statement::<(), Pg>(
        "WITH counted AS (DELETE FROM message_reaction_counts c USING unnest(?, ?) AS w(chat_id, seq) \
         WHERE c.chat_id = w.chat_id AND c.seq = w.seq) \
         DELETE FROM message_reactions WHERE (chat_id, seq, emoji, user_id) IN (SELECT r.chat_id, r.seq, r.emoji, \
         r.user_id FROM unnest(?, ?) AS w(chat_id, seq) \
         JOIN message_reactions r ON r.chat_id = w.chat_id AND r.seq = w.seq \
         ORDER BY r.chat_id, r.seq, r.emoji, r.user_id LIMIT ?)",
    )
    .bind::<Array<Uid>, _>(chats.clone())
    .bind::<Array<BigInt>, _>(seqs.clone())
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .bind::<BigInt, _>(most);
    Ok(rows.execute(conn)? as i64)
}
