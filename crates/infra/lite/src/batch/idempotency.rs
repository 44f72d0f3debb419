//! The statements of a batch of stored answers.

use clowder_core::{
    Id, Result,
    sql::{Ts, Uid},
};
use diesel::{prelude::*, sql_types::Binary, sqlite::Sqlite};

use super::Conn;
use crate::{
    domains::idempotency::{AnswerRow, answers},
    statement::statement,
};

/// The answers stored under these ids.
pub fn stored_answers(conn: &mut Conn, wanted: &[Id<()>]) -> Result<Vec<AnswerRow>> {
    let mut found = Vec::new();
    for id in wanted {
        let answer = answers::table.find(id).select(AnswerRow::as_select()).first(conn).optional()?;
        found.extend(answer);
    }
    Ok(found)
}

/// Stores answers under unused ids, and returns how many ids were unused.
pub fn store_answers(conn: &mut Conn, rows: Vec<AnswerRow>) -> Result<usize> {
    let mut stored = 0;
    for row in rows {
        stored += statement::<(), Sqlite>(
            "INSERT INTO answers (id, fingerprint, answer, created_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind::<Uid, _>(row.id)
        .bind::<Binary, _>(row.fingerprint)
        .bind::<Binary, _>(row.answer)
        .bind::<Ts, _>(row.created_at)
        .execute(conn)?;
    }
    Ok(stored)
}
