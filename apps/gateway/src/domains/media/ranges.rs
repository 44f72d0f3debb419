//! Ranges of a content (RFC 9110 §14).

use std::ops::Range;

use actix_web::http::header::{HeaderMap, HeaderValue, RANGE};

/// How many ranges one call can ask for; whoever asks for more gets the whole.
const MOST: usize = 16;

/// What a call asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Whole,
    One(Range<u64>),
    Several(Vec<Range<u64>>),
    /// Nothing of it is there.
    Unsatisfiable,
}

/// What `Range` asks for, of a content of this size. Units that are not known, and headers that are malformed, are ignored;
/// so are ranges that would cost more than the whole (RFC 9110 §14.2).
pub fn asked(headers: &HeaderMap, size: u64) -> Asked {
    let value = headers.get(RANGE).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(specs) = value.and_then(in_octets) else { return Asked::Whole };
    let mut ranges = Vec::new();
    for spec in specs.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        match range(spec, size) {
            Ok(Some(range)) => ranges.push(range),
            Ok(None) => {}
            Err(Malformed) => return Asked::Whole,
        }
        if ranges.len() > MOST {
            return Asked::Whole;
        }
    }
    let octets: u64 = ranges.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add);
    match ranges.as_slice() {
        [] => Asked::Unsatisfiable,
        [one] => Asked::One(one.clone()),
        _ if octets >= size => Asked::Whole,
        _ => Asked::Several(ranges),
    }
}

fn in_octets(value: &str) -> Option<&str> {
    let (unit, specs) = value.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(specs).filter(|specs| specs.contains('-'))
}

struct Malformed;

/// `first-last`, `first-` or `-length`; `None` if nothing of it is there.
fn range(spec: &str, size: u64) -> Result<Option<Range<u64>>, Malformed> {
    let (first, last) = spec.split_once('-').ok_or(Malformed)?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let length = number(last)?;
        return Ok((length > 0 && size > 0).then(|| size.saturating_sub(length)..size));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return Err(Malformed);
    }
    Ok((first < size).then(|| first..last.saturating_add(1).min(size)))
}

fn number(text: &str) -> Result<u64, Malformed> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Malformed);
    }
    // What is too large for a number is beyond any end.
    Ok(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_within_the_content_or_refused() {
        let one = |range: Range<u64>| Asked::One(range);
        for (value, expected) in [
            ("bytes=0-0", one(0..1)),
            ("bytes=0-", one(0..10)),
            ("Bytes=2-4", one(2..5)),
            ("bytes=5-100", one(5..10)),
            ("bytes=-3", one(7..10)),
            ("bytes=-300", one(0..10)),
            ("bytes=9-99999999999999999999999", one(9..10)),
            ("bytes=10-", Asked::Unsatisfiable),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=0-1, 4-5", Asked::Several(vec![0..2, 4..6])),
            ("bytes=0-1,,100-200", one(0..2)),
            ("bytes=0-7,2-9", Asked::Whole),
            ("bytes=4-2", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=1", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("lines=1-2", Asked::Whole),
            ("", Asked::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static(value));
            assert_eq!(asked(&headers, 10), expected, "{value}");
        }
        let many = format!("bytes={}", vec!["0-0"; 17].join(","));
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::try_from(many).unwrap());
        assert_eq!(asked(&headers, 1_000), Asked::Whole);
        assert_eq!(asked(&HeaderMap::new(), 10), Asked::Whole);
    }
}
