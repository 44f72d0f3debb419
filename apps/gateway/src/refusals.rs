//! Refusals of the gateway itself, before a domain is called. Unlike a domain's refusal, each has a status.

use clowder_core::ctx;

use crate::problem::failure_of;

/// A refusal that only makes sense over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    /// Stable and machine-readable: `route.unknown`.
    pub code: &'static str,
    /// One sentence for a developer.
    pub title: &'static str,
}

const fn failure(status: u16, code: &'static str, title: &'static str) -> Failure {
    Failure { status, code, title }
}

pub const HOST_UNKNOWN: Failure = failure(
    400,
    "host.unknown",
    "This server does not answer to this Host; ALLOWED_HOSTS and PUBLIC_URL define the hosts it answers to",
);
pub const CHECKSUM_UNSUPPORTED: Failure =
    failure(400, "checksum.unsupported", "`Upload-Checksum` names no algorithm that this server knows");
pub const BODY_UNPARSABLE: Failure = failure(400, "body.unparsable", "The body cannot be parsed");
pub const BODY_CUT: Failure = failure(400, "body.incomplete", "The body ended before it was complete");
pub const BODY_SLOW: Failure = failure(408, "body.slow", "The body arrived at less than 1 KiB a second");
pub const PERMISSION_DENIED: Failure = failure_of(ctx::PERMISSION_DENIED);
pub const ROUTE_UNKNOWN: Failure = failure(404, "route.unknown", "There is nothing at this path");
pub const ID_INVALID: Failure = failure(404, "id.invalid", "This is not a valid id");
pub const METHOD_NOT_ALLOWED: Failure = failure(405, "method.not_allowed", "This path does not support this method");
pub const TUS_VERSION: Failure = failure(
    412,
    "tus.version",
    "`Tus-Resumable` must be there, and name a version of the protocol that this server knows",
);
pub const PRECONDITION: Failure = failure(
    412,
    "precondition.failed",
    "The content is not the one that `If-Match` names, or newer than `If-Unmodified-Since`",
);
pub const BODY_TOO_LARGE: Failure = failure(413, "body.too_large", "The body is too large");
pub const URI_TOO_LONG: Failure = failure(414, "uri.too_long", "Path and query are longer than 8 KiB");
pub const CONTENT_ENCODING: Failure =
    failure(415, "content_encoding.unsupported", "Compressed bodies are not supported: omit Content-Encoding");
pub const MEDIA_TYPE: Failure = failure(
    415,
    "media_type.unsupported",
    "The body must be application/json, or multipart/form-data where this call takes a file",
);
pub const RANGE: Failure =
    failure(416, "range.unsatisfiable", "Nothing of the content is in the range that `Range` asks for");
pub const INPUT_INVALID: Failure = failure(422, "input.invalid", "The input is invalid; `errors` lists what is wrong");
/// The status is that of the protocol tus.
pub const CHECKSUM_MISMATCH: Failure =
    failure(460, "checksum.mismatch", "The body does not match its `Upload-Checksum`, so nothing of it was kept");
pub const UPGRADE_REQUIRED: Failure =
    failure(426, "upgrade.required", "This path is for WebSocket handshakes (RFC 6455)");
pub const STREAM_NOT_ACCEPTED: Failure = failure(
    406,
    "stream.not_accepted",
    "The response is an endless stream: ask for it with `Accept: text/event-stream`",
);
pub const FRAME_UNPARSABLE: Failure = failure(400, "frame.unparsable", "The frame is not a JSON object with a `type`");
pub const FRAME_UNKNOWN: Failure = failure(422, "frame.unknown", "There is no such command");
pub const FRAME_UNEXPECTED: Failure = failure(409, "frame.unexpected", "This socket is already authenticated");
pub const FRAME_ID: Failure =
    failure(400, "frame.id", "The id of a command must be null, or a string or number of at most 128 characters");
pub const TOO_MANY: Failure = failure(429, "rate.limited", "Too many requests; wait for Retry-After seconds");
pub const SOCKETS: Failure =
    failure(429, "sockets.too_many", "This account, API key or address has too many open sockets; close one first");
pub const BODIES_FULL: Failure =
    failure(503, "bodies.full", "The server is receiving too much data right now; try again after Retry-After seconds");
pub const ANSWERS_FULL: Failure =
    failure(503, "answers.full", "Too many large responses are being sent; read those you requested, then try again");
pub const INTERNAL: Failure = failure(500, "internal", "Something went wrong on the server; report the request id");
pub const UNAVAILABLE: Failure =
    failure(503, "unavailable", "Temporarily unavailable; try again after Retry-After seconds");
pub const STORAGE_FULL: Failure = failure(507, "storage.full", "The server's disk is full; nothing was changed");
pub const NOT_READY: Failure = failure(503, "not_ready", "This node is not ready; `errors` says why");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Failure] = &[
    HOST_UNKNOWN,
    CHECKSUM_UNSUPPORTED,
    BODY_UNPARSABLE,
    BODY_CUT,
    BODY_SLOW,
    PERMISSION_DENIED,
    ROUTE_UNKNOWN,
    ID_INVALID,
    METHOD_NOT_ALLOWED,
    TUS_VERSION,
    PRECONDITION,
    BODY_TOO_LARGE,
    URI_TOO_LONG,
    CONTENT_ENCODING,
    MEDIA_TYPE,
    RANGE,
    INPUT_INVALID,
    CHECKSUM_MISMATCH,
    UPGRADE_REQUIRED,
    STREAM_NOT_ACCEPTED,
    FRAME_UNPARSABLE,
    FRAME_ID,
    FRAME_UNKNOWN,
    FRAME_UNEXPECTED,
    TOO_MANY,
    SOCKETS,
    BODIES_FULL,
    ANSWERS_FULL,
    INTERNAL,
    UNAVAILABLE,
    STORAGE_FULL,
    NOT_READY,
];
