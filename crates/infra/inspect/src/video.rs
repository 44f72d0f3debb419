//! Video: what its container says, without decoding anything.

mod matroska;
mod mp4;

use std::path::Path;

use crate::{Fault, Inspected, Result};

/// No video is longer than this, in milliseconds; a header that says so is wrong.
const LONGEST: f64 = 1e10;

/// What a container says about its tracks.
#[derive(Debug, Default, PartialEq)]
struct Contained {
    milliseconds: Option<f64>,
    /// In the audio, between fragments (MP4); in milliseconds.
    pauses: f64,
    /// As shown, with the rotation applied.
    size: Option<(u32, u32)>,
    rotation: u16,
    codecs: Vec<String>,
    has_video: bool,
    has_audio: bool,
}

/// Also answers how many milliseconds of its audio are pauses that only the container knows of.
pub(crate) fn inspect(file: &Path, media_type: &str) -> Result<(Inspected, u64)> {
    let is_matroska = media_type.ends_with("webm") || media_type.ends_with("matroska");
    let found = if is_matroska { matroska::walk(file)? } else { mp4::walk(file)? };
    if !found.has_video && !found.has_audio {
        return Err(Fault::Broken("it has neither video nor audio".to_owned()));
    }
    let kind = if found.has_video { "video" } else { "audio" };
    let (_, format) = media_type.split_once('/').unwrap_or_default();
    let media_type = match (format, found.has_video) {
        ("quicktime" | "3gpp", false) => "audio/mp4".to_owned(),
        _ => format!("{kind}/{format}"),
    };
    let duration = found.milliseconds.filter(|duration| duration.is_finite() && *duration > 0.0 && *duration < LONGEST);
    let pauses = if found.pauses < LONGEST { found.pauses.round() as u64 } else { 0 };
    let found = Inspected {
        media_type,
        width: found.size.map(|(width, _)| width),
        height: found.size.map(|(_, height)| height),
        duration_ms: duration.map(|duration| duration.round() as u64),
        rotation: found.has_video.then_some(found.rotation),
        codecs: found.codecs,
        ..Inspected::default()
    };
    Ok((found, pauses))
}
