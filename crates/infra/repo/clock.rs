//! Puts right what a clock that was ahead has written: every domain lists its times, and how. See `crate::clock`.

use std::time::Duration;

use clowder_core::{Cause, Result, SessionId, Timestamp};
use diesel::prelude::*;

use super::{
    Repo,
    db::Tx,
    dialect::{self, Conn},
    domains::DOMAINS,
};
use crate::{
    clock::{Evidence, Fate, JUMP},
    domains::accounts::sessions,
    store::Options,
};

/// A time in the database, and what becomes of it when a clock was ahead.
pub struct Time {
    /// `table.column`.
    pub column: &'static str,
    pub fate: Fate,
    /// How it is put right.
    pub steps: &'static [Step],
}

/// One statement of its own each, so that it holds up no other writer for long. Doing it twice changes nothing. Answers how
/// many rows were put right.
pub type Step = fn(&mut Tx<'_>, &Options, Timestamp) -> Result<usize>;

/// A time that stays as it was written, and why.
pub const fn never(column: &'static str, why: &'static str) -> Time {
    Time { column, fate: Fate::Never(why), steps: &[] }
}

/// Why times stay as they were written.
pub const SHOWN: &str = "only shown; no rule depends on it";
pub const CHOSEN: &str = "chosen by a person";
pub const PRESENCE: &str = "only whether it is set matters";
pub const IN_ORDER: &str = "must not go backwards within a chat";

/// Much less than the second after which PostgreSQL looks for a deadlock, so that no other write fails.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often a step is tried if its rows are locked by others.
const ATTEMPTS: usize = 50;

impl Repo {
    /// Returns how many rows were corrected.
    pub(super) async fn write_clock_right(&self, now: Timestamp, evidence: Evidence) -> Result<usize> {
        let mut rows = 0;
        let is_due = |time: &&Time| match time.fate {
            Fate::AtOnce => true,
            Fate::OnReturn => evidence == Evidence::Returned,
            Fate::OnTick | Fate::Never(_) => false,
        };
        for time in DOMAINS.iter().flat_map(|domain| domain.times).filter(is_due) {
            for step in time.steps {
                rows += self.take_step(*step, now).await?;
            }
        }
        Ok(rows)
    }

    /// A step locks rows as it finds them, contrary to the lock order of others: so it gives way to them, and tries
    /// again.
    async fn take_step(&self, step: Step, now: Timestamp) -> Result<usize> {
        for _ in 1..ATTEMPTS {
            match self.try_step(step, now).await {
                Err(error) if error.cause() == Some(Cause::Contended) => {}
                taken => return taken,
            }
        }
        self.try_step(step, now).await
    }

    async fn try_step(&self, step: Step, now: Timestamp) -> Result<usize> {
        let taken = self.db.write(move |tx| {
            dialect::wait_at_most(tx.conn, PATIENCE)?;
            let services = tx.services;
            step(tx, &services.options, now)
        });
        taken.await
    }
}

/// Ids contain their creation time, and the latest session is found by its id. Small differences between nodes' clocks
/// don't matter.
pub fn was_ahead(conn: &mut Conn, now: Timestamp) -> Result<bool> {
    let latest = sessions::table.select(sessions::id).order(sessions::id.desc());
    let latest: Option<SessionId> = latest.first(conn).optional()?;
    Ok(latest.is_some_and(|id| id.made_at() > now.plus(JUMP)))
}

/// `when!(fate, table.column)`: when something was counts as now. With steps, these put it right instead.
macro_rules! when {
    ($fate:ident, $table:ident.$column:ident) => {
        $crate::repo::clock::when!($fate, $table.$column, |tx, _, now| {
            let ahead = $table::table.filter($table::$column.gt(now));
            Ok(diesel::update(ahead).set($table::$column.eq(now)).execute(tx.conn)?)
        })
    };
    ($fate:ident, $table:ident.$column:ident, $($step:expr),+) => {
        $crate::repo::clock::Time {
            column: concat!(stringify!($table), ".", stringify!($column)),
            fate: $crate::clock::Fate::$fate,
            steps: &[$($step),+],
        }
    };
}
pub(super) use when;

/// `until!(table.column, longest)`, as a step: what lasts, lasts no longer than that from now on. With a condition, of the
/// rows that meet it.
macro_rules! until {
    ($table:ident.$column:ident, $longest:expr) => {
        $crate::repo::clock::until!($table.$column, $longest, $table::$column.is_not_null())
    };
    ($table:ident.$column:ident, $longest:expr, $of:expr) => {
        |tx, options, now| {
            let last = now.plus(($longest as fn(&$crate::store::Options) -> std::time::Duration)(options));
            let beyond = $table::table.filter($table::$column.gt(last)).filter($of);
            Ok(diesel::update(beyond).set($table::$column.eq(last)).execute(tx.conn)?)
        }
    };
}
pub(super) use until;
