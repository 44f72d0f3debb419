//! The job that examines a file after its upload: first for viruses, then for what is in it. Whatever a file does to those
//! who look at it, it ends as ready, quarantined or failed; whatever dies in between, another run does the same again.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Id, NewJob, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{
    Blobs, Change, FileStatus, Key, ObjectId, Purpose, Seen, Variant, examiner, kinds, policy::is_fit,
    variants::longest_copy,
};
use data_encoding::HEXLOWER;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{
        Repo, audit,
        db::Tx,
        dialect::{self, Conn},
        jobs, journal,
    },
    announcing, deleting,
    purging::ORIGINAL_KEPT_FOR,
    scanning::{self, MOST_FAULTS, Scanned},
};
use crate::domains::media::{
    FileRow, ObjectRow, Options, Workplace, file_objects, file_usage, files, hash, key_of, store, variant_key,
};

/// How many files of one person come at once; each further one that waits comes a second later. So whoever uploads
/// thousands of files holds up nobody else for long.
const AT_ONCE: i64 = 10;
const APART: Duration = Duration::from_secs(1);
const MOST_TURNS: i64 = 600;
/// After so many tries, which take hours, the job makes room. `file.requeue` orders another one.
const TRIES: i16 = 12;

#[derive(Debug, Serialize, Deserialize)]
pub struct Examine {
    object_id: ObjectId,
}

impl Work for Examine {
    const KIND: &'static str = "file.examine";
    const QUEUE: Queue = Queue::Files;
}

/// Whether a new file of this type has to wait for anything.
pub fn is_needed(options: &Options, kind: &str) -> bool {
    options.scanner.is_some() || (options.examiner.is_some() && kinds::is_examined(kind))
}

/// Enqueues the examination of an object that is stored as waiting.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, owner: UserId, object: ObjectId) -> Result<()> {
    let waiting = file_objects::table
        .filter(file_objects::owner_id.eq(owner).and(file_objects::scanning_since.is_not_null()))
        .select(file_objects::id)
        .limit(AT_ONCE + MOST_TURNS);
    let waiting: Vec<ObjectId> = waiting.load(tx.conn)?;
    let turns = waiting.len().saturating_sub(AT_ONCE as usize);
    let run_at = ctx.now.plus(APART * u32::try_from(turns).unwrap_or(u32::MAX));
    jobs::order(tx, ctx, &job(object, owner, run_at)?)
}

/// One for each object at a time.
pub fn job(object: ObjectId, owner: UserId, run_at: Timestamp) -> Result<NewJob> {
    let key = format!("{}:{object}", Examine::KIND);
    Ok(NewJob::new(&Examine { object_id: object }, run_at)?.keyed(key).about(owner))
}

pub struct ExamineWorker(pub Arc<Repo>);

#[async_trait]
impl Worker for ExamineWorker {
    fn kind(&self) -> &'static str {
        Examine::KIND
    }

    fn queue(&self) -> Queue {
        Examine::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Examine { object_id } = job.read()?;
        match self.examine(ctx, object_id, job.lease).await {
            Err(error) if error.is_ours() && job.attempts >= TRIES => {
                tracing::warn!(%error, object = %object_id, "a file cannot be examined; that is tried again later");
                Ok(())
            }
            outcome => outcome,
        }
    }
}

/// How an examination ends.
struct Outcome {
    status: FileStatus,
    scanned: Scanned,
    look: Look,
}

/// What looking into a file has led to.
#[derive(Default)]
struct Look {
    /// It cannot be shown to anybody.
    failed: bool,
    /// A more precise type.
    kind: Option<String>,
    seen: Option<Seen>,
    /// The length and hash of what takes the place of the upload.
    clean: Option<(i64, [u8; 32])>,
}

impl ExamineWorker {
    async fn examine(&self, ctx: &Ctx, object: ObjectId, lease: Id<()>) -> Result<()> {
        // A command without a store of bytes runs no jobs, so this is a mistake, and another process does it.
        let blobs = self.0.blobs()?;
        let row = self.0.db.read(move |conn| find(conn, object)).await?;
        let Some(row) = row.filter(|row| row.refs > 0) else { return forget(&*blobs, object).await };
        if row.status()? == FileStatus::Scanning {
            let outcome = self.outcome(ctx, &*blobs, &row, lease).await?;
            let status = outcome.status;
            let ctx = ctx.clone();
            if !self.0.db.write(move |tx| finish(tx, &ctx, object, &outcome)).await? {
                return forget(&*blobs, object).await;
            }
            metrics::counter!("clowder_files_examined_total", "status" => status.as_str()).increment(1);
        }
        Ok(())
    }

    async fn outcome(&self, ctx: &Ctx, blobs: &dyn Blobs, row: &ObjectRow, lease: Id<()>) -> Result<Outcome> {
        let scanned = scanning::scan(&self.0, blobs, ctx.now, row).await?;
        if let Some(status) = scanned.ends_as(self.0.deps.options.media.scan_required) {
            return Ok(Outcome { status, scanned, look: Look::default() });
        }
        let look = self.look(ctx, blobs, row, lease).await?;
        let status = if look.failed { FileStatus::Failed } else { FileStatus::Ready };
        Ok(Outcome { status, scanned, look })
    }

    async fn look(&self, ctx: &Ctx, blobs: &dyn Blobs, row: &ObjectRow, lease: Id<()>) -> Result<Look> {
        let options = &self.0.deps.options.media;
        let Some(examiner) = options.examiner.clone().filter(|_| kinds::is_examined(&row.kind)) else {
            return Ok(Look::default());
        };
        let place = Workplace::prepare(&options.work, &format!("{}-{lease}", row.id), ctx.now).await?;
        let uploaded = at_hand(blobs, &place, &key_of(row.id)?).await?;
        let is_copy = uploaded.is_none();
        // A database that is older than the store, such as one from a backup, does not know that there is a copy.
        let file = match uploaded {
            Some(file) => Some(file),
            None => at_hand(blobs, &place, &variant_key(row.id, Variant::Clean)?).await?,
        };
        let file = file.ok_or_else(|| scanning::missing(row.id))?;
        let is_stripped = kinds::is_stripped(&row.kind);
        let examined = match examiner.examine(&file, &row.kind, &place.results()).await {
            // Whoever looked has died of it, each time.
            Err(error @ Error::Internal(_)) => match scanning::count_fault(&self.0, row.id).await? {
                MOST_FAULTS.. => Err(error.to_string()),
                _ => return Err(error),
            },
            examined => examined?,
        };
        let examined = match examined {
            Ok(examined) => examined,
            Err(why) => {
                tracing::info!(object = %row.id, kind = row.kind, why, "a file could not be looked into");
                // Of a picture, only a copy without metadata is shown; a recording is shown as it is.
                return Ok(Look { failed: is_stripped, ..Look::default() });
            }
        };
        let (mut clean, mut is_clean) = (None, false);
        for (variant, path) in examined.written {
            if variant == Variant::Clean {
                let (length, sha256) = hash(path.clone()).await?;
                is_clean = true;
                if !is_copy && row.sha256.as_deref() == Some(sha256.as_slice()) {
                    continue;
                }
                if length.unsigned_abs() > longest_copy(row.size.unsigned_abs()) {
                    tracing::warn!(object = %row.id, length, size = row.size, "a copy without metadata is too long");
                    return Ok(Look { failed: true, ..Look::default() });
                }
                clean = Some((length, sha256));
            }
            store(blobs, &variant_key(row.id, variant)?, path).await?;
        }
        let failed = is_stripped && !is_clean;
        Ok(Look { failed, kind: Some(examined.kind), seen: Some(examined.seen), clean })
    }
}

/// An object as a file of this machine; `None` if the store does not have it.
async fn at_hand(blobs: &dyn Blobs, place: &Workplace, key: &Key) -> Result<Option<PathBuf>> {
    Ok(match blobs.path(key) {
        Some(path) => blobs.head(key).await?.map(|_| path),
        None => place.fetch(blobs, key).await?.then(|| place.file()),
    })
}

/// Removes what an examination has made of a file that is gone meanwhile.
async fn forget(blobs: &dyn Blobs, object: ObjectId) -> Result<()> {
    for variant in Variant::all() {
        blobs.delete(&variant_key(object, variant)?).await?;
    }
    Ok(())
}

pub fn find(conn: &mut Conn, object: ObjectId) -> Result<Option<ObjectRow>> {
    Ok(file_objects::table.find(object).select(ObjectRow::as_select()).first(conn).optional()?)
}

/// An object whose state is about to change, its owner and its files, which whoever attaches them has done before or does
/// afterwards; nothing if no file has it any more.
pub fn hold(tx: &mut Tx<'_>, object: ObjectId) -> Result<Option<(ObjectRow, UserId, Vec<FileRow>)>> {
    let Some(owner) = find(tx.conn, object)?.and_then(|row| row.owner_id) else { return Ok(None) };
    dialect::accounts::lock_user(tx.conn, owner)?;
    let of_it = files::table.filter(files::object_id.eq(object)).order(files::id).select(FileRow::as_select());
    let of_it: Vec<FileRow> = of_it.load(tx.conn)?;
    for file in &of_it {
        dialect::media::lock_file(tx.conn, file.id)?;
    }
    let row = find(tx.conn, object)?.filter(|row| row.refs > 0 && row.owner_id == Some(owner));
    Ok(row.map(|row| (row, owner, of_it)))
}

/// Stores how an examination has ended, unless another run has. Answers whether any file still has the object.
fn finish(tx: &mut Tx<'_>, ctx: &Ctx, object: ObjectId, outcome: &Outcome) -> Result<bool> {
    let Some((row, owner, mut of_it)) = hold(tx, object)? else { return Ok(false) };
    if row.status()? != FileStatus::Scanning {
        return Ok(true);
    }
    let Outcome { status, scanned, look } = outcome;
    let kind = look.kind.as_ref().unwrap_or(&row.kind);
    let seen = look.seen.as_ref().map(serde_json::to_string).transpose()?;
    let looks = tx.services.options.media.examiner.is_some();
    let ended = diesel::update(file_objects::table.find(object))
        .set((
            file_objects::status.eq(status.as_str()),
            file_objects::scanning_since.eq(None::<Timestamp>),
            file_objects::scan.eq(scanned.scan.as_str()),
            file_objects::signatures.eq(scanned.signatures.as_deref()),
            file_objects::signature_number.eq(scanned.number()),
            file_objects::faults.eq(0),
            file_objects::looked_by.eq(if looks { examiner::VERSION } else { 0 }),
            file_objects::made_at.eq(look.seen.as_ref().map(|_| ctx.now)),
            file_objects::original_until.eq(look.clean.map(|_| ctx.now.plus(ORIGINAL_KEPT_FOR))),
            file_objects::virus.eq(scanned.virus.as_deref()),
            file_objects::scanned_at.eq(scanned.at),
            file_objects::kind.eq(kind),
            file_objects::seen.eq(seen),
            file_objects::clean_size.eq(look.clean.map(|(length, _)| length)),
            file_objects::clean_sha256.eq(look.clean.map(|(_, sha256)| sha256.to_vec())),
        ))
        .returning(ObjectRow::as_returning())
        .get_result(tx.conn)?;
    for file in &mut of_it {
        file.failed = is_unfit(&tx.services.options.media, &ended, &file.purpose)?;
        diesel::update(files::table.find(file.id)).set(files::failed.eq(file.failed)).execute(tx.conn)?;
    }
    // A picture that was turned may be longer than what was uploaded.
    let more = ended.counted() - row.counted();
    if more != 0 {
        let counts = file_usage::octets.eq(file_usage::octets + more);
        diesel::update(file_usage::table.find(owner)).set(counts).execute(tx.conn)?;
        deleting::count_stored(tx, more)?;
    }
    tell(tx, ctx, owner, &ended, of_it)?;
    Ok(true)
}

/// Whether a file of this content cannot be used for this purpose, as far as anybody has looked.
pub fn is_unfit(options: &Options, object: &ObjectRow, purpose: &str) -> Result<bool> {
    let looked = options.examiner.is_some() && object.status()? == FileStatus::Ready;
    if !looked || !kinds::is_examined(&object.kind) {
        return Ok(false);
    }
    let purpose = Purpose::parse_word(purpose)?;
    let is_too_large = object.counted().unsigned_abs() > purpose.most_octets();
    Ok(is_too_large || !is_fit(purpose, &object.kind, object.seen()?.as_ref()))
}

/// Tells the owner, those who see things with these files, and the audit log that these files have another state.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, owner: UserId, object: &ObjectRow, of_it: Vec<FileRow>) -> Result<()> {
    if object.status()? == FileStatus::Quarantined {
        let entry = |file: &FileRow| {
            Entry::new("file.quarantined")
                .on(Target::of("file", file.id))
                .about(owner)
                .after(json!({"virus": object.virus, "sha256": object.sha256.as_deref().map(|octets| HEXLOWER.encode(octets))}))
        };
        audit::record_all(tx, ctx, &of_it.iter().map(entry).collect::<Vec<_>>())?;
    }
    for file in &of_it {
        announcing::order(tx, ctx, file.id)?;
    }
    let told = of_it.into_iter().map(|file| Ok(Change::Updated(owner, (&file.file(object)?).into())));
    let told = told.collect::<Result<Vec<_>>>()?;
    journal::append_all(tx, &told.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
}
