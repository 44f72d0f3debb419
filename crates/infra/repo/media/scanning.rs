//! What the virus scanner says of a file when it is examined, and which files wait for that.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Result, Timestamp, UserId, Word,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{Blobs, FileStatus, ObjectId, Scan, Scanner, Variant, Verdict, blobs::Reading, examiner, kinds};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{Repo, db::Tx, dialect::Conn, jobs},
    examining::{self, hold, tell},
};
use crate::domains::media::{Broke, ObjectRow, file_objects, key_of, variant_key};

/// How often in a row looking at a file may fail although whoever looks is there, before it is taken for the file's doing.
pub const MOST_FAULTS: i64 = 10;

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
    pub fn not(scan: Scan) -> Self {
        Self { scan, signatures: None, virus: None, at: Timestamp::from_micros(0) }
    }

    /// Which of all signatures these are; 0 if they do not say that.
    pub fn number(&self) -> i64 {
        self.signatures.as_deref().map_or(0, number)
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

/// The number in the name of signatures, such as 27812 in `ClamAV 1.4.6/27812/Sun Nov 29 08:25:01 2026`; 0 if there is none.
/// Later ones have larger numbers.
pub fn number(signatures: &str) -> i64 {
    signatures.split('/').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
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
    let scanned = ask_anew(repo, scanner, signatures, blobs, now, row).await?;
    scanned.ok_or_else(|| missing(row.id))
}

/// The bytes may come back, so it is no fault of the file, which waits.
pub fn missing(object: ObjectId) -> Error {
    Error::internal(format!("the object {object} is missing in the store of bytes"))
}

/// `None` if the store does not have it.
pub async fn ask_anew(
    repo: &Repo,
    scanner: &dyn Scanner,
    signatures: String,
    blobs: &dyn Blobs,
    now: Timestamp,
    row: &ObjectRow,
) -> Result<Option<Scanned>> {
    let Some(reading) = read(blobs, row).await? else { return Ok(None) };
    let broke = Broke::default();
    let verdict = match scanner.scan(broke.watch(reading.bytes)).await {
        Err(error) if error.cause().is_some() && !broke.did() => give_up(repo, scanner, row, error).await?,
        verdict => verdict?,
    };
    let (scan, virus) = match verdict {
        Verdict::Clean => (Scan::Clean, None),
        Verdict::Infected(virus) => (Scan::Infected, Some(virus)),
        Verdict::TooLarge => (Scan::TooLarge, None),
    };
    counted(scan);
    Ok(Some(Scanned { scan, signatures: Some(signatures), virus, at: now }))
}

/// What can be read of an object, or what is left of it in the store.
async fn read(blobs: &dyn Blobs, row: &ObjectRow) -> Result<Option<Reading>> {
    for key in [row.shown_key()?, key_of(row.id)?, variant_key(row.id, Variant::Clean)?] {
        if let Some(reading) = blobs.read(&key, None).await? {
            return Ok(Some(reading));
        }
    }
    Ok(None)
}

/// A scanner that is there fails at this file. It is asked again; if that happens each time, the file is one that it cannot
/// scan, as if it were too large.
async fn give_up(repo: &Repo, scanner: &dyn Scanner, row: &ObjectRow, error: Error) -> Result<Verdict> {
    scanner.signatures().await?;
    let faults = count_fault(repo, row.id).await?;
    if faults < MOST_FAULTS {
        return Err(error);
    }
    tracing::warn!(%error, object = %row.id, faults, "the scanner fails at a file each time, so it counts as not scanned");
    Ok(Verdict::TooLarge)
}

/// Looking at an object has failed although whoever looks is there. Answers how often in a row.
pub async fn count_fault(repo: &Repo, object: ObjectId) -> Result<i64> {
    let count = move |tx: &mut Tx<'_>| {
        let one_more = diesel::update(file_objects::table.find(object))
            .set(file_objects::faults.eq(file_objects::faults + 1))
            .returning(file_objects::faults);
        let faults: Option<i64> = one_more.get_result(tx.conn).optional()?;
        Ok(faults.unwrap_or(0))
    };
    repo.db.write(count).await
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
pub struct Requeue {}

impl Work for Requeue {
    const KIND: &'static str = "file.requeue";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues the examination of files that have waited for long: after an outage of the scanner, or an update of the server. And
/// of those that nobody has looked into, because an earlier version took them as they are.
pub struct Requeuer(pub Arc<Repo>);

/// How many files are enqueued in one transaction.
const AT_ONCE: i64 = 500;
/// How long a file may wait before that. One that is being examined has its job still.
pub const LONG: std::time::Duration = std::time::Duration::from_secs(600);

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
        self.catch_up(ctx).await?;
        self.0.db.read(waiting).await.map(drop)
    }
}

/// How many files one run finds that nobody has looked into, in pieces of [`AT_ONCE`]. The next run goes on.
const PIECES: usize = 4;

impl Requeuer {
    /// Each in a transaction of its own, because they are of many people.
    async fn catch_up(&self, ctx: &Ctx) -> Result<()> {
        if self.0.deps.options.media.examiner.is_none() {
            return Ok(());
        }
        for _ in 0..PIECES {
            let unseen = self.0.db.write(unseen).await?;
            for object in &unseen {
                let (ctx, object) = (ctx.clone(), *object);
                self.0.db.write(move |tx| look_again(tx, &ctx, object)).await?;
            }
            if unseen.len() < AT_ONCE as usize {
                break;
            }
        }
        Ok(())
    }
}

/// Files that can be read, and that no version has looked into as this one does. Those of types that nobody looks into are noted
/// as seen, and not found again.
fn unseen(tx: &mut Tx<'_>) -> Result<Vec<ObjectId>> {
    let some = file_objects::table
        .filter(file_objects::status.eq(FileStatus::Ready.as_str()).and(file_objects::seen.is_null()))
        .filter(file_objects::looked_by.lt(examiner::VERSION))
        .order(file_objects::looked_by)
        .limit(AT_ONCE)
        .select((file_objects::id, file_objects::kind));
    let some: Vec<(ObjectId, String)> = some.load(tx.conn)?;
    let (unseen, others): (Vec<_>, Vec<_>) = some.into_iter().partition(|(_, kind)| kinds::is_examined(kind));
    let mut others: Vec<ObjectId> = others.into_iter().map(|(object, _)| object).collect();
    others.sort_unstable();
    let others = file_objects::table.filter(file_objects::id.eq_any(others));
    diesel::update(others).set(file_objects::looked_by.eq(examiner::VERSION)).execute(tx.conn)?;
    Ok(unseen.into_iter().map(|(object, _)| object).collect())
}

/// Nobody gets it until somebody has looked into it: it may show where it was taken.
fn look_again(tx: &mut Tx<'_>, ctx: &Ctx, object: ObjectId) -> Result<()> {
    let Some((row, owner, of_it)) = hold(tx, object)? else { return Ok(()) };
    if row.status()? != FileStatus::Ready || row.seen.is_some() {
        return Ok(());
    }
    let waits = diesel::update(file_objects::table.find(object))
        .set((
            file_objects::status.eq(FileStatus::Scanning.as_str()),
            file_objects::scanning_since.eq(ctx.now),
            file_objects::faults.eq(0),
        ))
        .returning(ObjectRow::as_returning())
        .get_result(tx.conn)?;
    examining::order(tx, ctx, owner, object)?;
    tell(tx, ctx, owner, &waits, of_it)
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
    let long: Vec<(Timestamp, ObjectId, Option<UserId>)> = long.load(tx.conn)?;
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
