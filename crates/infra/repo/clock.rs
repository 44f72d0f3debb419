//! Puts right what a clock that was ahead has written; see `crate::clock` for what and why.

use std::time::Duration;

use clowder_accounts::{
    policy::{RESET_FOR, VERIFY_FOR},
    privacy::EXPORT_FOR,
    sign_up::{APPROVE_FOR, CONFIRM_FOR},
};
use clowder_core::{
    Cause, Result, SessionId, Timestamp,
    job::{TRIES, pause},
};
use diesel::prelude::*;

use super::{
    Repo,
    credentials::mailed::{RESETS, words},
    db::Tx,
    dialect::{self, Conn},
};
use crate::{
    clock::{Evidence, JUMP},
    schema::{
        accounts::{sessions, users},
        api_keys::api_keys,
        credentials::{caused_emails, mailed_tokens, throttles},
        idempotency::answers,
        jobs::jobs,
        journal::journal,
        privacy::{erasures, exports},
        sign_ups::sign_ups,
        two_factor::two_factor,
    },
    store::Options,
};

/// One statement of its own each, so that it holds up no other writer for long. Doing it twice changes nothing.
type Step = fn(&mut Tx<'_>, &Longest, Timestamp) -> Result<usize>;

/// Much less than the second after which PostgreSQL looks for a deadlock: it is not another write that fails.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often a step is tried that others keep from its rows.
const ATTEMPTS: usize = 50;

/// How long things last at most that this server makes.
struct Longest {
    session: Duration,
    lease: Duration,
    erasure: Duration,
}

impl Longest {
    fn of(options: &Options) -> Self {
        Self { session: options.refresh_for, lease: options.lease, erasure: options.erasure_after }
    }
}

impl Repo {
    /// Answers how many rows were put right.
    pub(super) async fn write_clock_right(&self, now: Timestamp, evidence: Evidence) -> Result<usize> {
        let mut rows = 0;
        let sure: &[Step] = if evidence == Evidence::Returned { ONLY_WHEN_RETURNED } else { &[] };
        for step in HARMLESS.iter().chain(sure) {
            rows += self.take_step(*step, now).await?;
        }
        Ok(rows)
    }

    /// A step locks rows as it finds them, against the order that others keep: so it gives way to them, and tries again.
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
        let longest = Longest::of(&self.deps.options);
        let taken = self.db.write(move |tx| {
            dialect::wait_at_most(tx.conn, PATIENCE)?;
            step(tx, &longest, now)
        });
        taken.await
    }
}

/// Ids hold the time of their making, and the latest session is found by its id. Nodes whose clocks are a little apart are
/// no matter.
pub fn was_ahead(conn: &mut Conn, now: Timestamp) -> Result<bool> {
    let latest = sessions::table.select(sessions::id).order(sessions::id.desc());
    let latest: Option<SessionId> = latest.first(conn).optional()?;
    Ok(latest.is_some_and(|id| id.made_at() > now.plus(JUMP)))
}

/// `when!(table.column)`: when something was counts as now; `until!(table.column, longest)`: lasts no longer than that
/// from now on.
macro_rules! when {
    ($table:ident.$column:ident) => {
        |tx, _, now| {
            let ahead = $table::table.filter($table::$column.gt(now));
            Ok(diesel::update(ahead).set($table::$column.eq(now)).execute(tx.conn)?)
        }
    };
}

macro_rules! until {
    ($table:ident.$column:ident, $longest:expr) => {
        until!($table.$column, $longest, $table::$column.is_not_null())
    };
    ($table:ident.$column:ident, $longest:expr, $of:expr) => {
        |tx, longest, now| {
            let last = now.plus(($longest as fn(&Longest) -> Duration)(longest));
            let beyond = $table::table.filter($table::$column.gt(last)).filter($of);
            Ok(diesel::update(beyond).set($table::$column.eq(last)).execute(tx.conn)?)
        }
    };
}

/// A job whose next try is further away than its pause can be was put off by a clock that was ahead, and is due now: what it
/// carries may be good for less than another pause.
fn pauses(tx: &mut Tx<'_>, _: &Longest, now: Timestamp) -> Result<usize> {
    let mut rows = 0;
    for attempts in 1..=TRIES {
        let longest = pause(attempts, 1.0);
        let tried = jobs::table.filter(jobs::attempts.eq(attempts));
        let beyond = tried.filter(jobs::run_at.gt(now.plus(longest)));
        rows += diesel::update(beyond).set(jobs::run_at.eq(now)).execute(tx.conn)?;
    }
    Ok(rows)
}

/// What does no harm either when this clock is behind: somebody waits for less long, a job runs sooner or once more, a grace
/// is over.
const HARMLESS: &[Step] = &[
    when!(api_keys.last_used_at),
    // Their times are part of the key, so they cannot all become now. The hour begins anew.
    |tx, _, now| {
        let ahead = caused_emails::table.filter(caused_emails::created_at.gt(now));
        Ok(diesel::delete(ahead).execute(tx.conn)?)
    },
    // A job that was ordered ahead is done now.
    |tx, _, now| {
        let ahead = jobs::table.filter(jobs::created_at.gt(now).and(jobs::dead_at.is_null()));
        let put = (jobs::created_at.eq(now), jobs::run_at.eq(now));
        Ok(diesel::update(ahead).set(put).execute(tx.conn)?)
    },
    when!(jobs.created_at),
    pauses,
    until!(jobs.lease_until, |longest| longest.lease),
    when!(sessions.authenticated_at),
    when!(throttles.last_at),
    when!(two_factor.failed_at),
];

/// What would end or be erased too early by a clock that is behind, and could not be brought back.
const ONLY_WHEN_RETURNED: &[Step] = &[
    when!(answers.created_at),
    when!(erasures.requested_at),
    until!(erasures.erase_at, |longest| longest.erasure, erasures::erased_at.is_null()),
    until!(users.erase_at, |longest| longest.erasure),
    when!(exports.created_at),
    until!(exports.expires_at, |_| EXPORT_FOR),
    when!(jobs.dead_at),
    when!(journal.at),
    when!(mailed_tokens.created_at),
    until!(mailed_tokens.expires_at, |_| RESET_FOR, mailed_tokens::purpose.eq_any(words(RESETS))),
    until!(mailed_tokens.expires_at, |_| VERIFY_FOR.max(CONFIRM_FOR)),
    when!(sessions.created_at),
    when!(sessions.ended_at),
    when!(sessions.last_used_at),
    until!(sessions.expires_at, |longest| longest.session),
    when!(sign_ups.created_at),
    until!(sign_ups.expires_at, |_| CONFIRM_FOR, sign_ups::confirmed_at.is_null()),
    until!(sign_ups.expires_at, |_| APPROVE_FOR),
];
