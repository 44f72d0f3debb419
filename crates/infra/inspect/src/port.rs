//! What was found in a file, as the domain of files knows it.

use std::path::Path;

use async_trait::async_trait;
use clowder_core::Error;
use clowder_media::{Examined, Examiner, Format, Seen, Variant, examiner::Reduced};

use crate::{Fault, Inspected, Inspector, SIZES};

#[async_trait]
impl Examiner for Inspector {
    async fn examine(
        &self,
        file: &Path,
        kind: &str,
        folder: &Path,
    ) -> clowder_core::Result<std::result::Result<Examined, String>> {
        match self.inspect(file, kind, folder).await {
            Ok(found) => Ok(Ok(examined(found, folder))),
            Err(fault) if fault.is_lasting() => Ok(Err(fault.to_string())),
            Err(fault @ Fault::Died(_)) => Err(Error::internal(fault.to_string())),
            Err(fault) => Err(Error::unavailable(fault.to_string())),
        }
    }
}

/// What was found, with the files that were written into this folder.
pub fn examined(found: Inspected, folder: &Path) -> Examined {
    let mut written = Vec::new();
    if let Some(clean) = &found.clean {
        written.push((Variant::Clean, folder.join(&clean.file)));
    }
    let mut thumbnails = Vec::new();
    for size in SIZES {
        // A size is whole or not there.
        let of = |format: Format| {
            let media_type = format.media_type();
            found.thumbnails.iter().find(|made| made.size == size && made.media_type == media_type)
        };
        let (Some(webp), Some(jpeg)) = (of(Format::WebP), of(Format::Jpeg)) else { continue };
        let size = i64::from(size);
        for (format, made) in [(Format::WebP, webp), (Format::Jpeg, jpeg)] {
            written.push((Variant::Thumbnail { size, format }, folder.join(&made.written.file)));
        }
        thumbnails.push(Reduced {
            size,
            width: i64::from(webp.width),
            height: i64::from(webp.height),
            webp: webp.written.length,
            jpeg: jpeg.written.length,
        });
    }
    let seen = Seen {
        width: found.width.map(i64::from),
        height: found.height.map(i64::from),
        duration_ms: found.duration_ms.and_then(|duration| i64::try_from(duration).ok()),
        rotation: found.rotation.map(i64::from),
        codecs: found.codecs,
        waveform: found.waveform,
        blurhash: found.blurhash,
        thumbnails,
    };
    Examined { kind: found.media_type, seen, written }
}
