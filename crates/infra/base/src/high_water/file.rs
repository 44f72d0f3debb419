//! The high-water mark of a SQLite database, in a small file beside it. A database that was restored has the epoch and
//! the head of the backup; the file still has those of the journal that was there last.
//!
//! The file names itself by inode and time of creation, so a copy of it proves nothing: if a folder is restored as a
//! whole, the file counts as missing. Each process replaces the file with its first write, so that a file that was copied
//! before and is written back over the present one is recognised, too. A mark that is missing or wrong costs clients a
//! needless reload; a journal that has gone back never passes as the same.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::UNIX_EPOCH,
};

use clowder_core::{Error, Positions, Recorded, Result};
use uuid::Uuid;

use super::Mark;
use crate::{
    keys::random,
    private::{self, writing},
};

/// Added to the name of the database.
const SUFFIX: &str = "-head";

/// The digits of the head, so that every head takes the same place.
const DIGITS: usize = 20;

/// The mark of a database in a file, shared by all processes that use the database.
pub struct InFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// Whether this process has replaced the file.
    is_ours: bool,
}

/// The file while it is the one beside the database.
struct Open {
    file: File,
    epoch: Uuid,
    /// Where the head is.
    offset: u64,
}

impl InFile {
    pub fn beside(database: &Path) -> Self {
        let mut name: OsString = database.as_os_str().to_owned();
        name.push(SUFFIX);
        Self { path: name.into(), state: Mutex::default() }
    }

    /// The mark; `None` if there is no valid one.
    pub fn read(&self) -> Option<Mark> {
        let mut state = self.lock();
        let open = state.open(&self.path)?;
        Some(Mark { epoch: open.epoch, heads: Positions::new(vec![open.head()?]) })
    }

    /// Whether a journal that was read after this mark has gone back, or may have: without a mark nobody knows.
    pub fn went_back(&self, mark: Option<&Mark>, epoch: Uuid, heads: &Positions) -> bool {
        mark.is_none_or(|mark| mark.epoch != epoch || !heads.reach(&mark.heads))
    }

    /// A journal that has not gone back was found to come this far.
    pub fn note(&self, epoch: Uuid, heads: &Positions) {
        let mut state = self.lock();
        if let Some(open) = state.open(&self.path).filter(|open| open.epoch == epoch) {
            open.raise(heads.get(0));
        }
    }

    /// These changes have been committed.
    pub fn passed(&self, recorded: &[Recorded]) {
        let Some(head) = recorded.iter().map(|change| change.position).max() else { return };
        let mut state = self.lock();
        let Some(open) = state.open(&self.path) else { return };
        open.raise(head);
        if state.is_ours {
            return;
        }
        let Some((epoch, head)) = state.open.as_ref().and_then(|open| Some((open.epoch, open.head()?))) else { return };
        match self.replace(epoch, head) {
            Ok(()) => state.is_ours = true,
            Err(error) => tracing::warn!(%error, "cannot replace {}", self.path.display()),
        }
    }

    /// Whether a position that the stream is about to give out was given out before.
    pub fn was_taken(&self, _stream: usize, position: i64) -> bool {
        self.read().is_some_and(|mark| mark.heads.cover(0, position))
    }

    /// The journal gets this epoch, if the transaction commits. If it does not, file and database have different ones,
    /// and the next who compares them gives the journal a new one.
    pub fn renewed(&self, epoch: Uuid, heads: &Positions) -> Result<()> {
        let mut state = self.lock();
        self.replace(epoch, heads.get(0)).map_err(|error| Error::file(self.path.display(), &error))?;
        state.is_ours = true;
        Ok(())
    }

    /// Puts a new file in the place of the present one.
    fn replace(&self, epoch: Uuid, head: i64) -> io::Result<()> {
        let mut unique = [0; 8];
        random(&mut unique).map_err(io::Error::other)?;
        let mut name: OsString = self.path.as_os_str().to_owned();
        name.push(format!(".{:016x}", u64::from_be_bytes(unique)));
        let new = PathBuf::from(name);
        let written = write_new(&new, epoch, head).and_then(|()| fs::rename(&new, &self.path));
        written.inspect_err(|_| drop(fs::remove_file(&new)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The valid file that is there now: another process may have replaced it.
    fn open(&mut self, path: &Path) -> Option<&Open> {
        let is_there = |open: &Open| open.file.metadata().is_ok_and(|file| file.nlink() > 0);
        if !self.open.as_ref().is_some_and(is_there) {
            self.open = Open::at(path);
        }
        self.open.as_ref()
    }
}

impl Open {
    fn at(path: &Path) -> Option<Self> {
        // Who may not write to it can still compare.
        let file = OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path)).ok()?;
        let text = io::read_to_string(&file).ok()?;
        let rest = text.strip_prefix(&itself(&file).ok()?)?.strip_prefix("\nepoch ")?;
        let (epoch, head) = rest.split_once("\nhead ")?;
        if head.strip_suffix('\n')?.len() != DIGITS {
            return None;
        }
        let offset = (text.len() - head.len()) as u64;
        Some(Self { epoch: epoch.parse().ok()?, offset, file })
    }

    fn head(&self) -> Option<i64> {
        let mut digits = [0; DIGITS];
        self.file.read_exact_at(&mut digits, self.offset).ok()?;
        std::str::from_utf8(&digits).ok()?.parse().ok()
    }

    /// If the process ends right after the commit and before this, the mark is lower than it could be.
    fn raise(&self, head: i64) {
        if self.head().is_some_and(|held| held >= head) {
            return;
        }
        if let Err(error) = self.file.write_all_at(digits(head).as_bytes(), self.offset) {
            tracing::debug!(%error, "cannot raise the high-water mark");
        }
    }
}

/// The name that only this file has, however often it is copied.
fn itself(file: &File) -> io::Result<String> {
    let facts = file.metadata()?;
    // Some file systems do not know when a file was created.
    let created = facts.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Ok(format!("Clowder's high-water mark, no part of a backup\nfile {} {}", facts.ino(), created.as_nanos()))
}

fn write_new(path: &Path, epoch: Uuid, head: i64) -> io::Result<()> {
    private::create_file(path)?;
    let mut file = writing().open(path)?;
    let text = format!("{}\nepoch {epoch}\nhead {}\n", itself(&file)?, digits(head));
    file.write_all(text.as_bytes())?;
    // A power cut must not leave a new file without its text.
    file.sync_all()
}

fn digits(head: i64) -> String {
    format!("{head:0DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(head: i64) -> Positions {
        Positions::new(vec![head])
    }

    #[test]
    fn a_mark_is_read_by_everybody_and_only_rises() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("clowder.db");
        let (one, other) = (InFile::beside(&database), InFile::beside(&database));
        let epoch = Uuid::from_u128(1);
        assert!(one.read().is_none() && one.went_back(None, epoch, &at(0)));
        one.renewed(epoch, &at(5)).unwrap();
        other.note(epoch, &at(7));
        one.note(epoch, &at(6));
        other.note(Uuid::from_u128(2), &at(9));
        let mark = one.read();
        assert_eq!(mark, Some(Mark { epoch, heads: at(7) }));
        assert!(one.was_taken(0, 7) && !one.was_taken(0, 8));
        assert!(one.went_back(mark.as_ref(), epoch, &at(6)) && !one.went_back(mark.as_ref(), epoch, &at(7)));
        assert!(one.went_back(mark.as_ref(), Uuid::from_u128(2), &at(7)));
        // Another process replaces the file; this one still finds it.
        other.renewed(Uuid::from_u128(3), &at(2)).unwrap();
        assert_eq!(one.read(), Some(Mark { epoch: Uuid::from_u128(3), heads: at(2) }));
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "nothing else is left");
    }

    #[test]
    fn a_copy_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here.db"), folder.path().join("there.db"));
        let (one, two) = (InFile::beside(&here), InFile::beside(&there));
        one.renewed(Uuid::from_u128(1), &at(5)).unwrap();
        fs::copy(&one.path, &two.path).unwrap();
        assert_eq!(two.read(), None);

        // The file is copied, later replaced, and the copy written back over it.
        let copy = fs::read(&one.path).unwrap();
        let next = InFile::beside(&here);
        next.renewed(Uuid::from_u128(1), &at(5)).unwrap();
        fs::write(&one.path, copy).unwrap();
        assert_eq!(InFile::beside(&here).read(), None);
        fs::write(&one.path, "nonsense").unwrap();
        assert_eq!(InFile::beside(&here).read(), None);
    }
}
