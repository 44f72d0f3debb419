//! What is stored of a file besides what was uploaded: the picture without its metadata, and thumbnails.

use clowder_core::Word;
use serde::{Deserialize, Serialize};

/// The sizes of thumbnails: the longest side that they may have, in pixels.
pub const SIZES: [i64; 5] = [64, 128, 256, 512, 1024];

/// Formats of thumbnails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    WebP,
    Jpeg,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::WebP, Self::Jpeg];

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::WebP => "image/webp",
            Self::Jpeg => "image/jpeg",
        }
    }

    pub const fn ending(self) -> &'static str {
        match self {
            Self::WebP => "webp",
            Self::Jpeg => "jpg",
        }
    }
}

/// Something that is stored beside the object of a file, under a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The picture without its metadata, which takes the place of what was uploaded.
    Clean,
    Thumbnail {
        size: i64,
        format: Format,
    },
}

impl Variant {
    /// All that there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        let thumbnails = SIZES.into_iter().flat_map(|size| Format::ALL.map(|format| Self::Thumbnail { size, format }));
        std::iter::once(Self::Clean).chain(thumbnails)
    }
}

/// The most octets of a small copy without metadata, however small the upload was.
const SMALL_COPY: u64 = 64 << 10;

/// The most octets that a copy without metadata may have, of an upload with this many.
pub const fn longest_copy(upload: u64) -> u64 {
    let twice = upload.saturating_mul(2);
    if twice > SMALL_COPY { twice } else { SMALL_COPY }
}

/// A size of thumbnails that somebody asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ThumbnailSize)]
pub enum Size {
    #[serde(rename = "64")]
    Icon,
    #[serde(rename = "128")]
    Small,
    #[default]
    #[serde(rename = "256")]
    Medium,
    #[serde(rename = "512")]
    Large,
    #[serde(rename = "1024")]
    Screen,
}

impl Size {
    /// In pixels.
    pub const fn pixels(self) -> i64 {
        match self {
            Self::Icon => 64,
            Self::Small => 128,
            Self::Medium => 256,
            Self::Large => 512,
            Self::Screen => 1024,
        }
    }
}

impl Word for Size {
    const WHAT: &'static str = "size of a thumbnail";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("64", Self::Icon),
        ("128", Self::Small),
        ("256", Self::Medium),
        ("512", Self::Large),
        ("1024", Self::Screen),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_word() {
        let words: Vec<_> = Size::WORDS.iter().map(|(word, size)| (word.to_string(), size.pixels())).collect();
        assert_eq!(words, SIZES.map(|size| (size.to_string(), size)));
        assert_eq!(Variant::all().count(), 11);
    }
}
