//! A file arrives: its row first, then its bytes, which are hashed on their way, then what it is.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Ctx, Error, Result, Timestamp, UserId, Word};
use clowder_media::{
    Arriving, Blobs, Change, File, FileId, FileStatus, Key, NewFile, ObjectId, Scan,
    blobs::Writing,
    examiner, file_name, kinds,
    policy::{Room, may_be, may_begin, may_keep},
    refusals::{FILE_SERVER_FULL, FILE_UNKNOWN},
};
use diesel::prelude::*;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    super::{
        Repo,
        accounts::profile,
        db::{Db, Tx},
        dialect::{self, Conn},
        journal,
    },
    Stored, deleting,
    digesting::Digesting,
    examining,
    lease::Lease,
    loose, once, purging, read, resumable,
};
use crate::{
    domains::media::{FileRow, ObjectRow, file_objects, file_totals, file_usage, files, key_of},
    keys::Keys,
    worker_pool::fair::Caller,
};

/// How long after an error bytes may still become visible: a request to a store that was given up may be carried out later.
const APPEARS_LATE: Duration = Duration::from_secs(15 * 60);

/// How many files share an object at most, because all of them change together.
const SHARED_BY: i64 = 100;
/// At how many objects of the same content is looked for one that can be shared.
const MOST_LOOKED_AT: usize = 3;

/// An upload that is going on.
struct Arrival {
    db: Db,
    keys: Arc<Keys>,
    blobs: Arc<dyn Blobs>,
    /// When it began, which may be hours ago.
    ctx: Ctx,
    begun: Instant,
    user: UserId,
    new: NewFile,
    file: FileId,
    key: Key,
    room: Room,
    lease: Lease,
    /// Until all bytes are there.
    writing: Option<Box<dyn Writing>>,
    digesting: Digesting,
    size: u64,
    /// Whether it has become a file, or has been forgotten.
    ended: bool,
}

/// What has arrived.
#[derive(Clone)]
pub struct Arrived {
    pub size: i64,
    pub sha256: [u8; 32],
    pub kind: &'static str,
}

pub async fn begin(repo: &Repo, ctx: &Ctx, new: NewFile) -> Result<Box<dyn Arriving>> {
    let blobs = repo.blobs()?;
    let new = NewFile { name: file_name::of(&new.name), ..new };
    let (caller, wanted) = (ctx.clone(), new.clone());
    let begun = repo.db.write(move |tx| insert(tx, &caller, &wanted)).await;
    ask_for_room(repo, ctx, &begun).await?;
    let (file, object, room) = begun?;
    let mut arrival = Box::new(Arrival {
        db: repo.db.clone(),
        keys: Arc::clone(&repo.deps.keys),
        blobs: Arc::clone(&blobs),
        ctx: ctx.clone(),
        begun: Instant::now(),
        user: ctx.user()?,
        new,
        file,
        key: key_of(object)?,
        room,
        lease: Lease::hold(repo.db.clone(), object, ctx.now, repo.deps.options.media.lease),
        writing: None,
        digesting: Digesting::default(),
        size: 0,
        ended: false,
    });
    match blobs.begin(&arrival.key).await {
        Ok(writing) => {
            arrival.writing = Some(writing);
            Ok(arrival)
        }
        Err(error) => {
            arrival.abort().await?;
            Err(error)
        }
    }
}

/// If the server has no room left, what was deleted makes some.
pub async fn ask_for_room<T>(repo: &Repo, ctx: &Ctx, begun: &Result<T>) -> Result<()> {
    if !matches!(begun, Err(Error::Refused(refusal)) if *refusal == FILE_SERVER_FULL) {
        return Ok(());
    }
    let caller = ctx.clone();
    repo.db.write(move |tx| purging::order(tx, &caller)).await
}

#[async_trait]
impl Arriving for Arrival {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.room.may_have(self.size)?;
        self.lease.still_held()?;
        self.digesting.push(bytes.clone()).await?;
        let writing = self.writing.as_mut().ok_or_else(|| Error::internal("an upload that has ended goes on"))?;
        writing.write(bytes).await
    }

    /// In a task of its own: a caller that goes away meanwhile does not interrupt it, or else the bytes might become visible
    /// after their row is gone.
    async fn finish(self: Box<Self>) -> Result<File> {
        let complete = Caller::current().scope(self.complete()).in_current_span();
        tokio::spawn(complete)
            .await
            .unwrap_or_else(|error| Err(Error::internal(format!("the end of an upload: {error}"))))
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        if let Some(writing) = self.writing.take() {
            writing.abort().await;
        }
        let (ctx, user, file) = (self.ctx.clone(), self.user, self.file);
        self.db.write(move |tx| deleting::discard(tx, &ctx, user, file, 0, ctx.now)).await?;
        self.ended = true;
        Ok(())
    }
}

impl Arrival {
    async fn complete(mut self: Box<Self>) -> Result<File> {
        let arrived = match self.examine().await {
            Ok(arrived) => arrived,
            Err(error) => {
                self.abort().await?;
                return Err(error);
            }
        };
        let writing = self.writing.take().ok_or_else(|| Error::internal("an upload ends twice"))?;
        let size = arrived.size;
        let (kept, late) = match writing.finish().await {
            Ok(()) => (self.keep(arrived).await, Duration::ZERO),
            Err(error) => (Err(error), APPEARS_LATE),
        };
        if kept.is_err() {
            self.take_back(size, late).await;
        }
        self.ended = true;
        kept
    }

    /// The same call, now.
    fn at_the_end(&self) -> Ctx {
        Ctx { now: self.ctx.now.plus(self.begun.elapsed()), ..self.ctx.clone() }
    }

    async fn examine(&mut self) -> Result<Arrived> {
        if self.size == 0 {
            return Err(Error::field("/file", "required", "is missing or empty"));
        }
        let (sha256, found) = self.digesting.end().await?;
        may_be(self.new.purpose, found, self.new.named.as_deref())?;
        let size = i64::try_from(self.size).map_err(|_| Error::internal("a file of too many octets"))?;
        Ok(Arrived { size, sha256, kind: found.media_type })
    }

    /// Makes it a file, or answers with the file that the first call with the same key has made.
    async fn keep(&mut self, arrived: Arrived) -> Result<File> {
        // The content is what makes a repeated call the same one.
        let missing = missing(&self.db, &*self.blobs, self.user, arrived.sha256).await?;
        let mut call = self.at_the_end();
        if let Some(key) = &self.ctx.idempotency_key {
            let said = self.keys.fingerprint(&[
                b"upload",
                self.new.name.as_bytes(),
                self.new.purpose.as_str().as_bytes(),
                &arrived.sha256,
            ]);
            call.idempotency_key = Some(key.with(&said));
        }
        let (caller, again_by, user, file) = (call.clone(), call.clone(), self.user, self.file);
        let size = arrived.size;
        let first = move |tx: &mut Tx<'_>| Ok((keep(tx, &caller, user, file, &arrived, &missing)?, Stored(file)));
        let again = move |tx: &mut Tx<'_>, Stored(earlier): Stored| {
            deleting::discard(tx, &again_by, user, file, size, again_by.now)?;
            let (row, object) = read::own(tx.conn, user, earlier)?;
            row.file(&object)
        };
        self.db.create(&call, first, again).await
    }

    /// Forgets what was refused after all of it had arrived. If it was kept nevertheless, because only the answer of the
    /// database was lost, it stays.
    async fn take_back(&mut self, size: i64, late: Duration) {
        let (ctx, user, file) = (self.at_the_end(), self.user, self.file);
        let purge_at = ctx.now.plus(late);
        match self.db.write(move |tx| deleting::discard(tx, &ctx, user, file, size, purge_at)).await {
            Ok(true) => {}
            // Whoever is erased meanwhile has no row any more by which the purge would find the bytes.
            Ok(false) => {
                if let Err(error) = self.blobs.delete(&self.key).await {
                    tracing::warn!(%error, key = %self.key, "cannot delete what was refused right now");
                }
            }
            Err(error) => tracing::warn!(%error, "cannot forget an upload right now; that is done later"),
        }
    }
}

impl Drop for Arrival {
    /// The client has gone away.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (db, ctx, user, file) = (self.db.clone(), self.ctx.clone(), self.user, self.file);
        // Without a runtime, the purge forgets it later.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = db.write(move |tx| deleting::discard(tx, &ctx, user, file, 0, ctx.now)).await {
                tracing::warn!(%error, "cannot forget an upload right now; that is done later");
            }
        });
    }
}

fn insert(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewFile) -> Result<(FileId, ObjectId, Room)> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    // Their account is not gone.
    profile::own(tx.conn, user)?;
    let claim = once::may_begin(tx, ctx, user)?;
    let (usage, limits) = (read::usage(tx.conn, user, ctx.now)?, tx.services.options.media.limits);
    may_begin(usage, limits)?;
    let until = ctx.now.plus(tx.services.options.media.lease);
    let (file, object, stored) = add_rows(tx, ctx, new, 0, Some(until))?;
    if let Some(claim) = claim {
        once::claim(tx.conn, object, claim)?;
    }
    Ok((file, object, Room::of(new.purpose, usage, stored, limits)))
}

/// The rows of a file that is about to arrive, for which so many octets are reserved. Also answers how many octets the
/// server stores then.
pub fn add_rows(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    new: &NewFile,
    reserved: i64,
    arriving_until: Option<Timestamp>,
) -> Result<(FileId, ObjectId, i64)> {
    let user = ctx.user()?;
    let object = ObjectRow {
        id: ObjectId::new(ctx.now),
        owner_id: Some(user),
        status: FileStatus::Uploading.as_str().to_owned(),
        size: reserved,
        sha256: None,
        kind: kinds::OCTETS.to_owned(),
        refs: 1,
        created_at: ctx.now,
        purge_at: None,
        arriving_until,
        purge_failures: 0,
        scanning_since: None,
        scan: Scan::None.as_str().to_owned(),
        signatures: None,
        virus: None,
        scanned_at: Timestamp::from_micros(0),
        seen: None,
        clean_size: None,
        clean_sha256: None,
        made_at: None,
        original_until: None,
    };
    diesel::insert_into(file_objects::table).values(&object).execute(tx.conn)?;
    let file = FileRow {
        id: FileId::new(ctx.now),
        owner_id: user,
        object_id: object.id,
        name: new.name.clone(),
        purpose: new.purpose.as_str().to_owned(),
        created_at: ctx.now,
        failed: false,
    };
    diesel::insert_into(files::table).values(&file).execute(tx.conn)?;
    diesel::insert_into(file_usage::table)
        .values((file_usage::user_id.eq(user), file_usage::octets.eq(reserved), file_usage::files.eq(1)))
        .on_conflict(file_usage::user_id)
        .do_update()
        .set((file_usage::octets.eq(file_usage::octets + reserved), file_usage::files.eq(file_usage::files + 1)))
        .execute(tx.conn)?;
    let stored = more(tx, reserved, 1)?;
    Ok((file.id, object.id, stored))
}

/// Counts what the server stores more, and says how many octets that are now. All uploads wait for this row, so it is
/// among the last that a transaction writes.
fn more(tx: &mut Tx<'_>, octets: i64, objects: i64) -> Result<i64> {
    let limits = tx.services.options.media.limits;
    let fits = file_totals::octets.le(limits.server_octets - octets);
    let fits = fits.and(file_totals::objects.le(limits.server_objects - objects));
    let counted = diesel::update(file_totals::table.filter(fits))
        .set((
            file_totals::octets.eq(file_totals::octets + octets),
            file_totals::objects.eq(file_totals::objects + objects),
        ))
        .returning(file_totals::octets)
        .get_result(tx.conn)
        .optional()?;
    Ok(counted.ok_or(FILE_SERVER_FULL)?)
}

/// An object of the same content that another file can share. What has no file any more is about to be purged, and what has
/// failed may be put right by uploading it again; what is in quarantine stays there, whoever uploads it again.
fn shareable(conn: &mut Conn, user: UserId, sha256: &[u8], without: &[ObjectId]) -> Result<Option<ObjectRow>> {
    let usable = [FileStatus::Ready, FileStatus::Scanning, FileStatus::Quarantined].map(|status| status.as_str());
    let same = file_objects::table
        .filter(file_objects::owner_id.eq(user).and(file_objects::sha256.eq(sha256)))
        .filter(file_objects::refs.gt(0).and(file_objects::refs.lt(SHARED_BY)))
        .filter(file_objects::status.eq_any(usable).and(file_objects::id.ne_all(without)))
        .order(file_objects::id.desc())
        .select(ObjectRow::as_select());
    Ok(same.first(conn).optional()?)
}

/// Objects of the same content that the store does not have, so that nobody shares them. If it does not answer, this upload is
/// stored by itself, too.
pub async fn missing(db: &Db, blobs: &dyn Blobs, user: UserId, sha256: [u8; 32]) -> Result<Vec<ObjectId>> {
    let mut missing = Vec::new();
    while missing.len() < MOST_LOOKED_AT {
        let without = missing.clone();
        let same = db.read(move |conn| shareable(conn, user, &sha256, &without)).await?;
        let Some(same) = same else { break };
        // Nobody reads what is in quarantine.
        let is_bad = same.status()? == FileStatus::Quarantined;
        if is_bad || matches!(blobs.head(&same.shown_key()?).await, Ok(Some(_))) {
            break;
        }
        tracing::warn!(object = %same.id, "an object is not in the store, so its content is stored once more");
        missing.push(same.id);
    }
    Ok(missing)
}

/// Makes what has arrived the file. What was reserved for it counts already. Those objects of the same content that are
/// `missing` are not shared.
pub fn keep(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    file: FileId,
    arrived: &Arrived,
    missing: &[ObjectId],
) -> Result<File> {
    dialect::accounts::lock_user(tx.conn, user)?;
    profile::own(tx.conn, user)?;
    let (mut row, arrives) = read::own(tx.conn, user, file)?;
    if arrives.status()? != FileStatus::Uploading {
        return Err(FILE_UNKNOWN.into());
    }
    let reserved = arrives.size;
    // The upload may have taken hours.
    row.created_at = ctx.now;
    diesel::update(files::table.find(file)).set(files::created_at.eq(row.created_at)).execute(tx.conn)?;
    let object = match shareable(tx.conn, user, &arrived.sha256, missing)? {
        Some(same) => {
            row.failed = examining::is_unfit(&tx.services.options.media, &same, &row.purpose)?;
            let shares = (files::object_id.eq(same.id), files::failed.eq(row.failed));
            diesel::update(files::table.find(file)).set(shares).execute(tx.conn)?;
            let one_more = file_objects::refs.eq(file_objects::refs + 1);
            diesel::update(file_objects::table.find(same.id)).set(one_more).execute(tx.conn)?;
            // The bytes have arrived all the same, and count until they are gone.
            deleting::let_go(tx, arrives.id, arrived.size, ctx.now)?;
            let free = file_usage::octets.eq(file_usage::octets - reserved);
            diesel::update(file_usage::table.find(user)).set(free).execute(tx.conn)?;
            deleting::count_trash(tx, user, arrived.size)?;
            deleting::count_stored(tx, arrived.size - reserved)?;
            purging::order(tx, ctx)?;
            same
        }
        None => {
            let new = arrived.size - reserved;
            may_keep(read::usage(tx.conn, user, ctx.now)?, new, tx.services.options.media.limits)?;
            let one_more = file_usage::octets.eq(file_usage::octets + new);
            diesel::update(file_usage::table.find(user)).set(one_more).execute(tx.conn)?;
            let waits = examining::is_needed(&tx.services.options.media, arrived.kind);
            let status = if waits { FileStatus::Scanning } else { FileStatus::Ready };
            let looks = tx.services.options.media.examiner.is_some();
            let kept = diesel::update(file_objects::table.find(arrives.id))
                .set((
                    file_objects::status.eq(status.as_str()),
                    file_objects::scanning_since.eq(waits.then_some(ctx.now)),
                    file_objects::size.eq(arrived.size),
                    file_objects::sha256.eq(arrived.sha256.as_slice()),
                    file_objects::kind.eq(arrived.kind),
                    file_objects::arriving_until.eq(None::<Timestamp>),
                    file_objects::created_at.eq(ctx.now),
                    // Otherwise, its examination says so.
                    file_objects::looked_by.eq(if looks && !waits { examiner::VERSION } else { 0 }),
                ))
                .returning(ObjectRow::as_returning())
                .get_result(tx.conn)?;
            if waits {
                examining::order(tx, ctx, user, kept.id)?;
            }
            more(tx, new, 0)?;
            kept
        }
    };
    resumable::forget(tx, arrives.id)?;
    loose::note_new(tx, ctx, row.id)?;
    let kept = row.file(&object)?;
    journal::append(tx, ctx, &Change::Updated(user, (&kept).into()))?;
    Ok(kept)
}
