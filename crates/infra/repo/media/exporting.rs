//! The content of somebody's files in an export of their data. It is not stored a second time: the export knows where it is in
//! the store, which keeps what is deleted for as long as an export can be downloaded.

use std::ops::Range;

use clowder_core::{FileId, Id, Result, UserId, Word};
use clowder_media::{FileStatus, ObjectId, Variant, file_name::in_archive};
use diesel::prelude::*;

use super::super::{Repo, dialect::Conn};
use crate::domains::media::{FileRow, ObjectRow, Pieces, file_objects, files, key_of, variant_key};

/// How many files are looked up at once.
const PAGE: i64 = 100;

/// A file whose owner can read it.
pub struct Exported {
    /// Its path in the archive.
    pub path: String,
    pub content: Content,
    pub size: i64,
}

/// Where its content is.
#[derive(Debug, Clone, Copy)]
pub struct Content {
    pub object: ObjectId,
    /// Whether that is the picture without its metadata.
    pub clean: bool,
}

/// The next files of somebody that can be read, and after which to go on, if there are more.
pub fn page(conn: &mut Conn, user: UserId, after: Option<FileId>) -> Result<(Vec<Exported>, Option<FileId>)> {
    let next: FileId = after.unwrap_or_else(|| Id::from_uuid(uuid::Uuid::nil()));
    let own = files::table.inner_join(file_objects::table).filter(files::owner_id.eq(user).and(files::id.gt(next)));
    let own = own.order(files::id).limit(PAGE).select((FileRow::as_select(), ObjectRow::as_select()));
    let rows: Vec<(FileRow, ObjectRow)> = own.load(conn)?;
    let last = rows.last().map(|(file, _)| file.id).filter(|_| rows.len() == PAGE as usize);
    let mut exported = Vec::with_capacity(rows.len());
    for (file, object) in rows {
        if file.status(&object)? == FileStatus::Ready {
            let content = Content { object: object.id, clean: object.clean_size.is_some() };
            exported.push(Exported { path: in_archive(file.id, &file.name), content, size: object.shown().0 });
        }
    }
    Ok((exported, last))
}

impl Repo {
    /// All of a content; nothing if it is gone.
    pub async fn exported(&self, content: Content) -> Result<Option<Pieces>> {
        let reading = self.blobs()?.read(&content.key()?, None).await?;
        Ok(reading.map(|reading| Pieces::of(reading.bytes)))
    }

    /// A small piece of it. What is gone or was found to be infected meanwhile has zeros in its place: whoever unpacks the
    /// archive is told that this file is damaged, and gets all others.
    pub async fn exported_piece(&self, content: Content, range: Range<u64>) -> Result<Vec<u8>> {
        let object = content.object;
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
        let found = self.db.read(move |conn| is_infected(conn, object)).await?;
        let reading = match found {
            true => None,
            false => self.blobs()?.read(&content.key()?, Some(range)).await?,
        };
        match reading {
            Some(reading) => Pieces::of(reading.bytes).all().await,
            None => Ok(vec![0; length]),
        }
    }
}

impl Content {
    fn key(self) -> Result<clowder_media::Key> {
        if self.clean { variant_key(self.object, Variant::Clean) } else { key_of(self.object) }
    }
}

/// Of a file that is deleted, its object still says so.
fn is_infected(conn: &mut Conn, object: ObjectId) -> Result<bool> {
    let found = file_objects::table.find(object).select((file_objects::status, file_objects::virus));
    let found: Option<(String, Option<String>)> = found.first(conn).optional()?;
    let bad = FileStatus::Quarantined.as_str();
    Ok(found.is_some_and(|(status, virus)| status == bad || virus.is_some()))
}
