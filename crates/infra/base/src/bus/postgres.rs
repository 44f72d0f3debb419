//! The bus through PostgreSQL, for several nodes without Redis: `LISTEN` and `NOTIFY` on a connection of their own, in a
//! thread of its own.
//!
//! A notification within a transaction that writes would make all writers wait for one lock when they commit. Here each
//! is a transaction of its own, which does not wait for the disk.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use clowder_core::{Bus, Cause, Error, Result, bus::Hear};
use diesel::{RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text};

use super::{BEAT, Backoff, CHANNEL, SILENT, Shared, WAITING, offer, start, wait};
use crate::connection::{Deadlines, For, PooledConn, Way};

/// How often it looks for notifications; libpq does not block.
const LOOK: Duration = Duration::from_millis(5);
/// PostgreSQL allows just under 8000 octets.
const LARGEST: usize = 7900;

pub struct PostgresBus {
    shared: Arc<Shared>,
    queue: SyncSender<String>,
}

impl PostgresBus {
    /// Connects in the background, and again whenever the connection is lost.
    pub fn start(url: &str, deadlines: Deadlines) -> Result<Self> {
        let way = Way::new(url, For::Writing, deadlines, 1);
        let shared = Shared::new("postgres");
        let (queue, queued) = sync_channel(WAITING);
        let working = Arc::clone(&shared);
        start("postgres-bus", move || {
            let mut backoff = Backoff::new();
            while let Err(error) = work(&working, &way, &queued, &mut backoff) {
                working.failed(&error);
                if !wait(&queued, backoff.failed()) {
                    return;
                }
            }
        })?;
        Ok(Self { shared, queue })
    }
}

impl Bus for PostgresBus {
    fn publish(&self, message: String) {
        offer(&self.queue, message, LARGEST);
    }

    fn subscribe(&self, hear: Hear) {
        self.shared.subscribe(hear);
    }

    fn name(&self) -> &'static str {
        self.shared.name
    }

    fn works(&self) -> bool {
        self.shared.works()
    }
}

/// Publishes and hears until the connection fails, or the owner is gone.
fn work(shared: &Shared, way: &Arc<Way>, queue: &Receiver<String>, backoff: &mut Backoff) -> Result<()> {
    let mut conn = PooledConn::connect(way)?;
    conn.batch_execute(&format!("LISTEN {CHANNEL}"))?;
    // Its own first message proves that others would arrive, too: through some poolers none does.
    let (mut heard_at, mut said_at) = (Instant::now(), None::<Instant>);
    loop {
        let message = match queue.recv_timeout(LOOK) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => {
                Some(String::new()).filter(|_| said_at.is_none_or(|at| at.elapsed() > BEAT))
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        if let Some(message) = message {
            said_at = Some(Instant::now());
            // Only for this transaction: if there is a pooler in between, others use the connection, too.
            sql_query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)")
                .bind::<Text, _>(CHANNEL)
                .bind::<Text, _>(message)
                .execute(&mut *conn)?;
        }
        for notification in conn.notifications_iter() {
            heard_at = Instant::now();
            backoff.succeeded();
            shared.connected();
            shared.hear(&notification?.payload);
        }
        if heard_at.elapsed() > SILENT {
            return Err(Error::outage(Cause::Lost, "no notification arrives; is there a pooler in between?"));
        }
    }
}
