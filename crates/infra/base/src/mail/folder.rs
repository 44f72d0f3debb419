//! Mail as files, for a server without a mail server: any mail program can open them.

use std::{
    io::{ErrorKind, Result as Io, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use clowder_core::{Ctx, Error, Mail, Mailer, Result, Timestamp};
use tokio::time::Instant;

use super::Envelope;
use crate::{clock::Pace, private};

/// How long emails are kept; copy them elsewhere to keep them longer.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// A clock that has jumped ahead by more than this is not trusted, because recent emails would seem old.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often old emails are looked for.
const SWEPT_EVERY: Duration = Duration::from_secs(3600);

pub struct Folder {
    folder: PathBuf,
    envelope: Envelope,
    /// When old emails were last looked for, in microseconds.
    swept: AtomicI64,
    /// According to a clock that has jumped ahead, every email is old.
    pace: Mutex<Pace>,
}

impl Folder {
    pub fn open(folder: &Path, envelope: Envelope) -> Result<Self> {
        // Emails contain links that give access to accounts.
        private::create_folder(folder)
            .map_err(|error| Error::internal(format!("mail folder {}: {error}", folder.display())))?;
        Ok(Self {
            folder: folder.to_owned(),
            envelope,
            swept: AtomicI64::new(i64::MIN),
            pace: Mutex::new(Pace::tolerating(DAY)),
        })
    }
}

#[async_trait]
impl Mailer for Folder {
    async fn send(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<()> {
        let bytes = self.envelope.message(ctx, id, mail)?.formatted();
        let (draft, email) = (self.folder.join(format!(".{id}.draft")), self.folder.join(format!("{id}.eml")));
        let failed = |error| Error::file(format_args!("mail folder {}", self.folder.display()), &error);
        let (folder, until) = (self.folder.clone(), self.sweep_until(ctx.now));
        // An email is written as a whole or not at all.
        let written = move || -> Io<()> {
            if let Err(error) = write(&draft, &bytes).and_then(|()| std::fs::rename(&draft, email)) {
                // Half an email is useless, and on a full disk it takes space.
                let _ = std::fs::remove_file(draft);
                return Err(error);
            }
            if let Some(until) = until
                && let Err(error) = sweep(&folder, until)
            {
                tracing::warn!(%error, "cannot delete old emails");
            }
            Ok(())
        };
        tokio::task::spawn_blocking(written)
            .await
            .map_err(|error| Error::internal(format!("mail: {error}")))?
            .map_err(failed)
    }

    async fn check(&self) -> Result<()> {
        let (folder, probe) = (self.folder.clone(), self.folder.join(format!(".{}.draft", std::process::id())));
        tokio::task::spawn_blocking(move || {
            write(&probe, b"")
                .and_then(|()| std::fs::remove_file(&probe))
                .map_err(|error| Error::unavailable(format!("mail folder {}: {error}", folder.display())))
        })
        .await
        .map_err(|error| Error::internal(format!("mail: {error}")))?
    }

    fn describe(&self) -> String {
        format!("files in {}", self.folder.display())
    }
}

impl Folder {
    /// The age limit, if it is time to look for old emails.
    fn sweep_until(&self, now: Timestamp) -> Option<SystemTime> {
        if !self.pace.lock().unwrap_or_else(PoisonError::into_inner).is_steady(now, Instant::now()) {
            return None;
        }
        let swept = self.swept.load(Ordering::Relaxed);
        // A time in the future was recorded by a clock that was ahead.
        let due = swept <= now.minus(SWEPT_EVERY).as_micros() || swept > now.as_micros();
        let is_ours =
            due && self.swept.compare_exchange(swept, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let until = u64::try_from(now.minus(KEPT_FOR).as_micros()).unwrap_or_default();
        is_ours.then(|| UNIX_EPOCH + Duration::from_micros(until))
    }
}

/// Emails contain names, addresses and links that give access to accounts, so they are deleted after a while. Files
/// that are not ours stay.
fn sweep(folder: &Path, until: SystemTime) -> Io<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_old = || {
            let metadata = path.symlink_metadata()?;
            Ok::<_, std::io::Error>(metadata.is_file() && metadata.modified()? < until)
        };
        let is_ours = path.extension().is_some_and(|extension| extension == "eml" || extension == "draft");
        let removed = || if is_ours && is_old()? { std::fs::remove_file(&path) } else { Ok(()) };
        match removed() {
            // Another process has already deleted it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

/// Readable for the server's user only.
fn write(path: &Path, bytes: &[u8]) -> Io<()> {
    let mut file = private::writing().open(path)?;
    file.write_all(bytes)?;
    // Some file systems report a full disk only now; and the job of this email is about to be deleted.
    file.sync_all()
}
