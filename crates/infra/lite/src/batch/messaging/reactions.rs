//! The statements of a batch of reactions.

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
    domains::messaging::{ReactFactsRow, ReactedRow, ReactionChanges},
    statement::statement,
};

type Facts = (BigInt, Bool, Nullable<Ts>, BigInt, BigInt, Nullable<Ts>, Bool, Nullable<BigInt>);

/// Those of these memberships whose people are in the chat and not erased, and after which message they see it, whatever they
/// have cleared since. No lock is needed: there is only one writer.
pub fn reactors(conn: &mut Conn, wanted: &[(ChatId, UserId)]) -> Result<Vec<(ChatId, UserId, i64)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, user) in wanted {
        let membership = statement::<(Uid, Uid, BigInt), Sqlite>(
            "SELECT p.chat_id, p.user_id, coalesce(p.entered_from, p.visible_from) FROM participants p \
             JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL WHERE p.chat_id = ? AND p.user_id = ?",
        );
        let membership = membership.bind::<Uid, _>(*chat).bind::<Uid, _>(*user);
        found.extend(membership.load::<(ChatId, UserId, i64)>(conn)?);
    }
    Ok(found)
}

/// What these reactions depend on; nothing of those to messages that are not there.
pub fn react_facts(conn: &mut Conn, wanted: &[(ChatId, i64, UserId, &str)]) -> Result<Vec<ReactFactsRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (index, (chat, seq, user, emoji)) in (0_i64..).zip(wanted) {
        let facts = statement::<Facts, Sqlite>(
            "SELECT ?, m.deleted_at IS NOT NULL, m.expires_at, m.reaction_kinds, coalesce(c.people, 0), c.since, \
             r.user_id IS NOT NULL, \
             (SELECT coalesce(p.entered_from, p.visible_from) FROM participants p \
             JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL WHERE p.chat_id = m.chat_id AND p.user_id = ?) \
             FROM messages m \
             LEFT JOIN message_reaction_counts c ON c.chat_id = m.chat_id AND c.seq = m.seq AND c.emoji = ? \
             LEFT JOIN message_reactions r ON r.chat_id = m.chat_id AND r.seq = m.seq AND r.emoji = ? \
             AND r.user_id = ? WHERE m.chat_id = ? AND m.seq = ?",
        )
        .bind::<BigInt, _>(index)
        .bind::<Uid, _>(*user)
        .bind::<Text, _>((*emoji).to_owned())
        .bind::<Text, _>((*emoji).to_owned())
        .bind::<Uid, _>(*user)
        .bind::<Uid, _>(*chat)
        .bind::<BigInt, _>(*seq);
        found.extend(facts.load::<ReactFactsRow>(conn)?);
    }
    Ok(found)
}

/// Writes reactions, their counts, and the new state of the messages.
pub fn write_reactions(conn: &mut Conn, changes: &ReactionChanges) -> Result<()> {
    for row in &changes.added {
        statement::<(), Sqlite>(
            "INSERT INTO message_reactions (chat_id, seq, emoji, user_id, reacted_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind::<Uid, _>(row.chat_id)
        .bind::<BigInt, _>(row.seq)
        .bind::<Text, _>(row.emoji.clone())
        .bind::<Uid, _>(row.user_id)
        .bind::<Ts, _>(row.reacted_at)
        .execute(conn)?;
    }
    for (chat, seq, emoji, user) in &changes.removed {
        statement::<(), Sqlite>(
            "DELETE FROM message_reactions WHERE chat_id = ? AND seq = ? AND emoji = ? AND user_id = ?",
        )
        .bind::<Uid, _>(*chat)
        .bind::<BigInt, _>(*seq)
        .bind::<Text, _>(emoji.clone())
        .bind::<Uid, _>(*user)
        .execute(conn)?;
    }
    for (chat, seq, emoji, people, since) in &changes.counts {
        if *people == 0 {
            statement::<(), Sqlite>("DELETE FROM message_reaction_counts WHERE chat_id = ? AND seq = ? AND emoji = ?")
                .bind::<Uid, _>(*chat)
                .bind::<BigInt, _>(*seq)
                .bind::<Text, _>(emoji.clone())
                .execute(conn)?;
            continue;
        }
        statement::<(), Sqlite>(
            "INSERT INTO message_reaction_counts (chat_id, seq, emoji, people, since) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (chat_id, seq, emoji) DO UPDATE SET people = excluded.people",
        )
        .bind::<Uid, _>(*chat)
        .bind::<BigInt, _>(*seq)
        .bind::<Text, _>(emoji.clone())
        .bind::<BigInt, _>(*people)
        .bind::<Ts, _>(*since)
        .execute(conn)?;
    }
    for (chat, seq, kinds) in &changes.kinds {
        statement::<(), Sqlite>("UPDATE messages SET reaction_kinds = ? WHERE chat_id = ? AND seq = ?")
            .bind::<BigInt, _>(*kinds)
            .bind::<Uid, _>(*chat)
            .bind::<BigInt, _>(*seq)
            .execute(conn)?;
        statement::<(), Sqlite>("UPDATE chats SET revision = revision + 1 WHERE id = ?")
            .bind::<Uid, _>(*chat)
            .execute(conn)?;
    }
    Ok(())
}

/// The counts of the reactions to these messages.
pub fn reacted_at(conn: &mut Conn, viewer: UserId, wanted: &[(ChatId, i64)]) -> Result<Vec<ReactedRow>> {
    let reacted = statement::<(Uid, BigInt, Text, BigInt, Ts, Bool), Sqlite>(
        "SELECT c.chat_id, c.seq, c.emoji, c.people, c.since, r.user_id IS NOT NULL FROM json_each(?) w \
         CROSS JOIN message_reaction_counts c ON c.chat_id = unhex(w.value ->> 0) AND c.seq = w.value ->> 1 \
         LEFT JOIN message_reactions r ON r.chat_id = c.chat_id AND r.seq = c.seq AND r.emoji = c.emoji AND r.user_id = ?",
    );
    Ok(reacted.bind::<Text, _>(places(wanted)).bind::<Uid, _>(viewer).load::<ReactedRow>(conn)?)
}

/// Deletes the counts of reactions to these messages, and at most so many of the reactions; answers how many there were.
pub fn drop_reacted(conn: &mut Conn, wanted: &[(ChatId, i64)], most: i64) -> Result<i64> {
    let mut rows = 0;
    for (chat, seq) in wanted {
        statement::<(), Sqlite>("DELETE FROM message_reaction_counts WHERE chat_id = ? AND seq = ?")
            .bind::<Uid, _>(*chat)
            .bind::<BigInt, _>(*seq)
            .execute(conn)?;
        let reactions = statement::<(), Sqlite>(
            "DELETE FROM message_reactions WHERE (chat_id, seq, emoji, user_id) IN (SELECT r.chat_id, r.seq, r.emoji, \
             r.user_id FROM message_reactions r WHERE r.chat_id = ? AND r.seq = ? ORDER BY r.emoji, r.user_id LIMIT ?)",
        );
        let reactions = reactions.bind::<Uid, _>(*chat).bind::<BigInt, _>(*seq).bind::<BigInt, _>(most - rows);
        rows += reactions.execute(conn)? as i64;
    }
    Ok(rows)
}
