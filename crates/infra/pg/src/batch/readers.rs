//! What readers of the journal count: a statement for all that a piece of the journal changes.

use clowder_core::{
    Result,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Integer, Text},
};

use super::Conn;
use crate::{
    domains::{
        activity::ActivityRow,
        messaging::{ChatDayPersonRow, ChatDayRow},
    },
    statement::statement,
};

/// Counts what people did. No two rows are about the same person, day, kind and target. Streams are read one after the
/// other, and the clocks of nodes differ: what is read later may be earlier.
pub fn add_activity(conn: &mut Conn, rows: Vec<ActivityRow>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO activity AS a (id, user_id, day, kind, target_kind, target_id, at, last_at, count) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, day, kind, target_id) DO UPDATE SET \
         count = a.count + excluded.count, at = least(a.at, excluded.at), last_at = greatest(a.last_at, excluded.last_at)",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.day).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.kind.clone()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.target_kind.clone()).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.target_id).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(rows.iter().map(|row| row.at).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(rows.iter().map(|row| row.last_at).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.count).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Stores the counts of days of chats, in place of earlier ones.
pub fn put_chat_days(conn: &mut Conn, rows: &[ChatDayRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO chat_days (chat_id, day, first_seq, last_seq, counts, reactions) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?) ON CONFLICT (chat_id, day) DO UPDATE SET first_seq = excluded.first_seq, \
         last_seq = excluded.last_seq, counts = excluded.counts, reactions = excluded.reactions",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.day).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.first_seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.last_seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.counts.clone()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.reactions.clone()).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Stores when people wrote on days of chats, in place of what was known.
pub fn put_chat_day_people(conn: &mut Conn, rows: &[ChatDayPersonRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO chat_day_people (chat_id, day, user_id, first_quarter, last_quarter) \
         SELECT * FROM unnest(?, ?, ?, ?, ?) ON CONFLICT (chat_id, day, user_id) DO UPDATE SET \
         first_quarter = excluded.first_quarter, last_quarter = excluded.last_quarter",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.day).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.first_quarter).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.last_quarter).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}
