//! Deleted text out of the files, while the server runs and others read and write.
//!
//! SQLite overwrites what is deleted (`secure_delete`) in a new version of its page, in the write-ahead log. Before that
//! text is gone, the log has to be moved into the database file and cut, and what earlier versions of pages left between
//! the cells of others has to be overwritten. One task does both, [`GATHER`] after a deletion and for all that came
//! until then: what it costs does not grow with the number of deletions.

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

/// How long deletions are gathered before their text is overwritten.
const GATHER: Duration = Duration::from_secs(2);

/// How long a checkpoint waits for those who read. Writers wait meanwhile, so it is short, and what could not be done is
/// tried again after a pause.
const PATIENCE_MS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After so many tries somebody reads for minutes, and an operator should know.
const TELL_AFTER: u32 = 10;

/// How many pages are overwritten in one transaction, so that other writers get their turn.
const PAGES: usize = 64;

/// How many pages are read at a time, so that other readers get their turn.
const BLOCK: i64 = 256;

/// Reading through a large file is not done more often than for a tenth of the time.
const REST: u32 = 9;

/// Overwrites deleted text in the background; ends when it is dropped.
pub struct Scrubber {
    wake: mpsc::Sender<()>,
    _run: oneshot::Sender<()>,
}

impl Scrubber {
    /// Writes on the worker that writes: nobody else holds the write lock there, however much is written.
    pub fn start(writer: &WorkerPool<PooledConn>, readers: &WorkerPool<PooledConn>) -> Self {
        // One is enough: all that was deleted before it is taken is overwritten.
        let (wake, woken) = mpsc::channel(1);
        let (run, stopped) = oneshot::channel();
        let scrub = Scrub { writer: writer.clone(), readers: readers.clone(), stopped, rest: Duration::ZERO };
        tokio::spawn(scrub.run(woken));
        // A process that died may have left something.
        let _ = wake.try_send(());
        Self { wake, _run: run }
    }

    /// A text has been deleted, and the transaction committed.
    pub fn wake(&self) {
        // A full channel says it already.
        let _ = self.wake.try_send(());
    }
}

struct Scrub {
    writer: WorkerPool<PooledConn>,
    readers: WorkerPool<PooledConn>,
    /// Nothing is ever sent: it is closed when the scrubber is to end.
    stopped: oneshot::Receiver<()>,
    /// How long to rest before the file is read again.
    rest: Duration,
}

impl Scrub {
    async fn run(mut self, mut woken: mpsc::Receiver<()>) {
        while woken.recv().await.is_some() && self.wait(GATHER.max(self.rest)).await {
            // What is deleted from here on wakes again.
            while woken.try_recv().is_ok() {}
            if !self.pass().await {
                return;
            }
        }
    }

    /// False when the scrubber is to end.
    async fn wait(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => true,
            _ = &mut self.stopped => false,
        }
    }

    /// Tries until it is done; false when the scrubber is to end.
    async fn pass(&mut self) -> bool {
        let mut pause = PAUSE;
        for tries in 1.. {
            match self.scrub().await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "deleted text could not be overwritten yet"),
            }
            metrics::counter!("clowder_scrub_retries_total").increment(1);
            if tries == TELL_AFTER {
                tracing::warn!("somebody keeps reading, and with it deleted text in the write-ahead log");
            }
            if !self.wait(pause).await {
                return false;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        metrics::counter!("clowder_scrubs_total").increment(1);
        true
    }

    /// Whether all is done; false when somebody was in the way.
    async fn scrub(&mut self) -> Result<bool> {
        if !self.writer.run(|conn| cut_log(conn)).await? {
            return Ok(false);
        }
        let Some(layout) = self.writer.run(|conn| Layout::of(conn)).await? else { return Ok(true) };
        let began = Instant::now();
        let dirty = self.dirty(layout).await?;
        self.rest = began.elapsed() * REST;
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
    /// The pages that hold something between their cells; what has changed meanwhile is looked at again before it is
    /// overwritten. They are read through SQLite alone: to open the file beside it, and close it, would drop the locks
    /// that SQLite holds for this process, and another process could take the log away from under it.
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

/// Moves the log into the file and cuts it; whether nobody was in the way.
fn cut_log(conn: &mut Conn) -> Result<bool> {
    // Most of it without holding up anybody.
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

/// How the file is laid out.
#[derive(Clone, Copy)]
struct Layout {
    pages: i64,
    reserved: usize,
}

impl Layout {
    /// Nothing for files that have pages of kinds that this does not know.
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

    /// Which of these pages hold something between their cells.
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
