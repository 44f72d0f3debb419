//! How the content of a file is sent: with its type by content, in place only if no browser runs it, whole or in ranges.

use std::{future::ready, ops::Range, sync::Arc, time::SystemTime};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue, HttpDate},
    },
    web::Bytes,
};
use clowder_core::Result;
use clowder_media::{
    Content, Files,
    blobs::ByteStream,
    showing::{content_disposition, content_type},
};
use futures_util::{Stream, StreamExt, stream};

use super::ranges::{self, Asked};
use crate::{
    problem::{Answer, Problem},
    refusals,
};

/// Whatever a browser makes of it, it runs nothing and reaches nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
/// Who may see a file changes, so it is asked each time; the content never does.
const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// What is shown to this caller at this address never changes, and another caller may not see it. A day, because the caller
/// may lose the sight of it.
const FOR_A_DAY: HeaderValue = HeaderValue::from_static("private, max-age=86400");

/// Whoever has it in their cache asks each time whether they may still see it.
pub async fn serve(files: Arc<dyn Files>, content: Content, request: &HttpRequest) -> Answer<HttpResponse> {
    send(files, content, request, CACHE).await
}

/// The content depends on who asks for it, and on what they accept.
pub async fn serve_for_a_day(files: Arc<dyn Files>, content: Content, request: &HttpRequest) -> Answer<HttpResponse> {
    let mut answer = send(files, content, request, FOR_A_DAY).await?;
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept, Authorization"));
    Ok(answer)
}

async fn send(
    files: Arc<dyn Files>,
    content: Content,
    request: &HttpRequest,
    cache: HeaderValue,
) -> Answer<HttpResponse> {
    let tag = format!("\"{}\"", content.tag);
    let modified = modified(&content);
    let headers = request.headers();
    if is_known(headers, &tag, modified) {
        return Ok(described(StatusCode::NOT_MODIFIED, &tag, modified, cache).finish());
    }
    let size = content.size;
    let asked = if may_be_partial(request, &tag, modified) { ranges::asked(headers, size) } else { Asked::Whole };
    let kind = content_type(&content.kind);
    let (status, kind, parts) = match asked {
        Asked::Whole => (StatusCode::OK, kind, vec![Piece::Range(0..size)]),
        Asked::One(range) => (StatusCode::PARTIAL_CONTENT, kind, vec![Piece::Range(range)]),
        Asked::Several(ranges) => {
            // No content has its own hash in it.
            let boundary = &content.tag;
            let kind = format!("multipart/byteranges; boundary={boundary}");
            (StatusCode::PARTIAL_CONTENT, kind, several(&ranges, boundary, &content))
        }
        Asked::Unsatisfiable => {
            let problem = Problem::new(refusals::RANGE);
            let whole = HeaderValue::try_from(format!("bytes */{size}"));
            return Err(whole.map_or(problem.clone(), |whole| problem.header(header::CONTENT_RANGE, whole)));
        }
    };
    let length: u64 = parts.iter().map(Piece::length).sum();
    let mut answer = described(status, &tag, modified, cache);
    answer
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header((header::CONTENT_DISPOSITION, content_disposition(&content)));
    answer.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if let (StatusCode::PARTIAL_CONTENT, [Piece::Range(range)]) = (status, parts.as_slice()) {
        answer.insert_header((header::CONTENT_RANGE, in_header(range, size)));
    }
    answer.no_chunking(length);
    // Nothing is read for a HEAD.
    if *request.method() == Method::HEAD {
        return Ok(answer.streaming(stream::empty::<Result<Bytes>>()));
    }
    Ok(answer.streaming(pieces(files, content, parts).await?))
}

/// A part of the response.
enum Piece {
    Range(Range<u64>),
    /// What stands between ranges.
    Text(String),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::Text(text) => text.len() as u64,
        }
    }
}

fn in_header(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// RFC 9110 §14.6.
fn several(ranges: &[Range<u64>], boundary: &str, content: &Content) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for range in ranges {
        let (kind, place) = (content_type(&content.kind), in_header(range, content.size));
        pieces.push(Piece::Text(format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {place}\r\n\r\n")));
        pieces.push(Piece::Range(range.clone()));
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n")));
    pieces
}

/// One piece after another. The first is opened at once, so that a store that is away is a problem and no broken response.
async fn pieces(
    files: Arc<dyn Files>,
    content: Content,
    parts: Vec<Piece>,
) -> Result<impl Stream<Item = Result<Bytes>>> {
    let mut parts = parts.into_iter();
    let first = match parts.next() {
        Some(part) => Some(open(&files, &content, part).await?),
        None => None,
    };
    let rest = stream::iter(parts).then(move |part| {
        let (files, content) = (Arc::clone(&files), content.clone());
        async move { open(&files, &content, part).await.unwrap_or_else(|error| stream::once(ready(Err(error))).boxed()) }
    });
    Ok(stream::iter(first).chain(rest).flatten().inspect(|piece| {
        if let Err(error) = piece {
            Problem::from(error.clone()).log("a download was cut off");
        }
    }))
}

async fn open(files: &Arc<dyn Files>, content: &Content, part: Piece) -> Result<ByteStream> {
    match part {
        Piece::Range(range) => {
            files.read_content(content, Some(range).filter(|range| range.end - range.start != content.size)).await
        }
        Piece::Text(text) => Ok(stream::once(ready(Ok(Bytes::from(text)))).boxed()),
    }
}

/// The headers that a 304 has, too.
fn described(status: StatusCode, tag: &str, modified: SystemTime, cache: HeaderValue) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((header::ETAG, tag))
        .insert_header((header::LAST_MODIFIED, HttpDate::from(modified)))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, cache));
    answer
}

/// In whole seconds, as headers have it.
fn modified(content: &Content) -> SystemTime {
    let seconds = u64::try_from(content.created_at.as_seconds()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
}

/// Whether the caller has it already (RFC 9110 §13.2.2).
fn is_known(headers: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let values = headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
        // Our tags have no commas in them.
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        return tags.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag);
    }
    date(headers, header::IF_MODIFIED_SINCE).is_some_and(|since| modified <= since)
}

/// Whether `Range` counts (RFC 9110 §13.1.5): what the caller has of it must be of this content.
fn may_be_partial(request: &HttpRequest, tag: &str, modified: SystemTime) -> bool {
    if request.method() != Method::GET {
        return false;
    }
    let Some(value) = request.headers().get(header::IF_RANGE) else { return true };
    value.as_bytes() == tag.as_bytes() || date(request.headers(), header::IF_RANGE) == Some(modified)
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    Some(headers.get(name)?.to_str().ok()?.parse::<HttpDate>().ok()?.into())
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, UserId};
    use clowder_media::Key;

    use super::*;

    fn content(name: &str, kind: &str) -> Content {
        Content {
            key: Key::new("files/a").unwrap(),
            name: name.into(),
            kind: kind.into(),
            size: 10,
            tag: "ab".repeat(32),
            created_at: Timestamp::from_micros(1_700_000_000_500_000),
            viewer: UserId::from_uuid(uuid::Uuid::from_u128(1)),
        }
    }

    #[test]
    fn preconditions_compare_what_the_caller_has() {
        let content = content("a", "image/png");
        let (tag, at) = (format!("\"{}\"", content.tag), modified(&content));
        let headers = |name: HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::try_from(value).unwrap());
            headers
        };
        for (value, known) in [
            (tag.clone(), true),
            (format!("W/{tag}"), true),
            (format!("\"x\", {tag}"), true),
            ("*".into(), true),
            ("\"x\"".into(), false),
        ] {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, &value), &tag, at), known, "{value}");
        }
        let same = HttpDate::from(at).to_string();
        for (value, known) in [(same.as_str(), true), ("Tue, 15 Nov 1994 08:12:31 GMT", false), ("soon", false)] {
            assert_eq!(is_known(&headers(header::IF_MODIFIED_SINCE, value), &tag, at), known, "{value}");
        }
    }
}
