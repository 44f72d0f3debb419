//! The statements that append to the journal and look for places in it.

use clowder_core::{Result, sql::Uid};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Integer, SmallInt},
};

use super::Conn;
use crate::{
    domains::journal::{JournalRow, journal},
    merge::{Place, Window},
    statement::statement,
};

/// Gives each stream room for `n` more changes and answers its new head.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Vec<(i16, i64)>> {
    let (streams, counts): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(SmallInt, BigInt), Pg>(
        "WITH w AS (SELECT * FROM unnest(?, ?) AS w(stream, n)), \
         held AS (SELECT s.stream FROM streams s JOIN w USING (stream) ORDER BY s.stream FOR UPDATE) \
         UPDATE streams s SET head = s.head + w.n FROM w JOIN held USING (stream) \
         WHERE s.stream = w.stream RETURNING s.stream, s.head",
    )
    .bind::<Array<SmallInt>, _>(streams)
    .bind::<Array<BigInt>, _>(counts)
    .load(conn)?)
}

/// The places of a stream in these windows. Each is a range of the index by topic.
pub fn places(conn: &mut Conn, stream: i16, windows: &[Window]) -> Result<Vec<(usize, Place)>> {
    let all = |of: fn(&Window) -> i64| windows.iter().map(of).collect::<Vec<_>>();
    let rows: Vec<(i64, i64, i32)> = statement::<(BigInt, BigInt, Integer), Pg>(
        "SELECT w.part, j.position, j.octets \
         FROM unnest(?, ?, ?, ?, ?) AS w(part, topic_id, first, until, most) \
         CROSS JOIN LATERAL (SELECT j.position, octet_length(j.data) AS octets FROM journal j \
         WHERE j.topic_id = w.topic_id AND j.stream = ? AND j.position BETWEEN w.first AND w.until \
         ORDER BY j.position LIMIT w.most) j",
    )
    .bind::<Array<BigInt>, _>(all(|window| window.part as i64))
    .bind::<Array<Uid>, _>(windows.iter().map(|window| window.topic).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(all(|window| window.from))
    .bind::<Array<BigInt>, _>(all(|window| window.until))
    .bind::<Array<BigInt>, _>(all(|window| window.most as i64))
    .bind::<SmallInt, _>(stream)
    .load(conn)?;
    Ok(rows.into_iter().map(|(part, position, octets)| (part as usize, (position, octets))).collect())
}

pub fn insert_changes(conn: &mut Conn, rows: &[JournalRow]) -> Result<()> {
    // PostgreSQL takes 65,535 parameters in a statement.
    for rows in rows.chunks(5_000) {
        diesel::insert_into(journal::table).values(rows).execute(conn)?;
    }
    Ok(())
}
