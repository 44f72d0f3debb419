//! Uploads that go to the store without this server. The row comes first, as for all others, then an address, then the bytes.
//! To complete an upload means to read what has arrived, once, and to write just that to the object, which no client reaches:
//! whatever arrives meanwhile or later changes nothing.

use std::{sync::Arc, time::Duration};

use clowder_core::{Ctx, Error, Id, Result, Timestamp, UserId, Word};
use clowder_media::{
    Blobs, DirectUpload, File, FileId, FileStatus, Key, NewDirectUpload, NewFile, ObjectId, Purpose, UploadHeader,
    blobs::{SignedPut, Writing},
    file_name,
    policy::{may_be, may_have},
    refusals::{FILE_DIFFERS, FILE_NO_DIRECT, FILE_NOT_READY, FILE_UNKNOWN},
    sniff::Sniffed,
};
use diesel::{dsl::exists, prelude::*};
use tracing::Instrument;

use super::{
    super::{
        Repo,
        accounts::profile,
        db::{Db, Tx},
        dialect::{self, Conn},
    },
    Stored,
    arriving::{self, Arrived, Beginning, seek_room},
    deleting::{self, APPEARS_LATE},
    lease::Lease,
    read, sharing,
};
use crate::{
    domains::media::{DirectRow, direct_uploads, file_objects, key_of, take_in},
    worker_pool::fair::Caller,
};

/// How long an address is good.
pub const LIFE: Duration = Duration::from_secs(3600);
/// How long after that an upload can be completed: one that began in time may take longer.
const COMPLETED_WITHIN: Duration = Duration::from_secs(3600);

/// An upload whose address is good.
struct Announced {
    file: FileId,
    object: ObjectId,
    expires_at: Timestamp,
}

pub async fn begin(repo: &Repo, ctx: &Ctx, new: NewDirectUpload) -> Result<DirectUpload> {
    let blobs = repo.blobs()?;
    let object = ObjectId::new(ctx.now);
    // Before there is a row: some stores take no uploads of clients.
    let Some(put) = sign(&*blobs, object, &new, LIFE).await? else { return Err(FILE_NO_DIRECT.into()) };
    may_have(new.purpose, new.size.unsigned_abs())?;
    let beginning = Beginning {
        new: NewFile { name: file_name::of(&new.name), named: None, purpose: new.purpose },
        object,
        lasts: LIFE + COMPLETED_WITHIN,
        size: Some(new.size),
    };
    let (caller, again_by, claim, sha256) = (ctx.clone(), ctx.clone(), new.claim, new.sha256);
    let first = move |tx: &mut Tx<'_>| {
        let begun = arriving::insert(tx, &caller, &beginning)?;
        let expires_at = caller.now.plus(LIFE);
        let row = DirectRow {
            object_id: begun.object,
            claim: claim.to_owned(),
            sha256: sha256.map(|sha256| sha256.to_vec()),
            expires_at,
            completed_by: None,
        };
        diesel::insert_into(direct_uploads::table).values(&row).execute(tx.conn)?;
        Ok((Announced { file: begun.file, object: begun.object, expires_at }, Stored(begun.file)))
    };
    let again = move |tx: &mut Tx<'_>, Stored(file): Stored| {
        let (_, object) = read::own(tx.conn, again_by.user()?, file)?;
        // There is nothing to upload to once it is complete.
        let row = find(tx.conn, object.id)?.filter(|row| row.expires_at > again_by.now).ok_or(FILE_UNKNOWN)?;
        Ok(Announced { file, object: object.id, expires_at: row.expires_at })
    };
    let begun = repo.db.create(ctx, first, again).await;
    let Announced { file, object: announced, expires_at } = seek_room(&repo.db, ctx, begun).await?;
    let put = match announced == object {
        true => Some(put),
        false => {
            let left = expires_at.as_micros() - ctx.now.as_micros();
            // In whole seconds, which addresses have.
            let left = Duration::from_secs(left.unsigned_abs().div_ceil(1_000_000));
            sign(&*blobs, announced, &new, left).await?
        }
    };
    let SignedPut { url, headers } = put.ok_or(FILE_NO_DIRECT)?;
    let headers = headers.into_iter().map(|(name, value)| UploadHeader { name: name.to_owned(), value });
    Ok(DirectUpload { id: file, method: "PUT".to_owned(), url, headers: headers.collect(), expires_at })
}

async fn sign(
    blobs: &dyn Blobs,
    object: ObjectId,
    new: &NewDirectUpload,
    lifetime: Duration,
) -> Result<Option<SignedPut>> {
    blobs.signed_put(&key_of(object)?, new.size.unsigned_abs(), new.sha256.as_ref(), lifetime).await
}

fn find(conn: &mut Conn, object: ObjectId) -> Result<Option<DirectRow>> {
    Ok(direct_uploads::table.find(object).select(DirectRow::as_select()).first(conn).optional()?)
}

/// Whether something may have arrived for this object, or still may, that was not taken in.
pub fn is_direct(conn: &mut Conn, object: ObjectId) -> Result<bool> {
    Ok(diesel::select(exists(direct_uploads::table.find(object))).get_result(conn)?)
}

/// A call that completes an upload. No other one ever writes the object, unless this one has written nothing: a store may
/// carry out late what it was asked for.
struct Completion {
    db: Db,
    blobs: Arc<dyn Blobs>,
    ctx: Ctx,
    user: UserId,
    file: FileId,
    object: ObjectId,
    key: Key,
    purpose: Purpose,
    /// What was announced.
    size: i64,
    claim: String,
    sha256: Option<Vec<u8>>,
    /// Names this call.
    id: Id<()>,
}

/// What of an upload that fails is at the place of its object.
enum Left {
    Nothing,
    /// All of it, or it may be within this time.
    All(Duration),
}

/// What a call finds.
enum Found {
    /// Nothing is left to do.
    Complete(File),
    /// It has the upload to itself.
    Arriving { row: DirectRow, size: i64, purpose: Purpose },
}

/// In a task of its own, as the end of every upload: a caller that goes away meanwhile does not interrupt it.
pub async fn complete(repo: &Repo, ctx: &Ctx, file: FileId) -> Result<File> {
    let lease = repo.deps.options.media.lease;
    let complete = Completion::carry_out(repo.db.clone(), repo.blobs()?, ctx.clone(), file, lease);
    let completed = tokio::spawn(Caller::current().scope(complete).in_current_span()).await;
    completed.unwrap_or_else(|error| Err(Error::internal(format!("the end of an upload: {error}"))))
}

/// Takes an upload for one call. Its lease is that of the call from then on: if the process dies, the upload is forgotten
/// like any other one.
fn take(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, id: Id<()>) -> Result<Found> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    profile::own(tx.conn, user)?;
    let (row, object) = read::own(tx.conn, user, file)?;
    if object.status()? != FileStatus::Uploading {
        return read::to_owner(tx.conn, row, &object).map(Found::Complete);
    }
    // One that comes by way of this server ends by itself.
    let direct = find(tx.conn, object.id)?.ok_or(FILE_NOT_READY)?;
    if direct.completed_by.is_some() {
        return Err(FILE_NOT_READY.into());
    }
    let until = ctx.now.plus(tx.services.options.media.lease);
    diesel::update(direct_uploads::table.find(object.id)).set(direct_uploads::completed_by.eq(id)).execute(tx.conn)?;
    let lasts = file_objects::arriving_until.eq(until);
    diesel::update(file_objects::table.find(object.id)).set(lasts).execute(tx.conn)?;
    let purpose = Purpose::parse_word(&row.purpose)?;
    Ok(Found::Arriving { row: direct, size: object.reserved, purpose })
}

impl Completion {
    async fn carry_out(db: Db, blobs: Arc<dyn Blobs>, ctx: Ctx, file: FileId, lease: Duration) -> Result<File> {
        let (user, id, caller) = (ctx.user()?, Id::<()>::new(ctx.now), ctx.clone());
        let (row, size, purpose) = match db.write(move |tx| take(tx, &caller, file, id)).await? {
            Found::Complete(file) => return Ok(file),
            Found::Arriving { row, size, purpose } => (row, size, purpose),
        };
        let lease = Lease::hold(db.clone(), row.object_id, ctx.now, lease);
        let completion = Self {
            db,
            blobs,
            ctx,
            user,
            file,
            object: row.object_id,
            key: key_of(row.object_id)?,
            purpose,
            size,
            claim: row.claim,
            sha256: row.sha256,
            id,
        };
        completion.complete(lease).await
    }

    async fn complete(self, lease: Lease) -> Result<File> {
        let taken = self.take_in(&lease).await;
        let outcome = match taken {
            Ok((writing, arrived)) => match writing.finish().await {
                Ok(()) => self.keep(arrived).await.map_err(|error| (error, Left::All(Duration::ZERO))),
                Err(error) => Err((error, Left::All(APPEARS_LATE))),
            },
            Err(error) if error.refusal().is_some_and(|refusal| refusal != FILE_NOT_READY) => {
                Err((error, Left::Nothing))
            }
            Err(error) => {
                // It may be tried again, with a lease of its own.
                drop(lease);
                self.let_go().await;
                return Err(error);
            }
        };
        match outcome {
            Ok(file) => {
                if let Err(error) = self.blobs.decline(&self.key).await {
                    tracing::warn!(%error, key = %self.key, "what has arrived stays beside its object until it is swept");
                }
                Ok(file)
            }
            Err((error, left)) => {
                self.take_back(left).await;
                Err(error)
            }
        }
    }

    /// Reads what has arrived, writes it to the object, and finds out what it is.
    async fn take_in(&self, lease: &Lease) -> Result<(Box<dyn Writing>, Arrived)> {
        let reading = self.blobs.arrived(&self.key).await?.ok_or(FILE_NOT_READY)?;
        if reading.head.size != self.size.unsigned_abs() {
            return Err(FILE_DIFFERS.into());
        }
        let mut writing = self.blobs.begin(&self.key).await?;
        let taken = take_in(reading, &mut *writing, || lease.still_held()).await;
        match taken.and_then(|(sha256, found)| self.may_be(sha256, found)) {
            Ok(arrived) => Ok((writing, arrived)),
            Err(error) => {
                writing.abort().await;
                Err(error)
            }
        }
    }

    fn may_be(&self, sha256: [u8; 32], found: Sniffed) -> Result<Arrived> {
        if self.sha256.as_ref().is_some_and(|announced| *announced != sha256) {
            return Err(FILE_DIFFERS.into());
        }
        may_be(self.purpose, found, Some(&self.claim))?;
        Ok(Arrived { size: self.size, sha256, kind: found.media_type })
    }

    async fn keep(&self, arrived: Arrived) -> Result<File> {
        let missing = sharing::missing(&self.db, &*self.blobs, self.user, arrived.sha256).await?;
        let (ctx, user, file, object, id) = (self.ctx.clone(), self.user, self.file, self.object, self.id);
        let keep = move |tx: &mut Tx<'_>| {
            dialect::accounts::lock_user(tx.conn, user)?;
            let own = direct_uploads::table.find(object).filter(direct_uploads::completed_by.eq(id));
            if diesel::delete(own).execute(tx.conn)? == 0 {
                return Err(FILE_UNKNOWN.into());
            }
            arriving::keep(tx, &ctx, user, file, &arrived, &missing)
        };
        self.db.write(keep).await
    }

    /// Forgets what was refused, with its bytes. If it was kept nevertheless, because only the answer of the database was
    /// lost, it stays.
    async fn take_back(&self, left: Left) {
        let (size, late) = match left {
            Left::Nothing => (0, Duration::ZERO),
            Left::All(late) => (self.size, late),
        };
        let (ctx, user, file) = (self.ctx.clone(), self.user, self.file);
        let purge_at = ctx.now.plus(late);
        match self.db.write(move |tx| deleting::discard(tx, &ctx, user, file, size, purge_at)).await {
            Ok(true) => {}
            // Deleted meanwhile, and perhaps purged before this call has written anything.
            Ok(false) => {
                if let Err(error) = self.blobs.delete(&self.key).await {
                    tracing::warn!(%error, key = %self.key, "cannot delete what was refused right now");
                }
            }
            Err(error) => tracing::warn!(%error, "cannot forget an upload right now; that is done later"),
        }
    }

    /// Lets another call complete the upload.
    async fn let_go(&self) {
        let (user, object, id) = (self.user, self.object, self.id);
        let let_go = move |tx: &mut Tx<'_>| {
            dialect::accounts::lock_user(tx.conn, user)?;
            let own = direct_uploads::table.find(object).filter(direct_uploads::completed_by.eq(id));
            let own = diesel::update(own).set(direct_uploads::completed_by.eq(None::<Id<()>>));
            let expires_at = own.returning(direct_uploads::expires_at).get_result::<Timestamp>(tx.conn).optional()?;
            let Some(expires_at) = expires_at else { return Ok(()) };
            let arriving = file_objects::table.find(object).filter(file_objects::arriving_until.is_not_null());
            let until = file_objects::arriving_until.eq(expires_at.plus(COMPLETED_WITHIN));
            diesel::update(arriving).set(until).execute(tx.conn)?;
            Ok(())
        };
        if let Err(error) = self.db.write(let_go).await {
            tracing::warn!(%error, "cannot let go of an upload right now; it is forgotten in a few minutes");
        }
    }
}
