//! One call of a webhook: signed, within its bounds, and what came of it.

use std::time::Duration;

use clowder_core::{Result, Timestamp};
use clowder_infra::egress::{Bounds, Call, Egress, Failure, HeaderMap, HeaderValue, header};
use clowder_notifications::webhooks::{
    Answered, Problem,
    port::{Parcel, Turn},
    schedule,
};
use tokio::time::Instant;

/// How long an answer may take, from the beginning of the call to its last octet.
pub const WITHIN: Duration = Duration::from_secs(15);
/// How much of an answer is read; the rest is cut off.
const READ: usize = 64 << 10;

const BOUNDS: Bounds = Bounds { time: WITHIN, octets: READ, redirects: 0, cut: true };
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Makes a call that begins now.
pub async fn call(egress: &Egress, turn: &Turn, parcel: &Parcel, now: Timestamp) -> Answered {
    let begun = Instant::now();
    let Ok(headers) = headers(turn, parcel, now) else {
        tracing::error!(webhook = %turn.webhook, "a call cannot be signed");
        return Answered::of_problem(Problem::Busy, begun.elapsed());
    };
    let call = Call::post(turn.url.url().clone(), headers, parcel.body.clone().into(), BOUNDS);
    match egress.call(call).await {
        Ok(answer) => {
            let asked = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            Answered::of_status(answer.status.as_u16(), asked.and_then(schedule::retry_after), begun.elapsed())
        }
        Err(failure) => Answered::of_problem(problem(failure), begun.elapsed()),
    }
}

fn headers(turn: &Turn, parcel: &Parcel, now: Timestamp) -> Result<HeaderMap> {
    let id = parcel.delivery.to_string();
    let signature = turn.keys.sign(now, &id, &parcel.body)?;
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| clowder_core::Error::internal(format!("a header: {error}")))
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ID, value(&id)?);
    headers.insert(TIMESTAMP, value(&now.as_seconds().to_string())?);
    headers.insert(SIGNATURE, value(&signature)?);
    Ok(headers)
}

fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Forbidden(_) | Failure::Url => Problem::Forbidden,
        Failure::Resolve => Problem::Resolve,
        Failure::Connect => Problem::Connect,
        Failure::Tls => Problem::Tls,
        Failure::Time => Problem::Timeout,
        Failure::Redirects => Problem::Redirect,
        Failure::TooLarge | Failure::Protocol => Problem::Protocol,
        Failure::Busy => Problem::Busy,
    }
}
