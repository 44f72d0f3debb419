//! What follows from the type of a file, which its content has told ([`crate::sniff`]).

use crate::sniff::{Kind, Sniffed, text};

/// What any content is that is nothing else.
pub const OCTETS: &str = "application/octet-stream";

/// The type of a file under its name. A name can only tell kinds of text apart and make text active: nothing in the content
/// of a script says that it is one.
pub fn named<'a>(kind: &'a str, name: &str) -> &'a str {
    match kind {
        "text/plain" => text::named(name).map_or(kind, |named| named.media_type),
        _ => kind,
    }
}

/// Whether a browser may show it in place: it runs nothing, and looks at no other address.
pub fn is_inert(kind: &str) -> bool {
    let picture = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"].contains(&kind);
    picture || kind == "text/plain" || kind.starts_with("audio/") || kind.starts_with("video/")
}

/// Whether a browser would carry it out, or load other things for it: what is of [`Kind::Active`].
pub fn is_active(kind: &str) -> bool {
    let markup = ["text/html", "text/xml", "image/svg+xml", "text/css"].contains(&kind);
    markup || ["text/javascript", "text/x-script", "application/x-shockwave-flash"].contains(&kind)
}

/// Whether a file of this type is looked into: pictures and recordings, of types that there are decoders or readers for.
pub fn is_examined(kind: &str) -> bool {
    is_stripped(kind) || is_recording(kind)
}

/// Whether only a copy without metadata is shown of a file of this type: pictures.
pub fn is_stripped(kind: &str) -> bool {
    ["image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/avif"].contains(&kind)
}

fn is_recording(kind: &str) -> bool {
    let video = ["video/mp4", "video/quicktime", "video/3gpp", "video/webm", "video/x-matroska"].contains(&kind);
    let both = ["audio/mp4", "audio/webm", "audio/x-matroska"].contains(&kind);
    video || both || ["audio/ogg", "audio/mpeg", "audio/flac", "audio/wav", "audio/aac"].contains(&kind)
}

/// Types of pictures and recordings that their content always shows, whatever program has made them.
const SHOWN: &[&str] = &[
    "image/jpeg",
    "image/jpg",
    "image/pjpeg",
    "image/png",
    "image/x-png",
    "image/apng",
    "image/gif",
    "image/webp",
    "image/bmp",
    "image/x-ms-bmp",
    "image/tiff",
    "image/heic",
    "image/heif",
    "image/heic-sequence",
    "image/heif-sequence",
    "image/avif",
    "image/jxl",
    "audio/mp4",
    "audio/x-m4a",
    "audio/m4a",
    "audio/mpeg",
    "audio/mp3",
    "audio/webm",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/x-wav",
    "audio/wave",
    "audio/vnd.wave",
    "audio/flac",
    "audio/x-flac",
    "audio/aac",
    "audio/3gpp",
    "audio/amr",
    "audio/x-matroska",
    "video/mp4",
    "video/x-m4v",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "video/mpeg",
    "video/3gpp",
    "video/3gpp2",
    "video/x-matroska",
    "video/x-msvideo",
    "video/x-flv",
    "video/x-ms-wmv",
];

/// What [`fits`] needs to know of the type that an uploader gives to a file.
pub fn claim(named: &str) -> &'static str {
    let named = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if let Some(shown) = SHOWN.iter().find(|shown| **shown == named) {
        return shown;
    }
    match named.split('/').next() {
        Some("image") if named.starts_with("image/svg+xml") => "image/svg+xml",
        // Of types that only some program knows.
        Some("image") => "image/x-other",
        Some("audio") => "audio/x-other",
        Some("video") => "video/x-other",
        _ => "",
    }
}

/// Whether a file can be what its uploader calls it. Names of documents and archives vary too much to be compared; what is
/// named a picture or a recording must be one. Of the types that only some program knows, such as those of cameras, or
/// `video/mp2t`, which TypeScript is called by its ending, it is enough that nobody runs them.
pub fn fits(named: &str, found: Sniffed) -> bool {
    let named = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_unknown = !SHOWN.contains(&&*named) && matches!(found.kind, Kind::Document | Kind::Text | Kind::Other);
    match named.split('/').next() {
        // It may be compressed.
        Some("image") if named.starts_with("image/svg+xml") => {
            ["image/svg+xml", "application/gzip"].contains(&found.media_type)
        }
        Some("image") => found.kind == Kind::Image || is_unknown,
        // The same containers have either.
        Some("audio" | "video") => matches!(found.kind, Kind::Audio | Kind::Video) || is_unknown,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff;

    #[test]
    fn a_picture_is_no_document() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice();
        for (named, content, fit) in [
            ("image/png", png, true),
            ("image/png", b"\xff\xd8\xff\xe0\0\x10JFIF", true),
            ("image/png", b"MZ\x90\0", false),
            ("IMAGE/PNG; q=1", b"<!doctype html>", false),
            ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'>", true),
            ("image/svg+xml; charset=utf-8", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", true),
            ("image/svg+xml", b"<!doctype html><svg>", false),
            ("image/svg+xml", b"text", false),
            ("image/png", b"<svg xmlns='http://www.w3.org/2000/svg'>", false),
            ("image/x-xcf", b"gimp xcf v011\0", true),
            ("image/vnd.dxf", b"  0\nSECTION\n", true),
            ("image/x-xcf", b"MZ\x90\0", false),
            ("image/x-xcf", b"<script>", false),
            ("image/x-xcf", b"PK\x03\x04\x14\0\0\0", false),
            ("video/mp2t", b"export const a = 1;", true),
            ("video/mp4", b"export const a = 1;", false),
            ("audio/webm;codecs=opus", b"\x1a\x45\xdf\xa3\x88\x42\x82\x84webm", true),
            ("video/mp4", b"\0\x01\x02", false),
            ("application/pdf", b"text", true),
            ("", b"text", true),
        ] {
            assert_eq!(fits(claim(named), sniff(content)), fit, "{named}");
            assert_eq!(fits(named, sniff(content)), fit, "{named} {:?}", String::from_utf8_lossy(content));
        }
    }

    #[test]
    fn a_name_tells_kinds_of_text_apart_and_nothing_else() {
        for (kind, name, expected) in [
            ("text/plain", "a.JS", "text/javascript"),
            ("text/plain", "a.csv", "text/csv"),
            ("text/plain", "a.png", "text/plain"),
            ("text/plain", "html", "text/plain"),
            ("image/gif", "a.html", "image/gif"),
        ] {
            assert_eq!(named(kind, name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_active_is_never_shown() {
        let flash = b"FWS\x0a\0\0\0\0".as_slice();
        for content in [b"<p>".as_slice(), b"<?xml version='1.0'?>", b"<svg>", b"#!/bin/sh", b"<?php", flash] {
            let found = sniff(content);
            assert_eq!(found.kind, Kind::Active, "{found:?}");
            assert!(is_active(found.media_type) && !is_inert(found.media_type), "{found:?}");
        }
        for name in ["a.js", "a.css", "a.html", "a.svg", "a.rss", "a.ps1"] {
            let kind = named("text/plain", name);
            assert!(is_active(kind) && !is_inert(kind), "{name} {kind}");
        }
        assert!(["image/png", "video/mp4", "text/plain"].into_iter().all(is_inert));
    }
}
