//! What jobs have cleaned up, in metrics at once, and in the audit log once a day.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Result, Timestamp,
    audit::Entry,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::care::{Amount, Cleaned};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Repo, audit, db::Tx};
use crate::domains::media::file_cleaning as table;

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {}

impl Work for Report {
    const KIND: &'static str = "file.report";
    const QUEUE: Queue = Queue::Default;
}

pub struct Reporter(pub Arc<Repo>);

#[async_trait]
impl Worker for Reporter {
    fn kind(&self) -> &'static str {
        Report::KIND
    }

    fn queue(&self) -> Queue {
        Report::QUEUE
    }

    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        let ctx = ctx.clone();
        self.0.db.write(move |tx| report(tx, &ctx, Cleaned::default())).await
    }
}

impl Repo {
    /// Counts what a job has cleaned up. A process that dies before this leaves it uncounted.
    pub(super) async fn note_cleaning(&self, ctx: &Ctx, cleaned: Cleaned) -> Result<()> {
        if cleaned.is_nothing() {
            return Ok(());
        }
        count(&cleaned);
        let now = ctx.now;
        self.db.write(move |tx| note(tx, now, &cleaned)).await
    }
}

/// For the metrics.
pub fn count(cleaned: &Cleaned) {
    for (what, amount) in [
        ("unattached", cleaned.unattached),
        ("unfinished", cleaned.unfinished),
        ("deleted", cleaned.deleted),
        ("stray", cleaned.strays),
        ("trash", cleaned.trash),
    ] {
        let (count, octets) = (amount.count.unsigned_abs(), amount.octets.unsigned_abs());
        metrics::counter!("clowder_files_cleaned_total", "what" => what).increment(count);
        metrics::counter!("clowder_files_cleaned_bytes_total", "what" => what).increment(octets);
    }
}

fn note(tx: &mut Tx<'_>, now: Timestamp, cleaned: &Cleaned) -> Result<()> {
    // The first since the last report.
    let first = table::table.filter(table::unattached.eq(0).and(table::unfinished.eq(0)).and(table::deleted.eq(0)));
    diesel::update(first).set(table::since.eq(now)).execute(tx.conn)?;
    let Cleaned { unattached, unfinished, deleted, .. } = cleaned;
    diesel::update(table::table)
        .set((
            table::unattached.eq(table::unattached + unattached.count),
            table::unattached_octets.eq(table::unattached_octets + unattached.octets),
            table::unfinished.eq(table::unfinished + unfinished.count),
            table::deleted.eq(table::deleted + deleted.count),
            table::deleted_octets.eq(table::deleted_octets + deleted.octets),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Tells the audit log what jobs have cleaned up since it was last told, and what somebody has cleaned up in the store.
pub fn report(tx: &mut Tx<'_>, ctx: &Ctx, of_store: Cleaned) -> Result<()> {
    // Others who note or report something come before or after this.
    diesel::update(table::table).set(table::since.eq(table::since)).execute(tx.conn)?;
    let counts =
        (table::unattached, table::unattached_octets, table::unfinished, table::deleted, table::deleted_octets);
    let (since, counts): (Timestamp, (i64, i64, i64, i64, i64)) =
        table::table.select((table::since, counts)).first(tx.conn)?;
    let by_jobs = Cleaned {
        unattached: Amount { count: counts.0, octets: counts.1 },
        unfinished: Amount { count: counts.2, octets: 0 },
        deleted: Amount { count: counts.3, octets: counts.4 },
        ..Cleaned::default()
    };
    let Cleaned { unattached, unfinished, deleted, .. } = by_jobs;
    let cleaned = Cleaned { unattached, unfinished, deleted, ..of_store };
    if cleaned.is_nothing() {
        return Ok(());
    }
    diesel::update(table::table)
        .set((
            table::since.eq(ctx.now),
            table::unattached.eq(0),
            table::unattached_octets.eq(0),
            table::unfinished.eq(0),
            table::deleted.eq(0),
            table::deleted_octets.eq(0),
        ))
        .execute(tx.conn)?;
    let since = (!by_jobs.is_nothing()).then_some(since);
    let Cleaned { strays, trash, restored, .. } = of_store;
    let said = json!({
        "since": since, "unattached": unattached, "unfinished": unfinished.count, "deleted": deleted,
        "strays": strays, "trash": trash, "restored": restored,
    });
    audit::record(tx, ctx, &Entry::new("files.cleaned").after(said))
}
