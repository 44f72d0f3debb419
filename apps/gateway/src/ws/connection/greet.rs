//! The start of an authenticated socket: hello, replay, then live events.

use std::sync::Arc;

use clowder_core::{Actor, UserId, Via, journal::Chunk};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    super::{
        Hub,
        cursor::Place,
        events::{opened_by, sender},
        frame::{self, Durable, Hello, Reset, Resumed},
        hub::{Attached, TURN_WITHIN},
    },
    Bound, Close, Connection, Identity, Left, Why,
};
use crate::clock;

/// How much is read from the journal at a time, and waits for the client meanwhile.
const CHUNK: Chunk = Chunk { rows: 256, octets: 256 * 1024 };

impl Connection {
    /// Attaches the socket first, so that no event falls between replay and live.
    pub(super) async fn greet(&mut self, identity: Identity, cursor: Option<String>) -> Result<Bound, Close> {
        let Actor::User { id: user, via, .. } = identity.actor else {
            return Err(Close::NotAuthenticated(Why::TokenInvalid));
        };
        let hub = Arc::clone(&self.context.hub);
        let since = match &cursor {
            Some(cursor) => Some(self.judge(user, cursor).await?),
            None => None,
        };
        let from = since.as_ref().and_then(|judged| judged.as_ref().ok());
        let attached = hub
            .attach(user, via, identity.scopes.clone(), from)
            .await
            .map_err(|_| if hub.is_stopping() { Close::Restart } else { Close::Fault })?;
        let left = Left { hub: hub.clone(), queue: attached.queue.clone() };
        // The session may have ended while we waited, before there was a queue to notify.
        if self.context.is_over(user, via, clock::now()) {
            return Err(Close::SessionEnded);
        }
        let hello = Hello {
            session_id: match via {
                Via::Session(session) => Some(session),
                Via::Key(_) => None,
            },
            user_id: user,
            heartbeat_ms: self.context.heartbeat.as_millis() as u64,
            cursor: hub.sealer.seal(user, &from.unwrap_or(&attached.live_from).pack()),
            resumed: from.is_some(),
        };
        let queue = attached.queue.clone();
        self.write(&queue, frame::said("hello", clock::now(), hello)).await?;
        match since {
            Some(Ok(from)) => {
                let count = self.replay(&attached, from.clone()).await?;
                // A sweep may have run in between; then events may be missing, and the client must know.
                let extent = hub.journal.extent().await.map_err(|_| Close::Fault)?;
                // A backup may have been restored in between; then the cursors that were just sent lead nowhere.
                if extent.epoch != from.epoch {
                    return Err(Close::Restart);
                }
                let end = if extent.can_replay(&from.positions) {
                    frame::said("resumed", clock::now(), Resumed { count })
                } else {
                    frame::said("reset", clock::now(), Reset { reason: "expired" })
                };
                self.write(&queue, end).await?;
            }
            Some(Err(reason)) => {
                self.write(&queue, frame::said("reset", clock::now(), Reset { reason })).await?;
            }
            None => {}
        }
        Ok(Bound::new(left, identity))
    }

    /// Where a cursor resumes, or why it cannot.
    async fn judge(&self, user: clowder_core::UserId, cursor: &str) -> Result<Result<Place, &'static str>, Close> {
        let extent = self.context.hub.journal.extent().await.map_err(|_| Close::Fault)?;
        let place = self.context.hub.sealer.open(user, extent.epoch, cursor).ok_or("unknown");
        Ok(place.and_then(|place| if extent.can_replay(&place.positions) { Ok(place) } else { Err("expired") }))
    }

    /// Sends the events from `from` up to where live events begin, and returns how many there were.
    async fn replay(&mut self, attached: &Attached, mut from: Place) -> Result<usize, Close> {
        let hub = Arc::clone(&self.context.hub);
        let mut count = 0;
        if from.reach(&attached.live_from) {
            return Ok(count);
        }
        // A turn is held while the journal is read, not while the client is slow.
        let mut replay = {
            let _turns = turns(&hub, attached.queue.user).await?;
            let (user, followed) = (attached.queue.user, attached.followed.clone());
            let to = attached.live_from.positions.clone();
            let replay = hub.journal.replay(user, followed, from.positions.clone(), to).await;
            replay.map_err(|_| Close::Fault)?
        };
        loop {
            if let Some(close) = attached.queue.closing() {
                return Err(close);
            }
            let missed = {
                let _turns = turns(&hub, attached.queue.user).await?;
                replay.next(CHUNK).await.map_err(|_| Close::Fault)?
            };
            let Some(missed) = missed else { return Ok(count) };
            for recorded in missed.changes {
                from.positions.advance(recorded.stream, recorded.position);
                if !attached.queue.may_receive(opened_by(&recorded.name)) {
                    continue;
                }
                count += 1;
                let hidden = sender(&recorded).is_some_and(|sender| attached.hidden.contains(&sender));
                let missed = Durable::new(Arc::new(recorded), from.pack());
                self.wrote(attached.queue.user, &missed);
                self.write(&attached.queue, missed.text(&hub.sealer, attached.queue.user, hidden)).await?;
            }
            from.positions = missed.reached;
        }
    }
}

/// First waits for the user's own turn, so that sockets of one user that wait for each other block nobody else.
async fn turns(hub: &Hub, user: UserId) -> Result<(OwnedSemaphorePermit, SemaphorePermit<'_>), Close> {
    Ok((hub.replays_of.one(user).await.map_err(|_| Close::Fault)?, turn(&hub.replays).await?))
}

async fn turn(turns: &Semaphore) -> Result<SemaphorePermit<'_>, Close> {
    timeout(TURN_WITHIN, turns.acquire()).await.map_err(|_| Close::Fault)?.map_err(|_| Close::Fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_socket_does_not_wait_for_ever() {
        let turns = Semaphore::new(1);
        let held = turn(&turns).await.unwrap();
        let told = timeout(TURN_WITHIN * 2, turn(&turns)).await.expect("it waits for ever");
        assert_eq!(told.err(), Some(Close::Fault));
        drop(held);
        assert!(turn(&turns).await.is_ok());
    }
}
