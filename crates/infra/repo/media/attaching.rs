//! What the domains that attach files know of them: what a file is, and that it may be attached to nothing any more.

use std::collections::HashMap;

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

/// Says that something has these files now. A node of an earlier version, which may not know what it is, finds no note that
/// they may be attached to nothing, and so deletes none of them. They are held by whoever attaches them.
pub fn fasten(conn: &mut Conn, mut held: Vec<FileId>) -> Result<()> {
    held.sort_unstable();
    held.dedup();
    if held.is_empty() { Ok(()) } else { dialect::media::forget_loose_files(conn, &held) }
}

/// Says that something does not have these files any more: if nothing else has them, they are deleted soon.
pub fn loosen(tx: &mut Tx<'_>, mut gone: Vec<FileId>) -> Result<()> {
    gone.sort_unstable();
    gone.dedup();
    // Whatever the time is, the next run looks.
    let at_once = Timestamp::from_micros(0);
    if gone.is_empty() { Ok(()) } else { dialect::media::note_loose_files(tx.conn, &gone, at_once) }
}
