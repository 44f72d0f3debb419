//! Locks of files, and the notes that they may be attached to nothing.

use clowder_core::{
    FileId, Result, Timestamp,
    sql::{Ts, Uid},
};
use diesel::{prelude::*, sqlite::Sqlite};

use super::Conn;
use crate::{domains::media::loose_files, statement::statement};

/// Not needed: there is only one writer.
pub fn lock_file(_: &mut Conn, _: FileId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn keep_files(_: &mut Conn, ids: &[FileId]) -> Result<Vec<FileId>> {
    Ok(ids.to_vec())
}

/// Not needed: there is only one writer.
pub fn keep_free_files(_: &mut Conn, ids: &[FileId]) -> Result<Vec<FileId>> {
    Ok(ids.to_vec())
}

/// When to look at a file. No lock is needed: there is only one writer.
pub fn lock_loose_file(conn: &mut Conn, file: FileId) -> Result<Option<Timestamp>> {
    Ok(loose_files::table.find(file).select(loose_files::due_at).first(conn).optional()?)
}

/// Notes that these files may be attached to nothing.
pub fn note_loose_files(conn: &mut Conn, ids: &[FileId], due_at: Timestamp) -> Result<()> {
    for id in ids {
        statement::<(), Sqlite>(
            "INSERT INTO loose_files (file_id, due_at) VALUES (?, ?) \
             ON CONFLICT (file_id) DO UPDATE SET due_at = excluded.due_at",
        )
        .bind::<Uid, _>(*id)
        .bind::<Ts, _>(due_at)
        .execute(conn)?;
    }
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_loose_files(_: &mut Conn, _: &[FileId]) -> Result<()> {
    Ok(())
}

/// Forgets that these files may be attached to nothing.
pub fn forget_loose_files(conn: &mut Conn, ids: &[FileId]) -> Result<()> {
    for id in ids {
        diesel::delete(loose_files::table.find(id)).execute(conn)?;
    }
    Ok(())
}
