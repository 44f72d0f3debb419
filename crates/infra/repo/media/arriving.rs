//! A file arrives: its row first, then its bytes, which are hashed on their way, then what it is.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Ctx, Error, Result, Timestamp, UserId, Word};
use clowder_media::{
    Arriving, Blobs, Change, File, FileId, FileStatus, Key, NewFile, ObjectId, Scan,
    blobs::Writing,
    file_name, kinds,
    policy::{may_be, may_begin, may_have, may_keep},
    refusals::{FILE_SERVER_FULL, FILE_UNKNOWN},
    sniff::Sniffer,
};
use diesel::prelude::*;
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::{
    super::{
        Repo,
        accounts::profile,
        db::{Db, Tx},
        dialect, journal,
    },
    Stored,
    deleting::{self, APPEARS_LATE},
    examining,
    lease::Lease,
    loose, purging, read,
};
use crate::{
    domains::media::{FileRow, ObjectRow, file_objects, file_totals, file_usage, files, key_of},
    keys::Keys,
    worker_pool::fair::Caller,
};

/// How many files share an object at most, because all of them change together.
const SHARED_BY: i64 = 100;

/// An upload that is going on.
struct Arrival {
    db: Db,
    keys: Arc<Keys>,
    blobs: Arc<dyn Blobs>,
    ctx: Ctx,
    user: UserId,
    new: NewFile,
    file: FileId,
    key: Key,
    /// How many octets it may have until it reserves more.
    reserved: i64,
    lease: Lease,
    /// Until all bytes are there.
    writing: Option<Box<dyn Writing>>,
    hash: Sha256,
    sniffer: Sniffer,
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

/// A row that waits for its bytes.
pub struct Begun {
    pub file: FileId,
    pub object: ObjectId,
    /// How many octets it has reserved.
    pub reserved: i64,
}

/// An upload that is about to begin.
#[derive(Clone)]
pub struct Beginning {
    pub new: NewFile,
    pub object: ObjectId,
    /// How long it counts as going on unless that is renewed.
    pub lasts: Duration,
    /// How many octets it will have, if that is known.
    pub size: Option<i64>,
}

pub async fn begin(repo: &Repo, ctx: &Ctx, new: NewFile) -> Result<Box<dyn Arriving>> {
    let blobs = repo.blobs()?;
    let new = NewFile { name: file_name::of(&new.name), ..new };
    let lease = repo.deps.options.media.lease;
    let beginning = Beginning { new: new.clone(), object: ObjectId::new(ctx.now), lasts: lease, size: None };
    let caller = ctx.clone();
    let begun = repo.db.write(move |tx| insert(tx, &caller, &beginning)).await;
    let Begun { file, object, reserved } = seek_room(&repo.db, ctx, begun).await?;
    let mut arrival = Box::new(Arrival {
        db: repo.db.clone(),
        keys: Arc::clone(&repo.deps.keys),
        blobs: Arc::clone(&blobs),
        ctx: ctx.clone(),
        user: ctx.user()?,
        new,
        file,
        key: key_of(object)?,
        reserved,
        lease: Lease::hold(repo.db.clone(), object, ctx.now, lease),
        writing: None,
        hash: Sha256::new(),
        sniffer: Sniffer::default(),
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

/// If the server has no room, what was deleted makes some.
pub async fn seek_room<T>(db: &Db, ctx: &Ctx, begun: Result<T>) -> Result<T> {
    if matches!(&begun, Err(Error::Refused(refusal)) if *refusal == FILE_SERVER_FULL) {
        let caller = ctx.clone();
        db.write(move |tx| purging::order(tx, &caller)).await?;
    }
    begun
}

#[async_trait]
impl Arriving for Arrival {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        may_have(self.new.purpose, self.size)?;
        self.lease.still_held()?;
        self.reserve().await?;
        self.sniffer.push(&bytes);
        self.hash.update(&bytes);
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
    /// Reserves room for what has come, and for more ahead of it.
    async fn reserve(&mut self) -> Result<()> {
        let needed = octets(self.size)?;
        if needed > self.reserved {
            let (user, file, now) = (self.user, self.file, self.lease.now());
            let reserved = self.db.write(move |tx| reserve(tx, user, file, needed, now)).await;
            self.reserved = seek_room(&self.db, &self.ctx, reserved).await?;
        }
        Ok(())
    }

    async fn complete(mut self: Box<Self>) -> Result<File> {
        let arrived = match self.examine() {
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

    fn examine(&mut self) -> Result<Arrived> {
        if self.size == 0 {
            return Err(Error::field("/file", "required", "is missing or empty"));
        }
        let found = std::mem::take(&mut self.sniffer).end();
        may_be(self.new.purpose, found, self.new.named.as_deref())?;
        let size = octets(self.size)?;
        Ok(Arrived { size, sha256: std::mem::take(&mut self.hash).finalize().into(), kind: found.media_type })
    }

    /// Makes it a file, or answers with the file that the first call with the same key has made.
    async fn keep(&mut self, arrived: Arrived) -> Result<File> {
        // The content is what makes a repeated call the same one.
        let mut call = self.ctx.clone();
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
        let first = move |tx: &mut Tx<'_>| Ok((keep(tx, &caller, file, &arrived)?, Stored(file)));
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
        let (ctx, user, file) = (self.ctx.clone(), self.user, self.file);
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

fn octets(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|_| Error::internal("a file of too many octets"))
}

pub fn insert(tx: &mut Tx<'_>, ctx: &Ctx, beginning: &Beginning) -> Result<Begun> {
    let Beginning { new, object, lasts, size } = beginning;
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    // Their account is not gone.
    profile::own(tx.conn, user)?;
    let (usage, limits) = (read::usage(tx.conn, user, ctx.now)?, tx.services.options.media.limits);
    may_begin(usage, limits)?;
    let taken = read::taken(tx.conn, user, *object, ctx.now)?;
    let reserved = taken.reserve(size.unwrap_or(0), size.is_some(), limits)?;
    let object = ObjectRow {
        id: *object,
        owner_id: Some(user),
        status: FileStatus::Uploading.as_str().to_owned(),
        size: 0,
        sha256: None,
        kind: kinds::OCTETS.to_owned(),
        refs: 1,
        created_at: ctx.now,
        purge_at: None,
        arriving_until: Some(ctx.now.plus(*lasts)),
        purge_failures: 0,
        scanning_since: None,
        scan: Scan::None.as_str().to_owned(),
        signatures: None,
        virus: None,
        scanned_at: Timestamp::from_micros(0),
        seen: None,
        clean_size: None,
        clean_sha256: None,
        reserved,
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
        .values((file_usage::user_id.eq(user), file_usage::octets.eq(0), file_usage::files.eq(1)))
        .on_conflict(file_usage::user_id)
        .do_update()
        .set(file_usage::files.eq(file_usage::files + 1))
        .execute(tx.conn)?;
    more(tx, reserved, 1)?;
    Ok(Begun { file: file.id, object: object.id, reserved })
}

/// Reserves room for an upload that has come to so many octets. Answers how many it may have before it asks again.
fn reserve(tx: &mut Tx<'_>, user: UserId, file: FileId, needed: i64, now: Timestamp) -> Result<i64> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let (_, object) = read::own(tx.conn, user, file)?;
    if object.status()? != FileStatus::Uploading {
        return Err(FILE_UNKNOWN.into());
    }
    let taken = read::taken(tx.conn, user, object.id, now)?;
    let reserved = taken.reserve(needed, false, tx.services.options.media.limits)?;
    diesel::update(file_objects::table.find(object.id)).set(file_objects::reserved.eq(reserved)).execute(tx.conn)?;
    more(tx, reserved - object.reserved, 0)?;
    Ok(reserved)
}

/// Counts what the server stores more, or is about to. All uploads wait for this row, so it is among the last that a
/// transaction writes; whoever comes at the same moment is counted by then.
fn more(tx: &mut Tx<'_>, octets: i64, objects: i64) -> Result<()> {
    let limits = tx.services.options.media.limits;
    let fits = file_totals::octets.le(limits.server_octets.saturating_sub(octets));
    let fits = fits.and(file_totals::objects.le(limits.server_objects - objects));
    let counted = diesel::update(file_totals::table.filter(fits))
        .set((
            file_totals::octets.eq(file_totals::octets + octets),
            file_totals::objects.eq(file_totals::objects + objects),
        ))
        .execute(tx.conn)?;
    if counted == 0 { Err(FILE_SERVER_FULL.into()) } else { Ok(()) }
}

/// Makes a file of an upload whose bytes have arrived, within what it has reserved.
pub fn keep(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, arrived: &Arrived) -> Result<File> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    profile::own(tx.conn, user)?;
    let (mut row, object) = read::own(tx.conn, user, file)?;
    if object.status()? != FileStatus::Uploading {
        return Err(FILE_UNKNOWN.into());
    }
    // What has no file any more is about to be purged, so it is not taken again.
    let same: Option<ObjectRow> = file_objects::table
        .filter(file_objects::owner_id.eq(user).and(file_objects::sha256.eq(arrived.sha256.as_slice())))
        .filter(file_objects::refs.gt(0).and(file_objects::refs.lt(SHARED_BY)))
        .select(ObjectRow::as_select())
        .first(tx.conn)
        .optional()?;
    let object = match same {
        Some(same) => {
            row.failed = examining::is_unfit(&tx.services.options.media, &same, &row.purpose)?;
            let shares = (files::object_id.eq(same.id), files::failed.eq(row.failed));
            diesel::update(files::table.find(file)).set(shares).execute(tx.conn)?;
            let one_more = file_objects::refs.eq(file_objects::refs + 1);
            diesel::update(file_objects::table.find(same.id)).set(one_more).execute(tx.conn)?;
            // The bytes have arrived all the same, and count until they are gone.
            deleting::let_go(tx, object.id, arrived.size, ctx.now)?;
            deleting::count_trash(tx, user, arrived.size)?;
            deleting::count_stored(tx, arrived.size - object.reserved)?;
            purging::order(tx, ctx)?;
            same
        }
        None => {
            may_keep(read::usage(tx.conn, user, ctx.now)?, arrived.size, tx.services.options.media.limits)?;
            let one_more = file_usage::octets.eq(file_usage::octets + arrived.size);
            diesel::update(file_usage::table.find(user)).set(one_more).execute(tx.conn)?;
            let waits = examining::is_needed(&tx.services.options.media, arrived.kind);
            let status = if waits { FileStatus::Scanning } else { FileStatus::Ready };
            let kept = diesel::update(file_objects::table.find(object.id))
                .set((
                    file_objects::status.eq(status.as_str()),
                    file_objects::scanning_since.eq(waits.then_some(ctx.now)),
                    file_objects::size.eq(arrived.size),
                    file_objects::sha256.eq(arrived.sha256.as_slice()),
                    file_objects::kind.eq(arrived.kind),
                    file_objects::arriving_until.eq(None::<Timestamp>),
                    file_objects::reserved.eq(0),
                ))
                .returning(ObjectRow::as_returning())
                .get_result(tx.conn)?;
            if waits {
                examining::order(tx, ctx, user, kept.id)?;
            }
            deleting::count_stored(tx, arrived.size - object.reserved)?;
            kept
        }
    };
    loose::note_new(tx, ctx, row.id)?;
    let kept = row.file(&object)?;
    journal::append(tx, ctx, &Change::Updated(user, (&kept).into()))?;
    Ok(kept)
}
