//! Writes items, together or one by one, and answers their callers.

use std::time::Instant;

use clowder_core::{Cause, Error, Result};

use super::{
    super::{
        batch,
        db::{TxServices, commit},
        dialect::{self, PooledConn},
    },
    LOCK_WAIT, Outcome, Queued,
    queues::Pending,
};

pub struct Written<Q: Queued> {
    /// Whether the connection is still usable.
    pub healthy: bool,
    /// Why no transaction could be started, if the connection was the reason.
    pub none_can_begin: Option<Error>,
    pub held: Vec<Pending<Q>>,
    pub stalled: Stalled<Q>,
}

/// The streams that somebody else holds, and the items that have to wait for that.
pub struct Stalled<Q: Queued> {
    pub streams: Vec<usize>,
    pub items: Vec<Pending<Q>>,
}

impl<Q: Queued> Default for Written<Q> {
    fn default() -> Self {
        let stalled = Stalled { streams: Vec::new(), items: Vec::new() };
        Self { healthy: true, none_can_begin: None, held: Vec::new(), stalled }
    }
}

impl<Q: Queued> Written<Q> {
    fn and(mut self, later: Self) -> Self {
        self.held.extend(later.held);
        self.stalled.streams.extend(later.stalled.streams);
        self.stalled.items.extend(later.stalled.items);
        Self { healthy: self.healthy && later.healthy, none_can_begin: later.none_can_begin, ..self }
    }
}

/// Writes a batch and answers everybody except items with locked rows or streams. Locks are waited for at most
/// [`LOCK_WAIT`]; a batch that waits longer for some of its streams is written without their items. `join` adds items of
/// the same streams once these are locked.
pub fn write<Q: Queued>(
    conn: &mut PooledConn,
    services: &TxServices,
    mut batch: Vec<Pending<Q>>,
    join: &mut dyn FnMut(&mut Vec<Pending<Q>>),
) -> Written<Q> {
    if batch.is_empty() {
        return Written::default();
    }
    let streams = streams_of(&batch);
    let mut begun = false;
    let outcomes = commit(conn, services, |tx| {
        begun = true;
        dialect::begin_batch(tx.conn, LOCK_WAIT, &streams)?;
        join(&mut batch);
        Q::note_batch(batch.iter().map(|pending| &pending.item));
        Q::write_batch(tx, &batch.iter().map(|pending| &pending.item).collect::<Vec<_>>())
    });
    match outcomes {
        Ok(outcomes) => {
            let (all, later) = (batch.len(), settle(batch, outcomes));
            let written = Written { held: later.held, ..Written::default() };
            // Repeats of one call are answered together once the first of them is committed. So each round answers some.
            if later.again.len() < all {
                let again = later.again.into_iter().filter_map(Pending::still_waiting).collect();
                return written.and(write(conn, services, again, &mut |_| ()));
            }
            written.and(write_alone(conn, services, later.again))
        }
        // No item can have caused this, so trying them one by one would only take longer.
        Err(error) if !begun || error.affects_everyone() => {
            for pending in batch {
                pending.answer(Err(error.clone()));
            }
            let healthy = !error.costs_connection();
            Written { healthy, none_can_begin: Some(error).filter(|_| !begun && !healthy), ..Written::default() }
        }
        Err(error) if error.cause() == Some(Cause::Contended) => match stalled_streams(conn, streams) {
            Ok(streams) if streams.is_empty() => Written { held: batch, ..Written::default() },
            Ok(streams) => {
                let (items, rest) = batch.into_iter().partition(|pending| streams.contains(&pending.item.stream()));
                let stalled = Stalled { streams, items };
                Written { stalled, ..Written::default() }.and(write(conn, services, rest, &mut |_| ()))
            }
            Err(error) => {
                for pending in batch {
                    pending.answer(Err(error.clone()));
                }
                Written { healthy: !error.costs_connection(), ..Written::default() }
            }
        },
        Err(error) => {
            tracing::debug!(%error, items = batch.len(), "a batch failed; its items are retried one by one");
            write_alone(conn, services, batch)
        }
    }
}

fn streams_of<Q: Queued>(batch: &[Pending<Q>]) -> Vec<usize> {
    let mut streams: Vec<_> = batch.iter().map(|pending| pending.item.stream()).collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

/// Those of these streams that somebody else holds right now.
fn stalled_streams(conn: &mut PooledConn, mut streams: Vec<usize>) -> Result<Vec<usize>> {
    let free = batch::journal::free_streams(conn, &streams)?;
    streams.retain(|stream| !free.contains(stream));
    Ok(streams)
}

/// Writes each item in a transaction of its own.
pub fn write_alone<Q: Queued>(conn: &mut PooledConn, services: &TxServices, items: Vec<Pending<Q>>) -> Written<Q> {
    let mut written = Written::default();
    let mut lost = None;
    for pending in items.into_iter().filter_map(Pending::still_waiting) {
        if let Some(error) = &lost {
            pending.answer(Err(Error::clone(error)));
            continue;
        }
        let mut alone = || {
            commit(conn, services, |tx| {
                dialect::begin_batch(tx.conn, LOCK_WAIT, &[pending.item.stream()])?;
                Q::write_batch(tx, &[&pending.item])
            })
        };
        // Retries once, to see what another node commits at the same moment. If it took long, it waited for a lock, and
        // others have waited, too. What may have been committed is not written again.
        let began = Instant::now();
        let again = |error: &Error| began.elapsed() < LOCK_WAIT && !error.affects_everyone();
        let outcomes = alone().or_else(|error| if again(&error) { alone() } else { Err(error) });
        match outcomes.map(|mut outcomes| outcomes.pop()) {
            Ok(Some(Outcome::Held)) => written.held.push(pending),
            Ok(Some(Outcome::Done(answer))) => pending.answer(answer),
            Err(error) if error.cause() == Some(Cause::Contended) => written.held.push(pending),
            Ok(Some(Outcome::Again) | None) => pending.answer(Err(Error::internal("a lone item depends on no other"))),
            Err(error) => {
                written.healthy &= !error.costs_connection();
                if error.affects_everyone() {
                    lost = Some(error.clone());
                }
                pending.answer(Err(error));
            }
        }
    }
    written
}

pub struct Later<Q: Queued> {
    pub again: Vec<Pending<Q>>,
    pub held: Vec<Pending<Q>>,
}

/// Answers those that are finished.
pub fn settle<Q: Queued>(items: Vec<Pending<Q>>, outcomes: Vec<Outcome<Q::Answer>>) -> Later<Q> {
    let mut later = Later { again: Vec::new(), held: Vec::new() };
    for (pending, outcome) in items.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Done(answer) => pending.answer(answer),
            Outcome::Again => later.again.push(pending),
            Outcome::Held => later.held.push(pending),
        }
    }
    later
}
