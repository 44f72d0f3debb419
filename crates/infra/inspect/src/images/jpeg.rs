//! JPEG: a row of segments, of which few belong to the picture.

use super::Headers;

/// Keeps what decoding needs, the colour profile and Adobe's note about colours. Left out are Exif, XMP, IPTC, comments,
/// previews, further pictures, and all that follows the end.
pub(super) fn walk(content: &[u8]) -> Option<Headers> {
    let mut clean = content.strip_prefix(b"\xFF\xD8").map(|_| b"\xFF\xD8".to_vec())?;
    let (mut at, mut size, mut scans) = (2, None, 0_u32);
    while let Some(marker) = marker(content, &mut at) {
        match marker {
            0xD9 => break,
            // Without content.
            0x01 | 0xD0..=0xD7 => continue,
            0x00 | 0xD8 => return None,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(*content.get(at..)?.first_chunk()?));
        let payload = content.get(at + 2..at + length.max(2));
        let Some(payload) = payload.filter(|_| length >= 2) else { break };
        at += length;
        if let 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF = marker {
            let [_, high, low, wide, narrow, ..] = *payload else { return None };
            size = Some((u16::from_be_bytes([wide, narrow]), u16::from_be_bytes([high, low])));
        }
        if let Some(kept) = kept(marker, payload) {
            clean.extend_from_slice(&[0xFF, marker]);
            clean.extend_from_slice(&u16::try_from(kept.len() + 2).ok()?.to_be_bytes());
            clean.extend_from_slice(&kept);
        }
        if marker == 0xDA {
            scans += 1;
            let end = scan(&content[at..]);
            clean.extend_from_slice(&content[at..at + end]);
            at += end;
        }
    }
    // One that is cut off is shown as far as it goes.
    clean.extend_from_slice(b"\xFF\xD9");
    let (width, height) = size.filter(|_| scans > 0)?;
    Some(Headers { width: width.into(), height: height.into(), frames: 1, clean })
}

/// The next marker, with `at` after it.
fn marker(content: &[u8], at: &mut usize) -> Option<u8> {
    // Octets between segments are nothing to a decoder.
    let start = content.get(*at..)?.iter().position(|octet| *octet == 0xFF)?;
    let filled = content[*at + start..].iter().take_while(|octet| **octet == 0xFF).count();
    *at += start + filled + 1;
    content.get(*at - 1).copied()
}

/// How long the coded pixels are: up to the next marker that does not belong to them.
fn scan(content: &[u8]) -> usize {
    let is_end = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    content.windows(2).position(is_end).unwrap_or(content.len())
}

fn kept(marker: u8, payload: &[u8]) -> Option<Vec<u8>> {
    match marker {
        // Without the preview that may follow.
        0xE0 if payload.starts_with(b"JFIF\0") && payload.len() >= 14 => {
            let mut kept = payload[..14].to_vec();
            kept[12..].fill(0);
            Some(kept)
        }
        0xE2 if payload.starts_with(b"ICC_PROFILE\0") => Some(payload.to_vec()),
        0xEE if payload.starts_with(b"Adobe") => Some(payload.to_vec()),
        0xE0..=0xFE => None,
        _ => Some(payload.to_vec()),
    }
}
