//! MP4 and QuickTime. What a browser or a camera writes while it records comes in fragments, and its index has no
//! duration; then that is the sum of the samples, or the time from the first to the last if fragments say when they begin.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek},
    ops::Range,
    path::Path,
};

use super::Contained;
use crate::{
    Fault, Result,
    boxes::{Boxes, header, number},
};

/// The longest index that is read, in octets, of the whole and of a fragment: hours of video have some megabytes.
const LONGEST: (u64, u64) = (64 << 20, 8 << 20);

#[derive(Debug, Default)]
struct Track {
    handler: [u8; 4],
    /// Of a second.
    scale: u64,
    length: u64,
    /// How long a sample is if its fragment does not say so.
    sample: u64,
    size: (u32, u32),
    rotation: u16,
    codec: [u8; 4],
}

pub(super) fn walk(file: &Path) -> Result<Contained> {
    let mut input = BufReader::new(File::open(file)?);
    let (mut tracks, mut stated) = (None, None);
    let mut fragments: BTreeMap<u64, Fragments> = BTreeMap::new();
    while let Some((name, length)) = top(&mut input)? {
        let most = if name == *b"moov" { LONGEST.0 } else { LONGEST.1 };
        match &name {
            b"moov" | b"moof" => {
                let length = length.filter(|length| *length <= most);
                let length = length.ok_or_else(|| Fault::TooLarge("its index is too long".to_owned()))?;
                let mut index = Vec::new();
                input.by_ref().take(length).read_to_end(&mut index)?;
                match &name {
                    b"moov" => (tracks, stated) = (Some(movie(&index)), stated_length(&index)),
                    _ => tracks.iter().for_each(|tracks| fragment(&index, tracks, &mut fragments)),
                }
            }
            _ => match length.and_then(|length| i64::try_from(length).ok()) {
                Some(length) => input.seek_relative(length)?,
                None => break,
            },
        }
    }
    let tracks = tracks.ok_or_else(|| Fault::Broken("it has no index".to_owned()))?;
    let mut found = Contained { milliseconds: stated.filter(|_| fragments.is_empty()), ..Contained::default() };
    for (id, track) in &tracks {
        let length = fragments.get(id).map_or(track.length, |added| added.length().saturating_add(track.length));
        if track.scale > 0 && stated.is_none_or(|_| !fragments.is_empty()) {
            let milliseconds = length as f64 * 1000.0 / track.scale as f64;
            found.milliseconds = Some(found.milliseconds.unwrap_or_default().max(milliseconds));
        }
        let codec = codec(&track.codec);
        match &track.handler {
            b"vide" if !found.has_video => {
                found.has_video = true;
                let (width, height) = track.size;
                found.size = Some(if track.rotation.is_multiple_of(180) { (width, height) } else { (height, width) });
                found.rotation = track.rotation;
                found.codecs.push(codec);
            }
            b"soun" if !found.has_audio => {
                found.has_audio = true;
                let pauses = fragments.get(id).map_or(0, Fragments::pauses);
                found.pauses = pauses as f64 * 1000.0 / track.scale.max(1) as f64;
                found.codecs.push(codec);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The next box of the file, and how long its content is.
fn top(input: &mut BufReader<File>) -> Result<Option<([u8; 4], Option<u64>)>> {
    let mut octets = [0; 16];
    let first = input.read_exact(&mut octets[..8]);
    let whole = first.and_then(|()| match number(&octets, 0, 4) {
        Some(1) => input.read_exact(&mut octets[8..]),
        _ => Ok(()),
    });
    match whole {
        // A recorder that was cut off may have ended within a header.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        whole => whole?,
    }
    let (name, header, length) = header(&octets).ok_or_else(|| Fault::Broken("a box has no length".to_owned()))?;
    let rest = match length {
        Some(length) => Some(length - header as u64),
        None => {
            let at = input.stream_position()?;
            input.get_ref().metadata()?.len().checked_sub(at)
        }
    };
    Ok(Some((name, rest)))
}

/// How long it is to be played, in milliseconds, which edits may make shorter than its tracks.
fn stated_length(index: &[u8]) -> Option<f64> {
    let times = Boxes::find(index, 0..index.len(), b"mvhd")?;
    let (scale, length) = times_of(index, &times)?;
    (scale > 0 && length > 0).then(|| length as f64 * 1000.0 / scale as f64)
}

/// What a second is, and how many of these units a movie or track is long; 0 is unknown.
fn times_of(index: &[u8], part: &Range<usize>) -> Option<(u64, u64)> {
    let (scale, length) = match is_wide(index, part) {
        true => (number(index, part.start + 20, 4)?, number(index, part.start + 24, 8)?),
        false => (number(index, part.start + 12, 4)?, number(index, part.start + 16, 4)?),
    };
    Some((scale, if length >= u64::from(u32::MAX) { 0 } else { length }))
}

/// Version 1 has times of eight octets.
fn is_wide(index: &[u8], part: &Range<usize>) -> bool {
    index.get(part.start) == Some(&1)
}

/// The tracks by their ids.
fn movie(index: &[u8]) -> BTreeMap<u64, Track> {
    let mut tracks = BTreeMap::new();
    let all = 0..index.len();
    for (_, part) in Boxes::new(index, all.clone()).filter(|(name, _)| name == b"trak") {
        if let Some((id, track)) = track(index, part) {
            tracks.insert(id, track);
        }
    }
    let extended = Boxes::find(index, all, b"mvex");
    for (_, part) in extended.into_iter().flat_map(|part| Boxes::new(index, part)).filter(|(name, _)| name == b"trex") {
        let (id, sample) = (number(index, part.start + 4, 4), number(index, part.start + 12, 4));
        if let Some(track) = id.and_then(|id| tracks.get_mut(&id)) {
            track.sample = sample.unwrap_or_default();
        }
    }
    tracks
}

fn track(index: &[u8], part: Range<usize>) -> Option<(u64, Track)> {
    let head = Boxes::find(index, part.clone(), b"tkhd")?;
    let id = number(index, head.start + if is_wide(index, &head) { 20 } else { 12 }, 4)?;
    let matrix = head.start + if is_wide(index, &head) { 52 } else { 40 };
    let media = Boxes::find(index, part, b"mdia")?;
    let times = Boxes::find(index, media.clone(), b"mdhd")?;
    let (scale, length) = times_of(index, &times)?;
    let handler = Boxes::find(index, media.clone(), b"hdlr")?;
    let handler = *index.get(handler.start + 8..)?.first_chunk()?;
    let samples = Boxes::find(index, media, b"minf").and_then(|part| Boxes::find(index, part, b"stbl"));
    let samples = samples.and_then(|part| Boxes::find(index, part, b"stsd"));
    let entry = samples.and_then(|part| Boxes::new(index, part.start + 8..part.end).next());
    let (codec, entry) = entry.unwrap_or_default();
    // The size to show is a fixed-point number; the size of the coded pictures follows in the description.
    let side = |at: usize, length: usize| number(index, at, length).and_then(|side| u32::try_from(side).ok());
    let shown = (side(matrix + 36, 2)?, side(matrix + 40, 2)?);
    let coded = || Some((side(entry.start + 24, 2)?, side(entry.start + 26, 2)?));
    let size = if shown.0 == 0 || shown.1 == 0 { coded().unwrap_or_default() } else { shown };
    Some((id, Track { handler, scale, length, sample: 0, size, rotation: rotation(index, matrix), codec }))
}

/// By the matrix that turns the pictures, of which browsers and players know the quarter turns.
fn rotation(index: &[u8], matrix: usize) -> u16 {
    let cell = |at: usize| number(index, matrix + at * 4, 4).map_or(0, |cell| (cell as u32).cast_signed().signum());
    match [cell(0), cell(1), cell(3), cell(4)] {
        [0, 1, -1, 0] => 90,
        [-1, 0, 0, -1] => 180,
        [0, -1, 1, 0] => 270,
        _ => 0,
    }
}

/// The fragments of a track so far.
#[derive(Debug, Default)]
struct Fragments {
    /// Of all samples.
    sum: u64,
    /// When the first began and the last ended, of those that say so.
    from: Option<u64>,
    to: u64,
}

impl Fragments {
    fn add(&mut self, begins: Option<u64>, length: u64) {
        self.sum = self.sum.saturating_add(length);
        if let Some(begins) = begins {
            self.from = Some(self.from.unwrap_or(begins).min(begins));
            self.to = self.to.max(begins.saturating_add(length));
        }
    }

    fn length(&self) -> u64 {
        self.from.map_or(0, |from| self.to.saturating_sub(from)).max(self.sum)
    }

    /// Recorders leave some between fragments.
    fn pauses(&self) -> u64 {
        self.length() - self.sum
    }
}

/// Adds the samples of a fragment to those of its tracks.
fn fragment(index: &[u8], tracks: &BTreeMap<u64, Track>, fragments: &mut BTreeMap<u64, Fragments>) {
    for (_, part) in Boxes::new(index, 0..index.len()).filter(|(name, _)| name == b"traf") {
        let Some(head) = Boxes::find(index, part.clone(), b"tfhd") else { continue };
        let (Some(flags), Some(id)) = (number(index, head.start + 1, 3), number(index, head.start + 4, 4)) else {
            continue;
        };
        let optional = |flag: u64, octets: usize| if flags & flag == 0 { 0 } else { octets };
        let at = head.start + 8 + optional(1, 8) + optional(2, 4);
        let stated = if flags & 8 == 0 { None } else { number(index, at, 4) };
        let sample = stated.or_else(|| Some(tracks.get(&id)?.sample)).unwrap_or_default();
        let begins = Boxes::find(index, part.clone(), b"tfdt").and_then(|part| {
            let octets = if is_wide(index, &part) { 8 } else { 4 };
            number(index, part.start + 4, octets)
        });
        let runs = Boxes::new(index, part).filter(|(name, _)| name == b"trun");
        let lengths = runs.map(|(_, part)| run(index, &part, sample).unwrap_or_default());
        fragments.entry(id).or_default().add(begins, lengths.fold(0, u64::saturating_add));
    }
}

fn run(index: &[u8], part: &Range<usize>, sample: u64) -> Option<u64> {
    let (flags, count) = (number(index, part.start + 1, 3)?, number(index, part.start + 4, 4)?);
    let optional = |flag: u64| if flags & flag == 0 { 0 } else { 4 };
    let first = part.start + 8 + optional(1) + optional(4);
    let each = optional(0x100) + optional(0x200) + optional(0x400) + optional(0x800);
    if flags & 0x100 == 0 {
        return Some(count.saturating_mul(sample));
    }
    let samples = index.get(first..part.end)?.chunks_exact(each).take(usize::try_from(count).ok()?);
    Some(samples.filter_map(|sample| number(sample, 0, 4)).sum())
}

fn codec(name: &[u8; 4]) -> String {
    let known = match name {
        b"avc1" | b"avc3" => "h264",
        b"hvc1" | b"hev1" => "hevc",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"av01" => "av1",
        b"mp4v" => "mpeg4",
        b"mp4a" => "aac",
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b".mp3" => "mp3",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b"alac" => "alac",
        other => {
            return other
                .iter()
                .filter(|octet| octet.is_ascii_alphanumeric())
                .map(|octet| char::from(*octet))
                .collect();
        }
    };
    known.to_owned()
}
