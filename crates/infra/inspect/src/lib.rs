//! What is in a file: dimensions, duration, waveform, blurhash, thumbnails, and the file without its metadata.
//!
//! Decoders read what strangers made, so they run in a process of their own ([`Inspector`]): one that panics, hangs or
//! takes too much memory ends that process and nothing else, and one that was made to do something else finds nothing
//! within its [`Reach`]. [`inspect`] is what happens within it.
//!
//! - **Images** (JPEG, PNG, GIF, WebP): a header that promises too much is refused before anything is decoded. The
//!   orientation is applied, thumbnails are in sRGB, and the file is written anew without metadata and without anything
//!   that follows its end. It becomes at most twice as long. Of HEIC and AVIF, dimensions are read and metadata is blanked out; there is no decoder whose
//!   licence permits its use here, so they have no thumbnails.
//! - **Audio** (Opus and Vorbis in Ogg and WebM, AAC in MP4, MP3, FLAC, WAV): everything is decoded, so duration and
//!   waveform are those of what is heard, whatever the header says.
//! - **Video** (MP4, QuickTime, WebM, Matroska): duration, dimensions and rotation from the container; a poster if there
//!   is an `ffmpeg`.

mod audio;
mod boxes;
mod child;
mod images;
mod port;
mod poster;
mod sandbox;
mod video;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

pub use child::{Inspector, answer, confine, test_sandbox, this_program};
pub use images::{Headers, headers};
pub use port::examined;
pub use sandbox::{Contained, Reach, SelfTest, contain, probe};
use serde::{Deserialize, Serialize};

/// The sizes of thumbnails: the longest side that they may have.
pub const SIZES: [u32; 5] = [64, 128, 256, 512, 1024];
/// How many peaks a waveform has.
pub const PEAKS: usize = 100;

/// What was found. A member that a file does not have, or that cannot be found out, is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspected {
    /// The media type; sometimes more precise than the one that was given, such as `audio/mp4` for `video/mp4`.
    pub media_type: String,
    /// In pixels, as it is shown: with the orientation or rotation applied.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// How many pictures an image has; more than one if it moves.
    pub frames: Option<u32>,
    pub duration_ms: Option<u64>,
    /// By how many degrees a player turns the video clockwise: 0, 90, 180 or 270.
    pub rotation: Option<u16>,
    /// Such as `opus`, `aac`, `h264`.
    pub codecs: Vec<String>,
    /// The loudest sample in each of [`PEAKS`] equally long parts; 255 is the loudest that there can be.
    pub waveform: Option<Vec<u8>>,
    pub blurhash: Option<String>,
    /// By size, each as WebP and as JPEG. None is larger than the image: the list ends with the first size that the whole
    /// image fits into.
    pub thumbnails: Vec<Thumbnail>,
    /// The file without metadata, if it was written anew. Only this may be shown to others.
    pub clean: Option<Written>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// One of [`SIZES`].
    pub size: u32,
    pub width: u32,
    pub height: u32,
    pub media_type: String,
    #[serde(flatten)]
    pub written: Written,
}

/// A file in the folder that was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Its name in the folder.
    pub file: String,
    /// In octets.
    pub length: u64,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Fault {
    /// More pixels, frames or octets than [`Limits`] allow.
    #[error("the file is too large to look at: {0}")]
    TooLarge(String),
    /// The file is not what its type says, is damaged or cut off.
    #[error("the file is damaged: {0}")]
    Broken(String),
    /// The decoder took too long or too much memory, or crashed.
    #[error("the file could not be looked at: {0}")]
    Gave(String),
    /// The process ended in a way that may be the file's doing or somebody else's. It may be tried again, a few times.
    #[error("the process that looks at files is gone: {0}")]
    Died(String),
    /// The fault is ours, such as a full disk; the file may be tried again.
    #[error("files cannot be looked at: {0}")]
    Away(String),
}

impl Fault {
    /// Another attempt would end in the same way.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Away(_) | Self::Died(_))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A place further away than any file is long is an invalid argument.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Broken(error.to_string())
            }
            _ => Self::Away(error.to_string()),
        }
    }
}

pub type Result<T> = std::result::Result<T, Fault>;

/// How much a file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest side of an image, in pixels.
    pub side: u32,
    /// The pixels of an image.
    pub pixels: u64,
    /// The pictures of an image that moves.
    pub frames: u32,
    /// The pixels of all its pictures together.
    pub moving_pixels: u64,
    /// The length of an image, in octets, which is in memory as a whole.
    pub length: u64,
    /// The memory of the process, in octets of address space.
    pub memory: u64,
    /// How long it may take, in seconds of a processor.
    pub seconds: u64,
    /// How long it may take by the clock, in seconds. It is longer, because others come first on a busy machine.
    pub patience: u64,
    /// Audio longer than this, in seconds, has no waveform.
    pub listened: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            side: 16_384,
            pixels: 1 << 26,
            frames: 3_000,
            moving_pixels: 1 << 31,
            length: 128 << 20,
            memory: 2 << 30,
            seconds: 60,
            patience: 240,
            listened: 3_600,
        }
    }
}

/// Looks at a file of this type, in this process. What it writes goes into `folder`, which exists.
///
/// A type that it knows nothing about gives a result without members. `ffmpeg` makes posters of videos.
pub fn inspect(
    file: &Path,
    media_type: &str,
    folder: &Path,
    ffmpeg: Option<&Path>,
    limits: &Limits,
) -> Result<Inspected> {
    match media_type {
        "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/heic" | "image/avif" => {
            images::inspect(&read(file, limits)?, media_type, folder, limits)
        }
        "video/mp4" | "video/quicktime" | "video/3gpp" | "audio/mp4" | "video/webm" | "audio/webm"
        | "video/x-matroska" | "audio/x-matroska" => {
            let (mut found, pauses) = video::inspect(file, media_type)?;
            if found.media_type.starts_with("audio/") {
                let heard = audio::inspect(file, &found.media_type, limits)?;
                let duration_ms = heard.duration_ms.map(|heard| heard.saturating_add(pauses));
                return Ok(Inspected { duration_ms, ..heard });
            }
            if let Some(ffmpeg) = ffmpeg {
                poster::add(&mut found, file, folder, ffmpeg, limits);
            }
            Ok(found)
        }
        "audio/ogg" | "audio/mpeg" | "audio/flac" | "audio/wav" | "audio/aac" => {
            audio::inspect(file, media_type, limits)
        }
        _ => Ok(Inspected { media_type: media_type.to_owned(), ..Inspected::default() }),
    }
}

/// Whether a file of this type may be a video, of which `ffmpeg` makes a poster.
fn may_have_poster(media_type: &str) -> bool {
    media_type.starts_with("video/")
}

fn read(file: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(file)?.take(limits.length + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limits.length {
        return Err(Fault::TooLarge(format!("more than {} octets", limits.length)));
    }
    Ok(content)
}
