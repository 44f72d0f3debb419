//! The statements that append to the journal and look for places in it. All of it is in one segment.

use std::time::Duration;

use clowder_core::{Error, Id, Positions, Result, UserId, journal::Stretch, sql::Uid};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Integer, Nullable, SmallInt, Text},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::journal::{JOURNAL_COLUMNS, JournalRow, SizeRow, StepRow, epoch, journal},
    epochs::{Advanced, Look, Timelines},
    merge::{Place, Window},
    segments::Span,
    statement::statement,
};

/// The only writer finds all of them free.
pub fn free_streams(_: &mut Conn, streams: &[usize]) -> Result<Vec<usize>> {
    Ok(streams.to_vec())
}

pub fn wait_for_stream(_: &mut Conn, _: usize, _: Duration) -> Result<()> {
    Ok(())
}

/// The epoch of the journal, and of each stream head, floor and segment, all of one moment.
pub fn extent(conn: &mut Conn) -> Result<Look> {
    let rows: Vec<(Id<()>, i64, i64, i32)> = statement::<(Uid, BigInt, BigInt, Integer), Sqlite>(
        "SELECT e.id, s.head, s.floor, s.segment FROM streams s CROSS JOIN epoch e ORDER BY s.stream",
    )
    .load(conn)?;
    let epoch = rows.first().ok_or_else(|| Error::internal("the journal has no streams"))?.0.uuid();
    let streams = rows.into_iter().map(|(_, head, floor, segment)| (head, floor, segment)).collect();
    Ok(Look { epoch, stored: epoch, streams, timelines: Timelines::default() })
}

/// There is only one writer.
pub fn lock_epoch(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// Gives each stream room for `n` more changes and answers its new head and its segment.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Advanced> {
    let heads = wanted
        .iter()
        .map(|(stream, n)| {
            let head =
                statement::<(BigInt,), Sqlite>("UPDATE streams SET head = head + ? WHERE stream = ? RETURNING head")
                    .bind::<BigInt, _>(*n)
                    .bind::<SmallInt, _>(*stream)
                    .get_result::<(i64,)>(conn)?;
            Ok((*stream, head.0, 0))
        })
        .collect::<Result<_>>()?;
    let stored: Id<()> = epoch::table.select(epoch::id).first(conn)?;
    Ok(Advanced { heads, stored: stored.uuid(), timelines: Timelines::default() })
}

pub fn insert_changes(conn: &mut Conn, rows: Vec<JournalRow>) -> Result<()> {
    for row in rows {
        diesel::insert_into(journal::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// Replaces what changes of these kinds say about a thing.
pub fn rewrite(conn: &mut Conn, subject: Id<()>, kinds: &[&'static str], data: &str) -> Result<()> {
    let said = journal::subject_id.eq(subject).and(journal::name.eq_any(kinds));
    diesel::update(journal::table.filter(said)).set(journal::data.eq(data)).execute(conn)?;
    Ok(())
}

/// The same for several things.
pub fn rewrite_all(conn: &mut Conn, kinds: &[&'static str], changed: Vec<(Id<()>, String)>) -> Result<()> {
    for (subject, data) in changed {
        rewrite(conn, subject, kinds, &data)?;
    }
    Ok(())
}

/// Where changes of a kind about a thing say something. The condition is that of the index `journal_states`.
pub fn saying(conn: &mut Conn, subject: Id<()>, kind: &str) -> Result<Vec<(i16, i64)>> {
    Ok(statement::<(SmallInt, BigInt), Sqlite>(
        "SELECT stream, position FROM journal WHERE subject_id = ? AND name = ? \
         AND substr(name, -8) IN ('.created', '.updated') AND substr(name, 1, 8) <> 'message.' AND data <> 'null'",
    )
    .bind::<Uid, _>(subject)
    .bind::<Text, _>(kind.to_owned())
    .load(conn)?)
}

/// Makes one change say something else.
pub fn say(conn: &mut Conn, stream: i16, position: i64, data: &str) -> Result<()> {
    let one = journal::table.filter(journal::stream.eq(stream).and(journal::position.eq(position)));
    diesel::update(one).set(journal::data.eq(data)).execute(conn)?;
    Ok(())
}

/// The places in these windows of streams, with the stream and the part of the window.
pub fn places(conn: &mut Conn, _: Span, windows: &[(i16, Window)]) -> Result<Vec<(i16, usize, Place)>> {
    let mut found = Vec::new();
    for (stream, window) in windows {
        let places = statement::<(BigInt, Integer), Sqlite>(
            "SELECT position, octet_length(data) FROM journal \
             WHERE topic_id = ? AND stream = ? AND position BETWEEN ? AND ? ORDER BY position LIMIT ?",
        )
        .bind::<Uid, _>(window.topic)
        .bind::<SmallInt, _>(*stream)
        .bind::<BigInt, _>(window.from)
        .bind::<BigInt, _>(window.until)
        .bind::<BigInt, _>(window.most as i64)
        .load::<Place>(conn)?;
        found.extend(places.into_iter().map(|place| (*stream, window.part, place)));
    }
    Ok(found)
}

/// The streams, positions and sizes of what stands in these stretches; of each at most so many. And the epoch at that
/// moment.
pub fn sizes(conn: &mut Conn, _: Span, stretches: &[Stretch], most: i64) -> Result<Vec<SizeRow>> {
    each(stretches, |stream, Stretch { after, until, .. }| {
        statement::<(SmallInt, BigInt, Integer, Nullable<Uid>), Sqlite>(
            "SELECT stream, position, octet_length(data), (SELECT id FROM epoch) FROM journal \
             WHERE stream = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?",
        )
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(until)
        .bind::<BigInt, _>(most)
        .load(conn)
    })
}

/// What stands in these stretches.
pub fn rows_of(conn: &mut Conn, _: Span, stretches: &[Stretch]) -> Result<Vec<JournalRow>> {
    each(stretches, |stream, Stretch { after, until, .. }| {
        statement::<journal::SqlType, Sqlite>(format!(
            "SELECT {JOURNAL_COLUMNS} FROM journal j WHERE j.stream = ? AND j.position > ? AND j.position <= ?"
        ))
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(until)
        .load(conn)
    })
}

/// What is loaded for each of these stretches.
fn each<T>(stretches: &[Stretch], mut load: impl FnMut(i16, Stretch) -> QueryResult<Vec<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for stretch in stretches {
        let stream = i16::try_from(stretch.stream).map_err(|error| Error::internal(error.to_string()))?;
        all.extend(load(stream, *stretch)?);
    }
    Ok(all)
}

/// What stands at these positions of streams.
pub fn rows_at(conn: &mut Conn, _: Span, positions: &[(i16, i64)]) -> Result<Vec<JournalRow>> {
    let mut rows = Vec::with_capacity(positions.len());
    for (stream, position) in positions {
        let row = statement::<journal::SqlType, Sqlite>(format!(
            "SELECT {JOURNAL_COLUMNS} FROM journal j WHERE j.stream = ? AND j.position = ?"
        ));
        rows.extend(row.bind::<SmallInt, _>(*stream).bind::<BigInt, _>(*position).load::<JournalRow>(conn)?);
    }
    Ok(rows)
}

/// What a user entered and left in `(from, to]`. There is one stream.
pub fn steps(conn: &mut Conn, user: UserId, _: Span, from: &Positions, to: Option<&Positions>) -> Result<Vec<StepRow>> {
    Ok(statement::<(SmallInt, BigInt, Integer, Nullable<Text>, Nullable<Text>, Nullable<Uid>), Sqlite>(
        "SELECT stream, position, octet_length(data), follow, followed_kind, followed_id FROM journal \
         WHERE follower_id = ? AND stream = 0 AND position > ? AND position <= ? ORDER BY position",
    )
    .bind::<Uid, _>(user)
    .bind::<BigInt, _>(from.get(0))
    .bind::<BigInt, _>(to.map_or(i64::MAX, |to| to.get(0)))
    .load(conn)?)
}
