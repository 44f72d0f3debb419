//! The port of what looks into files: dimensions, durations, thumbnails, and pictures without their metadata.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clowder_core::Result;
use serde::{Deserialize, Serialize};

/// Raised whenever there is more to find in files: more types are looked into, or what could not be read can be. Those in which
/// nothing was found are looked into again then.
pub const VERSION: i64 = 2;

/// What was found in a file, as it is stored with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In pixels, as it is shown.
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub duration_ms: Option<i64>,
    /// By how many degrees a player turns a video clockwise.
    pub rotation: Option<i64>,
    /// Such as `opus`, `h264`.
    #[serde(default)]
    pub codecs: Vec<String>,
    /// The loudest sample in each hundredth of a recording; 255 is the loudest that there can be.
    pub waveform: Option<Vec<u8>>,
    pub blurhash: Option<String>,
    /// By size; the list ends with the first that the whole picture fits into.
    #[serde(default)]
    pub thumbnails: Vec<Reduced>,
}

/// A thumbnail in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reduced {
    /// One of [`SIZES`](crate::variants::SIZES).
    pub size: i64,
    pub width: i64,
    pub height: i64,
    /// The length of each format, in octets.
    pub webp: u64,
    pub jpeg: u64,
}

/// What came out of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// The media type; sometimes more precise than the one that was given.
    pub kind: String,
    pub seen: Seen,
    /// Files in the folder that was given.
    pub written: Vec<(crate::Variant, PathBuf)>,
}

#[async_trait]
pub trait Examiner: Send + Sync {
    /// Looks at a file of this type, and writes thumbnails, and a picture without its metadata, into `folder`, which exists
    /// and is empty. The inner error says why the file cannot be looked at, now or later; the outer one is an outage, after
    /// which it may be tried again. If that is `Internal`, whoever looked has died of it, which may be the file's doing: after
    /// some times it is taken for that.
    async fn examine(&self, file: &Path, kind: &str, folder: &Path) -> Result<Result<Examined, String>>;
}
