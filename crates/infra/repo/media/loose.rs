//! The job that deletes files that are attached to nothing. A file waits a day for it after its upload, and until the next run
//! after it was taken from the last thing that had it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, FileId, Result, Timestamp, UserId,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{Change, FileStatus, change::FileGone};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        domains::{Hold, holds_file},
        journal,
    },
    deleting::{KEPT_FOR, make_room, remove},
    read,
};
use crate::domains::media::{files, loose_files};

/// How long a file may be attached to nothing after its upload.
pub const UNATTACHED_FOR: Duration = Duration::from_secs(24 * 3600);
/// How many files are looked at between two looks.
const PIECE: i64 = 100;

#[derive(Debug, Serialize, Deserialize)]
pub struct Tidy {}

impl Work for Tidy {
    const KIND: &'static str = "file.tidy";
    const QUEUE: Queue = Queue::Default;
}

pub struct Tidier(pub Arc<Repo>);

#[async_trait]
impl Worker for Tidier {
    fn kind(&self) -> &'static str {
        Tidy::KIND
    }

    fn queue(&self) -> Queue {
        Tidy::QUEUE
    }

    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        let mut deleted = 0_u64;
        loop {
            let now = ctx.now;
            let due = self.0.db.read(move |conn| due(conn, now)).await?;
            for file in &due {
                let (ctx, file) = (ctx.clone(), *file);
                deleted += u64::from(self.0.db.write(move |tx| tidy(tx, &ctx, file)).await?);
            }
            if due.len() < PIECE as usize {
                break;
            }
        }
        metrics::counter!("clowder_files_unattached_total").increment(deleted);
        if deleted > 0 {
            tracing::info!(deleted, "files that were attached to nothing are deleted");
        }
        Ok(())
    }
}

fn due(conn: &mut Conn, now: Timestamp) -> Result<Vec<FileId>> {
    let due = loose_files::table.filter(loose_files::due_at.le(now)).order(loose_files::due_at).limit(PIECE);
    Ok(due.select(loose_files::file_id).load(conn)?)
}

/// Notes that a new file is attached to nothing.
pub fn note_new(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    dialect::media::note_loose_files(tx.conn, &[file], ctx.now.plus(UNATTACHED_FOR))
}

/// Forgets that a file may be attached to nothing.
pub fn forget(tx: &mut Tx<'_>, file: FileId) -> Result<()> {
    diesel::delete(loose_files::table.find(file)).execute(tx.conn)?;
    Ok(())
}

/// Deletes a file if nothing has it; answers whether it did. Whoever attaches it holds the file, and whoever takes it from
/// something holds the note, so both come before this or after it.
fn tidy(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<bool> {
    let owner = files::table.find(file).select(files::owner_id);
    let Some(owner) = owner.first::<UserId>(tx.conn).optional()? else { return forget(tx, file).map(|()| false) };
    dialect::accounts::lock_user(tx.conn, owner)?;
    dialect::media::lock_file(tx.conn, file)?;
    match dialect::media::lock_loose_file(tx.conn, file)? {
        Some(due_at) if due_at <= ctx.now => {}
        _ => return Ok(false),
    }
    let Some((row, object)) = read::find(tx.conn, owner, file)? else { return forget(tx, file).map(|()| false) };
    let later = match holds_file(tx.conn, file)? {
        Some(Hold::Firm) => return forget(tx, file).map(|()| false),
        Some(Hold::Waiting) => true,
        None => object.status()? == FileStatus::Uploading,
    };
    if later {
        return note_new(tx, ctx, file).map(|()| false);
    }
    let trash = remove(tx, owner, row.id, &object, object.counted(), ctx.now.plus(KEPT_FOR))?;
    make_room(tx, ctx, owner, trash)?;
    journal::append(tx, ctx, &Change::Deleted(owner, FileGone { id: file }))?;
    Ok(true)
}
