//! What the virus scanner says of a file: when it is examined, and again after the signatures have changed.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Result, Timestamp, Word,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{Blobs, FileStatus, ObjectId, Scan, Scanner, Verdict};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{Repo, db::Tx, dialect::Conn, jobs},
    examining::{self, find, hold, tell},
};
use crate::domains::media::{ObjectRow, file_objects};

/// How many files are looked at between two looks.
const PIECE: i64 = 50;
/// How much one run scans again, in files and octets. The next run goes on.
const MOST_FILES: usize = 5_000;
const MOST_OCTETS: i64 = 4 << 30;

/// A result of the scanner.
#[derive(Debug, Clone)]
pub struct Scanned {
    pub scan: Scan,
    /// Which signatures it is from.
    pub signatures: Option<String>,
    pub virus: Option<String>,
    pub at: Timestamp,
}

impl Scanned {
    /// What was not scanned is scanned before everything else, as soon as there is a scanner.
    fn not(scan: Scan) -> Self {
        Self { scan, signatures: None, virus: None, at: Timestamp::from_micros(0) }
    }

    /// How the examination of a file ends with this, if it does.
    pub fn ends_as(&self, scan_required: bool) -> Option<FileStatus> {
        match self.scan {
            Scan::Infected => Some(FileStatus::Quarantined),
            Scan::TooLarge if scan_required => Some(FileStatus::Failed),
            Scan::None | Scan::Clean | Scan::TooLarge | Scan::Skipped => None,
        }
    }
}

/// Scans the content of a file. Fails if the scanner is away and files have to wait for it.
pub async fn scan(repo: &Repo, blobs: &dyn Blobs, now: Timestamp, row: &ObjectRow) -> Result<Scanned> {
    let options = &repo.deps.options.media;
    let Some(scanner) = options.scanner.clone() else { return Ok(Scanned::not(Scan::None)) };
    match ask(repo, &*scanner, blobs, now, row).await {
        Err(error) if error.cause().is_some() && !options.scan_required => {
            tracing::warn!(%error, object = %row.id, "a file is let through without a scan");
            counted(Scan::Skipped);
            Ok(Scanned::not(Scan::Skipped))
        }
        scanned => scanned,
    }
}

async fn ask(
    repo: &Repo,
    scanner: &dyn Scanner,
    blobs: &dyn Blobs,
    now: Timestamp,
    row: &ObjectRow,
) -> Result<Scanned> {
    let signatures = scanner.signatures().await?;
    let (this, by) = (row.clone(), signatures.clone());
    if let Some((scan, virus)) = repo.db.read(move |conn| known(conn, &this, &by)).await? {
        return Ok(Scanned { scan: Scan::parse_word(&scan)?, signatures: Some(signatures), virus, at: now });
    }
    ask_anew(scanner, signatures, blobs, now, row).await
}

async fn ask_anew(
    scanner: &dyn Scanner,
    signatures: String,
    blobs: &dyn Blobs,
    now: Timestamp,
    row: &ObjectRow,
) -> Result<Scanned> {
    let key = row.shown_key()?;
    let Some(reading) = blobs.read(&key, None).await? else {
        tracing::error!(%key, "a file is missing in the store of bytes");
        return Ok(Scanned { signatures: Some(signatures), at: now, ..Scanned::not(Scan::None) });
    };
    let (scan, virus) = match scanner.scan(reading.bytes).await? {
        Verdict::Clean => (Scan::Clean, None),
        Verdict::Infected(virus) => (Scan::Infected, Some(virus)),
        Verdict::TooLarge => (Scan::TooLarge, None),
    };
    counted(scan);
    Ok(Scanned { scan, signatures: Some(signatures), virus, at: now })
}

fn counted(scan: Scan) {
    metrics::counter!("clowder_file_scans_total", "result" => scan.as_str()).increment(1);
}

/// What these signatures have said of the same content. Of a picture whose metadata was taken out, a later scan has not seen
/// what was uploaded.
fn known(conn: &mut Conn, row: &ObjectRow, signatures: &str) -> Result<Option<(String, Option<String>)>> {
    let Some(sha256) = row.sha256.as_deref() else { return Ok(None) };
    let infected = file_objects::scan.eq(Scan::Infected.as_str());
    let clean = file_objects::scan.eq(Scan::Clean.as_str()).and(file_objects::clean_size.is_null());
    let same = file_objects::table
        .filter(file_objects::sha256.eq(sha256).and(file_objects::id.ne(row.id)))
        .filter(file_objects::signatures.eq(signatures))
        .filter(infected.or(clean))
        .select((file_objects::scan, file_objects::virus));
    Ok(same.first(conn).optional()?)
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Rescan {}

impl Work for Rescan {
    const KIND: &'static str = "file.rescan";
    const QUEUE: Queue = Queue::Files;
}

/// Scans again what was scanned with other signatures, or not at all, the longest ago first. A run that is cut off has
/// stored how far it has come.
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
        let (mut scanned, mut octets) = (0, 0);
        for status in [FileStatus::Ready, FileStatus::Quarantined] {
            loop {
                let current = signatures.clone();
                let due = self.0.db.read(move |conn| due(conn, status, &current)).await?;
                for row in &due {
                    if scanned == MOST_FILES || octets > MOST_OCTETS {
                        return Ok(());
                    }
                    let result = ask_anew(&*scanner, signatures.clone(), &*blobs, ctx.now, row).await?;
                    let (ctx, object) = (ctx.clone(), row.id);
                    self.0.db.write(move |tx| note(tx, &ctx, object, &result)).await?;
                    (scanned, octets) = (scanned + 1, octets + row.size);
                }
                if due.len() < PIECE as usize {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Those that were scanned longest ago, unless that was with these signatures.
fn due(conn: &mut Conn, status: FileStatus, signatures: &str) -> Result<Vec<ObjectRow>> {
    let oldest = file_objects::table
        .filter(file_objects::status.eq(status.as_str()))
        .order(file_objects::scanned_at)
        .limit(PIECE)
        .select(ObjectRow::as_select());
    let mut oldest: Vec<ObjectRow> = oldest.load(conn)?;
    oldest.retain(|row| row.signatures.as_deref() != Some(signatures));
    Ok(oldest)
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
    let waits = status == FileStatus::Scanning;
    diesel::update(file_objects::table.find(object))
        .set((
            file_objects::status.eq(status.as_str()),
            file_objects::scanning_since.eq(waits.then_some(ctx.now)),
            file_objects::scan.eq(scanned.scan.as_str()),
            file_objects::signatures.eq(scanned.signatures.as_deref()),
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

#[derive(Debug, Serialize, Deserialize)]
pub struct Requeue {}

impl Work for Requeue {
    const KIND: &'static str = "file.requeue";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues the examination of files that have waited for long: after an outage of the scanner, or an update of the server.
pub struct Requeuer(pub Arc<Repo>);

/// How many files are enqueued in one transaction.
const AT_ONCE: i64 = 500;
/// How long a file may wait before that. One that is being examined has its job still.
const LONG: std::time::Duration = std::time::Duration::from_secs(600);

type Place = (Timestamp, ObjectId);

#[async_trait]
impl Worker for Requeuer {
    fn kind(&self) -> &'static str {
        Requeue::KIND
    }

    fn queue(&self) -> Queue {
        Requeue::QUEUE
    }

    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        let mut after = None;
        loop {
            let ctx = ctx.clone();
            after = self.0.db.write(move |tx| requeue(tx, &ctx, after)).await?;
            if after.is_none() {
                break;
            }
        }
        self.0.db.read(waiting).await.map(drop)
    }
}

fn requeue(tx: &mut Tx<'_>, ctx: &Ctx, after: Option<Place>) -> Result<Option<Place>> {
    let mut long = file_objects::table
        .filter(file_objects::scanning_since.le(ctx.now.minus(LONG)))
        .order((file_objects::scanning_since, file_objects::id))
        .limit(AT_ONCE)
        .select((file_objects::scanning_since.assume_not_null(), file_objects::id, file_objects::owner_id))
        .into_boxed();
    if let Some((since, id)) = after {
        let later = file_objects::scanning_since.gt(since);
        let same = file_objects::scanning_since.eq(since).and(file_objects::id.gt(id));
        long = long.filter(later.or(same));
    }
    let long: Vec<(Timestamp, ObjectId, Option<clowder_core::UserId>)> = long.load(tx.conn)?;
    for (_, object, owner) in &long {
        if let Some(owner) = owner {
            jobs::order(tx, ctx, &examining::job(*object, *owner, ctx.now)?)?;
        }
    }
    Ok(long.last().filter(|_| long.len() == AT_ONCE as usize).map(|(since, object, _)| (*since, *object)))
}

/// How many files wait to be examined.
pub fn waiting(conn: &mut Conn) -> Result<i64> {
    let waiting = file_objects::table.filter(file_objects::scanning_since.is_not_null()).count().get_result(conn)?;
    metrics::gauge!("clowder_files_waiting").set(waiting as f64);
    Ok(waiting)
}
