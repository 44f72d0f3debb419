//! Uploads that can be continued: what is known of each, and which call is writing to it. Room for all of it is reserved from
//! the beginning, because the size of its object is what it will have.

use clowder_core::{Ctx, Error, Id, Result, Timestamp, UserId, Word};
use clowder_media::{
    FileId, FileStatus, Key, NewFile, NewResumable, ObjectId, Purpose, Resumable,
    blobs::Grown,
    file_name,
    policy::{may_continue, may_have, may_reserve},
    refusals::{FILE_EXPIRED, FILE_OFFSET, FILE_UNKNOWN},
    resumable::{Next, Progress, filetype},
};
use diesel::prelude::*;

use super::{
    super::{
        Repo,
        accounts::profile,
        db::Tx,
        dialect::{self, Conn},
    },
    Stored,
    arriving::{self, Begun, Rows, seek_room},
    deleting, once, purging, read,
};
use crate::domains::media::{FileRow, ObjectRow, ResumableRow, file_objects, files, key_of, resumable_uploads};

/// How many uploads one run of a job removes, and how many it finishes, which takes longer.
const EXPIRED_AT_ONCE: i64 = 1_000;
const WHOLE_AT_ONCE: i64 = 20;

/// What a call needs that is writing to an upload.
#[derive(Debug, Clone)]
pub struct Claim {
    pub user: UserId,
    pub file: FileId,
    pub object: ObjectId,
    pub key: Key,
    pub name: String,
    pub named: Option<String>,
    pub purpose: Purpose,
    pub length: i64,
    pub expires_at: Timestamp,
    /// How far the upload was when the call began.
    pub grown: Grown,
    pub writer: Id<()>,
}

impl Claim {
    /// The upload, when so much of it has arrived.
    pub fn upload(&self, grown: &Grown) -> Result<Resumable> {
        Ok(Resumable {
            id: self.file,
            name: self.name.clone(),
            filetype: self.named.clone(),
            purpose: self.purpose,
            offset: octets(grown.size)?,
            length: self.length,
            expires_at: Some(self.expires_at),
        })
    }
}

/// In a column.
pub fn octets(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|_| Error::internal("an upload of too many octets"))
}

pub async fn begin(repo: &Repo, ctx: &Ctx, new: NewResumable) -> Result<Resumable> {
    repo.blobs()?;
    let (name, named) = (file_name::of(&new.file.name), new.file.named.as_deref().and_then(filetype));
    let (length, file) = (octets(new.length)?, NewFile { name, named, purpose: new.file.purpose });
    let mut call = ctx.clone();
    if let Some(key) = &ctx.idempotency_key {
        let said = repo.deps.keys.fingerprint(&[
            b"resumable upload",
            file.name.as_bytes(),
            file.named.as_deref().unwrap_or_default().as_bytes(),
            file.purpose.as_str().as_bytes(),
            &length.to_be_bytes(),
        ]);
        call.idempotency_key = Some(key.with(&said));
    }
    let (caller, again_by) = (call.clone(), call.clone());
    let first = move |tx: &mut Tx<'_>| {
        let upload = insert(tx, &caller, &file, length)?;
        let stored = Stored(upload.id);
        Ok((upload, stored))
    };
    let again = move |tx: &mut Tx<'_>, Stored(earlier): Stored| shown(tx.conn, again_by.user()?, earlier, again_by.now);
    let begun = repo.db.create(&call, first, again).await;
    seek_room(&repo.db, ctx, begun).await
}

fn insert(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewFile, length: i64) -> Result<Resumable> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    // Their account is not gone.
    profile::own(tx.conn, user)?;
    // Its own answer is stored at once, so it need not claim the key.
    once::may_begin(tx, ctx, user)?;
    let (usage, options) = (read::usage(tx.conn, user, ctx.now)?, &tx.services.options.media);
    let limits = options.limits;
    let expires_at = ctx.now.plus(options.resumable_for);
    may_reserve(usage, open_ones(tx.conn, user)?, limits)?;
    may_have(new.purpose, length.unsigned_abs())?;
    let object = ObjectId::new(ctx.now);
    // All of it counts as content from now on, so nothing is reserved beside that.
    let size = read::taken(tx.conn, user, object, ctx.now)?.reserve(length, true, limits)?;
    let rows = Rows { new, object, size, reserved: 0, arriving_until: None };
    let Begun { file, .. } = arriving::add_rows(tx, ctx, rows)?;
    let row = ResumableRow {
        object_id: object,
        file_id: file,
        arrived: 0,
        state: String::new(),
        named: new.named.clone(),
        writer: None,
        expires_at,
    };
    diesel::insert_into(resumable_uploads::table).values(&row).execute(tx.conn)?;
    Ok(Resumable {
        id: file,
        name: new.name.clone(),
        filetype: new.named.clone(),
        purpose: new.purpose,
        offset: 0,
        length,
        expires_at: Some(expires_at),
    })
}

/// How many uploads somebody has that are not complete.
fn open_ones(conn: &mut Conn, user: UserId) -> Result<i64> {
    // Those without a hash are few.
    let own = file_objects::owner_id.eq(user).and(file_objects::sha256.is_null());
    let open = resumable_uploads::table.inner_join(file_objects::table).filter(own.and(file_objects::refs.gt(0)));
    Ok(open.count().get_result(conn)?)
}

fn find(conn: &mut Conn, object: ObjectId) -> Result<Option<ResumableRow>> {
    let row = resumable_uploads::table.find(object).select(ResumableRow::as_select());
    Ok(row.first(conn).optional()?)
}

/// How far what grows of an object is, if it can be continued.
pub fn grown(conn: &mut Conn, object: ObjectId) -> Result<Option<Grown>> {
    find(conn, object)?.map(|row| row.grown()).transpose()
}

pub fn shown(conn: &mut Conn, user: UserId, file: FileId, now: Timestamp) -> Result<Resumable> {
    let (row, object) = read::own(conn, user, file)?;
    let upload = find(conn, object.id)?;
    if upload.as_ref().is_some_and(|upload| upload.expires_at <= now) {
        return Err(FILE_EXPIRED.into());
    }
    if upload.is_none() && object.status()? == FileStatus::Uploading {
        // It is arriving in another way.
        return Err(FILE_UNKNOWN.into());
    }
    Ok(Resumable {
        id: row.id,
        filetype: upload.as_ref().map_or_else(|| Some(object.kind.clone()), |upload| upload.named.clone()),
        purpose: Purpose::parse_word(&row.purpose)?,
        name: row.name,
        offset: upload.as_ref().map_or(object.size, |upload| upload.arrived),
        length: object.size,
        expires_at: upload.map(|upload| upload.expires_at),
    })
}

/// Lets a call write to an upload, if no other one does.
pub fn claim(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, file: FileId, next: Next, writer: Id<()>) -> Result<Claim> {
    dialect::accounts::lock_user(tx.conn, user)?;
    // Their account is not gone.
    profile::own(tx.conn, user)?;
    let (row, object) = read::own(tx.conn, user, file)?;
    let Some(upload) = find(tx.conn, object.id)? else {
        // Either it has become a file, or it arrives in another way.
        let is_file = object.status()? != FileStatus::Uploading;
        return Err(if is_file { FILE_OFFSET } else { FILE_UNKNOWN }.into());
    };
    let (usage, options) = (read::usage(tx.conn, user, ctx.now)?, &tx.services.options.media);
    let grown = upload.grown()?;
    let progress = Progress {
        arrived: grown.size,
        is_busy: object.arriving_until.is_some_and(|until| until > ctx.now),
        is_expired: upload.expires_at <= ctx.now,
    };
    may_continue(progress, next.offset, usage, options.limits)?;
    hold(tx, ctx, row, object, upload, writer)
}

fn hold(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    row: FileRow,
    object: ObjectRow,
    upload: ResumableRow,
    writer: Id<()>,
) -> Result<Claim> {
    let until = ctx.now.plus(tx.services.options.media.silence);
    let held = file_objects::table.find(object.id);
    diesel::update(held).set(file_objects::arriving_until.eq(until)).execute(tx.conn)?;
    let written = resumable_uploads::table.find(object.id);
    diesel::update(written).set(resumable_uploads::writer.eq(writer)).execute(tx.conn)?;
    Ok(Claim {
        user: row.owner_id,
        file: row.id,
        object: object.id,
        key: key_of(object.id)?,
        name: row.name,
        purpose: Purpose::parse_word(&row.purpose)?,
        length: object.size,
        expires_at: upload.expires_at,
        grown: upload.grown()?,
        named: upload.named,
        writer,
    })
}

/// Lets a job finish an upload that has arrived whole, unless somebody else is doing that, or has done it.
pub fn claim_whole(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, file: FileId, writer: Id<()>) -> Result<Option<Claim>> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let Some((row, object)) = read::find(tx.conn, user, file)? else { return Ok(None) };
    let Some(upload) = find(tx.conn, object.id)? else { return Ok(None) };
    let is_busy = object.arriving_until.is_some_and(|until| until > ctx.now);
    if is_busy || upload.arrived != object.size {
        return Ok(None);
    }
    hold(tx, ctx, row, object, upload, writer).map(Some)
}

/// Stores how far an upload is while a call goes on writing to it.
pub fn advance(tx: &mut Tx<'_>, claim: &Claim, grown: &Grown) -> Result<()> {
    let own = resumable_uploads::table.find(claim.object).filter(resumable_uploads::writer.eq(claim.writer));
    let further = (resumable_uploads::arrived.eq(octets(grown.size)?), resumable_uploads::state.eq(&grown.state));
    let rows = diesel::update(own).set(further).execute(tx.conn)?;
    // It is gone, or this call was silent for so long that another one has taken over.
    if rows == 1 { Ok(()) } else { Err(FILE_UNKNOWN.into()) }
}

/// Stores how far an upload is when a call ends. One that has arrived whole is held until it has become a file, and does not
/// expire meanwhile.
pub fn settle(tx: &mut Tx<'_>, ctx: &Ctx, claim: &Claim, grown: &Grown) -> Result<()> {
    let is_whole = octets(grown.size)? == claim.length;
    if is_whole {
        advance(tx, claim, grown)?;
        let later = resumable_uploads::expires_at.eq(ctx.now.plus(tx.services.options.media.resumable_for));
        diesel::update(resumable_uploads::table.find(claim.object)).set(later).execute(tx.conn)?;
        return Ok(());
    }
    if release(tx, claim)? { advance(tx, claim, grown) } else { Err(FILE_UNKNOWN.into()) }
}

/// Says that this call writes no more. `false` if the upload is gone, or another call has taken over.
pub fn release(tx: &mut Tx<'_>, claim: &Claim) -> Result<bool> {
    let own = resumable_uploads::object_id.eq(claim.object).and(resumable_uploads::writer.eq(claim.writer));
    let own = resumable_uploads::table.inner_join(file_objects::table).filter(own.and(file_objects::refs.gt(0)));
    if own.count().get_result::<i64>(tx.conn)? == 0 {
        return Ok(false);
    }
    let held = file_objects::table.find(claim.object).filter(file_objects::refs.gt(0));
    let released = diesel::update(held).set(file_objects::arriving_until.eq(None::<Timestamp>)).execute(tx.conn)?;
    Ok(released == 1)
}

/// The upload has become a file.
pub fn forget(tx: &mut Tx<'_>, object: ObjectId) -> Result<()> {
    diesel::delete(resumable_uploads::table.find(object)).execute(tx.conn)?;
    Ok(())
}

pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (_, object) = read::own(tx.conn, user, file)?;
    match find(tx.conn, object.id)? {
        Some(upload) => deleting::discard(tx, ctx, user, file, upload.arrived, ctx.now).map(drop),
        None if object.status()? == FileStatus::Uploading => Err(FILE_UNKNOWN.into()),
        None => deleting::delete(tx, ctx, file),
    }
}

/// Somebody's upload.
pub type Of = (UserId, FileId);

/// Uploads that have expired.
pub fn expired(conn: &mut Conn, now: Timestamp) -> Result<Vec<Of>> {
    let expired = resumable_uploads::table.inner_join(file_objects::table);
    let expired = expired.filter(resumable_uploads::expires_at.le(now).and(file_objects::refs.gt(0)));
    let expired =
        expired.order(resumable_uploads::expires_at).limit(EXPIRED_AT_ONCE).select(resumable_uploads::file_id);
    let expired = expired.load(conn)?;
    owners(conn, expired)
}

/// Uploads that have arrived whole and that nobody is making files of.
pub fn whole(conn: &mut Conn, now: Timestamp) -> Result<Vec<Of>> {
    let free = file_objects::arriving_until.is_null().or(file_objects::arriving_until.le(now));
    let whole = resumable_uploads::table.inner_join(file_objects::table);
    let whole = whole.filter(resumable_uploads::arrived.eq(file_objects::size).and(file_objects::refs.gt(0)).and(free));
    let whole = whole.order(resumable_uploads::expires_at).limit(WHOLE_AT_ONCE).select(resumable_uploads::file_id);
    let whole = whole.load(conn)?;
    owners(conn, whole)
}

fn owners(conn: &mut Conn, some: Vec<FileId>) -> Result<Vec<Of>> {
    Ok(files::table.filter(files::id.eq_any(some)).select((files::owner_id, files::id)).load(conn)?)
}

/// Those of these objects that can be continued, although their calls have died.
pub fn among(conn: &mut Conn, objects: &[ObjectId]) -> Result<Vec<ObjectId>> {
    let among = resumable_uploads::table.filter(resumable_uploads::object_id.eq_any(objects.to_vec()));
    Ok(among.select(resumable_uploads::object_id).load(conn)?)
}

/// Forgets an upload that has expired, unless somebody is writing to it.
pub fn expire(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, file: FileId) -> Result<()> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let Some((_, object)) = read::find(tx.conn, user, file)? else { return Ok(()) };
    let Some(upload) = find(tx.conn, object.id)? else { return Ok(()) };
    let is_busy = object.arriving_until.is_some_and(|until| until > ctx.now);
    if is_busy || upload.expires_at > ctx.now {
        return Ok(());
    }
    deleting::discard(tx, ctx, user, file, upload.arrived, ctx.now)?;
    metrics::counter!("clowder_resumable_uploads_expired_total").increment(1);
    purging::order(tx, ctx)
}
