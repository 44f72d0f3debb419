//! HEIC and AVIF: dimensions and metadata, by their boxes. Nothing here decodes them.
//!
//! Metadata is blanked out where it is: an item that is taken out would move all others.

use std::ops::Range;

use super::Headers;
use crate::boxes::{Boxes, number};

/// What takes the place of metadata. It still is what its item is called: libraries open no picture whose Exif is none.
struct Blank {
    begins: &'static [u8],
    fills: u8,
}

/// An offset, and a TIFF whose only directory is empty.
const EXIF: Blank = Blank { begins: b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", fills: 0 };
const XMP: Blank = Blank { begins: b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>", fills: b' ' };
/// Where there is no room for these.
const NOTHING: Blank = Blank { begins: b"", fills: 0 };

impl Blank {
    fn fill(&self, part: &mut [u8]) {
        part.fill(self.fills);
        if let Some(begin) = part.get_mut(..self.begins.len()) {
            begin.copy_from_slice(self.begins);
        }
    }
}

pub(super) fn walk(content: &[u8]) -> Option<Headers> {
    let all = 0..content.len();
    let mut clean = content.to_vec();
    let meta = Boxes::find(content, all.clone(), b"meta")?;
    // Its version and flags come before its boxes.
    let meta = meta.start + 4..meta.end;
    let items = metadata(content, Boxes::find(content, meta.clone(), b"iinf")?);
    let data = Boxes::find(content, meta.clone(), b"idat");
    if let Some(places) = Boxes::find(content, meta.clone(), b"iloc") {
        for (place, blank) in places_of(content.get(places)?, &items, data.as_ref())? {
            blank.fill(clean.get_mut(place)?);
        }
    }
    for (name, part) in Boxes::new(content, all) {
        if matches!(&name, b"uuid" | b"udta") {
            clean.get_mut(part)?.fill(0);
        }
    }
    let properties = Boxes::find(content, meta, b"iprp").and_then(|part| Boxes::find(content, part, b"ipco"))?;
    let mut size: Option<(u32, u32)> = None;
    let mut is_turned = false;
    for (name, part) in Boxes::new(content, properties) {
        match &name {
            // A large picture may be made of tiles, which have sizes, too.
            b"ispe" => {
                let side = |at| number(content, part.start + at, 4).and_then(|side| u32::try_from(side).ok());
                let found = (side(4)?, side(8)?);
                let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
                size = Some(size.filter(|size| area(*size) >= area(found)).unwrap_or(found));
            }
            b"irot" => is_turned = content.get(part.start)? & 1 == 1,
            _ => {}
        }
    }
    let (width, height) = size?;
    let (width, height) = if is_turned { (height, width) } else { (width, height) };
    Some(Headers { width, height, frames: 1, clean })
}

/// The items that are Exif or XMP, and what takes their place.
fn metadata(content: &[u8], part: Range<usize>) -> Vec<(u64, Blank)> {
    let counted = if content.get(part.start) == Some(&0) { 2 } else { 4 };
    let entries = Boxes::new(content, part.start + 4 + counted..part.end).filter(|(name, _)| name == b"infe");
    let item = |(_, part): ([u8; 4], Range<usize>)| {
        let wide = if *content.get(part.start)? < 3 { 2 } else { 4 };
        let kind = content.get(part.start + 4 + wide + 2..part.end)?.first_chunk::<4>()?;
        let blank = match kind {
            b"Exif" => EXIF,
            b"mime" => XMP,
            _ => return None,
        };
        Some((number(content, part.start + 4, wide)?, blank))
    };
    entries.filter_map(item).collect()
}

/// Where the octets of these items are; `None` if that cannot be said of all. The box says of how many octets its numbers are.
fn places_of<'b>(
    places: &[u8],
    items: &'b [(u64, Blank)],
    data: Option<&Range<usize>>,
) -> Option<Vec<(Range<usize>, &'b Blank)>> {
    let version = *places.first()?;
    let (sizes, more) = (*places.get(4)?, *places.get(5)?);
    let (offset, length, base) = (usize::from(sizes >> 4), usize::from(sizes & 15), usize::from(more >> 4));
    let index = if version > 0 { usize::from(more & 15) } else { 0 };
    let wide = if version < 2 { 2 } else { 4 };
    let mut at = 6;
    let mut take = |octets: usize| {
        let taken = number(places, at, octets);
        at += octets;
        taken
    };
    let mut found = Vec::new();
    for _ in 0..take(wide)? {
        let item = take(wide)?;
        let method = if version > 0 { take(2)? & 15 } else { 0 };
        let elsewhere = take(2)? != 0;
        let note = items.iter().find(|(id, _)| *id == item).map(|(_, blank)| blank);
        // Metadata in another file, or made of other items, cannot be blanked out: nobody may see such a picture.
        if note.is_some() && (elsewhere || method > 1) {
            return None;
        }
        let start = take(base)?;
        let extents = take(2)?;
        for _ in 0..extents {
            take(index)?;
            let (from, octets) = (usize::try_from(start.checked_add(take(offset)?)?).ok()?, take(length)?);
            let from = if method == 1 { data?.start.checked_add(from)? } else { from };
            if let Some(blank) = note {
                // All that follows, wherever that ends.
                if octets == 0 {
                    return None;
                }
                let blank = if extents == 1 { blank } else { &NOTHING };
                found.push((from..from.checked_add(usize::try_from(octets).ok()?)?, blank));
            }
        }
    }
    Some(found)
}
