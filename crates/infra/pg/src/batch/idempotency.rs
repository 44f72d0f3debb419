//! The statements of a batch of stored answers.

use clowder_core::{
    Id, Result,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, Binary},
};

use super::Conn;
use crate::{domains::idempotency::AnswerRow, statement::statement};

/// The answers stored under these ids.
pub fn stored_answers(conn: &mut Conn, wanted: &[Id<()>]) -> Result<Vec<AnswerRow>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    Ok(statement::<(Uid, Binary, Binary, Ts), Pg>(
        "SELECT a.id, a.fingerprint, a.answer, a.created_at FROM answers a WHERE a.id = ANY(?)",
    )
    .bind::<Array<Uid>, _>(wanted.to_vec())
    .load(conn)?)
}

/// Stores answers under unused ids, and returns how many ids were unused.
pub fn store_answers(conn: &mut Conn, rows: Vec<AnswerRow>) -> Result<usize> {
    let (mut ids, mut prints, mut answers, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        ids.push(row.id);
        prints.push(row.fingerprint);
        answers.push(row.answer);
        times.push(row.created_at);
    }
    Ok(statement::<(), Pg>(
        "INSERT INTO answers (id, fingerprint, answer, created_at) \
         SELECT * FROM unnest(?, ?, ?, ?) AS w(id, fingerprint, answer, created_at) \
         ORDER BY w.id ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Uid>, _>(ids)
    .bind::<Array<Binary>, _>(prints)
    .bind::<Array<Binary>, _>(answers)
    .bind::<Array<Ts>, _>(times)
    .execute(conn)?)
}
