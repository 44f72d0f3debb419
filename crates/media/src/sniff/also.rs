//! Files that are two things at once: one program sees a picture, another one a script, a page or an archive.

use super::{Kind, Sniffed, text::find};

/// How far a browser looks for markup, and a viewer for the beginning of a PDF.
const LOOK: usize = 1 << 10;

/// `is_whole`: the tail is the whole file.
pub(super) fn sniff(known: Sniffed, head: &[u8], tail: &[u8], is_whole: bool) -> Option<&'static str> {
    let seen = matches!(known.kind, Kind::Image | Kind::Audio | Kind::Video);
    if is_script(head) {
        return Some("text/javascript");
    }
    let first = head[..head.len().min(LOOK)].to_ascii_lowercase();
    if seen && has_markup(&first) {
        return Some("text/html");
    }
    if known.media_type != "application/pdf" && seen && find(&first, b"%pdf-").is_some() {
        return Some("application/pdf");
    }
    // Archives and office files are ZIP by themselves.
    let may_be = seen || known.media_type == "application/pdf";
    if may_be && ends_as_zip(tail, is_whole) {
        return Some("application/zip");
    }
    None
}

/// `GIF89a/*…*/=1;alert(1)`: the signature is a name to JavaScript, and the octets after it, which are sizes to the
/// other reader, make it a statement.
fn is_script(head: &[u8]) -> bool {
    let after: &[u8] = match head {
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', after @ ..] => after,
        [0xFF, 0xD8, 0xFF, 0xE0..=0xEF | 0xFE, after @ ..] => after,
        [b'R', b'I', b'F', b'F', after @ ..] => after,
        [b'f', b'L', b'a', b'C', after @ ..] => after,
        [b'B', b'M', after @ ..] => after,
        _ => return false,
    };
    let spaces = after.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
    match &after[spaces..] {
        [b'/', b'*', rest @ ..] => find(rest, b"*/").is_some(),
        [b'/', b'/', ..] => true,
        // Any other size that looks like an operator is followed by one that no text has.
        [b'=' | b';' | b',' | b'(' | b'[' | b'.' | b'?' | b'+' | b'-' | b'`', rest @ ..] => {
            rest.len() >= 8 && rest[..8].iter().all(|octet| octet.is_ascii_graphic() || octet.is_ascii_whitespace())
        }
        _ => false,
    }
}

fn has_markup(lower: &[u8]) -> bool {
    let signs: [&[u8]; 8] =
        [b"<script", b"<html", b"<!doctype html", b"<iframe", b"<body", b"<svg", b"<?php", b"javascript:"];
    signs.iter().any(|sign| find(lower, sign).is_some())
}

/// A ZIP archive is read from its end: a record that says where its directory is, and how long the comment after it.
fn ends_as_zip(tail: &[u8], is_whole: bool) -> bool {
    const RECORD: usize = 22;
    let number = |at: usize, octets: usize| {
        tail[at..at + octets].iter().rev().fold(0_usize, |number, octet| number << 8 | usize::from(*octet))
    };
    (0..(tail.len() + 1).saturating_sub(RECORD)).rev().any(|at| {
        if !tail[at..].starts_with(b"PK\x05\x06") {
            return false;
        }
        let end = at + RECORD + number(at + 20, 2);
        let reaches = tail.get(end..).is_some_and(|rest| rest.iter().all(|octet| matches!(octet, 0 | b'\r' | b'\n')));
        let (entries, directory) = (number(at + 10, 2), number(at + 12, 4));
        let listed = match at.checked_sub(directory) {
            Some(start) => tail[start..].starts_with(b"PK\x01\x02"),
            // It begins before what is kept of the file.
            None => !is_whole,
        };
        reaches && entries > 0 && listed
    })
}
