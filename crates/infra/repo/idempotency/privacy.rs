//! The stored answers to somebody: erased.

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

/// What was answered to them, and what was answered to nobody when they registered. Answers to others name things by
/// their ids, and are given with what is known of these now; so are those of their sends, which say of whom they are
/// to nobody and have a day at most.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let theirs = answers::table.filter(answers::subject_id.eq(erasing.user));
    let some: Vec<Id<()>> = theirs.select(answers::id).order(answers::id).limit(ROWS).load(tx.conn)?;
    for id in &some {
        diesel::delete(answers::table.find(id)).execute(tx.conn)?;
    }
    all_gone(some.len(), some.len() as i64 == ROWS)
}
