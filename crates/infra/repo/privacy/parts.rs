//! The parts of what is kept about a user. Each domain lists its own: which references to users a part answers for, what
//! it puts into a copy, and when and how it is erased. A table with a reference to users and without a part fails a test.

use std::sync::LazyLock;

use clowder_core::{Ctx, Error, Id, Result};

use super::{
    super::{db::Tx, dialect::Conn, domains::DOMAINS},
    Asking, Erasing,
};
use crate::privacy::Reference;

/// How many rows go in one piece.
pub const ROWS: i64 = 200;

/// When a part is erased. The phases follow one another; within one, no part may depend on another: a test fails if two
/// of them answer for the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The account becomes a tombstone, so that nothing new is written in its old name.
    Identity,
    /// Whoever knows them hears of it, before anything else of theirs changes.
    Farewell,
    /// What they made and what is kept for them goes. Most parts belong here.
    Content,
    /// The journal, when all changes have been told.
    History,
    /// What was found by memberships until now.
    Remains,
    /// What counts what is said of them elsewhere, for the receipt.
    Record,
    /// What proves that it was done, and the key, which goes with the receipt.
    Proof,
}

pub struct Part {
    pub name: &'static str,
    pub phase: Phase,
    pub references: &'static [Reference],
    pub files: &'static [File],
    pub erase: Erase,
}

/// Erases one bounded piece, going on from a mark.
pub type Erase = fn(&mut Tx<'_>, &Ctx, &Erasing, Option<&str>) -> Result<EraseStep>;

#[derive(Debug, Default)]
pub struct EraseStep {
    /// How many rows were erased or made nameless.
    pub rows: u64,
    /// Where the next piece begins; `None` when the part is done.
    pub next: Option<String>,
}

/// A file of a copy.
pub struct File {
    pub name: &'static str,
    /// What stands in it, for the person whose copy it is.
    pub about: &'static str,
    pub shape: Shape,
    pub read: Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON value.
    One,
    /// A JSON array.
    List,
    /// One JSON value per line, for what may be long.
    Lines,
}

/// Reads one bounded piece of a file, going on from a mark.
pub type Read = fn(&mut Conn, &Asking, Option<&str>) -> Result<ExportPage>;

#[derive(Debug, Default)]
pub struct ExportPage {
    pub items: Vec<serde_json::Value>,
    pub next: Option<String>,
    /// How much was looked at, to tell how far it is.
    pub seen: i64,
}

impl ExportPage {
    pub fn one(item: serde_json::Value) -> Self {
        Self { items: vec![item], ..Self::default() }
    }

    /// A page of a list that goes by ids.
    pub fn by_id<T>(items: Vec<serde_json::Value>, last: Option<Id<T>>) -> Self {
        let next = last.filter(|_| items.len() as i64 == ROWS).map(|id| id.to_string());
        Self { items, next, seen: 0 }
    }
}

/// The id to go on from: the least there is at the start.
pub fn after<T>(mark: Option<&str>) -> Result<Id<T>> {
    match mark {
        None => Ok(Id::from_uuid(uuid::Uuid::nil())),
        Some(mark) => mark.parse().map_err(|_| Error::internal("a mark that is no id")),
    }
}

/// A part that is done when all of its rows are gone.
pub fn all_gone(rows: usize, left: bool) -> Result<EraseStep> {
    Ok(EraseStep { rows: rows as u64, next: left.then(String::new) })
}

pub fn nothing(_: &mut Tx<'_>, _: &Ctx, _: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    Ok(EraseStep::default())
}

/// The parts of all domains, phase by phase.
pub fn all() -> &'static [&'static Part] {
    static ALL: LazyLock<Vec<&'static Part>> = LazyLock::new(|| {
        let mut parts: Vec<_> = DOMAINS.iter().flat_map(|domain| domain.parts).collect();
        // Stable: within a phase they keep the order of the domains.
        parts.sort_by_key(|part| part.phase);
        parts
    });
    &ALL
}
