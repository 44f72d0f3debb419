//! Images: dimensions, orientation, colours, thumbnails, and what is too large or damaged.

use clowder_infra_inspect::{Fault, Limits, SIZES};
use image::{DynamicImage, GenericImageView, ImageEncoder, ImageFormat, Rgba, RgbaImage, codecs::png::PngEncoder};
use moxcms::ColorProfile;
use proptest::prelude::*;

use crate::made::*;

#[test]
fn thumbnails_fit_and_are_never_enlarged() {
    for (format, media_type) in
        [(ImageFormat::Jpeg, "image/jpeg"), (ImageFormat::Png, "image/png"), (ImageFormat::WebP, "image/webp")]
    {
        let look = Look::at(&encoded(&photo(300, 200), format), media_type);
        let found = look.found();
        assert_eq!((found.width, found.height, found.frames), (Some(300), Some(200), Some(1)), "{media_type}");
        let sizes: Vec<_> = found.thumbnails.iter().map(|it| (it.size, it.width, it.height)).collect();
        let each = [(64, 64, 43), (128, 128, 85), (256, 256, 171), (512, 300, 200)];
        assert_eq!(sizes, each.map(|it| [it, it]).concat(), "{media_type}");
        for thumbnail in &found.thumbnails {
            let content = look.read(&thumbnail.written.file);
            assert_eq!(content.len() as u64, thumbnail.written.length);
            let format = if thumbnail.media_type == "image/webp" { ImageFormat::WebP } else { ImageFormat::Jpeg };
            let decoded = image::load_from_memory_with_format(&content, format).unwrap();
            assert_eq!(decoded.dimensions(), (thumbnail.width, thumbnail.height));
        }
        let blurhash = found.blurhash.as_deref().unwrap();
        let blurred = blurhash::decode(blurhash, 4, 3, 1.0).unwrap();
        assert_eq!(blurred.len(), 48, "{blurhash}");
    }
}

#[test]
fn a_large_photo_has_all_sizes_and_a_strip_keeps_a_pixel() {
    let look = Look::at(&encoded(&photo(1500, 1100), ImageFormat::Jpeg), "image/jpeg");
    let sizes: Vec<_> = look.found().thumbnails.iter().map(|it| it.size).collect();
    assert_eq!(sizes, SIZES.map(|size| [size, size]).concat());
    let look = Look::at(&encoded(&photo(3000, 2), ImageFormat::Png), "image/png");
    let smallest = &look.found().thumbnails[0];
    assert_eq!((smallest.width, smallest.height), (64, 1));
}

#[test]
fn all_orientations_are_applied() {
    // Where the red half is afterwards: left, right, top or bottom.
    let cases = [(1, 'l'), (2, 'r'), (3, 'r'), (4, 'l'), (5, 't'), (6, 't'), (7, 'b'), (8, 'b')];
    let jpeg = encoded(&halves(200, 100), ImageFormat::Jpeg);
    for (orientation, red) in cases {
        let note = segment(0xE1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat());
        let turned_jpeg = [&jpeg[..2], &note, &jpeg[2..]].concat();
        let turned_png = png_with(&halves(200, 100), &chunk(b"eXIf", &exif(orientation)));
        for (content, media_type) in [(turned_jpeg, "image/jpeg"), (turned_png, "image/png")] {
            let look = Look::at(&content, media_type);
            let size = if orientation < 5 { (200, 100) } else { (100, 200) };
            let found = look.found();
            assert_eq!((found.width, found.height), (Some(size.0), Some(size.1)), "{orientation}");
            let clean = look.clean();
            assert!(!contains(&clean, b"SECRET"), "{orientation}");
            let thumbnail = look.read(&found.thumbnails[0].written.file);
            for content in [clean, thumbnail] {
                let shown = decoded(&content);
                let (width, height) = shown.dimensions();
                assert_eq!(width < height, size.0 < size.1, "{orientation}");
                let at = match red {
                    'l' => (width / 4, height / 2),
                    'r' => (width * 3 / 4, height / 2),
                    't' => (width / 2, height / 4),
                    _ => (width / 2, height * 3 / 4),
                };
                let Rgba([red, _, blue, _]) = shown.get_pixel(at.0, at.1);
                assert!(red > 200 && blue < 60, "{media_type} {orientation}: {red} {blue}");
            }
        }
    }
}

#[test]
fn colours_of_a_wide_profile_become_those_of_srgb() {
    let image = DynamicImage::ImageRgb8(image::RgbImage::from_pixel(90, 90, image::Rgb([200, 100, 50])));
    let mut content = Vec::new();
    let mut encoder = PngEncoder::new(&mut content);
    encoder.set_icc_profile(ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    image.write_with_encoder(encoder).unwrap();
    let look = Look::at(&content, "image/png");
    let shown = decoded(&look.read(&look.found().thumbnails[0].written.file)).get_pixel(30, 30);
    // The same colour needs more red in the smaller space.
    let Rgba([red, green, blue, _]) = shown;
    assert!(red > 205 && green.abs_diff(97) < 8 && blue < 45, "{shown:?}");
    assert!(contains(&look.clean(), b"iCCP"));
}

#[test]
fn what_is_transparent_is_white_where_nothing_can_be() {
    let image = DynamicImage::ImageRgba8(RgbaImage::from_pixel(50, 50, Rgba([0, 0, 0, 0])));
    let look = Look::at(&encoded(&image, ImageFormat::Png), "image/png");
    for thumbnail in &look.found().thumbnails {
        let pixel = decoded(&look.read(&thumbnail.written.file)).get_pixel(20, 20);
        match thumbnail.media_type.as_str() {
            "image/webp" => assert_eq!(pixel.0[3], 0),
            _ => assert!(pixel.0[..3].iter().all(|part| *part > 250), "{pixel:?}"),
        }
    }
}

#[test]
fn pixels_of_any_kind_are_decoded() {
    let image = photo(70, 50);
    let kinds = [
        DynamicImage::ImageLuma8(image.to_luma8()),
        DynamicImage::ImageLumaA8(image.to_luma_alpha8()),
        DynamicImage::ImageLuma16(image.to_luma16()),
        DynamicImage::ImageRgb16(image.to_rgb16()),
        DynamicImage::ImageRgba16(image.to_rgba16()),
    ];
    for image in kinds {
        let look = Look::at(&encoded(&image, ImageFormat::Png), "image/png");
        assert_eq!(look.found().width, Some(70), "{:?}", image.color());
    }
}

#[track_caller]
fn assert_too_large(content: &[u8], media_type: &str, limits: &Limits) {
    let look = Look::within(content, media_type, limits);
    assert!(matches!(look.found, Err(Fault::TooLarge(_))), "{media_type}: {:?}", look.found);
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let limits = Limits::default();
    // None of these has more than a few pixels behind its header.
    let mut png = encoded(&halves(20, 10), ImageFormat::Png);
    let header = chunk(b"IHDR", &[numbers(&[10_000, 10_000]), vec![8, 2, 0, 0, 0]].concat());
    png.splice(8..33, header);
    assert_too_large(&png, "image/png", &limits);
    let mut jpeg = encoded(&halves(20, 10), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    assert_too_large(&jpeg, "image/jpeg", &limits);
    let mut gif = encoded(&halves(20, 10), ImageFormat::Gif);
    gif[6..10].fill(0xFF);
    assert_too_large(&gif, "image/gif", &limits);
    let mut webp = encoded(&halves(20, 10), ImageFormat::WebP);
    // 14 bits each, less one.
    webp[21..25].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x0F]);
    assert_too_large(&webp, "image/webp", &limits);
    assert_too_large(&encoded(&photo(90, 10), ImageFormat::Png), "image/png", &Limits { side: 80, ..limits });
    assert_too_large(&encoded(&photo(90, 10), ImageFormat::Png), "image/png", &Limits { pixels: 800, ..limits });
    assert_too_large(&encoded(&photo(90, 90), ImageFormat::Png), "image/png", &Limits { length: 500, ..limits });
}

#[test]
fn lying_and_damaged_files_are_refused() {
    let png = encoded(&photo(30, 20), ImageFormat::Png);
    let huge = [&png[..33], &[0xFF; 4], b"IDAT", &png[41..]].concat();
    let cases: [(&[u8], &str); 6] = [
        (b"", "image/png"),
        (&png, "image/jpeg"),
        (&png[..20], "image/png"),
        // A chunk of 4 GiB.
        (&huge, "image/png"),
        (b"GIF89a\x01\0\x01\0\0\0\0;", "image/gif"),
        (b"RIFF\xFF\xFF\xFF\xFFWEBPVP8 \xFF\xFF\xFF\xFF", "image/webp"),
    ];
    for (content, media_type) in cases {
        let look = Look::at(content, media_type);
        assert!(matches!(look.found, Err(Fault::Broken(_))), "{media_type}: {:?}", look.found);
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_does_no_harm() {
    for (format, media_type) in [
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Gif, "image/gif"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        let content = encoded(&photo(16, 12), format);
        for end in 0..content.len() {
            if let Err(fault) = Look::at(&content[..end], media_type).found {
                assert!(fault.is_lasting(), "{media_type} {end}: {fault}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is changed in a file, it is looked at or refused.
    #[test]
    fn no_content_makes_it_panic(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let image = photo(24, 16);
        let (mut content, media_type) = match which {
            0 => (encoded(&image, ImageFormat::Jpeg), "image/jpeg"),
            1 => (encoded(&image, ImageFormat::Png), "image/png"),
            2 => (encoded(&image, ImageFormat::Gif), "image/gif"),
            3 => (encoded(&image, ImageFormat::WebP), "image/webp"),
            _ => (crate::metadata::heic(), "image/heic"),
        };
        for (at, octet) in changes {
            // Headers are a small part of a file, and the most interesting one.
            let at = at.index(content.len().min(200));
            content[at] = octet;
        }
        let limits = Limits { side: 1_000, ..Limits::default() };
        if let Err(fault) = Look::within(&content, media_type, &limits).found {
            prop_assert!(fault.is_lasting(), "{fault}");
        }
    }
}
