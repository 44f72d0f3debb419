//! Reading and writing: what runs on which lane, and what a transaction is.

use std::sync::Arc;

use clowder_core::{Ctx, Recorded, Result};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    dialect::{self, Conn, Seat},
    once,
};
use crate::{feed::Feed, keys::Keys, lanes::Lanes, store::Parts};

#[derive(Clone)]
pub struct Db {
    writers: Lanes<Seat>,
    readers: Lanes<Seat>,
    feed: Feed,
    keys: Arc<Keys>,
}

/// A transaction: its connection, and what has been written into the journal so far.
pub struct Tx<'c> {
    pub conn: &'c mut Conn,
    pub recorded: Vec<Recorded>,
}

impl Db {
    pub fn open(parts: &Parts) -> Result<Self> {
        let (writers, readers) = dialect::lanes(&parts.options.url, &parts.options)?;
        Ok(Self { writers, readers, feed: parts.feed.clone(), keys: Arc::clone(&parts.keys) })
    }

    /// Reads.
    pub async fn read<T: Send + 'static>(&self, f: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static) -> Result<T> {
        self.readers.run(|seat| f(seat)).await
    }

    /// Writes in one transaction; an error undoes all of it. After the commit its changes are on their way.
    pub async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let feed = self.feed.clone();
        self.writers.run(move |seat| commit(seat, &feed, f)).await
    }

    /// Like [`Db::write`], and once only for callers that sent an `Idempotency-Key`: a repeated call gets the answer
    /// of the first, which is stored in the same transaction.
    pub async fn create<T: Serialize + DeserializeOwned + Send + 'static>(
        &self,
        ctx: &Ctx,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(once) = ctx.once.clone() else { return self.write(f).await };
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.keys));
        self.write(move |tx| once::guard(tx, &ctx, &once, &keys, f)).await
    }

    /// The lane that writes, for a job that answers its callers by itself.
    pub fn writers(&self) -> &Lanes<Seat> {
        &self.writers
    }

    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// How many jobs wait to write and to read.
    pub fn waiting(&self) -> (usize, usize) {
        (self.writers.waiting(), self.readers.waiting())
    }
}

/// One transaction on a connection one holds already.
pub fn commit<T>(conn: &mut Conn, feed: &Feed, f: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let (value, recorded) = dialect::write_tx(conn, |conn| {
        let mut tx = Tx { conn, recorded: Vec::new() };
        let value = f(&mut tx)?;
        Ok((value, tx.recorded))
    })?;
    feed.hand(recorded);
    Ok(value)
}
