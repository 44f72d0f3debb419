//! The rows of files, and where the bytes of an object are.

use clowder_core::{Error, Result, Timestamp, UserId, Word};
use clowder_media::{
    Content, File, FileId, FileStatus, Key, ObjectId, Purpose, kinds,
    refusals::{FILE_FAILED, FILE_INFECTED, FILE_NOT_READY},
};
use data_encoding::HEXLOWER;
use diesel::prelude::*;

use super::schema::{file_objects, files};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = files)]
pub struct FileRow {
    pub id: FileId,
    pub owner_id: UserId,
    pub object_id: ObjectId,
    pub name: String,
    pub purpose: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = file_objects)]
#[diesel(treat_none_as_default_value = false)]
pub struct ObjectRow {
    pub id: ObjectId,
    pub owner_id: Option<UserId>,
    pub status: String,
    pub size: i64,
    pub sha256: Option<Vec<u8>>,
    pub kind: String,
    pub refs: i64,
    pub created_at: Timestamp,
    pub purge_at: Option<Timestamp>,
    pub arriving_until: Option<Timestamp>,
    pub purge_failures: i64,
}

impl ObjectRow {
    pub fn status(&self) -> Result<FileStatus> {
        FileStatus::parse_word(&self.status)
    }
}

impl FileRow {
    pub fn file(self, object: &ObjectRow) -> Result<File> {
        Ok(File {
            id: self.id,
            kind: kinds::named(&object.kind, &self.name).to_owned(),
            name: self.name,
            size: object.size,
            sha256: object.sha256.as_deref().map(|octets| HEXLOWER.encode(octets)),
            purpose: Purpose::parse_word(&self.purpose)?,
            status: object.status()?,
            uploaded_by: self.owner_id,
            created_at: self.created_at,
        })
    }

    /// The content for somebody who sees the file, if anybody may get it.
    pub fn content(self, object: &ObjectRow, viewer: UserId) -> Result<Content> {
        match object.status()? {
            FileStatus::Ready => {}
            FileStatus::Uploading | FileStatus::Scanning => return Err(FILE_NOT_READY.into()),
            FileStatus::Quarantined => return Err(FILE_INFECTED.into()),
            FileStatus::Failed => return Err(FILE_FAILED.into()),
        }
        let sha256 =
            object.sha256.as_deref().ok_or_else(|| Error::internal("a file that is ready without its hash"))?;
        Ok(Content {
            key: key_of(object.id)?,
            kind: kinds::named(&object.kind, &self.name).to_owned(),
            name: self.name,
            size: u64::try_from(object.size).map_err(|_| Error::internal("a file of less than nothing"))?,
            sha256: HEXLOWER.encode(sha256),
            created_at: self.created_at,
            viewer,
        })
    }
}

/// Where the bytes are. The last digits of an id are random, so that no folder has too many files.
pub fn key_of(object: ObjectId) -> Result<Key> {
    let name = object.to_string();
    let folder = name.get(name.len() - 2..).unwrap_or_default();
    Key::new(format!("files/{folder}/{name}"))
}

/// Which object has this key.
pub fn object_of(key: &Key) -> Result<ObjectId> {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    name.parse().map_err(|_| Error::internal(format!("{key} is the key of no object")))
}
