//! Matroska and WebM. What a browser records has no duration; then it is where the last block ends.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::Contained;
use crate::{Fault, Result};

/// Elements whose content is read element by element. Their ends do not matter here, so neither do unknown lengths.
const ENTERED: [u32; 9] = [0x1853_8067, 0x1549_A966, 0x1654_AE6B, 0xAE, 0xE0, 0xE1, 0x7670, 0x1F43_B675, 0xA0];
const CLUSTER: u32 = 0x1F43_B675;
/// The longest content of any other element that is looked at, in octets.
const LONGEST: u64 = 64;

#[derive(Debug, Default)]
struct Track {
    number: u64,
    kind: u64,
    codec: String,
    /// How long a block is, in nanoseconds.
    block: u64,
    coded: (u32, u32),
    shown: (u32, u32),
    roll: f64,
}

pub(super) fn walk(file: &Path) -> Result<Contained> {
    let mut input = BufReader::new(File::open(file)?);
    let mut walk = Walk { scale: 1_000_000, ..Walk::default() };
    let mut first = true;
    while let Some((id, length)) = element(&mut input)? {
        if first && id != 0x1A45_DFA3 {
            return Err(Fault::Broken("it does not begin as Matroska".to_owned()));
        }
        first = false;
        // With a duration, all is known before the first block.
        if id == CLUSTER && walk.duration.is_some() && !walk.tracks.is_empty() {
            break;
        }
        if ENTERED.contains(&id) {
            walk.enter(id);
            continue;
        }
        let Some(length) = length else { return Err(Fault::Broken("an element has no end".to_owned())) };
        let mut content = Vec::new();
        input.by_ref().take(length.min(LONGEST)).read_to_end(&mut content)?;
        walk.take(id, &content);
        match i64::try_from(length.saturating_sub(LONGEST)) {
            Ok(rest) => input.seek_relative(rest)?,
            Err(_) => break,
        }
    }
    Ok(walk.end())
}

#[derive(Debug, Default)]
struct Walk {
    tracks: Vec<Track>,
    /// How many nanoseconds one unit of time is.
    scale: u64,
    duration: Option<f64>,
    cluster: u64,
    /// Where the last block ends, in units.
    last: f64,
    /// When the present block begins, and the track it is of.
    block: (f64, u64),
}

impl Walk {
    fn enter(&mut self, id: u32) {
        // More tracks than anybody has are of no interest.
        if id == 0xAE && self.tracks.len() < 64 {
            self.tracks.push(Track::default());
        }
    }

    fn take(&mut self, id: u32, content: &[u8]) {
        match id {
            0x2A_D7B1 => self.scale = number(content).max(1),
            0x4489 => self.duration = Some(float(content)).filter(|duration| *duration > 0.0),
            0xE7 => self.cluster = number(content),
            0xA3 | 0xA1 => self.begin(content),
            0x9B => self.reach(self.block.0 + number(content) as f64),
            _ => {}
        }
        let Some(track) = self.tracks.last_mut() else { return };
        let side = || u32::try_from(number(content)).unwrap_or_default();
        match id {
            0xD7 => track.number = number(content),
            0x83 => track.kind = number(content),
            0x86 => track.codec = String::from_utf8_lossy(content).trim_end_matches('\0').to_owned(),
            0x23_E383 => track.block = number(content),
            0xB0 => track.coded.0 = side(),
            0xBA => track.coded.1 = side(),
            0x54B0 => track.shown.0 = side(),
            0x54BA => track.shown.1 = side(),
            0x7675 => track.roll = float(content),
            _ => {}
        }
    }

    fn begin(&mut self, content: &[u8]) {
        let Some((track, octets)) = variable(content) else { return };
        let Some(relative) = content.get(octets..).and_then(<[u8]>::first_chunk::<2>) else { return };
        let at = self.cluster as f64 + f64::from(i16::from_be_bytes(*relative));
        let block = self.tracks.iter().find(|known| known.number == track).map_or(0, |known| known.block);
        self.block = (at, track);
        self.reach(at + block as f64 / self.scale as f64);
    }

    fn reach(&mut self, until: f64) {
        self.last = self.last.max(until);
    }

    fn end(self) -> Contained {
        let units = self.duration.unwrap_or(self.last);
        let mut found = Contained { milliseconds: Some(units * self.scale as f64 / 1e6), ..Contained::default() };
        for track in &self.tracks {
            match track.kind {
                1 if !found.has_video => {
                    found.has_video = true;
                    let (width, height) =
                        if track.shown.0 > 16 && track.shown.1 > 16 { track.shown } else { track.coded };
                    // Counter-clockwise, unlike everywhere else.
                    let turns = (-track.roll / 90.0).round().rem_euclid(4.0);
                    found.rotation = turns as u16 * 90;
                    found.size =
                        Some(if found.rotation.is_multiple_of(180) { (width, height) } else { (height, width) });
                }
                2 if !found.has_audio => found.has_audio = true,
                _ => continue,
            }
            found.codecs.push(codec(&track.codec));
        }
        found
    }
}

/// The next element, and how long its content is, if that is known.
fn element(input: &mut impl Read) -> Result<Option<(u32, Option<u64>)>> {
    let mut first = [0];
    if input.read(&mut first)? == 0 {
        return Ok(None);
    }
    let broken = || Fault::Broken("an element is damaged".to_owned());
    let more = first[0].leading_zeros() as usize;
    let mut id = u32::from(first[0]);
    for octet in rest(input, more.min(4))? {
        id = id << 8 | u32::from(octet);
    }
    if more > 3 {
        return Err(broken());
    }
    let mut length = rest(input, 1)?;
    let more = length[0].leading_zeros() as usize;
    if more > 7 {
        return Err(broken());
    }
    length.extend(rest(input, more)?);
    let unknown = (1_u64 << (7 * length.len())) - 1;
    let (length, _) = variable(&length).ok_or_else(broken)?;
    Ok(Some((id, (length != unknown).then_some(length))))
}

fn rest(input: &mut impl Read, octets: usize) -> io::Result<Vec<u8>> {
    let mut content = vec![0; octets];
    input.read_exact(&mut content)?;
    Ok(content)
}

/// A number that says itself how many octets it has.
fn variable(content: &[u8]) -> Option<(u64, usize)> {
    let octets = content.first()?.leading_zeros() as usize + 1;
    let all = number(content.get(..octets.min(8))?);
    (octets <= 8).then_some((all & ((1 << (7 * octets)) - 1), octets))
}

fn number(content: &[u8]) -> u64 {
    content.iter().take(8).fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn float(content: &[u8]) -> f64 {
    match *content {
        [a, b, c, d] => f32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => 0.0,
    }
}

fn codec(name: &str) -> String {
    let known = match name {
        "V_MPEG4/ISO/AVC" => "h264",
        "V_MPEGH/ISO/HEVC" => "hevc",
        "A_AAC" => "aac",
        "A_MPEG/L3" => "mp3",
        other => {
            let plain = other.split_once('_').map_or(other, |(_, plain)| plain);
            return plain.to_ascii_lowercase();
        }
    };
    known.to_owned()
}
