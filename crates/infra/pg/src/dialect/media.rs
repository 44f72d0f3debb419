//! Locks of files, and of the notes that they may be attached to nothing.

use clowder_core::{
    FileId, Result, Timestamp,
    sql::{Ts, Uid},
};
use diesel::{pg::Pg, prelude::*, sql_types::Array};

use super::Conn;
use crate::{
    domains::media::{files, loose_files},
    statement::statement,
};

/// Taken by whoever deletes a file; its owner is locked before.
pub fn lock_file(conn: &mut Conn, file: FileId) -> Result<()> {
    files::table.find(file).select(files::id).for_update().first::<FileId>(conn).optional()?;
    Ok(())
}

/// Taken by whoever attaches these files, so that they are there until the end. Returns those that are.
pub fn keep_files(conn: &mut Conn, ids: &[FileId]) -> Result<Vec<FileId>> {
    let some = files::table.filter(files::id.eq_any(ids)).order(files::id).select(files::id);
    Ok(some.for_key_share().load(conn)?)
}

/// The same without waiting: those that somebody is deleting are left out.
pub fn keep_free_files(conn: &mut Conn, ids: &[FileId]) -> Result<Vec<FileId>> {
    let some = files::table.filter(files::id.eq_any(ids)).order(files::id).select(files::id);
    Ok(some.for_key_share().skip_locked().load(conn)?)
}

/// Taken by whoever decides whether a file is attached to nothing, so that whoever takes it from something comes before or
/// after. Returns when to look.
pub fn lock_loose_file(conn: &mut Conn, file: FileId) -> Result<Option<Timestamp>> {
    let one = loose_files::table.find(file).select(loose_files::due_at);
    Ok(one.for_update().first(conn).optional()?)
}

/// Notes that these files may be attached to nothing.
pub fn note_loose_files(conn: &mut Conn, ids: &[FileId], due_at: Timestamp) -> Result<()> {
    statement::<(), Pg>(
        "INSERT INTO loose_files (file_id, due_at) SELECT DISTINCT w.id, ? FROM unnest(?) AS w(id) ORDER BY 1 \
         ON CONFLICT (file_id) DO UPDATE SET due_at = excluded.due_at",
    )
    .bind::<Ts, _>(due_at)
    .bind::<Array<Uid>, _>(ids.to_vec())
    .execute(conn)?;
    Ok(())
}

/// Taken by whoever writes such notes, in the order in which all do.
pub fn lock_loose_files(conn: &mut Conn, ids: &[FileId]) -> Result<()> {
    let some = loose_files::table.filter(loose_files::file_id.eq_any(ids)).order(loose_files::file_id);
    some.select(loose_files::file_id).for_update().load::<FileId>(conn)?;
    Ok(())
}

/// Forgets that these files may be attached to nothing; the notes are locked.
pub fn forget_loose_files(conn: &mut Conn, ids: &[FileId]) -> Result<()> {
    diesel::delete(loose_files::table.filter(loose_files::file_id.eq_any(ids))).execute(conn)?;
    Ok(())
}
