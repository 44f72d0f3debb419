//! What is left out of a file: metadata, and what follows its end; and what stays as it is.

use clowder_infra_inspect::{Fault, Limits};
use image::{
    AnimationDecoder, Delay, DynamicImage, Frame, ImageFormat,
    codecs::gif::{GifDecoder, GifEncoder},
};
use std::io::Cursor;

use crate::made::*;

#[test]
fn a_jpeg_keeps_its_pixels_and_loses_its_notes() {
    let content = encoded(&photo(120, 80), ImageFormat::Jpeg);
    let profile = [b"ICC_PROFILE\0\x01\x01".as_slice(), b"not a profile"].concat();
    let notes = [
        segment(0xE1, &[b"Exif\0\0".as_slice(), &exif(1)].concat()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>SECRET"),
        segment(0xE2, &profile),
        segment(0xE2, b"MPF\0SECRET"),
        segment(0xED, b"Photoshop 3.0\0SECRET"),
        segment(0xFE, b"SECRET"),
    ];
    let noted = [&content[..2], &notes.concat(), &content[2..], b"PK\x03\x04SECRET"].concat();
    let clean = Look::at(&noted, "image/jpeg").clean();
    assert!(!contains(&clean, b"SECRET") && !contains(&clean, b"Exif"));
    assert!(contains(&clean, &profile));
    assert!(clean.ends_with(&[0xFF, 0xD9]));
    assert_eq!(decoded(&clean), decoded(&content), "no pixel may change");
}

#[test]
fn a_png_keeps_its_pixels_and_loses_its_notes() {
    let image = photo(60, 40);
    let chunks = [
        chunk(b"gAMA", &numbers(&[45_455])),
        chunk(b"tEXt", b"Author\0SECRET"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0SECRET"),
        chunk(b"eXIf", &exif(1)),
        chunk(b"tIME", &[7, 234, 1, 1, 1, 1, 1]),
        chunk(b"prVt", b"SECRET"),
    ];
    let noted = [png_with(&image, &chunks.concat()), b"SECRET".to_vec()].concat();
    let clean = Look::at(&noted, "image/png").clean();
    assert_eq!(clean, png_with(&image, &chunks[0]));
}

/// A GIF of three pictures that moves forever.
fn moving() -> Vec<u8> {
    let mut content = Vec::new();
    let mut encoder = GifEncoder::new(&mut content);
    encoder.set_repeat(image::codecs::gif::Repeat::Infinite).unwrap();
    for width in [10, 20, 30] {
        let image = halves(40, 30).resize_exact(40, 30 - width / 10, image::imageops::FilterType::Nearest);
        let frame = Frame::from_parts(image.to_rgba8(), 0, 0, Delay::from_numer_denom_ms(100, 1));
        encoder.encode_frame(frame).unwrap();
    }
    drop(encoder);
    content
}

fn frames(content: &[u8]) -> Vec<DynamicImage> {
    let frames = GifDecoder::new(Cursor::new(content)).unwrap().into_frames().collect_frames().unwrap();
    frames.into_iter().map(|frame| frame.into_buffer().into()).collect()
}

#[test]
fn a_gif_goes_on_moving_without_its_notes() {
    let content = moving();
    let notes = [b"!\xFE\x06SECRET\0".as_slice(), b"!\xFF\x0BXMP DataXMP\x06SECRET\0"].concat();
    // After the table of colours, or in its place.
    let end = 13 + if content[10] & 0x80 == 0 { 0 } else { 3 << ((content[10] & 7) + 1) };
    let noted = [&content[..end], &notes, &content[end..], b"SECRET"].concat();
    let look = Look::at(&noted, "image/gif");
    let clean = look.clean();
    assert_eq!(clean, content, "nothing else may change");
    assert!(contains(&clean, b"NETSCAPE2.0"));
    assert_eq!(frames(&clean).len(), 3);
    assert_eq!(look.found().frames, Some(3));
    assert!(!look.found().thumbnails.is_empty());
    let few = Limits { frames: 2, ..Limits::default() };
    assert!(matches!(Look::within(&content, "image/gif", &few).found, Err(Fault::TooLarge(_))));
    let few = Limits { moving_pixels: 3 * 40 * 29 - 1, ..Limits::default() };
    assert!(matches!(Look::within(&content, "image/gif", &few).found, Err(Fault::TooLarge(_))));
}

pub fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, payload) in chunks {
        body.extend([name.as_slice(), &u32::try_from(payload.len()).unwrap().to_le_bytes(), payload].concat());
        body.extend(vec![0; payload.len() % 2]);
    }
    [b"RIFF".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

#[test]
fn a_webp_keeps_its_pixels_and_loses_its_notes() {
    let bare = encoded(&photo(61, 40), ImageFormat::WebP);
    assert_eq!(&bare[12..16], b"VP8L");
    let length = usize::try_from(u32::from_le_bytes(bare[16..20].try_into().unwrap())).unwrap();
    let pixels = &bare[20..20 + length];
    let extended = |flags| [&[flags, 0, 0, 0], &60_u32.to_le_bytes()[..3], &39_u32.to_le_bytes()[..3]].concat();
    let noted = riff(&[
        (b"VP8X", &extended(0x0C)),
        (b"VP8L", pixels),
        (b"EXIF", &exif(1)),
        (b"XMP ", b"SECRET"),
        (b"prvt", b"SECRET"),
    ]);
    let look = Look::at(&[noted, b"SECRET".to_vec()].concat(), "image/webp");
    let clean = look.clean();
    assert_eq!(clean, riff(&[(b"VP8X", &extended(0)), (b"VP8L", pixels)]));
    assert_eq!(decoded(&clean), decoded(&bare));
    assert_eq!((look.found().width, look.found().height), (Some(61), Some(40)));
}

/// An HEIC with a picture of nothing, its rotation, and an item of Exif.
pub fn heic() -> Vec<u8> {
    heic_with(None, None)
}

/// The same, whose items are constructed by this method, and say this of the length of the Exif.
fn heic_with(method: Option<u8>, said: Option<u32>) -> Vec<u8> {
    let kind = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
    let item = |id: u8, name: &[u8; 4]| boxed(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], name.as_slice(), b"\0"].concat());
    let items = boxed(b"iinf", &[b"\0\0\0\0\0\x02".as_slice(), &item(1, b"hvc1"), &item(2, b"Exif")].concat());
    let sizes = [numbers(&[0, 64, 48]), numbers(&[0, 640, 480])].map(|size| boxed(b"ispe", &size)).concat();
    let properties = boxed(b"ipco", &[sizes, boxed(b"irot", &[1])].concat());
    let properties = boxed(b"iprp", &properties);
    let note = exif(1);
    // Offsets and lengths of four octets, no base, one extent for each item.
    let version = u8::from(method.is_some());
    let place = |id: u8, method: Option<u8>, at: u32, length: u32| {
        let method = method.map_or(Vec::new(), |method| vec![0, method]);
        [&[0, id], &method[..], &[0, 0, 0, 1], &numbers(&[at, length])].concat()
    };
    let places = |at: u32| {
        let length = said.unwrap_or(u32::try_from(note.len()).unwrap());
        let both = [place(1, method.map(|_| 0), at, 4), place(2, method, at + 4, length)].concat();
        boxed(b"iloc", &[&[version, 0, 0, 0, 0x44, 0, 0, 2], &both[..]].concat())
    };
    let meta = |at| boxed(b"meta", &[b"\0\0\0\0".as_slice(), &items, &places(at), &properties].concat());
    let at = u32::try_from(kind.len() + meta(0).len() + 8).unwrap();
    [kind, meta(at), boxed(b"mdat", &[b"PICT".as_slice(), &note].concat())].concat()
}

#[test]
fn metadata_of_a_heic_is_blanked_out() {
    let content = heic();
    assert!(contains(&content, b"SECRET"));
    let look = Look::at(&content, "image/heic");
    // Turned by its own property.
    assert_eq!((look.found().width, look.found().height), (Some(480), Some(640)));
    assert!(look.found().thumbnails.is_empty());
    let clean = look.clean();
    assert_eq!(clean.len(), content.len());
    assert!(!contains(&clean, b"SECRET") && contains(&clean, b"PICT"));
}

#[test]
fn a_heic_whose_metadata_cannot_be_found_is_refused() {
    let plain = Look::at(&heic_with(Some(0), None), "image/heic");
    assert!(!contains(&plain.clean(), b"SECRET"));
    for (method, length) in [(None, Some(0)), (Some(0), Some(0)), (Some(2), None)] {
        let look = Look::at(&heic_with(method, length), "image/heic");
        assert!(matches!(look.found, Err(Fault::Broken(_))), "{method:?} {length:?}: {:?}", look.found);
    }
}
