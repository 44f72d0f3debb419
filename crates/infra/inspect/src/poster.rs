//! The poster of a video: one of its pictures, which `ffmpeg` decodes.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::{Command, Stdio},
};

use crate::{Inspected, Limits, images};

/// Adds thumbnails and the blurhash of a picture near the beginning. A video that `ffmpeg` cannot decode has none.
///
/// It runs under the limits and in the sandbox of this process, which it inherits, and ends with it. It may open nothing but
/// this file: the format is not guessed, and no protocol leads elsewhere.
pub(crate) fn add(found: &mut Inspected, file: &Path, folder: &Path, ffmpeg: &Path, limits: &Limits) {
    let format =
        if found.media_type.ends_with("webm") || found.media_type.ends_with("matroska") { "matroska" } else { "mov" };
    // The first picture is often black.
    let moment = found.duration_ms.map_or(0, |duration| (duration / 10).min(3_000));
    for moment in [moment, 0] {
        let taken = Command::new(ffmpeg)
            .args(["-v", "error", "-nostdin", "-threads", "1", "-protocol_whitelist", "file,pipe", "-f", format, "-ss"])
            .arg(format!("{}.{:03}", moment / 1000, moment % 1000))
            .arg("-i")
            .arg([OsStr::new("file:"), file.as_os_str()].into_iter().collect::<OsString>())
            .args(["-map", "0:v:0", "-frames:v", "1", "-vf"])
            .arg("scale=w='min(1024,iw)':h='min(1024,ih)':force_original_aspect_ratio=decrease")
            .args(["-threads", "1", "-f", "image2pipe", "-c:v", "png", "pipe:1"])
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let Some(picture) = taken.ok().and_then(|taken| images::decode_png(&taken.stdout, limits).ok()) else {
            continue;
        };
        found.blurhash = picture.blurhash();
        found.thumbnails = picture.write(folder).unwrap_or_default();
        return;
    }
}
