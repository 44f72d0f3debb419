//! The statements that append to the journal and look for places in it.

use clowder_core::{Result, sql::Uid};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Integer, SmallInt},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::journal::{JournalRow, journal},
    merge::{Place, Window},
    statement::statement,
};

/// Gives each stream room for `n` more changes and answers its new head.
pub fn advance_streams(conn: &mut Conn, wanted: &[(i16, i64)]) -> Result<Vec<(i16, i64)>> {
    wanted
        .iter()
        .map(|(stream, n)| {
            let head =
                statement::<(BigInt,), Sqlite>("UPDATE streams SET head = head + ? WHERE stream = ? RETURNING head")
                    .bind::<BigInt, _>(*n)
                    .bind::<SmallInt, _>(*stream)
                    .get_result::<(i64,)>(conn)?;
            Ok((*stream, head.0))
        })
        .collect()
}

/// The places of a stream in these windows.
pub fn places(conn: &mut Conn, stream: i16, windows: &[Window]) -> Result<Vec<(usize, Place)>> {
    let mut found = Vec::new();
    for window in windows {
        let places = statement::<(BigInt, Integer), Sqlite>(
            "SELECT position, octet_length(data) FROM journal \
             WHERE topic_id = ? AND stream = ? AND position BETWEEN ? AND ? ORDER BY position LIMIT ?",
        )
        .bind::<Uid, _>(window.topic)
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(window.from)
        .bind::<BigInt, _>(window.until)
        .bind::<BigInt, _>(window.most as i64)
        .load::<Place>(conn)?;
        found.extend(places.into_iter().map(|place| (window.part, place)));
    }
    Ok(found)
}

pub fn insert_changes(conn: &mut Conn, rows: &[JournalRow]) -> Result<()> {
    for row in rows {
        diesel::insert_into(journal::table).values(row).execute(conn)?;
    }
    Ok(())
}
