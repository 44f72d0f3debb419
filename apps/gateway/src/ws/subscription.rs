//! What one caller receives from the hub: `hello`, what they missed, then live events. A socket, a stream and a poll each
//! open one and write its frames in their own way.

use std::sync::Arc;

use bytestring::ByteString;
use clowder_accounts::Identity;
use clowder_core::{
    Actor, Via,
    journal::{Chunk, Replay, Replayed},
};
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
use crate::{
    clock,
    front::{Key, Room, Sizes},
};

/// How much is read from the journal at a time, and waits for the client meanwhile.
const CHUNK: Chunk = Chunk { rows: 256, octets: 256 * 1024 };

/// The memory for all that was read and waits for clients that catch up.
pub const CATCHING_UP: Sizes = Sizes { nobody: 0, known: 128 << 20 };

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
    /// What was missed since then.
    missed: Option<Missed>,
    /// The memory for what has been read of it.
    room: Room,
    via: Via,
    /// When the client's access ends.
    expires: Instant,
}

/// How much of what was missed is wanted.
pub struct Wanted {
    /// Whoever has missed more loads it anew, which costs less than to send it.
    pub most: usize,
    /// How many changes are read at first.
    pub rows: usize,
}

impl Wanted {
    /// As much as is read at a time, and no more than `most`.
    pub const fn at_most(most: usize) -> Self {
        Self { most, rows: CHUNK.rows }
    }
}

/// What was missed: its beginning, which has been read, and the rest.
struct Missed {
    first: Replayed,
    rest: Box<dyn Replay>,
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
    /// Attaches to the hub first, so that no event falls between what was missed and what is live. All that is read for a
    /// client at first is read in one turn: when thousands come back at once, those who came first are served first.
    pub async fn open(ports: &Ports, identity: &Identity, cursor: Option<&str>, wanted: Wanted) -> Result<Self, Close> {
        let Actor::User { id: user, via, .. } = identity.actor else {
            return Err(Close::NotAuthenticated(Why::TokenInvalid));
        };
        let hub = &ports.hub;
        let mut since = match cursor {
            Some(cursor) => Some(judge(hub, cursor).await?),
            None => None,
        };
        let from = since.as_ref().and_then(|judged| judged.as_ref().ok());
        let mut turn = None;
        let attached = hub
            .attach(user, via, identity.scopes.clone(), from, &mut turn)
            .await
            .map_err(|error| if hub.is_stopping() { Close::Restart } else { error.into() })?;
        let left = Left { hub: Arc::clone(hub), queue: Arc::clone(&attached.queue) };
        // The session may have ended while we waited, before there was a queue to notify.
        if ports.is_over(user, via, clock::now()) {
            return Err(Close::SessionEnded);
        }
        let caller = match via {
            Via::Session(_) => Key::User(user),
            Via::Key(key) => Key::Program(key),
        };
        let (mut missed, mut room) = (None, ports.catching_up.room(caller));
        if let Some(from) = from.filter(|from| !from.reach(&attached.live_from)) {
            let turn = match turn {
                Some(turn) => turn,
                None => hub.resuming.turn(user).await?,
            };
            missed = begin(hub, &attached, from, &wanted).await?;
            drop(turn);
            match &missed {
                Some(missed) => reserve(&mut room, &missed.first)?,
                None => since = Some(Err("too_many")),
            }
        }
        Ok(Self { left, attached, since, missed, room, via, expires: expires(identity) })
    }

    /// Writes `hello`, what was missed, and how that ended. Live events follow in the queue.
    pub async fn greet(&mut self, ports: &Ports, wire: &mut impl Wire) -> Result<(), Close> {
        let (hub, queue) = (&self.left.hub, Arc::clone(&self.left.queue));
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
        wire.write(&queue, frame::said("hello", clock::now(), hello), None).await?;
        if self.since.is_none() {
            return Ok(());
        }
        let CaughtUp { count, reset, .. } = self.catch_up(wire).await?;
        let end = match reset {
            None => frame::said("resumed", clock::now(), Resumed { count }),
            Some(reason) => frame::said("reset", clock::now(), Reset { reason }),
        };
        wire.write(&queue, end, None).await
    }

    /// Writes what was missed since the client's cursor, up to where live events begin, or until the wire is full.
    pub async fn catch_up(&mut self, wire: &mut impl Wire) -> Result<CaughtUp, Close> {
        let missed = self.missed.take();
        let mut room = self.room.take_over();
        let hub = &self.left.hub;
        let from = match &self.since {
            Some(Ok(from)) => from,
            since => {
                let reset = since.as_ref().and_then(|judged| judged.as_ref().err()).copied();
                return Ok(CaughtUp { count: 0, reached: self.attached.live_from.clone(), reset });
            }
        };
        let (count, reached) = match missed {
            Some(missed) => self.replay(from.clone(), missed, &mut room, wire).await?,
            None => (0, from.clone()),
        };
        // A sweep may have run in between; then events may be missing, and the client must know.
        let extent = hub.resuming.extent().await?;
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
    async fn replay(
        &self,
        mut from: Place,
        missed: Missed,
        room: &mut Room,
        wire: &mut impl Wire,
    ) -> Result<(usize, Place), Close> {
        let (hub, attached) = (&self.left.hub, &self.attached);
        let queue = &*attached.queue;
        let Missed { first, mut rest } = missed;
        let (mut count, mut next) = (0, Some(first));
        while let Some(Replayed { changes, reached }) = next {
            for recorded in changes {
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
            from.positions = reached;
            if let Some(close) = queue.closing() {
                return Err(close);
            }
            if from.reach(&attached.live_from) {
                break;
            }
            // A turn is held while the journal is read, not while the client is slow.
            let _turn = hub.resuming.turn(queue.user).await?;
            next = rest.next(chunk(wire.room())).await?;
            if let Some(next) = &next {
                reserve(room, next)?;
            }
        }
        Ok((count, from))
    }
}

/// Begins to read what was missed; `None` if that is more than is wanted.
async fn begin(hub: &Hub, attached: &Attached, from: &Place, wanted: &Wanted) -> Result<Option<Missed>, Close> {
    let to = &attached.live_from.positions;
    let (user, followed) = (attached.queue.user, attached.followed.clone());
    let mut rest = hub.journal.replay(user, followed, from.positions.clone(), to.clone());
    // So few have happened, to anybody.
    let is_counted = to.since(&from.positions) > wanted.most as u64;
    if is_counted && rest.exceeds(wanted.most).await? {
        return Ok(None);
    }
    let first = rest.next(chunk(wanted.rows)).await?;
    let nothing = || Replayed { changes: Vec::new(), reached: to.clone() };
    Ok(Some(Missed { first: first.unwrap_or_else(nothing), rest }))
}

/// Reserves memory for what was read, in place of what was read before.
fn reserve(room: &mut Room, read: &Replayed) -> Result<(), Close> {
    let octets = read.changes.iter().map(|change| size_of_val(change) + change.data.get().len()).sum();
    room.hold(octets).map_err(|_| {
        metrics::counter!("clowder_resumes_refused_total").increment(1);
        Close::busy()
    })
}

fn chunk(rows: usize) -> Chunk {
    Chunk { rows: CHUNK.rows.min(rows), ..CHUNK }
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
    let extent = hub.resuming.extent().await?;
    let place = match hub.sealer.open(extent.epoch, cursor) {
        // It may be of the time before another server became the primary.
        None => hub.sealer.open_former(extent.epoch, &hub.resuming.former(extent.epoch).await?, cursor),
        place => place,
    };
    let place = place.ok_or("unknown");
    Ok(place.and_then(|place| if extent.can_replay(&place.positions) { Ok(place) } else { Err("expired") }))
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Positions, Recorded, Timestamp, Topic, UserId};
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::front::Rooms;

    #[test]
    fn what_waits_for_those_who_catch_up_has_room_for_all_together() {
        let now = Timestamp::from_micros(1);
        let user: UserId = Id::new(now);
        let read = |octets: usize| {
            let recorded = Recorded {
                stream: 0,
                position: 1,
                topic: Topic::user(user),
                name: "message.sent".into(),
                actor: None,
                subject: None,
                follow: None,
                seq: None,
                at: now,
                data: to_raw_value(&"x".repeat(octets)).unwrap().into(),
            };
            Replayed { changes: vec![recorded], reached: Positions::new(vec![1]) }
        };
        let rooms = Rooms::new(Sizes { nobody: 0, known: 8 * 100_000 });
        let (mut slow, mut other) = (rooms.room(Key::User(user)), rooms.room(Key::User(user)));
        assert!(reserve(&mut slow, &read(90_000)).is_ok());
        assert!(
            matches!(reserve(&mut other, &read(20_000)), Err(Close::Busy { .. })),
            "the rest of their share is less"
        );
        assert!(reserve(&mut slow, &read(50_000)).is_ok(), "in place of what has been written");
        assert!(reserve(&mut other, &read(20_000)).is_ok());
        drop((slow, other));
        assert!(rooms.is_empty());
    }
}
