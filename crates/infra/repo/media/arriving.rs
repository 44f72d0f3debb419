//! A file arrives: its row first, then its bytes, which are hashed on their way, then what it is.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Ctx, Error, Result, Timestamp, UserId, Word};
use clowder_media::{
    Arriving, Blobs, Change, File, FileId, FileStatus, Key, NewFile, ObjectId, Scan,
    blobs::Writing,
    examiner, file_name, kinds,
    policy::{may_be, may_begin, may_have, may_keep},
    refusals::{FILE_SERVER_FULL, FILE_UNKNOWN},
};
use diesel::prelude::*;
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
    digesting::Digesting,
    examining,
    lease::Lease,
    loose, once, purging, read, resumable, sharing,
};
use crate::{
    domains::media::{FileRow, ObjectRow, file_objects, file_totals, file_usage, files, key_of},
    keys::Keys,
    worker_pool::fair::Caller,
};

/// An upload that is going on.
struct Arrival {
    db: Db,
    keys: Arc<Keys>,
    blobs: Arc<dyn Blobs>,
    /// When it began, which may be hours ago.
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

/// What the rows of an upload say at its beginning.
pub struct Rows<'n> {
    pub new: &'n NewFile,
    pub object: ObjectId,
    /// How many octets count as its content from the beginning.
    pub size: i64,
    /// How many octets of the room of its owner and of the server it takes beside that.
    pub reserved: i64,
    pub arriving_until: Option<Timestamp>,
}

/// In a task of its own: if the caller goes away meanwhile, what has begun is forgotten at once, and not when its lease ends.
pub async fn begin(repo: &Repo, ctx: &Ctx, new: NewFile) -> Result<Box<dyn Arriving>> {
    let (db, keys, blobs) = (repo.db.clone(), Arc::clone(&repo.deps.keys), repo.blobs()?);
    let begin = Arrival::begin(db, keys, blobs, ctx.clone(), new, repo.deps.options.media.lease);
    let begun = tokio::spawn(Caller::current().scope(begin).in_current_span()).await;
    let broken = |error| Err(Error::internal(format!("the beginning of an upload: {error}")));
    let arrival: Box<Arrival> = begun.unwrap_or_else(broken)?;
    Ok(arrival)
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
    async fn begin(
        db: Db,
        keys: Arc<Keys>,
        blobs: Arc<dyn Blobs>,
        ctx: Ctx,
        new: NewFile,
        lease: Duration,
    ) -> Result<Box<Self>> {
        let new = NewFile { name: file_name::of(&new.name), ..new };
        let beginning = Beginning { new: new.clone(), object: ObjectId::new(ctx.now), lasts: lease, size: None };
        let caller = ctx.clone();
        let begun = db.write(move |tx| insert(tx, &caller, &beginning)).await;
        let Begun { file, object, reserved } = seek_room(&db, &ctx, begun).await?;
        let mut arrival = Box::new(Self {
            user: ctx.user()?,
            new,
            file,
            key: key_of(object)?,
            reserved,
            lease: Lease::hold(db.clone(), object, ctx.now, lease),
            writing: None,
            digesting: Digesting::default(),
            size: 0,
            ended: false,
            db,
            keys,
            blobs,
            ctx,
        });
        match arrival.blobs.begin(&arrival.key).await {
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
        Ctx { now: self.lease.now(), ..self.ctx.clone() }
    }

    async fn examine(&mut self) -> Result<Arrived> {
        if self.size == 0 {
            return Err(Error::field("/file", "required", "is missing or empty"));
        }
        let (sha256, found) = self.digesting.end().await?;
        may_be(self.new.purpose, found, self.new.named.as_deref())?;
        let size = octets(self.size)?;
        Ok(Arrived { size, sha256, kind: found.media_type })
    }

    /// Makes it a file, or answers with the file that the first call with the same key has made.
    async fn keep(&mut self, arrived: Arrived) -> Result<File> {
        // The content is what makes a repeated call the same one.
        let missing = sharing::missing(&self.db, &*self.blobs, self.user, arrived.sha256).await?;
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
            read::to_owner(tx.conn, row, &object)
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

fn octets(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|_| Error::internal("a file of too many octets"))
}

pub fn insert(tx: &mut Tx<'_>, ctx: &Ctx, beginning: &Beginning) -> Result<Begun> {
    let Beginning { new, object, lasts, size } = beginning;
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    // Their account is not gone.
    profile::own(tx.conn, user)?;
    let claim = once::may_begin(tx, ctx, user)?;
    let (usage, limits) = (read::usage(tx.conn, user, ctx.now)?, tx.services.options.media.limits);
    may_begin(usage, limits)?;
    let taken = read::taken(tx.conn, user, *object, ctx.now)?;
    let reserved = taken.reserve(size.unwrap_or(0), size.is_some(), limits)?;
    let until = ctx.now.plus(*lasts);
    let begun = add_rows(tx, ctx, Rows { new, object: *object, size: 0, reserved, arriving_until: Some(until) })?;
    // One whose size is known stores its answer at once, so it need not claim the key.
    if let Some(claim) = claim.filter(|_| size.is_none()) {
        once::claim(tx.conn, begun.object, claim)?;
    }
    Ok(begun)
}

/// The rows of a file that is about to arrive.
pub fn add_rows(tx: &mut Tx<'_>, ctx: &Ctx, rows: Rows<'_>) -> Result<Begun> {
    let Rows { new, object, size, reserved, arriving_until } = rows;
    let user = ctx.user()?;
    let object = ObjectRow {
        id: object,
        owner_id: Some(user),
        status: FileStatus::Uploading.as_str().to_owned(),
        size,
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
        .values((file_usage::user_id.eq(user), file_usage::octets.eq(size), file_usage::files.eq(1)))
        .on_conflict(file_usage::user_id)
        .do_update()
        .set((file_usage::octets.eq(file_usage::octets + size), file_usage::files.eq(file_usage::files + 1)))
        .execute(tx.conn)?;
    more(tx, size + reserved, 1)?;
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
    // An upload whose length was declared counts from the beginning.
    let counted = arrives.size;
    // The upload may have taken hours.
    row.created_at = ctx.now;
    diesel::update(files::table.find(file)).set(files::created_at.eq(row.created_at)).execute(tx.conn)?;
    let object = match sharing::shareable(tx.conn, user, &arrived.sha256, missing)? {
        Some(same) => {
            row.failed = examining::is_unfit(&tx.services.options.media, &same, &row.purpose)?;
            let shares = (files::object_id.eq(same.id), files::failed.eq(row.failed));
            diesel::update(files::table.find(file)).set(shares).execute(tx.conn)?;
            let one_more = file_objects::refs.eq(file_objects::refs + 1);
            diesel::update(file_objects::table.find(same.id)).set(one_more).execute(tx.conn)?;
            // The bytes have arrived all the same, and count until they are gone.
            deleting::let_go(tx, arrives.id, arrived.size, ctx.now)?;
            let free = file_usage::octets.eq(file_usage::octets - counted);
            diesel::update(file_usage::table.find(user)).set(free).execute(tx.conn)?;
            deleting::count_trash(tx, user, arrived.size)?;
            deleting::count_stored(tx, arrived.size - counted - arrives.reserved)?;
            purging::order(tx, ctx)?;
            same
        }
        None => {
            let new = arrived.size - counted;
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
                    file_objects::reserved.eq(0),
                ))
                .returning(ObjectRow::as_returning())
                .get_result(tx.conn)?;
            if waits {
                examining::order(tx, ctx, user, kept.id)?;
            }
            deleting::count_stored(tx, new - arrives.reserved)?;
            kept
        }
    };
    resumable::forget(tx, arrives.id)?;
    loose::note_new(tx, ctx, row.id)?;
    let kept = row.file(&object)?;
    journal::append(tx, ctx, &Change::Updated(user, (&kept).into()))?;
    Ok(kept)
}
