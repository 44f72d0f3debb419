//! Thumbnails in all sizes, and the blurhash.

use std::path::Path;

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::write;
use crate::{Fault, Result, SIZES, Thumbnail};

/// Of 100, for WebP and for JPEG.
const QUALITY: (f32, u8) = (78.0, 82);

/// The pixels of an image, in sRGB, not larger than the largest thumbnail.
pub(crate) struct Picture {
    pixels: Image<'static>,
    /// Width and height of the image itself.
    size: (u32, u32),
}

impl Picture {
    /// `profile`: the colours of the pixels (ICC), if they are not those of sRGB.
    pub(crate) fn new(pixels: DynamicImage, profile: Option<&[u8]>) -> Result<Self> {
        let (width, height) = (pixels.width(), pixels.height());
        let (kind, octets) = match pixels.color().has_alpha() {
            true => (PixelType::U8x4, pixels.into_rgba8().into_raw()),
            false => (PixelType::U8x3, pixels.into_rgb8().into_raw()),
        };
        let whole = Image::from_vec_u8(width, height, octets, kind).map_err(|error| Fault::Gave(error.to_string()))?;
        let mut pixels = fitted(&whole, (width, height), SIZES[SIZES.len() - 1])?;
        drop(whole);
        if let Some(converted) = profile.and_then(|profile| converted(&pixels, profile)) {
            pixels = converted;
        }
        Ok(Self { pixels, size: (width, height) })
    }

    /// The colours of the image in some 30 characters (https://blurha.sh).
    pub(crate) fn blurhash(&self) -> Option<String> {
        let small = fitted(&self.pixels, self.size, 64).ok()?;
        let (width, height) = (small.width(), small.height());
        let opaque = opaque(&small);
        let rgba: Vec<u8> = opaque.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
        let (across, down) = if width >= height { (4, 3) } else { (3, 4) };
        blurhash::encode(across, down, width, height, &rgba).ok()
    }

    /// Writes the thumbnails into the folder, from the largest to the smallest, each made of the one before.
    pub(crate) fn write(self, folder: &Path) -> Result<Vec<Thumbnail>> {
        let mut written = Vec::new();
        let longest = self.size.0.max(self.size.1);
        let needed = SIZES.iter().position(|size| *size >= longest).unwrap_or(SIZES.len() - 1);
        let mut pixels = self.pixels;
        for size in SIZES[..=needed].iter().rev().copied() {
            pixels = fitted(&pixels, self.size, size)?;
            for (media_type, extension, content) in [jpeg(&pixels)?, webp(&pixels)?] {
                let file = write(folder, &format!("{size}.{extension}"), &content)?;
                let (width, height) = (pixels.width(), pixels.height());
                written.push(Thumbnail { size, width, height, media_type: media_type.to_owned(), written: file });
            }
        }
        written.reverse();
        Ok(written)
    }
}

/// The image with no side longer than `size`: never enlarged, never cropped. It may have been made smaller before; its
/// proportions are those of the `whole`.
fn fitted(image: &Image<'_>, whole: (u32, u32), size: u32) -> Result<Image<'static>> {
    if image.width().max(image.height()) <= size {
        return Ok(image.copy());
    }
    let longest = u64::from(whole.0.max(whole.1));
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(size) + longest / 2) / longest;
        u32::try_from(rounded).unwrap_or(size).max(1)
    };
    let mut fitted = Image::new(scaled(whole.0), scaled(whole.1), image.pixel_type());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new().resize(image, &mut fitted, &options).map_err(|error| Fault::Gave(error.to_string()))?;
    Ok(fitted)
}

/// The image in sRGB. A profile that is damaged, or is not one of RGB, changes nothing.
fn converted(image: &Image<'_>, profile: &[u8]) -> Option<Image<'static>> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let layout = if image.pixel_type() == PixelType::U8x4 { Layout::Rgba } else { Layout::Rgb };
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, options).ok()?;
    let mut octets = vec![0; image.buffer().len()];
    transform.transform(image.buffer(), &mut octets).ok()?;
    Image::from_vec_u8(image.width(), image.height(), octets, image.pixel_type()).ok()
}

/// The pixels as RGB, with white behind transparent ones.
fn opaque(image: &Image<'_>) -> Vec<u8> {
    if image.pixel_type() == PixelType::U8x3 {
        return image.buffer().to_vec();
    }
    let over = |pixel: &[u8]| {
        let alpha = u32::from(pixel[3]);
        [0, 1, 2].map(|at| {
            let mixed = (u32::from(pixel[at]) * alpha + 255 * (255 - alpha) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        })
    };
    image.buffer().chunks_exact(4).flat_map(over).collect()
}

type Encoded = (&'static str, &'static str, Vec<u8>);

fn jpeg(image: &Image<'_>) -> Result<Encoded> {
    let mut content = Vec::new();
    JpegEncoder::new_with_quality(&mut content, QUALITY.1)
        .write_image(&opaque(image), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(|error| Fault::Gave(error.to_string()))?;
    Ok(("image/jpeg", "jpg", content))
}

fn webp(image: &Image<'_>) -> Result<Encoded> {
    let (width, height) = (image.width(), image.height());
    let encoder = match image.pixel_type() {
        PixelType::U8x4 => webp::Encoder::from_rgba(image.buffer(), width, height),
        _ => webp::Encoder::from_rgb(image.buffer(), width, height),
    };
    let failed = || Fault::Gave("libwebp takes no options".to_owned());
    let mut options = webp::WebPConfig::new().map_err(|()| failed())?;
    options.quality = QUALITY.0;
    options.method = 2;
    let content = encoder.encode_advanced(&options).map_err(|error| Fault::Gave(format!("{error:?}")))?;
    Ok(("image/webp", "webp", content.to_vec()))
}
