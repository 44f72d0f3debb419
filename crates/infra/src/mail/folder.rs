//! Mail as files, for a server that has no mail server: open them with any mail program.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{Result as Io, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use clowder_core::{Ctx, Error, Mail, Mailer, Result};

use super::Envelope;

pub struct Folder {
    folder: PathBuf,
    envelope: Envelope,
}

impl Folder {
    pub fn open(folder: &Path, envelope: Envelope) -> Result<Self> {
        // Letters hold what lets one into accounts.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| Error::internal(format!("mail folder {}: {error}", folder.display())))?;
        Ok(Self { folder: folder.to_owned(), envelope })
    }
}

#[async_trait]
impl Mailer for Folder {
    async fn send(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<()> {
        let bytes = self.envelope.message(ctx, id, mail)?.formatted();
        let (draft, letter) = (self.folder.join(format!(".{id}.draft")), self.folder.join(format!("{id}.eml")));
        let failed = |error| Error::unavailable(format!("mail folder {}: {error}", self.folder.display()));
        // A letter is there as a whole or not at all.
        tokio::task::spawn_blocking(move || write(&draft, &bytes).and_then(|()| std::fs::rename(draft, letter)))
            .await
            .map_err(|error| Error::internal(format!("mail: {error}")))?
            .map_err(failed)
    }

    fn describe(&self) -> String {
        format!("files in {}", self.folder.display())
    }
}

/// For the owner of the server alone to read.
fn write(path: &Path, bytes: &[u8]) -> Io<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}
