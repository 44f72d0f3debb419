//! The statements of a batch of votes.

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
    domains::messaging::{SeenPollRow, VoteChanges, VoteFactsRow},
    statement::statement,
};

/// What is stored of a poll.
type Poll = (Uid, BigInt, Text, BigInt, Nullable<Ts>);

/// What these votes depend on; nothing of those in messages that are not there.
pub fn vote_facts(conn: &mut Conn, wanted: &[(ChatId, i64, UserId)]) -> Result<Vec<VoteFactsRow>> {
    Ok(statement::<(BigInt, Bool, Nullable<Ts>, Nullable<BigInt>, Nullable<Poll>), Pg>(
        "SELECT w.n - 1, m.deleted_at IS NOT NULL, m.expires_at, v.choices, \
         p.chat_id, p.seq, p.votes, p.voters, p.closed_at \
         FROM unnest(?, ?, ?) WITH ORDINALITY AS w(chat_id, seq, user_id, n) \
         JOIN messages m ON m.chat_id = w.chat_id AND m.seq = w.seq \
         LEFT JOIN message_polls p ON p.chat_id = w.chat_id AND p.seq = w.seq \
         LEFT JOIN message_poll_votes v ON v.chat_id = w.chat_id AND v.seq = w.seq AND v.user_id = w.user_id",
    )
    .bind::<Array<Uid>, _>(wanted.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(wanted.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(wanted.iter().map(|(.., user)| *user).collect::<Vec<_>>())
    .load(conn)?)
}

/// Writes votes in chats that are locked, and the new state of their polls.
pub fn write_votes(conn: &mut Conn, changes: &VoteChanges) -> Result<()> {
    let VoteChanges { given, taken_back, polls } = changes;
    // All parts see the same state, and none touches a row of another.
    statement::<(), Pg>(
        "WITH given AS (INSERT INTO message_poll_votes (chat_id, seq, user_id, choices, voted_at) \
         SELECT * FROM unnest(?, ?, ?, ?, ?) \
         ON CONFLICT (chat_id, seq, user_id) DO UPDATE SET choices = excluded.choices, voted_at = excluded.voted_at), \
         taken_back AS (DELETE FROM message_poll_votes v USING unnest(?, ?, ?) AS w(chat_id, seq, user_id) \
         WHERE v.chat_id = w.chat_id AND v.seq = w.seq AND v.user_id = w.user_id) \
         UPDATE message_polls p SET votes = w.votes, voters = w.voters \
         FROM unnest(?, ?, ?, ?) AS w(chat_id, seq, votes, voters) WHERE p.chat_id = w.chat_id AND p.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(given.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(given.iter().map(|row| row.seq).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(given.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(given.iter().map(|row| row.choices.bits()).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(given.iter().map(|row| row.voted_at).collect::<Vec<Timestamp>>())
    .bind::<Array<Uid>, _>(taken_back.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(taken_back.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(taken_back.iter().map(|(.., user)| *user).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(polls.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(polls.iter().map(|row| row.seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(polls.iter().map(|row| row.votes.clone()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(polls.iter().map(|row| row.voters).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// The polls of these messages.
pub fn polls_at(conn: &mut Conn, viewer: UserId, wanted: &[(ChatId, i64)]) -> Result<Vec<SeenPollRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Poll, Nullable<BigInt>), Pg>(
        "SELECT p.chat_id, p.seq, p.votes, p.voters, p.closed_at, v.choices FROM unnest(?, ?) AS w(chat_id, seq) \
         JOIN message_polls p ON p.chat_id = w.chat_id AND p.seq = w.seq \
         LEFT JOIN message_poll_votes v ON v.chat_id = p.chat_id AND v.seq = p.seq AND v.user_id = ?",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .bind::<Uid, _>(viewer)
    .load(conn)?)
}
