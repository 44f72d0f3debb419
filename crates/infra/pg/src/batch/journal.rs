//! The statements that append to the journal and look for places in it. Those that name a partition are prepared once
//! for each, and their plans know no other: through the whole journal, planning would cost more than reading.

use std::time::Duration;

use clowder_core::{
    Error, Id, Positions, Result, UserId,
    journal::Stretch,
    sql::{Ts, Uid, is_undefined_table},
};
use diesel::{
    connection::SimpleConnection,
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text},
};

use super::{super::identity, Conn};
use crate::{
    domains::journal::{JOURNAL_COLUMNS, JournalRow, SizeRow, StepRow, journal},
    epochs::{Advanced, Look, Timelines},
    merge::{Place, Window},
    segments::Span,
    statement::statement,
};

/// The epoch of the journal, and of each stream head, floor and segment, all of one moment.
pub fn extent(conn: &mut Conn) -> Result<Look> {
    identity::extent(conn)
}

/// Whoever gives the journal another epoch holds this.
pub fn lock_epoch(conn: &mut Conn) -> Result<()> {
    statement::<SmallInt, Pg>("SELECT single FROM epoch FOR UPDATE").execute(conn)?;
    Ok(())
}

/// Gives each stream room for `n` more changes and answers its new head and its segment. The epoch is of the moment when
/// this began to wait for the streams.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Advanced> {
    type Row = ((i16, i64, i32), Id<()>, (Option<i64>, Option<i64>));
    type Columns = ((SmallInt, BigInt, Integer), Uid, (Nullable<BigInt>, Nullable<BigInt>));
    let (streams, counts): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    let rows: Vec<Row> = statement::<Columns, Pg>(format!(
        "WITH w AS (SELECT * FROM unnest(?, ?) AS w(stream, n)), \
         held AS (SELECT s.stream FROM streams s JOIN w USING (stream) ORDER BY s.stream FOR UPDATE) \
         UPDATE streams s SET head = s.head + w.n FROM w JOIN held USING (stream) \
         WHERE s.stream = w.stream RETURNING s.stream, s.head, s.segment, \
         (SELECT id FROM epoch WHERE single = 1), (SELECT timeline FROM epoch WHERE single = 1), (SELECT {})",
        identity::timeline()
    ))
    .bind::<Array<SmallInt>, _>(streams)
    .bind::<Array<BigInt>, _>(counts)
    .load(conn)?;
    let (_, stored, (noted, present)) = *rows.first().ok_or_else(|| Error::internal("the streams are missing"))?;
    let heads = rows.into_iter().map(|(head, ..)| head).collect();
    Ok(Advanced { heads, stored: stored.uuid(), timelines: Timelines { noted, present } })
}

/// Those of these streams that nobody holds right now.
pub fn free_streams(conn: &mut Conn, streams: &[usize]) -> Result<Vec<usize>> {
    let numbers = streams.iter().map(|stream| i16::try_from(*stream)).collect::<Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|error| Error::internal(error.to_string()))?;
    let free: Vec<(i16,)> =
        statement::<(SmallInt,), Pg>("SELECT stream FROM streams WHERE stream = ANY(?) FOR UPDATE SKIP LOCKED")
            .bind::<Array<SmallInt>, _>(numbers)
            .load(conn)?;
    Ok(free.into_iter().map(|(stream,)| stream.unsigned_abs().into()).collect())
}

/// Waits until nobody holds a stream, at most this long.
pub fn wait_for_stream(conn: &mut Conn, stream: usize, wait: Duration) -> Result<()> {
    let wait = wait.as_millis();
    // All statements of one message are one transaction.
    Ok(conn.batch_execute(&format!(
        "SET LOCAL lock_timeout = {wait}; SELECT 1 FROM streams WHERE stream = {stream} FOR UPDATE"
    ))?)
}

/// Appends changes whose stream is held. Each goes straight into the partition in which its stream is.
pub fn insert_changes(conn: &mut Conn, rows: Vec<JournalRow>) -> Result<()> {
    let mut rest = rows;
    while let Some(segment) = rest.first().map(|row| row.segment) {
        let (rows, others) = rest.into_iter().partition(|row| row.segment == segment);
        insert_into(conn, segment, rows)?;
        rest = others;
    }
    Ok(())
}

fn insert_into(conn: &mut Conn, segment: i32, rows: Vec<JournalRow>) -> Result<()> {
    let (mut streams, mut positions, mut topic_kinds, mut topics) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut actors, mut subjects, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut steps, mut followers, mut followed_kinds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut followed, mut numbers, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        streams.push(row.stream);
        positions.push(row.position);
        topic_kinds.push(row.topic_kind);
        topics.push(row.topic_id);
        names.push(row.name);
        actors.push(row.actor_id);
        subjects.push(row.subject_id);
        steps.push(row.follow);
        followers.push(row.follower_id);
        followed_kinds.push(row.followed_kind);
        followed.push(row.followed_id);
        numbers.push(row.seq);
        times.push(row.at);
        data.push(row.data);
    }
    statement::<(), Pg>(format!(
        "INSERT INTO journal_{segment} (stream, position, topic_kind, topic_id, name, actor_id, subject_id, follow, \
         follower_id, followed_kind, followed_id, seq, at, data, segment) \
         SELECT w.*, {segment} FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS w"
    ))
    .bind::<Array<SmallInt>, _>(streams)
    .bind::<Array<BigInt>, _>(positions)
    .bind::<Array<Text>, _>(topic_kinds)
    .bind::<Array<Uid>, _>(topics)
    .bind::<Array<Text>, _>(names)
    .bind::<Array<Nullable<Uid>>, _>(actors)
    .bind::<Array<Nullable<Uid>>, _>(subjects)
    .bind::<Array<Nullable<Text>>, _>(steps)
    .bind::<Array<Nullable<Uid>>, _>(followers)
    .bind::<Array<Nullable<Text>>, _>(followed_kinds)
    .bind::<Array<Nullable<Uid>>, _>(followed)
    .bind::<Array<Nullable<BigInt>>, _>(numbers)
    .bind::<Array<Ts>, _>(times)
    .bind::<Array<Text>, _>(data)
    .execute(conn)?;
    Ok(())
}

/// Replaces what changes of these kinds say about a thing, in whichever partition they are.
pub fn rewrite(conn: &mut Conn, subject: Id<()>, kinds: &[&'static str], data: &str) -> Result<()> {
    statement::<(), Pg>("UPDATE journal SET data = ? WHERE subject_id = ? AND name = ANY(?)")
        .bind::<Text, _>(data.to_owned())
        .bind::<Uid, _>(subject)
        .bind::<Array<Text>, _>(kinds.to_vec())
        .execute(conn)?;
    Ok(())
}

/// The same for several things.
pub fn rewrite_all(conn: &mut Conn, kinds: &[&'static str], changed: Vec<(Id<()>, String)>) -> Result<()> {
    let (subjects, data): (Vec<_>, Vec<_>) = changed.into_iter().unzip();
    statement::<(), Pg>(
        "UPDATE journal j SET data = w.data FROM unnest(?, ?) AS w(subject_id, data) \
         WHERE j.subject_id = w.subject_id AND j.name = ANY(?)",
    )
    .bind::<Array<Uid>, _>(subjects)
    .bind::<Array<Text>, _>(data)
    .bind::<Array<Text>, _>(kinds.to_vec())
    .execute(conn)?;
    Ok(())
}

/// Where changes of a kind about a thing say something. The condition is that of the index `journal_states`.
pub fn saying(conn: &mut Conn, subject: Id<()>, kind: &str) -> Result<Vec<(i16, i64)>> {
    Ok(statement::<(SmallInt, BigInt), Pg>(
        "SELECT stream, position FROM journal WHERE subject_id = ? AND name = ? \
         AND right(name, 8) IN ('.created', '.updated') AND left(name, 8) <> 'message.' AND data <> 'null'",
    )
    .bind::<Uid, _>(subject)
    .bind::<Text, _>(kind.to_owned())
    .load(conn)?)
}

/// Makes one change say something else, in whichever partition it is.
pub fn say(conn: &mut Conn, stream: i16, position: i64, data: &str) -> Result<()> {
    statement::<(), Pg>("UPDATE journal SET data = ? WHERE stream = ? AND position = ?")
        .bind::<Text, _>(data.to_owned())
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(position)
        .execute(conn)?;
    Ok(())
}

/// Reads from these segments. `load` gets the table as `j` with a condition, to which more can be added.
pub fn read_from<T>(
    conn: &mut Conn,
    span: Span,
    load: impl Fn(&mut Conn, &str) -> QueryResult<Vec<T>>,
) -> Result<Vec<T>> {
    let Some(segment) = span.only() else {
        let Span { first, last, .. } = span;
        return Ok(load(conn, &format!("journal j WHERE j.segment BETWEEN {first} AND {last}"))?);
    };
    match load(conn, &format!("journal_{segment} j WHERE true")) {
        // It was dropped: what was in it is said to be swept.
        Err(error) if is_undefined_table(&error) => Ok(Vec::new()),
        rows => Ok(rows?),
    }
}

/// The places in these windows of streams, which lie within these segments, with the stream and the part of the window.
/// Each window is a range of the index by topic.
pub fn places(conn: &mut Conn, span: Span, windows: &[(i16, Window)]) -> Result<Vec<(i16, usize, Place)>> {
    let all = |of: fn(&Window) -> i64| windows.iter().map(|(_, window)| of(window)).collect::<Vec<_>>();
    let rows: Vec<(i16, i64, i64, i32)> = read_from(conn, span, |conn, journal| {
        statement::<(SmallInt, BigInt, BigInt, Integer), Pg>(format!(
            "SELECT w.stream, w.part, j.position, j.octets \
             FROM unnest(?, ?, ?, ?, ?, ?) AS w(stream, part, topic_id, first, until, most) \
             CROSS JOIN LATERAL (SELECT j.position, octet_length(j.data) AS octets FROM {journal} \
             AND j.topic_id = w.topic_id AND j.stream = w.stream AND j.position BETWEEN w.first AND w.until \
             ORDER BY j.position LIMIT w.most) j"
        ))
        .bind::<Array<SmallInt>, _>(windows.iter().map(|(stream, _)| *stream).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(all(|window| window.part as i64))
        .bind::<Array<Uid>, _>(windows.iter().map(|(_, window)| window.topic).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(all(|window| window.from))
        .bind::<Array<BigInt>, _>(all(|window| window.until))
        .bind::<Array<BigInt>, _>(all(|window| window.most as i64))
        .load(conn)
    })?;
    Ok(rows.into_iter().map(|(stream, part, position, octets)| (stream, part as usize, (position, octets))).collect())
}

/// The streams, positions and sizes of what stands in these stretches, as far as it is in these segments; of each stretch at
/// most so many. And the stored part of the epoch at that moment.
pub fn sizes(conn: &mut Conn, span: Span, stretches: &[Stretch], most: i64) -> Result<Vec<SizeRow>> {
    let (streams, after, until) = columns(stretches)?;
    read_from(conn, span, |conn, journal| {
        statement::<(SmallInt, BigInt, Integer, Nullable<Uid>), Pg>(format!(
            "SELECT w.stream, j.position, j.octets, (SELECT id FROM epoch WHERE single = 1) \
             FROM unnest(?, ?, ?) AS w(stream, after, until) \
             CROSS JOIN LATERAL (SELECT j.position, octet_length(j.data) AS octets FROM {journal} \
             AND j.stream = w.stream AND j.position > w.after AND j.position <= w.until ORDER BY j.position LIMIT ?) j"
        ))
        .bind::<Array<SmallInt>, _>(streams.clone())
        .bind::<Array<BigInt>, _>(after.clone())
        .bind::<Array<BigInt>, _>(until.clone())
        .bind::<BigInt, _>(most)
        .load(conn)
    })
}

/// What stands in these stretches, as far as it is in these segments.
pub fn rows_of(conn: &mut Conn, span: Span, stretches: &[Stretch]) -> Result<Vec<JournalRow>> {
    let (streams, after, until) = columns(stretches)?;
    read_from(conn, span, |conn, journal| {
        statement::<journal::SqlType, Pg>(format!(
            "SELECT {JOURNAL_COLUMNS} FROM unnest(?, ?, ?) AS w(stream, after, until) \
             CROSS JOIN LATERAL (SELECT * FROM {journal} \
             AND j.stream = w.stream AND j.position > w.after AND j.position <= w.until) j"
        ))
        .bind::<Array<SmallInt>, _>(streams.clone())
        .bind::<Array<BigInt>, _>(after.clone())
        .bind::<Array<BigInt>, _>(until.clone())
        .load(conn)
    })
}

/// The columns of a table of stretches.
fn columns(stretches: &[Stretch]) -> Result<(Vec<i16>, Vec<i64>, Vec<i64>)> {
    let number = |stretch: &Stretch| i16::try_from(stretch.stream).map_err(|error| Error::internal(error.to_string()));
    let streams = stretches.iter().map(number).collect::<Result<_>>()?;
    let all = |of: fn(&Stretch) -> i64| stretches.iter().map(of).collect();
    Ok((streams, all(|stretch| stretch.after), all(|stretch| stretch.until)))
}

/// What stands at these positions of streams, which lie within these segments; in any order.
pub fn rows_at(conn: &mut Conn, span: Span, positions: &[(i16, i64)]) -> Result<Vec<JournalRow>> {
    let (streams, positions): (Vec<_>, Vec<_>) = positions.iter().copied().unzip();
    read_from(conn, span, |conn, journal| {
        statement::<journal::SqlType, Pg>(format!(
            "SELECT {JOURNAL_COLUMNS} FROM unnest(?, ?) AS w(stream, position) \
             CROSS JOIN LATERAL (SELECT * FROM {journal} AND j.stream = w.stream AND j.position = w.position) j"
        ))
        .bind::<Array<SmallInt>, _>(streams.clone())
        .bind::<Array<BigInt>, _>(positions.clone())
        .load(conn)
    })
}

/// What a user entered and left in `(from, to]`, within these segments, in the order of each stream.
pub fn steps(
    conn: &mut Conn,
    user: UserId,
    span: Span,
    from: &Positions,
    to: Option<&Positions>,
) -> Result<Vec<StepRow>> {
    let until = |stream| to.map_or(i64::MAX, |to| to.get(stream));
    let untils: Vec<_> = (0..from.as_slice().len()).map(until).collect();
    read_from(conn, span, |conn, journal| {
        statement::<(SmallInt, BigInt, Integer, Nullable<Text>, Nullable<Text>, Nullable<Uid>), Pg>(format!(
            "SELECT j.stream, j.position, octet_length(j.data), j.follow, j.followed_kind, j.followed_id FROM {journal} \
             AND j.follower_id = ? AND j.position > (?)[j.stream + 1] AND j.position <= (?)[j.stream + 1] \
             ORDER BY j.stream, j.position"
        ))
        .bind::<Uid, _>(user)
        .bind::<Array<BigInt>, _>(from.as_slice().to_vec())
        .bind::<Array<BigInt>, _>(untils.clone())
        .load(conn)
    })
}
