//! Files go, and with the last file of a content its bytes, later.

use std::time::Duration;

use clowder_core::{Ctx, Result, Timestamp, UserId, Word};
use clowder_media::{Change, FileId, FileStatus, ObjectId, change::FileGone};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{db::Tx, dialect, journal, people::Viewer},
    detaching, loose, purging, read,
};
use crate::domains::media::{ObjectRow, file_objects, file_usage, files};

/// How long bytes stay after the last file with them was deleted, in case that was a mistake of this program.
pub const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (row, object) = read::changeable(tx.conn, Viewer::of(ctx)?, file)?;
    // Whoever is attaching it is done then.
    dialect::media::lock_file(tx.conn, file)?;
    remove(tx, user, row.id, &object, ctx.now.plus(KEPT_FOR))?;
    detaching::order(tx, ctx, file)?;
    journal::append(tx, ctx, &Change::Deleted(user, FileGone { id: row.id }))
}

/// Forgets an upload that has not ended, and whose bytes have been aborted. Answers whether there is a file because it has
/// ended after all.
pub fn discard(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, file: FileId) -> Result<bool> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let Some((row, object)) = read::find(tx.conn, user, file)? else { return Ok(false) };
    if object.status()? != FileStatus::Uploading {
        return Ok(true);
    }
    remove(tx, user, row.id, &object, ctx.now)?;
    purging::order(tx, ctx)?;
    Ok(false)
}

pub fn remove(tx: &mut Tx<'_>, user: UserId, file: FileId, object: &ObjectRow, purge_at: Timestamp) -> Result<()> {
    diesel::delete(files::table.find(file)).execute(tx.conn)?;
    loose::forget(tx, file)?;
    // Its name.
    tx.deleted_text = true;
    let less = if object.refs > 1 {
        let one_less = file_objects::refs.eq(file_objects::refs - 1);
        diesel::update(file_objects::table.find(object.id)).set(one_less).execute(tx.conn)?;
        0
    } else {
        let_go(tx, object.id, purge_at)?;
        object.size
    };
    let less = (file_usage::octets.eq(file_usage::octets - less), file_usage::files.eq(file_usage::files - 1));
    diesel::update(file_usage::table.find(user)).set(less).execute(tx.conn)?;
    Ok(())
}

/// No file has these bytes any more. They never get one again, so whoever purges them takes them from nobody.
pub fn let_go(tx: &mut Tx<'_>, object: ObjectId, purge_at: Timestamp) -> Result<()> {
    let gone = (
        file_objects::refs.eq(0),
        file_objects::status.eq(FileStatus::Failed.as_str()),
        file_objects::purge_at.eq(purge_at),
    );
    diesel::update(file_objects::table.find(object)).set(gone).execute(tx.conn)?;
    Ok(())
}

/// Uploads of which nothing has been heard for long: their process has died. Each is forgotten in its own transaction.
pub fn stale(conn: &mut dialect::Conn, before: Timestamp) -> Result<Vec<(UserId, FileId)>> {
    let old = file_objects::status.eq(FileStatus::Uploading.as_str()).and(file_objects::created_at.le(before));
    let old = files::table.inner_join(file_objects::table).filter(old);
    Ok(old.order(files::id).limit(100).select((files::owner_id, files::id)).load(conn)?)
}

/// Whether any file has these bytes: then something is wrong, and they must stay.
pub fn has_files(conn: &mut dialect::Conn, object: ObjectId) -> Result<bool> {
    Ok(diesel::select(exists(files::table.filter(files::object_id.eq(object)))).get_result(conn)?)
}
