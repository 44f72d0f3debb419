//! The parts of a user's data. Each domain lists its own: the references to users that a part covers, what it adds to
//! an export, and when and how it is erased. A test fails if a table refers to users and has no part.

use std::sync::LazyLock;

use clowder_core::{Ctx, Error, Id, Result};

use super::{
    super::{db::Tx, dialect::Conn, domains::DOMAINS},
    Asking, Erasing,
};
use crate::privacy::Reference;

/// How many rows are processed in one piece.
pub const ROWS: i64 = 200;

/// When a part is erased. The phases run one after another; within one, no part may depend on another: a test fails if
/// two of them cover the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The account becomes a tombstone, so that nothing new is written under its old name.
    Identity,
    /// Everybody who knows them is notified, before anything else of theirs changes.
    Farewell,
    /// Their content and their data are erased. Most parts belong here.
    Content,
    /// The journal, after all changes have been written.
    History,
    /// Data found through memberships, which existed until now.
    Remains,
    /// Counts remaining mentions elsewhere, for the receipt.
    Record,
    /// The proof of the erasure, and the key, which is destroyed with the receipt.
    Proof,
}

pub struct Part {
    pub name: &'static str,
    pub phase: Phase,
    pub references: &'static [Reference],
    pub files: &'static [File],
    pub erase: Erase,
}

/// Erases one bounded piece, continuing from a mark.
pub type Erase = fn(&mut Tx<'_>, &Ctx, &Erasing, Option<&str>) -> Result<EraseStep>;

#[derive(Debug, Default)]
pub struct EraseStep {
    /// How many rows were erased or anonymised.
    pub rows: u64,
    /// Where the next piece begins; `None` when the part is done.
    pub next: Option<String>,
}

/// A file of an export.
pub struct File {
    pub name: &'static str,
    /// Its content, described for the user.
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
    /// One JSON value per line, for files that may be long.
    Lines,
}

/// Reads one bounded piece of a file, continuing from a mark.
pub type Read = fn(&mut Conn, &Asking, Option<&str>) -> Result<ExportPage>;

#[derive(Debug, Default)]
pub struct ExportPage {
    pub items: Vec<serde_json::Value>,
    pub next: Option<String>,
    /// How much was read, for the progress.
    pub seen: i64,
}

impl ExportPage {
    pub fn one(item: serde_json::Value) -> Self {
        Self { items: vec![item], ..Self::default() }
    }

    /// A page of a list ordered by ids.
    pub fn by_id<T>(items: Vec<serde_json::Value>, last: Option<Id<T>>) -> Self {
        let next = last.filter(|_| items.len() as i64 == ROWS).map(|id| id.to_string());
        Self { items, next, seen: 0 }
    }
}

/// The id to continue from: at the start the lowest possible one.
pub fn after<T>(mark: Option<&str>) -> Result<Id<T>> {
    match mark {
        None => Ok(Id::from_uuid(uuid::Uuid::nil())),
        Some(mark) => mark.parse().map_err(|_| Error::internal("a mark that is not an id")),
    }
}

/// A part that is done when all of its rows have been deleted.
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
        // The sort is stable: within a phase they keep the order of the domains.
        parts.sort_by_key(|part| part.phase);
        parts
    });
    &ALL
}
