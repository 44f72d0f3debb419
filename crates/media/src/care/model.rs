//! What is found and done while files are cared for.

use std::ops::AddAssign;

use clowder_core::{Card, Timestamp, UserId, Word};
use serde::Serialize;

use crate::{FileId, FileStatus, Key, ObjectId, Purpose};

/// How many things there are, and how many octets they have together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    pub count: i64,
    pub octets: i64,
}

impl Amount {
    pub const fn of(octets: i64) -> Self {
        Self { count: 1, octets }
    }

    pub const fn is_nothing(self) -> bool {
        self.count == 0
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.octets = self.octets.saturating_add(other.octets);
    }
}

/// What a clean-up has done, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Files that were attached to nothing for too long: deleted as if by their owners. The octets are those that no other
    /// file has.
    pub unattached: Amount,
    /// Uploads whose process has died: forgotten.
    pub unfinished: Amount,
    /// Content of deleted files whose time is over: removed from the store, with everything that was made of it.
    pub deleted: Amount,
    /// Content of deleted files that stays for now.
    pub waiting: Amount,
    /// Objects that no row asks for: moved to the trash of the store.
    pub strays: Amount,
    /// What had been in the trash for long enough: removed.
    pub trash: Amount,
    /// What stays in the trash for now.
    pub trash_waiting: Amount,
    /// What was in the trash although a row asks for it: put back.
    pub restored: Amount,
}

impl Cleaned {
    /// Whether anything was done.
    pub fn is_nothing(&self) -> bool {
        let Self { unattached, unfinished, deleted, strays, trash, restored, waiting: _, trash_waiting: _ } = *self;
        [unattached, unfinished, deleted, strays, trash, restored].into_iter().all(Amount::is_nothing)
    }
}

/// How far a walk through the objects of the store has come. It begins at the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Which of the [folders](super::FOLDERS).
    pub folder: usize,
    /// After this key.
    pub after: Option<Key>,
}

/// An object that no row asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    pub key: Key,
    pub octets: i64,
    pub modified: Timestamp,
}

/// A part of a walk through the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strayed {
    pub looked_at: Amount,
    pub strays: Vec<Stray>,
    /// What nothing asks for either, but may belong to an upload that has not finished: it is less than a day old.
    pub young: Amount,
    /// Where to go on; nothing at the end.
    pub next: Option<Walk>,
}

/// A part of a walk through the trash of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trashed {
    pub removed: Amount,
    pub waiting: Amount,
    pub restored: Amount,
    pub next: Option<Key>,
}

/// An object that the store must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub object: ObjectId,
    pub key: Key,
    pub size: u64,
    /// Of its content, if that is known.
    pub sha256: Option<[u8; 32]>,
}

/// What is wrong with an object that the store must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    Missing,
    /// It has another number of octets.
    Size,
    /// Its content has another hash.
    Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub wanted: Wanted,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// How many files have it.
    pub files: i64,
    pub wrong: Wrong,
}

/// A part of a walk through the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    pub looked_at: Amount,
    pub faults: Vec<Fault>,
    /// The last row; nothing at the end.
    pub next: Option<ObjectId>,
}

/// A part of a copy to another store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    pub looked_at: Amount,
    /// What was not there yet.
    pub copied: Amount,
    /// What could not be copied, because it is not what the rows say.
    pub faults: Vec<Fault>,
    pub next: Option<ObjectId>,
}

/// Which files moderators list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case", as = ModeratedFileStatus)]
pub enum Moderated {
    /// The virus scanner found something in them.
    #[default]
    Quarantined,
}

impl Word for Moderated {
    const WHAT: &'static str = "status of a file that moderators see";
    const WORDS: &'static [(&'static str, Self)] = &[("quarantined", Self::Quarantined)];
}

/// A file in which the virus scanner has found something, for moderators. Nobody gets its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct QuarantinedFile {
    pub id: FileId,
    #[schema(max_length = 255)]
    pub name: String,
    /// In octets.
    #[schema(minimum = 0)]
    pub size: i64,
    #[serde(rename = "type")]
    #[schema(example = "application/zip")]
    pub kind: String,
    /// Of what was uploaded, in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: Option<String>,
    pub purpose: Purpose,
    pub status: FileStatus,
    /// What the virus scanner calls it.
    #[schema(example = "Win.Test.EICAR_HDB-1")]
    pub virus: Option<String>,
    pub uploaded_by: Card,
    pub created_at: Timestamp,
    /// When it was scanned last.
    pub scanned_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_not_done() {
        let mut cleaned = Cleaned { waiting: Amount::of(5), trash_waiting: Amount::of(7), ..Cleaned::default() };
        assert!(cleaned.is_nothing());
        cleaned.strays += Amount::of(3);
        cleaned.strays += Amount::of(4);
        assert_eq!((cleaned.is_nothing(), cleaned.strays), (false, Amount { count: 2, octets: 7 }));
    }
}
