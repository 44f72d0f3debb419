//! The index of what messages are found by: a `tsvector` of tokens for each message.

use clowder_core::{
    ChatId, MessageId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use clowder_messaging::search::volumes::Volume;
use diesel::{
    connection::SimpleConnection,
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Text},
};

use super::Conn;
use crate::{
    domains::messaging::{Asked, Filter, Indexed, Match, Place, search_index},
    statement::{Statement, statement},
};

/// The columns of a [`Match`].
pub type Found = (Uid, BigInt, Ts, Uid);

/// Taken by everybody who indexes messages, before anything else that it needs.
pub fn lock_index(conn: &mut Conn) -> Result<()> {
    search_index::table.find(1_i64).select(search_index::id).for_no_key_update().first::<i64>(conn).optional()?;
    Ok(())
}

/// Until the end of the transaction, the rows of these messages are not deleted. They can be changed: whoever changes what
/// one says indexes it or marks it as gone.
pub fn keep_messages(conn: &mut Conn, ids: &[MessageId]) -> Result<()> {
    statement::<Uid, Pg>("SELECT id FROM messages WHERE id = ANY(?) ORDER BY chat_id, seq FOR KEY SHARE")
        .bind::<Array<Uid>, _>(ids.to_vec())
        .load::<MessageId>(conn)?;
    Ok(())
}

/// Indexes messages, unless they are gone or a later version is indexed.
pub fn put(conn: &mut Conn, some: &[Indexed]) -> Result<()> {
    if some.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO message_search AS s (chat_id, seq, version, tokens) \
         SELECT w.chat_id, w.seq, w.version, w.tokens::tsvector \
         FROM unnest(?, ?, ?, ?) AS w(chat_id, seq, version, tokens) ORDER BY w.chat_id, w.seq \
         ON CONFLICT (chat_id, seq) DO UPDATE SET version = excluded.version, tokens = excluded.tokens \
         WHERE s.tokens IS NOT NULL AND s.version <= excluded.version",
    )
    .bind::<Array<Uid>, _>(some.iter().map(|one| one.chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(some.iter().map(|one| one.seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(some.iter().map(|one| one.version).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(some.iter().map(Indexed::as_vector).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Marks messages as gone, whose texts this transaction has deleted: whoever indexes them now has read them before, and
/// waits for this row.
pub fn forget(conn: &mut Conn, messages: &[(ChatId, i64)]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO message_search (chat_id, seq, version) SELECT w.chat_id, w.seq, 0 \
         FROM unnest(?, ?) AS w(chat_id, seq) ORDER BY w.chat_id, w.seq \
         ON CONFLICT (chat_id, seq) DO UPDATE SET tokens = NULL",
    )
    .bind::<Array<Uid>, _>(messages.iter().map(|(chat, _)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(messages.iter().map(|(_, seq)| *seq).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Takes messages out of the index that have no text any more. The caller holds the index, so nobody is about to index them.
pub fn clean(conn: &mut Conn, messages: &[(ChatId, i64)]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "DELETE FROM message_search USING (SELECT s.chat_id, s.seq FROM message_search s \
         JOIN unnest(?, ?) AS w(chat_id, seq) USING (chat_id, seq) ORDER BY s.chat_id, s.seq FOR UPDATE OF s) d \
         WHERE message_search.chat_id = d.chat_id AND message_search.seq = d.seq",
    )
    .bind::<Array<Uid>, _>(messages.iter().map(|(chat, _)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(messages.iter().map(|(_, seq)| *seq).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Takes the messages of a chat up to this one out of the index, whose rows this transaction has deleted.
pub fn clear(conn: &mut Conn, chat: ChatId, until: i64) -> Result<()> {
    statement::<(), Pg>("DELETE FROM message_search WHERE chat_id = ? AND seq <= ?")
        .bind::<Uid, _>(chat)
        .bind::<BigInt, _>(until)
        .execute(conn)?;
    Ok(())
}

/// An index of this kind never forgets a word, not even when no row has it any more, unless it is made anew.
pub fn renew(conn: &mut Conn) -> Result<()> {
    // What interrupted calls have left: the new index before it took the place of the old one, or the old one after that. If
    // there was one of that name, the next one has a number.
    let left = statement::<Text, Pg>(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid = 'message_search'::regclass AND NOT i.indisvalid \
         AND c.relname ~ '^message_search_tokens_cc(new|old)[0-9]*$' ORDER BY c.relname",
    );
    for name in left.load::<String>(conn)? {
        conn.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))?;
    }
    Ok(conn.batch_execute("REINDEX INDEX CONCURRENTLY message_search_tokens")?)
}

/// Of a volume `w`, the last message that was sent before a time, or where the volume begins: the messages of a chat have one
/// order of their times and numbers, so half of what is left is out of question at each step.
const BEFORE: &str = "(WITH RECURSIVE b(low, high) AS (SELECT w.from_seq, w.to_seq UNION ALL \
    SELECT CASE WHEN m.created_at < ? THEN m.seq ELSE b.low END, CASE WHEN m.created_at < ? THEN b.high ELSE m.seq - 1 END \
    FROM b JOIN messages m ON m.chat_id = w.chat_id AND m.seq = (b.low + b.high + 1) / 2 WHERE b.low < b.high) \
    SELECT max(low) FROM b)";

/// What the index finds of a volume `v`. `OFFSET 0` keeps other conditions out of the way: the index alone says which rows are
/// looked at.
const FOUND: &str = "SELECT i.seq FROM (SELECT s.seq FROM message_search s WHERE s.tokens @@ v.query OFFSET 0) i \
    WHERE i.seq > v.from_seq";

/// The same where so few messages may be left that it is less work to look at each of them.
const FOUND_OF_FEW: &str = "SELECT i.seq FROM (SELECT s.seq FROM message_search s WHERE v.to_seq - v.from_seq > 128 \
    AND s.tokens @@ v.query OFFSET 0) i WHERE i.seq > v.from_seq UNION ALL \
    SELECT i.seq FROM (SELECT s.seq, s.tokens FROM message_search s WHERE v.to_seq - v.from_seq <= 128 \
    AND s.chat_id = v.chat_id AND s.seq > v.from_seq AND s.seq <= v.to_seq OFFSET 0) i WHERE i.tokens @@ v.query";

/// Of these volumes the messages with a reaction that come first. `values` binds the values of the conditions.
pub fn reacted(
    conn: &mut Conn,
    volumes: &[Volume],
    filter: &Filter,
    author: Option<UserId>,
    most: i64,
    values: impl Fn(Statement<Found, Pg>) -> Statement<Found, Pg>,
) -> Result<Vec<Match>> {
    let way = if filter.oldest_first { "" } else { " DESC" };
    let whose = if author.is_some() { " AND m.sender_id = ?" } else { "" };
    let sql = format!(
        "SELECT f.chat_id, f.seq, f.created_at, f.id FROM unnest(?, ?, ?) AS v(chat_id, from_seq, to_seq) \
         CROSS JOIN LATERAL (SELECT m.chat_id, m.seq, m.created_at, m.id FROM messages m WHERE m.chat_id = v.chat_id \
         AND m.seq > v.from_seq AND m.seq <= v.to_seq AND m.type <> 'system' AND {}{whose} ORDER BY m.seq{way} LIMIT ?) f \
         ORDER BY f.created_at{way}, f.chat_id{way}, f.seq{way} LIMIT ?",
        filter.conditions(),
    );
    let found = statement::<Found, Pg>(sql)
        .bind::<Array<Uid>, _>(volumes.iter().map(|volume| volume.chat).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(volumes.iter().map(|volume| volume.from).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(volumes.iter().map(|volume| volume.to).collect::<Vec<_>>());
    let mut found = values(found);
    if let Some(author) = author {
        found = found.bind::<Uid, _>(author);
    }
    let rows: Vec<(ChatId, i64, Timestamp, MessageId)> =
        found.bind::<BigInt, _>(most).bind::<BigInt, _>(most).load(conn)?;
    Ok(rows.into_iter().map(|(chat, seq, at, id)| Match { place: Place { at, chat, seq }, id }).collect())
}

/// What comes first of these volumes, and not what was sent before a time. `values` binds the values of the conditions.
pub fn find(
    conn: &mut Conn,
    volumes: &[Volume],
    asked: &Asked,
    (filter, since): (&Filter, Option<Timestamp>),
    most: i64,
    values: impl Fn(Statement<Found, Pg>) -> Statement<Found, Pg>,
) -> Result<Vec<Match>> {
    let way = if filter.oldest_first { "" } else { " DESC" };
    let (from, found) = if since.is_some() { (BEFORE, FOUND_OF_FEW) } else { ("w.from_seq", FOUND) };
    // Messages are looked at from one end of a volume, until there are enough.
    let sql = format!(
        "WITH v AS MATERIALIZED (SELECT w.chat_id, {from} AS from_seq, w.to_seq, w.query::tsquery AS query \
         FROM unnest(?, ?, ?, ?) AS w(chat_id, from_seq, to_seq, query)) \
         SELECT f.chat_id, f.seq, f.created_at, f.id FROM v CROSS JOIN LATERAL (SELECT m.chat_id, m.seq, m.created_at, m.id \
         FROM ({found} ORDER BY seq{way} OFFSET 0) s CROSS JOIN LATERAL (SELECT m.chat_id, m.seq, m.created_at, m.id \
         FROM messages m WHERE m.chat_id = v.chat_id AND m.seq = s.seq AND {} OFFSET 0) m ORDER BY s.seq{way} LIMIT ?) f \
         ORDER BY f.created_at{way}, f.chat_id{way}, f.seq{way} LIMIT ?",
        filter.conditions(),
    );
    let mut found = statement::<Found, Pg>(sql);
    if let Some(since) = since {
        found = found.bind::<Ts, _>(since).bind::<Ts, _>(since);
    }
    let found = found
        .bind::<Array<Uid>, _>(volumes.iter().map(|volume| volume.chat).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(volumes.iter().map(|volume| volume.from).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(volumes.iter().map(|volume| volume.to).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(volumes.iter().map(|volume| asked.as_tsquery(volume)).collect::<Vec<_>>());
    let rows: Vec<(ChatId, i64, Timestamp, MessageId)> =
        values(found).bind::<BigInt, _>(most).bind::<BigInt, _>(most).load(conn)?;
    Ok(rows.into_iter().map(|(chat, seq, at, id)| Match { place: Place { at, chat, seq }, id }).collect())
}
