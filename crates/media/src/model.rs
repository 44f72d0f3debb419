//! Files, and what is asked of them.

use clowder_core::{Fields, Id, Input, Nullable, Thumbnail, Timestamp, UserId, Word, text::Flaw};
use serde::{Deserialize, Serialize};

pub use clowder_core::FileId;

use crate::{Key, Purpose};

pub enum Object {}

/// The bytes of one or several files of one person.
pub type ObjectId = Id<Object>;

/// A file that somebody has uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct File {
    pub id: FileId,
    /// Only for showing and saving. Of a picture of somebody else, it is its purpose, such as `avatar.png`.
    #[schema(max_length = 255)]
    pub name: String,
    /// In bytes, of the content that can be read. While it arrives, what was announced of a resumable upload, or 0.
    #[schema(minimum = 0)]
    pub size: i64,
    /// By its content, whatever the name says.
    #[serde(rename = "type")]
    #[schema(example = "image/jpeg")]
    pub kind: String,
    /// Of the content that can be read, in hexadecimal digits; `null` while it arrives. A picture has another one as soon as its
    /// metadata is taken out.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: Option<String>,
    pub purpose: Purpose,
    pub status: FileStatus,
    /// Whether the virus scanner has seen all of it and found nothing. `false` also if the server has no scanner.
    pub scanned: bool,
    /// Of a picture or video in pixels, as it is shown; `null` if that is not known.
    #[schema(minimum = 1)]
    pub width: Option<i64>,
    #[schema(minimum = 1)]
    pub height: Option<i64>,
    /// Of a recording or video.
    #[schema(minimum = 0)]
    pub duration_ms: Option<i64>,
    /// By how many degrees a player turns the video clockwise. The dimensions are those after that.
    #[schema(minimum = 0, maximum = 270)]
    pub rotation: Option<i64>,
    /// Of a recording or video, such as `opus` or `h264`.
    pub codecs: Vec<String>,
    /// The loudness of a recording: the loudest sample in each hundredth of it, from 0 to 255.
    #[schema(value_type = Option<Vec<u8>>, min_items = 100, max_items = 100)]
    pub waveform: Option<Vec<u8>>,
    /// What to show before the picture is there (<https://blurha.sh>).
    #[schema(max_length = 100, example = "LEHV6nWB2yk8pyo0adR*.7kCMdnj")]
    pub blurhash: Option<String>,
    /// By size. None is larger than the picture; a picture that moves has its first frame.
    #[schema(max_items = 5)]
    pub thumbnails: Vec<Thumbnail>,
    /// The picture whose thumbnails this video has; `null` if it has none, or is a file of somebody else.
    pub poster_id: Option<FileId>,
    /// You, or `null` if it is a file of somebody else.
    pub uploaded_by: Option<UserId>,
    pub created_at: Timestamp,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// It is arriving.
    Uploading,
    /// It is being examined; nobody gets it yet.
    Scanning,
    Ready,
    /// The virus scanner found something in it; nobody gets it.
    Quarantined,
    /// It cannot be read as what it claims to be.
    Failed,
}

impl Word for FileStatus {
    const WHAT: &'static str = "status of a file";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("uploading", Self::Uploading),
        ("scanning", Self::Scanning),
        ("ready", Self::Ready),
        ("quarantined", Self::Quarantined),
        ("failed", Self::Failed),
    ];
}

/// Octets of a file, as they are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Octets(pub Vec<u8>);

/// A form with the file in it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NewFile, example = json!({"file": "What is in the file"}))]
pub struct NewUpload {
    /// With its name, and with its type if that is known.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// A file that is about to arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// As it was given.
    pub name: String,
    /// The type that the uploader gives to it.
    pub named: Option<String>,
    pub purpose: Purpose,
}

/// Absent members stay; `null` takes the poster away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(example = json!({"poster_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}))]
pub struct FilePatch {
    /// One's own picture, which is ready.
    #[schema(value_type = Option<FileId>)]
    pub poster_id: Option<Nullable<FileId>>,
}

impl Input for FilePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { poster_id: fields.patch("poster_id")? })
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct FileFilter {
    pub purpose: Option<Purpose>,
}

/// How much of one's room for files is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FileQuota {
    /// In all files together; the same content counts once.
    #[schema(minimum = 0)]
    pub bytes_used: i64,
    #[schema(minimum = 0)]
    pub bytes_limit: i64,
    /// How many files there are.
    #[schema(minimum = 0)]
    pub count: i64,
    #[schema(minimum = 0)]
    pub count_limit: i64,
}

/// How long an address of a file is good, in seconds.
pub const DEFAULT_LIFE: i64 = 900;
pub const LONGEST_LIFE: i64 = 86_400;
/// The same for one that the store signs, which nothing can end earlier.
pub const LONGEST_SIGNED: i64 = 900;

/// `{expires_in?}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(example = json!({"expires_in": 900}))]
pub struct NewFileUrl {
    /// In seconds; 900 when absent. If the address is one of a bucket, at most 900 count.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 86400)]
    pub expires_in: i64,
}

impl Input for NewFileUrl {
    fn read(fields: &mut Fields) -> Option<Self> {
        let seconds: Option<i64> = fields.optional("expires_in")?;
        let seconds = seconds.unwrap_or(DEFAULT_LIFE);
        if !(1..=LONGEST_LIFE).contains(&seconds) {
            fields.flaw("expires_in", Flaw::new("range", format!("must be from 1 to {LONGEST_LIFE}")));
            return None;
        }
        Some(Self { expires_in: seconds })
    }
}

/// An address of a file that needs no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FileUrl {
    pub url: String,
    pub expires_at: Timestamp,
}

/// The content of a file that somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub key: Key,
    pub name: String,
    pub kind: String,
    pub purpose: Purpose,
    pub size: u64,
    /// What nothing else has: the SHA-256 in hexadecimal digits, and what was made of it.
    pub tag: String,
    /// When what is read came to be.
    pub created_at: Timestamp,
    /// Who sees it, and must not be suspended.
    pub viewer: UserId,
}
