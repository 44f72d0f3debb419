//! Containers, which a signature tells too little about: MP4 and its relatives, Matroska and WebM, Ogg.

use super::{Kind, Sniffed, text::find};

pub(super) fn sniff(head: &[u8], tail: &[u8]) -> Option<Sniffed> {
    match head {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(boxes(head, tail)),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Some(matroska(head)),
        [b'O', b'g', b'g', b'S', 0, ..] => Some(ogg(head)),
        _ => None,
    }
}

/// ISO base media: the brands say which relative it is, the handlers of its tracks whether something is to be seen. The
/// index with the tracks may be at the end.
fn boxes(head: &[u8], tail: &[u8]) -> Sniffed {
    let length = head.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let brands = head.get(8..length.clamp(12, 256).min(head.len())).unwrap_or_default();
    // The second four octets are a version and no brand; no brand looks like one.
    let has = |wanted: &[&[u8]]| brands.chunks_exact(4).any(|brand| wanted.contains(&brand));
    let major = brands.get(..4).unwrap_or_default();
    if has(&[b"avif", b"avis"]) {
        return Sniffed::new("image/avif", Kind::Image);
    }
    if has(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
        return Sniffed::new("image/heic", Kind::Image);
    }
    match major {
        b"crx " => Sniffed::new("image/x-canon-cr3", Kind::Image),
        b"M4A " | b"M4B " | b"M4P " => Sniffed::new("audio/mp4", Kind::Audio),
        b"qt  " => Sniffed::new("video/quicktime", Kind::Video),
        [b'3', b'g', b'p' | b'2', _] => Sniffed::new("video/3gpp", Kind::Video),
        _ => {
            let (seen, heard) = (handled(head, tail, b"vide"), handled(head, tail, b"soun"));
            if heard && !seen { Sniffed::new("audio/mp4", Kind::Audio) } else { Sniffed::new("video/mp4", Kind::Video) }
        }
    }
}

fn handled(head: &[u8], tail: &[u8], handler: &[u8]) -> bool {
    let within = |octets: &[u8]| {
        octets.windows(16).any(|window| window.starts_with(b"hdlr") && window.get(12..) == Some(handler))
    };
    within(head) || within(tail)
}

/// Matroska names the codecs of its tracks near its beginning: `V_VP9`, `A_OPUS`.
fn matroska(head: &[u8]) -> Sniffed {
    let is_webm = find(&head[..head.len().min(64)], b"webm").is_some();
    let has = |prefix: u8| head.windows(4).any(|window| window[0] == 0x86 && window[2..] == [prefix, b'_']);
    match (is_webm, has(b'A') && !has(b'V')) {
        (true, true) => Sniffed::new("audio/webm", Kind::Audio),
        (true, false) => Sniffed::new("video/webm", Kind::Video),
        (false, true) => Sniffed::new("audio/x-matroska", Kind::Audio),
        (false, false) => Sniffed::new("video/x-matroska", Kind::Video),
    }
}

/// Each stream of Ogg begins with a page of its own, before any content.
fn ogg(head: &[u8]) -> Sniffed {
    match find(head, b"\x80theora").is_some() || find(head, b"\x01video").is_some() {
        true => Sniffed::new("video/ogg", Kind::Video),
        false => Sniffed::new("audio/ogg", Kind::Audio),
    }
}
