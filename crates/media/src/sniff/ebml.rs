//! Matroska and WebM, as far as the beginning of a file tells: which of them it is, and whether something is to be seen.

use super::{Kind, Sniffed, text::find};

const HEADER: u32 = 0x1A45_DFA3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK: u32 = 0xAE;
const TRACK_TYPE: u32 = 0x83;
const CLUSTER: u32 = 0x1F43_B675;

pub(super) fn sniff(head: &[u8]) -> Sniffed {
    let mut found = Found::default();
    found.walk(head);
    let is_webm = match found.doc_type {
        Some(doc_type) => doc_type == b"webm",
        None => find(&head[..head.len().min(256)], b"webm").is_some(),
    };
    let audible = match found.tracks {
        true => found.heard && !found.seen,
        // Their list is further behind, or broken; then the names of codecs may tell.
        false => has_codec(head, b'A') && !has_codec(head, b'V'),
    };
    match (is_webm, audible) {
        (true, true) => Sniffed::new("audio/webm", Kind::Audio),
        (true, false) => Sniffed::new("video/webm", Kind::Video),
        (false, true) => Sniffed::new("audio/x-matroska", Kind::Audio),
        (false, false) => Sniffed::new("video/x-matroska", Kind::Video),
    }
}

/// `V_VP9`, `A_OPUS`.
fn has_codec(head: &[u8], prefix: u8) -> bool {
    head.windows(4).any(|window| window[0] == 0x86 && window[2..] == [prefix, b'_'])
}

#[derive(Default)]
struct Found<'a> {
    doc_type: Option<&'a [u8]>,
    tracks: bool,
    seen: bool,
    heard: bool,
}

impl<'a> Found<'a> {
    /// Elements that contain others are entered, so their lengths, which may be unknown, do not matter.
    fn walk(&mut self, mut rest: &'a [u8]) {
        while let Some((id, length, content)) = element(rest) {
            match id {
                HEADER | SEGMENT | TRACK => {}
                TRACKS => self.tracks = true,
                CLUSTER => return,
                _ => {
                    // Beyond the beginning there is nothing more to see.
                    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return };
                    let Some((content, after)) = content.split_at_checked(length) else { return };
                    self.take(id, content);
                    rest = after;
                    continue;
                }
            }
            rest = content;
        }
    }

    fn take(&mut self, id: u32, content: &'a [u8]) {
        match id {
            // It may be filled up with zeros.
            DOC_TYPE => self.doc_type = content.split(|octet| *octet == 0).next(),
            TRACK_TYPE => match content.last() {
                Some(1) => self.seen = true,
                Some(2) => self.heard = true,
                _ => {}
            },
            _ => {}
        }
    }
}

/// The id of an element, the length of its content unless that is unknown, and what follows.
fn element(octets: &[u8]) -> Option<(u32, Option<u64>, &[u8])> {
    let (id, _, rest) = number(octets, 4)?;
    let (length, bits, rest) = number(rest, 8)?;
    // The marker is part of an id, and not of a length.
    let marker = 1_u64 << bits;
    let length = length ^ marker;
    Some((u32::try_from(id).ok()?, (length != marker - 1).then_some(length), rest))
}

/// A number with its marker, how many bits are behind that, and what follows. The zeros before the marker say how many
/// octets it has beside the first.
fn number(octets: &[u8], most: usize) -> Option<(u64, usize, &[u8])> {
    let length = octets.first()?.leading_zeros() as usize + 1;
    let (number, rest) = octets.split_at_checked(length).filter(|_| length <= most)?;
    Some((number.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)), length * 7, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element whose length has one octet, or eight.
    fn one(id: &[u8], content: &[u8], long: bool) -> Vec<u8> {
        let length = content.len() as u64;
        let length = if long { (length | 1 << 56).to_be_bytes().to_vec() } else { vec![length as u8 | 0x80] };
        [id, &length, content].concat()
    }

    fn file(doc_type: &[u8], tracks: &[(u8, &[u8])], long: bool) -> Vec<u8> {
        let one = |id: &[u8], content: &[u8]| one(id, content, long);
        let header = [
            one(b"\x42\x86", &[1]),
            one(b"\x42\xF7", &[1]),
            one(b"\x42\xF2", &[4]),
            one(b"\x42\xF3", &[8]),
            one(b"\xEC", &[0; 40]),
            one(b"\x42\x82", doc_type),
        ];
        let tracks: Vec<u8> = tracks
            .iter()
            .flat_map(|(kind, codec)| {
                one(b"\xAE", &[one(b"\xD7", &[1]), one(b"\x86", codec), one(b"\x83", &[*kind])].concat())
            })
            .collect();
        let info = one(b"\x15\x49\xA9\x66", &one(b"\x4D\x80", b"muxer V_"));
        // As a browser records it: nobody knows how long it will be.
        let segment =
            [b"\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF".as_slice(), &info, &one(b"\x16\x54\xAE\x6B", &tracks)];
        [one(b"\x1A\x45\xDF\xA3", &header.concat()), segment.concat(), b"\x1F\x43\xB6\x75\xFF\x83\x81\x01".to_vec()]
            .concat()
    }

    #[test]
    fn the_header_says_what_it_is_and_the_tracks_what_is_in_it() {
        const VP9: (u8, &[u8]) = (1, b"V_VP9");
        const OPUS: (u8, &[u8]) = (2, b"A_OPUS");
        for long in [false, true] {
            for (doc_type, tracks, expected) in [
                (b"webm".as_slice(), &[VP9, OPUS][..], "video/webm"),
                (b"webm\0\0\0", &[OPUS, VP9], "video/webm"),
                (b"webm", &[OPUS], "audio/webm"),
                (b"webm", &[], "video/webm"),
                (b"matroska", &[VP9, OPUS], "video/x-matroska"),
                (b"matroska", &[OPUS, (17, b"S_TEXT/UTF8")], "audio/x-matroska"),
            ] {
                assert_eq!(sniff(&file(doc_type, tracks, long)).media_type, expected, "{long} {tracks:?}");
            }
        }
    }

    #[test]
    fn what_is_broken_is_no_reason_to_fail() {
        let whole = file(b"webm", &[(1, b"V_VP8")], false);
        for end in 0..whole.len() {
            sniff(&whole[..end]);
        }
        sniff(&[0x1A, 0x45, 0xDF, 0xA3, 0, 0, 0, 0]);
        sniff(&[0x1A, 0x45, 0xDF, 0xA3, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
}
