//! How the content of a file is sent: with its type by content, in place only if no browser runs it, whole or in ranges.

use std::{future::ready, ops::Range, sync::Arc, time::SystemTime};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue, HttpDate},
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

use super::{
    conditions::{Named, Verdict},
    ranges::{self, Asked},
};
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

/// What is shown to everybody at this address never changes, so that caches for many people keep it.
const SHARED: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The same for everybody; of a thumbnail, by what they accept.
pub async fn serve_all(files: Arc<dyn Files>, content: Content, request: &HttpRequest) -> Answer<HttpResponse> {
    let mut answer = send(files, content, request, SHARED).await?;
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// Whoever has it in their cache asks each time whether they may still see it.
pub async fn serve(files: Arc<dyn Files>, content: Content, request: &HttpRequest) -> Answer<HttpResponse> {
    send(files, content, request, CACHE).await
}

/// Whoever has it in their cache asks for it again a day later. The content depends on these headers of a call, above all on
/// who asks.
pub async fn serve_for_a_day(
    files: Arc<dyn Files>,
    content: Content,
    request: &HttpRequest,
    by: &'static str,
) -> Answer<HttpResponse> {
    let mut answer = send(files, content, request, FOR_A_DAY).await?;
    answer.headers_mut().append(header::VARY, HeaderValue::from_static(by));
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
    let (headers, named) = (request.headers(), Named { tag: &tag, modified });
    match named.judge(headers) {
        Verdict::Failed => {
            let problem = Problem::new(refusals::PRECONDITION);
            return Err(HeaderValue::try_from(&tag).map_or(problem.clone(), |tag| problem.header(header::ETAG, tag)));
        }
        Verdict::Known => return Ok(described(StatusCode::NOT_MODIFIED, &tag, modified, cache).finish()),
        Verdict::Sent => {}
    }
    let size = content.size;
    let may_be_partial = *request.method() == Method::GET && named.may_be_partial(headers);
    let asked = if may_be_partial { ranges::asked(headers, size) } else { Asked::Whole };
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
