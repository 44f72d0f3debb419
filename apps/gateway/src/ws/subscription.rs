//! What one caller receives from the hub: `hello`, what they missed, then live events. A socket, a stream and a poll each
//! open one and write its frames in their own way.

use std::sync::Arc;

use bytestring::ByteString;
use clowder_accounts::Identity;
use clowder_core::{Actor, Via, journal::Chunk};
use tokio::time::Instant;

use super::{
    Hub, Ports,
    close::{Close, Why},
    cursor::Place,
    events::{opened_by, sender},
    frame::{self, Durable, Hello, Reset, Resumed},
    hub::Attached,
    send_queue::SendQueue,
};
use crate::clock;

/// How much is read from the journal at a time, and waits for the client meanwhile.
const CHUNK: Chunk = Chunk { rows: 256, octets: 256 * 1024 };

/// Takes frames to a client.
pub trait Wire {
    /// Writes a frame; `event` is the durable event in it.
    async fn write(&mut self, queue: &SendQueue, frame: ByteString, event: Option<&Durable>) -> Result<(), Close>;

    /// How many more are wanted.
    fn room(&self) -> usize {
        usize::MAX
    }
}

pub struct Subscription {
    pub left: Left,
    attached: Attached,
    /// Where the client's cursor resumes, or why it cannot.
    since: Option<Result<Place, &'static str>>,
    via: Via,
    /// When the client's access ends.
    expires: Instant,
}

/// Removes a client from the hub, however it ends.
pub struct Left {
    hub: Arc<Hub>,
    pub queue: Arc<SendQueue>,
}

/// How a client caught up.
pub struct CaughtUp {
    /// The number of events that were written.
    pub count: usize,
    /// What comes after this is still to be written.
    pub reached: Place,
    /// Why events before that are missing, if they are.
    pub reset: Option<&'static str>,
}

impl Subscription {
    /// Attaches to the hub first, so that no event falls between what was missed and what is live.
    pub async fn open(ports: &Ports, identity: &Identity, cursor: Option<&str>) -> Result<Self, Close> {
        let Actor::User { id: user, via, .. } = identity.actor else {
            return Err(Close::NotAuthenticated(Why::TokenInvalid));
        };
        let hub = &ports.hub;
        let since = match cursor {
            Some(cursor) => Some(judge(hub, cursor).await?),
            None => None,
        };
        let from = since.as_ref().and_then(|judged| judged.as_ref().ok());
        let attached = hub
            .attach(user, via, identity.scopes.clone(), from)
            .await
            .map_err(|_| if hub.is_stopping() { Close::Restart } else { Close::Fault })?;
        let left = Left { hub: Arc::clone(hub), queue: Arc::clone(&attached.queue) };
        // The session may have ended while we waited, before there was a queue to notify.
        if ports.is_over(user, via, clock::now()) {
            return Err(Close::SessionEnded);
        }
        Ok(Self { left, attached, since, via, expires: expires(identity) })
    }

    /// Writes `hello`, what was missed, and how that ended. Live events follow in the queue. Whoever has missed too much
    /// loads it anew, which costs less than to send it.
    pub async fn greet(&mut self, ports: &Ports, wire: &mut impl Wire) -> Result<(), Close> {
        if self.missed_more_than(ports.resume_events).await? {
            self.since = Some(Err("too_many"));
        }
        let (hub, queue) = (&self.left.hub, &*self.left.queue);
        let from = self.since.as_ref().and_then(|judged| judged.as_ref().ok());
        let hello = Hello {
            session_id: match self.via {
                Via::Session(session) => Some(session),
                Via::Key(_) => None,
            },
            user_id: queue.user,
            heartbeat_ms: ports.heartbeat.as_millis() as u64,
            cursor: hub.sealer.seal(&from.unwrap_or(&self.attached.live_from).pack()),
            resumed: from.is_some(),
        };
        wire.write(queue, frame::said("hello", clock::now(), hello), None).await?;
        if self.since.is_none() {
            return Ok(());
        }
        let CaughtUp { count, reset, .. } = self.catch_up(wire).await?;
        let end = match reset {
            None => frame::said("resumed", clock::now(), Resumed { count }),
            Some(reason) => frame::said("reset", clock::now(), Reset { reason }),
        };
        wire.write(queue, end, None).await
    }

    async fn missed_more_than(&self, most: usize) -> Result<bool, Close> {
        let (hub, Attached { queue, live_from, followed, .. }) = (&self.left.hub, &self.attached);
        let Some(Ok(from)) = &self.since else { return Ok(false) };
        // So few have happened, to anybody.
        if live_from.positions.since(&from.positions) <= most as u64 {
            return Ok(false);
        }
        let _turn = hub.resuming.turn(queue.user).await.map_err(|_| Close::Fault)?;
        let (from, to) = (from.positions.clone(), live_from.positions.clone());
        hub.journal.exceeds(queue.user, followed.clone(), from, to, most).await.map_err(|_| Close::Fault)
    }

    /// Writes what was missed since the client's cursor, up to where live events begin, or until the wire is full.
    pub async fn catch_up(&self, wire: &mut impl Wire) -> Result<CaughtUp, Close> {
        let hub = &self.left.hub;
        let from = match &self.since {
            Some(Ok(from)) => from,
            since => {
                let reset = since.as_ref().and_then(|judged| judged.as_ref().err()).copied();
                return Ok(CaughtUp { count: 0, reached: self.attached.live_from.clone(), reset });
            }
        };
        let (count, reached) = self.replay(from.clone(), wire).await?;
        // A sweep may have run in between; then events may be missing, and the client must know.
        let extent = hub.resuming.extent().await.map_err(|_| Close::Fault)?;
        // A backup may have been restored in between; then the cursors that were just sent lead nowhere.
        if extent.epoch != from.epoch {
            return Err(Close::Restart);
        }
        if !extent.can_replay(&from.positions) {
            return Ok(CaughtUp { count, reached: self.attached.live_from.clone(), reset: Some("expired") });
        }
        Ok(CaughtUp { count, reached, reset: None })
    }

    /// Returns how many events were written, and up to where.
    async fn replay(&self, mut from: Place, wire: &mut impl Wire) -> Result<(usize, Place), Close> {
        let (hub, attached) = (&self.left.hub, &self.attached);
        let queue = &*attached.queue;
        let mut count = 0;
        if from.reach(&attached.live_from) {
            return Ok((count, from));
        }
        // A turn is held while the journal is read, not while the client is slow.
        let mut replay = {
            let _turn = hub.resuming.turn(queue.user).await.map_err(|_| Close::Fault)?;
            let followed = attached.followed.clone();
            let to = attached.live_from.positions.clone();
            let replay = hub.journal.replay(queue.user, followed, from.positions.clone(), to).await;
            replay.map_err(|_| Close::Fault)?
        };
        loop {
            if let Some(close) = queue.closing() {
                return Err(close);
            }
            let chunk = Chunk { rows: CHUNK.rows.min(wire.room()), ..CHUNK };
            let missed = {
                let _turn = hub.resuming.turn(queue.user).await.map_err(|_| Close::Fault)?;
                replay.next(chunk).await.map_err(|_| Close::Fault)?
            };
            let Some(missed) = missed else { return Ok((count, from)) };
            for recorded in missed.changes {
                from.positions.advance(recorded.stream, recorded.position);
                if !queue.may_receive(opened_by(&recorded.name)) {
                    continue;
                }
                count += 1;
                let hidden = sender(&recorded).is_some_and(|sender| attached.hidden.contains(&sender));
                let missed = Durable::new(Arc::new(recorded), from.pack(), hub.sealer.clone());
                let frame = if hidden { missed.hidden() } else { missed.text() };
                // A client that reads slowly must not outlive its access.
                if Instant::now() >= self.expires {
                    return Err(Close::TokenExpired);
                }
                wire.write(queue, frame.clone(), Some(&missed)).await?;
                if wire.room() == 0 {
                    return Ok((count, from));
                }
            }
            from.positions = missed.reached;
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.hub.detach(&self.queue);
    }
}

/// When the access of a client ends.
pub fn expires(identity: &Identity) -> Instant {
    Instant::now() + identity.expires_at.since(clock::now())
}

/// Where a cursor resumes, or why it cannot.
async fn judge(hub: &Hub, cursor: &str) -> Result<Result<Place, &'static str>, Close> {
    let extent = hub.resuming.extent().await.map_err(|_| Close::Fault)?;
    let place = hub.sealer.open(extent.epoch, cursor).ok_or("unknown");
    Ok(place.and_then(|place| if extent.can_replay(&place.positions) { Ok(place) } else { Err("expired") }))
}
