//! `GET /api/journal`: the events of a socket page by page (long polling), for clients to which neither a WebSocket nor a
//! stream gets through.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, web::Data};
use bytestring::ByteString;
use clowder_core::{Error, Result, Timestamp, input::Opaque};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::{
    Ports,
    admission::{admit, refused},
    close::Close,
    frame::{self, Durable},
    send_queue::{Next, SendQueue},
    subscription::{Subscription, Wanted, Wire, expires},
};
use crate::{answer::Shown, problem::Answer, query::Query};

/// The longest wait, in seconds: proxies commonly give up after 60.
pub const LONGEST_WAIT: i64 = 50;
/// A page is full at this many octets, even if it has few events.
const ROOM: usize = 256 * 1024;

/// What happened since a cursor.
#[derive(Serialize, utoipa::ToSchema)]
pub struct JournalEvents {
    /// The frames that a socket would have received, in order. Those without `cursor` are not durable; only who waits
    /// receives them.
    #[schema(value_type = Vec<JournalEvent>)]
    events: Vec<Box<RawValue>>,
    /// Ask with it next time.
    #[schema(example = "AQIDBAUGBwgJCgsMDQ4P")]
    cursor: String,
    /// Whether there may be more already.
    #[schema(example = false)]
    more: bool,
    /// Why events since the given cursor are missing: reload over REST. `expired`: it is older than the journal. `unknown`: it
    /// is not a cursor of this server, or a backup was restored since.
    #[schema(value_type = Option<JournalGap>)]
    reset: Option<&'static str>,
}

/// Why events are missing.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "the words are passed on as they are; this describes them")]
pub enum JournalGap {
    Expired,
    Unknown,
}

/// A frame of the live channel. `/api/asyncapi.json` describes the `data` of each type.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "frames are passed on as they are; this describes them")]
#[schema(example = json!({
    "type": "chat.deleted",
    "at": "2026-11-26T12:00:00.000Z",
    "data": {"chat_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"},
    "cursor": "AQIDBAUGBwgJCgsMDQ4P"
}))]
pub struct JournalEvent {
    r#type: String,
    at: Timestamp,
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    /// Durable events have one.
    #[schema(required = false, nullable = false)]
    cursor: Option<String>,
}

/// Answers with what happened since `cursor`. If that is nothing, waits up to `wait` seconds for something.
pub async fn read(request: HttpRequest, ports: Data<Ports>, mut query: Query) -> Answer<Shown<JournalEvents>> {
    let cursor = query.any_text("cursor", Opaque::MAX);
    let wait = query.number("wait", 0).unwrap_or_default().min(LONGEST_WAIT);
    let most = query.limit() as usize;
    query.check()?;
    let (identity, _held) = admit(&request, &ports).await?;
    let until = expires(&identity).min(Instant::now() + Duration::from_secs(wait.unsigned_abs()));
    // However much it was, the client reads it page by page.
    let wanted = Wanted { most: usize::MAX, rows: most };
    let mut subscription = Subscription::open(&ports, &identity, cursor.as_deref(), wanted)
        .await
        .map_err(|close| refused(&ports, &identity, close))?;
    let queue = &*Arc::clone(&subscription.left.queue);
    let waiting = ports.hub.polls.enter(queue.user);
    let mut page = Page { most, ..Page::default() };
    let caught_up = subscription.catch_up(&mut page).await.map_err(|close| refused(&ports, &identity, close))?;
    if caught_up.reset.is_some() {
        // Whoever reloads needs nothing of what was missed.
        page = Page { most, ..Page::default() };
    }
    if page.room() > 0 {
        page.cursor = ports.hub.sealer.seal(&caught_up.reached.pack());
    }
    // Without a cursor, the client asks where it starts.
    if cursor.is_some() && caught_up.reset.is_none() {
        while page.drain(queue).map_err(|close| refused(&ports, &identity, close))? && page.frames.is_empty() {
            tokio::select! {
                ready = timeout_at(until, queue.ready()) => if ready.is_err() { break },
                () = waiting.ended() => break,
            }
        }
    }
    Ok(Shown(page.finish(caught_up.reset)?))
}

/// The page so far.
#[derive(Default)]
struct Page {
    frames: Vec<ByteString>,
    octets: usize,
    /// The maximum number of frames.
    most: usize,
    cursor: String,
}

impl Page {
    fn add(&mut self, frame: ByteString, is_durable: bool) {
        if let Some(cursor) = frame::cursor(&frame).filter(|_| is_durable) {
            cursor.clone_into(&mut self.cursor);
        }
        self.octets += frame.len();
        self.frames.push(frame);
    }

    /// Adds what is in the queue, and returns whether more may come. What does not fit is read from the journal next time.
    fn drain(&mut self, queue: &SendQueue) -> Result<bool, Close> {
        while self.room() > 0 {
            match queue.next() {
                Next::Send(frame) => self.add(frame.text().clone(), frame.is_durable()),
                // The client asks again, another node perhaps.
                Next::Close(Close::Restart | Close::TooSlow) => return Ok(false),
                // The next call says why there will be no more.
                Next::Close(close) => return if self.frames.is_empty() { Err(close) } else { Ok(false) },
                Next::Nothing => return Ok(true),
            }
        }
        Ok(false)
    }

    fn finish(self, reset: Option<&'static str>) -> Result<JournalEvents> {
        let more = !self.frames.is_empty() && self.room() == 0;
        let events = self.frames.into_iter().map(|frame| RawValue::from_string(frame.to_string()));
        let events = events.collect::<Result<_, _>>().map_err(Error::from)?;
        Ok(JournalEvents { events, cursor: self.cursor, more, reset })
    }
}

impl Wire for Page {
    async fn write(&mut self, _: &SendQueue, frame: ByteString, event: Option<&Durable>) -> Result<(), Close> {
        self.add(frame, event.is_some());
        Ok(())
    }

    fn room(&self) -> usize {
        if self.octets >= ROOM { 0 } else { self.most.saturating_sub(self.frames.len()) }
    }
}
