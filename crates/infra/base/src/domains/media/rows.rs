//! The rows of files, and where the bytes of an object are.

use clowder_core::{Error, Id, Result, Thumbnail, Timestamp, UserId, Word};
use clowder_media::{
    Content, File, FileId, FileStatus, Format, Key, ObjectId, Purpose, Scan, Seen, Size, Variant,
    blobs::Grown,
    kinds,
    refusals::{FILE_FAILED, FILE_INFECTED, FILE_NO_THUMBNAIL, FILE_NOT_READY},
};
use data_encoding::HEXLOWER;
use diesel::prelude::*;
use uuid::Uuid;

use super::schema::{direct_uploads, file_objects, files, resumable_uploads};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = files)]
pub struct FileRow {
    pub id: FileId,
    pub owner_id: UserId,
    pub object_id: ObjectId,
    pub name: String,
    pub purpose: String,
    pub created_at: Timestamp,
    /// It does not fit its purpose, as its examination has shown.
    pub failed: bool,
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
    pub scanning_since: Option<Timestamp>,
    pub scan: String,
    pub signatures: Option<String>,
    /// What the virus scanner has found.
    pub virus: Option<String>,
    pub scanned_at: Timestamp,
    /// What was found in it, as JSON.
    pub seen: Option<String>,
    pub clean_size: Option<i64>,
    pub clean_sha256: Option<Vec<u8>>,
    /// When thumbnails and the copy without metadata were made.
    pub made_at: Option<Timestamp>,
    /// Until when what was uploaded stays in the store beside that copy.
    pub original_until: Option<Timestamp>,
    /// How many octets of the room of its owner and of the server it takes beside its size, as long as it arrives.
    pub reserved: i64,
}

/// An upload that goes to the store without this server.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = direct_uploads)]
#[diesel(treat_none_as_default_value = false)]
pub struct DirectRow {
    pub object_id: ObjectId,
    pub claim: String,
    pub sha256: Option<Vec<u8>>,
    pub expires_at: Timestamp,
    pub completed_by: Option<Id<()>>,
}

impl ObjectRow {
    pub fn status(&self) -> Result<FileStatus> {
        FileStatus::parse_word(&self.status)
    }

    /// What was found in it; nothing if it was not looked into, or could not be read.
    pub fn seen(&self) -> Result<Option<Seen>> {
        Ok(self.seen.as_deref().map(serde_json::from_str).transpose()?)
    }

    /// How many octets it counts: a copy that was turned may be longer than what was uploaded.
    pub fn counted(&self) -> i64 {
        self.size.max(self.clean_size.unwrap_or(0))
    }

    /// The length and the hash of the content that can be read.
    pub fn shown(&self) -> (i64, Option<&[u8]>) {
        match self.clean_size {
            Some(size) => (size, self.clean_sha256.as_deref()),
            None => (self.size, self.sha256.as_deref()),
        }
    }

    /// Where the content is that can be read.
    pub fn shown_key(&self) -> Result<Key> {
        match self.clean_size {
            Some(_) => variant_key(self.id, Variant::Clean),
            None => key_of(self.id),
        }
    }
}

/// An upload that can be continued. How long it will be is the size of its object.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = resumable_uploads)]
#[diesel(treat_none_as_default_value = false)]
pub struct ResumableRow {
    pub object_id: ObjectId,
    pub file_id: FileId,
    pub arrived: i64,
    pub state: String,
    pub named: Option<String>,
    pub writer: Option<Id<()>>,
    pub expires_at: Timestamp,
}

impl ResumableRow {
    pub fn grown(&self) -> Result<Grown> {
        let size = u64::try_from(self.arrived).map_err(|_| Error::internal("an upload of less than nothing"))?;
        Ok(Grown { size, state: self.state.clone() })
    }
}

impl ObjectRow {
    /// The same as it was before it lost its last file, if what was found in it then allows to show it.
    pub fn as_it_was(self, was_ready: bool) -> Self {
        // Only what was looked into became ready later.
        let was_ready = self.scan != Scan::Infected.as_str() && (was_ready || self.seen.is_some());
        let status = if was_ready { FileStatus::Ready } else { FileStatus::Failed };
        Self { status: status.as_str().to_owned(), ..self }
    }
}

/// What a message shows of a file that was looked into, too.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub seen: Seen,
    pub thumbnails: Vec<Thumbnail>,
}

impl FileRow {
    pub fn status(&self, object: &ObjectRow) -> Result<FileStatus> {
        Ok(match object.status()? {
            FileStatus::Ready if self.failed => FileStatus::Failed,
            status => status,
        })
    }

    /// What others may know of what is in it: nothing before it is ready.
    pub fn look(&self, object: &ObjectRow) -> Result<Look> {
        if self.status(object)? != FileStatus::Ready {
            return Ok(Look::default());
        }
        let seen = object.seen()?.unwrap_or_default();
        let of = seen.thumbnails.iter();
        let thumbnails = of.map(|made| Thumbnail::of(self.id, made.size, made.width, made.height)).collect();
        Ok(Look { seen, thumbnails })
    }

    /// The same file for those who see it only as a picture: its name says what it is for, such as `avatar.png`.
    pub fn unnamed(self, object: &ObjectRow) -> Self {
        let name = match object.kind.strip_prefix("image/") {
            Some(ending) => format!("{}.{ending}", self.purpose),
            None => self.purpose.clone(),
        };
        Self { name, ..self }
    }

    /// A file that is deleted, of which only the object is left.
    pub fn gone(id: FileId, object: &ObjectRow) -> Self {
        Self {
            id,
            owner_id: UserId::from_uuid(Uuid::nil()),
            object_id: object.id,
            name: String::new(),
            purpose: Purpose::Attachment.as_str().to_owned(),
            created_at: object.created_at,
            failed: false,
        }
    }

    /// As its owner sees it, without a poster.
    pub fn file(self, object: &ObjectRow) -> Result<File> {
        let (status, Look { seen, thumbnails }) = (self.status(object)?, self.look(object)?);
        let (size, sha256) = object.shown();
        Ok(File {
            id: self.id,
            kind: kinds::named(&object.kind, &self.name).to_owned(),
            name: self.name,
            size,
            sha256: sha256.map(|octets| HEXLOWER.encode(octets)),
            purpose: Purpose::parse_word(&self.purpose)?,
            status,
            scanned: object.scan == Scan::Clean.as_str(),
            width: seen.width,
            height: seen.height,
            duration_ms: seen.duration_ms,
            rotation: seen.rotation,
            codecs: seen.codecs,
            waveform: seen.waveform,
            blurhash: seen.blurhash,
            thumbnails,
            poster_id: None,
            uploaded_by: Some(self.owner_id),
            created_at: self.created_at,
        })
    }

    /// The content for somebody who sees the file, if anybody may get it.
    pub fn content(self, object: &ObjectRow, viewer: UserId) -> Result<Content> {
        self.is_ready(object)?;
        let (size, sha256) = object.shown();
        let sha256 = sha256.ok_or_else(|| Error::internal("a file that is ready without its hash"))?;
        let created_at = if object.clean_size.is_some() { self.made_at(object) } else { self.created_at };
        Ok(Content {
            key: object.shown_key()?,
            kind: kinds::named(&object.kind, &self.name).to_owned(),
            name: self.name,
            purpose: Purpose::parse_word(&self.purpose)?,
            size: u64::try_from(size).map_err(|_| Error::internal("a file of less than nothing"))?,
            tag: HEXLOWER.encode(sha256),
            created_at,
            viewer,
        })
    }

    /// The thumbnail of this size, or the largest of a smaller picture, for somebody who sees the file.
    pub fn thumbnail(self, object: &ObjectRow, viewer: UserId, size: Size, format: Format) -> Result<Content> {
        self.is_ready(object)?;
        let seen = object.seen()?.unwrap_or_default();
        let made = seen.thumbnails.iter().find(|made| made.size == size.pixels()).or(seen.thumbnails.last());
        let made = made.ok_or(FILE_NO_THUMBNAIL)?;
        let made_at = self.made_at(object);
        // Nobody learns the hash of what was uploaded. The tag is also a boundary, of at most 70 characters.
        let (_, sha256) = object.shown();
        let of: String = HEXLOWER.encode(sha256.unwrap_or_default()).chars().take(32).collect();
        Ok(Content {
            key: variant_key(object.id, Variant::Thumbnail { size: made.size, format })?,
            kind: format.media_type().to_owned(),
            name: format!("{}.{}", self.id, format.ending()),
            purpose: Purpose::parse_word(&self.purpose)?,
            size: match format {
                Format::WebP => made.webp,
                Format::Jpeg => made.jpeg,
            },
            tag: format!("{of}-{:x}-{}-{}", made_at.as_micros(), made.size, format.ending()),
            created_at: made_at,
            viewer,
        })
    }

    /// When what was made of it came to be: of a file that shares its content with an older one, when the file did.
    fn made_at(&self, object: &ObjectRow) -> Timestamp {
        object.made_at.map_or(self.created_at, |made_at| made_at.max(self.created_at))
    }

    pub fn is_ready(&self, object: &ObjectRow) -> Result<()> {
        match self.status(object)? {
            FileStatus::Ready => Ok(()),
            FileStatus::Uploading | FileStatus::Scanning => Err(FILE_NOT_READY.into()),
            FileStatus::Quarantined => Err(FILE_INFECTED.into()),
            FileStatus::Failed => Err(FILE_FAILED.into()),
        }
    }
}

/// Where the bytes are. The last digits of an id are random, so that no folder has too many files.
pub fn key_of(object: ObjectId) -> Result<Key> {
    let name = object.to_string();
    let folder = name.get(name.len() - 2..).unwrap_or_default();
    Key::new(format!("files/{folder}/{name}"))
}

/// Where something is that was made of it.
pub fn variant_key(object: ObjectId, variant: Variant) -> Result<Key> {
    let name = object.to_string();
    let folder = name.get(name.len() - 2..).unwrap_or_default();
    Key::new(match variant {
        Variant::Clean => format!("made/{folder}/{name}-clean"),
        Variant::Thumbnail { size, format } => format!("made/{folder}/{name}-{size}.{}", format.ending()),
    })
}

/// Which object has this key, or what was made of it.
pub fn object_of(key: &Key) -> Result<ObjectId> {
    const ID: usize = 36;
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    name.get(..ID).unwrap_or(name).parse().map_err(|_| Error::internal(format!("{key} is the key of no object")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_known_as_those_of_files() {
        let object = ObjectId::new(Timestamp::from_micros(1_700_000_000_000_000));
        let made = Variant::all().map(|variant| variant_key(object, variant));
        for key in std::iter::once(key_of(object)).chain(made) {
            let key = key.unwrap();
            assert!(key.is_of_a_file(), "{key}");
            assert_eq!(object_of(&key).unwrap(), object);
        }
    }
}
