//! `GET /api/stream`: the events of a socket as Server-Sent Events (WHATWG HTML §9.2), for clients behind proxies that let
//! no WebSocket through. Commands go over REST.

use std::{convert::Infallible, ops::RangeInclusive, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Bytes, Data},
};
use bytestring::ByteString;
use clowder_accounts::Identity;
use clowder_core::input::Opaque;
use clowder_infra::keys;
use futures_util::stream;
use tokio::{
    sync::mpsc::{self, Sender},
    time::{Instant, sleep_until, timeout},
};

use super::{
    Ports,
    admission::{admit, refused},
    close::Close,
    frame::{self, Closed, Durable, Heartbeat},
    send_queue::{Next, SendQueue},
    sockets::Held,
    subscription::{Subscription, Wanted, Wire, expires},
};
use crate::{
    clock,
    problem::{Answer, Problem},
    query::Query,
    refusals,
};

/// The media type of the response.
pub const MEDIA_TYPE: &str = "text/event-stream";
/// How long a browser waits before it reconnects, in milliseconds. Each is told another time within this range, so that
/// they do not all come back at once.
const RETRY: RangeInclusive<u64> = 1_000..=5_000;
/// How often something is written: only that shows whether a client that has gone is still counted.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// A comment, which clients skip.
const PROBE: &str = ":\n\n";
/// How many octets are passed on together, at least while there are more.
const TOGETHER: usize = 16 << 10;
/// How long a client may take to receive the last event.
const GOODBYE_WITHIN: Duration = Duration::from_secs(30);

/// Opens a stream. It is endless, so only who asks for this media type gets it.
pub async fn open(request: HttpRequest, ports: Data<Ports>, mut query: Query) -> Answer<HttpResponse> {
    let cursor = query.any_text("cursor", Opaque::MAX);
    query.check()?;
    if !accepts(&request) {
        return Err(Problem::new(refusals::STREAM_NOT_ACCEPTED));
    }
    // A browser that reconnects repeats the URL, whose cursor is old by then.
    let last = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    let (identity, held) = admit(&request, &ports).await?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(MEDIA_TYPE).insert_header((header::CACHE_CONTROL, "no-store"));
    // Understood by nginx and others: an event must not wait until a buffer is full.
    answer.insert_header(("x-accel-buffering", "no"));
    if *request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let cursor = last.or(cursor);
    let subscription =
        Subscription::open(&ports, &identity, cursor.as_deref(), Wanted::at_most(ports.resume_events)).await;
    let subscription = subscription.map_err(|close| refused(&ports, &identity, close))?;
    let (sender, mut receiver) = mpsc::channel(1);
    let now = Instant::now();
    let writer = Writer { sender, buffer: String::new(), told: now, wrote: now };
    actix_web::rt::spawn(serve(ports, identity, held, subscription, writer));
    Ok(answer
        .streaming(stream::poll_fn(move |context| receiver.poll_recv(context).map(|it| it.map(Ok::<_, Infallible>)))))
}

/// RFC 9110 §12.5.1, without wildcards.
fn accepts(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(MEDIA_TYPE))
}

async fn serve(ports: Data<Ports>, identity: Identity, _held: Held, subscription: Subscription, mut writer: Writer) {
    metrics::gauge!("clowder_streams").increment(1);
    let close = match follow(&ports, &identity, subscription, &mut writer).await {
        Ok(never) => match never {},
        Err(close) => close,
    };
    metrics::gauge!("clowder_streams").decrement(1);
    let closed = frame::said("closed", clock::now(), Closed::from(close));
    // A client that does not read cannot be told the reason; its stream ends all the same.
    add_event(&mut writer.buffer, &closed, None);
    let _ = timeout(GOODBYE_WITHIN, writer.sender.send(writer.buffer.into())).await;
}

async fn follow(
    ports: &Ports,
    identity: &Identity,
    mut subscription: Subscription,
    writer: &mut Writer,
) -> Result<Infallible, Close> {
    let expires = expires(identity);
    writer.retry().await?;
    subscription.greet(ports, writer).await?;
    writer.flush(&subscription.left.queue).await?;
    // What was needed for the beginning is released.
    let left = subscription.left;
    let queue = &*left.queue;
    loop {
        loop {
            let frame = match queue.next() {
                Next::Send(frame) => frame,
                Next::Close(close) => return Err(close),
                Next::Nothing => break,
            };
            // A client that reads slowly must not outlive its access.
            if Instant::now() >= expires {
                return Err(Close::TokenExpired);
            }
            writer.send(queue, frame.text(), frame.is_durable()).await?;
        }
        writer.flush(queue).await?;
        tokio::select! {
            biased;
            () = queue.ready() => {}
            () = writer.sender.closed() => return Err(Close::Goodbye),
            () = sleep_until(expires.min(writer.told + ports.heartbeat).min(writer.wrote + PROBE_EVERY)) => {
                if Instant::now() >= expires {
                    return Err(Close::TokenExpired);
                }
                if writer.told.elapsed() >= ports.heartbeat {
                    let heartbeat = frame::said("heartbeat", clock::now(), Heartbeat {});
                    writer.send(queue, &heartbeat, false).await?;
                } else {
                    writer.buffer.push_str(PROBE);
                }
                writer.flush(queue).await?;
            }
        }
    }
}

/// Passes events to the response, several together but no more than the client reads, so that one that does not read holds up
/// its own queue.
struct Writer {
    sender: Sender<Bytes>,
    /// What is passed on together.
    buffer: String,
    /// When it last sent a frame, and when anything.
    told: Instant,
    wrote: Instant,
}

impl Writer {
    /// Tells a browser when to reconnect.
    async fn retry(&self) -> Result<(), Close> {
        let retry = keys::random_within(RETRY);
        self.sender.send(format!("retry: {retry}\n\n").into()).await.map_err(|_| Close::Goodbye)
    }

    /// Sends a frame. `resumable`: it has a cursor.
    async fn send(&mut self, queue: &SendQueue, frame: &str, resumable: bool) -> Result<(), Close> {
        let id = if resumable { frame::cursor(frame) } else { None };
        add_event(&mut self.buffer, frame, id);
        self.told = Instant::now();
        if self.buffer.len() >= TOGETHER { self.flush(queue).await } else { Ok(()) }
    }

    /// Passes on what was added.
    async fn flush(&mut self, queue: &SendQueue) -> Result<(), Close> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let octets = std::mem::take(&mut self.buffer).into();
        queue.written(self.sender.send(octets)).await?;
        self.wrote = Instant::now();
        Ok(())
    }
}

impl Wire for Writer {
    async fn write(&mut self, queue: &SendQueue, frame: ByteString, event: Option<&Durable>) -> Result<(), Close> {
        // `hello` can be resumed from, too.
        let resumable = event.is_some() || frame.starts_with("{\"type\":\"hello\"");
        self.send(queue, &frame, resumable).await
    }
}

/// One event of the stream. A frame is JSON in one line. It has no `event`, so that `onmessage` receives all of them.
fn add_event(buffer: &mut String, frame: &str, id: Option<&str>) {
    if let Some(id) = id {
        ["id: ", id, "\n"].iter().for_each(|part| buffer.push_str(part));
    }
    ["data: ", frame, "\n\n"].iter().for_each(|part| buffer.push_str(part));
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_who_asks_for_a_stream_gets_one() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream;q=0.5", true),
            ("text/event-streams", false),
        ] {
            let request = TestRequest::default().insert_header((header::ACCEPT, accept)).to_http_request();
            assert_eq!(accepts(&request), expected, "{accept}");
        }
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let mut buffer = String::new();
        add_event(&mut buffer, "{}", None);
        add_event(&mut buffer, "{}", Some("AQ"));
        assert_eq!(buffer, "data: {}\n\nid: AQ\ndata: {}\n\n");
    }
}
