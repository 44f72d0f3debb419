//! WebP: chunks in a RIFF, of which some hold further ones.

use super::Headers;

/// What the first chunk of an extended file says that it has.
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;
const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;

/// What every file begins with; its length comes later.
const BEGINNING: &[u8; 12] = b"RIFF\0\0\0\0WEBP";

pub(super) fn walk(content: &[u8]) -> Option<Headers> {
    let rest = content.strip_prefix(b"RIFF")?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let body = rest.get(..length).unwrap_or(rest).strip_prefix(b"WEBP")?;
    let mut clean = BEGINNING.to_vec();
    let (mut size, mut frames) = (None, 0);
    for (name, payload) in Chunks(body) {
        match name {
            b"VP8X" => {
                size = Some((number(payload.get(4..7)?) + 1, number(payload.get(7..10)?) + 1));
                let mut kept = payload.to_vec();
                kept[0] &= !(EXIF | XMP);
                put(&mut clean, name, &kept)?;
            }
            b"VP8 " | b"VP8L" => {
                frames += 1;
                size = size.or(measured(name, payload));
                put(&mut clean, name, payload)?;
            }
            b"ALPH" | b"ANIM" | b"ICCP" => put(&mut clean, name, payload)?,
            b"ANMF" => {
                frames += 1;
                let mut kept = payload.get(..16)?.to_vec();
                for (name, payload) in Chunks(&payload[16..]) {
                    if let b"ALPH" | b"VP8 " | b"VP8L" = name {
                        put(&mut kept, name, payload)?;
                    }
                }
                put(&mut clean, name, &kept)?;
            }
            _ => {}
        }
    }
    end(&mut clean)?;
    let (width, height) = size.filter(|_| frames > 0)?;
    Some(Headers { width, height, frames, clean })
}

/// Writes the length of a whole file into its beginning.
fn end(file: &mut [u8]) -> Option<()> {
    let length = u32::try_from(file.len() - 8).ok()?;
    file.get_mut(4..8)?.copy_from_slice(&length.to_le_bytes());
    Some(())
}

/// Whether the pixels of a file are stored without loss.
pub(super) fn is_lossless(content: &[u8]) -> bool {
    let body = content.get(BEGINNING.len()..).unwrap_or_default();
    Chunks(body).any(|(name, _)| name == b"VP8L")
}

/// A file that was just made of one picture of this size, with a colour profile.
pub(super) fn with_profile(
    content: &[u8],
    (width, height): (u32, u32),
    has_alpha: bool,
    profile: &[u8],
) -> Option<Vec<u8>> {
    let mut file = BEGINNING.to_vec();
    let flags = PROFILE | if has_alpha { ALPHA } else { 0 };
    let mut header = vec![flags, 0, 0, 0];
    for side in [width, height] {
        header.extend_from_slice(&side.checked_sub(1)?.to_le_bytes()[..3]);
    }
    put(&mut file, b"VP8X", &header)?;
    put(&mut file, b"ICCP", profile)?;
    for (name, payload) in Chunks(content.get(BEGINNING.len()..)?) {
        if let b"ALPH" | b"VP8 " | b"VP8L" = name {
            put(&mut file, name, payload)?;
        }
    }
    end(&mut file)?;
    Some(file)
}

struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    /// What is cut off is no chunk.
    fn next(&mut self) -> Option<Self::Item> {
        let (name, after) = self.0.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let payload = after.get(..length)?;
        self.0 = after.get(length + length % 2..).unwrap_or_default();
        Some((name, payload))
    }
}

fn put(to: &mut Vec<u8>, name: &[u8; 4], payload: &[u8]) -> Option<()> {
    to.extend_from_slice(name);
    to.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
    to.extend_from_slice(payload);
    to.extend(std::iter::repeat_n(0, payload.len() % 2));
    Some(())
}

fn number(octets: &[u8]) -> u32 {
    octets.iter().rev().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

/// The size that a bare picture has in its own header.
fn measured(name: &[u8; 4], payload: &[u8]) -> Option<(u32, u32)> {
    match name {
        b"VP8 " => Some((number(payload.get(6..8)?) & 0x3FFF, number(payload.get(8..10)?) & 0x3FFF)),
        _ => {
            let bits = number(payload.get(1..5)?);
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
    }
}
