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
    let rest = lower.trim_ascii_start();
    match rest {
        [b'%', b'p', b'd', b'f', b'-', ..] => return Sniffed::new("application/pdf", Kind::Document),
        [b'%', b'!', b'p', b's', ..] => return Sniffed::new("application/postscript", Kind::Document),
        [b'{', b'\\', b'r', b't', b'f', ..] => return Sniffed::new("application/rtf", Kind::Document),
        _ => {}
    }
    match rest {
        [b'<', b'?', b'x', b'm', b'l', next, ..] if !next.is_ascii_alphanumeric() => markup(rest),
        [b'<', b'?' | b'%', ..] => SCRIPT,
        // A page, a comment before one, or an unknown element: a browser shows each as markup.
        [b'<', b'!', next, ..] if next.is_ascii_alphabetic() => markup(rest),
        [b'<', b'!', b'-', b'-', ..] => markup(rest),
        [b'<', next, ..] if next.is_ascii_alphabetic() => markup(rest),
        _ => PLAIN,
    }
}

/// What leads to the first element of a document says what it is, and so does its name. In lower case.
fn markup(text: &[u8]) -> Sniffed {
    let (mut rest, mut is_xml, mut doctype) = (text, false, None);
    let name = loop {
        rest = rest.trim_ascii_start();
        let end = if let Some(comment) = rest.strip_prefix(b"<!--") {
            find(comment, b"-->").map(|end| end + 7)
        } else if rest.starts_with(b"<%") || rest.starts_with(b"<?php") {
            return SCRIPT;
        } else if let Some(instruction) = rest.strip_prefix(b"<?") {
            if !instruction.first().is_some_and(u8::is_ascii_alphabetic) {
                return SCRIPT;
            }
            is_xml = is_xml || rest.starts_with(b"<?xml");
            find(rest, b"?>").map(|end| end + 2)
        } else if let Some(declared) = rest.strip_prefix(b"<!doctype") {
            doctype = Some(word(declared.trim_ascii_start()));
            end_of_doctype(rest)
        } else {
            break rest.strip_prefix(b"<").map(word);
        };
        match end.and_then(|end| rest.get(end..)) {
            Some(after) if !after.is_empty() => rest = after,
            // Its first element is further behind.
            _ => break None,
        }
    };
    let local = |name: &[u8]| name.rsplit(|octet| *octet == b':').next() == Some(b"svg");
    match (doctype, name) {
        (Some(b"html"), _) | (_, Some(b"html" | b"body" | b"head")) => HTML,
        (_, Some(name)) if local(name) => SVG,
        (Some(declared), None) if local(declared) => SVG,
        (_, None) if is_xml && find(text, b"http://www.w3.org/2000/svg").is_some() => SVG,
        _ if is_xml => XML,
        _ => HTML,
    }
}

/// The word at the beginning of a text.
fn word(text: &[u8]) -> &[u8] {
    let ends = |octet: &u8| octet.is_ascii_whitespace() || matches!(octet, b'>' | b'/' | b'[' | b'<');
    &text[..text.iter().position(ends).unwrap_or(text.len())]
}

/// Where a document type ends: it may contain declarations between brackets, and these quoted texts and comments.
fn end_of_doctype(text: &[u8]) -> Option<usize> {
    let (mut at, mut within) = (0, false);
    while let Some(octet) = text.get(at) {
        at += match octet {
            b'"' | b'\'' => text[at + 1..].iter().position(|other| other == octet)? + 2,
            b'<' if text[at..].starts_with(b"<!--") => find(&text[at..], b"-->")? + 3,
            b'[' | b']' => {
                within = *octet == b'[';
                1
            }
            b'>' if !within => return Some(at + 1),
            _ => 1,
        };
    }
    None
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

#[cfg(test)]
mod tests {
    use crate::{kinds, sniff::sniff as whole};

    #[test]
    fn drawings_are_known_however_they_begin() {
        let licence = format!("<!-- {} -->", "All rights. ".repeat(2_000));
        let entities = "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\" [\n\
                        <!ENTITY ns_svg \"http://www.w3.org/2000/svg\">\n<!-- ]> -->\n<!ENTITY ns_a '>'>\n]>";
        let begins = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\">".to_owned(),
            "<svg>".to_owned(),
            "<svg\n\twidth='1'/>".to_owned(),
            "<SVG>".to_owned(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n<!-- Created with Inkscape -->\n\n<svg>"
                .to_owned(),
            "<?xml version='1.0'?><?xml-stylesheet type='text/css' href='a.css'?><svg:svg xmlns:svg='x'>".to_owned(),
            "<?xml version='1.0'?><?adobe-xap-filters esc='CR'?><svg>".to_owned(),
            "<!DOCTYPE svg><svg>".to_owned(),
            format!("<?xml version='1.0'?>{entities}<svg xmlns='&ns_svg;'>"),
            format!("<?xml version='1.0'?>{licence}<svg>"),
            format!("{licence}<svg>"),
            // With a page in it.
            "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject><html xmlns='x'><body>".to_owned(),
            // So much before the first element that it is not looked at.
            format!("<?xml version='1.0'?>{entities}{licence}{licence}{licence}{licence}<svg>"),
        ];
        for text in begins {
            let marked = format!("\u{feff}{text}");
            let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for content in [text.as_bytes(), marked.as_bytes(), &wide] {
                let found = whole(content);
                assert_eq!(found.media_type, "image/svg+xml", "{:.200}", String::from_utf8_lossy(content));
                assert!(kinds::fits("image/svg+xml", found));
            }
        }
    }

    #[test]
    fn pages_and_scripts_are_no_drawings() {
        for (text, expected) in [
            ("<!DOCTYPE html><svg>", "text/html"),
            ("<html><svg>", "text/html"),
            ("<p><svg>", "text/html"),
            ("<svgx>", "text/html"),
            ("<!-- <svg> -->", "text/html"),
            ("<!-- <svg>", "text/html"),
            ("<!doctype html [ <!ENTITY a '>'> ]><svg>", "text/html"),
            ("<?xml version='1.0'?><rss><svg>", "text/xml"),
            ("<?xml version='1.0'?><!-- http://www.w3.org/2000/svg --><a>", "text/xml"),
            ("<?xml version='1.0'?>", "text/xml"),
            ("<?xml version='1.0'?><?php evil(); ?><svg>", "text/x-script"),
            ("<!-- --><?php evil(); ?><svg>", "text/x-script"),
            ("<!-- --><% evil() %>", "text/x-script"),
            ("<!-- --><?= evil() ?>", "text/x-script"),
        ] {
            let found = whole(text.as_bytes());
            assert_eq!(found.media_type, expected, "{text}");
            assert!(!kinds::fits("image/svg+xml", found), "{text}");
        }
    }
}
