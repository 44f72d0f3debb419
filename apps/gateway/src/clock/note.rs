//! The note that a process leaves for the next one while its clock is ahead. Without it, the next process could not
//! tell a clock that has returned from one that is behind.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use clowder_core::Timestamp;
use tokio::task::spawn_blocking;

/// The same instant by the clock as it would be without the jump, and by the clock that is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    pub right: Timestamp,
    pub said: Timestamp,
}

/// The note is rewritten after the clock has advanced by this much.
const RENEW: Duration = Duration::from_secs(10);

/// The name of the file in the data directory.
pub const FILE: &str = "clock-ahead";

#[derive(Debug)]
pub struct Notebook {
    file: PathBuf,
    noted: Option<Note>,
}

impl Notebook {
    pub async fn open(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let from = file.clone();
        let text = spawn_blocking(move || fs::read_to_string(from)).await;
        Self { noted: text.ok().and_then(Result::ok).as_deref().and_then(parse), file }
    }

    pub fn noted(&self) -> Option<Note> {
        self.noted
    }

    /// Saves the note, or removes it. If that fails, the next note tries again.
    pub async fn keep(&mut self, note: Option<Note>) {
        let is_kept = match (self.noted, note) {
            (None, None) => true,
            (Some(old), Some(new)) => new.said >= old.said && new.said.since(old.said) < RENEW,
            _ => false,
        };
        if is_kept {
            return;
        }
        let file = self.file.clone();
        match spawn_blocking(move || write(&file, note)).await {
            Ok(Ok(())) => self.noted = note,
            Ok(Err(error)) => tracing::warn!(%error, "cannot record for the next start that the clock is ahead"),
            Err(_) => {}
        }
    }
}

fn write(file: &Path, note: Option<Note>) -> io::Result<()> {
    let Some(Note { right, said }) = note else {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    let draft = file.with_extension("draft");
    fs::write(&draft, format!("{} {}\n", right.as_micros(), said.as_micros()))?;
    fs::rename(draft, file)
}

fn parse(text: &str) -> Option<Note> {
    let (right, said) = text.trim().split_once(' ')?;
    let at = |micros: &str| Some(Timestamp::from_micros(micros.parse().ok()?));
    Some(Note { right: at(right)?, said: at(said)? }).filter(|note| note.said > note.right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_noted_is_found_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let note = Note { right: Timestamp::from_micros(5), said: Timestamp::from_micros(7_000_000) };
        let later = Note { said: note.said.plus(RENEW), ..note };
        for kept in [None, Some(note), Some(later), None] {
            Notebook::open(folder.path()).await.keep(kept).await;
            assert_eq!(Notebook::open(folder.path()).await.noted(), kept);
        }
        for bad in ["", "5", "7 5", "5 soon"] {
            fs::write(folder.path().join(FILE), bad).unwrap();
            assert_eq!(Notebook::open(folder.path()).await.noted(), None, "{bad:?}");
        }
    }
}
