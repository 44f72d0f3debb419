//! Files for the tests, made from nothing.

use std::{fs, io::Cursor};

use clowder_infra_inspect::{Inspected, Limits, Result, inspect};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

/// A folder with a file, and what is written while it is looked at.
pub struct Look {
    pub found: Result<Inspected>,
    pub folder: TempDir,
}

impl Look {
    pub fn at(content: &[u8], media_type: &str) -> Self {
        Self::within(content, media_type, &Limits::default())
    }

    pub fn within(content: &[u8], media_type: &str, limits: &Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, content).unwrap();
        Self { found: inspect(&file, media_type, folder.path(), None, limits), folder }
    }

    #[track_caller]
    pub fn found(&self) -> &Inspected {
        self.found.as_ref().unwrap()
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(file)).unwrap()
    }

    /// The file without its metadata.
    pub fn clean(&self) -> Vec<u8> {
        let clean = self.found().clean.clone().unwrap();
        let content = self.read(&clean.file);
        assert_eq!(content.len() as u64, clean.length);
        content
    }
}

/// A picture whose left half is red and whose right half is blue.
pub fn halves(width: u32, height: u32) -> DynamicImage {
    let side = |x, _| if x < width / 2 { Rgb([250, 10, 10]) } else { Rgb([10, 10, 250]) };
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, side))
}

/// A picture with as much in it as a photo.
pub fn photo(width: u32, height: u32) -> DynamicImage {
    let wave = |x: u32, y: u32, step: f32| ((x as f32 / step).sin() * (y as f32 / step).cos() * 127.0 + 128.0) as u8;
    let pixel = |x, y| Rgb([wave(x, y, 17.0), wave(y, x, 29.0), wave(x, x + y, 11.0)]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
}

pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut content = Cursor::new(Vec::new());
    image.write_to(&mut content, format).unwrap();
    content.into_inner()
}

pub fn decoded(content: &[u8]) -> DynamicImage {
    image::load_from_memory(content).unwrap()
}

pub fn contains(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|window| window == part)
}

/// Exif with one of the eight orientations, a camera called `SECRET`, and nothing else.
pub fn exif(orientation: u8) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    let entries = [entry(0x010F, 2, 7, 38_u32.to_be_bytes()), entry(0x0112, 3, 1, [0, orientation, 0, 0])];
    [b"MM\0*\0\0\0\x08\0\x02".as_slice(), &entries.concat(), &[0; 4], b"SECRET\0\0"].concat()
}

/// A segment of a JPEG.
pub fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap();
    [&[0xFF, marker], &length.to_be_bytes()[..], payload].concat()
}

/// A chunk of a PNG.
pub fn chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), payload].concat();
    [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], &named, &crc(&named).to_be_bytes()].concat()
}

/// A PNG after whose header something is put.
pub fn png_with(image: &DynamicImage, chunks: &[u8]) -> Vec<u8> {
    let content = encoded(image, ImageFormat::Png);
    // The signature has 8 octets, the first chunk 25.
    [&content[..33], chunks, &content[33..]].concat()
}

fn crc(content: &[u8]) -> u32 {
    !content.iter().fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// A box of ISO base media.
pub fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], name, content].concat()
}

/// Numbers of four octets.
pub fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// An element of Matroska.
pub fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let length = 1 << 28 | u32::try_from(content.len()).unwrap();
    [id_of(id), length.to_be_bytes().to_vec(), content.to_vec()].concat()
}

/// An element of unknown length, as a recorder writes it.
pub fn endless(id: u32, content: &[u8]) -> Vec<u8> {
    [id_of(id), vec![0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], content.to_vec()].concat()
}

fn id_of(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect()
}

/// A packet of Opus of 20 ms (CELT, one channel): with octets that mean nothing, which decode to noise, or silence.
pub fn opus_packet(at: usize, loud: bool) -> Vec<u8> {
    match loud {
        true => [0xF8].into_iter().chain((0..60).map(|octet| (octet * 89 + at * 37 + 11) as u8)).collect(),
        false => vec![0xF8, 0xFF, 0xFE],
    }
}

/// The header of Opus with one channel, and 312 samples to skip.
pub const OPUS_HEAD: &[u8] = b"OpusHead\x01\x01\x38\x01\x80\xBB\0\0\0\0\0";
