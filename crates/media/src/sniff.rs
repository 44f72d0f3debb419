//! What a file is, by its content: neither its name nor what the client says decides.
//!
//! [`Sniffer`] looks at a file while it streams by, and keeps at most [`HEAD`] + [`TAIL`] octets of it. `infer` knows the
//! signatures of binary formats; own rules decide what a signature cannot tell: whether a container holds audio or
//! video, what is text, markup or a script, and whether a file is something else at the same time.

mod also;
mod boxes;
mod container;
mod ebml;
pub(crate) mod text;

use std::collections::VecDeque;

/// How much of the beginning decides, in octets.
pub const HEAD: usize = 64 << 10;
/// How much of the end is looked at, in octets: a ZIP archive ends with a record of at most this length.
pub const TAIL: usize = (64 << 10) + 22;

/// What can be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Image,
    Audio,
    Video,
    /// What people read, such as PDF and office files.
    Document,
    Archive,
    /// Plain text, and data as text.
    Text,
    /// What a browser would carry out or load other things for: HTML, SVG, XML, scripts. Never shown within a page.
    Active,
    /// Programs, of any system.
    Executable,
    /// Anything else, such as encrypted files.
    Other,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sniffed {
    /// Its media type, without parameters. Whether MP4 or WebM holds video is certain only after an inspection.
    pub media_type: &'static str,
    pub kind: Kind,
    /// What another program would take the same file for. Such a file is made to deceive one of the two, and is refused.
    pub also: Option<&'static str>,
}

impl Sniffed {
    const fn new(media_type: &'static str, kind: Kind) -> Self {
        Self { media_type, kind, also: None }
    }
}

/// Looks at a file piece by piece.
#[derive(Debug, Default)]
pub struct Sniffer {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// There was an octet that no text has.
    binary: bool,
    length: u64,
    boxes: boxes::Walk,
}

impl Sniffer {
    pub fn push(&mut self, octets: &[u8]) {
        self.length += octets.len() as u64;
        self.boxes.push(octets);
        self.binary = self.binary || octets.iter().copied().any(text::is_never);
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&octets[..room.min(octets.len())]);
        let last = &octets[octets.len().saturating_sub(TAIL)..];
        let overflow = (self.tail.len() + last.len()).saturating_sub(TAIL);
        self.tail.drain(..overflow);
        self.tail.extend(last);
    }

    /// What has been pushed is the whole file. An empty one is text.
    pub fn end(mut self) -> Sniffed {
        let head = self.head.as_slice();
        let tail: &[u8] = self.tail.make_contiguous();
        if !self.binary {
            return text::sniff(head);
        }
        if text::is_wide(head) {
            return text::sniff(&text::narrowed(head));
        }
        let known = self.boxes.end(head, self.length).or_else(|| container::sniff(head)).or_else(|| signature(head));
        let Some(known) = known else {
            // A browser that guesses takes leading markup for a page, whatever follows.
            let text = text::sniff(head);
            let active = text.kind == Kind::Active;
            return if active { text } else { Sniffed::new("application/octet-stream", Kind::Other) };
        };
        let is_whole = self.length <= tail.len() as u64;
        Sniffed { also: also::sniff(known, head, tail, is_whole), ..known }
    }
}

/// What a file is whose content is in memory.
pub fn sniff(content: &[u8]) -> Sniffed {
    let mut sniffer = Sniffer::default();
    sniffer.push(content);
    sniffer.end()
}

/// What `infer` knows, in our words.
fn signature(head: &[u8]) -> Option<Sniffed> {
    use infer::MatcherType;

    // MPEG audio without a leading tag: layers II and III in every version. `infer` knows few of them.
    if let [0xFF, second, third, ..] = head
        && matches!(second & 0xE6, 0xE2 | 0xE4)
        && second & 0x18 != 0x08
        && third & 0xF0 != 0xF0
        && third & 0x0C != 0x0C
    {
        return Some(Sniffed::new("audio/mpeg", Kind::Audio));
    }
    // As large as TIFF cannot be.
    if head.starts_with(b"II+\0") || head.starts_with(b"MM\0+") {
        return Some(Sniffed::new("image/tiff", Kind::Image));
    }
    // `infer` wants more of a header than a system needs to recognise it.
    if head.starts_with(b"\x7FELF") {
        return Some(Sniffed::new("application/x-executable", Kind::Executable));
    }
    let found = infer::get(head)?;
    let media_type = match found.mime_type() {
        // Their boxes are not what they should be.
        "video/mp4" | "video/x-m4v" | "video/quicktime" | "audio/m4a" | "image/heif" | "image/avif" => return None,
        "audio/x-flac" => "audio/flac",
        "audio/x-wav" => "audio/wav",
        "application/vnd.microsoft.portable-executable" | "application/x-executable" | "application/x-mach-binary" => {
            "application/x-executable"
        }
        other => other,
    };
    let kind = match media_type {
        "application/pdf" | "application/rtf" | "application/postscript" | "application/msword" => Kind::Document,
        "application/x-ole-storage" => Kind::Document,
        "application/vnd.debian.binary-package" | "application/x-rpm" | "application/x-nintendo-nes-rom" => {
            Kind::Executable
        }
        "application/x-google-chrome-extension" => Kind::Executable,
        "application/x-shockwave-flash" => Kind::Active,
        "application/x-x509-ca-cert" | "application/x-qemu-disk" | "application/x-llvm" => Kind::Other,
        _ => match found.matcher_type() {
            MatcherType::Image => Kind::Image,
            MatcherType::Audio => Kind::Audio,
            MatcherType::Video => Kind::Video,
            MatcherType::Book | MatcherType::Doc => Kind::Document,
            MatcherType::Archive => Kind::Archive,
            MatcherType::Text => Kind::Active,
            MatcherType::App => Kind::Executable,
            MatcherType::Font | MatcherType::Custom => Kind::Other,
        },
    };
    Some(Sniffed::new(media_type, kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ZIP archive of one empty file called `a`.
    fn zip() -> Vec<u8> {
        let local = [b"PK\x03\x04\x14\0".as_slice(), &[0; 20], &[1, 0, 0, 0], b"a"].concat();
        let central = [b"PK\x01\x02\x14\0\x14\0".as_slice(), &[0; 20], &[1, 0], &[0; 16], b"a"].concat();
        let sizes = [(central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes()].concat();
        [local.as_slice(), &central, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &sizes, &[0, 0]].concat()
    }

    fn gif(size: &[u8]) -> Vec<u8> {
        [b"GIF89a", size, &[0x80, 0, 0, 0, 0, 0, 255, 255, 255], b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"].concat()
    }

    fn packets(length: usize, first: usize) -> Vec<u8> {
        let mut content = vec![0; 4 * length];
        (0..4).for_each(|packet| content[first + packet * length] = 0x47);
        content
    }

    fn webm(codec: &[u8]) -> Vec<u8> {
        [b"\x1A\x45\xDF\xA3\x88\x42\x82\x84webm".as_slice(), b"\x86\x86", codec].concat()
    }

    #[test]
    fn files_are_what_they_contain() {
        let wide: Vec<u8> = "\u{feff}<!DOCTYPE html><p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: &[(&[u8], &str, Kind)] = &[
            (b"", "text/plain", Kind::Text),
            (b"Good morning", "text/plain", Kind::Text),
            ("<3 Grüße".as_bytes(), "text/plain", Kind::Text),
            (b"a < b", "text/plain", Kind::Text),
            // Texts with the signatures of pictures and programs.
            (b"BMW is a car", "text/plain", Kind::Text),
            (b"MZ is a text", "text/plain", Kind::Text),
            (b"\xFF\xFEa\0b\0", "text/plain", Kind::Text),
            (b"\n <!DOCTYPE html><html>", "text/html", Kind::Active),
            (b"\xEF\xBB\xBF<HTML>", "text/html", Kind::Active),
            (b"<!-- <svg> --> <script>1</script>", "text/html", Kind::Active),
            (b"<unknown>", "text/html", Kind::Active),
            (b"<b onclick=x>\0", "text/html", Kind::Active),
            (&wide, "text/html", Kind::Active),
            (b"<?xml version='1.0'?><feed>", "text/xml", Kind::Active),
            (b"<?xml version='1.0'?><!-- a --><svg xmlns='x'>", "image/svg+xml", Kind::Active),
            (b"<s:svg xmlns:s='http://www.w3.org/2000/svg'>", "image/svg+xml", Kind::Active),
            (b"<?xml version='1.0'?><html xmlns='x'><svg>", "text/html", Kind::Active),
            (b"#!/bin/sh", "text/x-script", Kind::Active),
            (b"<?php echo 1;", "text/x-script", Kind::Active),
            (b"<% Response %>", "text/x-script", Kind::Active),
            (b"%PDF-1.7\n%\xE2\xE3", "application/pdf", Kind::Document),
            (b"%PDF-1.7\n%\xE2\xE3\0", "application/pdf", Kind::Document),
            (
                b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3E\0".as_slice(),
                "application/x-executable",
                Kind::Executable,
            ),
            (b"MZ\x90\0\x03\0\0\0", "application/x-executable", Kind::Executable),
            (b"\0asm\x01\0\0\0", "application/wasm", Kind::Executable),
            (&gif(&[1, 0, 1, 0]), "image/gif", Kind::Image),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF\0", "image/jpeg", Kind::Image),
            (b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "image/png", Kind::Image),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp", Kind::Image),
            (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav", Kind::Audio),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "image/avif", Kind::Image),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic", Kind::Image),
            (b"\0\0\0\x14ftypM4A \0\0\0\0M4A ", "audio/mp4", Kind::Audio),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime", Kind::Video),
            (b"\0\0\0\x14ftypisom\0\0\x02\0isom", "video/mp4", Kind::Video),
            (&webm(b"A_OPUS\0"), "audio/webm", Kind::Audio),
            (&webm(b"V_VP9\0"), "video/webm", Kind::Video),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0OpusHead", "audio/ogg", Kind::Audio),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0\x80theora", "video/ogg", Kind::Video),
            (b"ID3\x04\0\0\0\0\0\0", "audio/mpeg", Kind::Audio),
            (b"\xFF\xF3\x40\xC0\0\0", "audio/mpeg", Kind::Audio),
            (b"\xFF\xFD\x84\x04\0\0", "audio/mpeg", Kind::Audio),
            (b"II+\0\x08\0\0\0", "image/tiff", Kind::Image),
            (&packets(188, 0), "video/mp2t", Kind::Video),
            (&packets(192, 4), "video/mp2t", Kind::Video),
            (b"fLaC\0\0\0\x22", "audio/flac", Kind::Audio),
            (&zip(), "application/zip", Kind::Archive),
            (b"\x8F\0\xC1\x11\x99", "application/octet-stream", Kind::Other),
        ];
        for (content, media_type, kind) in cases {
            let found = sniff(content);
            let expected = Sniffed { media_type, kind: *kind, also: None };
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(content));
        }
    }

    #[test]
    fn files_that_are_two_things_are_found() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
        let script = |signature: &[u8], rest: &[u8]| [signature, rest, b"\0\0*/=1;alert(1)//;"].concat();
        let cases: &[(Vec<u8>, &str, Option<&str>)] = &[
            (script(b"GIF89a", b"/*\x01\0"), "image/gif", Some("text/javascript")),
            (script(b"GIF89a", b"\t\t=/*ab*/1;alert"), "image/gif", Some("text/javascript")),
            (script(b"\xFF\xD8\xFF\xE0", b"/*JFIF"), "image/jpeg", Some("text/javascript")),
            // Ordinary sizes that look like the beginning of a statement.
            (gif(b"/*\x01\0"), "image/gif", None),
            (gif(b"=\0\x10\0"), "image/gif", None),
            ([jpeg.as_slice(), b"<script>alert(1)</script>"].concat(), "image/jpeg", Some("text/html")),
            ([jpeg.as_slice(), b"<?PHP system($_GET[1]);"].concat(), "image/jpeg", Some("text/html")),
            ([jpeg.as_slice(), b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>"].concat(), "image/jpeg", None),
            ([jpeg.as_slice(), b"%PDF-1.4"].concat(), "image/jpeg", Some("application/pdf")),
            ([jpeg.as_slice(), &zip()].concat(), "image/jpeg", Some("application/zip")),
            ([jpeg.as_slice(), &vec![7; 3 * TAIL], &zip()].concat(), "image/jpeg", Some("application/zip")),
            ([b"%PDF-1.4\0".as_slice(), &zip()].concat(), "application/pdf", Some("application/zip")),
            // A signature alone is no archive.
            ([jpeg.as_slice(), b"PK\x05\x06", &[0; 18]].concat(), "image/jpeg", None),
        ];
        for (content, media_type, also) in cases {
            let found = sniff(content);
            assert_eq!(
                (found.media_type, found.also),
                (*media_type, *also),
                "{:?}",
                String::from_utf8_lossy(&content[..20])
            );
        }
    }

    proptest! {
        /// However a file arrives, it is the same; and nothing makes the rules panic.
        #[test]
        fn pieces_make_no_difference(
            start in 0..12_usize,
            rest in prop::collection::vec(any::<u8>(), 0..600),
            piece in 1..700_usize,
        ) {
            let starts: [&[u8]; 12] = [
                b"", b"GIF89a/*", b"\xFF\xD8\xFF\xE0/*", b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0", b"\x1A\x45\xDF\xA3", b"OggS\0",
                b"<?xml ", b"<!--", b"%PDF-", b"PK\x03\x04", b"\xFF\xFE", b"\xFF\xFB",
            ];
            let content = [starts[start], &rest].concat();
            let mut sniffer = Sniffer::default();
            content.chunks(piece).for_each(|piece| sniffer.push(piece));
            prop_assert_eq!(sniffer.end(), sniff(&content));
        }
    }
}
