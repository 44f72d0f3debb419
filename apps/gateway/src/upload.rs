//! Forms with files (multipart/form-data), whose parts are read as they arrive; and octets as they are.

use std::{
    cell::Cell,
    future::{Ready, poll_fn, ready},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, error::PayloadError, mime::Name, web::Bytes};
use futures_util::{Stream, StreamExt};

use crate::{
    front::body_failed,
    problem::{Answer, Problem},
    refusals,
};

/// The longest value of a part that is no file.
const LONGEST: usize = 1 << 10;

/// How much there can be before the content of a part, in octets: what parts it from the one before, and its headers.
const BEFORE_CONTENT: usize = 16 << 10;
/// How much of the body is looked at at once, in octets.
const LOOK: usize = 4 << 10;
/// How long what stands between the parts can be (RFC 2046, 5.1.1). What reads them cannot bear shorter ones than four.
const BOUNDARY: std::ops::RangeInclusive<usize> = 4..=70;

/// The body of a call that takes a file. The front has made sure that it is not too large and keeps arriving.
pub struct Form {
    parts: Multipart,
    passed: Passed,
}

/// The body of a call that takes octets as they are. The front has made sure that it is not too large and keeps arriving.
pub struct Octets(Payload);

impl FromRequest for Octets {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(payload.take())))
    }
}

impl Octets {
    /// What has arrived next.
    pub async fn next(&mut self) -> Answer<Option<Bytes>> {
        self.0.next().await.transpose().map_err(body_failed)
    }
}

/// What is known of the body beside whoever reads its parts.
#[derive(Clone, Default)]
struct Passed {
    /// How many octets have arrived since there was the last content of a part.
    octets: Rc<Cell<usize>>,
    /// Whether nothing more will arrive.
    ended: Rc<Cell<bool>>,
}

impl Passed {
    fn count(&self, octets: usize) {
        self.octets.set(self.octets.get() + octets);
    }

    fn is_too_much(&self) -> bool {
        self.octets.get() > BEFORE_CONTENT
    }

    fn found_content(&self) {
        self.octets.set(0);
    }

    /// What comes next of the form, or of a part. Whoever reads these waits for more even after the end of the body, if the
    /// last of it could be the beginning of a boundary; nothing would wake it.
    async fn next<T>(&self, mut form: impl Stream<Item = Result<T, MultipartError>> + Unpin) -> Answer<Option<T>> {
        let next = poll_fn(|context| {
            let mut next = form.poll_next_unpin(context);
            if next.is_pending() && self.ended.get() {
                // It has seen the end only now.
                next = form.poll_next_unpin(context);
                if next.is_pending() {
                    next = Poll::Ready(Some(Err(MultipartError::Incomplete)));
                }
            }
            next
        });
        next.await.transpose().map_err(|error| failed(error, self))
    }
}

/// The body, of which whoever reads it gets a little at a time, and nothing more once there is too much before the content
/// of a part: it keeps that in memory. It never gets only the beginning of what ends a part: of that it would wait for the
/// rest for ever if the body ends there, and of some beginnings it takes no notice.
struct Measured {
    body: Payload,
    rest: Bytes,
    /// What may be the beginning of what ends a part.
    held: Bytes,
    /// How parts end.
    ends: [Vec<u8>; 2],
    passed: Passed,
    /// Whether it has just given something: whoever gets it looks at that first.
    gave: bool,
}

impl Measured {
    fn new(body: Payload, boundary: &str, passed: Passed) -> Self {
        let ends = ["\r\n--", "\r--"].map(|begins| format!("{begins}{boundary}").into_bytes());
        Self { body, rest: Bytes::new(), held: Bytes::new(), ends, passed, gave: false }
    }

    /// How much there is to give now.
    fn ready(&self) -> usize {
        let some = self.rest.get(..self.rest.len().min(LOOK)).unwrap_or_default();
        let last = some.iter().rposition(|octet| *octet == b'\r').unwrap_or(some.len());
        let tail = some.get(last..).unwrap_or_default();
        let begins = |end: &Vec<u8>| tail.len() < end.len() && end.starts_with(tail);
        if self.ends.iter().any(begins) { last } else { some.len() }
    }
}

impl Stream for Measured {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.passed.is_too_much() {
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        let mut ready = self.ready();
        while ready == 0 {
            if !self.rest.is_empty() {
                self.held = std::mem::take(&mut self.rest);
            }
            match Pin::new(&mut self.body).poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let held = std::mem::take(&mut self.held);
                    self.rest = if held.is_empty() { chunk } else { [held, chunk].concat().into() };
                }
                other => {
                    if matches!(other, Poll::Ready(None)) {
                        self.passed.ended.set(true);
                    }
                    return other;
                }
            }
            ready = self.ready();
        }
        let some = self.rest.split_to(ready);
        self.passed.count(some.len());
        self.gave = true;
        Poll::Ready(Some(Ok(some)))
    }
}

impl FromRequest for Form {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = request.content_type().eq_ignore_ascii_case("multipart/form-data");
        ready(if is_form { Self::new(request, payload.take()) } else { Err(refusals::MEDIA_TYPE.into()) })
    }
}

impl Form {
    fn new(request: &HttpRequest, body: Payload) -> Answer<Self> {
        let kind = request.mime_type().ok().flatten();
        let boundary = kind.as_ref().and_then(|kind| kind.get_param("boundary"));
        let boundary = boundary.as_ref().map_or("", Name::as_str);
        if !BOUNDARY.contains(&boundary.len()) {
            let why = format!("The boundary must have {} to {} characters", BOUNDARY.start(), BOUNDARY.end());
            return Err(Problem::new(refusals::BODY_UNPARSABLE).because(why));
        }
        let passed = Passed::default();
        let body = Measured::new(body, boundary, passed.clone());
        Ok(Self { parts: Multipart::new(request.headers(), body), passed })
    }

    /// The next part. The one before must have been read to its end or skipped.
    pub async fn next(&mut self) -> Answer<Option<Part>> {
        let field = self.passed.next(&mut self.parts).await?;
        self.passed.found_content();
        Ok(field.map(|field| Part { field: Some(field), rest: Bytes::new(), passed: self.passed.clone() }))
    }
}

/// One member of a form.
pub struct Part {
    /// Until its end has been read.
    field: Option<Field>,
    /// What has been read of it and not been given yet.
    rest: Bytes,
    passed: Passed,
}

impl Part {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.field.as_ref().and_then(Field::name).unwrap_or_default()
    }

    /// What its file is called, as the client says. Forms should have the name as it is (RFC 7578, 4.2), but some clients
    /// encode it as in a response (RFC 8187).
    pub fn file_name(&self) -> Option<String> {
        let named = self.field.as_ref()?.content_disposition()?;
        let encoded = named.get_filename_ext().and_then(|name| String::from_utf8(name.value.clone()).ok());
        encoded.or_else(|| named.get_filename().map(str::to_owned))
    }

    /// The type that the client gives to it.
    pub fn media_type(&self) -> Option<String> {
        Some(self.field.as_ref()?.content_type()?.to_string())
    }

    /// The next piece, of exactly so many octets unless it is the last one. At most twice as many are in memory, and only
    /// while it grows.
    pub async fn piece(&mut self, octets: usize) -> Answer<Option<Vec<u8>>> {
        // It doubles from there, so that the last piece of a small part stays small.
        let mut piece = Vec::with_capacity(octets.min(LOOK));
        while piece.len() < octets {
            if self.rest.is_empty() {
                match self.chunk().await? {
                    Some(chunk) => self.rest = chunk,
                    None => break,
                }
            }
            let some = self.rest.split_to(self.rest.len().min(octets - piece.len()));
            piece.extend_from_slice(&some);
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }

    async fn chunk(&mut self) -> Answer<Option<Bytes>> {
        let Some(field) = &mut self.field else { return Ok(None) };
        let chunk = self.passed.next(field).await?;
        self.passed.found_content();
        if chunk.is_none() {
            self.field = None;
        }
        Ok(chunk)
    }

    /// Passes over what has not been read of it.
    pub async fn skip(mut self) -> Answer<()> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    /// A short text; `None` if it is too long, or is none.
    pub async fn text(&mut self) -> Answer<Option<String>> {
        let text = self.piece(LONGEST).await?.unwrap_or_default();
        Ok(if self.piece(1).await?.is_some() { None } else { String::from_utf8(text).ok() })
    }
}

fn failed(error: MultipartError, passed: &Passed) -> Problem {
    match error {
        MultipartError::Payload(PayloadError::Overflow) if passed.is_too_much() => {
            let why = format!("There are more than {} KiB before the content of a part", BEFORE_CONTENT >> 10);
            Problem::new(refusals::BODY_UNPARSABLE).because(why)
        }
        MultipartError::Payload(error) => body_failed(error),
        MultipartError::Incomplete => refusals::BODY_CUT.into(),
        error => Problem::new(refusals::BODY_UNPARSABLE).because(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;
    use futures_util::stream;

    use super::*;

    const FORM: &str = "--bound\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n0123\r\n456\r\n\
                        --bound\r\ncontent-disposition: form-data; name=\"more\"\r\n\r\nskipped\r\n\
                        --bound\r\ncontent-disposition: form-data; name=\"authors\"\r\n\r\nname\r\n--bound--\r\n";

    fn form(kind: &str, body: &str, chunk: usize) -> Answer<Form> {
        let chunks: Vec<_> = body.as_bytes().chunks(chunk).map(|it| Ok(Bytes::copy_from_slice(it))).collect();
        let request = TestRequest::post().insert_header(("content-type", kind)).to_http_request();
        Form::from_request(&request, &mut Payload::Stream { payload: stream::iter(chunks).boxed_local() }).into_inner()
    }

    /// Names and pieces of the parts; of `more` nothing is read.
    async fn parts(kind: &str, body: &str, chunk: usize) -> Result<Vec<String>, &'static str> {
        let mut form = form(kind, body, chunk).map_err(|problem| problem.code)?;
        let mut found = Vec::new();
        while let Some(mut part) = form.next().await.map_err(|problem| problem.code)? {
            found.push(part.name().to_owned());
            if part.name() == "authors" {
                found.extend(part.text().await.map_err(|problem| problem.code)?);
            } else if part.name() == "file" {
                while let Some(piece) = part.piece(4).await.map_err(|problem| problem.code)? {
                    found.push(String::from_utf8(piece).unwrap());
                }
            }
            part.skip().await.map_err(|problem| problem.code)?;
        }
        Ok(found)
    }

    #[actix_web::test]
    async fn files_come_in_pieces_however_they_are_sent() {
        const KIND: &str = "multipart/form-data; boundary=bound";
        for chunk in [1, 2, 3, 7, 50, 1_000] {
            let expected = ["file", "0123", "\r\n45", "6", "more", "authors", "name"].map(str::to_owned);
            assert_eq!(parts(KIND, FORM, chunk).await, Ok(expected.to_vec()), "in chunks of {chunk}");
        }
        for (kind, body, code) in [
            ("application/json", FORM, "media_type.unsupported"),
            ("multipart/form-data", FORM, "body.unparsable"),
            (KIND, &FORM[..44], "body.incomplete"),
            (KIND, &FORM[..78], "body.incomplete"),
            (KIND, "", "body.incomplete"),
            (KIND, &format!("{}0\r", &FORM[..70]), "body.incomplete"),
            (KIND, &format!("{}0\r\n--", &FORM[..70]), "body.incomplete"),
            (KIND, &format!("{}0\r\n--boun", &FORM[..70]), "body.incomplete"),
            (KIND, &format!("{}0\r--boun", &FORM[..70]), "body.incomplete"),
            (KIND, &format!("{}0\rX", &FORM[..70]), "body.incomplete"),
            (KIND, &format!("{}0\r\nX", &FORM[..70]), "body.incomplete"),
            (KIND, &format!("{}\r", &FORM[..70]), "body.incomplete"),
            (KIND, "--bound\r\nno header\r\n\r\n1\r\n--bound--", "body.unparsable"),
            (KIND, "--bound\r\n\r\n1\r\n--bound--", "body.incomplete"),
        ] {
            assert_eq!(parts(kind, body, 20).await, Err(code), "{kind} {body:?}");
        }
    }

    #[actix_web::test]
    async fn a_form_that_ends_early_is_answered() {
        const KIND: &str = "multipart/form-data; boundary=bound";
        let body = FORM.replace("0123", "0\r1\r\n2\r3\n").replace("skipped", "\rs\r-k\r\n-p\r\n--d");
        let end = body.rfind("--").unwrap();
        for length in 0..body.len() {
            for chunk in [1, 3, 1_000] {
                let found = tokio::time::timeout(Duration::from_secs(10), parts(KIND, &body[..length], chunk)).await;
                let found = found.unwrap_or_else(|_| panic!("no answer: {:?} in chunks of {chunk}", &body[..length]));
                assert!(found.is_err() || length >= end, "{:?} in chunks of {chunk}: {found:?}", &body[..length]);
            }
        }
    }

    #[actix_web::test]
    async fn boundaries_are_of_the_length_that_they_can_have() {
        for (length, code) in [
            (0, Err("body.unparsable")),
            (1, Err("body.unparsable")),
            (3, Err("body.unparsable")),
            (4, Ok(1)),
            (70, Ok(1)),
            (71, Err("body.unparsable")),
        ] {
            let boundary = "b".repeat(length);
            // Lines that are as short as a boundary can be come before the first one.
            let lines = "-\r\n--\r\n\n\r\n--\n";
            let part = "content-disposition: form-data; name=\"file\"\r\n\r\n1\r\n";
            let body = format!("{lines}--{boundary}\r\n{part}--{boundary}--\r\n");
            let kind = format!("multipart/form-data; boundary=\"{boundary}\"");
            let found = parts(&kind, &body, 1_000).await.map(|found| found.len() / 2);
            assert_eq!(found, code, "{length}");
        }
    }

    #[actix_web::test]
    async fn what_comes_before_the_content_of_a_part_is_short() {
        const KIND: &str = "multipart/form-data; boundary=bound";
        let part = |name: &str, header: usize, content: usize| {
            let (header, content) = ("h".repeat(header), "c".repeat(content));
            format!(
                "--bound\r\ncontent-disposition: form-data; name=\"{name}\"\r\nx-more: {header}\r\n\r\n{content}\r\n"
            )
        };
        let end = "--bound--\r\n";
        for chunk in [100, 10_000, 10_000_000] {
            for (body, expected) in [
                // Much content is fine, also of a part that is not read, and some before it.
                (part("file", 8_000, 4) + &part("more", 8_000, 100_000) + &part("file", 8_000, 4) + end, Ok(5)),
                (part("file", 40_000, 4) + end, Err("body.unparsable")),
                (part("file", 100, 4) + &part("more", 40_000, 4) + end, Err("body.unparsable")),
                ("x\r\n".repeat(10_000) + &part("file", 0, 4) + end, Err("body.unparsable")),
                (format!("--bound\r\n{}", "x: y\r\n".repeat(100_000)), Err("body.unparsable")),
            ] {
                assert_eq!(parts(KIND, &body, chunk).await.map(|found| found.len()), expected, "in chunks of {chunk}");
            }
        }
    }

    #[actix_web::test]
    async fn what_went_wrong_below_is_what_is_told() {
        let request = TestRequest::post()
            .insert_header(("content-type", "multipart/form-data; boundary=bound"))
            .to_http_request();
        for (error, code) in [
            (PayloadError::Overflow, "body.too_large"),
            (PayloadError::Io(std::io::ErrorKind::TimedOut.into()), "body.slow"),
            (PayloadError::Incomplete(None), "body.incomplete"),
        ] {
            let chunks = [Ok(Bytes::from_static(&FORM.as_bytes()[..64])), Err(error)];
            let payload = &mut Payload::Stream { payload: stream::iter(chunks).boxed_local() };
            let mut form = Form::from_request(&request, payload).into_inner().unwrap();
            assert_eq!(form.next().await.err().map(|problem| problem.code), Some(code));
        }
    }

    #[actix_web::test]
    async fn names_of_files_come_in_either_form() {
        for (given, expected) in [
            ("; filename=\"käse.txt\"", Some("käse.txt")),
            ("; filename*=utf-8''k%C3%A4se.txt", Some("käse.txt")),
            ("; filename=\"k_se.txt\"; filename*=UTF-8''k%C3%A4se.txt", Some("käse.txt")),
            ("; filename=\"plain.txt\"; filename*=UTF-8''%FF", Some("plain.txt")),
            ("", None),
        ] {
            let body =
                format!("--bound\r\ncontent-disposition: form-data; name=\"file\"{given}\r\n\r\nx\r\n--bound--\r\n");
            let mut form = form("multipart/form-data; boundary=bound", &body, 100).unwrap();
            assert_eq!(form.next().await.unwrap().unwrap().file_name().as_deref(), expected, "{given}");
        }
    }

    #[actix_web::test]
    async fn texts_are_short() {
        let body = |text: &str| {
            format!("--bound\r\ncontent-disposition: form-data; name=\"t\"\r\n\r\n{text}\r\n--bound--\r\n")
        };
        for (text, expected) in [("", Some("")), ("käse", Some("käse")), (&"x".repeat(LONGEST + 1), None)] {
            let mut form = form("multipart/form-data; boundary=bound", &body(text), 100).unwrap();
            let mut part = form.next().await.unwrap().unwrap();
            assert_eq!(part.text().await.unwrap().as_deref(), expected);
        }
    }
}
