//! Removes deleted text from the files while the server runs and others read and write.
//!
//! SQLite overwrites deleted text (`secure_delete`) in a new version of its page, in the write-ahead log. For the text
//! to disappear, the log must be moved into the database file and truncated, and the remains of earlier page versions
//! between the cells of others must be overwritten. One task does both, [`GATHER`] after a deletion, for all deletions
//! until then: so the cost does not grow with their number.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use clowder_core::Result;
use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Binary, Integer},
    sqlite::Sqlite,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use super::dialect::{BUSY_TIMEOUT_MS, Conn, PooledConn};
use crate::{sqlite_pages as pages, statement::statement, worker_pool::WorkerPool};

/// How long deletions are collected before their text is overwritten.
const GATHER: Duration = Duration::from_secs(2);

/// How long a checkpoint waits for readers. Writers wait meanwhile, so this is short; an incomplete checkpoint is
/// retried after a pause.
const PATIENCE_MS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After this many tries a reader has been running for minutes, and the operator should know.
const TELL_AFTER: u32 = 10;

/// How many pages are overwritten in one transaction, so that other writers get their turn.
const PAGES: usize = 64;

/// How many pages are read at a time, so that other readers get their turn.
const BLOCK: i64 = 256;

/// Reading a large file takes a tenth of the time, unless the pause in between would keep deleted text for too long.
const REST: u32 = 9;
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Overwrites deleted text in the background; stops when it is dropped.
pub struct Scrubber {
    wake: mpsc::Sender<()>,
    _run: oneshot::Sender<()>,
}

impl Scrubber {
    /// Writes on the worker that writes, where nobody else holds the write lock, however much is written.
    pub fn start(writer: &WorkerPool<PooledConn>, readers: &WorkerPool<PooledConn>) -> Self {
        // A capacity of one is enough: each run overwrites everything deleted before it.
        let (wake, woken) = mpsc::channel(1);
        let (run, stopped) = oneshot::channel();
        let scrub = Scrub { writer: writer.clone(), readers: readers.clone(), stopped, rest: Duration::ZERO };
        tokio::spawn(scrub.run(woken));
        // A process that died may have left deleted text.
        let _ = wake.try_send(());
        Self { wake, _run: run }
    }

    /// Must be called after a transaction that deleted text has been committed.
    pub fn wake(&self) {
        // A full channel already has the signal.
        let _ = self.wake.try_send(());
    }
}

struct Scrub {
    writer: WorkerPool<PooledConn>,
    readers: WorkerPool<PooledConn>,
    /// Nothing is ever sent: it is closed when the scrubber is to stop.
    stopped: oneshot::Receiver<()>,
    /// How long to pause before the file is read again.
    rest: Duration,
}

impl Scrub {
    async fn run(mut self, mut woken: mpsc::Receiver<()>) {
        while woken.recv().await.is_some() && self.wait(GATHER).await {
            // Most of the text is gone with the log; reading the file waits for its turn.
            if let Err(error) = self.writer.run(|conn| cut_log(conn)).await {
                tracing::debug!(%error, "cannot truncate the log yet");
            }
            if !self.wait(self.rest.saturating_sub(GATHER)).await {
                return;
            }
            // Deletions from here on trigger another run.
            while woken.try_recv().is_ok() {}
            if !self.pass().await {
                return;
            }
        }
    }

    /// False when the scrubber is to stop.
    async fn wait(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => true,
            _ = &mut self.stopped => false,
        }
    }

    /// Tries until it succeeds; false when the scrubber is to stop.
    async fn pass(&mut self) -> bool {
        let mut pause = PAUSE;
        for tries in 1.. {
            match self.scrub().await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "cannot overwrite deleted text yet"),
            }
            metrics::counter!("clowder_scrub_retries_total").increment(1);
            if tries == TELL_AFTER {
                tracing::warn!("a reader that does not finish keeps deleted text in the write-ahead log");
            }
            if !self.wait(pause).await {
                return false;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        metrics::counter!("clowder_scrubs_total").increment(1);
        true
    }

    /// Whether everything is done; false if somebody was in the way.
    async fn scrub(&mut self) -> Result<bool> {
        if !self.writer.run(|conn| cut_log(conn)).await? {
            return Ok(false);
        }
        let Some(layout) = self.writer.run(|conn| Layout::of(conn)).await? else { return Ok(true) };
        let began = Instant::now();
        let dirty = self.dirty(layout).await?;
        self.rest = LONGEST_REST.min(began.elapsed() * REST);
        if dirty.is_empty() {
            return Ok(true);
        }
        for some in dirty.chunks(PAGES) {
            let some = some.to_vec();
            let cleaned = self.writer.run(move |conn| {
                conn.immediate_transaction(|conn| some.iter().try_for_each(|page| layout.clean(conn, *page)))
            });
            cleaned.await?;
        }
        metrics::counter!("clowder_scrubbed_pages_total").increment(dirty.len() as u64);
        self.writer.run(|conn| cut_log(conn)).await
    }
}

impl Scrub {
    /// The pages with leftovers between their cells; they are checked again before they are overwritten, because they
    /// may have changed. They are read only through SQLite: opening and closing the file separately would drop the
    /// locks that SQLite holds for this process, and another process could then remove the log.
    async fn dirty(&self, layout: Layout) -> Result<Vec<i64>> {
        let mut dirty = Vec::new();
        for first in (1..=layout.pages).step_by(BLOCK as usize) {
            let pages = first..(first + BLOCK).min(layout.pages + 1);
            dirty.extend(self.readers.run(move |conn| layout.dirty(conn, pages)).await?);
        }
        Ok(dirty)
    }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Moves the log into the file and truncates it; returns whether nobody was in the way.
fn cut_log(conn: &mut Conn) -> Result<bool> {
    // Does most of it without blocking anybody.
    sql_query("PRAGMA wal_checkpoint(PASSIVE)").load::<Checkpoint>(conn)?;
    conn.batch_execute(&format!("PRAGMA busy_timeout={PATIENCE_MS}"))?;
    let done = sql_query("PRAGMA wal_checkpoint(TRUNCATE)").load::<Checkpoint>(conn);
    conn.batch_execute(&format!("PRAGMA busy_timeout={BUSY_TIMEOUT_MS}"))?;
    Ok(done?.iter().all(|checkpoint| checkpoint.busy == 0))
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Page {
    #[diesel(sql_type = Binary)]
    data: Vec<u8>,
}

/// The layout of the file.
#[derive(Clone, Copy)]
struct Layout {
    pages: i64,
    reserved: usize,
}

impl Layout {
    /// `None` for files with kinds of pages that this does not know.
    fn of(conn: &mut Conn) -> Result<Option<Self>> {
        let mut number = |name: &str| -> Result<i64> {
            let query = format!("SELECT {name} AS number FROM pragma_{name}");
            Ok(sql_query(query).get_result::<Number>(conn)?.number)
        };
        let pages = number("page_count")?;
        if number("auto_vacuum")? != 0 || pages >= pages::MOST_PAGES {
            return Ok(None);
        }
        let first = sql_query("SELECT data FROM sqlite_dbpage WHERE pgno = 1").get_result::<Page>(conn)?.data;
        let reserved = first.get(20).copied().map_or(0, usize::from);
        Ok(Some(Self { pages, reserved }))
    }

    /// Which of these pages have leftovers between their cells.
    fn dirty(&self, conn: &mut Conn, pages: Range<i64>) -> Result<Vec<i64>> {
        let mut dirty = Vec::new();
        for number in pages {
            let page = statement::<(Binary,), Sqlite>("SELECT data FROM sqlite_dbpage WHERE pgno = ?");
            let page: Option<(Vec<u8>,)> = page.bind::<BigInt, _>(number).get_result(conn).optional()?;
            dirty.extend(page.filter(|(page,)| pages::is_dirty(page, number, self.reserved)).map(|_| number));
        }
        Ok(dirty)
    }

    fn clean(&self, conn: &mut Conn, number: i64) -> Result<()> {
        let page: Option<Page> = sql_query("SELECT data FROM sqlite_dbpage WHERE pgno = ?")
            .bind::<BigInt, _>(number)
            .get_result(conn)
            .optional()?;
        let Some(Page { mut data }) = page else { return Ok(()) };
        if pages::clean(&mut data, number, self.reserved) {
            sql_query("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?")
                .bind::<Binary, _>(data)
                .bind::<BigInt, _>(number)
                .execute(conn)?;
        }
        Ok(())
    }
}
