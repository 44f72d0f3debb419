//! Forms with files (multipart/form-data), whose parts are read as they arrive; and octets as they are.

mod head;
mod parts;

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web::Bytes};
use futures_util::StreamExt;

use crate::{
    front::{body_failed, other_type},
    problem::{Answer, Problem},
    refusals,
};

pub use head::Head;
pub use parts::{Malformed, Parts, Step};

/// The longest value of a part that is no file.
const LONGEST: usize = 1 << 10;
/// How much room a piece has at first, in octets.
const FIRST: usize = 4 << 10;

/// The body of a call that takes a file. The front has made sure that it is not too large and keeps arriving.
pub struct Form {
    body: Payload,
    parts: Parts,
    /// Whether not all of a part has been read.
    is_within: bool,
    has_ended: bool,
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

impl FromRequest for Form {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = request.content_type().eq_ignore_ascii_case("multipart/form-data");
        ready(if is_form {
            Self::new(request, payload.take())
        } else {
            Err(other_type(request, "multipart/form-data"))
        })
    }
}

impl Form {
    fn new(request: &HttpRequest, body: Payload) -> Answer<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let boundary = kind.and_then(head::boundary).unwrap_or_default();
        let parts = Parts::new(&boundary).map_err(malformed)?;
        Ok(Self { body, parts, is_within: false, has_ended: false })
    }

    /// The next part, without what has not been read of the one before. `None` when all of the body has arrived, with the
    /// boundary that ends the form.
    pub async fn next(&mut self) -> Answer<Option<Part<'_>>> {
        while self.is_within {
            self.content().await?;
        }
        while !self.has_ended {
            match self.step().await? {
                Step::Part(head) => {
                    self.is_within = true;
                    return Ok(Some(Part { head, rest: Bytes::new(), form: self }));
                }
                Step::End => {
                    self.has_ended = true;
                    self.read_to_end().await?;
                }
                Step::Content(_) | Step::PartEnds => {}
            }
        }
        Ok(None)
    }

    /// What comes next of the part that is being read; `None` at its end.
    async fn content(&mut self) -> Answer<Option<Bytes>> {
        while self.is_within {
            match self.step().await? {
                Step::Content(content) => return Ok(Some(content)),
                Step::PartEnds => self.is_within = false,
                Step::Part(_) | Step::End => {}
            }
        }
        Ok(None)
    }

    async fn step(&mut self) -> Answer<Step> {
        loop {
            if let Some(step) = self.parts.step().map_err(malformed)? {
                return Ok(step);
            }
            match self.arrive().await? {
                Some(octets) => self.parts.feed(octets),
                None => return Err(Problem::new(refusals::BODY_CUT).because("The form has no last boundary (`--…--`)")),
            }
        }
    }

    /// Passes over what comes after the form: the body may end early there, too.
    async fn read_to_end(&mut self) -> Answer<()> {
        loop {
            self.parts.step().map_err(malformed)?;
            match self.arrive().await? {
                Some(octets) => self.parts.feed(octets),
                None => return Ok(()),
            }
        }
    }

    async fn arrive(&mut self) -> Answer<Option<Bytes>> {
        self.body.next().await.transpose().map_err(body_failed)
    }
}

fn malformed(Malformed(why): Malformed) -> Problem {
    Problem::new(refusals::BODY_UNPARSABLE).because(why)
}

/// One member of a form.
pub struct Part<'f> {
    head: Head,
    /// What has been read of it and not been given yet.
    rest: Bytes,
    form: &'f mut Form,
}

impl Part<'_> {
    /// What it says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The next piece, of exactly so many octets unless it is the last one. At most twice as many are in memory, and only
    /// while it grows.
    pub async fn piece(&mut self, octets: usize) -> Answer<Option<Vec<u8>>> {
        let mut piece = Vec::new();
        while piece.len() < octets {
            if self.rest.is_empty() {
                match self.form.content().await? {
                    Some(content) => self.rest = content,
                    None => break,
                }
            }
            let some = self.rest.split_to(self.rest.len().min(octets - piece.len()));
            // It doubles, so that the last piece of a small part stays small, and never takes more than a whole one.
            let needed = piece.len() + some.len();
            if needed > piece.capacity() {
                piece.reserve_exact(needed.next_power_of_two().clamp(FIRST, octets.max(FIRST)) - piece.len());
            }
            piece.extend_from_slice(&some);
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }

    /// A short text; `None` if it is too long, or is none.
    pub async fn text(&mut self) -> Answer<Option<String>> {
        let text = self.piece(LONGEST).await?.unwrap_or_default();
        Ok(if self.piece(1).await?.is_some() { None } else { String::from_utf8(text).ok() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::{error::PayloadError, test::TestRequest};
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
            ("multipart/form-data; boundary=\"bound", FORM, "body.unparsable"),
            (KIND, &FORM[..44], "body.incomplete"),
            (KIND, &FORM[..FORM.len() - 4], "body.incomplete"),
            (KIND, "", "body.incomplete"),
            (KIND, "--bound\r\nno header\r\n\r\n1\r\n--bound--", "body.unparsable"),
            (KIND, "--bound\r\n\r\n1\r\n--bound--", "body.unparsable"),
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
                assert_eq!(
                    found.is_err(),
                    length < end + "--".len(),
                    "{:?} in chunks of {chunk}: {found:?}",
                    &body[..length]
                );
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
