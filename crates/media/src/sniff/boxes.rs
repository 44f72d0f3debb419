//! ISO base media (MP4, QuickTime, HEIC, AVIF and their relatives): the brands say which of them a file is, and the tracks
//! whether something is to be seen. The tracks are listed in `moov`, which may be of any size and anywhere, so the boxes are
//! followed while the file streams by.

use super::{Kind, Sniffed};

/// Boxes whose content is boxes that lead to the handlers of the tracks.
const ENTERED: [&[u8; 4]; 3] = [b"moov", b"trak", b"mdia"];
/// What an old QuickTime file, which has no brands, can begin with.
const OLD: [&[u8; 4]; 6] = [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
/// What a fragment can begin with: it has its tracks in another file.
const FRAGMENT: [&[u8; 4]; 4] = [b"styp", b"sidx", b"moof", b"emsg"];
/// The longest box of brands, in octets; each brand has four.
const BRANDS: u64 = 1024;
/// How much of a box is looked at.
const SHOWN: usize = 24;

/// Follows the boxes of a file piece by piece.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The beginning of the present box.
    shown: Vec<u8>,
    /// How much of the file is passed over before the next one.
    skip: u64,
    /// The name and the length of the first box.
    first: Option<([u8; 4], u64)>,
    /// The second one also has a name that boxes have.
    followed: bool,
    ended: bool,
    seen: bool,
    heard: bool,
    /// What describes items, such as pictures.
    items: bool,
}

impl Walk {
    pub(super) fn push(&mut self, mut octets: &[u8]) {
        while !self.ended && !octets.is_empty() {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(octets.len());
            self.skip -= passed as u64;
            octets = &octets[passed..];
            let Some((octet, rest)) = octets.split_first() else { return };
            self.shown.push(*octet);
            octets = rest;
            // Where a header can end, and where the handler of a track has been seen.
            if matches!(self.shown.len(), 8 | 16 | SHOWN) {
                self.look();
            }
        }
    }

    /// Looks whether enough of the box is there.
    fn look(&mut self) {
        let shown = self.shown.as_slice();
        let (Some(length), Some(name)) = (number(shown, 0, 4), shown.get(4..8)) else { return };
        let name = <[u8; 4]>::try_from(name).unwrap_or_default();
        let (header, length) = match length {
            // Up to the end of the file.
            0 => (8, u64::MAX),
            1 => match number(shown, 8, 8) {
                Some(length) => (16, length),
                None => return,
            },
            length => (8, length),
        };
        if length < header || !name.iter().all(|octet| octet.is_ascii_graphic() || matches!(octet, b' ' | 0xA9)) {
            self.ended = true;
            return;
        }
        if &name == b"hdlr" && shown.len() < SHOWN && length >= SHOWN as u64 {
            return;
        }
        match self.first {
            None => self.first = Some((name, length)),
            Some(_) => self.followed = true,
        }
        match (&name, shown.get(header as usize + 8..header as usize + 12)) {
            (b"hdlr", Some(b"vide")) => self.seen = true,
            (b"hdlr", Some(b"soun")) => self.heard = true,
            (b"meta", _) => self.items = true,
            _ => {}
        }
        self.skip = if ENTERED.contains(&&name) { 0 } else { length - shown.len() as u64 };
        self.shown.clear();
    }

    /// What the file is, of which this is the beginning. Its first box must have a name that such files begin with, and be
    /// within it: four octets of text are no length, and make no script a video.
    pub(super) fn end(&self, head: &[u8], length: u64) -> Option<Sniffed> {
        let (name, first) = self.first?;
        let whole = first <= length || first == u64::MAX;
        if &name == b"ftyp" {
            let end = usize::try_from(first).ok().filter(|_| whole && (12..=BRANDS).contains(&first))?;
            return Some(self.branded(head.get(8..end)?));
        }
        // Names alone are a weak sign: either another box follows, or there is nothing else in the file.
        if !whole || !(self.followed || first == length || first == u64::MAX) {
            return None;
        }
        if FRAGMENT.contains(&&name) {
            return Some(Sniffed::new("video/mp4", Kind::Video));
        }
        OLD.contains(&&name).then_some(Sniffed::new("video/quicktime", Kind::Video))
    }

    /// The major brand decides. The others say only which programs can read the file, and a video may name those of pictures.
    fn branded(&self, brands: &[u8]) -> Sniffed {
        let major = brands.get(..4).unwrap_or_default();
        // The four octets after it are a version.
        let has =
            |wanted: &[&[u8]]| brands.get(8..).unwrap_or_default().chunks_exact(4).any(|brand| wanted.contains(&brand));
        let still = self.items && !self.seen && !self.heard;
        let audible = self.heard && !self.seen;
        match major {
            b"avif" | b"avis" => Sniffed::new("image/avif", Kind::Image),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => HEIC,
            b"mif1" | b"mif2" | b"msf1" | b"miaf" if has(&[b"avif", b"avis"]) => {
                Sniffed::new("image/avif", Kind::Image)
            }
            b"mif1" | b"mif2" | b"msf1" | b"miaf" => HEIC,
            b"crx " => Sniffed::new("image/x-canon-cr3", Kind::Image),
            b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => Sniffed::new("audio/mp4", Kind::Audio),
            b"qt  " => Sniffed::new("video/quicktime", Kind::Video),
            [b'3', b'g', ..] if audible => Sniffed::new("audio/3gpp", Kind::Audio),
            [b'3', b'g', ..] => Sniffed::new("video/3gpp", Kind::Video),
            _ if still && has(&[b"avif", b"avis"]) => Sniffed::new("image/avif", Kind::Image),
            _ if still && has(&[b"heic", b"heix", b"mif1"]) => HEIC,
            _ if audible => Sniffed::new("audio/mp4", Kind::Audio),
            _ => Sniffed::new("video/mp4", Kind::Video),
        }
    }
}

const HEIC: Sniffed = Sniffed::new("image/heic", Kind::Image);

/// A number of so many octets at this place.
fn number(octets: &[u8], at: usize, length: usize) -> Option<u64> {
    Some(octets.get(at..at + length)?.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff;

    fn atom(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes(), name.as_slice(), content].concat()
    }

    fn ftyp(major: &[u8; 4], compatible: &[u8]) -> Vec<u8> {
        atom(b"ftyp", &[major.as_slice(), &[0, 0, 2, 0], compatible].concat())
    }

    /// A track whose tables of samples have this length.
    fn trak(handler: &[u8; 4], samples: usize) -> Vec<u8> {
        let hdlr = atom(b"hdlr", &[&[0; 8], handler.as_slice(), &[0; 13]].concat());
        let minf = atom(b"minf", &vec![0; samples]);
        atom(
            b"trak",
            &[atom(b"tkhd", &[0; 84]), atom(b"mdia", &[atom(b"mdhd", &[0; 24]), hdlr, minf].concat())].concat(),
        )
    }

    fn moov(tracks: &[Vec<u8>]) -> Vec<u8> {
        atom(b"moov", &[atom(b"mvhd", &[0; 100]), tracks.concat()].concat())
    }

    #[test]
    fn tracks_are_found_wherever_their_list_is() {
        let mdat = atom(b"mdat", &vec![7; 300_000]);
        let long = [&(1_u32.to_be_bytes()), b"mdat".as_slice(), &1_016_u64.to_be_bytes(), &[7; 1_000]].concat();
        let both = moov(&[trak(b"vide", 200_000), trak(b"soun", 200_000)]);
        let sound = moov(&[trak(b"soun", 10)]);
        let (isom, avc) = (ftyp(b"isom", b"isomiso2avc1mp41"), ftyp(b"mp42", b"mp42isom"));
        let cases: &[(Vec<u8>, &str)] = &[
            ([isom.clone(), both.clone(), mdat.clone()].concat(), "video/mp4"),
            // The end shows no more than the track with the sound.
            ([isom.clone(), atom(b"free", b""), mdat.clone(), both.clone()].concat(), "video/mp4"),
            ([avc.clone(), long, both.clone()].concat(), "video/mp4"),
            ([avc.clone(), mdat.clone(), sound.clone()].concat(), "audio/mp4"),
            (
                [ftyp(b"iso5", b"iso6mp41"), moov(&[trak(b"vide", 0)]), atom(b"moof", &[0; 50]), mdat.clone()].concat(),
                "video/mp4",
            ),
            ([ftyp(b"iso5", b"mp41dash"), atom(b"sidx", &[0; 24]), both.clone()].concat(), "video/mp4"),
            ([ftyp(b"dash", b"iso6"), sound.clone()].concat(), "audio/mp4"),
            ([ftyp(b"XAVC", b"XAVCmp42"), both.clone()].concat(), "video/mp4"),
            ([ftyp(b"M4V ", b"M4V mp42"), both.clone()].concat(), "video/mp4"),
            // Which names a brand of pictures, too.
            ([ftyp(b"isom", b"isommif1msf1heic"), both.clone()].concat(), "video/mp4"),
            ([ftyp(b"3gp4", b"isom3gp4"), both.clone()].concat(), "video/3gpp"),
            ([ftyp(b"3gp4", b"isom3gp4"), sound.clone()].concat(), "audio/3gpp"),
            ([ftyp(b"qt  ", b"qt  "), both.clone()].concat(), "video/quicktime"),
            ([ftyp(b"heic", b"mif1heic"), atom(b"meta", &[0; 40])].concat(), "image/heic"),
            // Old QuickTime.
            ([atom(b"wide", b""), mdat.clone(), both.clone()].concat(), "video/quicktime"),
            ([moov(&[trak(b"vide", 9)]), mdat.clone()].concat(), "video/quicktime"),
            ([atom(b"skip", &[0; 16]), both].concat(), "video/quicktime"),
            // Fragments by themselves.
            ([atom(b"styp", b"msdh\0\0\0\0msdhmsix"), atom(b"moof", &[0; 50]), mdat.clone()].concat(), "video/mp4"),
            ([atom(b"moof", &[0; 50]), mdat].concat(), "video/mp4"),
        ];
        for (content, expected) in cases {
            let found = sniff(content);
            assert_eq!(
                (found.media_type, found.also),
                (*expected, None),
                "{:?}",
                String::from_utf8_lossy(&content[..32])
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_box_is_no_video() {
        let script = b"/**/ftypisom\0\0\x02\0isom*/=1;alert(1)//";
        let other = [b"\0\0\0\x08frob".as_slice(), &[0; 40]].concat();
        let alone = [b"\0\0\0\x20moov".as_slice(), &[1; 60]].concat();
        for content in [script.as_slice(), b"\x7F\0\0\0moov\0\0\0\0", b"\0\0\0\x04ftypisom", &other, &alone] {
            assert_eq!(sniff(content).kind, Kind::Other, "{:?}", String::from_utf8_lossy(content));
        }
    }
}
