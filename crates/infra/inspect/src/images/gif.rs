//! GIF: a header, and blocks that are pictures or extensions.

use super::Headers;

/// Applications whose extensions decide how the pictures look: repetition, and the colour profile.
const KEPT: [&[u8]; 3] = [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"];

pub(super) fn walk(content: &[u8]) -> Option<Headers> {
    let (b"GIF87a" | b"GIF89a", _) = content.split_at_checked(6)? else { return None };
    let number = |at: usize| Some(u32::from(u16::from_le_bytes(*content.get(at..)?.first_chunk()?)));
    let (mut width, mut height) = (number(6)?, number(8)?);
    let mut at = 13 + colours(*content.get(10)?);
    let mut clean = content.get(..at)?.to_vec();
    let mut frames = 0;
    // One that is cut off is shown as far as it goes.
    while let Some(kind) = content.get(at) {
        let (end, is_kept) = match kind {
            b',' => {
                let Some(flags) = content.get(at + 9) else { break };
                (blocks(content, at + 11 + colours(*flags)), true)
            }
            b'!' => {
                let Some(label) = content.get(at + 1) else { break };
                let application = content.get(at + 3..at + 14).unwrap_or_default();
                let is_kept = *label == 0xF9 || *label == 0xFF && KEPT.contains(&application);
                (blocks(content, at + 2), is_kept)
            }
            b';' => break,
            // Padding between blocks.
            0 => (Some(at + 1), false),
            _ => return None,
        };
        let Some(end) = end else { break };
        if is_kept {
            clean.extend_from_slice(content.get(at..end)?);
        }
        if *kind == b',' {
            frames += 1;
            // Pictures may reach beyond the screen, which grows.
            width = width.max(number(at + 1)? + number(at + 5)?);
            height = height.max(number(at + 3)? + number(at + 7)?);
        }
        at = end;
    }
    clean.push(b';');
    (frames > 0).then_some(Headers { width, height, frames, clean })
}

/// The length of a table of colours.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Where the row of blocks ends that begins here, each with its length before it.
fn blocks(content: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*content.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}
