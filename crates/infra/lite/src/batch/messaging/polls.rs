//! The statements of a batch of votes.

use clowder_core::{
    ChatId, Result, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
    sqlite::Sqlite,
};

use super::{Conn, places};
use crate::{
    domains::messaging::{SeenPollRow, VoteChanges, VoteFactsRow},
    statement::statement,
};

/// What is stored of a poll.
type Poll = (Uid, BigInt, Text, BigInt, Nullable<Ts>);

/// What these votes depend on; nothing of those in messages that are not there.
pub fn vote_facts(conn: &mut Conn, wanted: &[(ChatId, i64, UserId)]) -> Result<Vec<VoteFactsRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (index, (chat, seq, user)) in (0_i64..).zip(wanted) {
        let facts = statement::<(BigInt, Bool, Nullable<Ts>, Nullable<BigInt>, Nullable<Poll>), Sqlite>(
            "SELECT ?, m.deleted_at IS NOT NULL, m.expires_at, v.choices, \
             p.chat_id, p.seq, p.votes, p.voters, p.closed_at FROM messages m \
             LEFT JOIN message_polls p ON p.chat_id = m.chat_id AND p.seq = m.seq \
             LEFT JOIN message_poll_votes v ON v.chat_id = m.chat_id AND v.seq = m.seq AND v.user_id = ? \
             WHERE m.chat_id = ? AND m.seq = ?",
        )
        .bind::<BigInt, _>(index)
        .bind::<Uid, _>(*user)
        .bind::<Uid, _>(*chat)
        .bind::<BigInt, _>(*seq);
        found.extend(facts.load::<VoteFactsRow>(conn)?);
    }
    Ok(found)
}

/// Writes votes, and the new state of their polls.
pub fn write_votes(conn: &mut Conn, changes: &VoteChanges) -> Result<()> {
    for row in &changes.given {
        statement::<(), Sqlite>(
            "INSERT INTO message_poll_votes (chat_id, seq, user_id, choices, voted_at) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (chat_id, seq, user_id) DO UPDATE SET choices = excluded.choices, voted_at = excluded.voted_at",
        )
        .bind::<Uid, _>(row.chat_id)
        .bind::<BigInt, _>(row.seq)
        .bind::<Uid, _>(row.user_id)
        .bind::<BigInt, _>(row.choices.bits())
        .bind::<Ts, _>(row.voted_at)
        .execute(conn)?;
    }
    for (chat, seq, user) in &changes.taken_back {
        statement::<(), Sqlite>("DELETE FROM message_poll_votes WHERE chat_id = ? AND seq = ? AND user_id = ?")
            .bind::<Uid, _>(*chat)
            .bind::<BigInt, _>(*seq)
            .bind::<Uid, _>(*user)
            .execute(conn)?;
    }
    for row in &changes.polls {
        statement::<(), Sqlite>("UPDATE message_polls SET votes = ?, voters = ? WHERE chat_id = ? AND seq = ?")
            .bind::<Text, _>(row.votes.clone())
            .bind::<BigInt, _>(row.voters)
            .bind::<Uid, _>(row.chat_id)
            .bind::<BigInt, _>(row.seq)
            .execute(conn)?;
    }
    Ok(())
}

/// The polls of these messages.
pub fn polls_at(conn: &mut Conn, viewer: UserId, wanted: &[(ChatId, i64)]) -> Result<Vec<SeenPollRow>> {
    let seen = statement::<(Poll, Nullable<BigInt>), Sqlite>(
        "SELECT p.chat_id, p.seq, p.votes, p.voters, p.closed_at, v.choices FROM json_each(?) w \
         CROSS JOIN message_polls p ON p.chat_id = unhex(w.value ->> 0) AND p.seq = w.value ->> 1 \
         LEFT JOIN message_poll_votes v ON v.chat_id = p.chat_id AND v.seq = p.seq AND v.user_id = ?",
    );
    Ok(seen.bind::<Text, _>(places(wanted)).bind::<Uid, _>(viewer).load::<SeenPollRow>(conn)?)
}
