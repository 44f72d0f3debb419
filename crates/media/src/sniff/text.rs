//! Text, and what in it is carried out: markup and scripts.

use super::{Kind, Sniffed};

/// Octets that no text has, in any encoding that ASCII is part of.
pub(super) fn is_never(octet: u8) -> bool {
    matches!(octet, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F)
}

/// Text in UTF-16 begins with a mark, and has octets that no other text has.
pub(super) fn is_wide(head: &[u8]) -> bool {
    let marked = head.starts_with(&[0xFE, 0xFF]) || head.starts_with(&[0xFF, 0xFE]);
    marked && narrowed(head).iter().take(256).all(|octet| !is_never(*octet))
}

/// The ASCII in a text of UTF-16; anything else becomes `?`.
pub(super) fn narrowed(head: &[u8]) -> Vec<u8> {
    let big = head.starts_with(&[0xFE, 0xFF]);
    let units = head.get(2..).unwrap_or_default().chunks_exact(2);
    units
        .map(|unit| if big { u16::from_be_bytes([unit[0], unit[1]]) } else { u16::from_le_bytes([unit[0], unit[1]]) })
        .map(|unit| u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(b'?'))
        .collect()
}

const HTML: Sniffed = Sniffed::new("text/html", Kind::Active);
const XML: Sniffed = Sniffed::new("text/xml", Kind::Active);
const SVG: Sniffed = Sniffed::new("image/svg+xml", Kind::Active);
const SCRIPT: Sniffed = Sniffed::new("text/x-script", Kind::Active);
const PLAIN: Sniffed = Sniffed::new("text/plain", Kind::Text);

pub(super) fn sniff(head: &[u8]) -> Sniffed {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if head.starts_with(b"#!") {
        return SCRIPT;
    }
    let lower = head.to_ascii_lowercase();
    let mut rest = lower.trim_ascii_start();
    match rest {
        [b'%', b'p', b'd', b'f', b'-', ..] => return Sniffed::new("application/pdf", Kind::Document),
        [b'%', b'!', b'p', b's', ..] => return Sniffed::new("application/postscript", Kind::Document),
        [b'{', b'\\', b'r', b't', b'f', ..] => return Sniffed::new("application/rtf", Kind::Document),
        _ => {}
    }
    // Comments come before the first element of a document.
    while let Some(comment) = rest.strip_prefix(b"<!--") {
        let Some(end) = find(comment, b"-->") else { return HTML };
        rest = comment[end + 3..].trim_ascii_start();
    }
    match rest {
        [b'<', b'?', b'x', b'm', b'l', next, ..] if !next.is_ascii_alphanumeric() => markup(rest, XML),
        [b'<', b'?' | b'%', ..] => SCRIPT,
        // A page, or an unknown element: a browser shows either as markup.
        [b'<', b'!', next, ..] | [b'<', next, ..] if next.is_ascii_alphabetic() => markup(rest, HTML),
        _ => PLAIN,
    }
}

/// SVG may be named with any prefix, and anywhere in what leads to the first element.
fn markup(text: &[u8], otherwise: Sniffed) -> Sniffed {
    let is_svg = find(text, b"<svg").is_some() || find(text, b"http://www.w3.org/2000/svg").is_some();
    let is_page = find(text, b"<html").is_some() || find(text, b"<body").is_some();
    match (is_svg, is_page) {
        (true, false) => SVG,
        (_, true) => HTML,
        (false, false) => otherwise,
    }
}

pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// What text is by the end of its name.
pub(crate) fn named(name: &str) -> Option<Sniffed> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "csv" => Sniffed::new("text/csv", Kind::Text),
        "json" => Sniffed::new("application/json", Kind::Text),
        "md" => Sniffed::new("text/markdown", Kind::Text),
        "ics" => Sniffed::new("text/calendar", Kind::Text),
        "vcf" => Sniffed::new("text/vcard", Kind::Text),
        "htm" | "html" | "shtml" | "xht" | "xhtml" | "mht" | "mhtml" | "hta" => HTML,
        "svg" => SVG,
        "xml" | "xsl" | "xslt" | "rss" | "atom" | "rdf" => XML,
        "js" | "mjs" | "cjs" | "jse" => Sniffed::new("text/javascript", Kind::Active),
        "css" => Sniffed::new("text/css", Kind::Active),
        "asp" | "aspx" | "bat" | "cmd" | "jsp" | "php" | "phtml" | "pl" | "ps1" | "psm1" | "py" | "rb" | "reg"
        | "sh" | "bash" | "zsh" | "vb" | "vbe" | "vbs" | "wsf" | "wsh" | "scr" | "lnk" | "url" | "desktop" => SCRIPT,
        _ => return None,
    })
}
