//! What an error of S3 means.

use std::fmt;

use clowder_core::{Cause, Error};
use http::StatusCode;

/// The answer to a request of ours was not a success. `body` has the code of the error, in XML.
pub fn answered(what: impl fmt::Display, status: StatusCode, body: &str) -> Error {
    let body: String = body.chars().take(500).collect();
    meant(status.as_u16(), format!("{what}: {status}: {body}"))
}

/// A request of ours got no answer.
pub fn unanswered(what: impl fmt::Display, error: reqwest::Error) -> Error {
    // The address has a signature.
    Error::outage(Cause::Lost, format!("{what}: {}", chain(&error.without_url())))
}

/// `object_store` says only in words what the server has answered.
pub fn of(what: impl fmt::Display, error: object_store::Error) -> Error {
    let text = format!("{what}: {error}");
    let status = text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    match (status, &error) {
        (Some(status), _) => meant(status, text),
        (None, object_store::Error::Generic { source, .. }) => {
            Error::outage(Cause::Lost, format!("{what}: {}", chain(source.as_ref())))
        }
        (None, _) => Error::internal(text),
    }
}

fn meant(status: u16, text: String) -> Error {
    // MinIO, Ceph and Garage have their own codes.
    let full = ["StorageFull", "QuotaExceeded", "InsufficientStorage", "NotEnoughSpace"];
    match status {
        507 => Error::outage(Cause::Full, text),
        _ if full.iter().any(|code| text.contains(code)) => Error::outage(Cause::Full, text),
        429 | 503 => Error::outage(Cause::Busy, text),
        408 | 409 | 500.. => Error::outage(Cause::Storage, text),
        _ => Error::internal(text),
    }
}

/// The error and its causes; some errors repeat theirs.
fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let why = error.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_an_outage() {
        for (status, code, cause) in [
            (507, "", Some(Cause::Full)),
            (400, "<Code>XMinioStorageFull</Code>", Some(Cause::Full)),
            (403, "<Code>QuotaExceeded</Code>", Some(Cause::Full)),
            (503, "<Code>SlowDown</Code>", Some(Cause::Busy)),
            (500, "<Code>InternalError</Code>", Some(Cause::Storage)),
            (403, "<Code>SignatureDoesNotMatch</Code>", None),
            (404, "<Code>NoSuchBucket</Code>", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(answered("key", status, code).cause(), cause, "{status} {code}");
            // The words of `object_store`.
            let source = format!("Server returned non-2xx status code: {status}: {code}").into();
            assert_eq!(
                of("key", object_store::Error::Generic { store: "S3", source }).cause(),
                cause,
                "{status} {code}"
            );
        }
    }
}
