//! Maintenance of the store: health checks and cleanup.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Change, Ctx, Error, Id, Result, Timestamp, Topic, TopicKind,
    job::{Cron, Queue, Taken, Worker},
};

use serde_json::value::RawValue;

use super::{
    Repo, check, clock,
    db::Tx,
    domains::{DOMAINS, Domain},
    journal,
};
use crate::{
    clock::Evidence,
    skew::Skew,
    store::{Check, SWEEP, Upkeep},
};

pub const DOMAIN: Domain = Domain {
    crons: &[Cron { name: SWEEP, schedule: "*/10 * * * * UTC", kind: SWEEP }],
    workers: |repo| vec![Arc::new(Sweeper(Arc::clone(repo)))],
    ..Domain::NONE
};

#[async_trait]
impl Upkeep for Repo {
    async fn recall(&self) -> Result<()> {
        let now = self.now();
        self.remember_ended(now).await?;
        self.remember_standings(now).await
    }

    async fn start_anew(&self) -> Result<()> {
        let (now, memory) = (self.now(), &self.deps.memory);
        memory.standings.begin_turn();
        memory.profiles.forget();
        memory.api_keys.start_anew();
        self.friends.start_anew();
        self.messaging.start_anew();
        self.replace_ended(now).await?;
        self.remember_standings(now).await?;
        memory.standings.end_turn();
        Ok(())
    }

    async fn check(&self, now: fn() -> Timestamp) -> Vec<Check> {
        check::all(self, now).await
    }

    async fn write_canary(&self, ctx: &Ctx) -> Result<(usize, i64)> {
        let (canary, ctx) = (Canary(Id::new(ctx.now)), ctx.clone());
        let write = move |tx: &mut Tx<'_>| {
            tx.silent = true;
            journal::append(tx, &ctx, &canary)?;
            let written = tx.recorded.last().map(|recorded| (recorded.stream, recorded.position));
            written.ok_or_else(|| Error::internal("a canary was not written"))
        };
        self.db.write(write).await
    }

    async fn was_ahead(&self, now: Timestamp) -> Result<bool> {
        self.db.read(move |conn| clock::was_ahead(conn, now)).await
    }

    async fn put_clock_right(&self, now: Timestamp, evidence: Evidence) -> Result<usize> {
        self.write_clock_right(now, evidence).await
    }

    async fn skew(&self, now: fn() -> Timestamp) -> Result<Option<Skew>> {
        check::within(self.db.read(move |conn| check::skew(conn, now))).await
    }

    async fn sweep(&self, ctx: &Ctx, journal_for: Duration) -> Result<usize> {
        let mut gone = 0;
        // Each on its own, so that the cost of one delays none of the others, nor other writers for long.
        for sweep in DOMAINS.iter().flat_map(|domain| domain.sweeps) {
            gone += sweep.run(self, ctx, journal_for).await?;
        }
        Ok(gone)
    }
}

/// A change on a topic of its own, in any of the streams.
struct Canary(Id<()>);

impl Change for Canary {
    fn name(&self) -> &'static str {
        "canary.written"
    }

    fn topic(&self) -> Topic {
        Topic::new(TopicKind::new("canary"), self.0)
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        RawValue::from_string("{}".to_owned())
    }
}

/// The maximum number of rows deleted from a table at a time.
pub const PIECE: i64 = 2_000;

/// Deletes the first expired rows, except those that others have locked: in the order of their keys, so that two
/// cleanups never wait for each other, and without waiting for anybody else.
macro_rules! forget {
    ($tx:ident, $table:ident by $key:ident: $type:ty, $past:expr) => {{
        let past =
            $table::table.filter($past).select($table::$key).order($table::$key).limit($crate::repo::upkeep::PIECE);
        let past: Vec<$type> = $crate::dialect::unclaimed!(past).load($tx.conn)?;
        diesel::delete($table::table.filter($table::$key.eq_any(past))).execute($tx.conn)?
    }};
}
pub(super) use forget;

/// Deletes expired data periodically, on one node.
pub struct Sweeper(pub Arc<Repo>);

#[async_trait]
impl Worker for Sweeper {
    fn kind(&self) -> &'static str {
        SWEEP
    }

    fn queue(&self) -> Queue {
        Queue::Default
    }

    /// In bounded pieces, so that other writers get their turn in between.
    async fn work(&self, ctx: &Ctx, _job: &Taken) -> Result<()> {
        while Upkeep::sweep(&*self.0, ctx, self.0.deps.options.journal.kept_for).await? > 0 {}
        Ok(())
    }
}
