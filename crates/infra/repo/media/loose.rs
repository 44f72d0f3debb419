//! The job that deletes files that are attached to nothing. A file waits a day for it after its upload, and until the next run
//! after it was taken from the last thing that had it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, FileId, Result, Timestamp, UserId,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{
    Change, FileStatus,
    care::{Amount, Cleaned},
    change::FileGone,
};
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
    attaching,
    deleting::{KEPT_FOR, make_room, remove},
    read,
};
use crate::domains::media::{ObjectRow, file_objects, files, loose_files};

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
        self.0.tidy_files(ctx).await.1
    }
}

impl Repo {
    /// Deletes what is attached to nothing. Says what that was, and whether all of it worked.
    pub async fn tidy_files(&self, ctx: &Ctx) -> (Amount, Result<()>) {
        let mut deleted = Amount::default();
        let tidied = self.tidy_due(ctx, &mut deleted).await;
        if !deleted.is_nothing() {
            tracing::info!(files = deleted.count, "files that were attached to nothing are deleted");
        }
        let noted = self.note_cleaning(ctx, Cleaned { unattached: deleted, ..Cleaned::default() }).await;
        (deleted, tidied.and(noted))
    }

    async fn tidy_due(&self, ctx: &Ctx, deleted: &mut Amount) -> Result<()> {
        loop {
            let now = ctx.now;
            let due = self.db.read(move |conn| due(conn, now)).await?;
            for file in &due {
                let (ctx, file) = (ctx.clone(), *file);
                let octets = self.db.write(move |tx| tidy(tx, &ctx, file)).await?;
                *deleted += octets.map(Amount::of).unwrap_or_default();
            }
            if due.len() < PIECE as usize {
                return Ok(());
            }
        }
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

/// What is due and attached to nothing, of the notes after one; where to go on, if there are more.
pub fn planned(conn: &mut Conn, now: Timestamp, after: Option<Place>) -> Result<(Amount, Option<Place>)> {
    let mut due = loose_files::table
        .filter(loose_files::due_at.le(now))
        .order((loose_files::due_at, loose_files::file_id))
        .limit(PIECE)
        .select((loose_files::due_at, loose_files::file_id))
        .into_boxed();
    if let Some((at, file)) = after {
        let same = loose_files::due_at.eq(at).and(loose_files::file_id.gt(file));
        due = due.filter(loose_files::due_at.gt(at).or(same));
    }
    let due: Vec<Place> = due.load(conn)?;
    let mut amount = Amount::default();
    for (_, file) in &due {
        let of_it = files::table.inner_join(file_objects::table).filter(files::id.eq(file));
        let Some(object) = of_it.select(ObjectRow::as_select()).first(conn).optional()? else { continue };
        if object.status()? != FileStatus::Uploading && holds_file(conn, *file)?.is_none() {
            amount += Amount::of(if object.refs == 1 { object.counted() } else { 0 });
        }
    }
    let next = due.last().copied().filter(|_| due.len() == PIECE as usize);
    Ok((amount, next))
}

/// When to look at a file, and the file.
pub type Place = (Timestamp, FileId);

/// A file is gone, or something has it.
fn nothing_to_do(tx: &mut Tx<'_>, file: FileId) -> Result<Option<i64>> {
    attaching::fasten(tx, [file]);
    Ok(None)
}

/// Deletes a file if nothing has it; answers how many octets that frees later, if it did. Whoever attaches it holds the file,
/// and whoever takes it from something holds the note, so both come before this or after it.
fn tidy(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<Option<i64>> {
    let owner = files::table.find(file).select(files::owner_id);
    let Some(owner) = owner.first::<UserId>(tx.conn).optional()? else { return nothing_to_do(tx, file) };
    dialect::accounts::lock_user(tx.conn, owner)?;
    dialect::media::lock_file(tx.conn, file)?;
    match dialect::media::lock_loose_file(tx.conn, file)? {
        Some(due_at) if due_at <= ctx.now => {}
        _ => return Ok(None),
    }
    let Some((row, object)) = read::find(tx.conn, owner, file)? else { return nothing_to_do(tx, file) };
    let later = match holds_file(tx.conn, file)? {
        Some(Hold::Firm) => return nothing_to_do(tx, file),
        Some(Hold::Waiting) => true,
        None => object.status()? == FileStatus::Uploading,
    };
    if later {
        return note_new(tx, ctx, file).map(|()| None);
    }
    let trash = remove(tx, owner, row.id, &object, object.counted(), ctx.now.plus(KEPT_FOR))?;
    make_room(tx, ctx, owner, trash)?;
    journal::append(tx, ctx, &Change::Deleted(owner, FileGone { id: file }))?;
    Ok(Some(if object.refs == 1 { object.counted() } else { 0 }))
}
