//! What the domains that attach files know of them: what a file is, and that it may be attached to nothing any more.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
};

use clowder_core::{FileId, Result, Timestamp, UserId, Word};
use clowder_media::{Purpose, kinds};
use diesel::prelude::*;

use super::{
    super::{among::AmongIds, db::Tx, dialect, dialect::Conn},
    posters,
};
use crate::domains::media::{FileRow, Look, ObjectRow, file_objects, files};

/// A file as it is now.
pub struct FileFacts {
    pub owner: UserId,
    pub name: String,
    pub kind: String,
    pub size: i64,
    /// Whether it was uploaded as a voice message.
    pub voice: bool,
    /// For what it was uploaded: one of the words of `clowder_media::Purpose`.
    pub purpose: String,
    /// One of the words of `clowder_media::FileStatus`.
    pub status: &'static str,
    /// What was found in it, once it is ready.
    pub look: Look,
}

/// Those of these files that exist.
pub fn facts<'i>(conn: &mut Conn, ids: impl IntoIterator<Item = &'i FileId>) -> Result<HashMap<FileId, FileFacts>> {
    let some = files::table.inner_join(file_objects::table).filter(files::id.among(ids));
    let rows: Vec<(FileRow, ObjectRow)> = some.select((FileRow::as_select(), ObjectRow::as_select())).load(conn)?;
    let videos = rows.iter().filter(|(_, object)| posters::is_video(object)).map(|(file, _)| file.id);
    let posters = posters::of(conn, &videos.collect::<Vec<_>>())?;
    let facts = rows.into_iter().map(|(file, object)| {
        let facts = FileFacts {
            owner: file.owner_id,
            kind: kinds::named(&object.kind, &file.name).to_owned(),
            size: object.clean_size.unwrap_or(object.size),
            voice: file.purpose == Purpose::Voice.as_str(),
            purpose: file.purpose.clone(),
            status: file.status(&object)?.as_str(),
            look: posters::look(&file, &object, posters.get(&file.id))?,
            name: file.name,
        };
        Ok((file.id, facts))
    });
    facts.collect()
}

/// What a transaction says of files: whether one may be attached to nothing now, or something has it, or it is gone.
pub type Notes = BTreeMap<FileId, bool>;

/// Says that something has these files now, which whoever attaches them holds. A node of an earlier version, which may not know
/// what that is, finds no note that they may be attached to nothing, and so deletes none of them.
pub fn fasten(tx: &mut Tx<'_>, held: impl IntoIterator<Item = FileId>) {
    tx.notes.extend(held.into_iter().map(|file| (file, false)));
}

/// Says that something does not have these files any more: if nothing else has them, they are deleted soon.
pub fn loosen(tx: &mut Tx<'_>, gone: impl IntoIterator<Item = FileId>) {
    tx.notes.extend(gone.into_iter().map(|file| (file, true)));
}

/// Writes what a transaction has said, all at once and in the order of the files: if it wrote that in several steps, two
/// transactions could wait for each other. It comes after all other locks but those of the audit log and the journal, as the
/// lock of whoever looks at a note does.
pub fn write(tx: &mut Tx<'_>) -> Result<()> {
    if tx.notes.is_empty() {
        return Ok(());
    }
    let notes = mem::take(&mut tx.notes);
    let all: Vec<FileId> = notes.keys().copied().collect();
    let is_loose = |file: &FileId| notes.get(file).is_some_and(|is_loose| *is_loose);
    let (loose, fast): (Vec<FileId>, Vec<FileId>) = all.iter().copied().partition(is_loose);
    dialect::media::lock_loose_files(tx.conn, &all)?;
    if !loose.is_empty() {
        // Whatever the time is, the next run looks.
        dialect::media::note_loose_files(tx.conn, &loose, Timestamp::from_micros(0))?;
    }
    if !fast.is_empty() {
        dialect::media::forget_loose_files(tx.conn, &fast)?;
    }
    Ok(())
}
