//! Erases the stored answers to somebody.

use clowder_core::{Ctx, Id, Result};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    privacy::{
        Erasing,
        parts::{EraseStep, Part, Phase, ROWS, all_gone},
    },
};
use crate::{domains::idempotency::answers, privacy::erased};

pub const PARTS: &[Part] = &[Part {
    name: "answers",
    phase: Phase::Content,
    references: &[erased("answers", "subject_id")],
    files: &[],
    erase,
}];

/// Answers to the user, and to their registration before they were authenticated. Answers to others name things by id
/// and are completed with their current state; the same holds for answers to the user's sends, which nobody can
/// attribute and which expire within a day.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let theirs = answers::table.filter(answers::subject_id.eq(erasing.user));
    let some: Vec<Id<()>> = theirs.select(answers::id).order(answers::id).limit(ROWS).load(tx.conn)?;
    for id in &some {
        diesel::delete(answers::table.find(id)).execute(tx.conn)?;
    }
    all_gone(some.len(), some.len() as i64 == ROWS)
}
