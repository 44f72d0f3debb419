//! Entity tags (RFC 9110 §8.8.3). The tag of a value is its version. Lists of tags are parsed here: actix-web's
//! `IfMatch` splits at commas within a tag and ignores malformed tags, which must be refused, and the `headers` crate
//! does not expose its tags.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use clowder_core::{Versions, text::Flaw};

/// The tag of a version.
pub fn of(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The suffix of the tag of a compressed response: another representation has another strong tag (RFC 9110 §8.8.3.3),
/// but it still names the same version.
const CODINGS: &[&str] = &["-br", "-gzip"];

/// The tag of the same version in a content coding.
pub fn encoded(tag: &HeaderValue, coding: &str) -> Option<HeaderValue> {
    let opaque = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from(format!("{opaque}-{coding}\"")).ok()
}

/// The versions that `If-Match` allows; `None` without the header and for `*`. The comparison is strong (RFC 9110
/// §13.1.1), so a weak tag matches none. A malformed list is refused, because it could never match.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Versions>, Flaw> {
    let Some(tags) = tags(headers, header::IF_MATCH) else { return Ok(None) };
    if tags.malformed {
        let says = "must be the quoted ETag that was read, such as \"1\", several of them with commas between, or *";
        return Err(Flaw::new("etag", says));
    }
    Ok((!tags.any).then(|| tags.strong.iter().map(|tag| tag.version).collect()))
}

/// The tag of what the caller of a GET already has, if that is this version. A 304 repeats the tag of the response that it
/// stands for (RFC 9110 §15.4.5); of several, that in the content coding that the caller would get. Compressing proxies
/// weaken a tag (`W/"3"`); here it still names the same version.
pub fn known(headers: &HeaderMap, version: i64, coding: impl FnOnce() -> Option<&'static str>) -> Option<HeaderValue> {
    let tags = tags(headers, header::IF_NONE_MATCH)?;
    let coding = coding();
    let named =
        |mark, tags: Vec<Tag>| tags.into_iter().filter(|tag| tag.version == version).map(move |tag| (mark, tag));
    let mut named: Vec<_> = named("", tags.strong).chain(named("W/", tags.weak)).collect();
    named.sort_by_key(|(_, tag)| tag.coding.strip_prefix('-') != coding);
    match named.first() {
        Some((mark, Tag { coding, .. })) => HeaderValue::try_from(format!("{mark}\"{version}{coding}\"")).ok(),
        None => tags.any.then(|| of(version)),
    }
}

#[derive(Default)]
struct Tags {
    any: bool,
    malformed: bool,
    count: usize,
    strong: Vec<Tag>,
    weak: Vec<Tag>,
}

struct Tag {
    version: i64,
    /// One of [`CODINGS`], or nothing.
    coding: &'static str,
}

fn tags(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
    let mut tags = None::<Tags>;
    for value in headers.get_all(name) {
        let tags = tags.get_or_insert_default();
        for tag in elements(value.as_bytes()) {
            match tag.strip_prefix(b"W/") {
                _ if tag == b"*" => tags.any = true,
                _ if tag.is_empty() => {}
                Some(tag) if is_opaque(tag) => tags.weak.extend(named(tag)),
                None if is_opaque(tag) => tags.strong.extend(named(tag)),
                _ => tags.malformed = true,
            }
            tags.count += usize::from(!tag.is_empty());
        }
    }
    if let Some(tags) = &mut tags {
        // Empty elements of a list are allowed (RFC 9110 §5.6.1), an empty list is not; `*` stands alone.
        tags.malformed |= tags.count == 0 || (tags.any && tags.count > 1);
    }
    tags
}

/// The elements of a list of tags, empty ones included; a comma within quotes is part of its tag.
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    value
        .split(move |octet| {
            quoted ^= *octet == b'"';
            *octet == b',' && !quoted
        })
        .map(<[u8]>::trim_ascii)
}

/// `"` visible characters without another `"` `"` (RFC 9110 §8.8.3).
fn is_opaque(tag: &[u8]) -> bool {
    let within = tag.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\""));
    within.is_some_and(|within| within.iter().all(|octet| !matches!(octet, 0..=b' ' | b'"' | 0x7f)))
}

/// Tags are compared octet by octet: only a tag spelled as in [`of`], or [`encoded`], names a version.
fn named(tag: &[u8]) -> Option<Tag> {
    let opaque = std::str::from_utf8(tag).ok()?.strip_prefix('"')?.strip_suffix('"')?;
    let coded = CODINGS.iter().find_map(|coding| Some((opaque.strip_suffix(coding)?, *coding)));
    let (text, coding) = coded.unwrap_or((opaque, ""));
    let version: i64 = text.parse().ok()?;
    (version.to_string() == text).then_some(Tag { version, coding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn if_match_names_a_version() {
        for (values, expected) in [
            (&[][..], None),
            (&["*"], None),
            (&["\"3\""], Some(&[3][..])),
            (&["\"3-br\""], Some(&[3])),
            (&["\"3-gzip\""], Some(&[3])),
            (&["\"3-zip\""], Some(&[])),
            (&["W/\"3\""], Some(&[])),
            (&["W/\"3\", \"4\""], Some(&[4])),
            (&["\"3\", \"4\""], Some(&[3, 4])),
            (&["\"3\"", "\"5\""], Some(&[3, 5])),
            (&["\"3\", , \"4\","], Some(&[3, 4])),
            (&["\"a,b\",\"3\""], Some(&[3])),
            (&["\"\""], Some(&[])),
            (&["\"03\""], Some(&[])),
            (&["\"+3\""], Some(&[])),
            (&["\"abc\""], Some(&[])),
        ] {
            let expected = expected.map(|versions| versions.iter().copied().collect::<Versions>());
            assert_eq!(if_match(&headers(header::IF_MATCH, values)).unwrap(), expected, "{values:?}");
        }
        for wrong in
            ["", " ", ",", "3", "1,2", "\"3", "3\"", "\"3\" \"4\"", "w/\"3\"", "W/3", "W/*", "*, \"3\"", "\"3\", 4"]
        {
            assert!(if_match(&headers(header::IF_MATCH, &[wrong])).is_err(), "{wrong}");
        }
        assert!(if_match(&headers(header::IF_MATCH, &["\"3\"", "x"])).is_err());
    }

    #[test]
    fn if_none_match_knows_a_version() {
        assert_eq!(of(3), "\"3\"");
        for (values, coding, expected) in [
            (&[][..], None, None),
            (&["\"3\""], None, Some("\"3\"")),
            (&["\"3\""], Some("br"), Some("\"3\"")),
            (&["\"3-gzip\""], Some("gzip"), Some("\"3-gzip\"")),
            (&["\"3-gzip\""], None, Some("\"3-gzip\"")),
            (&["\"3-br\", \"3\", \"3-gzip\""], Some("gzip"), Some("\"3-gzip\"")),
            (&["\"3-br\", \"3\", \"3-gzip\""], None, Some("\"3\"")),
            (&["\"2-gzip\", \"3-br\""], Some("gzip"), Some("\"3-br\"")),
            (&["W/\"3\""], None, Some("W/\"3\"")),
            (&["W/\"3\", \"3\""], None, Some("\"3\"")),
            (&["W/\"3-br\"", "\"3\""], Some("br"), Some("W/\"3-br\"")),
            (&["\"03\""], None, None),
            (&["\"3-zip\""], None, None),
            (&["\"2\", \"3\""], None, Some("\"3\"")),
            (&["\"2\""], None, None),
            (&["*"], Some("br"), Some("\"3\"")),
        ] {
            let found = known(&headers(header::IF_NONE_MATCH, values), 3, || coding);
            assert_eq!(found.as_ref().map(|tag| tag.to_str().unwrap()), expected, "{values:?} {coding:?}");
        }
    }
}
