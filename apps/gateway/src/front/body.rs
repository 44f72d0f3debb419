//! Reads the JSON body of a request whole, at most 1 MiB of it.

use actix_web::{
    HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt;

use crate::{
    problem::{Answer, Problem},
    refusals,
};

pub const MOST_BYTES: usize = 1 << 20;

pub async fn read(request: &HttpRequest, payload: &mut Payload) -> Answer<Bytes> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > MOST_BYTES) {
        return Err(refusals::BODY_TOO_LARGE.into());
    }
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(cut)?;
    let Some(second) = payload.next().await else { return checked(request, first) };
    let mut body = BytesMut::with_capacity(announced.unwrap_or(2 * first.len()));
    body.extend_from_slice(&first);
    let mut chunk = Some(second);
    while let Some(bytes) = chunk {
        body.extend_from_slice(&bytes.map_err(cut)?);
        if body.len() > MOST_BYTES {
            return Err(refusals::BODY_TOO_LARGE.into());
        }
        chunk = payload.next().await;
    }
    checked(request, body.freeze())
}

fn checked(request: &HttpRequest, body: Bytes) -> Answer<Bytes> {
    if body.len() > MOST_BYTES {
        return Err(refusals::BODY_TOO_LARGE.into());
    }
    let kind = request.content_type();
    let is_json = kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json");
    if is_json || body.is_empty() { Ok(body) } else { Err(refusals::MEDIA_TYPE.into()) }
}

fn cut(error: PayloadError) -> Problem {
    Problem::new(refusals::BODY_CUT).because(error.to_string())
}
