//! How the content of a file is shown: with its type by content, and in place only if no browser runs it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Content, kinds};

/// What a name keeps in `filename*` (RFC 8187 §3.2.1, `attr-char`).
const NAMED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `Content-Type` for a browser: what it would run is named, but not as what it runs.
pub fn content_type(kind: &str) -> String {
    match kind {
        "text/plain" => "text/plain; charset=utf-8".to_owned(),
        active if kinds::is_active(active) => kinds::OCTETS.to_owned(),
        kind => kind.to_owned(),
    }
}

/// `Content-Disposition` (RFC 6266), with the name in ASCII for old clients, and as it is for all others.
pub fn content_disposition(content: &Content) -> String {
    let place = if kinds::is_inert(&content.kind) { "inline" } else { "attachment" };
    let name = &content.name;
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    if plain == *name {
        return format!("{place}; filename=\"{plain}\"");
    }
    format!("{place}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NAMED))
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, UserId};
    use uuid::Uuid;

    use super::*;
    use crate::{Key, Purpose};

    fn content(name: &str, kind: &str) -> Content {
        Content {
            key: Key::new("files/a").unwrap(),
            name: name.into(),
            kind: kind.into(),
            purpose: Purpose::Attachment,
            size: 10,
            tag: "ab".repeat(32),
            created_at: Timestamp::from_micros(1_700_000_000_500_000),
            viewer: UserId::from_uuid(Uuid::from_u128(1)),
        }
    }

    #[test]
    fn names_survive_the_way_to_a_disk() {
        for (name, kind, expected) in [
            ("cat.png", "image/png", "inline; filename=\"cat.png\""),
            ("a \"b\".html", "text/html", "attachment; filename=\"a _b_.html\"; filename*=UTF-8''a%20%22b%22.html"),
            ("käse.pdf", "application/pdf", "attachment; filename=\"k_se.pdf\"; filename*=UTF-8''k%C3%A4se.pdf"),
            ("50%.txt", "text/plain", "inline; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ] {
            assert_eq!(content_disposition(&content(name, kind)), expected);
        }
        for active in ["text/html", "image/svg+xml", "text/xml", "text/x-script", "text/javascript"] {
            assert_eq!(content_type(active), kinds::OCTETS, "{active}");
            assert!(content_disposition(&content("x", active)).starts_with("attachment"), "{active}");
        }
    }
}
