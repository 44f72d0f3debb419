//! A recording whose end is missing, as a recorder leaves it that was cut off. Decoders take only whole pages of Ogg and whole
//! boxes of MP4, so what is there of the last one would be lost, and all of a short recording.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use symphonia::core::io::MediaSource;

use crate::boxes::header;

/// How long the header of a page of Ogg is without the lengths of its segments (RFC 3533 §6).
const PAGE: usize = 27;
/// The flag of the last page.
const LAST: u8 = 4;
/// The longest content of a page.
const LONGEST: u64 = 255 * 255;

/// A file as its decoder sees it.
pub(super) struct Ending {
    file: File,
    /// How much of the file there is to see.
    whole: u64,
    /// What follows that.
    tail: Vec<u8>,
    /// How long it says that it is; it ends earlier if a box promises more than there is.
    stated: u64,
    at: u64,
}

impl Ending {
    pub(super) fn open(file: &Path, media_type: &str) -> io::Result<Self> {
        let file = File::open(file)?;
        let length = file.metadata()?.len();
        let (whole, tail) = match media_type {
            "audio/ogg" => pages(&file, length)?,
            _ => (length, Vec::new()),
        };
        let stated = match media_type {
            "audio/mp4" => boxes(&file, length)?,
            _ => whole + tail.len() as u64,
        };
        let mut ending = Self { file, whole, tail, stated, at: 0 };
        ending.seek(SeekFrom::Start(0))?;
        Ok(ending)
    }
}

impl Read for Ending {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.whole.checked_sub(self.at) {
            Some(left @ 1..) => (&mut self.file).take(left).read(into)?,
            _ => {
                let from = usize::try_from(self.at - self.whole).unwrap_or(usize::MAX);
                self.tail.get(from..).unwrap_or_default().read(into)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Ending {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.stated.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        self.file.seek(SeekFrom::Start(self.at.min(self.whole)))?;
        Ok(self.at)
    }
}

impl MediaSource for Ending {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.stated)
    }
}

/// How much of a file there is in whole pages, and a page of the packets that are there of one that is cut off. All of the file
/// if that is anything else than pages.
fn pages(file: &File, length: u64) -> io::Result<(u64, Vec<u8>)> {
    let (mut input, mut at) = (BufReader::new(file), 0);
    loop {
        let mut page = Vec::new();
        input.by_ref().take(PAGE as u64).read_to_end(&mut page)?;
        if !page.starts_with(b"OggS") && !b"OggS".starts_with(&page) {
            return Ok((length, Vec::new()));
        }
        let Some(segments) = page.get(PAGE - 1).copied() else { return Ok((at, Vec::new())) };
        let mut lengths = Vec::new();
        input.by_ref().take(segments.into()).read_to_end(&mut lengths)?;
        let content: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        let end = at + (PAGE + lengths.len()) as u64 + content;
        if lengths.len() < usize::from(segments) || end > length {
            let mut there = Vec::new();
            input.take(LONGEST).read_to_end(&mut there)?;
            return Ok((at, mended(page, &lengths, &there).unwrap_or_default()));
        }
        input.seek_relative(content as i64)?;
        at = end;
    }
}

/// The page with those of its packets that are there; nothing if there is none.
fn mended(mut page: Vec<u8>, lengths: &[u8], there: &[u8]) -> Option<Vec<u8>> {
    let (mut octets, mut end) = (0, None);
    for (at, length) in lengths.iter().enumerate() {
        octets += usize::from(*length);
        // A packet ends with a segment that is not as long as it can be.
        if octets <= there.len() && *length < 255 {
            end = Some((at + 1, octets));
        }
    }
    let (segments, octets) = end?;
    *page.get_mut(5)? &= !LAST;
    page.get_mut(22..26)?.fill(0);
    *page.get_mut(PAGE - 1)? = u8::try_from(segments).ok()?;
    page.extend_from_slice(lengths.get(..segments)?);
    page.extend_from_slice(there.get(..octets)?);
    let sum = checksum(&page).to_le_bytes();
    page.get_mut(22..26)?.copy_from_slice(&sum);
    Some(page)
}

fn checksum(page: &[u8]) -> u32 {
    let shifted = |sum: u32, _| if sum >> 31 == 1 { sum << 1 ^ 0x04C1_1DB7 } else { sum << 1 };
    page.iter().fold(0, |sum, octet| (0..8).fold(sum ^ u32::from(*octet) << 24, shifted))
}

/// Where the last box of a file ends, as it says itself.
fn boxes(file: &File, length: u64) -> io::Result<u64> {
    let (mut input, mut at) = (BufReader::new(file), 0);
    while at < length {
        let mut octets = Vec::new();
        input.by_ref().take(if length - at < 16 { 8 } else { 16 }).read_to_end(&mut octets)?;
        // Without a length, it is up to the end of the file.
        let stated = header(&octets).and_then(|(_, _, length)| length);
        let Some(end) = stated.and_then(|stated| at.checked_add(stated)).filter(|end| i64::try_from(*end).is_ok())
        else {
            return Ok(length);
        };
        let read = octets.len() as i64;
        if end >= length {
            return Ok(end.max(length));
        }
        input.seek_relative((end - at) as i64 - read)?;
        at = end;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn page(flags: u8, packets: &[&[u8]]) -> Vec<u8> {
        let mut lengths = Vec::new();
        for packet in packets {
            lengths.extend(vec![255; packet.len() / 255]);
            lengths.push(u8::try_from(packet.len() % 255).unwrap());
        }
        let mut page = [b"OggS\0".as_slice(), &[flags], &[0; 20], &[u8::try_from(lengths.len()).unwrap()]].concat();
        page.extend(lengths);
        packets.iter().for_each(|packet| page.extend_from_slice(packet));
        let sum = checksum(&page).to_le_bytes();
        page[22..26].copy_from_slice(&sum);
        page
    }

    fn seen(content: &[u8], media_type: &str) -> (Vec<u8>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, content).unwrap();
        let mut ending = Ending::open(&path, media_type).unwrap();
        let mut all = Vec::new();
        ending.read_to_end(&mut all).unwrap();
        let stated = ending.byte_len().unwrap();
        for at in [0, all.len().min(1), all.len() / 2, all.len()] {
            ending.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut rest = Vec::new();
            ending.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, all[at..], "{at}");
        }
        (all, stated)
    }

    #[test]
    fn of_a_page_that_is_cut_off_its_packets_are_left() {
        let (first, long) = (page(2, &[b"first"]), [7; 600]);
        let second = page(LAST, &[b"one", &long, b"", b"four"]);
        let whole = [first.as_slice(), &second].concat();
        for missing in 0..=whole.len() {
            let left = match missing {
                0 => second.clone(),
                1..=4 => page(0, &[b"one", &long, b""]),
                5..=604 => page(0, &[b"one"]),
                _ => Vec::new(),
            };
            let first: &[u8] = if missing > second.len() { &[] } else { &first };
            let (found, stated) = seen(&whole[..whole.len() - missing], "audio/ogg");
            assert_eq!(found, [first, &left].concat(), "{missing} are missing");
            assert_eq!(stated, found.len() as u64);
        }
        let other = [whole.as_slice(), b"TAG and more that is no page"].concat();
        assert_eq!(seen(&other, "audio/ogg").0, other, "what is no page is left to the decoder");
        assert_eq!(seen(&whole[..20], "audio/wav").0, &whole[..20]);
    }

    #[test]
    fn a_box_that_is_cut_off_says_where_it_would_end() {
        let of =
            |length: u32, name: &[u8], content: usize| [&length.to_be_bytes()[..], name, &vec![1; content]].concat();
        let wide = [&1_u32.to_be_bytes()[..], b"mdat", &100_u64.to_be_bytes(), &[1; 4]].concat();
        let huge = [&1_u32.to_be_bytes()[..], b"mdat", &u64::MAX.to_be_bytes()].concat();
        for (content, stated) in [
            ([of(16, b"ftyp", 8), of(20, b"mdat", 12)].concat(), 36),
            ([of(16, b"ftyp", 8), of(20, b"mdat", 3)].concat(), 36),
            ([of(16, b"ftyp", 8), wide].concat(), 116),
            ([of(16, b"ftyp", 8), of(0, b"mdat", 3)].concat(), 27),
            ([of(16, b"ftyp", 8), vec![0; 5]].concat(), 21),
            ([of(16, b"ftyp", 8), huge].concat(), 32),
            (Vec::new(), 0),
        ] {
            let (found, length) = seen(&content, "audio/mp4");
            assert_eq!((found, length), (content.clone(), stated), "{content:?}");
        }
    }
}
