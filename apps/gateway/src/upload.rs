//! Forms with files (multipart/form-data), whose parts are read as they arrive.

use std::future::{Ready, ready};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web::BytesMut};
use futures_util::StreamExt;

use crate::{
    front::body_failed,
    problem::{Answer, Problem},
    refusals,
};

/// The longest value of a part that is no file.
const LONGEST: usize = 1 << 10;

/// The body of a call that takes a file. The front has made sure that it is not too large and keeps arriving.
pub struct Form(Multipart);

impl FromRequest for Form {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = request.content_type().eq_ignore_ascii_case("multipart/form-data");
        ready(if is_form {
            Ok(Self(Multipart::new(request.headers(), payload.take())))
        } else {
            Err(refusals::MEDIA_TYPE.into())
        })
    }
}

impl Form {
    /// The next part. The one before must be dropped; what has not been read of it is skipped.
    pub async fn next(&mut self) -> Answer<Option<Part>> {
        let field = self.0.next().await.transpose().map_err(failed)?;
        Ok(field.map(|field| Part { field: Some(field), rest: BytesMut::new() }))
    }
}

/// One member of a form.
pub struct Part {
    /// Until its end has been read.
    field: Option<Field>,
    rest: BytesMut,
}

impl Part {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.field.as_ref().and_then(Field::name).unwrap_or_default()
    }

    /// The next piece, of exactly so many octets unless it is the last one.
    pub async fn piece(&mut self, octets: usize) -> Answer<Option<Vec<u8>>> {
        while self.rest.len() < octets
            && let Some(field) = &mut self.field
        {
            match field.next().await {
                Some(chunk) => self.rest.extend_from_slice(&chunk.map_err(failed)?),
                None => self.field = None,
            }
        }
        let piece = self.rest.split_to(octets.min(self.rest.len()));
        Ok(if piece.is_empty() { None } else { Some(piece.to_vec()) })
    }

    /// A short text; `None` if it is too long, or is none.
    pub async fn text(&mut self) -> Answer<Option<String>> {
        let text = self.piece(LONGEST).await?.unwrap_or_default();
        Ok(if self.piece(1).await?.is_some() { None } else { String::from_utf8(text).ok() })
    }
}

fn failed(error: MultipartError) -> Problem {
    match error {
        MultipartError::Payload(error) => body_failed(error),
        MultipartError::Incomplete => refusals::BODY_CUT.into(),
        error => Problem::new(refusals::BODY_UNPARSABLE).because(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{error::PayloadError, test::TestRequest, web::Bytes};
    use futures_util::stream;

    use super::*;

    const FORM: &str = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n0123\r\n456\r\n\
                        --x\r\ncontent-disposition: form-data; name=\"more\"\r\n\r\nskipped\r\n\
                        --x\r\ncontent-disposition: form-data; name=\"authors\"\r\n\r\nname\r\n--x--\r\n";

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
        const KIND: &str = "multipart/form-data; boundary=x";
        for chunk in [1, 2, 3, 7, 50, 1_000] {
            let expected = ["file", "0123", "\r\n45", "6", "more", "authors", "name"].map(str::to_owned);
            assert_eq!(parts(KIND, FORM, chunk).await, Ok(expected.to_vec()), "in chunks of {chunk}");
        }
        for (kind, body, code) in [
            ("application/json", FORM, "media_type.unsupported"),
            ("multipart/form-data", FORM, "body.unparsable"),
            (KIND, &FORM[..40], "body.incomplete"),
            (KIND, &FORM[..74], "body.incomplete"),
            (KIND, "", "body.incomplete"),
            (KIND, "--x\r\nno header\r\n\r\n1\r\n--x--", "body.unparsable"),
            (KIND, "--x\r\n\r\n1\r\n--x--", "body.incomplete"),
        ] {
            assert_eq!(parts(kind, body, 20).await, Err(code), "{kind} {body:?}");
        }
    }

    #[actix_web::test]
    async fn what_went_wrong_below_is_what_is_told() {
        let request =
            TestRequest::post().insert_header(("content-type", "multipart/form-data; boundary=x")).to_http_request();
        for (error, code) in [
            (PayloadError::Overflow, "body.too_large"),
            (PayloadError::Io(std::io::ErrorKind::TimedOut.into()), "body.slow"),
            (PayloadError::Incomplete(None), "body.incomplete"),
        ] {
            let chunks = [Ok(Bytes::from_static(&FORM.as_bytes()[..60])), Err(error)];
            let payload = &mut Payload::Stream { payload: stream::iter(chunks).boxed_local() };
            let mut form = Form::from_request(&request, payload).into_inner().unwrap();
            assert_eq!(form.next().await.err().map(|problem| problem.code), Some(code));
        }
    }

    #[actix_web::test]
    async fn texts_are_short() {
        let body = |text: &str| format!("--x\r\ncontent-disposition: form-data; name=\"t\"\r\n\r\n{text}\r\n--x--\r\n");
        for (text, expected) in [("", Some("")), ("käse", Some("käse")), (&"x".repeat(LONGEST + 1), None)] {
            let mut form = form("multipart/form-data; boundary=x", &body(text), 100).unwrap();
            let mut part = form.next().await.unwrap().unwrap();
            assert_eq!(part.text().await.unwrap().as_deref(), expected);
        }
    }
}
