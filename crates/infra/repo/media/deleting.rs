//! Files go, and with the last file of a content its bytes, later.

use std::time::Duration;

use clowder_core::{Ctx, Result, Timestamp, UserId, Word};
use clowder_media::{Change, FileId, FileStatus, ObjectId, change::FileGone, policy::Trash};
use diesel::{
    dsl::{exists, not},
    prelude::*,
};

use super::{
    super::{db::Tx, dialect, journal, people::Viewer},
    attaching, detaching, posters, purging, read, resumable,
};
use crate::domains::media::{FileRow, ObjectRow, file_objects, file_totals, file_usage, files, held_objects};

/// How long bytes stay after the last file with them was deleted, in case that was a mistake of this program.
pub const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long after an error bytes may still become visible: a request to a store that was given up may be carried out later.
pub const APPEARS_LATE: Duration = Duration::from_secs(15 * 60);

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (row, object) = read::changeable(tx.conn, Viewer::of(ctx)?, file)?;
    end(tx, ctx, user, &row, &object)?;
    journal::append(tx, ctx, &Change::Deleted(user, FileGone { id: row.id }))
}

/// Ends a file, whatever has it; its owner is locked.
pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, owner: UserId, row: &FileRow, object: &ObjectRow) -> Result<()> {
    // Whoever is attaching it is done then.
    dialect::media::lock_file(tx.conn, row.id)?;
    let is_arriving = object.status()? == FileStatus::Uploading;
    let (octets, purge_at) = match resumable::grown(tx.conn, object.id)? {
        // What has arrived is of no use.
        Some(grown) => (resumable::octets(grown.size)?, ctx.now),
        // Bytes may still come.
        None if is_arriving => (object.counted(), ctx.now.plus(APPEARS_LATE)),
        None => (object.counted(), ctx.now.plus(KEPT_FOR)),
    };
    let trash = remove(tx, owner, row.id, object, octets, purge_at)?;
    if is_arriving && purge_at > ctx.now {
        wait_for_bytes(tx, object.id)?;
    }
    make_room(tx, ctx, owner, trash)?;
    if purge_at == ctx.now {
        purging::order(tx, ctx)?;
    }
    detaching::order(tx, ctx, row.id)
}

/// Forgets an upload that has not ended, and has left so many octets in the store. Answers whether there is a file because
/// it has ended after all. If it is not purged at once, its bytes may appear until then, so that it must not go earlier.
pub fn discard(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    file: FileId,
    octets: i64,
    purge_at: Timestamp,
) -> Result<bool> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let Some((row, object)) = read::find(tx.conn, user, file)? else { return Ok(false) };
    if object.status()? != FileStatus::Uploading {
        return Ok(true);
    }
    remove(tx, user, row.id, &object, octets, purge_at)?;
    if purge_at > ctx.now {
        wait_for_bytes(tx, object.id)?;
    }
    purging::order(tx, ctx)?;
    Ok(false)
}

/// The bytes of an object may appear until it is purged, so that it must not go earlier.
fn wait_for_bytes(tx: &mut Tx<'_>, object: ObjectId) -> Result<()> {
    diesel::update(file_objects::table.find(object)).set(file_objects::late.eq(true)).execute(tx.conn)?;
    Ok(())
}

/// Removes a file whose object has so many octets in the store. Answers what waits to be purged then.
pub fn remove(
    tx: &mut Tx<'_>,
    user: UserId,
    file: FileId,
    object: &ObjectRow,
    octets: i64,
    purge_at: Timestamp,
) -> Result<Trash> {
    posters::forget(tx, file)?;
    diesel::delete(files::table.find(file)).execute(tx.conn)?;
    attaching::fasten(tx, [file]);
    // Its name.
    tx.deleted_text = true;
    let less = if object.refs > 1 {
        let one_less = file_objects::refs.eq(file_objects::refs - 1);
        diesel::update(file_objects::table.find(object.id)).set(one_less).execute(tx.conn)?;
        Size::default()
    } else {
        let_go(tx, object.id, octets, purge_at)?;
        Size { gone: object.counted(), left: octets, objects: 1 }
    };
    let less = (
        file_usage::octets.eq(file_usage::octets - less.gone),
        file_usage::files.eq(file_usage::files - 1),
        file_usage::trash_octets.eq(file_usage::trash_octets + less.left),
        file_usage::trash_objects.eq(file_usage::trash_objects + less.objects),
    );
    let trash = diesel::update(file_usage::table.find(user)).set(less);
    let trash =
        trash.returning((file_usage::trash_octets, file_usage::trash_objects)).get_result(tx.conn).optional()?;
    let more = octets - object.counted() - object.reserved;
    if more != 0 {
        count_stored(tx, more)?;
    }
    let (octets, objects) = trash.unwrap_or_default();
    Ok(Trash { octets, objects })
}

/// What a file takes with it.
#[derive(Default)]
struct Size {
    /// What counted as content of files.
    gone: i64,
    /// What of it is in the store.
    left: i64,
    objects: i64,
}

/// How many objects one deletion makes room for at most.
const MADE_ROOM_FOR: i64 = 100;

/// Lets the oldest of what somebody has deleted go at once, as far as it takes more room than they can have: or else
/// whoever uploads and deletes in turn would fill the store.
pub fn make_room(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, mut trash: Trash) -> Result<()> {
    let limits = tx.services.options.media.limits;
    if !trash.overflows(limits) {
        return Ok(());
    }
    let oldest: Vec<(ObjectId, i64, Option<Timestamp>, i64)> = file_objects::table
        .filter(file_objects::owner_id.eq(user).and(file_objects::purge_at.is_not_null()))
        .filter(not(exists(held_objects::table.filter(held_objects::object_id.eq(file_objects::id)))))
        .filter(file_objects::late.eq(false))
        .order(file_objects::purge_at)
        .limit(MADE_ROOM_FOR)
        .select((file_objects::id, file_objects::size, file_objects::purge_at, file_objects::purge_failures))
        .load(tx.conn)?;
    let mut waiting = Vec::new();
    for (object, size, purge_at, failures) in oldest {
        if !trash.overflows(limits) {
            break;
        }
        trash = Trash { octets: trash.octets - size, objects: trash.objects - 1 };
        // What the store cannot delete keeps its pause.
        if failures == 0 && purge_at > Some(ctx.now) {
            waiting.push(object);
        }
    }
    let waiting = file_objects::table.filter(file_objects::id.eq_any(waiting));
    diesel::update(waiting).set(file_objects::purge_at.eq(ctx.now)).execute(tx.conn)?;
    purging::order(tx, ctx)
}

/// One more object of somebody waits to be purged.
pub fn count_trash(tx: &mut Tx<'_>, user: UserId, octets: i64) -> Result<()> {
    let more = (
        file_usage::trash_octets.eq(file_usage::trash_octets + octets),
        file_usage::trash_objects.eq(file_usage::trash_objects + 1),
    );
    diesel::update(file_usage::table.find(user)).set(more).execute(tx.conn)?;
    Ok(())
}

/// Counts octets that are in the store already, whatever its limit.
pub fn count_stored(tx: &mut Tx<'_>, octets: i64) -> Result<()> {
    diesel::update(file_totals::table).set(file_totals::octets.eq(file_totals::octets + octets)).execute(tx.conn)?;
    Ok(())
}

/// No file has these bytes any more. They never get one again, so whoever purges them takes them from nobody.
pub fn let_go(tx: &mut Tx<'_>, object: ObjectId, octets: i64, purge_at: Timestamp) -> Result<()> {
    let gone = (
        file_objects::refs.eq(0),
        file_objects::status.eq(FileStatus::Failed.as_str()),
        file_objects::size.eq(octets),
        file_objects::reserved.eq(0),
        file_objects::purge_at.eq(purge_at),
        file_objects::arriving_until.eq(None::<Timestamp>),
        file_objects::scanning_since.eq(None::<Timestamp>),
    );
    diesel::update(file_objects::table.find(object)).set(gone).execute(tx.conn)?;
    Ok(())
}

/// How many uploads are looked at together.
const STALE_AT_ONCE: usize = 100;

/// Uploads that nobody has renewed since `after`: their process has died. Each is forgotten in its own transaction. Also says
/// until when to go on, if there are more.
pub fn stale(conn: &mut dialect::Conn, after: Timestamp, now: Timestamp) -> Result<(Stale, Option<Timestamp>)> {
    let old = file_objects::arriving_until.gt(after).and(file_objects::arriving_until.le(now));
    let old = file_objects::table.filter(old).order(file_objects::arriving_until).limit(STALE_AT_ONCE as i64);
    let old: Vec<(ObjectId, Option<Timestamp>)> =
        old.select((file_objects::id, file_objects::arriving_until)).load(conn)?;
    let last = old.last().filter(|_| old.len() == STALE_AT_ONCE).and_then(|(_, until)| *until);
    let mut objects: Vec<ObjectId> = old.into_iter().map(|(object, _)| object).collect();
    // Another call may go on with these.
    let resumable = resumable::among(conn, &objects)?;
    objects.retain(|object| !resumable.contains(object));
    let of_these = files::table.filter(files::object_id.eq_any(objects));
    Ok((of_these.select((files::owner_id, files::id)).load(conn)?, last))
}

pub type Stale = Vec<(UserId, FileId)>;

/// Whether any file has these bytes: then something is wrong, and they must stay.
pub fn has_files(conn: &mut dialect::Conn, object: ObjectId) -> Result<bool> {
    Ok(diesel::select(exists(files::table.filter(files::object_id.eq(object)))).get_result(conn)?)
}
