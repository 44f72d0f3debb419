//! A picture whose pixels are turned as its metadata says: encoded anew, about as good and as long as it was.

use clowder_media::variants::longest_copy;
use image::{
    DynamicImage, ImageFormat,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};

use super::{Decoded, webp};
use crate::{Fault, Result};

/// How to encode it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Every pixel stays as it is.
    Lossless,
    /// The same, with more time.
    Smallest,
    /// How good it remains, of 100.
    Quality(u8),
}

/// From the best to the smallest. What was never of high quality does not gain by more octets.
const JPEG: &[Way] =
    &[Way::Quality(92), Way::Quality(80), Way::Quality(65), Way::Quality(45), Way::Quality(25), Way::Quality(10)];
const WEBP: &[Way] = &[Way::Quality(90), Way::Quality(75), Way::Quality(50), Way::Quality(25), Way::Quality(5)];
const LOSSLESS_WEBP: &[Way] = &[Way::Lossless, Way::Quality(95), Way::Quality(75), Way::Quality(50)];
const PNG: &[Way] = &[Way::Lossless, Way::Smallest];

/// The file with its pixels turned, without metadata but with its colour profile: as good as it can be while it is hardly longer
/// than the upload, and never more than twice as long.
pub(super) fn encoded(decoded: &Decoded, format: ImageFormat, upload: &[u8]) -> Result<Vec<u8>> {
    let ways = match format {
        ImageFormat::Jpeg => JPEG,
        ImageFormat::Png => PNG,
        _ if webp::is_lossless(upload) => LOSSLESS_WEBP,
        _ => WEBP,
    };
    let most = usize::try_from(longest_copy(upload.len() as u64)).unwrap_or(usize::MAX);
    // Half as long again is what the same quality may take with another encoder.
    let wanted = most.min(upload.len().saturating_add(upload.len() / 2).max(SMALL));
    let mut shortest: Option<Vec<u8>> = None;
    for way in ways {
        let content = match by(decoded, format, *way) {
            // It may want too much memory; there is another way.
            Err(_) if format == ImageFormat::WebP && *way == Way::Lossless => continue,
            content => content?,
        };
        let enough = if matches!(way, Way::Quality(_)) { wanted } else { most };
        let is_enough = content.len() <= enough;
        if shortest.as_ref().is_none_or(|shortest| content.len() < shortest.len()) {
            shortest = Some(content);
        }
        if is_enough {
            break;
        }
    }
    let shortest = shortest.filter(|shortest| shortest.len() <= most);
    shortest.ok_or_else(|| Fault::TooLarge("turned as its metadata says, it is more than twice as long".to_owned()))
}

/// Of a picture of so few octets, the quality counts.
const SMALL: usize = 32 << 10;

fn by(decoded: &Decoded, format: ImageFormat, way: Way) -> Result<Vec<u8>> {
    let profile = decoded.profile.as_deref().unwrap_or_default();
    match format {
        ImageFormat::Jpeg => jpeg(&decoded.pixels, way, profile),
        ImageFormat::Png => png(&decoded.pixels, way, profile),
        _ => webp(&decoded.pixels, way, profile),
    }
}

fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::Gave(error.to_string())
}

fn jpeg(pixels: &DynamicImage, way: Way, profile: &[u8]) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let quality = if let Way::Quality(quality) = way { quality } else { 100 };
    let mut encoder = JpegEncoder::new_with_quality(&mut content, quality);
    // The colours of a profile for print are lost: pixels are decoded as RGB.
    let is_print = profile.get(16..20) == Some(b"CMYK");
    if !profile.is_empty() && !is_print {
        image::ImageEncoder::set_icc_profile(&mut encoder, profile.to_vec()).map_err(failed)?;
    }
    pixels.write_with_encoder(encoder).map_err(failed)?;
    Ok(content)
}

fn png(pixels: &DynamicImage, way: Way, profile: &[u8]) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut encoder = match way {
        Way::Smallest => PngEncoder::new_with_quality(&mut content, CompressionType::Best, FilterType::Adaptive),
        _ => PngEncoder::new(&mut content),
    };
    if !profile.is_empty() {
        image::ImageEncoder::set_icc_profile(&mut encoder, profile.to_vec()).map_err(failed)?;
    }
    pixels.write_with_encoder(encoder).map_err(failed)?;
    Ok(content)
}

fn webp(pixels: &DynamicImage, way: Way, profile: &[u8]) -> Result<Vec<u8>> {
    let size @ (width, height) = (pixels.width(), pixels.height());
    let has_alpha = pixels.color().has_alpha();
    let other;
    let encoder = match pixels {
        DynamicImage::ImageRgb8(pixels) => ::webp::Encoder::from_rgb(pixels.as_raw(), width, height),
        DynamicImage::ImageRgba8(pixels) => ::webp::Encoder::from_rgba(pixels.as_raw(), width, height),
        pixels => {
            other = pixels.to_rgba8();
            ::webp::Encoder::from_rgba(other.as_raw(), width, height)
        }
    };
    let mut options = ::webp::WebPConfig::new().map_err(|()| failed("libwebp takes no options"))?;
    match way {
        Way::Quality(quality) => options.quality = f32::from(quality),
        Way::Lossless | Way::Smallest => {
            options.lossless = 1;
            options.quality = 50.0;
            // What nobody sees stays as it is, too.
            options.exact = 1;
        }
    }
    options.method = 2;
    let content = encoder.encode_advanced(&options).map_err(|error| failed(format!("{error:?}")))?;
    match profile.is_empty() {
        true => Ok(content.to_vec()),
        false => webp::with_profile(&content, size, has_alpha, profile).ok_or_else(|| failed("a profile does not fit")),
    }
}
