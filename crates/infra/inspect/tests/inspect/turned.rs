//! Pictures that are turned as their metadata says: they stay about as long as they were.

use clowder_infra_inspect::Fault;
use image::{DynamicImage, GenericImageView};
use moxcms::ColorProfile;

use crate::{made::*, metadata::riff};

/// A WebP whose metadata says that it is to be turned, with a colour profile.
fn webp(image: &DynamicImage, quality: Option<f32>) -> Vec<u8> {
    let pixels = image.to_rgb8();
    let encoder = ::webp::Encoder::from_rgb(pixels.as_raw(), image.width(), image.height());
    let bare = quality.map_or_else(|| encoder.encode_lossless(), |quality| encoder.encode(quality));
    let length = usize::try_from(u32::from_le_bytes(bare[16..20].try_into().unwrap())).unwrap();
    let sides = [image.width() - 1, image.height() - 1].map(|side| side.to_le_bytes()[..3].to_vec()).concat();
    let name: &[u8; 4] = bare[12..16].try_into().unwrap();
    riff(&[
        (b"VP8X", &[&[0x28, 0, 0, 0], &sides[..]].concat()),
        (b"ICCP", &ColorProfile::new_display_p3().encode().unwrap()),
        (name, &bare[20..20 + length]),
        (b"EXIF", &exif(6)),
    ])
}

/// Octets among which there is no order.
fn rough() -> impl FnMut() -> u8 {
    let mut state = 7_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }
}

#[test]
fn a_picture_that_is_turned_stays_about_as_long() {
    let note = segment(0xE1, &[b"Exif\0\0".as_slice(), &exif(6)].concat());
    let mut next = rough();
    let noise = image::RgbImage::from_fn(900, 600, |_, _| image::Rgb([next(), next(), next()]));
    for image in [photo(900, 600), DynamicImage::ImageRgb8(noise)] {
        let jpeg = |quality| {
            let mut content = Vec::new();
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut content, quality);
            image.write_with_encoder(encoder).unwrap();
            [&content[..2], &note, &content[2..]].concat()
        };
        for (content, media_type) in [
            (webp(&image, Some(5.0)), "image/webp"),
            (webp(&image, Some(80.0)), "image/webp"),
            (webp(&image, None), "image/webp"),
            (jpeg(10), "image/jpeg"),
            (jpeg(95), "image/jpeg"),
            (png_with(&image, &chunk(b"eXIf", &exif(6))), "image/png"),
        ] {
            let look = Look::at(&content, media_type);
            let clean = look.clean();
            let (before, after) = (content.len(), clean.len());
            assert!(after <= (before * 2).max(64 << 10), "{media_type}: {before} {after}");
            assert_eq!(decoded(&clean).dimensions(), (600, 900), "{media_type}");
            assert!(!contains(&clean, b"SECRET"), "{media_type}");
            assert!(media_type != "image/webp" || contains(&clean, b"ICCP"), "its colours stay");
        }
        // Nothing is lost of what has no loss.
        let clean = Look::at(&webp(&image, None), "image/webp").clean();
        assert_eq!(decoded(&clean).to_rgb8(), image.rotate90().to_rgb8());
    }
}

/// A PNG of one bit for each pixel, which are 24 in memory.
fn two_colours(side: u32, mut next: impl FnMut() -> u8) -> Vec<u8> {
    let mut rows = Vec::new();
    for _ in 0..side {
        rows.push(0);
        rows.extend((0..side / 8).map(|_| next()));
    }
    let header = [numbers(&[side, side]), vec![1, 3, 0, 0, 0]].concat();
    let chunks = [
        chunk(b"IHDR", &header),
        chunk(b"PLTE", &[0, 10, 200, 250, 130, 20]),
        chunk(b"eXIf", &exif(6)),
        chunk(b"IDAT", &stored(&rows)),
        chunk(b"IEND", b""),
    ];
    [b"\x89PNG\r\n\x1A\n".to_vec(), chunks.concat()].concat()
}

#[test]
fn what_can_only_be_turned_by_making_it_much_longer_is_refused() {
    let content = two_colours(1_600, rough());
    let look = Look::at(&content, "image/png");
    match &look.found {
        Ok(_) => assert!(look.clean().len() <= content.len() * 2, "{} {}", content.len(), look.clean().len()),
        Err(fault) => assert!(matches!(fault, Fault::TooLarge(_)), "{fault}"),
    }
}

/// Octets as zlib has them that packs nothing.
fn stored(octets: &[u8]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = octets.chunks(65_535).collect();
    let last = pieces.len() - 1;
    let blocks = pieces.iter().enumerate().map(|(at, piece)| {
        let length = u16::try_from(piece.len()).unwrap();
        [&[u8::from(at == last)], &length.to_le_bytes()[..], &(!length).to_le_bytes(), piece].concat()
    });
    let (mut low, mut high) = (1_u32, 0_u32);
    for octet in octets {
        low = (low + u32::from(*octet)) % 65_521;
        high = (high + low) % 65_521;
    }
    [vec![0x78, 0x01], blocks.collect::<Vec<_>>().concat(), (high << 16 | low).to_be_bytes().to_vec()].concat()
}
