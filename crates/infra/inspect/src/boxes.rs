//! The boxes of ISO base media, which MP4, QuickTime, HEIC and AVIF are made of.

use std::ops::Range;

/// The boxes within a part of a file, by their names and where their contents are. Ends at the first that is cut off.
pub(crate) struct Boxes<'a> {
    content: &'a [u8],
    rest: Range<usize>,
}

impl<'a> Boxes<'a> {
    pub(crate) fn new(content: &'a [u8], part: Range<usize>) -> Self {
        Self { content, rest: part.start.min(content.len())..part.end.min(content.len()) }
    }

    /// The first box of this name.
    pub(crate) fn find(content: &'a [u8], part: Range<usize>, wanted: &[u8; 4]) -> Option<Range<usize>> {
        Self::new(content, part).find(|(name, _)| name == wanted).map(|(_, part)| part)
    }
}

impl Iterator for Boxes<'_> {
    type Item = ([u8; 4], Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.start;
        let octets = self.content.get(self.rest.clone())?;
        let (name, header, length) = header(octets)?;
        let length = length.map_or(Some(octets.len()), |length| usize::try_from(length).ok())?;
        if length > octets.len() {
            return None;
        }
        self.rest.start += length;
        Some((name, start + header..start + length))
    }
}

/// The name of a box, how long its header is, and its whole length; `None` is up to the end of the file.
pub(crate) fn header(octets: &[u8]) -> Option<([u8; 4], usize, Option<u64>)> {
    let name = *octets.get(4..)?.first_chunk()?;
    match number(octets, 0, 4)? {
        0 => Some((name, 8, None)),
        1 => number(octets, 8, 8).filter(|length| *length >= 16).map(|length| (name, 16, Some(length))),
        length => (length >= 8).then_some((name, 8, Some(length))),
    }
}

/// A number of so many octets at this place.
pub(crate) fn number(octets: &[u8], at: usize, length: usize) -> Option<u64> {
    let octets = octets.get(at..at.checked_add(length)?)?;
    Some(octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}
