//! PNG: a row of chunks, each with its length and name.

use super::Headers;

/// What decides how the pixels look, also of those that move; anything else is metadata.
const KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs",
    b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
];

pub(super) fn walk(content: &[u8]) -> Option<Headers> {
    let signature = b"\x89PNG\r\n\x1A\n";
    let mut rest = content.strip_prefix(signature)?;
    let mut clean = signature.to_vec();
    let (mut size, mut frames, mut has_pixels) = (None, 0, false);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let name: &[u8; 4] = after.first_chunk()?;
        // Its name, its content and a checksum.
        let chunk = rest.get(..length.checked_add(12)?)?;
        let payload = &chunk[8..8 + length];
        match name {
            b"IHDR" if size.is_none() => {
                let (width, height) = (payload.first_chunk::<4>()?, payload.get(4..)?.first_chunk::<4>()?);
                size = Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)));
            }
            b"fcTL" => frames += 1,
            b"IDAT" => has_pixels = true,
            _ => {}
        }
        size?;
        if KEPT.contains(&name) {
            clean.extend_from_slice(chunk);
        }
        if name == b"IEND" {
            break;
        }
        rest = &rest[chunk.len()..];
    }
    let (width, height) = size.filter(|_| has_pixels)?;
    Some(Headers { width, height, frames: frames.max(1), clean })
}
