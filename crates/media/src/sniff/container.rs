//! Containers that a signature tells too little about, beside those of ISO: Matroska and WebM, Ogg, MPEG transport streams.

use super::{Kind, Sniffed, ebml, text::find};

pub(super) fn sniff(head: &[u8]) -> Option<Sniffed> {
    match head {
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Some(ebml::sniff(head)),
        [b'O', b'g', b'g', b'S', 0, ..] => Some(ogg(head)),
        _ => packets(head).then_some(Sniffed::new("video/mp2t", Kind::Video)),
    }
}

/// Each stream of Ogg begins with a page of its own, before any content.
fn ogg(head: &[u8]) -> Sniffed {
    match find(head, b"\x80theora").is_some() || find(head, b"\x01video").is_some() {
        true => Sniffed::new("video/ogg", Kind::Video),
        false => Sniffed::new("audio/ogg", Kind::Audio),
    }
}

/// A transport stream is packets of 188 octets, each with the same octet at its beginning; cameras write a time of four
/// octets before each.
fn packets(head: &[u8]) -> bool {
    let sync = |first: usize, length: usize| (0..3).all(|packet| head.get(first + packet * length) == Some(&0x47));
    sync(0, 188) || sync(4, 192)
}
