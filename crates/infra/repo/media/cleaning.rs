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
    type Row = (Timestamp, i64, i64, i64, i64, i64);
    let row: Row = table::table
        .select((
            table::since,
            table::unattached,
            table::unattached_octets,
            table::unfinished,
            table::deleted,
            table::deleted_octets,
        ))
        .first(tx.conn)?;
    let (since, unattached, unattached_octets, unfinished, deleted, deleted_octets) = row;
    let cleaned = Cleaned {
        unattached: Amount { count: unattached, octets: unattached_octets },
        unfinished: Amount { count: unfinished, octets: 0 },
        deleted: Amount { count: deleted, octets: deleted_octets },
        ..of_store
    };
    if cleaned.is_nothing() {
        return Ok(());
    }
    // Whatever is noted meanwhile stays for the next time.
    let told = diesel::update(table::table)
        .set((
            table::since.eq(ctx.now),
            table::unattached.eq(table::unattached - unattached),
            table::unattached_octets.eq(table::unattached_octets - unattached_octets),
            table::unfinished.eq(table::unfinished - unfinished),
            table::deleted.eq(table::deleted - deleted),
            table::deleted_octets.eq(table::deleted_octets - deleted_octets),
        ))
        .returning((table::unattached, table::unfinished, table::deleted))
        .get_result::<(i64, i64, i64)>(tx.conn)?;
    if told.0 < 0 || told.1 < 0 || told.2 < 0 {
        return Err(clowder_core::Error::unavailable("another process reports the same"));
    }
    let since = (unattached + unfinished + deleted > 0).then_some(since);
    let Cleaned { unattached, unfinished, deleted, strays, trash, restored, .. } = cleaned;
    let said = json!({
        "since": since, "unattached": unattached, "unfinished": unfinished.count, "deleted": deleted,
        "strays": strays, "trash": trash, "restored": restored,
    });
    audit::record(tx, ctx, &Entry::new("files.cleaned").after(said))
}
