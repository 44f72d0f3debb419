//! Images: what their headers promise, their pixels, and the file without its metadata.

mod gif;
mod heif;
mod jpeg;
mod png;
mod thumbnails;
mod turned;
mod webp;

use std::{
    fs,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, metadata::Orientation};
pub(crate) use thumbnails::Picture;

use crate::{Fault, Inspected, Limits, Result, Written};

/// What a walk through the parts of a file finds, without decoding anything.
#[derive(Debug, PartialEq)]
pub struct Headers {
    pub width: u32,
    pub height: u32,
    pub frames: u32,
    /// The file without metadata, and without what follows its end.
    pub clean: Vec<u8>,
}

/// Walks through the parts of an image. No content makes it panic.
pub fn headers(content: &[u8], media_type: &str) -> Result<Headers> {
    let walked = match media_type {
        "image/jpeg" => jpeg::walk(content),
        "image/png" => png::walk(content),
        "image/gif" => gif::walk(content),
        "image/webp" => webp::walk(content),
        _ => heif::walk(content),
    };
    walked.ok_or_else(|| Fault::Broken(format!("its parts are not those of {media_type}")))
}

pub(crate) fn inspect(content: &[u8], media_type: &str, folder: &Path, limits: &Limits) -> Result<Inspected> {
    let headers = headers(content, media_type)?;
    allow(headers.width, headers.height, headers.frames, limits)?;
    let mut found = Inspected {
        media_type: media_type.to_owned(),
        width: Some(headers.width),
        height: Some(headers.height),
        frames: Some(headers.frames),
        ..Inspected::default()
    };
    let mut clean = headers.clean;
    if let Some(format) = format(media_type) {
        let decoded = decode(content, format, limits)?;
        // A picture that moves keeps its file: nobody turns one by metadata.
        if decoded.orientation != Orientation::NoTransforms && headers.frames == 1 {
            clean = turned::encoded(&decoded, format, content)?;
        }
        (found.width, found.height) = (Some(decoded.pixels.width()), Some(decoded.pixels.height()));
        let picture = Picture::new(decoded.pixels, decoded.profile.as_deref())?;
        found.blurhash = picture.blurhash();
        found.thumbnails = picture.write(folder)?;
    }
    found.clean = Some(write(folder, "clean", &clean)?);
    Ok(found)
}

pub(crate) fn write(folder: &Path, file: &str, content: &[u8]) -> Result<Written> {
    fs::write(folder.join(file), content)?;
    Ok(Written { file: file.to_owned(), length: content.len() as u64 })
}

fn format(media_type: &str) -> Option<ImageFormat> {
    match media_type {
        "image/jpeg" => Some(ImageFormat::Jpeg),
        "image/png" => Some(ImageFormat::Png),
        "image/gif" => Some(ImageFormat::Gif),
        "image/webp" => Some(ImageFormat::WebP),
        _ => None,
    }
}

fn allow(width: u32, height: u32, frames: u32, limits: &Limits) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || frames == 0 {
        return Err(Fault::Broken("it has no pixels".to_owned()));
    }
    if width.max(height) > limits.side || pixels > limits.pixels {
        return Err(Fault::TooLarge(format!("{width} × {height} pixels")));
    }
    if frames > limits.frames || pixels * u64::from(frames) > limits.moving_pixels {
        return Err(Fault::TooLarge(format!("{frames} frames of {width} × {height} pixels")));
    }
    Ok(())
}

struct Decoded {
    /// With the orientation applied.
    pixels: DynamicImage,
    orientation: Orientation,
    profile: Option<Vec<u8>>,
}

/// Decodes the first picture.
fn decode(content: &[u8], format: ImageFormat, limits: &Limits) -> Result<Decoded> {
    let broken = |error: image::ImageError| match error {
        image::ImageError::Limits(error) => Fault::TooLarge(error.to_string()),
        error => Fault::Broken(error.to_string()),
    };
    let attempt = || -> Result<Decoded> {
        let mut reader = ImageReader::with_format(Cursor::new(content), format);
        let mut bounds = image::Limits::default();
        (bounds.max_image_width, bounds.max_image_height) = (Some(limits.side), Some(limits.side));
        bounds.max_alloc = Some(limits.memory / 2);
        reader.limits(bounds);
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        allow(width, height, 1, limits)?;
        // Neither is worth refusing a picture for.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let profile = decoder.icc_profile().unwrap_or_default();
        let mut pixels = DynamicImage::from_decoder(decoder).map_err(broken)?;
        pixels.apply_orientation(orientation);
        Ok(Decoded { pixels, orientation, profile })
    };
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Err(Fault::Gave("the decoder panicked".to_owned())))
}

/// The decoded first picture of a PNG, such as a poster.
pub(crate) fn decode_png(content: &[u8], limits: &Limits) -> Result<Picture> {
    Picture::new(decode(content, ImageFormat::Png, limits)?.pixels, None)
}
