//! What the virus scanner says of files again, after its signatures have changed.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, NewJob, Result, Timestamp, Word,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{FileStatus, ObjectId, Scan};
use diesel::{dsl::exists, prelude::*};
use serde::{Deserialize, Serialize};

use super::{
    super::{Repo, db::Tx, dialect::Conn, jobs},
    examining::{self, find, hold, tell},
    scanning::{LONG, Scanned, ask_anew, number},
};
use crate::domains::media::{ObjectRow, file_objects};

/// How many files are looked at between two looks.
const PIECE: i64 = 20;
/// How much one run scans again, in files and octets. The next run goes on.
const MOST_FILES: usize = 5_000;
const MOST_OCTETS: i64 = 4 << 30;
/// After so many failures in a row, it is not the files but the scanner or the store.
const GIVES_UP_AFTER: usize = 10;
/// When a run goes on that has made room for new files.
const LATER: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
pub struct Rescan {}

impl Work for Rescan {
    const KIND: &'static str = "file.rescan";
    const QUEUE: Queue = Queue::Files;
}

/// Scans again what was scanned with older signatures, or not at all, the longest ago first. A run that is cut off has
/// stored how far it has come. A file at which the scanner fails holds up no other, and new files come first.
pub struct Rescanner(pub Arc<Repo>);

#[async_trait]
impl Worker for Rescanner {
    fn kind(&self) -> &'static str {
        Rescan::KIND
    }

    fn queue(&self) -> Queue {
        Rescan::QUEUE
    }

    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        let Some(scanner) = self.0.deps.options.media.scanner.clone() else { return Ok(()) };
        let blobs = self.0.blobs()?;
        let signatures = match scanner.signatures().await {
            Ok(signatures) => signatures,
            Err(error) => {
                tracing::warn!(%error, "no file is scanned again right now");
                return Ok(());
            }
        };
        let (mut scanned, mut octets, mut in_a_row) = (0, 0, 0);
        for status in [FileStatus::Ready, FileStatus::Quarantined] {
            let mut after = None;
            loop {
                let current = signatures.clone();
                let due = self.0.db.read(move |conn| due(conn, status, &current, after)).await?;
                for row in &due {
                    if scanned == MOST_FILES || octets > MOST_OCTETS {
                        return Ok(());
                    }
                    (scanned, octets) = (scanned + 1, octets + row.size);
                    let result = match ask_anew(&self.0, &*scanner, signatures.clone(), &*blobs, ctx.now, row).await {
                        Ok(result) => result,
                        Err(error) => {
                            tracing::warn!(%error, object = %row.id, "a file is not scanned again right now");
                            in_a_row += 1;
                            match in_a_row == GIVES_UP_AFTER || scanner.signatures().await.is_err() {
                                true => return Ok(()),
                                false => continue,
                            }
                        }
                    };
                    in_a_row = 0;
                    let (ctx, object, by) = (ctx.clone(), row.id, signatures.clone());
                    // What is missing is asked about again after the next change.
                    let result = result.unwrap_or_else(|| {
                        tracing::error!(%object, "a file is missing in the store of bytes");
                        Scanned { signatures: Some(by), at: ctx.now, ..Scanned::not(Scan::None) }
                    });
                    self.0.db.write(move |tx| note(tx, &ctx, object, &result)).await?;
                }
                if due.len() < PIECE as usize {
                    break;
                }
                after = due.last().map(|row| (row.scanned_at, row.id));
                let ctx = ctx.clone();
                if self.0.db.write(move |tx| makes_room(tx, &ctx)).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// If new files wait, the rest is left for later: they need the scanner, too.
fn makes_room(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<bool> {
    // What waits for longer waits for something else.
    let new = file_objects::table.filter(file_objects::scanning_since.gt(ctx.now.minus(LONG)));
    let waits = diesel::select(exists(new)).get_result(tx.conn)?;
    if waits {
        let job = NewJob::new(&Rescan {}, ctx.now.plus(LATER))?.keyed(format!("{}:rest", Rescan::KIND));
        jobs::order(tx, ctx, &job)?;
    }
    Ok(waits)
}

/// Those that were scanned longest ago, after this one, unless that was with these signatures or newer ones. A node whose
/// signatures are behind changes nothing.
fn due(
    conn: &mut Conn,
    status: FileStatus,
    signatures: &str,
    after: Option<(Timestamp, ObjectId)>,
) -> Result<Vec<ObjectRow>> {
    let mut oldest = file_objects::table
        .filter(file_objects::status.eq(status.as_str()))
        .order((file_objects::scanned_at, file_objects::id))
        .limit(PIECE)
        .select(ObjectRow::as_select())
        .into_boxed();
    let never = file_objects::signatures.is_null();
    oldest = match number(signatures) {
        0 => oldest.filter(never.or(file_objects::signatures.ne(signatures))),
        number => oldest.filter(never.or(file_objects::signature_number.lt(number))),
    };
    if let Some((at, id)) = after {
        let later = file_objects::scanned_at.gt(at);
        oldest = oldest.filter(later.or(file_objects::scanned_at.eq(at).and(file_objects::id.gt(id))));
    }
    Ok(oldest.load(conn)?)
}

/// Whether these signatures are older than those of the last scan.
fn is_behind(scanned: &Scanned, before: &ObjectRow) -> bool {
    scanned.number() != 0 && before.signatures.as_deref().is_some_and(|before| number(before) > scanned.number())
}

/// Stores the result of a later scan, and what follows from it: what is found to be bad is nobody's any more, and what was
/// taken for bad is given back.
fn note(tx: &mut Tx<'_>, ctx: &Ctx, object: ObjectId, scanned: &Scanned) -> Result<()> {
    let Some((before, owner, of_it)) = hold(tx, object)? else { return Ok(()) };
    let status = match (before.status()?, scanned.scan) {
        (FileStatus::Ready, Scan::Infected) => FileStatus::Quarantined,
        // What was found in it is known already, and only its copy without metadata is left.
        (FileStatus::Quarantined, Scan::Clean) if before.seen.is_some() => FileStatus::Ready,
        (FileStatus::Quarantined, Scan::Clean) => FileStatus::Scanning,
        (status @ (FileStatus::Ready | FileStatus::Quarantined), _) => status,
        // Somebody else was faster.
        (FileStatus::Uploading | FileStatus::Scanning | FileStatus::Failed, _) => return Ok(()),
    };
    if is_behind(scanned, &before) {
        return Ok(());
    }
    let waits = status == FileStatus::Scanning;
    diesel::update(file_objects::table.find(object))
        .set((
            file_objects::status.eq(status.as_str()),
            file_objects::scanning_since.eq(waits.then_some(ctx.now)),
            file_objects::scan.eq(scanned.scan.as_str()),
            file_objects::signatures.eq(scanned.signatures.as_deref()),
            file_objects::signature_number.eq(scanned.number()),
            file_objects::faults.eq(0),
            file_objects::virus.eq(scanned.virus.as_deref()),
            file_objects::scanned_at.eq(scanned.at),
        ))
        .execute(tx.conn)?;
    if status.as_str() == before.status {
        return Ok(());
    }
    tracing::warn!(%object, from = before.status, to = status.as_str(), virus = scanned.virus, "another scan has changed a file");
    if waits {
        examining::order(tx, ctx, owner, object)?;
    }
    let Some(row) = find(tx.conn, object)? else { return Ok(()) };
    tell(tx, ctx, owner, &row, of_it)
}
